"""Rows held out of a sample, stratified where each row is of one class."""

import math
import warnings
from threading import Lock

import numpy as np

ROWS_AT_ONCE = 2**17
WHOLE = 1e-9  # a weight of n, less what rounding took, is n rows
_FILTERS = Lock()  # warnings' filters belong to the process: one thread at a time


def fold_weights(weights, strata, n_folds, random_state):
    """Yield the weight of each row that is held out, once for every fold.

    A row of a weight w of ``n_folds`` or more stands for w rows, and gives
    ``floor(w / n_folds)`` to each fold. Lighter rows are drawn whole, as by
    `fold_rows`.

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
    shares = np.floor(weights / n_folds + WHOLE)
    light = np.flatnonzero(shares == 0)
    for part in fold_rows(light, strata, n_folds, random_state):
        held = shares.copy()
        held[part] = weights[part]
        yield held


def fold_rows(rows, strata, n_folds, random_state):
    """Yield the rows that each of ``n_folds`` folds holds out, stratified.

    The only row of a class is not held out. Of more than `ROWS_AT_ONCE` rows so many
    are drawn at a time, as they follow each other: scikit-learn takes some 80 bytes a
    row for it.

    Parameters
    ----------
    rows : ndarray of int
        That are drawn from.
    strata : ndarray of int or None
        ``strata[row]`` is the class of a row.
    n_folds : int
    random_state : numpy.random.RandomState

    Yields
    ------
    ndarray of int
    """
    if strata is not None:
        rows = rows[np.bincount(strata)[strata[rows]] > 1]
    if len(rows) < n_folds:
        yield from [rows[:0]] * n_folds
        return
    drawn = [
        _draw_folds(some, strata, n_folds, random_state)
        for some in np.array_split(rows, -(-len(rows) // ROWS_AT_ONCE))
    ]
    yield from map(np.concatenate, zip(*drawn))


def _draw_folds(rows, strata, n_folds, random_state):
    """Return the rows that each fold holds out."""
    from sklearn.model_selection import KFold, StratifiedKFold

    folds = KFold
    classes = np.zeros(len(rows), int) if strata is None else strata[rows]
    if strata is not None and np.bincount(classes).max() >= n_folds:
        folds = StratifiedKFold
    drawn = folds(n_folds, shuffle=True, random_state=random_state)
    with _FILTERS, warnings.catch_warnings():  # of classes of fewer rows than folds
        warnings.simplefilter("ignore", UserWarning)
        return [rows[part] for _, part in drawn.split(classes, classes)]


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
