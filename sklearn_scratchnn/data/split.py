"""Rows held out of a sample, stratified where each row is of one class."""

import math
import warnings
from threading import Lock

import numpy as np

WHOLE = 1e-9  # a weight of n, less what rounding took, is n rows
_FILTERS = Lock()  # warnings' filters belong to the process: one thread at a time


def fold_weights(weights, strata, n_folds, random_state):
    """Yield the weight of each row that is held out, once for every fold.

    A row of a weight w of ``n_folds`` or more stands for w rows, and gives
    ``floor(w / n_folds)`` to each fold. Lighter rows are drawn whole, stratified; the
    only row of a class is not held out.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
    strata : ndarray of int of shape (n_samples,) or None
        The class of each row.
    n_folds : int
    random_state : numpy.random.RandomState

    Yields
    ------
    ndarray of shape (n_samples,)
        From 0 to the row's weight.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    shares = np.floor(weights / n_folds + WHOLE)
    whole = shares == 0
    if strata is not None:
        whole &= np.bincount(strata)[strata] > 1
    light, folds = np.flatnonzero(whole), KFold
    if strata is not None and np.bincount(strata[light], minlength=1).max() >= n_folds:
        folds = StratifiedKFold
    if len(light) < n_folds:
        yield from [shares] * n_folds
        return
    drawn = folds(n_folds, shuffle=True, random_state=random_state)
    classes = np.zeros(len(light), int) if strata is None else strata[light]
    with _FILTERS, warnings.catch_warnings():  # of classes of fewer rows than folds
        warnings.simplefilter("ignore", UserWarning)
        parts = [part for _, part in drawn.split(classes, classes)]
    for part in parts:
        held = shares.copy()
        held[light[part]] = weights[light[part]]
        yield held


def split_rows(rows, strata, fraction, random_state):
    """Return the rows to train on and those held out, both sorted.

    Each class has a row in both parts, also where its share would be none; a class of
    one row is trained on. Without classes, rows are drawn at random.

    Parameters
    ----------
    rows : ndarray of int of shape (n_samples,)
    strata : ndarray of int or None
        ``strata[row]`` is the class of a row.
    fraction : float
        The share that is held out.
    random_state : numpy.random.RandomState

    Returns
    -------
    train, held_out : ndarray of int

    Raises
    ------
    ValueError
        If there are too few rows.
    """
    try:
        if strata is None:
            train, held_out = _draw(rows, fraction, random_state)
        else:
            train, held_out = _draw_stratified(rows, strata, fraction, random_state)
    except ValueError as error:
        raise ValueError(
            f"early_stopping sets validation_fraction={fraction} of {len(rows)} rows "
            f"aside, stratified, and cannot: {error} Give more rows, another "
            "validation_fraction, X_val and y_val, or early_stopping=False."
        ) from error
    return np.sort(train), np.sort(held_out)


def _draw(rows, size, random_state, strata=None):
    from sklearn.model_selection import train_test_split

    return train_test_split(
        rows, test_size=size, random_state=random_state, stratify=strata
    )


def _draw_stratified(rows, strata, fraction, random_state):
    """Return scikit-learn's stratified split, where need be with more rows moved."""
    counts = np.bincount(strata[rows])
    n_classes = np.count_nonzero(counts > 1)
    if n_classes == 0:
        raise ValueError("every class has one row only.")
    alone = rows[:0]
    if (counts == 1).any():
        is_alone = counts[strata[rows]] == 1
        rows, alone = rows[~is_alone], rows[is_alone]
    size = fraction
    if fraction > 0:  # scikit-learn wants as many rows as classes on both sides
        most = len(rows) - n_classes
        size = max(n_classes, min(most, math.ceil(fraction * len(rows))))
    train, held_out = _draw(rows, size, random_state, strata[rows])
    held_out, train = _with_each_class(held_out, train, strata, len(counts))
    train, held_out = _with_each_class(train, held_out, strata, len(counts))
    return np.concatenate([train, alone]), held_out


def _with_each_class(part, other, strata, n_classes):
    """Return both after a row of each class that the first lacks was moved there."""
    lacks = np.bincount(strata[part], minlength=n_classes) == 0
    candidates = np.flatnonzero(lacks[strata[other]])
    _, first = np.unique(strata[other[candidates]], return_index=True)
    moved = candidates[first]
    return np.concatenate([part, other[moved]]), np.delete(other, moved)
