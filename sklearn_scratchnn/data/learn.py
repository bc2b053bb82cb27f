"""What training rows say of their columns, and rows read accordingly."""

from dataclasses import replace

import numpy as np

from .columns import Columns, RawTable, learn_columns, with_means
from .table import Table

BLOCK_BYTES = 2**19


def learn(sample):
    """Learn categories, gaps and means of the columns of training rows.

    Parameters
    ----------
    sample : Sample
        As it was made; of a `RawTable`, or of numbers without gaps.

    Returns
    -------
    sample : Sample
        The same rows, encoded. Means of numbers without gaps are left for later.
    without_value : list of int
        Columns that are ignored, as no row that counts has a value there.

    Raises
    ------
    ValueError
        If no column has a value.
    """
    raw = sample.X
    if not isinstance(raw, RawTable):
        return sample.encoded(Columns()), []
    columns, without_value = learn_columns(raw, sample.given_weights, sample.subset)
    if len(without_value) == len(raw.columns):
        raise ValueError("X has no column with a value: all are missing.")
    sample = replace(sample, X=columns.code(raw), columns=columns)
    means = column_means(sample)
    # A new sample: with other means, rows sort in another order.
    return replace(sample).encoded(with_means(columns, means)), without_value


def apply(columns, sample):
    """Return rows encoded by what was learnt of others.

    Parameters
    ----------
    columns : Columns
    sample : Sample
        As it was made.

    Returns
    -------
    Sample
    """
    if isinstance(sample.X, RawTable):
        sample = replace(sample, X=columns.code(sample.X))
    return sample.encoded(columns)


def column_means(sample):
    """Return the weighted mean of the numbers that each numeric column has.

    Parameters
    ----------
    sample : Sample
        Of an array, a CSR matrix or a `Table`.

    Returns
    -------
    ndarray of float64 of shape (n_numbers,)
    """
    rows = sample.in_fixed_order()
    if not sample.is_dense:
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
