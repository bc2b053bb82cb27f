"""The unit that each column of y is measured in while a network is trained.

A network of standardised inputs begins with outputs around 0 and 1. So numbers are
trained on as ``(y - center) / scale``, with the two that suit the loss (for the squared
error mean and standard deviation), and what comes out is turned back by the last layer.
"""

from dataclasses import dataclass

import numpy as np

from ..network.number_losses import distribution, quantile_of

# Kept of a number behind its unit's point: 2e-10 of the spread of y. The bits behind
# them change with the unit that y comes in, and L-BFGS makes much of a rounding.
BITS = 32


@dataclass
class TargetScale:
    """The units of the columns of y.

    What is taken off, ``origin + center``, is two numbers: a y of 1e9 and more leaves
    no digits for the second in their sum. A power of two comes off before both, so that
    no square leaves the range of float64.

    Parameters
    ----------
    exponent : ndarray of int of shape (K,)
        Of the powers of two.
    origin, center, scale : ndarray of shape (K,)
        Of ``y / 2**exponent``.
    constant : ndarray of bool of shape (K,), default=None
        The columns that are one number; None where that may change.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.target_scale import TargetScale
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> y = np.array([[1e9], [1e9 + 2], [1e9 + 4]])
    >>> units = TargetScale.of(y, LOSSES["squared_error"])
    >>> units.inside(y).round(3).tolist()
    [[-1.225], [0.0], [1.225]]
    """

    exponent: np.ndarray
    origin: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    constant: np.ndarray | None = None

    @classmethod
    def of(cls, y, loss, weights=None):
        """Return the units that suit a loss.

        Parameters
        ----------
        y : ndarray of float64 of shape (n_samples, K)
        loss : Loss
        weights : ndarray of shape (n_samples,), default=None
            Positive.

        Returns
        -------
        TargetScale
        """
        return cls.of_columns([(column, weights) for column in y.T], loss)

    @classmethod
    def of_columns(cls, columns, loss):
        """Return the units of columns that may have weights of their own.

        Parameters
        ----------
        columns : list of tuple (values, weights)
        loss : Loss

        Returns
        -------
        TargetScale
        """
        units = [_unit_of(column, loss, weights) for column, weights in columns]
        return cls(*(np.array(values) for values in zip(*units)))

    @np.errstate(over="ignore")
    def inside(self, y):
        """Return y in these units.

        Parameters
        ----------
        y : ndarray of float64 of shape (n_samples, K)

        Returns
        -------
        ndarray of shape (n_samples, K)
            A new array. Rows that had no part in the units may be infinite in them.
        """
        y = np.ldexp(y, -self.exponent)
        y -= self.origin
        y -= self.center
        y /= self.scale
        return np.ldexp(np.rint(np.ldexp(y, BITS)), -BITS)

    def fold(self, loss, W, b):
        """Return the last layer for y as it is.

        Parameters
        ----------
        loss : Loss
        W : ndarray of shape (fan_in, K)
        b : ndarray of shape (K,)

        Returns
        -------
        W, b : ndarray
            New arrays; a constant column of y is predicted to the digit.
        """
        if self.constant is not None:
            W, b = W * ~self.constant, b * ~self.constant
        return loss.to_unit(W, b, *self.of_y())

    def open(self):
        """Let other rows come, of which what is one number now may have others."""
        self.constant = None
        self.scale[self.scale <= np.finfo(np.float64).tiny] = 1.0  # of zeros alone

    def unfold(self, loss, W, b):
        """Return the last layer for y in these units; the reverse of `fold`.

        Parameters
        ----------
        loss : Loss
        W : ndarray of shape (fan_in, K)
        b : ndarray of shape (K,)

        Returns
        -------
        W, b : ndarray
            New arrays.
        """
        center, scale = self.of_y()
        return loss.to_unit(W, b, -center / scale, 1 / scale)

    def of_y(self):
        """Return center and scale of y as it is.

        Returns
        -------
        center, scale : ndarray of shape (K,)
            ``y = center + scale * inside(y)``, but for rounding.
        """
        center = np.ldexp(self.origin + self.center, self.exponent)
        return center, np.ldexp(self.scale, self.exponent)


def _unit_of(column, loss, weights):
    """Return exponent, origin, center, scale and whether all of a column are one."""
    exponent = np.frexp(np.abs(column).max())[1]
    values, masses = distribution(np.ldexp(column, -exponent), weights)
    origin = 0.0
    if loss.least_y < 0:  # one of the values: the distances to it lose no digit
        origin = quantile_of(values, masses, 0.5)
    center, scale = loss.unit_of(values - origin, masses)
    return exponent, origin, center, scale or 1.0, len(values) == 1
