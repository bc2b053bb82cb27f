"""The inputs that the first layer reads of a table with categories or gaps.

They are, in this order: the numeric columns, with their mean where a value is missing;
their bins, where they are cut; for each numeric column that had gaps in training, 1
where the value is missing, else 0; for each category, 1 where the row has it, else 0.
"""

import numpy as np

from .encoding import PiecewiseEncoding


class NumbersEncoding:
    """The inputs of the numeric columns.

    Parameters
    ----------
    means : ndarray of float64 of shape (n_numbers,)
        What missing numbers are replaced by.
    with_gaps : ndarray of int
        Positions of the columns that have an input for missing values.
    bins : PiecewiseEncoding, default=None
        None where the columns are not cut.

    Attributes
    ----------
    n_inputs : int
    column_of_input : ndarray of int of shape (n_inputs,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.table_encoding import NumbersEncoding
    >>> encoding = NumbersEncoding(np.array([5.0, 7.0]), np.array([0]))
    >>> encoding.encode(np.array([[1.0, 2.0], [np.nan, np.nan]]))
    array([[1., 2., 0.],
           [5., 7., 1.]])
    """

    def __init__(self, means, with_gaps, bins=None):
        self.means, self.with_gaps, self.bins = means, with_gaps, bins
        columns = np.arange(len(means)) if bins is None else bins.column_of_input
        self.column_of_input = np.concatenate([columns, with_gaps])
        self.n_inputs = len(self.column_of_input)

    def encode(self, rows, out=None):
        """Return the inputs of some rows.

        Parameters
        ----------
        rows : ndarray of float of shape (B, n_numbers)
        out : ndarray of shape (B, n_inputs), default=None
            Written; of the dtype of ``rows``. None makes one.

        Returns
        -------
        ndarray of shape (B, n_inputs)
        """
        if out is None:
            out = np.empty((len(rows), self.n_inputs), rows.dtype)
        n_known = self.n_inputs - len(self.with_gaps)
        gaps = np.isnan(rows)
        if gaps.any():
            rows = np.where(gaps, self.means.astype(rows.dtype), rows)
        if self.bins is None:
            out[:, :n_known] = rows
        else:
            self.bins.encode(rows, out=out[:, :n_known])
        out[:, n_known:] = gaps[:, self.with_gaps]
        return out

    def gradients(self, rows, gradients):
        """Return derivatives in the columns from those in the inputs.

        Parameters
        ----------
        rows : ndarray of shape (B, n_numbers)
        gradients : ndarray of shape (B, n_inputs)

        Returns
        -------
        ndarray of shape (B, n_numbers)
            A new array; NaN where a value is missing.
        """
        n_known = self.n_inputs - len(self.with_gaps)
        gradients = gradients[:, :n_known]
        if self.bins is not None:
            gradients = self.bins.gradients(rows, gradients)
        return np.where(np.isnan(rows), np.nan, gradients)


class TableEncoding:
    """The inputs of a `Table`.

    Parameters
    ----------
    columns : Columns
    edges : list of ndarray, default=None
        Of the bins of every column of X, as of `PiecewiseEncoding`; None for none.

    Attributes
    ----------
    columns, edges
        As given.
    numbers : NumbersEncoding
        Of the first inputs.
    n_inputs, n_features : int
    n_categories : int
        How many of them, the last ones, are of categories.
    column_of_input : ndarray of int of shape (n_inputs,)
        The column of X that each input is made of.
    group_of_input : ndarray of int of shape (n_inputs,)
        Inputs of a group share one penalty: the bins of a column with the column
        itself. Each category has one of its own, as some may tell nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.columns import Columns
    >>> from sklearn_scratchnn.data.table_encoding import TableEncoding
    >>> columns = Columns(np.array([40.0, np.nan]), np.array([False, True]),
    ...     [[], ["Oslo", "Rome"]], np.array([True, False]), np.array([False, True]))
    >>> TableEncoding(columns).names(["age", "city"]).tolist()
    ['age', 'age is missing', 'city=Oslo', 'city=Rome', 'city is rare']
    """

    def __init__(self, columns, edges=None):
        self.columns, self.edges = columns, edges
        self._numeric = numeric = columns.numeric()
        bins = edges and PiecewiseEncoding([edges[j] for j in numeric])
        gaps = np.isin(numeric, columns.numeric_with_gaps())
        means = columns.column_means_[numeric]
        self.numbers = NumbersEncoding(means, np.flatnonzero(gaps), bins)
        categories = np.repeat(columns.categorical(), columns.widths())
        of_numbers = numeric[self.numbers.column_of_input]
        self.column_of_input = np.concatenate([of_numbers, categories])
        self.column_of_input = self.column_of_input.astype(np.intp)
        self.n_inputs = len(self.column_of_input)
        self.group_of_input = np.arange(self.n_inputs)
        if bins is not None:
            self.group_of_input[: len(bins.column_of_input)] = bins.column_of_input
        self.n_features = len(columns.column_means_)
        self.n_categories = len(categories)

    def gradients(self, table, gradients):
        """Return derivatives in the columns of X from those in the inputs.

        Parameters
        ----------
        table : Table
        gradients : ndarray of shape (B, n_inputs)

        Returns
        -------
        ndarray of shape (B, n_features)
            NaN in categorical columns, which have no derivative, and where a number
            is missing. 0 in an ignored column.
        """
        out = np.zeros((len(table), self.n_features), gradients.dtype)
        out[:, self.columns.categorical()] = np.nan
        of_numbers = gradients[:, : self.numbers.n_inputs]
        out[:, self._numeric] = self.numbers.gradients(table.numbers[:], of_numbers)
        return out

    def sort_keys(self, table):
        """Yield columns by which rows sort as they would by their inputs.

        So a table, and the same inputs made by hand, have the same rows held out.

        Parameters
        ----------
        table : Table

        Yields
        ------
        ndarray of shape (n_rows,)
            Numbers, then what is missing, then a key of each category: the first one's
            input is 1 in its first column, and sorts last.
        """
        numbers, means = table.columns(), self.numbers.means
        for column, mean in zip(numbers, means):
            gaps = np.isnan(column)
            yield np.where(gaps, mean, column) if gaps.any() else column
        for j in self.numbers.with_gaps:
            yield np.isnan(numbers[j])
        for codes in () if table.codes is None else table.codes.T:
            least = np.iinfo(codes.dtype).min
            yield np.where(codes < 0, least, -codes)

    def names(self, columns):
        """Return a name for every input.

        Parameters
        ----------
        columns : sequence of str
            The names of the columns of X.

        Returns
        -------
        ndarray of object of shape (n_inputs,)
        """
        numeric = [columns[j] for j in self._numeric]
        bins = self.numbers.bins
        numbers = numeric if bins is None else bins.names(numeric)
        missing, categories = self.columns.names(columns)
        return np.array([*numbers, *missing, *categories], dtype=object)


def make_encoding(columns, edges, table):
    """Return what turns rows into inputs; None where rows are inputs.

    Parameters
    ----------
    columns : Columns
    edges : list of ndarray or None
    table : bool
        Whether the rows are a `Table`.

    Returns
    -------
    TableEncoding, PiecewiseEncoding or None
    """
    if table:
        return TableEncoding(columns, edges)
    return edges and PiecewiseEncoding(edges)
