"""From labels to codes: the classes, each row's code, and the weights of classes."""

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

NOTHING_BUT_CLASSES = "biuU"  # kinds of dtype: truth values, whole numbers, texts


def check_labels(y):
    """Return y as one label a row, (n,), or an indicator matrix, (n, n_labels)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.ndim == 2 or y.dtype.kind not in NOTHING_BUT_CLASSES:
        _check_kind_of_labels(y)
    if y.ndim == 2:
        _check_indicators(y)
    return y


def _check_kind_of_labels(y):
    try:
        check_classification_targets(y)
    except TypeError as error:
        raise TypeError(
            f"y holds labels of several types, or bytes, which have no order: {error}."
        ) from error


def _check_indicators(y):
    """Raise ValueError for several columns that do not hold zeros and ones."""
    if type_of_target(y) == "multiclass-multioutput":
        raise ValueError(
            "Unknown label type: y has several columns with more than two classes; "
            "y must hold one label a row, or a matrix of zeros and ones."
        )
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            "y has several columns, which must hold 0 and 1 (one column a label), but "
            f"it holds {np.unique(y).tolist()}."
        )


def check_numbers(y, loss):
    """Return y as float64, one number a row, (n,), or several, (n, n_targets)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.dtype.kind not in "biufO":
        raise ValueError(f"Unknown label type: y must hold numbers; it is {y.dtype}.")
    try:
        y = y.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"y must hold numbers, and none beyond the range of float64: {error}."
        ) from error
    if not np.isfinite(y).all():
        raise ValueError(
            "y has missing or infinite values: leave out rows whose y is not known."
        )
    if y.min() < loss.least_y:
        raise ValueError(
            f"loss={loss.name!r} is for {loss.kind_of_y}; y has {y.min():g}."
        )
    return y


def find_classes(loss, y, weights):
    """Return the sorted classes of the rows of positive weight, or labels' numbers."""
    classes = loss.outputs_of(y if weights is None else y[weights > 0])
    if loss.least_outputs > 1 and 2 * len(classes) > len(y):
        check_classification_targets(y)  # warns of what may be a regression's target
    check_several_classes(loss, classes)
    return classes


def check_several_classes(loss, classes):
    """Raise ValueError for one class alone."""
    if len(classes) < loss.least_outputs:
        raise ValueError(
            f"y holds one class only, {classes.tolist()}, in the rows of positive "
            "weight; a classifier needs at least 2 classes."
        )


def encode(loss, y, classes, name="y", subset=slice(None)):
    """Return y as codes; labels that are not in ``classes`` raise ValueError.

    Rows outside ``subset`` may have any label; their codes stand for nothing.
    """
    n_columns = 1 if y.ndim == 1 else y.shape[1]
    if loss.outputs_are_columns and n_columns != len(classes):
        what = "columns" if loss.predicts_numbers else "labels (columns)"
        raise ValueError(
            f"{name} has {n_columns} {what}, but the model was fitted with "
            f"{len(classes)}."
        )
    codes = loss.encode(y, classes)
    if loss.predicts_numbers:
        return codes
    if not np.array_equal(loss.decode(codes[subset], classes), y[subset]):
        unseen = np.setdiff1d(y[subset], classes)
        if len(unseen):
            raise ValueError(
                f"{name} has classes that the model does not know: {unseen.tolist()}; "
                f"it knows {classes.tolist()}."
            )
    return codes


def index_of(label, classes, name):
    """Return the index of one label; one that is not there raises ValueError."""
    if label not in classes:
        raise ValueError(
            f"{name} has classes that the model does not know: [{label!r}]; it knows "
            f"{classes.tolist()}."
        )
    return int(np.searchsorted(classes, label))


def class_factors(class_weight, classes, strata, weights):
    """Return the factor of each class.

    "balanced" makes the classes' sums of weights equal: W / (n_classes W_c).

    Parameters
    ----------
    class_weight : dict or "balanced"
    classes : ndarray of shape (n_classes,)
    strata : ndarray of int of shape (n_samples,) or None
        The class of each row that takes part; None where rows are not of one class.
    weights : ndarray of shape (n_samples,) or None

    Returns
    -------
    ndarray of float64 of shape (n_classes,)

    Raises
    ------
    ValueError
        If rows are not of one class, or a factor is not a number of 0 or more.
    """
    if strata is None:
        raise ValueError(
            "class_weight needs one label a row; for several labels give sample_weight."
        )
    if isinstance(class_weight, dict):
        _check_known(class_weight, classes)
        return _given_factors(class_weight, classes)
    mass = np.bincount(strata, weights, minlength=len(classes))
    return mass.sum() / (len(classes) * np.where(mass > 0, mass, 1.0))


def _check_known(class_weight, classes):
    """Raise ValueError where the dict misses a class and names another: a misspelling.

    Classes of rows that a split of the data happens to leave out may be named.
    """
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown and not all(label in class_weight for label in known):
        raise ValueError(
            f"class_weight names classes that are not in y: {unknown}; y has {known}."
        )


def _given_factors(class_weight, classes):
    try:
        factors = np.array([class_weight.get(c, 1.0) for c in classes.tolist()], float)
    except (TypeError, ValueError, OverflowError):
        factors = np.array([np.nan])
    each = factors.shape == (len(classes),)
    if not (each and np.isfinite(factors).all() and (factors >= 0).all()):
        raise ValueError(f"class_weight must be finite and >= 0; got {class_weight}.")
    if np.count_nonzero(factors) < 2:
        raise ValueError(
            f"class_weight leaves rows of one class only; got {class_weight}."
        )
    return factors
