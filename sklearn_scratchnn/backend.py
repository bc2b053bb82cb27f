"""What array libraries spell differently: products with sparse rows, gathering rows.

Everything else in the core is spelled the same way by NumPy and by PyTorch.
"""

import numpy as np


class CentredRows:
    """Rows ``S - 1 m^T`` of a sparse ``S`` shifted by ``m``, without making them dense.

    Parameters
    ----------
    rows : CSR matrix of shape (B, D)
    shift : ndarray of shape (D,) or None
        What is subtracted from every row; None for nothing.
    """

    def __init__(self, rows, shift):
        self.rows = rows
        self.shift = shift

    @property
    def shape(self):
        """(B, D), as of an array."""
        return self.rows.shape

    def times(self, W, out):
        """Write ``(S - 1 m^T) W`` of shape (B, H) into ``out``."""
        out[...] = self.rows @ W
        if self.shift is not None:
            out -= self.shift @ W

    def transposed_times(self, delta, out):
        """Write ``(S - 1 m^T)^T delta`` of shape (D, H) into ``out``."""
        out[...] = self.rows.T @ delta
        if self.shift is not None:
            out -= np.outer(self.shift, delta.sum(axis=0))


def multiply(a, W, out):
    """Write ``a W`` into ``out``; ``a`` is an array or `CentredRows`."""
    if isinstance(a, CentredRows):
        a.times(W, out)
    else:
        np.matmul(a, W, out=out)


def multiply_to_columns(a, W, out):
    """Write ``(a W)^T`` into ``out``, so that a row of ``a`` becomes a column."""
    if isinstance(a, CentredRows):
        a.times(W, out.T)
    else:
        np.matmul(W.T, a.T, out=out)


def multiply_transposed(a, delta, out):
    """Write ``a^T delta`` into ``out``; ``a`` is an array or `CentredRows`."""
    if isinstance(a, CentredRows):
        a.transposed_times(delta, out)
    else:
        np.matmul(a.T, delta, out=out)


def as_array(a):
    """Return ``a``, an array or `CentredRows`, as an array."""
    if not isinstance(a, CentredRows):
        return a
    dense = a.rows.toarray()
    return dense if a.shift is None else dense - a.shift


def gather(array, indices, axis, out):
    """Write the entries of ``array`` at ``indices`` along ``axis`` into ``out``.

    With the default mode "raise" NumPy gathers into a buffer first, to leave ``out``
    whole after a bad index; "clip" writes straight into it.
    """
    return array.take(indices, axis, out, "clip")


def logistic(z, out):
    """Write 1 / (1 + exp(-z)) into ``out``, as (1 + tanh(z / 2)) / 2.

    That form overflows for no z.
    """
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5


def softplus(z, out):
    """Write log(1 + exp z) into ``out``, which is not z, as max(z, 0) + log1p(exp(-|z|)).

    That form overflows for no z. One temporary array like z is made.
    """
    np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(z, 0, out=z)
