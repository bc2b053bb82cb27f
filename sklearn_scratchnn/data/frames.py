"""The columns of a table as they come: of pandas, polars, or an array of objects.

Each class below answers the same few questions about one column. A column is read as an
array of numbers, with NaN where a value is missing, or as a `Factor`: the values that
there are, and which of them each row has.
"""

import sys
from dataclasses import dataclass
from numbers import Number

import numpy as np

KINDS_OF_NUMBERS = "biuf"  # kinds of dtype: truth values, whole numbers, floats
DATES = "mM"
WHOLE = {f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}


@dataclass(frozen=True)
class Factor:
    """A column of categories.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Positions in ``levels``; -1 for a missing value.
    levels : list
        The values, without repetition, in an order that does not depend on the rows'.
    """

    codes: np.ndarray
    levels: list

    def numbers(self):
        """Return the column as float64, NaN where a value is missing."""
        values = [float(level) for level in self.levels]
        return np.array([*values, np.nan])[self.codes]


def in_order(levels):
    """Return levels sorted, also those of several types, which have no order.

    Parameters
    ----------
    levels : collection

    Returns
    -------
    list
    """
    try:
        return sorted(levels)
    except TypeError:
        return sorted(levels, key=_of_any_type)


def _sorted_factor(codes, levels):
    """Return a `Factor` with its levels in order, in the narrowest codes."""
    place = {level: i for i, level in enumerate(levels)}
    order = [place[level] for level in in_order(levels)]
    ranks = np.empty(len(levels) + 1, np.min_scalar_type(-len(levels) - 1))
    ranks[order] = np.arange(len(levels))
    ranks[-1] = -1
    return Factor(ranks[codes], [levels[i] for i in order])


def _of_any_type(level):
    return type(level).__name__, str(level)


def is_missing(value):
    """Whether an object stands for no value: None, NaN, pandas' NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, Number) and value != value


def kind_of(level):
    """Return "number", "text" or the name of another type."""
    if isinstance(level, str):
        return "text"
    if isinstance(level, Number | np.bool_) and not isinstance(level, complex):
        return "number"
    return type(level).__name__


class ArrayColumn:
    """A column of an array.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    """

    is_category = False

    def __init__(self, values):
        self.values, self.type = values, str(values.dtype)
        self.is_numeric = values.dtype.kind in KINDS_OF_NUMBERS
        self.is_date = values.dtype.kind in DATES

    def numbers(self):
        """Return the values of a numeric column."""
        return self.values

    def objects(self):
        """Return the values as a list."""
        return self.values.tolist()

    def factor(self):
        """Return the column as a `Factor`.

        Raises
        ------
        TypeError
            If a value has no hash, such as a list.
        """
        if self.is_numeric:
            return _factor_of_numbers(self.values)
        levels = {}
        codes = [
            -1 if is_missing(value) else levels.setdefault(value, len(levels))
            for value in self.objects()
        ]
        return _sorted_factor(np.array(codes, np.intp), list(levels))


def _factor_of_numbers(values):
    levels, codes = np.unique(values, return_inverse=True)  # NaN comes last
    known = int(np.count_nonzero(levels == levels))
    codes = np.where(codes < known, codes, -1)
    return _sorted_factor(codes, levels[:known].tolist())


class PandasColumn:
    """A column of a pandas DataFrame, of any of its dtypes.

    Parameters
    ----------
    series : pandas.Series
    """

    def __init__(self, series):
        dtype = series.dtype
        self.series, self.type = series, str(dtype)
        self.is_category = hasattr(dtype, "categories")
        kind = getattr(dtype, "kind", "O")
        self.is_numeric = not self.is_category and kind in KINDS_OF_NUMBERS
        self.is_date = kind in DATES or self.type.startswith("period")

    def numbers(self):
        """Return the values of a numeric column; no copy of an ordinary array."""
        if isinstance(self.series.dtype, np.dtype):
            return self.series.to_numpy()
        wide = "float32" if self.type.lower().startswith("float32") else "float64"
        return self.series.to_numpy(dtype=wide, na_value=np.nan)

    def objects(self):
        """Return the values as a list."""
        return self.series.tolist()

    def factor(self):
        """Return the column as a `Factor`; see `ArrayColumn.factor`."""
        if self.is_category:
            codes, levels = self.series.cat.codes.to_numpy(), self.series.cat.categories
            if len(levels) > len(codes):  # those that occur
                used = np.unique(codes[codes >= 0])
                codes = np.where(codes < 0, -1, np.searchsorted(used, codes))
                levels = levels[used]
            return _sorted_factor(codes, levels.tolist())
        codes, levels = self.series.factorize()
        return _sorted_factor(codes, levels.tolist())


class PolarsColumn:
    """A column of a polars DataFrame.

    Parameters
    ----------
    series : polars.Series
    """

    def __init__(self, series):
        dtype = series.dtype
        self.series, self.type = series, str(dtype)
        self.is_category = self.type.startswith(("Categorical", "Enum"))
        self.is_numeric = dtype.is_numeric() or self.type == "Boolean"
        self.is_date = dtype.is_temporal()

    def numbers(self):
        """Return the values of a numeric column; no copy where there are no nulls."""
        floats = self.type in ("Float32", "Float64")
        if floats or (self.type in WHOLE and not self.series.null_count()):
            return self.series.to_numpy()
        return self.series.cast(sys.modules["polars"].Float64).to_numpy()

    def objects(self):
        """Return the values as a list."""
        return self.series.to_list()

    def factor(self):
        """Return the column as a `Factor`; see `ArrayColumn.factor`."""
        exact = not (self.type in WHOLE and self.series.null_count())
        if self.is_numeric and exact:
            return _factor_of_numbers(self.numbers())
        if not (self.is_category or self.type == "String"):
            values = np.empty(len(self.series), object)
            values[:] = self.objects()
            return ArrayColumn(values).factor()
        polars = sys.modules["polars"]
        texts = self.series.cast(polars.String)
        levels = texts.unique().drop_nulls().sort().to_list()
        codes = texts.cast(polars.Enum(levels)).to_physical().cast(polars.Int32)
        return _sorted_factor(codes.fill_null(-1).to_numpy(), levels)


def library_of(X):
    """Return "pandas" or "polars" for a DataFrame of one of them, else None."""
    for name in ("pandas", "polars"):
        module = sys.modules.get(name)
        if module is not None and isinstance(X, module.DataFrame):
            return name
    return None


def columns_of(X):
    """Yield the columns of a DataFrame or of an array, one at a time."""
    library = library_of(X)
    for j in range(X.shape[1]):
        if library == "pandas":
            yield PandasColumn(X.iloc[:, j])
        elif library == "polars":
            yield PolarsColumn(X.to_series(j))
        else:
            yield ArrayColumn(X[:, j])


def names_of(X):
    """Return the names of a DataFrame's columns as a list; None for an array."""
    library = library_of(X)
    if library is None:
        return None
    return X.columns.tolist() if library == "pandas" else list(X.columns)


def rows_of(X, rows):
    """Return some rows of a DataFrame or of an array.

    Parameters
    ----------
    X : DataFrame or ndarray
    rows : slice or ndarray of int

    Returns
    -------
    DataFrame or ndarray
    """
    return X.iloc[rows] if library_of(X) == "pandas" else X[rows]
