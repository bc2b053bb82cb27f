"""From the caller's parameters to the parts of a training."""

import sys
from collections.abc import Mapping, Set
from dataclasses import fields
from numbers import Integral

import numpy as np

from ..data.rows import DenseRows, SparseRows, Subset, Targets
from ..network.activations import ACTIVATIONS
from ..network.curvature import max_parameters
from ..network.losses import LOSSES
from ..network.network import Network
from ..training.objective import Objective
from ..training.optimizers import OPTIMIZERS, AdamW
from ..training.schedules import SCHEDULES
from ..training.solvers import SOLVERS

BLOCK_BYTES = 2**20  # the buffers of a block of rows: about a core's second-level cache


def hidden_sizes(hidden_layer_sizes):
    """Return the hidden layers' sizes as a tuple of positive ints."""
    one = isinstance(hidden_layer_sizes, Integral)
    sizes = [hidden_layer_sizes] if one else _entries(hidden_layer_sizes)
    known = all(isinstance(size, Integral) and size > 0 for size in sizes)
    if not known or _is_unordered(hidden_layer_sizes):
        raise ValueError(
            f"hidden_layer_sizes must be > 0, got {hidden_layer_sizes!r}: one positive "
            "integer, or a sequence of them, one a hidden layer; () for none."
        )
    return tuple(int(size) for size in sizes)


def activation_names(activation, n_hidden):
    """Return one name per hidden layer."""
    if isinstance(activation, str):
        return (str(activation),) * n_hidden
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


def make_network(parameters, activations, loss_name):
    """Return the network of a `ParameterVector`, and activations and loss by name.

    Parameters
    ----------
    parameters : ParameterVector
    activations : sequence of str
        A name in ``ACTIVATIONS`` for each hidden layer.
    loss_name : str
        A name in ``LOSSES``.

    Returns
    -------
    Network
        On views of the vector: what changes that changes the network.

    Examples
    --------
    >>> from sklearn_scratchnn.estimator.assembly import make_network
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> layers = ParameterVector((2, 3, 2))
    >>> network = make_network(layers, ["tanh"], "softmax_cross_entropy")
    >>> network.layer_sizes
    (2, 3, 2)
    """
    functions = [ACTIVATIONS[name] for name in activations]
    return Network(
        parameters.weights, parameters.biases, functions, LOSSES[loss_name]
    )


def block_rows(layer_sizes, dtype, n_rows):
    """Return how many rows' buffers fill `BLOCK_BYTES`, at most ``n_rows``.

    Not so many that the units of a layer lie a multiple of 4096 bytes apart, and all
    of them in the same few lines of the cache: that costs half of the speed.
    """
    width = layer_sizes[0] + 2 * sum(layer_sizes[1:-1]) + 4 * layer_sizes[-1]
    rows = max(64, BLOCK_BYTES // (width * np.dtype(dtype).itemsize))
    aliased = rows * np.dtype(dtype).itemsize % 4096 == 0
    return min(n_rows, rows - 16 if aliased else rows)


def make_objective(
    network,
    parameters,
    sample,
    standardizer,
    penalty=0.0,
    block=None,
    dropout=None,
    smoothing=0.0,
):
    """Return the objective of a network over a `Sample`.

    Parameters
    ----------
    network : Network
    parameters : ParameterVector
        Of the network.
    sample : Sample
    standardizer : Standardizer or None
    penalty : float
        The strength of the L2 term, alpha / n.
    block : int or None
        Rows computed at once; None for what fits the cache.
    dropout : Dropout or None
    smoothing : float
        Label smoothing.

    Returns
    -------
    Objective
        Over the rows of the sample that take part.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.estimator.assembly import make_network, make_objective
    >>> from sklearn_scratchnn.data.inputs import make_sample
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, np.arange(3), None)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> objective = make_objective(network, layers, sample, None)
    >>> print(f"{objective.value():.4f} {np.log(3):.4f}")
    1.0986 1.0986
    """
    sizes, dtype = network.layer_sizes, network.dtype
    block = block or block_rows(sizes, dtype, sample.n_samples)
    mean = scale = None
    if standardizer is not None and not standardizer.is_identity:
        mean, scale = standardizer.mean, standardizer.scale
    dense = isinstance(sample.X, np.ndarray)
    rows = (DenseRows if dense else SparseRows)(sample.X, mean, scale, dtype, block)
    table = network.loss.target_table(sizes[-1], smoothing)
    targets = Targets(sample.codes, table, dtype)
    if sample.subset is not None:
        rows, targets = Subset(rows, sample.subset), Subset(targets, sample.subset)
    weights = sample.of_subset(sample.weights)
    if weights is not None:
        weights = (weights / weights.mean()).astype(dtype)
    return Objective(
        network, parameters, rows, targets, weights, penalty, block, dropout
    )


def make_solver(plan, params, random_state):
    """Return the plan's solver.

    Parameters
    ----------
    plan : Plan
    params : namespace
        The constructor's parameters, for what the plan does not hold.
    random_state : numpy.random.RandomState
        Draws the order of the rows.

    Returns
    -------
    Solver
        Of the kind that ``plan.solver`` names.

    Examples
    --------
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.estimator.assembly import make_solver
    >>> from sklearn_scratchnn.estimator.defaults import make_plan
    >>> params = ScratchMLPClassifier(solver="lbfgs", max_iter=50)
    >>> make_solver(make_plan(params, 150, 803), params, None)
    LBFGS(max_iter=50, max_fun=15000, tol=0.0001)
    """
    if plan.solver not in OPTIMIZERS and plan.solver != "gd":
        return SOLVERS[plan.solver](**_known(SOLVERS[plan.solver], params, plan))
    if plan.solver == "gd":
        rule = OPTIMIZERS["sgd"](momentum=0.0)
    else:
        rule = OPTIMIZERS[plan.solver](**_known(OPTIMIZERS[plan.solver], params))
    schedule = SCHEDULES[plan.schedule]
    return SOLVERS[plan.solver](
        rule=rule,
        schedule=schedule(**_known(schedule, params)),
        rate=plan.rate,
        batch_size=plan.batch_size,
        max_iter=plan.max_iter,
        tol=plan.tol,
        shuffle=params.shuffle,
        max_grad_norm=params.max_grad_norm,
        random_state=random_state,
    )


def _known(part, params, plan=None):
    """Return the parameters that a dataclass names, the plan's first."""
    names = [field.name for field in fields(part)]
    return {
        name: getattr(plan, name) if hasattr(plan, name) else getattr(params, name)
        for name in names
    }


class Dropout:
    """Draws inverted dropout masks: 0, or 1 / (1 - rate) (Srivastava et al., 2014).

    Parameters
    ----------
    rate : float in [0, 1)
        The share of units that a mask switches off.
    random_state : numpy.random.RandomState
        Seeds the masks' own generator.
    """

    def __init__(self, rate, random_state):
        self.rate = rate
        self.generator = np.random.default_rng(random_state.randint(2**31))

    def __call__(self, mask):
        """Fill ``mask``, in place."""
        self.generator.random(dtype=mask.dtype, out=mask)
        np.greater_equal(mask, self.rate, out=mask)
        mask *= 1 / (1 - self.rate)


def check_magnitudes(params):
    """Raise ValueError for a whole number that no float can hold."""
    for name, value in vars(params).items():
        if isinstance(value, int) and value.bit_length() >= sys.float_info.max_exp:
            raise ValueError(
                f"{name} is too large: a number of {value.bit_length()} bits, which no "
                "float can hold."
            )


def check_combination(params, plan):
    """Raise ValueError where a setting would do nothing under the chosen solver.

    Settings that every user of ``MLPClassifier`` leaves standing, such as a momentum
    under Adam, pass; settings that promise something pass only where it is kept.
    """
    if plan.solver in ("lbfgs", "gauss_newton"):
        idle = {
            "dropout": params.dropout != 0,
            "max_grad_norm": params.max_grad_norm is not None,
            "learning_rate": params.learning_rate not in ("auto", "constant"),
        }
        for name in [name for name, is_set in idle.items() if is_set]:
            raise ValueError(
                f"{name}={getattr(params, name)!r} has no use under solver="
                f"{plan.solver!r}, which needs a loss that is the same at every call "
                f"and finds its own step lengths. Leave {name} at its default, or "
                "choose solver='gd', 'sgd', 'adam' or 'adamw'."
            )
    if plan.solver == "adamw" and params.alpha not in (0, "auto"):
        raise ValueError(
            f"alpha={params.alpha} has no use under solver='adamw', whose regulariser "
            "is weight_decay. Leave alpha at its default."
        )
    if plan.solver != "adamw" and params.weight_decay not in (0, AdamW.weight_decay):
        raise ValueError(
            f"weight_decay={params.weight_decay} has no use under solver="
            f"{plan.solver!r}, whose regulariser is alpha. Leave weight_decay at its "
            "default, or choose solver='adamw'."
        )


def check_curvature(n_parameters, activations, loss_name):
    """Raise ValueError where Gauss-Newton does not suit a network."""
    most = max_parameters(np.float64)
    if n_parameters > most:
        raise ValueError(
            f"solver='gauss_newton' is for networks of at most {most} parameters; this "
            f"one has {n_parameters}. Use fewer hidden units, or solver='lbfgs'."
        )
    for name in activations:
        if not ACTIVATIONS[name].smooth:
            smooth = [f.name for f in ACTIVATIONS.values() if f.smooth]
            raise ValueError(
                f"solver='gauss_newton' does not suit activation={name!r}, whose "
                "derivative jumps: training can end at a kink, far above a minimum. "
                f"Choose an activation among {smooth}, or solver='lbfgs'."
            )
    if not LOSSES[loss_name].has_curvature:
        raise ValueError(
            f"solver='gauss_newton' does not suit the loss {loss_name!r}, which has no "
            "curvature_roots. Use solver='lbfgs'."
        )
