"""The network: a forward pass, and backpropagation, the forward pass undone.

A batch is B rows: ``a_0 = X`` of shape (B, D). For layers l = 1 .. L::

    F1  z_l = a_{l-1} W_l + b_l             (B, fan_out)
    F2  a_l = f_l(z_l)                      hidden layers; the loss reads the logits z_L
    F3  a_l <- a_l m_l                      dropout in training, masks m of mean 1

    B1  dC/dW_l = a_{l-1}^T delta_l         with delta_l = dC/dz_l, (B, fan_out)
    B2  dC/db_l = sum of delta_l over rows
    B3  dC/da_{l-1} = delta_l W_l^T
    B4  delta_{l-1} = dC/da_{l-1} f'(z_{l-1})

The loss hands in delta_L. Each operation and its backward stand together; each writes
into an array that is handed to it, and returns that array.
"""

import numpy as np

from .activations import ACTIVATIONS
from .losses import LOSSES
from .parameters import Layers, ParameterVector
from .workspace import Workspace


def linear(a, W, b, out):
    """Write a layer's z into ``out``."""
    z = a.dot(W, out=out)
    z += b
    return z                                                            # F1


def linear_backward(delta, a, dW, db):
    """Write the derivatives in the layer's weights and biases."""
    a.T.dot(delta, out=dW)                                              # B1
    delta.sum(axis=0, out=db)                                           # B2


def linear_backward_input(delta, W, out):
    """Write the derivative in the layer's input into ``out``."""
    return delta.dot(W.T, out=out)                                      # B3


def activation(f, z, out):
    """Write a hidden layer's output into ``out``; z may be spent."""
    return f(z, out=out)                                                # F2


def activation_backward(f, z, a, dC_da, slope):
    """Turn dC/da into delta, in place; z and a are spent, ``slope`` takes f'(z)."""
    dC_da *= f.derivative(z, a, out=slope)                              # B4
    return dC_da


def dropout(a, mask, out):
    """Write the output that is left under a mask into ``out``."""
    return np.multiply(a, mask, out=out)                                # F3


def dropout_backward(dC_da, mask):
    """Turn the derivative in ``a m`` into that in a, in place."""
    dC_da *= mask
    return dC_da


class Network:
    """A multi-layer perceptron.

    Parameters
    ----------
    parameters : Layers
        A `ParameterVector` in training, which the network then owns. Its weights and
        biases are read anew for every batch: a step of an optimizer in the vector is a
        step of the network.
    activations : sequence of Activation
        One per hidden layer.
    loss : Loss

    See Also
    --------
    make_network : Makes one from sizes and names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.network import make_network
    >>> network = make_network((2, 3, 2), ["tanh"], "softmax_cross_entropy")
    >>> network.forward(np.ones((5, 2)), network.workspace(n_rows=5)).shape
    (5, 2)
    """

    def __init__(self, parameters, activations, loss):
        self.parameters = parameters
        self.weights, self.biases = parameters.weights, parameters.biases
        self.layer_sizes, self.dtype = parameters.layer_sizes, parameters.dtype
        self.activations = tuple(activations)
        self.loss = loss

    def __reduce__(self):
        """Let a copy read the weights of its own vector."""
        return Network, (self.parameters, self.activations, self.loss)

    def workspace(self, n_rows, backward=True, dropout=False):
        """Return a `Workspace` for batches of at most ``n_rows`` rows.

        Parameters
        ----------
        n_rows : int
        backward : bool, default=True
            Whether it has buffers for the loss and the backward pass.
        dropout : bool, default=False
            Whether it has masks.

        Returns
        -------
        Workspace
            In the network's sizes and dtype.
        """
        return Workspace(self.layer_sizes, self.dtype, n_rows, backward, dropout)

    def forward(self, X, ws, draw_mask=None):
        """Return the logits of the rows X.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
            Of the network's dtype.
        ws : Workspace
            For B rows; it keeps what `backward` needs.
        draw_mask : callable, default=None
            Fills a mask of F3 and returns it; given in training with dropout alone.

        Returns
        -------
        ndarray of shape (B, K)
            The array ``ws.logits``: the next forward pass overwrites it.
        """
        a = X                                                           # (B, D)
        hidden = zip(self.weights, self.biases, self.activations, ws.hidden)
        for W, b, f, layer in hidden:
            layer.input, layer.dropped = a, draw_mask is not None
            z = linear(a, W, b, out=layer.z)                            # F1
            a = activation(f, z, out=layer.a)                           # F2
            if draw_mask is not None:
                a = dropout(a, draw_mask(layer.mask), out=layer.kept)   # F3
        ws.output.input = a
        return linear(a, self.weights[-1], self.biases[-1], out=ws.logits)  # F1

    def backward(self, ws, gradient):
        """Write dC/dtheta into ``gradient``.

        Parameters
        ----------
        ws : Workspace
            Holds a forward pass, and delta_L; spent.
        gradient : ParameterVector
            Overwritten.
        """
        for l in range(len(self.weights) - 1, -1, -1):
            delta, a = ws.layers[l].delta, ws.layers[l].input
            linear_backward(delta, a, gradient.weights[l], gradient.biases[l])
            if l > 0:
                self.backward_to(l - 1, ws)

    def backward_to(self, l, ws):
        """Write the delta of hidden layer ``l`` from that of the layer above.

        Parameters
        ----------
        l : int
            From 0, the first hidden layer.
        ws : Workspace
            As for `backward`.

        Returns
        -------
        ndarray of shape (B, fan_out)
            The array ``ws.layers[l].delta``.
        """
        layer, above = ws.layers[l], ws.layers[l + 1]
        dC_da = linear_backward_input(above.delta, self.weights[l + 1], layer.delta)
        if layer.dropped:
            dropout_backward(dC_da, layer.mask)
        f = self.activations[l]
        return activation_backward(f, layer.z, layer.a, dC_da, layer.slope)

    def value_and_gradient(self, X, Y, weight, ws, gradient, draw_mask=None):
        """Return the weighted loss; write its derivative into ``gradient``.

        Parameters
        ----------
        X : ndarray or CentredRows of shape (B, D)
        Y : ndarray of shape (B, K)
            Targets.
        weight : float or ndarray of shape (B, 1)
            Of every row, or each row's own; positive.
        ws : Workspace
            For B rows; spent.
        gradient : ParameterVector
            Overwritten.
        draw_mask : callable, default=None
            Fills a mask of F3 and returns it; None for no dropout.

        Returns
        -------
        float
            ``sum_b weight_b C_b``.
        """
        z = self.forward(X, ws, draw_mask)
        value = self.loss.value_and_delta(z, Y, weight, ws.output.delta, ws.row)
        self.backward(ws, gradient)
        return value

    def input_gradients(self, ws):
        """Return dC/dX, the derivative in each feature of each row.

        Parameters
        ----------
        ws : Workspace
            As for `backward`; spent.

        Returns
        -------
        ndarray of shape (B, D)
            A new array.
        """
        for l in range(len(self.weights) - 2, -1, -1):
            self.backward_to(l, ws)
        return ws.layers[0].delta.dot(self.weights[0].T)                # B3


def make_network(layer_sizes, activations, loss, dtype=np.float64):
    """Return a network of zeros, its activations and its loss given by name.

    Parameters
    ----------
    layer_sizes : sequence of int
        Features, hidden units of each layer, outputs.
    activations : sequence of str
        A name in ``ACTIVATIONS`` for each hidden layer.
    loss : str
        A name in ``LOSSES``.
    dtype : dtype, default=float64

    Returns
    -------
    Network
        With a `ParameterVector` of its own.

    Examples
    --------
    >>> from sklearn_scratchnn.network.network import make_network
    >>> network = make_network((2, 3, 2), ["tanh"], "softmax_cross_entropy")
    >>> network.parameters.theta.shape, [W.shape for W in network.weights]
    ((17,), [(2, 3), (3, 2)])
    """
    functions = [ACTIVATIONS[name] for name in activations]
    return Network(ParameterVector(layer_sizes, dtype), functions, LOSSES[loss])


def network_of_layers(weights, biases, activations, loss):
    """Return a network that reads given layers, such as those of a fitted model.

    Parameters
    ----------
    weights : list of ndarray of shape (fan_in, fan_out)
    biases : list of ndarray of shape (fan_out,)
    activations : sequence of str
        A name in ``ACTIVATIONS`` for each hidden layer.
    loss : Loss

    Returns
    -------
    Network
        For prediction: it has no one vector of parameters to train.
    """
    functions = [ACTIVATIONS[name] for name in activations]
    return Network(Layers(weights, biases), functions, loss)
