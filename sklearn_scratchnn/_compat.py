"""Every import of a private or version-dependent scikit-learn name."""

import copy
import inspect

from sklearn.base import _fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Interval,
    Options,
    StrOptions,
)
from sklearn.utils.validation import _check_sample_weight

ALLOWS_ZERO_WEIGHTS = (
    {"allow_all_zero_weights": True}  # since 1.8
    if "allow_all_zero_weights" in inspect.signature(_check_sample_weight).parameters
    else {}
)

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:
        """Stands in where scikit-learn has no callbacks (before 1.9)."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


def has_callbacks(estimator):
    """Whether callbacks are set on an estimator, or on one that it is a part of."""
    return bool(getattr(estimator, "_skl_callbacks", None))


def without_callbacks(estimator):
    """Return a shallow copy of an estimator that has no callbacks and no task."""
    bare = copy.copy(estimator)
    for name in (
        "_skl_callbacks",
        "_skl_callbacks_to_teardown",
        "_callback_fit_ctx",
        "_parent_callback_ctx",
    ):
        vars(bare).pop(name, None)
    return bare


def takes_weights(scorer):
    """Whether a scorer, or the metric that it is made of, takes ``sample_weight``."""
    function = getattr(scorer, "_score_func", scorer)
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # a builtin, which has no signature to look at
        return False
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def visual_block_class():
    """Return the private class of a box in a diagram."""
    try:
        from sklearn.utils._repr_html.estimator import _VisualBlock
    except ImportError:  # before scikit-learn 1.7
        from sklearn.utils._estimator_html_repr import _VisualBlock
    return _VisualBlock


__all__ = [
    "ALLOWS_ZERO_WEIGHTS",
    "CallbackSupportMixin",
    "HasMethods",
    "Hidden",
    "Interval",
    "Options",
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "has_callbacks",
    "takes_weights",
    "visual_block_class",
    "with_callbacks",
    "without_callbacks",
]
