"""Optimizers: a few in-place ufuncs on two flat arrays.

``step`` spends the gradient: its memory becomes the step. The state is a dict of
arrays and numbers. `OPTIMIZERS` at the end names the classes.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy import divide, sqrt, square

from .blas import ONE_THREAD, add_scaled

PIECE = ONE_THREAD  # parameters at a time: five arrays of them fit a 512 kB cache


class Optimizer(ABC):
    """How a gradient becomes a step.

    Attributes
    ----------
    name : str
    default_rate : float
        The learning rate per update that ``learning_rate_init="auto"`` stands for.

    Examples
    --------
    An optimizer of one's own:

    >>> import numpy as np
    >>> from sklearn_scratchnn.training.optimizers import Optimizer
    >>> class Signs(Optimizer):
    ...     def init(self, theta):
    ...         return {}
    ...
    ...     def step(self, theta, gradient, state, rate, n_weights):
    ...         theta -= rate * np.sign(gradient)
    >>> theta = np.array([1.0, 2.0])
    >>> Signs().step(theta, np.array([-30.0, 0.1]), {}, 0.5, 2)
    >>> theta
    array([1.5, 1.5])
    """

    name = ""
    default_rate = 0.001

    @abstractmethod
    def init(self, theta):
        """Return the state before the first update.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            Only its shape and dtype are read.

        Returns
        -------
        dict
            Of arrays and numbers.
        """

    def rule(self, state):
        """Return the arguments of the compiled `Rule` that makes the same steps.

        Parameters
        ----------
        state : dict
            From `init`. Its arrays are handed on.

        Returns
        -------
        dict or None
            None where `step` alone knows how.
        """
        return None

    @abstractmethod
    def step(self, theta, gradient, state, rate, n_weights):
        """Update ``theta`` and ``state`` in place; the gradient is spent.

        Parameters
        ----------
        theta, gradient : ndarray of shape (n_parameters,)
        state : dict
            From `init`.
        rate : float
            Learning rate of this update.
        n_weights : int
            How many of the first parameters are weights, the rest being biases.
        """


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with momentum; v <- mu v - rate g, theta <- theta + v.

    Nesterov's variant, theta <- theta + mu v - rate g after the update of v, is that
    of Sutskever et al. (2013, eq. 7) in the shifted variable of Bengio et al. (2013).

    Parameters
    ----------
    momentum : float in [0, 1], default=0.9
        The share mu of the velocity that a step keeps; 0 is plain gradient descent.
    nesterovs_momentum : bool, default=True
        Whether it is Nesterov's.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.training.optimizers import SGD
    >>> sgd, theta = SGD(momentum=0.0), np.array([1.0, 2.0])
    >>> sgd.step(theta, np.array([1.0, -1.0]), sgd.init(theta), 0.5, n_weights=1)
    >>> theta
    array([0.5, 2.5])
    """

    momentum: float = 0.9
    nesterovs_momentum: bool = True

    name = "sgd"
    default_rate = 0.1

    def init(self, theta):
        """Velocity zero; none is kept without momentum."""
        return {"v": np.zeros_like(theta)} if self.momentum else {}

    def rule(self, state):
        """Gradient descent with its velocity."""
        if type(self) is not SGD:
            return None
        nesterov = self.nesterovs_momentum
        return {
            "name": "sgd",
            "first": state.get("v"),
            "momentum": self.momentum,
            "nesterov": nesterov,
        }

    def step(self, theta, gradient, state, rate, n_weights):
        """Update in place."""
        if self.momentum:
            v = state["v"]
            v *= self.momentum
            add_scaled(gradient, -rate, v)
            if not self.nesterovs_momentum:
                theta += v
                return
            add_scaled(v, self.momentum, theta)
        add_scaled(gradient, -rate, theta)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1).

    The state keeps m / (1 - beta_1) and v / (1 - beta_2), so that a new gradient is
    added without a product; the bias corrections go into the step's one factor and
    into epsilon (ibid., the note below the algorithm).

    Parameters
    ----------
    beta_1, beta_2 : float in [0, 1)
        Decay of the first and of the second moment.
    epsilon : float, default=1e-8
        Added to the root of the second moment.

    Examples
    --------
    The first step is as long as the rate, whatever the gradient:

    >>> import numpy as np
    >>> from sklearn_scratchnn.training.optimizers import Adam
    >>> adam, theta = Adam(), np.array([1.0, 2.0])
    >>> adam.step(theta, np.array([100.0, -0.1]), adam.init(theta), 0.5, n_weights=1)
    >>> theta.round(6)
    array([0.5, 2.5])
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    name = "adam"
    default_rate = 0.001

    def init(self, theta):
        """Both moments zero."""
        return {"t": 0, "m": np.zeros_like(theta), "v": np.zeros_like(theta)}

    def rule(self, state):
        """Adam with its moments, and the decay of its weights."""
        if type(self) not in (Adam, AdamW):
            return None
        return {
            "name": "adam",
            "first": state["m"],
            "second": state["v"],
            "t": state["t"],
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "weight_decay": getattr(self, "weight_decay", 0.0),
        }

    def step(self, theta, gradient, state, rate, n_weights):
        """Update in place, in pieces that stay in the cache."""
        state["t"] += 1
        t, m, v = state["t"], state["m"], state["v"]
        root = ((1 - self.beta_2) / (1 - self.beta_2**t)) ** 0.5
        factor = rate * (1 - self.beta_1) / (1 - self.beta_1**t) / root
        epsilon = self.epsilon / root
        if len(theta) <= PIECE:
            self._step_piece(theta, gradient, m, v, factor, epsilon)
            return
        for start in range(0, len(theta), PIECE):
            piece = slice(start, start + PIECE)
            self._step_piece(
                theta[piece], gradient[piece], m[piece], v[piece], factor, epsilon
            )

    def _step_piece(self, theta, g, m, v, factor, epsilon):
        m *= self.beta_1
        m += g                                  # m / (1 - beta_1)
        square(g, out=g)
        v *= self.beta_2
        v += g                                  # v / (1 - beta_2)
        sqrt(v, out=g)
        g += epsilon
        divide(m, g, out=g)
        add_scaled(g, -factor, theta)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled decay of the weights (Loshchilov and Hutter, 2019, alg. 2).

    Before Adam's step every weight, but no bias, shrinks by rate * weight_decay.

    Parameters
    ----------
    beta_1, beta_2, epsilon : float
        As of `Adam`.
    weight_decay : float, default=0.01
        Share of a weight that is lost per update and unit of the rate.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.training.optimizers import AdamW
    >>> adamw, theta = AdamW(weight_decay=0.2), np.array([1.0, 1.0])
    >>> adamw.step(theta, np.array([0.0, 0.0]), adamw.init(theta), 0.5, n_weights=1)
    >>> theta
    array([0.9, 1. ])
    """

    weight_decay: float = 0.01

    name = "adamw"

    def step(self, theta, gradient, state, rate, n_weights):
        """Update in place."""
        theta[:n_weights] *= 1 - rate * self.weight_decay
        super().step(theta, gradient, state, rate, n_weights)


OPTIMIZERS = {optimizer.name: optimizer for optimizer in (SGD, Adam, AdamW)}
