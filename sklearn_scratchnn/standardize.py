"""Weighted mean and scale of the inputs, and their folding into the first layer.

Training sees ``(x - mean) / scale``; afterwards both are folded into the first layer,
``W / scale`` and ``b - (mean / scale) W``, an ordinary network on the caller's own X.
The idea is that of glmnet's ``standardize`` (Friedman, Hastie and Tibshirani, 2010).
"""

import numpy as np


class Standardizer:
    """Column means and standard deviations of training rows.

    Parameters
    ----------
    mean, scale : ndarray of float64 of shape (n_features,)
    """

    def __init__(self, mean, scale):
        self.mean, self.scale = mean, scale

    @classmethod
    def from_rows(cls, X, weights=None, subset=None, block_rows=4096):
        """Measure a dense array or CSR matrix.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
        weights : ndarray of shape (n_samples,) or (n_subset,), default=None
        subset : ndarray of int of shape (n_subset,), default=None
            The rows that count, where not all do.
        block_rows : int
            Dense rows converted to float64 at a time.

        Returns
        -------
        Standardizer
            A constant column has scale 1. A column that is standardised already, to
            rounding, is left as it is.
        """
        n = X.shape[0] if subset is None else len(subset)
        w = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
        if isinstance(X, np.ndarray):
            mean, scale = _dense_moments(X, w, subset, block_rows)
        else:
            mean, scale = _sparse_moments(X if subset is None else X[subset], w)
        done = (np.abs(mean) < 1e-6) & (np.abs(scale - 1) < 1e-6)
        return cls(np.where(done, 0.0, mean), np.where(done, 1.0, scale))

    @property
    def is_identity(self):
        """Whether nothing would change."""
        return not self.mean.any() and bool(np.all(self.scale == 1))

    def fold(self, W, b):
        """Return the first layer for raw inputs from that for standardised ones."""
        W = W / self.scale[:, np.newaxis]
        return W, b - self.mean @ W

    def unfold(self, W, b):
        """Return the first layer for standardised inputs from that for raw ones."""
        return W * self.scale[:, np.newaxis], b + self.mean @ W


def _dense_moments(X, w, subset, block_rows):
    """Two passes over blocks: the mean, then the mean square of what is left.

    Sums are of differences from the first row, so that a large common offset costs no
    digits (Chan, Golub and LeVeque, 1983).
    """

    def blocks():
        for start in range(0, len(w), block_rows):
            block = slice(start, start + block_rows)
            yield w[block], X[block if subset is None else subset[block]]

    first = X[0 if subset is None else subset[0]].astype(np.float64)
    mean = first + sum(w_b @ (X_b - first) for w_b, X_b in blocks())
    spread = np.max([np.abs(X_b - mean).max(axis=0) for _, X_b in blocks()], axis=0)
    unit = np.where(spread > 0, spread, 1.0)
    variance = sum(w_b @ np.square((X_b - mean) / unit) for w_b, X_b in blocks())
    return mean, _scale(mean, unit, variance)


def _sparse_moments(X, w):
    """The same over stored entries; the zeros' share follows from their weights."""
    n_features, columns = X.shape[1], X.indices
    values = X.data.astype(np.float64)
    weights = np.repeat(w, np.diff(X.indptr))
    zeros = 1.0 - np.bincount(columns, weights, n_features)
    zeros[zeros < 1e-14] = 0.0
    mean = np.bincount(columns, weights * values, n_features)
    spread = np.where(zeros > 0, np.abs(mean), 0.0)
    np.maximum.at(spread, columns, np.abs(values - mean[columns]))
    unit = np.where(spread > 0, spread, 1.0)
    squares = np.square((values - mean[columns]) / unit[columns])
    variance = np.bincount(columns, weights * squares, n_features)
    return mean, _scale(mean, unit, variance + zeros * np.square(mean / unit))


def _scale(mean, unit, variance):
    """Standard deviation; 1 where it is no more than the rounding of the mean.

    The squares were taken in units of the largest deviation: those of columns beyond
    1e+-150 would leave float64.
    """
    scale = unit * np.sqrt(variance)
    constant = scale <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return np.where(constant, 1.0, scale)
