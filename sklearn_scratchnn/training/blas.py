"""Products and sums of flat arrays, in SciPy's BLAS and LAPACK.

On a few numbers, a call of BLAS's takes a third of the time of NumPy's. OpenBLAS adds
up to `ONE_THREAD` numbers in the calling thread. SciPy's copy has threads of its own,
which would wait for NumPy's, at every batch, for longer than a sum takes. So more
numbers are added in pieces of that size.
"""

import numpy as np
from scipy.linalg.blas import daxpy, ddot, saxpy, sdot
from scipy.linalg.lapack import dposv, sposv

ONE_THREAD = 8192
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_AXPY, _DOT, _POSV = (
    dict(zip(FLOATS, pair)) for pair in ((saxpy, daxpy), (sdot, ddot), (sposv, dposv))
)


def dot(x, y):
    """Return ``x^T y`` as a float, both flat."""
    if len(x) <= ONE_THREAD:
        return _DOT[x.dtype](x, y)
    return float(x.dot(y))


def add_scaled(x, scale, out):
    """Add ``scale x`` to ``out``, both flat.

    BLAS's axpy goes over them once where a product and a sum of NumPy's go twice.
    """
    axpy, n = _AXPY[out.dtype], len(x)
    if n <= ONE_THREAD:
        axpy(x, out, n, scale)
        return
    for start in range(0, n, ONE_THREAD):
        piece = slice(start, start + ONE_THREAD)
        axpy(x[piece], out[piece], min(ONE_THREAD, n - start), scale)


def solve_positive(A, b):
    """Return ``A^-1 b`` by Cholesky, None where A is not positive definite.

    A is symmetric, and spent.
    """
    _, x, info = _POSV[A.dtype](A.T, b, overwrite_a=1)
    return None if info else x
