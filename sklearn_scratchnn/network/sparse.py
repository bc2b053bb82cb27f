"""Sparse rows, shifted by their means without being made dense."""

import numpy as np


class CentredRows:
    """Rows ``S - 1 m^T`` of a sparse ``S``, to be multiplied as an array would be.

    Parameters
    ----------
    rows : CSR matrix of shape (B, D)
        The matrix S.
    shift : ndarray of shape (D,) or None
        What is subtracted from every row; None for nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from sklearn_scratchnn.network.sparse import CentredRows
    >>> rows = CentredRows(csr_matrix([[1.0, 0.0], [0.0, 4.0]]), np.array([0.5, 2.0]))
    >>> rows.dot(np.eye(2), out=np.empty((2, 2)))
    array([[ 0.5, -2. ],
           [-0.5,  2. ]])
    """

    def __init__(self, rows, shift):
        self.rows, self.shift = rows, shift

    def dot(self, W, out):
        """Write ``(S - 1 m^T) W`` into ``out``.

        Parameters
        ----------
        W : ndarray of shape (D, H)
        out : ndarray of shape (B, H)

        Returns
        -------
        ndarray of shape (B, H)
            The array ``out``.
        """
        np.copyto(out, self.rows @ W)
        if self.shift is not None:
            out -= self.shift @ W
        return out

    @property
    def T(self):
        """The transpose: something with the same ``dot``."""
        return _TransposedRows(self)

    def __array__(self, dtype=None, copy=None):
        """Make the rows dense: of shape (B, D)."""
        dense = self.rows.toarray()
        if self.shift is not None:
            dense -= self.shift
        return dense if dtype is None else dense.astype(dtype, copy=False)


class _TransposedRows:
    """The transpose of `CentredRows`."""

    def __init__(self, centred):
        self.rows, self.shift = centred.rows, centred.shift

    def dot(self, delta, out):
        """Write ``(S - 1 m^T)^T delta`` into ``out``."""
        np.copyto(out, self.rows.T @ delta)
        if self.shift is not None:
            out -= np.outer(self.shift, delta.sum(axis=0))
        return out
