"""The objective over blocks on a cluster: the same sum, a term a block."""

import numpy as np

from ..training.dropout import LEVELS
from ..training.objective import PenalisedObjective
from . import passes
from .blocks import rows_at_hand
from .passes import Batches, Spec
from .tree import add_parts
from .workers import Blocks

# Updates that a worker makes in an epoch, if one machine would make as many. With fewer
# networks learn too little; with more its minibatches become too small to be quick.
MOST_UPDATES = 1000
LARGE_PARAMETERS = 2**20  # bytes, from which each worker fetches them from another


class ClusterObjective(PenalisedObjective):
    """Loss and gradient of a network over the blocks of a `ClusterSample`.

    A pass takes one round trip: parameters go out, and sums come back.

    Parameters
    ----------
    network : Network
    sample : ClusterSample
    penalty : float, default=0.0
    block_rows : int, default=None
        Rows of a minibatch; None where there are none.
    draw_mask : DropoutMasks, default=None
        Whose generator draws the seeds of the blocks' own masks.
    label_smoothing : float, default=0.0
        All as of `Objective`.
    """

    compiled = None

    def __init__(
        self,
        network,
        sample,
        penalty=0.0,
        block_rows=None,
        draw_mask=None,
        label_smoothing=0.0,
    ):
        super().__init__(network, penalty)
        self.draw_mask, self._has_batches = draw_mask, block_rows is not None
        self.n_samples, self.total_weight = sample.n_samples, sample.total_weight
        self.block_rows = block_rows or 1
        self._blocks, self._sizes = sample.blocks, sample.sizes
        self.local_steps = sample.local_steps
        self._spec = sample.blocks.share(
            Spec(
                network.layer_sizes,
                tuple(f.name for f in network.activations),
                network.loss,
                self.dtype,
                sample.part,
                label_smoothing,
                draw_mask.least / LEVELS if draw_mask is not None else 0.0,
            )
        )

    def _sum(self, function, *args, over=Blocks.sum):
        theta = self.theta.copy()
        if theta.nbytes > LARGE_PARAMETERS:
            theta = self._blocks.share(theta)
        given = self._spec, theta, *args
        return over(self._blocks, function, *given, add=add_parts)

    def _dropout_seed(self):
        if self.draw_mask is None:
            return None
        return int(self.draw_mask.generator.integers(2**31))

    # The full batch ---------------------------------------------------------------

    def value_and_gradient(self):
        """Return C(theta); write dC/dtheta; see `Objective.value_and_gradient`."""
        seed = self._dropout_seed()
        value, gradient = self._sum(passes.value_and_gradient, seed)
        return self._write(value, gradient)

    def _write(self, value, gradient):
        self.gradient.theta[:] = gradient / self.total_weight
        self.add_penalty_gradient()
        return value / self.total_weight + self.penalty_value()

    def value(self):
        """Return C(theta); see `Objective.value`."""
        (value,) = self._sum(passes.value)
        return value / self.total_weight + self.penalty_value()

    def curvature(self):
        """Return C(theta) and its Gauss-Newton matrix; see `Objective.curvature`."""
        value, gradient, G = self._sum(passes.curvature)
        G = (G / self.total_weight).astype(self.dtype)
        return self._write(value, gradient), G + self.penalty_curvature()

    def outputs(self):
        """Return logits, targets and weights of `rows_at_hand`, as `Objective` does."""
        given = self._spec, self.theta.copy(), rows_at_hand(self._sizes)
        parts = self._blocks.collect(passes.outputs, *given)
        parts = [part for part in parts if part is not None]
        return tuple(np.concatenate(arrays) for arrays in zip(*parts))

    # Minibatches ------------------------------------------------------------------

    def order(self, random_state=None):
        """Return what draws the order of each block's rows in an epoch.

        Parameters
        ----------
        random_state : numpy.random.RandomState, default=None
            None for the rows as they lie.

        Returns
        -------
        Order
        """
        seed = None if random_state is None else random_state.randint(2**31)
        if self.local_steps == 1:
            return Order(seed, self.n_samples)
        size, most = self.block_rows, self._blocks.rows_at_most(self._sizes)
        as_one_machine = min(-(-self.n_samples // size), MOST_UPDATES, most)
        return Order(seed, size * max(as_one_machine, -(-most // size)))

    def compile_rule(self, optimizer, state):
        """Return what makes updates on the workers, or None where each is the client's.

        Parameters
        ----------
        optimizer : Optimizer
        state : dict

        Returns
        -------
        LocalRule or None
        """
        if not self._has_batches or self.local_steps == 1:
            return None
        return LocalRule(optimizer, state)

    def update_batches(self, rule, order, n_batches, rates, max_norm):
        """Let the workers make updates, and take the mean of what they come to.

        Parameters
        ----------
        rule : LocalRule
        order : Order
        n_batches : int
            Of every worker.
        rates : ndarray of shape (n_batches,)
        max_norm : float or None

        Returns
        -------
        loss : float
            The mean over the rows, without penalty.
        norm : float
            Of the first gradients, the mean.
        """
        total, first_norm = 0.0, None
        arrays = [name for name in rule.state if name != "t"]
        for start in range(0, n_batches, self.local_steps):
            stop = min(start + self.local_steps, n_batches)
            batches = Batches(
                order.seed,
                start,
                stop,
                n_batches,
                rates[start:stop],
                self._sizes,
                self._dropout_seed(),
            )
            settings = batches, rule.optimizer, rule.state, self.penalty, max_norm
            *sums, weight = self._sum(
                passes.local_updates, *settings, over=Blocks.sum_of_workers
            )
            loss, norm, theta, *states = (part / weight for part in sums)
            self.theta[:] = theta
            for name, mean in zip(arrays, states):
                rule.state[name][:] = mean
            rule.count(stop - start)
            total += loss * (stop - start)
            first_norm = norm if first_norm is None else first_norm
        return float(total / n_batches), float(first_norm)

    def batches(self, order, n_batches):
        """Yield minibatches for `batch_value_and_gradient`, of rows of every block.

        Parameters
        ----------
        order : Order
        n_batches : int

        Yields
        ------
        seed, i, n_batches : int
            Which batch.
        rows : RowCount
        """
        for i in range(n_batches):
            rows = (i + 1) * len(order) // n_batches - i * len(order) // n_batches
            yield order.seed, i, n_batches, RowCount(rows)

    def batch_value_and_gradient(self, seed, i, n_batches, rows):
        """Return a batch's loss without penalty; write the whole gradient.

        Parameters
        ----------
        seed, i, n_batches, rows
            As `batches` yields them.

        Returns
        -------
        float
        """
        value, gradient, weight = self._sum(
            passes.batch, seed, i, n_batches, self._dropout_seed()
        )
        self.gradient.theta[:] = gradient / weight
        self.add_penalty_gradient()
        return float(value / weight)


class Order:
    """Stands for the order of the rows of an epoch, which workers draw.

    Parameters
    ----------
    seed : int or None
    n_rows : int
        That its batches are counted of.
    """

    def __init__(self, seed, n_rows):
        self.seed, self._n_rows = seed, n_rows

    def __len__(self):
        return self._n_rows


class RowCount:
    """Stands for the workspace of a batch, of which its rows are counted.

    Parameters
    ----------
    n_rows : int
    """

    def __init__(self, n_rows):
        self.n_rows = n_rows


class LocalRule:
    """An optimizer whose updates are made on the workers.

    Parameters
    ----------
    optimizer : Optimizer
    state : dict
        Changed in place.
    """

    def __init__(self, optimizer, state):
        self.optimizer, self.state = optimizer, state

    @property
    def t(self):
        """Updates made, by Adam."""
        return self.state.get("t", 0)

    def count(self, n_updates):
        """Count updates, where the optimizer does."""
        if "t" in self.state:
            self.state["t"] += n_updates
