"""One flat vector of parameters, with a view per layer, and how it is initialised."""

from itertools import pairwise

import numpy as np


class Layers:
    """The weights and biases of a network, layer by layer.

    Parameters
    ----------
    weights : sequence of ndarray of shape (fan_in, fan_out)
    biases : sequence of ndarray of shape (fan_out,)

    Attributes
    ----------
    weights, biases : list of ndarray
    layer_sizes : tuple of int
        Features, hidden units of each layer, outputs.
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.parameters import Layers
    >>> Layers([np.zeros((4, 3))], [np.zeros(3)]).layer_sizes
    (4, 3)
    """

    def __init__(self, weights, biases):
        self.weights, self.biases = list(weights), list(biases)
        self.layer_sizes = (len(self.weights[0]), *(len(b) for b in self.biases))
        self.dtype = self.weights[0].dtype


class ParameterVector(Layers):
    """All weights, then all biases, of a network as views into one flat array.

    Weights come first, so that what the L2 penalty sees is one slice. A gradient has
    the same layout.

    Parameters
    ----------
    layer_sizes : sequence of int
        Features, hidden units of each layer, outputs.
    dtype : dtype, default=float64

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    weights : list of ndarray of shape (fan_in, fan_out)
    biases : list of ndarray of shape (fan_out,)
    penalised : ndarray of shape (n_weights,)
        The slice of ``theta`` that holds the weights.

    Examples
    --------
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> parameters = ParameterVector((2, 3, 2))
    >>> parameters.theta.shape, parameters.weights[1].shape
    ((17,), (3, 2))
    """

    def __init__(self, layer_sizes, dtype=np.float64):
        shapes = list(pairwise(layer_sizes))
        n_weights = sum(fan_in * fan_out for fan_in, fan_out in shapes)
        self.theta = np.zeros(n_weights + sum(layer_sizes[1:]), dtype)
        self.penalised = self.theta[:n_weights]
        weights, biases, start, bias = [], [], 0, n_weights
        for fan_in, fan_out in shapes:
            stop = start + fan_in * fan_out
            weights.append(self.theta[start:stop].reshape(fan_in, fan_out))
            biases.append(self.theta[bias : bias + fan_out])
            start, bias = stop, bias + fan_out
        super().__init__(weights, biases)

    def __reduce__(self):
        """Let a copy, also in another process, have views into its own vector."""
        return _vector_of, (self.layer_sizes, self.theta)

    def like(self, theta):
        """Return a vector of the same layout that holds other numbers.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            Copied.

        Returns
        -------
        ParameterVector
            In their dtype.
        """
        return _vector_of(self.layer_sizes, theta)

    def assign(self, weights, biases):
        """Copy the layers' ``weights`` and ``biases`` into the vector.

        Parameters
        ----------
        weights : list of ndarray of shape (fan_in, fan_out)
        biases : list of ndarray of shape (fan_out,)
        """
        for own, given in zip(self.weights + self.biases, [*weights, *biases]):
            own[...] = given


def _vector_of(layer_sizes, theta):
    """Return a vector that holds a copy of ``theta``."""
    parameters = ParameterVector(layer_sizes, theta.dtype)
    np.copyto(parameters.theta, theta)
    return parameters


def lecun_normal(fan_in, fan_out, random_state):
    """Standard normal / sqrt(fan_in), untruncated (LeCun et al., 1998, sec. 4.6)."""
    return random_state.randn(fan_in, fan_out) / np.sqrt(fan_in)


def he_normal(fan_in, fan_out, random_state):
    """Standard normal * sqrt(2 / fan_in) (He et al., 2015, eq. 10)."""
    return random_state.randn(fan_in, fan_out) * np.sqrt(2.0 / fan_in)


def glorot_uniform(fan_in, fan_out, random_state):
    """Uniform within sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010, eq. 16)."""
    bound = np.sqrt(6.0 / (fan_in + fan_out))
    return random_state.uniform(-bound, bound, (fan_in, fan_out))


INITIALIZERS = {
    "lecun_normal": lecun_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
}


def initialize(parameters, activations, init, random_state):
    """Draw the weights layer by layer from ``random_state``; biases become zero.

    Parameters
    ----------
    parameters : ParameterVector
        Written in place.
    activations : sequence of Activation
        One per hidden layer; each names the initialiser that suits it.
    init : str
        A name in `INITIALIZERS`, or "auto" for what each activation names.
    random_state : numpy.random.RandomState
    """
    parameters.theta.fill(0)
    named = [f.initializer for f in activations] + ["glorot_uniform"]
    for W, name in zip(parameters.weights, named):
        draw = INITIALIZERS[name if init == "auto" else init]
        W[...] = draw(*W.shape, random_state)
