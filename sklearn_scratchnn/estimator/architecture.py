"""The layers that the constructor's parameters ask for."""

from collections.abc import Mapping, Set
from itertools import pairwise
from numbers import Integral

import numpy as np

from ..network.activations import ACTIVATIONS


def hidden_sizes(hidden_layer_sizes):
    """Return the hidden layers' sizes as a tuple of positive ints; None for "auto"."""
    if isinstance(hidden_layer_sizes, str) and hidden_layer_sizes == "auto":
        return None
    one = isinstance(hidden_layer_sizes, Integral)
    sizes = [hidden_layer_sizes] if one else _entries(hidden_layer_sizes)
    known = all(isinstance(size, Integral) and size > 0 for size in sizes)
    if not known or _is_unordered(hidden_layer_sizes):
        raise ValueError(
            f"hidden_layer_sizes must be > 0, got {hidden_layer_sizes!r}: one positive "
            "integer, or a sequence of them, one a hidden layer; () for none; or "
            "'auto'."
        )
    return tuple(int(size) for size in sizes)


def activation_names(activation, n_hidden):
    """Return one name per hidden layer; how many these are may be None, for "auto"."""
    if isinstance(activation, str):
        return (str(activation),) * (1 if n_hidden is None else n_hidden)
    if n_hidden is None:
        raise ValueError(
            f"activation={activation!r} names one function a hidden layer, and "
            "hidden_layer_sizes='auto' leaves their number to the data: give one name, "
            "or the sizes."
        )
    names = tuple(_entries(activation))
    known = all(isinstance(name, str) and name in ACTIVATIONS for name in names)
    if not known or len(names) != n_hidden or _is_unordered(activation):
        raise ValueError(
            f"activation must be one of {sorted(ACTIVATIONS)}, or a sequence of these "
            f"with one name for each of the {n_hidden} hidden layers; got "
            f"{activation!r}."
        )
    return tuple(str(name) for name in names)


def _entries(values):
    """Return what is in a sequence; of an array without axes, itself."""
    return [values] if getattr(values, "ndim", 1) == 0 else list(values)


def _is_unordered(values):
    """Whether what should name one entry a layer does not say which is whose."""
    return isinstance(values, Set | Mapping)


def n_parameters(layer_sizes):
    """Return how many weights and biases a network has; too many raise ValueError."""
    total = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(layer_sizes))
    if total > np.iinfo(np.intp).max // 8:
        raise ValueError(
            f"hidden_layer_sizes={layer_sizes[1:-1]!r} makes {total} parameters, more "
            "than an array can hold."
        )
    return total
