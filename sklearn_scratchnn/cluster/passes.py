"""What a worker computes of its blocks in one pass.

Each function takes a block, and returns its term of a sum over all blocks; `run`
applies one to the blocks of a worker, and adds up what it may.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ..data.means import first_numbers, sums_of_known
from ..data.standardize import BlocksOfRows, Standardizer
from ..network.activations import ACTIVATIONS
from ..network.loss import Loss
from ..network.network import Network
from ..network.parameters import ParameterVector
from ..training.dropout import DropoutMasks
from ..training.objective import Objective
from ..training.solvers.gradient_descent import make_updates
from ..training.threads import one_blas_thread
from .blocks import rows_and_groups
from .distribution import Distribution
from .tree import fold


def run(blocks, n_blocks, function, args, add=None):
    """Apply a function to the blocks of a worker, as many at once as it has threads.

    Parameters
    ----------
    blocks : list of Block
    n_blocks : int
        Of all workers.
    function : callable
        ``function(block, *args)``.
    args : tuple
    add : callable, default=None
        Of two values; None for none to be added.

    Returns
    -------
    dict
        Nodes of the tree over the blocks, as `fold` takes and returns them.
    """
    with one_blas_thread():
        n_threads = min(threads_of_worker(), len(blocks))
        if n_threads > 1:
            with ThreadPoolExecutor(n_threads) as pool:
                values = list(pool.map(lambda block: function(block, *args), blocks))
        else:
            values = [function(block, *args) for block in blocks]
    nodes = {(0, block.index): value for block, value in zip(blocks, values)}
    return nodes if add is None else fold(nodes, n_blocks, add)


def run_together(blocks, function, args, add):
    """Apply a function to all blocks of a worker, or of each of its threads.

    Parameters
    ----------
    blocks : list of Block
    function : callable
        ``function(blocks, *args)``.
    args : tuple
    add : callable
        Of two values.

    Returns
    -------
    object
        The sum over the threads.
    """
    n_threads = min(threads_of_worker(), len(blocks))
    shares = [blocks[i::n_threads] for i in range(n_threads)]
    with one_blas_thread(), ThreadPoolExecutor(n_threads) as pool:
        values = pool.map(lambda share: function(share, *args), shares)
        return reduce(add, values)


def threads_of_worker():
    """Return the number of threads of the dask worker that this runs on, or 1."""
    from distributed import get_worker

    try:
        return get_worker().state.nthreads
    except ValueError:  # not on a worker
        return 1


# Preparing ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """Which rows of a block, and what they are encoded and scaled by.

    Parameters
    ----------
    selections : tuple of Selection, default=()
    columns : Columns, default=None
    edges : list of ndarray, default=None
    standardizer : Standardizer, default=None
    """

    selections: tuple = ()
    columns: object = None
    edges: list | None = None
    standardizer: Standardizer | None = None

    def of(self, block):
        """Return the rows, or None where there are none.

        Parameters
        ----------
        block : Block

        Returns
        -------
        Sample or None
        """
        sample = block.part(self.selections)
        if sample is None or self.columns is None:
            return sample
        sample = sample.encoded(self.columns, self.edges)
        return sample.with_inputs(standardizer=self.standardizer)


def facts(raw):
    """Return what a raw block says of itself, or None."""
    return raw.facts


def add_facts(left, right):
    """Return what both say; blocks without rows say nothing."""
    if left is None or right is None:
        return right if left is None else left
    with np.errstate(over="ignore"):  # of weights, whose sum is looked at
        return left + right


def size(block, part):
    """Return the number of rows, and the sum of their weights."""
    sample = part.of(block)
    return (0, 0.0) if sample is None else (sample.n_samples, sample.total_weight)


def group_sizes(block, part, n_groups):
    """Return the number of rows of each group that rows are held out of."""
    sample = part.of(block)
    groups = np.array([], int) if sample is None else rows_and_groups(sample)[1]
    return np.bincount(groups, minlength=n_groups)


def some_rows(block, part, n_rows):
    """Return rows at equal distances: X, codes, weights and given weights.

    Parameters
    ----------
    block : Block
    part : Part
    n_rows : list of int
        Of each block.

    Returns
    -------
    tuple or None
        None where the block has none.
    """
    sample = _thinned(part.of(block), n_rows[block.index])
    if sample is None:
        return None
    arrays = sample.codes, sample.weights, sample.given_weights
    return sample.X[sample.subset], *(sample.of_subset(array) for array in arrays)


def _thinned(sample, n_rows):
    """Return so many of the rows, at equal distances; None for none."""
    if sample is None or not n_rows:
        return None
    rows = np.arange(len(sample.codes)) if sample.subset is None else sample.subset
    chosen = np.linspace(0, len(rows) - 1, n_rows).round().astype(np.intp)
    return sample.only(rows[chosen])


def numbers_of_first(block, part):
    """Return the numbers of the first row, or None."""
    sample = part.of(block)
    return None if sample is None else first_numbers(sample)


def first_of(left, right):
    """Return what the first block with rows says."""
    return right if left is None else left


def known_sums(block, part, first):
    """Return the sums that the means of the columns are made of."""
    sample = part.of(block)
    if sample is None:
        return np.zeros(len(first)), np.zeros(len(first))
    return sums_of_known(sample, first)


def distributions(block, part, most):
    """Return the distribution of each numeric column."""
    sample = part.of(block)
    if sample is None:
        return None
    weights = sample.of_subset(sample.weights)
    return [
        Distribution.of(sample.of_subset(column), weights, most)
        for column in sample.numeric_columns()
    ]


def add_each(left, right):
    """Return the sums of two lists, item by item; None stands for nothing."""
    if left is None or right is None:
        return right if left is None else left
    return [a + b for a, b in zip(left, right)]


def first_inputs(block, part):
    """Return the inputs of the first row, or None."""
    sample = part.of(block)
    return None if sample is None else _measured(sample, 1.0).first()


def extent(block, part, total_weight, first):
    """Return the block's share of the first sweep over the inputs, or None."""
    sample = part.of(block)
    return None if sample is None else _measured(sample, total_weight).extent(first)


def powers(block, part, total_weight, extent):
    """Return the block's share of the second sweep over the inputs, or None."""
    sample = part.of(block)
    return None if sample is None else _measured(sample, total_weight).powers(extent)


def add_known(left, right):
    """Return a sum; None stands for nothing."""
    if left is None or right is None:
        return right if left is None else left
    with np.errstate(over="ignore", invalid="ignore"):
        return left + right


def _measured(sample, total_weight):
    weights = sample.of_subset(sample.weights)
    if weights is None:
        weights = np.ones(sample.n_samples)
    return BlocksOfRows(
        sample.X, weights / total_weight, sample.subset, encoding=sample.encoding
    )


def digest(block, part, digest_of):
    """Return a digest of the block's arrays."""
    sample = part.of(block)
    if sample is None:
        return ""
    return [digest_of(array) for array in (sample.X, sample.codes, sample.weights)]


# Training -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Spec:
    """A network, and what it is evaluated on.

    Parameters
    ----------
    layer_sizes : tuple of int
    activations : tuple of str
    loss : Loss
    dtype : dtype
    part : Part
    label_smoothing : float, default=0.0
    dropout : float, default=0.0
    """

    layer_sizes: tuple
    activations: tuple
    loss: Loss
    dtype: np.dtype
    part: Part
    label_smoothing: float = 0.0
    dropout: float = 0.0

    def objective(self, sample, theta, seed=None, **settings):
        """Return the objective of some rows.

        Parameters
        ----------
        sample : Sample
        theta : ndarray of shape (n_parameters,)
        seed : tuple of int, default=None
            Draws the dropout; None for none.
        **settings
            As of `Objective`.

        Returns
        -------
        Objective
        """
        parameters = ParameterVector(self.layer_sizes, self.dtype)
        parameters.theta[:] = theta
        functions = [ACTIVATIONS[name] for name in self.activations]
        masks = None
        if self.dropout and seed is not None:
            masks = DropoutMasks(self.dropout, np.random.RandomState(seed))
        return Objective(
            Network(parameters, functions, self.loss),
            sample,
            draw_mask=masks,
            label_smoothing=self.label_smoothing,
            **settings,
        )


def value(block, spec, theta):
    """Return the sum of the losses."""
    sample = spec.part.of(block)
    if sample is None:
        return (0.0,)
    with np.errstate(all="ignore"):
        return (sample.total_weight * spec.objective(sample, theta).value(),)


def value_and_gradient(block, spec, theta, seed=None):
    """Return the sum of the losses, and of their gradients, in float64."""
    sample = spec.part.of(block)
    if sample is None:
        return 0.0, np.zeros(len(theta))
    seeds = None if seed is None else (seed, block.index)
    objective = spec.objective(sample, theta, seeds)
    with np.errstate(all="ignore"):
        value, weight = objective.value_and_gradient(), sample.total_weight
        return weight * value, weight * objective.gradient.theta.astype(np.float64)


def curvature(block, spec, theta):
    """Return the sums of losses, gradients and Gauss-Newton matrices."""
    sample, n = spec.part.of(block), len(theta)
    if sample is None:
        return 0.0, np.zeros(n), np.zeros((n, n))
    objective = spec.objective(sample, theta)
    with np.errstate(all="ignore"):
        value, G = objective.curvature()
        weight, gradient = sample.total_weight, objective.gradient.theta
        return weight * value, weight * gradient.astype(np.float64), weight * G


def outputs(block, spec, theta, n_rows):
    """Return logits, targets and weights of so many rows of each block; or None."""
    sample = _thinned(spec.part.of(block), n_rows[block.index])
    if sample is None:
        return None
    with np.errstate(all="ignore"):
        return spec.objective(sample, theta).outputs()


def batch(block, spec, theta, seed, i, n_batches, dropout_seed):
    """Return the sums of losses, gradients and weights of the block's part of a batch.

    Parameters
    ----------
    block : Block
    spec : Spec
    theta : ndarray of shape (n_parameters,)
    seed : int or None
        Draws the order of the rows.
    i, n_batches : int
        Which batch of how many.
    dropout_seed : int or None

    Returns
    -------
    tuple
    """
    rows = _rows_of_batches(block, spec, seed, i, i + 1, n_batches)
    if rows is None:
        return 0.0, np.zeros(len(theta)), 0.0
    seeds = None if dropout_seed is None else (dropout_seed, block.index)
    objective = spec.objective(rows, theta, seeds)
    weight = rows.total_weight
    with np.errstate(all="ignore"):
        value = weight * objective.value_and_gradient()
        return value, weight * objective.gradient.theta.astype(np.float64), weight


def local_updates(blocks, spec, theta, batches, optimizer, state, penalty, max_norm):
    """Make some updates on minibatches of a worker's own rows.

    The blocks take turns, each with as many minibatches as it has a share of the rows.

    Parameters
    ----------
    blocks : list of Block
    spec : Spec
    theta : ndarray of shape (n_parameters,)
    batches : Batches
    optimizer : Optimizer
    state : dict
        Its state at ``theta``.
    penalty : float
    max_norm : float or None

    Returns
    -------
    tuple
        The sum of the rows' losses, the first gradient's norm, the parameters and each
        array of the state, all times the number of the worker's rows, and that number.
    """
    sizes = np.array([batches.sizes[block.index] for block in blocks])
    n_rows, theta = sizes.sum(), theta.copy()
    names = [name for name in state if name != "t"]
    state = {**state, **{name: state[name].copy() for name in names}}
    losses, first_norm = 0.0, 0.0
    for i, n_updates in batches.turns(sizes):
        block, which = blocks[i], (batches.start, batches.stop, batches.n_batches)
        rows = _rows_of_batches(block, spec, batches.seed, *which)
        if rows is None:
            continue
        n_updates = min(n_updates, rows.n_samples)
        objective = spec.objective(
            rows,
            theta,
            batches.dropout_seed and (batches.dropout_seed, block.index),
            penalty=penalty,
            block_rows=-(-rows.n_samples // n_updates),
        )
        rule, order = objective.compile_rule(optimizer, state), objective.order()
        rates = np.interp(
            np.linspace(0, 1, n_updates),
            np.linspace(0, 1, len(batches.rates)),
            batches.rates,
        )
        with np.errstate(all="ignore"):
            loss, norm = make_updates(
                objective, rule, order, rates, optimizer, state, max_norm
            )
        if rule is not None and "t" in state:
            state["t"] = rule.t
        theta, losses = objective.theta, losses + sizes[i] * loss
        first_norm = first_norm or norm
    values = first_norm, theta, *(state[name] for name in names)
    return losses, *(n_rows * np.asarray(v, np.float64) for v in values), float(n_rows)


@dataclass(frozen=True)
class Batches:
    """Some of the minibatches of an epoch, of every worker's own rows.

    Parameters
    ----------
    seed : int or None
        Draws the order of the rows; None for as they lie.
    start, stop, n_batches : int
        Which batches, of how many.
    rates : ndarray of shape (stop - start,)
    sizes : ndarray of int of shape (n_blocks,)
        Rows of each block.
    dropout_seed : int or None
    """

    seed: int | None
    start: int
    stop: int
    n_batches: int
    rates: np.ndarray
    sizes: np.ndarray
    dropout_seed: int | None

    def turns(self, sizes):
        """Return the order in which blocks take turns, and how many updates each.

        Parameters
        ----------
        sizes : ndarray of int
            Rows of the blocks.

        Returns
        -------
        list of tuple (int, int)
        """
        n_updates = np.maximum(
            1, np.rint((self.stop - self.start) * sizes / max(1, sizes.sum()))
        ).astype(int)
        order = np.arange(len(sizes))
        if self.seed is not None:
            order = np.random.RandomState([self.seed, self.start]).permutation(order)
        return [(i, n_updates[i].item()) for i in order]


def _rows_of_batches(block, spec, seed, start, stop, n_batches):
    """Return the block's rows in some of its minibatches, or None where it has none."""
    sample = spec.part.of(block)
    if sample is None:
        return None
    n = sample.n_samples
    order = block.order(seed, n)[start * n // n_batches : stop * n // n_batches]
    if not len(order):
        return None
    rows = order.astype(np.intp)
    return sample.only(rows if sample.subset is None else sample.subset[rows])
