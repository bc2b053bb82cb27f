"""The objective: mean weighted loss + alpha / (2 n) |W|^2, and its gradient.

    C(theta) = 1/n sum_i w_i C_i(theta) + alpha / (2 n) sum_l |W_l|^2

with n the sum of the sample weights (the number of rows where none are given) and
biases free. A minibatch sees the first term's mean over its own rows. Loss and gradient
are sums over rows, so the full batch is summed over blocks that fit the cache: memory
does not grow with the number of rows.
"""

import numpy as np

from ..network.backend import add_scaled, dot
from ..network.parameters import ParameterVector


class Objective:
    """Loss and gradient of a network over training rows.

    Parameters
    ----------
    network : Network
    parameters : ParameterVector
        Of the network.
    rows : DenseRows or SparseRows
    targets : Targets
    weights : ndarray of shape (n_samples,) or None
        Sample weights of mean 1.
    penalty : float
        The strength of the L2 term, alpha / n; 0 for none.
    block_rows : int
        Rows that are computed at once.
    draw_mask : callable, default=None
        Fills an array with a dropout mask; None for no dropout.

    See Also
    --------
    sklearn_scratchnn.estimator.assembly.make_objective : Makes one from a sample.

    Examples
    --------
    A network of zeros gives three classes a third each, and the loss is log 3:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.estimator.assembly import make_network
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> from sklearn_scratchnn.data.rows import DenseRows, Targets
    >>> X, y = load_iris(return_X_y=True)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> rows = DenseRows(X, None, None, "float64", n_rows=150)
    >>> table = network.loss.target_table(3, 0.0)
    >>> targets = Targets(y, table, "float64")
    >>> objective = Objective(network, layers, rows, targets, None, 0.01, 150)
    >>> print(f"{objective.value_and_gradient():.4f} {np.log(3):.4f}")
    1.0986 1.0986
    """

    def __init__(
        self,
        network,
        parameters,
        rows,
        targets,
        weights,
        penalty,
        block_rows,
        draw_mask=None,
    ):
        self.network, self.parameters = network, parameters
        self.rows, self.targets, self.weights = rows, targets, weights
        self.penalty, self.draw_mask = penalty, draw_mask
        self.n_samples = targets.n_samples
        self.block_rows = min(block_rows, self.n_samples)
        self.theta, self.dtype = parameters.theta, parameters.theta.dtype
        self.n_weights = len(parameters.penalised)
        self.workspace = network.workspace(
            self.block_rows, dropout=draw_mask is not None
        )
        self.gradient = ParameterVector(parameters.layer_sizes, self.dtype)
        self._part = None
        self._uniform = {}
        self._only_block = None

    # The full batch ---------------------------------------------------------------

    def value_and_gradient(self):
        """Return C(theta); write dC/dtheta into ``gradient.theta``.

        Returns
        -------
        float
            Over all rows, penalty included.
        """
        value, into = 0.0, self.gradient
        for X, Y, weight, ws in self.blocks():
            value += self.network.value_and_gradient(
                X, Y, weight, ws, into, self.draw_mask
            )
            if into is not self.gradient:
                self.gradient.theta += into.theta
            elif self.block_rows < self.n_samples:
                into = self._block_gradient()
        self.add_penalty_gradient()
        return value + self.penalty_value()

    def value(self):
        """Return C(theta).

        Returns
        -------
        float
            Over all rows, without dropout, penalty included.
        """
        value = 0.0
        for X, Y, weight, ws in self.blocks():
            z = self.network.forward(X, ws)
            value += self.network.loss.value_and_delta(z, Y, weight, ws)
        return value + self.penalty_value()

    def row_losses(self):
        """Return the loss of each row.

        Returns
        -------
        ndarray of shape (n_samples,)
            Without weight and penalty.
        """
        losses = np.empty(self.n_samples, self.dtype)
        start = 0
        for X, _, _, ws in self.blocks():
            block = slice(start, start := start + ws.n_rows)
            codes = self.targets.block(block.start, block.stop)
            # Not the block's own: times a weight, which may have been rounded to 0.
            Y = self.targets.scaled(codes, 1.0, np.empty_like(ws.targets))
            z = self.network.forward(X, ws)
            losses[block] = self.network.loss.row_losses(z, Y)
        return losses

    def mean(self, rows):
        """Return the weighted mean of a value per row.

        Parameters
        ----------
        rows : ndarray of shape (n_samples,)

        Returns
        -------
        float
            By the objective's weights.
        """
        return float(np.average(rows, weights=self.weights))

    def blocks(self):
        """Return the full batch, a block of rows at a time.

        Returns
        -------
        iterable of tuple (X, Y, weight, ws)
            As `batches` yields them, except that the weights sum to 1 over all blocks.
            The next block overwrites X, and all that follows.
        """
        if self.block_rows == self.n_samples:
            if self._only_block is None:
                self._only_block = (self._block(0, self.n_samples),)
            return self._only_block
        n, step = self.n_samples, self.block_rows
        return (self._block(i, min(i + step, n)) for i in range(0, n, step))

    def _block(self, start, stop):
        ws = self.workspace.head(stop - start)
        X, codes = self.rows.block(start, stop), self.targets.block(start, stop)
        return X, *self._targets(codes, slice(start, stop), self.n_samples, ws), ws

    def _targets(self, codes, rows, n, ws):
        """Return the targets, times weight, and the weights, of mean 1 / n, of rows."""
        Y = self.targets.scaled(codes, 1 / n, ws.targets)
        if self.weights is None:
            return Y, self._uniform_weight(ws.n_rows, n)
        weight = self.weights[rows]
        Y *= weight
        return Y, weight / n

    def _block_gradient(self):
        if self._part is None:
            self._part = ParameterVector(self.gradient.layer_sizes, self.dtype)
        return self._part

    def add_penalty_gradient(self):
        """Add alpha/n W to the gradient."""
        if self.penalty:
            add_scaled(
                self.parameters.penalised, self.penalty, self.gradient.penalised
            )

    def penalty_value(self):
        """Return alpha / (2 n) |W|^2.

        Returns
        -------
        float
            Biases are free.
        """
        if not self.penalty:
            return 0.0
        W = self.parameters.penalised
        return 0.5 * self.penalty * dot(W, W)

    # Minibatches ------------------------------------------------------------------

    def batches(self, order, batch_size):
        """Yield minibatches, to be handed to `batch_value_and_gradient`.

        Rows are gathered for several batches at once: for narrow X the call costs more
        than the rows it copies.

        Parameters
        ----------
        order : ndarray of int of shape (n_samples,)
            The rows' indices, in the order in which they are visited.
        batch_size : int
            Rows of a batch; the last may have fewer.

        Yields
        ------
        X : ndarray or CentredRows of shape (B, D)
            The next batches overwrite it, and all that follows.
        Y : ndarray of shape (K, B)
            Targets times weight.
        weight : ndarray of shape (B,)
            Of mean 1 / B, where all rows weigh alike.
        ws : Workspace
            For B rows.
        """
        self._only_block = None  # its buffers are about to be overwritten
        chunk = self.rows.batches_at_once(batch_size) * batch_size
        for begin in range(0, len(order), chunk):
            indices = order[begin : begin + chunk]
            X, codes = self.rows.take(indices), self.targets.take(indices)
            n = len(indices)
            for start in range(0, n, batch_size):
                B = min(batch_size, n - start)
                batch = slice(start, start + B)
                ws = self.workspace.head(B)
                Y_and_weight = self._targets(codes[..., batch], indices[batch], B, ws)
                yield X if B == n else X[batch], *Y_and_weight, ws

    def batch_value_and_gradient(self, X, Y, weight, ws):
        """Return a batch's loss without penalty; write the whole gradient.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
        Y : ndarray of shape (K, B)
        weight : ndarray of shape (B,)
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

    def _uniform_weight(self, n_rows, n):
        weight = self._uniform.get((n_rows, n))
        if weight is None:
            weight = self._uniform[n_rows, n] = np.full(n_rows, 1.0 / n, self.dtype)
        return weight
