"""The objective: mean weighted loss + alpha / (2 n) |W|^2, and its gradient.

    C(theta) = 1/n sum_i w_i C_i(theta) + alpha / (2 n) sum_l |W_l|^2

with n the sum of the sample weights (the number of rows where none are given) and
biases free. A minibatch sees the first term's mean over its own rows. Loss and gradient
are sums over rows, so the full batch is summed over blocks that fit the cache: memory
does not grow with the number of rows.

The compiled core goes over the rows where it can, and the page, `Network`, elsewhere.
"""

from functools import cached_property

import numpy as np

from ..core.passes import compile_pass, compile_rule
from ..network.curvature import curvature
from ..network.parameters import ParameterVector
from ..network.workspace import rows_of_a_block
from .blas import add_scaled, dot
from .dropout import DropoutMasks

KEPT_BYTES = 2**23  # of all blocks of rows and targets


class PenalisedObjective:
    """The second term, which does not depend on where the rows lie.

    Parameters
    ----------
    network : Network
        With a `ParameterVector`, at which the objective is evaluated.
    penalty : float, default=0.0
        The factor alpha / n of the L2 term; 0 for none.
    """

    def __init__(self, network, penalty=0.0):
        self.network, self.penalty = network, penalty
        self.theta, self.dtype = network.parameters.theta, network.dtype
        self.n_weights = len(network.parameters.penalised)
        self.gradient = ParameterVector(network.layer_sizes, self.dtype)

    def add_penalty_gradient(self):
        """Add alpha/n W to the gradient."""
        if self.penalty:
            W = self.network.parameters.penalised
            add_scaled(W, self.penalty, self.gradient.penalised)

    def penalty_value(self):
        """Return alpha / (2 n) |W|^2.

        Returns
        -------
        float
            Biases are free.
        """
        if not self.penalty:
            return 0.0
        W = self.network.parameters.penalised
        return 0.5 * self.penalty * dot(W, W)

    def penalty_curvature(self):
        """Return the Gauss-Newton matrix of the penalty.

        Returns
        -------
        ndarray of shape (n_parameters, n_parameters)
            A new array.
        """
        n = len(self.theta)
        G = np.zeros((n, n), self.dtype)
        G.flat[: self.n_weights * (n + 1) : n + 1] = self.penalty
        return G


class Objective(PenalisedObjective):
    """Loss and gradient of a network over training rows.

    Parameters
    ----------
    network : Network
        With a `ParameterVector`, at which the objective is evaluated.
    sample : Sample
        The rows that take part, standardised as it says.
    penalty : float, default=0.0
        The factor alpha / n of the L2 term; 0 for none.
    block_rows : int, default=None
        Rows that are computed at once; None for what fits the cache.
    draw_mask : callable, default=None
        Fills an array with a dropout mask and returns it; None for no dropout.
    label_smoothing : float, default=0.0

    Examples
    --------
    A network of zeros gives three classes a third each, and the loss is log 3:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_network((4, 3), [], "softmax_cross_entropy")
    >>> objective = Objective(network, make_sample(X, y, network.loss), penalty=0.01)
    >>> print(f"{objective.value_and_gradient():.4f} {np.log(3):.4f}")
    1.0986 1.0986
    """

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
        self.draw_mask = draw_mask
        self.n_samples = n = sample.n_samples
        self.block_rows = rows_of_a_block(network.layer_sizes, self.dtype, n)
        self._has_batches = block_rows is not None
        if self._has_batches:
            self.block_rows = min(block_rows, n)
        self._sample = sample
        self._table = network.loss.target_table(
            network.layer_sizes[-1], label_smoothing
        )
        self.weights = sample.mean_one_weights(self.dtype)
        self.total_weight = sample.total_weight
        self._kept_blocks = None
        self.compiled = self._compile(batches=self._has_batches)

    def _compile(self, batches=False, curvature=False):
        """Return the compiled passes, or None where the page computes."""
        masks, table = self.draw_mask, self._table
        if masks is not None and type(masks) is not DropoutMasks:
            return None
        return compile_pass(
            self.network,
            self._sample.row_source(),
            self.gradient,
            targets=self._sample.codes,
            target_table=None if table is None else table.astype(self.dtype),
            weights=self.weights,
            block_rows=self.block_rows,
            batches=batches,
            keeps_rows=self._keeps_rows,
            curvature=curvature,
            masks=masks,
        )

    @property
    def _keeps_rows(self):
        """Whether all rows and targets are prepared once and kept."""
        width = self.network.layer_sizes[0] + self.network.layer_sizes[-1]
        return self.n_samples * width * np.dtype(self.dtype).itemsize <= KEPT_BYTES

    # What the page computes with, made when it is asked for --------------------------

    @cached_property
    def rows(self):
        """The rows' inputs."""
        return self._sample.rows(self.dtype, self.block_rows)

    @cached_property
    def targets(self):
        """The rows' targets."""
        return self._sample.targets(self._table, self.dtype, self.block_rows)

    @cached_property
    def workspace(self):
        """The buffers of a block."""
        drops = self.draw_mask is not None
        return self.network.workspace(self.block_rows, dropout=drops)

    @cached_property
    def _block_gradient(self):
        return ParameterVector(self.network.layer_sizes, self.dtype)

    @cached_property
    def _compiled_batches(self):
        return self.compiled if self._has_batches else self._compile(batches=True)

    @cached_property
    def _compiled_curvature(self):
        if self.compiled is None or not self.compiled.looks_nothing_up:
            return None
        return self._compile(curvature=True)

    # The full batch ---------------------------------------------------------------

    def value_and_gradient(self):
        """Return C(theta); write dC/dtheta into ``gradient.theta``.

        Returns
        -------
        float
            Over all rows, penalty included.
        """
        if self.compiled is not None:
            value = self.compiled.value_and_gradient()
        else:
            value = self._sum_over_blocks()
        self.add_penalty_gradient()
        return value + self.penalty_value()

    def _sum_over_blocks(self):
        """Return the loss without penalty; write its gradient."""
        value, into = 0.0, self.gradient
        for X, Y, weight, ws in self.blocks():
            value += self.network.value_and_gradient(
                X, Y, weight, ws, into, self.draw_mask
            )
            if into is not self.gradient:
                self.gradient.theta += into.theta
            elif self.block_rows < self.n_samples:
                into = self._block_gradient
        return value

    def value(self):
        """Return C(theta).

        Returns
        -------
        float
            Over all rows, without dropout, penalty included.
        """
        if self.compiled is not None:
            return self.compiled.value() + self.penalty_value()
        value, loss = 0.0, self.network.loss
        for X, Y, weight, ws in self.blocks():
            z = self.network.forward(X, ws)
            value += loss.value_and_delta(z, Y, weight, ws.output.delta, ws.row)
        return value + self.penalty_value()

    def curvature(self):
        """Return C(theta) and its Gauss-Newton matrix; write dC/dtheta.

        Returns
        -------
        value : float
            Over all rows, penalty included.
        G : ndarray of shape (n_parameters, n_parameters)
            See `sklearn_scratchnn.network.curvature.curvature`.
        """
        if self._compiled_curvature is None:
            return curvature(self)
        value, G = self.value_and_gradient(), self.penalty_curvature()
        self._compiled_curvature.curvature(G)
        return value, G

    def outputs(self):
        """Return the logits of each row, its targets, and its weight.

        Returns
        -------
        logits, targets : ndarray of shape (n_samples, K)
            New arrays.
        weights : ndarray of shape (n_samples, 1)
            As they were given, or 1.
        """
        shape = self.n_samples, self.network.layer_sizes[-1]
        logits, targets = np.empty(shape, self.dtype), np.empty(shape, self.dtype)
        if self.compiled is not None:
            self.compiled.outputs(logits, targets)
        else:
            self._write_outputs(logits, targets)
        weights = np.ones(self.n_samples, self.dtype)
        if self.weights is not None:
            weights = self.total_weight / self.n_samples * self.weights[:, 0]
        return logits, targets, weights[:, np.newaxis]

    def _write_outputs(self, logits, targets):
        start = 0
        for X, Y, _, ws in self.blocks():
            rows = slice(start, start := start + ws.n_rows)
            logits[rows], targets[rows] = self.network.forward(X, ws), Y

    def blocks(self):
        """Return the full batch, a block of rows at a time.

        Returns
        -------
        iterable of tuple (X, Y, weight, ws)
            As `batches` yields them, except that the weights sum to 1 over all blocks.
            Rows and targets that fit into `KEPT_BYTES` are prepared once and kept; of
            others the next block overwrites X, and all that follows.
        """
        if self._kept_blocks is not None:
            return self._kept_blocks
        n, step = self.n_samples, self.block_rows
        blocks = (self._block(i, min(i + step, n)) for i in range(0, n, step))
        if not self._keeps_rows:
            return blocks
        self._kept_blocks = [(X.copy(), Y.copy(), *rest) for X, Y, *rest in blocks]
        return self._kept_blocks

    def _block(self, start, stop):
        X, Y = self.rows.block(start, stop), self.targets.block(start, stop)
        weight = self._weight(slice(start, stop), self.n_samples)
        return X, Y, weight, self.workspace.head(stop - start)

    def _weight(self, rows, n):
        """Return the weights, of mean 1 / n, of some rows; one number if all alike."""
        return 1 / n if self.weights is None else self.weights[rows] / n

    # Minibatches ------------------------------------------------------------------

    def order(self, random_state=None):
        """Return the order in which an epoch visits the rows.

        Parameters
        ----------
        random_state : numpy.random.RandomState, default=None
            Shuffles them; None for as they came.

        Returns
        -------
        ndarray of int of shape (n_samples,)
            Indices.
        """
        if random_state is None:
            return np.arange(self.n_samples)
        return random_state.permutation(self.n_samples)

    def batches(self, order, n_batches):
        """Yield minibatches, to be handed to `batch_value_and_gradient`.

        Parameters
        ----------
        order : ndarray of int of shape (n_samples,)
            The rows' indices, in the order in which they are visited.
        n_batches : int
            So many that none has more than ``block_rows`` rows. They are of equal size:
            none has two rows more than another. A last batch of a few rows would make
            an update of full size from their noise, and swell Adam's second moments.

        Yields
        ------
        X : ndarray or CentredRows of shape (B, D)
            The next batch overwrites it, and all that follows.
        Y : ndarray of shape (B, K)
            Targets.
        weight : float or ndarray of shape (B, 1)
            Of mean 1 / B, where all rows weigh alike.
        ws : Workspace
            For B rows.
        """
        for rows in np.array_split(order, n_batches):
            X, Y = self.rows.take(rows), self.targets.take(rows)
            weight = self._weight(rows, len(rows))
            yield X, Y, weight, self.workspace.head(len(rows))

    def compile_rule(self, optimizer, state):
        """Return the compiled optimizer, or None where it updates in NumPy.

        Parameters
        ----------
        optimizer : Optimizer
        state : dict
            Its arrays are written in place.

        Returns
        -------
        Rule or None
            None also for a state of another dtype, which a `partial_fit` may bring.
        """
        rule = None if self.compiled is None else optimizer.rule(state)
        if rule is None or any(
            rule.get(name) is not None and rule[name].dtype != self.dtype
            for name in ("first", "second")
        ):
            return None
        return compile_rule(**rule)

    def descend(self, rule, rate, max_norm):
        """Update once by the gradient over all rows, in the compiled core.

        Parameters
        ----------
        rule : Rule
        rate : float
        max_norm : float or None

        Returns
        -------
        loss, norm : float
            Of the parameters before the step.
        """
        self.compiled.penalty = self.penalty
        return self.compiled.descend(rule, rate, max_norm or 0.0)

    def update_batches(self, rule, order, n_batches, rates, max_norm):
        """Update once for each minibatch, in the compiled core.

        Parameters
        ----------
        rule : Rule
        order : ndarray of int of shape (n_samples,)
        n_batches : int
        rates : ndarray of shape (n_batches,)
        max_norm : float or None

        Returns
        -------
        loss : float
            The mean over the rows, without penalty.
        norm : float
            Of the first gradient.
        """
        batches = self._compiled_batches
        batches.penalty = self.penalty
        order = np.ascontiguousarray(order, np.int64)  # drawn as int32 on Windows
        loss, norm = batches.batches(rule, order, n_batches, rates, max_norm or 0.0)
        return loss / self.n_samples, norm

    def batch_value_and_gradient(self, X, Y, weight, ws):
        """Return a batch's loss without penalty; write the whole gradient.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
        Y : ndarray of shape (B, K)
        weight : float or ndarray of shape (B, 1)
        ws : Workspace
            All four as `batches` yields them.

        Returns
        -------
        float
            The weighted mean over the batch's rows.
        """
        value = self.network.value_and_gradient(
            X, Y, weight, ws, self.gradient, self.draw_mask
        )
        self.add_penalty_gradient()
        return value
