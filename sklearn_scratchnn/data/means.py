"""The means of the numbers that columns have, which stand in for those missing."""

import numpy as np

from .table import Table

BLOCK_BYTES = 2**19


def column_means(rows):
    """Return the weighted mean of the numbers that each numeric column has.

    Parameters
    ----------
    rows : Sample
        Of an array, a CSR matrix or a `Table`.

    Returns
    -------
    ndarray of float64 of shape (n_numbers,)
    """
    if not rows.is_dense:
        weights = rows.of_subset(rows.weights)
        weights = np.ones(rows.n_samples) if weights is None else weights
        X = rows.X if rows.subset is None else rows.X[rows.subset]
        return X.T.astype(np.float64) @ weights / weights.sum()
    first = first_numbers(rows)
    sums, known_weight = sums_of_known(rows, first)
    return first + sums / known_weight


def first_numbers(rows):
    """Return the numbers of the first row that counts, 0 where one is missing.

    Parameters
    ----------
    rows : Sample
        Of an array or a `Table`.

    Returns
    -------
    ndarray of float64 of shape (n_numbers,)
    """
    X = rows.X.numbers if isinstance(rows.X, Table) else rows.X
    one = np.array([0]) if rows.subset is None else rows.subset[:1]
    return np.nan_to_num(X[one][0].astype(np.float64))


def sums_of_known(rows, first):
    """Return the sums of what is known, and of the weights of the rows that know it.

    Differences from the first row: a large common offset costs no digits.

    Parameters
    ----------
    rows : Sample
        Of an array or a `Table`.
    first : ndarray of shape (n_numbers,)

    Returns
    -------
    sums, known_weight : ndarray of shape (n_numbers,)
    """
    X = rows.X.numbers if isinstance(rows.X, Table) else rows.X
    weights = rows.of_subset(rows.weights)
    weights = np.ones(rows.n_samples) if weights is None else weights
    sums, known_weight = np.zeros(len(first)), np.zeros(len(first))
    if len(first) == 0:
        return sums, known_weight
    chosen = np.arange(len(X)) if rows.subset is None else rows.subset
    step = max(64, BLOCK_BYTES // (8 * len(first)))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(chosen), step):
            block = slice(start, start + step)
            X_b = X[block if rows.subset is None else chosen[block]].astype(np.float64)
            known = ~np.isnan(X_b)
            sums += weights[block] @ np.where(known, X_b - first, 0.0)
            known_weight += weights[block] @ known
    return sums, known_weight
