"""Rows held out of a sample, stratified where each row is of one class."""

import math

import numpy as np


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
