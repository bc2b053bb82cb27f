"""Which passes the core has, and how it is handed one."""

import numpy as np

from ..network.activations import ACTIVATIONS
from ..network.losses import LOSSES
from .switch import compiled

LEAST_SCALE = 1e-300  # whose inverse is a number
# A looked-up input, 0 or 1, is scaled apart from its mean: of more than so many scales
# the mean would take the digits of what is left.
MOST_SCALES = {np.dtype(np.float32): 1e3, np.dtype(np.float64): 1e7}


def compile_pass(network, rows, gradient=None, **settings):
    """Return a compiled `Pass`, or None where the page is to compute.

    Parameters
    ----------
    network : Network
    rows : RowSource or None
        None for sparse rows.
    gradient : ParameterVector, default=None
        None for predictions.
    **settings
        As of ``Pass``.

    Returns
    -------
    Pass or None
        None without a core, and for what it does not cover: sparse rows, activations
        and losses of the user's own, and numbers that C has no type for.

    Examples
    --------
    >>> from sklearn_scratchnn.core.passes import compile_pass
    >>> from sklearn_scratchnn.network.network import make_network
    >>> network = make_network((2, 3, 2), ["tanh"], "softmax_cross_entropy")
    >>> compile_pass(network, rows=None) is None
    True
    """
    core = compiled()
    if core is None or rows is None:
        return None
    targets = settings.get("targets")
    arrays = rows.arrays if targets is None else [*rows.arrays, targets]
    if not _covers(core, network, rows, arrays):
        return None
    return core.Pass(
        network.parameters,
        gradient,
        [f.name for f in network.activations],
        network.loss.name,
        rows,
        huber_threshold=getattr(network.loss, "huber_threshold", 0.0),
        quantile=getattr(network.loss, "quantile", 0.0),
        **settings,
    )


def compile_rule(name, **settings):
    """Return a compiled optimizer; there must be a core.

    Parameters
    ----------
    name : str
    **settings
        As of ``Rule``.

    Returns
    -------
    Rule
    """
    return compiled().Rule(name, **settings)


def _covers(core, network, rows, arrays):
    """Whether the core has all that a pass needs."""
    functions = [(f, ACTIVATIONS, core.ACTIVATIONS) for f in network.activations]
    for f, known, compiled_names in [*functions, (network.loss, LOSSES, core.LOSSES)]:
        own = type(f) is type(known.get(f.name))
        if not (own and f.name in compiled_names):
            return False
    layers = [*network.weights, *network.biases]
    if not all(layer.flags.c_contiguous and layer.flags.aligned for layer in layers):
        return False
    if rows.mean is not None:
        looked_up = slice(rows.n_numbers, None)
        means, scales = rows.mean[looked_up], rows.scale[looked_up]
        if not np.all(rows.scale > LEAST_SCALE):
            return False
        if np.any(means > MOST_SCALES.get(network.dtype, 0) * scales):
            return False
    if rows.codes is not None and rows.codes.dtype.str[1:] not in core.CODE_KINDS:
        return False
    return network.dtype in (np.float32, np.float64) and all(
        array.dtype.isnative
        and (array.dtype == bool or array.dtype.str[1:] in core.KINDS)
        for array in arrays
    )
