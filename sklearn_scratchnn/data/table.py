"""A table as it is trained on: numbers with gaps, and the codes of categories."""

import numpy as np

STACKED_BYTES = 2**24  # of numeric columns: fewer are copied into one array


class ColumnList:
    """Columns that lie apart, to be read like an array whose rows they are.

    Parameters
    ----------
    columns : list of ndarray of shape (n_rows,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.table import ColumnList
    >>> columns = ColumnList([np.arange(3), np.array([0.5, 1.5, 2.5])])
    >>> columns[1:3]
    array([[1. , 1.5],
           [2. , 2.5]])
    """

    def __init__(self, columns):
        self.columns = columns
        self.dtype = np.result_type(*columns)
        self.shape = len(columns[0]), len(columns)
        self.nbytes = sum(column.nbytes for column in columns)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        """Return some rows as an array.

        Parameters
        ----------
        rows : slice or ndarray of int

        Returns
        -------
        ndarray of shape (B, n_columns)
            A new array, in which a column lies together.
        """
        return np.array([column[rows] for column in self.columns], self.dtype).T

    def take(self, indices, axis=0, out=None, mode="raise"):
        """Write some rows into ``out``, and return it; as ``ndarray.take``."""
        for j, column in enumerate(self.columns):
            out[:, j] = column.take(indices, mode=mode)
        return out


def as_matrix(columns, n_rows):
    """Return numeric columns as one array, or where they are large as they lie.

    Parameters
    ----------
    columns : list of ndarray of shape (n_rows,)
    n_rows : int

    Returns
    -------
    ndarray or ColumnList of shape (n_rows, n_columns)
    """
    if not columns:
        return np.empty((n_rows, 0))
    dtype = np.result_type(*columns)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    if n_rows * len(columns) * dtype.itemsize > STACKED_BYTES:
        return ColumnList(columns)
    return np.stack(columns, axis=1, dtype=dtype, casting="same_kind")


class Table:
    """Rows of numbers, NaN where one is missing, and of codes.

    Parameters
    ----------
    numbers : ndarray or ColumnList of shape (n_rows, n_numbers)
    codes : ndarray of int of shape (n_rows, n_categorical), default=None
        Which of the inputs of categories is 1: counted over all categorical columns;
        -1 for none. None where no column is categorical.
    source : DataFrame or ndarray of shape (n_rows, n_features), default=None
        What the rows were read from, for those who want them as they came.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.table import Table
    >>> table = Table(np.array([[1.0], [np.nan]]), np.array([[0], [-1]]))
    >>> table.shape, table[1:].numbers
    ((2, 2), array([[nan]]))
    """

    def __init__(self, numbers, codes=None, source=None):
        self.numbers, self.codes, self.source = numbers, codes, source
        self.dtype = numbers.dtype
        n_codes = 0 if codes is None else codes.shape[1]
        self.shape = numbers.shape[0], numbers.shape[1] + n_codes
        self.nbytes = numbers.nbytes + (0 if codes is None else codes.nbytes)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        """Return some rows, given as a slice or by their indices."""
        codes = None if self.codes is None else self.codes[rows]
        return Table(self.numbers[rows], codes)

    def __abs__(self):
        """Return the absolute values of the numbers; of those missing, 0."""
        return np.nan_to_num(np.abs(self.numbers[:]))

    def parts(self):
        """Yield arrays that hold all there is.

        Yields
        ------
        ndarray
            Of one column or of several.
        """
        yield from getattr(self.numbers, "columns", [self.numbers])
        if self.codes is not None:
            yield self.codes

    def columns(self):
        """Return the columns of numbers as a list of views."""
        return getattr(self.numbers, "columns", None) or list(self.numbers.T)
