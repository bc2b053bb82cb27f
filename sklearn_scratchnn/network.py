"""The network: a forward pass, and backpropagation, the forward pass undone.

For a batch of B rows and layers l = 1 .. L::

    F1  z_l = a_{l-1} W_l + b_l             a_0 = X
    F2  a_l = f_l(z_l)                      hidden layers; the loss reads the logits z_L
    F3  a_l = a_l m_l                       dropout in training, m of mean 1

    B1  dC/dW_l = a_{l-1}^T delta_l         delta_l = dC/dz_l
    B2  dC/db_l = column sums of delta_l
    B3  dC/da_{l-1} = delta_l W_l^T
    B4  delta_{l-1} = dC/da_{l-1} f'(z_{l-1})

The loss hands in delta_L = p - Y. The last layer is kept as columns, (K, B), because
sums over few outputs are fastest along the batch; ``.T`` is free.
"""

import numpy as np

from .backend import as_array, multiply, multiply_to_columns, multiply_transposed


class Workspace:
    """The buffers of a forward and a backward pass over ``n_rows`` rows.

    Made once per training and reused: a batch allocates nothing that grows with it.

    Parameters
    ----------
    layer_sizes : sequence of int
        Features, hidden units of each layer, outputs.
    activations : sequence of Activation
        One per hidden layer.
    n_rows : int
    dtype : dtype
    dropout : bool, default=False
        Whether masks, and the activations under them, are kept.
    memory : dict, default=None
        The flat arrays of a larger workspace, to be shared.
    """

    def __init__(
        self, layer_sizes, activations, n_rows, dtype, dropout=False, memory=None
    ):
        self._made_with = layer_sizes, activations, dtype, dropout
        self._memory = {} if memory is None else memory
        self._heads = {n_rows: self}
        self.n_rows = n_rows
        n_layers, units, K = len(activations), layer_sizes[1:-1], layer_sizes[-1]

        def array(name, *shape):
            size = int(np.prod(shape))
            flat = self._memory.setdefault(name, np.zeros(size, dtype))
            return flat[:size].reshape(shape)

        def layers(name, wanted):
            return [
                array(f"{name} {l}", n_rows, units[l]) if wanted[l] else None
                for l in range(n_layers)
            ]

        self.outputs = layers("outputs", [True] * n_layers)
        self.deltas = layers("deltas", [True] * n_layers)
        self.inputs = layers("inputs", [f.keeps_input for f in activations])
        self.scratch = layers("scratch", [f.uses_scratch for f in activations])
        self.masks = layers("masks", [dropout] * n_layers)
        self.dropped = layers("dropped", [dropout] * n_layers)
        self.logits = array("logits", K, n_rows)
        self.targets = array("targets", K, n_rows)
        self.products = array("products", K, n_rows)
        self.row_sums = array("row sums", n_rows)
        self.row = array("row", n_rows)
        self.ones = array("ones", n_rows)
        self.ones.fill(1)

    def head(self, n_rows):
        """Return the workspace of a smaller batch, in the same memory."""
        if n_rows not in self._heads:
            layer_sizes, activations, dtype, dropout = self._made_with
            self._heads[n_rows] = Workspace(
                layer_sizes, activations, n_rows, dtype, dropout, self._memory
            )
        return self._heads[n_rows]


class Network:
    """A multi-layer perceptron.

    Parameters
    ----------
    weights : list of ndarray of shape (fan_in, fan_out)
        One per layer, the output's last. They are read at every pass: where they are
        views of a `ParameterVector`, a step of an optimizer is a step of the network.
    biases : list of ndarray of shape (fan_out,)
    activations : sequence of Activation
        One per hidden layer.
    loss : Loss

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.activations import ACTIVATIONS
    >>> from sklearn_scratchnn.losses import LOSSES
    >>> from sklearn_scratchnn.network import Network
    >>> from sklearn_scratchnn.parameters import ParameterVector
    >>> layers = ParameterVector((2, 3, 2))
    >>> loss = LOSSES["softmax_cross_entropy"]
    >>> network = Network(layers.weights, layers.biases, [ACTIVATIONS["tanh"]], loss)
    >>> ws = network.workspace(n_rows=5)
    >>> network.forward(np.ones((5, 2)), ws).shape
    (2, 5)
    """

    def __init__(self, weights, biases, activations, loss):
        self.weights, self.biases = list(weights), list(biases)
        self.layer_sizes = (weights[0].shape[0], *(len(b) for b in biases))
        self.dtype = weights[0].dtype
        self.activations = tuple(activations)
        self.loss = loss
        self.last = len(self.activations)
        self._last_bias = self.biases[-1][:, np.newaxis]                # (K, 1)

    def workspace(self, n_rows, dropout=False):
        """Return a `Workspace` for batches of at most ``n_rows`` rows."""
        return Workspace(
            self.layer_sizes, self.activations, n_rows, self.dtype, dropout
        )

    def forward(self, X, ws, draw_mask=None):
        """Return the logits of X, one row of (B, D) a column of (K, B), in ``ws``.

        ``draw_mask``, given in training with dropout alone, fills a mask of F3.
        """
        a = X                                                           # (B, D)
        for l in range(self.last):
            f, out = self.activations[l], ws.outputs[l]                 # (B, fan_out)
            z = ws.inputs[l] if f.keeps_input else out
            multiply(a, self.weights[l], out=z)
            z += self.biases[l]                                         # F1
            f.apply(z, out, ws.scratch[l])                              # F2
            a = out
            if draw_mask is not None:
                draw_mask(ws.masks[l])
                a = np.multiply(out, ws.masks[l], out=ws.dropped[l])    # F3
        multiply_to_columns(a, self.weights[-1], out=ws.logits)         # (K, B)
        ws.logits += self._last_bias                                    # F1
        return ws.logits

    def backward(self, X, ws, gradient, draw_mask=None):
        """Write dC/dtheta into ``gradient``, a ParameterVector; spends ``ws``.

        ``ws`` holds the forward pass of X, and delta_L in place of its logits.
        """
        a = ws.outputs if draw_mask is None else ws.dropped
        delta = ws.logits.T                                             # (B, K)
        for l in range(self.last, 0, -1):
            np.matmul(a[l - 1].T, delta, out=gradient.weights[l])       # B1
            np.dot(ws.ones, delta, out=gradient.biases[l])              # B2
            delta = self._layer_below(l, delta, ws, draw_mask)          # B3, B4
        multiply_transposed(X, delta, out=gradient.weights[0])          # B1
        np.dot(ws.ones, delta, out=gradient.biases[0])                  # B2

    def _layer_below(self, l, delta, ws, draw_mask=None):
        """Return delta_{l-1} from delta_l; the output of layer l - 1 becomes its f'."""
        f, a, below = self.activations[l - 1], ws.outputs[l - 1], ws.deltas[l - 1]
        z = ws.inputs[l - 1] if f.keeps_input else a
        np.matmul(delta, self.weights[l].T, out=below)                  # B3
        if draw_mask is not None:
            below *= ws.masks[l - 1]
        f.derivative(z, a, a, ws.scratch[l - 1])
        below *= a                                                      # B4
        return below

    def value_and_gradient(self, X, Y, weight, ws, gradient, draw_mask=None):
        """Return ``sum_b weight_b C_b``; write its derivative into ``gradient``."""
        z = self.forward(X, ws, draw_mask)
        value = self.loss.value_and_delta(
            z, Y, weight, ws.products, ws.row_sums, ws.row
        )
        self.backward(X, ws, gradient, draw_mask)
        return value

    def row_gradients(self, X, ws, out):
        """Write each row's own dC/dtheta, (B, P), into ``out``; else like `backward`.

        B1 and B2 before the sum over rows.
        """
        B, bias = out.shape
        delta, start = ws.logits.T, sum(W.size for W in self.weights)
        for l in range(self.last, -1, -1):
            W = self.weights[l]
            a = ws.outputs[l - 1] if l else as_array(X)
            bias -= W.shape[1]
            out[:, bias : bias + W.shape[1]] = delta                    # B2
            start -= W.size
            rows = out[:, start : start + W.size].reshape(B, *W.shape)
            np.multiply(a[:, :, np.newaxis], delta[:, np.newaxis, :], out=rows)  # B1
            if l:
                delta = self._layer_below(l, delta, ws)                 # B3, B4
        return out

    def input_gradients(self, ws):
        """Return dC/dX of shape (B, D) given delta_L in place of the logits; spends ``ws``."""
        delta = ws.logits.T
        for l in range(self.last, 0, -1):
            delta = self._layer_below(l, delta, ws)                     # B3, B4
        return delta @ self.weights[0].T                                # B3
