"""What array libraries spell differently: sparse products, sums in BLAS, gathering.

Everything else in the core is spelled the same way by NumPy and by PyTorch.
"""

import numpy as np
from scipy.linalg.blas import daxpy, dger, saxpy, sger

# Numbers up to which OpenBLAS adds in the calling thread. SciPy's copy has threads of
# its own, which would wait for NumPy's: at every batch, for longer than a sum takes.
ONE_THREAD = 8192
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_ONE_AND_TWO = {t: (np.array(1, t), np.array(2, t)) for t in FLOATS}
_LARGEST_EXPONENT = {t: np.array(np.log(np.finfo(t).max) // 1, t) for t in FLOATS}
_AXPY, _GER = dict(zip(FLOATS, (saxpy, daxpy))), dict(zip(FLOATS, (sger, dger)))


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
        W_transposed.dot(X.T, out)


def first_gradient(X, delta, out):
    """Write ``X^T delta^T`` into ``out``; X is an array of rows or `CentredRows`."""
    if isinstance(X, CentredRows):
        out[...] = X.transposed_times(delta.T)
    else:
        X.T.dot(delta.T, out)


def as_array(a):
    """Return ``a``, an array or `CentredRows`, as an array."""
    if not isinstance(a, CentredRows):
        return a
    dense = a.rows.toarray()
    return dense if a.shift is None else dense - a.shift


def add_scaled(x, scale, out):
    """Add ``scale x`` to ``out``, both flat.

    BLAS's axpy goes over them once where a product and a sum of NumPy's go twice, and
    is called for less.
    """
    axpy, n = _AXPY[out.dtype], len(x)
    if n <= ONE_THREAD:
        axpy(x, out, n, scale)
        return
    for start in range(0, n, ONE_THREAD):
        piece = slice(start, start + ONE_THREAD)
        axpy(x[piece], out[piece], min(ONE_THREAD, n - start), scale)


def add_outer(u, v, out, scale=1.0):
    """Add ``scale u v^T`` to ``out``, (len(u), len(v)), which lies together by rows.

    Where u or v is all ones, that is a broadcast sum; BLAS's ger takes half the time.
    The numbers among the arguments are steps, and leave to overwrite.
    """
    ger = _GER[out.dtype]
    if out.size <= ONE_THREAD:
        ger(scale, v, u, 1, 1, out.T, 1, 1, 1)
        return
    n_rows = ONE_THREAD // len(v)
    if n_rows == 0:
        for factor, row in zip(u, out):
            add_scaled(v, scale * factor, row)
        return
    for start in range(0, len(u), n_rows):
        rows = slice(start, start + n_rows)
        ger(scale, v, u[rows], 1, 1, out[rows].T, 1, 1, 1)


def gather(array, indices, axis, out):
    """Write the entries of ``array`` at ``indices`` along ``axis`` into ``out``.

    With the default mode "raise" NumPy gathers into a buffer first, to leave ``out``
    whole after a bad index; "clip" writes straight into it.
    """
    return array.take(indices, axis, out, "clip")


def one_and_two(array):
    """Return 1 and 2 in the array's dtype, as arrays.

    NumPy turns a Python number into one at every call, in the time of a small ufunc.
    """
    return _ONE_AND_TWO[array.dtype]


def finite_exp(z, out):
    """Write exp(z) into ``out``, the largest power where that would overflow."""
    np.minimum(z, _LARGEST_EXPONENT[z.dtype], out=out)
    np.exp(out, out)


def logistic(z, out):
    """Write 1 / (1 + exp(-z)) into ``out``."""
    one, _ = one_and_two(z)
    np.negative(z, out)
    finite_exp(out, out)
    np.add(out, one, out)
    np.divide(one, out, out)
