"""The network: a forward pass, and backpropagation, the forward pass undone.

A batch of B rows is kept as columns, ``a_0 = X^T`` of shape (D, B), so that a sum over
a layer's few units, or a bias, runs along the batch. For layers l = 1 .. L::

    F1  z_l = W_l^T a_{l-1} + b_l           (fan_out, B)
    F2  a_l = f_l(z_l)                      hidden layers; the loss reads the logits z_L
    F3  a_l <- a_l m_l                      dropout in training, masks m of mean 1

    B1  dC/dW_l = a_{l-1} delta_l^T         with delta_l = dC/dz_l
    B2  dC/db_l = row sums of delta_l
    B3  dC/da_{l-1} = W_l delta_l
    B4  delta_{l-1} = dC/da_{l-1} f'(z_{l-1})

The loss hands in delta_L = p - Y. Written with rows, as most texts have it, F1 is
``z = a W + b`` and B1 is ``a^T delta``: the same products, transposed.
"""

import math
from functools import partial

import numpy as np
from numpy import multiply

from .backend import (
    as_array,
    first_gradient,
    first_layer,
    outer_adder,
    outputs_maximum,
)


class Workspace:
    """The buffers of a forward pass, and of a backward pass, over ``n_rows`` rows.

    Made once per training and reused: a batch allocates nothing that grows with it.

    Parameters
    ----------
    network : Network
        Whose sizes and dtype it has.
    n_rows : int
    backward : bool, default=True
        Whether there are buffers for the loss and the backward pass.
    dropout : bool, default=False
        Whether masks, and the activations under them, are kept.
    memory : dict, default=None
        The flat arrays of a larger workspace, to be shared.

    Examples
    --------
    >>> from sklearn_scratchnn.estimator.assembly import make_network
    >>> from sklearn_scratchnn.network.network import Workspace
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> layers = ParameterVector((2, 3, 2))
    >>> ws = Workspace(make_network(layers, ["tanh"], "softmax_cross_entropy"), 5)
    >>> [a.shape for a in ws.outputs], ws.logits.shape
    ([(3, 5)], (2, 5))
    """

    def __init__(
        self,
        network,
        n_rows,
        backward=True,
        dropout=False,
        memory=None,
    ):
        self.network, self.n_rows = network, n_rows
        self._made_with = backward, dropout
        self._memory = {} if memory is None else memory
        self._heads = {}
        activations, K = network.activations, network.layer_sizes[-1]
        always, with_dropout = [[wanted] * network.last for wanted in (True, dropout)]
        self.outputs = self._layers("outputs", always)
        kept = self._layers("inputs", [f.keeps_input for f in activations])
        self.inputs = [a if z is None else z for z, a in zip(kept, self.outputs)]
        self.scratch = self._layers("scratch", [f.uses_scratch for f in activations])
        self.masks = self._layers("masks", with_dropout)
        self.dropped = self._layers("dropped", with_dropout)
        self.logits = self._array("logits", K, n_rows)
        self.ones = self._array("ones", n_rows)
        self.ones.fill(1)
        self.add_bias = [
            outer_adder(b, self.ones, z)
            for b, z in zip(network.biases, [*self.inputs, self.logits])
        ]
        # What the forward pass needs of each hidden layer, looked up once.
        self.hidden = list(
            zip(
                network.times,
                self.add_bias,
                activations,
                self.inputs,
                self.outputs,
                self.scratch,
                self.masks,
                self.dropped,
            )
        )
        if backward:
            self.deltas = [*self._layers("deltas", always), self.logits]
            self.delta_rows = [delta.T for delta in self.deltas]
            self._make_room_for_loss(K)

    def _make_room_for_loss(self, K):
        array, n_rows = self._array, self.n_rows
        self.targets = array("targets", K, n_rows)
        self.columns = array("columns", K, n_rows)
        self.row, self.second_row = array("row", n_rows), array("second row", n_rows)
        self.output_ones = array("output ones", K)
        self.output_ones.fill(1)
        self.find_largest = outputs_maximum(self.logits, self.row)
        self.subtract_row = outer_adder(self.output_ones, self.row, self.logits, -1.0)

    def _array(self, name, *shape):
        """Return the head, of a shape, of the flat array of a name."""
        size = math.prod(shape)
        flat = self._memory.get(name)
        if flat is None:
            flat = self._memory[name] = np.zeros(size, self.network.dtype)
        return flat[:size].reshape(shape)

    def _layers(self, name, wanted):
        """Return an array for each hidden layer that wants one, None for the others."""
        return [
            self._array(f"{name} {l}", units, self.n_rows) if wanted[l] else None
            for l, units in enumerate(self.network.layer_sizes[1:-1])
        ]

    def head(self, n_rows):
        """Return the workspace of a smaller batch, in the same memory.

        Parameters
        ----------
        n_rows : int
            At most as many as this one's.

        Returns
        -------
        Workspace
            Made at the first call for a number of rows, and kept.
        """
        # Not kept among the heads: a cycle would outlive its use until it is collected.
        head = self if n_rows == self.n_rows else self._heads.get(n_rows)
        if head is None:
            head = self._heads[n_rows] = Workspace(
                self.network, n_rows, *self._made_with, memory=self._memory
            )
        return head


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
    >>> from sklearn_scratchnn.network.activations import ACTIVATIONS
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> from sklearn_scratchnn.network.network import Network
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
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
        # Each writes W_l^T a into its second argument; the first layer's a is X^T.
        self.times = [partial(first_layer, self.weights[0].T)]
        self.times += [W.T.dot for W in self.weights[1:]]

    def workspace(self, n_rows, backward=True, dropout=False):
        """Return a `Workspace` for batches of at most ``n_rows`` rows.

        Parameters
        ----------
        n_rows : int
        backward : bool, default=True
            Whether it has buffers for the loss and the backward pass.
        dropout : bool, default=False
            Whether it keeps masks.

        Returns
        -------
        Workspace
            In the network's sizes and dtype.
        """
        return Workspace(self, n_rows, backward, dropout)

    def forward(self, X, ws, draw_mask=None):
        """Return the logits of the rows X.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
            Of the network's dtype.
        ws : Workspace
            For B rows; the pass is left in it, for `backward`.
        draw_mask : callable, default=None
            Fills a mask of F3; given in training with dropout alone.

        Returns
        -------
        ndarray of shape (K, B)
            ``ws.logits``: the next pass overwrites it.
        """
        a = X
        for times, add_bias, f, z, out, scratch, mask, dropped in ws.hidden:
            times(a, z)                                                 # (fan_out, B)
            add_bias()                                                  # F1
            f.apply(z, out, scratch)                                    # F2
            a = out
            if draw_mask is not None:
                draw_mask(mask)
                a = multiply(out, mask, dropped)                        # F3
        self.times[-1](a, ws.logits)
        ws.add_bias[-1]()                                               # F1
        return ws.logits

    def backward(self, X, ws, gradient, draw_mask=None):
        """Write dC/dtheta into ``gradient``.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
            As `forward` saw it.
        ws : Workspace
            Holds the forward pass of X, and delta_L in place of its logits; spent.
        gradient : ParameterVector
            Overwritten.
        draw_mask : callable, default=None
            Whether it is None tells whether the forward pass had masks.
        """
        a = ws.outputs if draw_mask is None else ws.dropped
        ones, deltas, delta_rows = ws.ones, ws.deltas, ws.delta_rows
        dW, db = gradient.weights, gradient.biases
        for l in range(self.last, 0, -1):
            a[l - 1].dot(delta_rows[l], dW[l])                          # B1
            deltas[l].dot(ones, db[l])                                  # B2
            self._delta_below(l, ws, draw_mask)                         # B3, B4
        first_gradient(X, delta_rows[0], dW[0])                         # B1
        deltas[0].dot(ones, db[0])                                      # B2

    def _delta_below(self, l, ws, draw_mask=None):
        """Write delta_{l-1} from delta_l; the output of layer l - 1 becomes its f'."""
        z, a, below = ws.inputs[l - 1], ws.outputs[l - 1], ws.deltas[l - 1]
        self.weights[l].dot(ws.deltas[l], below)                        # B3
        if draw_mask is not None:
            below *= ws.masks[l - 1]
        self.activations[l - 1].derivative(z, a, a, ws.scratch[l - 1])
        multiply(below, a, below)                                       # B4

    def value_and_gradient(self, X, Y, weight, ws, gradient, draw_mask=None):
        """Return the weighted loss; write its derivative into ``gradient``.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
        Y : ndarray of shape (K, B)
            Targets times ``weight``.
        weight : ndarray of shape (B,)
            All positive.
        ws : Workspace
            For B rows; spent.
        gradient : ParameterVector
            Overwritten.
        draw_mask : callable, default=None
            Fills a mask of F3; None for no dropout.

        Returns
        -------
        float
            ``sum_b weight_b C_b``.
        """
        z = self.forward(X, ws, draw_mask)
        value = self.loss.value_and_delta(z, Y, weight, ws)
        self.backward(X, ws, gradient, draw_mask)
        return value

    def row_gradients(self, X, ws, out):
        """Write each row's own dC/dtheta into ``out``; else like `backward`.

        B1 and B2 before the sum over rows.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
            As `forward` saw it.
        ws : Workspace
            As for `backward`.
        out : ndarray of shape (B, P)
            Overwritten; P is the number of parameters.

        Returns
        -------
        ndarray of shape (B, P)
            ``out``.
        """
        B, bias = out.shape
        start = sum(W.size for W in self.weights)
        for l in range(self.last, -1, -1):
            fan_in, fan_out = self.weights[l].shape
            bias, start = bias - fan_out, start - fan_in * fan_out
            rows = out[:, start : start + fan_in * fan_out].reshape(B, fan_in, fan_out)
            a, delta = ws.outputs[l - 1] if l else as_array(X).T, ws.deltas[l]
            np.einsum("ib,jb->bij", a, delta, out=rows)                 # B1
            out[:, bias : bias + fan_out] = delta.T                     # B2
            if l:
                self._delta_below(l, ws)                                # B3, B4
        return out

    def input_gradients(self, ws):
        """Return dC/dX^T, given delta_L in place of the logits.

        Parameters
        ----------
        ws : Workspace
            As for `backward`; spent.

        Returns
        -------
        ndarray of shape (D, B)
            A new array.
        """
        for l in range(self.last, 0, -1):
            self._delta_below(l, ws)                                    # B3, B4
        return self.weights[0].dot(ws.deltas[0])                        # B3
