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

    def times(self, W):
        """Return ``(S - 1 m^T) W`` of shape (B, H)."""
        product = self.rows @ W
        if self.shift is not None:
            product -= self.shift @ W
        return product

    def transposed_times(self, delta):
        """Return ``(S - 1 m^T)^T delta`` of shape (D, H)."""
        product = self.rows.T @ delta
        if self.shift is not None:
            product -= np.outer(self.shift, delta.sum(axis=0))
        return product


def first_layer(W_transposed, X, out):
    """Write ``W^T X^T`` into ``out``; X is an array of rows or `CentredRows`."""
    if isinstance(X, CentredRows):
        out[...] = X.times(W_transposed.T).T
    else:
        np.dot(W_transposed, X.T, out=out)


def first_gradient(X, delta, out):
    """Write ``X^T delta^T`` into ``out``; X is an array of rows or `CentredRows`."""
    if isinstance(X, CentredRows):
        out[...] = X.transposed_times(delta.T)
    else:
        np.dot(X.T, delta.T, out=out)


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
