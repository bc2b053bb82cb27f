"""Columns of a table, checked one by one; an error names the column."""

import math
from numbers import Integral

import numpy as np

from .frames import kind_of

FEW_TO_SHOW = 3


def label_of(names, j):
    """Return what errors call a column: by its name, where it has one."""
    named = names is not None and isinstance(names[j], str)
    return f"Column {names[j]!r} of X" if named else f"Column {j} of X"


def check_names(names, fitted=None):
    """Raise ValueError where columns have one name, or another order than in training.

    Parameters
    ----------
    names : list or None
        None where X is no DataFrame.
    fitted : list of str, default=None
        The names in training; None for none.
    """
    if names is None or names == fitted:
        return
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(
                f"X has two columns named {name!r}. Rename or drop one: a column is "
                "known by its name."
            )
        seen.add(name)
    if fitted is None or seen != set(fitted):
        return
    now, then = next(pair for pair in zip(names, fitted) if pair[0] != pair[1])
    raise ValueError(
        "The feature names should match those that were passed during fit.\n"
        "Feature names must be in the same order as they were in fit.\n"
        f"Column {now!r} stands where {then!r} was: give X[model.feature_names_in_]."
    )


def roles_of(categorical_features, names, n_features):
    """Return for each column whether it is categorical; None where its dtype says.

    Parameters
    ----------
    categorical_features : "from_dtype", None or array-like
        As of `ScratchMLPClassifier`.
    names : list or None
        Of the columns; None where X is no DataFrame.
    n_features : int

    Returns
    -------
    list of bool or None

    Raises
    ------
    ValueError, TypeError
        If ``categorical_features`` names a column that is not there.
    """
    if categorical_features is None:
        return [False] * n_features
    if isinstance(categorical_features, str):  # "from_dtype", by its constraint
        return [False if names is None else None] * n_features
    chosen = np.asarray(categorical_features)
    if chosen.dtype.kind in "US":  # numbers beside names stay numbers
        chosen = np.asarray(categorical_features, dtype=object)
    if chosen.ndim != 1:
        raise ValueError(
            "categorical_features must be 'from_dtype', None, a mask of the columns, "
            f"their indices or their names; got {categorical_features!r}."
        )
    if chosen.dtype.kind == "b":
        if len(chosen) != n_features:
            raise ValueError(
                f"categorical_features is a mask of {len(chosen)} columns, but X has "
                f"{n_features}."
            )
        return chosen.tolist()
    roles = [False] * n_features
    for item in chosen.tolist():
        roles[_position(item, names, n_features)] = True
    return roles


def _position(item, names, n_features):
    """Return the index of a column that ``categorical_features`` names."""
    if isinstance(item, str):
        if names is None:
            raise ValueError(
                f"categorical_features names the column {item!r}, but X has no names: "
                "give a DataFrame, or the columns' indices."
            )
        if item not in names:
            raise ValueError(
                f"categorical_features names {item!r}, which is no column of X."
            )
        return names.index(item)
    if not isinstance(item, Integral):
        raise TypeError(
            f"categorical_features must hold indices or names; got {item!r} in it."
        )
    if not 0 <= item < n_features:
        raise ValueError(
            f"categorical_features holds the index {item}, but X has {n_features} "
            "columns, counted from 0."
        )
    return item


def read_column(column, label, categorical, fitted=False):
    """Return a column as an array of numbers or a `Factor`.

    Parameters
    ----------
    column : PandasColumn, PolarsColumn or ArrayColumn
    label : str
        What errors call it.
    categorical : bool or None
        None where its dtype says.
    fitted : bool, default=False
        Whether that is what it was in training.

    Returns
    -------
    ndarray of shape (n_samples,) or Factor

    Raises
    ------
    ValueError
        If it holds dates, an infinite number, texts where numbers are wanted, or both.
    TypeError
        If it holds other objects, such as lists.
    """
    if column.is_date:
        raise ValueError(
            f"{label} holds dates or durations ({column.type}). Replace it by numbers, "
            "such as the days since a date or the hour, or drop it."
        )
    if column.is_numeric:
        numbers = column.numbers()
        check_finite(numbers, label)
        if numbers.dtype.itemsize > 8:
            numbers = numbers.astype(np.float64)
        return column.factor() if categorical else numbers
    try:
        factor = column.factor()
    except (TypeError, NotImplementedError):  # the latter is pyarrow's
        objects = column.objects()
        unhashable = (value for value in objects if not _has_hash(value))
        raise _no_value(label, next(unhashable, objects[0])) from None
    if column.is_category and categorical is not False:
        return factor
    if categorical is False and fitted:
        _check_still_numbers(factor, label)
    return _by_levels(factor, label, categorical)


def _check_still_numbers(factor, label):
    others = [level for level in factor.levels if kind_of(level) == "text"]
    if others:
        raise ValueError(
            f"{label} held numbers in training, and holds {examples_of(others)} now. "
            "Give it the dtype that it had, with NaN for what is missing."
        )


def _by_levels(factor, label, categorical):
    """Return what the values of a column of objects make it."""
    examples = {}
    for level in factor.levels:
        examples.setdefault(kind_of(level), level)
    others = examples.keys() - {"number", "text"}
    if others:
        raise _no_value(label, examples[min(others)])
    if len(examples) > 1:
        raise ValueError(
            f"{label} holds numbers and texts, such as {examples['number']!r} and "
            f"{examples['text']!r}. Make all of them numbers, or all texts."
        )
    if "text" in examples and categorical is False:
        raise ValueError(
            f"{label} holds texts, such as {examples['text']!r}, where numbers are "
            "expected. Name the column in categorical_features, or leave that at "
            "'from_dtype' and give X as a DataFrame."
        )
    if categorical or "text" in examples:
        return factor
    try:
        numbers = factor.numbers()
    except OverflowError:
        numbers = np.array([np.inf])
    check_finite(numbers, label)
    return numbers


def _has_hash(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _no_value(label, value):
    return TypeError(
        f"{label} holds a {type(value).__name__}, {value!r}; every argument must be a "
        "string or a number. Take such values apart into columns of numbers or of "
        "texts, or drop the column."
    )


def infinite_error(label):
    """Return the error of a column with an infinite number."""
    return ValueError(
        f"{label} contains infinity. Replace it by a number, or by NaN, which stands "
        "for a missing value."
    )


def sum_is_finite(numbers):
    """Whether the sum is finite: then all numbers are; else they are looked at."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(numbers.sum())


def check_finite(numbers, label):
    """Raise ValueError for an infinite number."""
    if numbers.dtype.kind != "f" or sum_is_finite(numbers):
        return
    if np.isinf(numbers).any():
        raise infinite_error(label)


def examples_of(values):
    """Return a few values as a text for an error."""
    some = [repr(value) for value in values][:FEW_TO_SHOW]
    return ", ".join(some)


def check_same_kind(factor, known, label):
    """Raise ValueError where a column's values are of another type than in training.

    Parameters
    ----------
    factor : Factor
    known : sequence
        The categories of the training rows.
    label : str
    """
    then, now = ({kind_of(v) for v in values} for values in (known, factor.levels))
    if then and now and not then & now:
        raise ValueError(
            f"{label} held {examples_of(known)} in training, and holds "
            f"{examples_of(factor.levels)} now, values of another type. Give it the "
            "dtype that it had."
        )


def read_columns(columns, names, roles, fitted=False):
    """Return all columns of a table; None for one whose role is to be ignored.

    Parameters
    ----------
    columns : iterable
        From `columns_of`.
    names : list or None
    roles : list of bool, None or "ignored"
        Whether each is categorical; None where its dtype says.
    fitted : bool, default=False
        Whether that is what they were in training.

    Returns
    -------
    list of ndarray, Factor or None
    """
    read = []
    for j, (column, role) in enumerate(zip(columns, roles)):
        label = label_of(names, j)
        ignored = role == "ignored"
        read.append(None if ignored else read_column(column, label, role, fitted))
    return read
