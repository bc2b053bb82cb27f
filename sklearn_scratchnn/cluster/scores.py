"""Scores as sums over blocks."""

import numpy as np
from sklearn.utils import check_consistent_length


def _checked(X, y, weights):
    """Return y of as many rows as X, one column flat, and the weights."""
    check_consistent_length(X, y, weights)
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    return y, np.ones(len(y)) if weights is None else np.asarray(weights, float)


def check_total(weight):
    """Raise ValueError where no row counts."""
    if not weight:
        raise ValueError("X has no row that counts.")


def accuracy_sums(model, X, y, weights):
    """Return the weight of the rows that are predicted right, and of all.

    Parameters
    ----------
    model : estimator
    X, y, weights : array-like or DataFrame
        Of a block; weights may be None.

    Returns
    -------
    right, weight : float
    """
    y, weights = _checked(X, y, weights)
    if len(X) == 0:
        return 0.0, 0.0
    right = model.predict(X) == y
    if right.ndim == 2:
        right = right.all(axis=1)
    return float(weights @ right), float(weights.sum())


def r2_sums(model, X, y, weights):
    """Return what R^2 is made of, of each target.

    Parameters
    ----------
    model : estimator
    X, y, weights : array-like or DataFrame
        Of a block; weights may be None.

    Returns
    -------
    weight : float
    mean, around_mean, residual : ndarray of shape (n_targets,)
        The mean of y, and the sums of squares around it and of the residuals.
    """
    y, weights = _checked(X, y, weights)
    y = y.astype(float).reshape(len(y), *(y.shape[1:] or [1]))
    if not np.isfinite(y).all():
        raise ValueError("y has missing or infinite values.")
    if len(X) == 0:
        zeros = np.zeros(y.shape[1])
        return 0.0, zeros, zeros, zeros
    residuals = y - model.predict(X).reshape(y.shape)
    mean = weights @ y / max(weights.sum(), np.finfo(float).tiny)
    around = weights @ np.square(y - mean)
    return float(weights.sum()), mean, around, weights @ np.square(residuals)


def add_r2(left, right):
    """Return what R^2 is made of, of both parts (Chan, Golub and LeVeque, 1983)."""
    weight = left[0] + right[0]
    if weight == 0:
        return left
    share, distance = right[0] / weight, right[1] - left[1]
    between = left[0] * share * np.square(distance)
    mean = left[1] + share * distance
    return weight, mean, left[2] + right[2] + between, left[3] + right[3]


def r2_of(sums):
    """Return R^2 of each target, as scikit-learn's ``r2_score`` does.

    Parameters
    ----------
    sums : tuple
        From `r2_sums`, of all blocks.

    Returns
    -------
    ndarray of shape (n_targets,)
    """
    _, _, around, residual = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = 1 - residual / around
    return np.where(around > 0, scores, np.where(residual > 0, 0.0, 1.0))
