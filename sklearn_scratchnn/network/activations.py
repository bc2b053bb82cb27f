"""Activation functions: ``a = f(z)`` and ``f'(z)``, one class each.

Every class writes into arrays that are handed to it, and allocates nothing.
`ACTIVATIONS` at the end names them; parameter validation, the documentation's tables
and the tests read that dict.
"""

from abc import ABC, abstractmethod

import numpy as np


class Activation(ABC):
    """An activation function and its derivative.

    Attributes
    ----------
    name : str
    initializer : str
        The initialiser that keeps the variance of the signal under this function.
    keeps_input : bool
        Whether `derivative` reads z; otherwise the output a is enough.
    smooth : bool
        Whether f' is continuous. Where it jumps, Gauss-Newton gets caught.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.activations import ACTIVATIONS
    >>> ACTIVATIONS["relu"](np.array([-1.0, 0.0, 2.0]), out=np.empty(3))
    array([0., 0., 2.])
    """

    name = ""
    initializer = "glorot_uniform"
    keeps_input = False
    smooth = True

    @abstractmethod
    def __call__(self, z, out):
        """Write f(z) into ``out``; z may be spent unless ``keeps_input``.

        Parameters
        ----------
        z : ndarray of shape (B, fan_out)
        out : ndarray of shape (B, fan_out)
            Another array.

        Returns
        -------
        ndarray of shape (B, fan_out)
            The array ``out``.
        """

    @abstractmethod
    def derivative(self, z, a, out):
        """Write f'(z) into ``out``; z and a may be spent.

        Parameters
        ----------
        z : ndarray of shape (B, fan_out)
            The input, if ``keeps_input``; otherwise it holds nothing of use.
        a : ndarray of shape (B, fan_out)
            The output, f(z).
        out : ndarray of shape (B, fan_out)
            Another array.

        Returns
        -------
        ndarray of shape (B, fan_out)
            The array ``out``.
        """


def logistic(z, out):
    """Write ``1 / (1 + exp(-z))`` into ``out``; where exp overflows, 1 / inf is 0."""
    np.negative(z, out=out)
    np.exp(out, out=out)
    out += 1
    return np.divide(1, out, out=out)


class Identity(Activation):
    """f(z) = z: a linear layer."""

    name = "identity"

    def __call__(self, z, out):
        """Write z."""
        np.copyto(out, z)
        return out

    def derivative(self, z, a, out):
        """Write 1."""
        out.fill(1)
        return out


class Tanh(Activation):
    """f(z) = tanh z; f' = 1 - a^2."""

    name = "tanh"

    def __call__(self, z, out):
        """Write tanh z = 1 - 2 / (1 + exp 2z).

        In float64 NumPy's exp takes less than half the time of its tanh. Where it
        overflows, 2 / inf is the 0 that it should be.
        """
        np.multiply(z, 2, out=out)
        np.exp(out, out=out)
        out += 1
        np.divide(2, out, out=out)
        return np.subtract(1, out, out=out)

    def derivative(self, z, a, out):
        """Write 1 - a^2."""
        np.square(a, out=out)
        return np.subtract(1, out, out=out)


class Logistic(Activation):
    """f(z) = 1 / (1 + exp(-z)); f' = a (1 - a)."""

    name = "logistic"

    def __call__(self, z, out):
        """Write 1 / (1 + exp(-z))."""
        return logistic(z, out)

    def derivative(self, z, a, out):
        """Write a (1 - a)."""
        np.subtract(1, a, out=out)
        out *= a
        return out


class ReLU(Activation):
    """f(z) = max(z, 0); f' = 1 where a > 0, else 0 (Nair and Hinton, 2010)."""

    name = "relu"
    initializer = "he_normal"
    smooth = False

    def __call__(self, z, out):
        """Write max(z, 0).

        NumPy's loop over two arrays is vectorised, the one over an array and a number
        is not: the zeros are written first.
        """
        out.fill(0)
        return np.maximum(z, out, out=out)

    def derivative(self, z, a, out):
        """Write 1 where a > 0, else 0."""
        return np.greater(a, 0, out=out)


class LeakyReLU(Activation):
    """f(z) = max(z, 0.01 z); f' = 1 where a > 0, else 0.01 (Maas et al., 2013)."""

    name = "leaky_relu"
    initializer = "he_normal"
    smooth = False
    slope = 0.01

    def __call__(self, z, out):
        """Write max(z, 0.01 z)."""
        np.multiply(z, self.slope, out=out)
        return np.maximum(z, out, out=out)

    def derivative(self, z, a, out):
        """Write 1 where a > 0, else 0.01."""
        np.greater(a, 0, out=out)
        out *= 1 - self.slope
        out += self.slope
        return out


class ELU(Activation):
    """f(z) = z for z > 0, else exp(z) - 1; f' = 1 or a + 1 (Clevert et al., 2016)."""

    name = "elu"
    initializer = "he_normal"

    def __call__(self, z, out):
        """Write max(z, 0) + expm1(min(z, 0))."""
        np.minimum(z, 0, out=out)
        np.expm1(out, out=out)
        out += np.maximum(z, 0, out=z)
        return out

    def derivative(self, z, a, out):
        """Write min(a, 0) + 1."""
        np.minimum(a, 0, out=out)
        out += 1
        return out


class SELU(Activation):
    """ELU whose scale and slope keep mean 0 and variance 1 (Klambauer et al., 2017).

    f(z) = s z for z > 0, else s c (exp(z) - 1); f' = s or a + s c.
    """

    name = "selu"
    initializer = "lecun_normal"
    smooth = False
    c = 1.6732632423543772
    s = 1.0507009873554805

    def __call__(self, z, out):
        """Write s (max(z, 0) + c expm1(min(z, 0)))."""
        np.minimum(z, 0, out=out)
        np.expm1(out, out=out)
        out *= self.c
        out += np.maximum(z, 0, out=z)
        out *= self.s
        return out

    def derivative(self, z, a, out):
        """Write s where a > 0, else a + s c."""
        np.minimum(a, 0, out=out)
        out += self.s * self.c
        np.greater(a, 0, out=a)
        a *= self.s - self.s * self.c
        out += a
        return out


class GELU(Activation):
    """f(z) = z/2 (1 + tanh u), u = sqrt(2/pi) (z + 0.044715 z^3).

    The form with tanh of Hendrycks and Gimpel (2016), sec. 2. Its derivative needs z.
    """

    name = "gelu"
    initializer = "he_normal"
    keeps_input = True
    k = float(np.sqrt(2 / np.pi))
    c = 0.044715

    def _one_plus_tanh(self, z, out):
        np.square(z, out=out)
        out *= self.k * self.c
        out += self.k
        out *= z
        np.tanh(out, out=out)
        out += 1
        return out

    def __call__(self, z, out):
        """Write z/2 (1 + tanh u)."""
        self._one_plus_tanh(z, out)
        out *= 0.5
        out *= z
        return out

    def derivative(self, z, a, out):
        """Write t/2 (1 + z (2 - t) u'), t = 1 + tanh u; 1 - tanh^2 u is t (2 - t)."""
        t = self._one_plus_tanh(z, out=a)
        np.square(z, out=out)
        out *= 3 * self.k * self.c
        out += self.k
        out *= z
        out *= np.subtract(2, t, out=z)
        out += 1
        out *= t
        out *= 0.5
        return out


class SiLU(Activation):
    """f(z) = z s(z) with the logistic s; f' = s + a (1 - s) (Elfwing et al., 2018)."""

    name = "silu"
    initializer = "he_normal"
    keeps_input = True

    def __call__(self, z, out):
        """Write z s(z)."""
        logistic(z, out)
        out *= z
        return out

    def derivative(self, z, a, out):
        """Write s + a (1 - s)."""
        s = logistic(z, out=z)
        np.subtract(1, s, out=out)
        out *= a
        out += s
        return out


class Softplus(Activation):
    """f(z) = log(1 + exp z); f' = 1 - exp(-a) (Dugas et al., 2001)."""

    name = "softplus"
    initializer = "he_normal"

    def __call__(self, z, out):
        """Write log(exp 0 + exp z), which overflows for no z."""
        return np.logaddexp(z, 0, out=out)

    def derivative(self, z, a, out):
        """Write 1 - exp(-a)."""
        np.negative(a, out=out)
        np.expm1(out, out=out)
        return np.negative(out, out=out)


ACTIVATIONS = {
    f.name: f
    for f in (
        Identity(),
        Tanh(),
        Logistic(),
        ReLU(),
        LeakyReLU(),
        ELU(),
        SELU(),
        GELU(),
        SiLU(),
        Softplus(),
    )
}
