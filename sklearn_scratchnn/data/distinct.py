"""The distinct rows of a sample, in an order of their own.

What is chosen from the data (the penalty, how much a column counts) must not depend on
the order of the rows, nor on whether a row of weight 2 stands there once or twice. So
choices look at the distinct pairs of x and y: equal ones are one row, whose weight is
the sum of theirs, and they are sorted by their values.
"""

import numpy as np


def distinct_rows(columns, rows):
    """Return some rows sorted by their values, and where those of each value begin.

    Sorted by the first column, then by the next those that are equal so far, and so on:
    most columns are looked at for a few rows only, and none is copied whole.

    Parameters
    ----------
    columns : iterable of ndarray of shape (n_rows,)
        Read one at a time, and only as many as it takes.
    rows : ndarray of int of shape (n_samples,)

    Returns
    -------
    order : ndarray of int of shape (n_samples,)
        The rows, equal ones together.
    first : ndarray of int of shape (n_distinct,)
        Positions in ``order``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.distinct import distinct_rows
    >>> X = np.array([[2, 0], [1, 5], [2, 0], [1, 3]])
    >>> order, first = distinct_rows(X.T, np.arange(4))
    >>> X[order].tolist(), first.tolist()
    ([[1, 3], [1, 5], [2, 0], [2, 0]], [0, 1, 2])
    """
    order = row_numbers(rows)
    begins = np.zeros(len(rows), bool)  # whether a row differs from that before it
    begins[:1] = True
    for i, column in enumerate(columns):
        if i == 0:  # all rows are one group
            order = order[np.argsort(column[order], kind="stable")]
            values = column[order]
            begins[1:] = values[1:] != values[:-1]
            continue
        tied = np.flatnonzero(_in_groups(begins))
        if not len(tied):
            break
        group = np.cumsum(begins, dtype=order.dtype)[tied]
        values = column[order[tied]]
        sorting = np.lexsort((values, group))
        order[tied], values = order[tied[sorting]], values[sorting]
        differs = (values[1:] != values[:-1]) & (group[1:] == group[:-1])
        begins[tied[1:][differs]] = True
    return order, row_numbers(np.flatnonzero(begins))


def row_numbers(rows):
    """Return indices of rows in 32 bits, which hold them all but of immense tables.

    Parameters
    ----------
    rows : int or ndarray of int
        Of a number, all rows of so many.

    Returns
    -------
    ndarray of int
        A new array.
    """
    n = rows if np.ndim(rows) == 0 else rows.max(initial=0) + 1
    dtype = np.int32 if n <= np.iinfo(np.int32).max else np.int64
    return np.arange(n, dtype=dtype) if np.ndim(rows) == 0 else rows.astype(dtype)


def _in_groups(begins):
    """Return which entries are not alone in their group."""
    alone = begins & np.append(begins[1:], True)
    return ~alone


def keys_of_sparse(X):
    """Return a number for each row of a CSR matrix, the same for equal rows.

    Two rows that differ have the same number about once in 2^64 pairs.

    Parameters
    ----------
    X : CSR matrix of shape (n_rows, n_features)
        Canonical. An entry of zero counts as none.

    Returns
    -------
    ndarray of uint64 of shape (n_rows,)
    """
    bits = X.data.astype(np.float64).view(np.uint64) * (X.data != 0)
    columns = X.indices.astype(np.uint64) + np.uint64(1)
    mixed = _mix(bits + _mix(columns)) * (X.data != 0)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    return sums[X.indptr[1:]] - sums[X.indptr[:-1]]


def _mix(x):
    """Scatter 64-bit numbers: the finaliser of SplitMix64 (Steele et al., 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
