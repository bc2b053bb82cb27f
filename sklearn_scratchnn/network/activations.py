"""Activation functions: ``a = f(z)`` and ``f'(z)``, one class each.

Every class writes into ``out``, which may be the array it reads, and allocates
nothing. `ACTIVATIONS` at the end names them; parameter validation, the documentation's
tables and the tests read that dict.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy import (
    add,
    divide,
    exp,
    expm1,
    greater,
    logaddexp,
    maximum,
    minimum,
    multiply,
    negative,
    sqrt,
    square,
    subtract,
    tanh,
)

from .backend import logistic, one_and_two


class Activation(ABC):
    """An activation function and its derivative.

    Attributes
    ----------
    name : str
    initializer : str
        The initialiser that keeps the variance of the signal under this function.
    keeps_input : bool
        Whether `derivative` needs z; otherwise a alone is enough, and z's memory
        becomes a's.
    uses_scratch : bool
        Whether an array like z is wanted as scratch. It is zero at first.
    smooth : bool
        Whether f' is continuous. Where it jumps, Gauss-Newton gets caught.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.activations import ACTIVATIONS
    >>> z, a = np.array([-1.0, 0.0, 2.0]), np.empty(3)
    >>> ACTIVATIONS["identity"].apply(z, a, None)
    >>> a
    array([-1.,  0.,  2.])
    """

    name = ""
    initializer = "glorot_uniform"
    keeps_input = False
    uses_scratch = False
    smooth = True

    @abstractmethod
    def apply(self, z, out, scratch):
        """Write f(z) into ``out``.

        Parameters
        ----------
        z : ndarray of shape (fan_out, B)
        out : ndarray of shape (fan_out, B)
            May be z itself.
        scratch : ndarray of shape (fan_out, B) or None
            None unless ``uses_scratch``.
        """

    @abstractmethod
    def derivative(self, z, a, out, scratch):
        """Write f'(z) into ``out``, from the output a or, if kept, from z.

        A z that was kept is spent: the method may overwrite it.

        Parameters
        ----------
        z : ndarray of shape (fan_out, B)
            Holds the output, not the input, unless ``keeps_input``.
        a : ndarray of shape (fan_out, B)
            What `apply` wrote.
        out : ndarray of shape (fan_out, B)
            May be ``a`` itself.
        scratch : ndarray of shape (fan_out, B) or None
            None unless ``uses_scratch``.
        """


class Identity(Activation):
    """f(z) = z: a linear layer."""

    name = "identity"

    def apply(self, z, out, scratch):
        """Write z."""
        if out is not z:
            out[...] = z

    def derivative(self, z, a, out, scratch):
        """Write 1."""
        out.fill(1)


class Tanh(Activation):
    """f(z) = tanh z; f' = 1 - a^2."""

    name = "tanh"

    def apply(self, z, out, scratch):
        """Write tanh z = 1 - 2 / (1 + exp 2z).

        In float64 NumPy's exp takes less than half the time of its tanh. Where it
        overflows, 2 / inf is the 0 that it should be.
        """
        one, two = one_and_two(z)
        multiply(z, two, out)
        exp(out, out)
        add(out, one, out)
        divide(two, out, out)
        subtract(one, out, out)

    def derivative(self, z, a, out, scratch):
        """Write 1 - a^2."""
        one, _ = one_and_two(a)
        square(a, out)
        subtract(one, out, out)


class Logistic(Activation):
    """f(z) = 1 / (1 + exp(-z)); f' = a (1 - a)."""

    name = "logistic"
    uses_scratch = True

    def apply(self, z, out, scratch):
        """Write 1 / (1 + exp(-z))."""
        logistic(z, out)

    def derivative(self, z, a, out, scratch):
        """Write a (1 - a)."""
        subtract(1, a, out=scratch)
        multiply(a, scratch, out=out)


class ReLU(Activation):
    """f(z) = max(z, 0); f' = 1 where a > 0, else 0 (Nair and Hinton, 2010)."""

    name = "relu"
    initializer = "he_normal"
    uses_scratch = True
    smooth = False

    def apply(self, z, out, scratch):
        """Write max(z, 0).

        The scratch array is never written and so holds zeros: NumPy's loop over two
        arrays is vectorised where the one over an array and a number is not.
        """
        maximum(z, scratch, out=out)

    def derivative(self, z, a, out, scratch):
        """Write 1 where a > 0, else 0."""
        greater(a, 0, out=out)


class LeakyReLU(Activation):
    """f(z) = max(z, 0.01 z); f' = 1 where a > 0, else 0.01 (Maas et al., 2013)."""

    name = "leaky_relu"
    initializer = "he_normal"
    uses_scratch = True
    smooth = False
    slope = 0.01

    def apply(self, z, out, scratch):
        """Write max(z, 0.01 z)."""
        multiply(z, self.slope, out=scratch)
        maximum(z, scratch, out=out)

    def derivative(self, z, a, out, scratch):
        """Write 1 where a > 0, else 0.01."""
        greater(a, 0, out=out)
        out *= 1 - self.slope
        out += self.slope


class ELU(Activation):
    """f(z) = z for z > 0, else exp(z) - 1; f' = 1 or a + 1 (Clevert et al., 2016)."""

    name = "elu"
    initializer = "he_normal"
    uses_scratch = True

    def apply(self, z, out, scratch):
        """Write max(z, 0) + expm1(min(z, 0))."""
        minimum(z, 0, out=scratch)
        expm1(scratch, out=scratch)
        maximum(z, 0, out=out)
        out += scratch

    def derivative(self, z, a, out, scratch):
        """Write min(a, 0) + 1."""
        minimum(a, 0, out=out)
        out += 1


class SELU(Activation):
    """ELU whose scale and slope keep mean 0 and variance 1 (Klambauer et al., 2017).

    f(z) = s z for z > 0, else s c (exp(z) - 1); f' = s or a + s c.
    """

    name = "selu"
    initializer = "lecun_normal"
    uses_scratch = True
    smooth = False
    c = 1.6732632423543772
    s = 1.0507009873554805

    def apply(self, z, out, scratch):
        """Write s (max(z, 0) + c expm1(min(z, 0)))."""
        minimum(z, 0, out=scratch)
        expm1(scratch, out=scratch)
        scratch *= self.s * self.c
        maximum(z, 0, out=out)
        out *= self.s
        out += scratch

    def derivative(self, z, a, out, scratch):
        """Write s where a > 0, else a + s c."""
        greater(a, 0, out=scratch)
        scratch *= self.s - self.s * self.c
        minimum(a, 0, out=out)
        out += self.s * self.c
        out += scratch


class GELU(Activation):
    """f(z) = z/2 (1 + tanh u), u = sqrt(2/pi) (z + 0.044715 z^3).

    The form with tanh of Hendrycks and Gimpel (2016), sec. 2. Its derivative needs z.
    """

    name = "gelu"
    initializer = "he_normal"
    keeps_input = True
    uses_scratch = True
    k = sqrt(2 / np.pi).item()
    c = 0.044715

    def _one_plus_tanh(self, z, out):
        square(z, out=out)
        out *= self.k * self.c
        out += self.k
        out *= z
        tanh(out, out=out)
        out += 1

    def apply(self, z, out, scratch):
        """Write z/2 (1 + tanh u)."""
        self._one_plus_tanh(z, scratch)
        scratch *= 0.5
        multiply(scratch, z, out=out)

    def derivative(self, z, a, out, scratch):
        """Write t/2 (1 + z (2 - t) u'), t = 1 + tanh u; 1 - tanh^2 u is t (2 - t)."""
        self._one_plus_tanh(z, scratch)
        square(z, out=out)
        out *= 3 * self.k * self.c
        out += self.k
        out *= z
        subtract(2, scratch, out=z)
        out *= z
        out += 1
        out *= scratch
        out *= 0.5


class SiLU(Activation):
    """f(z) = z s(z) with the logistic s; f' = s + a (1 - s) (Elfwing et al., 2018)."""

    name = "silu"
    initializer = "he_normal"
    keeps_input = True
    uses_scratch = True

    def apply(self, z, out, scratch):
        """Write z s(z)."""
        logistic(z, scratch)
        multiply(z, scratch, out=out)

    def derivative(self, z, a, out, scratch):
        """Write s + a (1 - s)."""
        logistic(z, scratch)
        subtract(1, scratch, out=z)
        multiply(a, z, out=out)
        out += scratch


class Softplus(Activation):
    """f(z) = log(1 + exp z); f' = 1 - exp(-a) (Dugas et al., 2001)."""

    name = "softplus"
    initializer = "he_normal"

    def apply(self, z, out, scratch):
        """Write log(exp 0 + exp z), which overflows for no z."""
        logaddexp(z, 0, out=out)

    def derivative(self, z, a, out, scratch):
        """Write 1 - exp(-a)."""
        negative(a, out=out)
        expm1(out, out=out)
        negative(out, out=out)


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
