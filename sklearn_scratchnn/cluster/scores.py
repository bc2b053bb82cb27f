"""Scores as sums over blocks."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from ..data.checks import check_each_weight
from .blocks import named


def _checked(X, y, weights):
    """Return y of as many rows as X, one column flat, and the weights."""
    y = np.asarray(y)
    check_consistent_length(X, y, weights)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if weights is None:
        return y, np.ones(len(y))
    weights = np.asarray(weights, float)
    return y, check_each_weight(column_or_1d(weights), y) if len(y) else weights


def check_total(weight):
    """Raise ValueError where no row counts."""
    if not weight:
        raise ValueError("X has no row that counts.")


def accuracy_sums(model, index, X, y, weights):
    """Return the weight of the rows that are predicted right, and of all.

    Parameters
    ----------
    model : estimator
    index : int
    X, y, weights : array-like or DataFrame
        Of a block; weights may be None.

    Returns
    -------
    right, weight : float

    Raises
    ------
    ValueError, TypeError
        That names the block.
    """
    with named(index):
        y, weights = _checked(X, y, weights)
        if not weights.any():
            return 0.0, 0.0
        given = {"normalize": False, "sample_weight": weights}
        right = accuracy_score(y, model.predict(X), **given)
        return float(right), float(weights.sum())


def r2_sums(model, index, X, y, weights):
    """Return what R^2 is made of, of each target.

    Parameters
    ----------
    model : estimator
    index : int
    X, y, weights : array-like or DataFrame
        Of a block; weights may be None.

    Returns
    -------
    n_rows : int
    weight : float
    mean, around_mean, residual : ndarray of shape (n_targets,)
        The mean of y, and the sums of squares around it and of the residuals.

    Raises
    ------
    ValueError, TypeError
        That names the block.
    """
    with named(index):
        y, weights = _checked(X, y, weights)
        if len(y) == 0:
            return 0, 0.0, *np.zeros((3, model.n_outputs_))
        y = check_array(y, dtype=float, ensure_2d=False, input_name="y")
        y, predicted = y.reshape(len(y), -1), model.predict(X).reshape(len(y), -1)
        if y.shape != predicted.shape:
            raise ValueError(
                f"y has {y.shape[1]} columns; the model was fitted to "
                f"{predicted.shape[1]}."
            )
    with np.errstate(over="ignore", invalid="ignore"):
        first, total = y[0], max(weights.sum(), np.finfo(float).tiny)
        mean = first + weights @ (y - first) / total
        around, residual = (weights @ np.square(y - z) for z in (mean, predicted))
    return len(y), float(weights.sum()), mean, around, residual


def add_r2(left, right):
    """Return what R^2 is made of, of both parts (Chan, Golub and LeVeque, 1983)."""
    n_rows, weight = left[0] + right[0], left[1] + right[1]
    if not (left[1] and right[1]):
        return n_rows, *(left if left[1] else right)[1:]
    share, distance = right[1] / weight, right[2] - left[2]
    with np.errstate(over="ignore", invalid="ignore"):
        between = left[1] * share * np.square(distance)
        mean = left[2] + share * distance
        around = left[3] + right[3] + between
    return n_rows, weight, mean, around, left[4] + right[4]


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
    n_rows, _, _, around, residual = sums
    if n_rows < 2:
        warnings.warn(
            "R^2 is not defined for less than two rows.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return np.full(len(around), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = 1 - residual / around
    scores[(around == 0) & (residual > 0)] = 0.0
    scores[(around == 0) & (residual == 0)] = 1.0
    return scores
