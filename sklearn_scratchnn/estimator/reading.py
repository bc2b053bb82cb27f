"""From the caller's arrays to samples that an estimator can be fitted on."""

from dataclasses import replace

import numpy as np
from sklearn.utils.multiclass import unique_labels

from ..data.checks import check_X_y, label_of
from ..data.columns import Columns, RawTable
from ..data.learn import apply, learn
from ..data.sample import make_sample
from ..data.target_scale import TargetScale
from ..network.losses import loss_with_link
from .architecture import activation_names, hidden_sizes
from .caller import warn_caller


def read(
    estimator,
    X,
    y,
    sample_weight,
    X_val,
    y_val,
    sample_weight_val,
    *,
    fitted,
    class_weight=None,
    categorical_features=None,
):
    """Return the rows to train on, and the caller's held-out rows or None.

    Parameters
    ----------
    estimator : NetworkEstimator
    X, y, sample_weight, X_val, y_val, sample_weight_val
        As of `fit`.
    fitted : bool
        Whether training goes on from what is fitted, which the rows must suit.
    class_weight : dict, "balanced" or None, default=None
        Factors on the weights.
    categorical_features : "from_dtype", None or array-like, default=None
        As of `ScratchMLPClassifier`; fitted columns stay as they are.

    Returns
    -------
    sample, held_out : Sample
        Encoded, but for bins.
    """
    columns = Columns.of(estimator) if fitted else None
    given = {"categorical_features": categorical_features, "columns": columns}
    X, y = check_X_y(estimator, X, y, reset=not fitted, **given)
    y, loss = estimator._read_y(y)
    if fitted:
        check_same_kind(loss, loss_with_link(estimator.out_activation_))
    sample = make_sample(X, y, loss, None, sample_weight, class_weight)
    if fitted:
        check_same_outputs(estimator, sample)
    sample = _with_columns(estimator, sample, columns)
    return _read_held_out(estimator, sample, X_val, y_val, sample_weight_val)


def _with_columns(estimator, sample, columns):
    """Return the rows encoded by fitted columns, or by what they say themselves."""
    if columns is not None:
        return apply(columns, sample)
    sample, without_value = learn(sample)
    names = getattr(estimator, "feature_names_in_", None)
    for j in without_value:
        warn_caller(
            f"{label_of(names, j)} has no value in the training rows, and is ignored. "
            "Drop it, or look at how the table was read.",
            UserWarning,
        )
    return sample


def _read_held_out(estimator, sample, X_val, y_val, sample_weight_val):
    """Return both samples; the first knows its means, where the second needs them."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val is given without X_val and y_val.")
        return sample, None
    if X_val is None or y_val is None:
        raise ValueError("X_val and y_val must be given together.")
    try:
        X_val, y_val = check_X_y(
            estimator, X_val, y_val, reset=False, columns=sample.columns
        )
        y_val, loss = estimator._read_y(y_val)
        if isinstance(X_val, RawTable):
            if sample.columns.column_means_ is None:
                columns = replace(sample.columns, column_means_=sample.means())
                sample = sample.encoded(columns)
            X_val = sample.columns.code(X_val)
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X_val or y_val cannot be used: {error}") from error
    check_same_kind(loss, sample.loss, "y_val")
    if X_val.shape[0] == sample.X.shape[0]:
        warn_caller(
            "X_val has exactly as many rows as X. Inside cross-validation, "
            "scikit-learn takes such an array for one that belongs to the rows of X, "
            "and hands over its training rows only. Give X_val another number of rows.",
            UserWarning,
        )
    held_out = make_sample(
        X_val,
        y_val,
        sample.loss,
        sample.classes,
        sample_weight_val,
        name="y_val",
        target_scale=sample.target_scale,
    )
    return sample, held_out.encoded(sample.columns)


def read_part(estimator, X, y, sample_weight, classes, target_scale=None):
    """Return the rows of one call of `partial_fit`.

    Parameters
    ----------
    estimator : NetworkEstimator
    X, y, sample_weight, classes
        As of `partial_fit`.
    target_scale : tuple, default=None
        What numbers were measured in before.

    Returns
    -------
    Sample
        Whose classes are those of all calls.
    """
    fitted = hasattr(estimator, "coefs_")
    columns = Columns.of(estimator) if fitted else None
    given = {
        "categorical_features": estimator.categorical_features,
        "columns": columns,
    }
    X, y = check_X_y(estimator, X, y, reset=not fitted, **given)
    y, loss = estimator._read_y(y)
    if fitted:
        check_same_kind(loss, loss_with_link(estimator.out_activation_))
        check_same_shape(estimator)
    known = _known_outputs(estimator, loss, y, classes)
    sample = make_sample(
        X,
        y,
        loss,
        known,
        sample_weight,
        getattr(estimator, "class_weight", None),
        target_scale=_units(estimator, target_scale),
    )
    return _with_columns(estimator, sample, columns)


def _units(estimator, state):
    """Return the `TargetScale` of an earlier call, or what `fit` left of one."""
    if state is not None:
        return TargetScale(*state)
    center = getattr(estimator, "target_center_", None)
    if center is None:
        return None
    zeros = np.zeros(len(center))
    return TargetScale(zeros.astype(int), center, zeros, estimator.target_scale_.copy())


def _known_outputs(estimator, loss, y, classes):
    """Return the outputs of all calls; labels' ``classes`` are needed at the first."""
    if loss.predicts_numbers:
        fitted = hasattr(estimator, "coefs_")
        return np.arange(estimator.n_outputs_) if fitted else None
    known = None if classes is None else unique_labels(classes)
    if hasattr(estimator, "coefs_"):
        if known is not None and not np.array_equal(estimator.classes_, known):
            raise ValueError(
                f"classes={classes!r} is not the same as on the last call to "
                f"partial_fit, {estimator.classes_!r}."
            )
        return estimator.classes_
    if known is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    if loss.outputs_are_columns and not np.array_equal(known, loss.outputs_of(y)):
        raise ValueError(
            f"classes={classes!r} do not fit y, an indicator matrix: they are its "
            f"columns' numbers, 0 to {y.shape[1] - 1}."
        )
    if len(known) < loss.least_outputs:
        raise ValueError(
            f"classes={classes!r} holds one class only; a classifier needs at "
            "least 2 classes."
        )
    return known


def check_same_kind(loss, known, name="y"):
    """Raise ValueError for one label a row where several were, or the reverse."""
    if loss.out_activation != known.out_activation:
        raise ValueError(
            f"{name} holds {loss.kind_of_y}; the model was made for {known.kind_of_y}."
        )


def check_same_outputs(estimator, sample):
    """Raise ValueError where classes or columns are not those of the fit before."""
    classes = sample.classes
    if sample.loss.predicts_numbers:
        if len(classes) != estimator.n_outputs_:
            raise ValueError(
                "warm_start can only be used where `y` has as many columns as in the "
                f"previous call to fit, {estimator.n_outputs_}; it has {len(classes)}."
            )
    elif not np.array_equal(classes, estimator.classes_):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the "
            f"previous call to fit. Previously got {estimator.classes_}, `y` has "
            f"{classes}."
        )


def check_same_shape(estimator):
    """Raise ValueError where the fitted layers are not those that are asked for."""
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    fitted = tuple(W.shape[1] for W in estimator.coefs_[:-1])
    sizes = fitted if sizes is None else sizes
    names = activation_names(estimator.activation, len(sizes))
    for name, now, then in (
        ("hidden_layer_sizes", sizes, fitted),
        ("activation", names, estimator.activations_),
    ):
        if now != then:
            raise ValueError(
                f"{name} is now {now}, but the fitted network has {then}: training "
                "cannot go on with another architecture. Clone the estimator, or set "
                "warm_start=False and call fit."
            )
