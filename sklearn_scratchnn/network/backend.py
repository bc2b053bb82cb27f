"""What array libraries spell differently: sparse products, sums in BLAS, gathering.

Everything else in the core is spelled the same way by NumPy and by PyTorch. Ufuncs are
imported by name where they are called at every batch: Python looks up an attribute of
NumPy anew each time, for about as long as the sum of two hundred numbers takes.
"""

from functools import partial

import numpy as np
from numpy import add, divide, exp, maximum, negative
from scipy.linalg.blas import daxpy, ddot, dger, saxpy, sdot, sger
from scipy.linalg.lapack import dposv, sposv

# Numbers up to which OpenBLAS adds in the calling thread. SciPy's copy has threads of
# its own, which would wait for NumPy's: at every batch, for longer than a sum takes.
ONE_THREAD = 8192
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_ONE_AND_TWO = {t: (np.array(1, t), np.array(2, t)) for t in FLOATS}
_AXPY, _DOT, _GER = (
    dict(zip(FLOATS, pair)) for pair in ((saxpy, daxpy), (sdot, ddot), (sger, dger))
)
_POSV = dict(zip(FLOATS, (sposv, dposv)))


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


def first_gradient(X, delta_rows, out):
    """Write ``X^T delta^T`` into ``out``; X is an array of rows or `CentredRows`."""
    if isinstance(X, CentredRows):
        out[...] = X.transposed_times(delta_rows)
    else:
        X.T.dot(delta_rows, out)


def as_array(a):
    """Return ``a``, an array or `CentredRows`, as an array."""
    if not isinstance(a, CentredRows):
        return a
    dense = a.rows.toarray()
    return dense if a.shift is None else dense - a.shift


def dot(x, y):
    """Return ``x^T y`` as a float, both flat.

    A call of BLAS's takes a third of the time of NumPy's ``dot`` on a few numbers.
    """
    if len(x) <= ONE_THREAD:
        return _DOT[x.dtype](x, y)
    return float(x.dot(y))


def solve_positive(A, b):
    """Return ``A^-1 b`` by Cholesky, None where A is not positive definite.

    A is symmetric, and spent.
    """
    _, x, info = _POSV[A.dtype](A.T, b, overwrite_a=1)
    return None if info else x


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


def outer_adder(u, v, out, scale=1.0):
    """Return a function of nothing that adds ``scale u v^T`` to ``out``.

    ``out``, (len(u), len(v)), lies together by rows. Where u or v is all ones, that is
    a broadcast sum; BLAS's ger takes half the time, and less still where its arguments
    are looked up once. The numbers among them are steps, and leave to overwrite.
    """
    ger = _GER[out.dtype]
    if out.size <= ONE_THREAD:
        return partial(ger, scale, v, u, 1, 1, out.T, 1, 1, 1)
    return partial(_add_outer_in_pieces, ger, u, v, out, scale)


def _add_outer_in_pieces(ger, u, v, out, scale):
    n_rows = ONE_THREAD // len(v)
    if n_rows == 0:
        for factor, row in zip(u, out):
            add_scaled(v, scale * factor, row)
        return
    for start in range(0, len(u), n_rows):
        rows = slice(start, start + n_rows)
        ger(scale, v, u[rows], 1, 1, out[rows].T, 1, 1, 1)


def outputs_maximum(z, out):
    """Return a function of nothing that writes the maximum over axis 0 into ``out``.

    Over two rows, a call of the ufunc takes half the time of its reduction.
    """
    if len(z) == 2:
        return partial(maximum, z[0], z[1], out=out)
    return partial(maximum.reduce, z, 0, None, out)


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


def logistic(z, out):
    """Write 1 / (1 + exp(-z)) into ``out``; where exp overflows, 1 / inf is right."""
    one, _ = one_and_two(z)
    negative(z, out)
    exp(out, out)
    add(out, one, out)
    divide(one, out, out)
