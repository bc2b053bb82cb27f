"""Sparse rows, shifted by their means without being made dense; alone or joined."""

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
        return self._centre(W, out)

    def add_dot(self, W, out):
        """Add ``(S - 1 m^T) W`` to ``out``.

        Parameters
        ----------
        W : ndarray of shape (D, H)
        out : ndarray of shape (B, H)

        Returns
        -------
        ndarray of shape (B, H)
            The array ``out``.
        """
        out += self.rows @ W
        return self._centre(W, out)

    def _centre(self, W, out):
        if self.shift is not None:
            out -= self.shift @ W
        return out

    @property
    def T(self):
        """The transpose: something with the same ``dot``."""
        return _TransposedRows(self)

    def copy(self):
        """Return the rows to be kept.

        Returns
        -------
        CentredRows
            These: they are overwritten by no others.
        """
        return self

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


class JoinedRows:
    """Dense columns and, right of them, sparse ones, to be multiplied as one array.

    Parameters
    ----------
    dense : ndarray of shape (B, D1)
    centred : CentredRows of shape (B, D2)

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from sklearn_scratchnn.network.sparse import CentredRows, JoinedRows
    >>> one_hot = CentredRows(csr_matrix([[1.0, 0.0], [0.0, 1.0]]), None)
    >>> rows = JoinedRows(np.array([[7.0], [9.0]]), one_hot)
    >>> rows.dot(np.array([[1.0], [10.0], [20.0]]), out=np.empty((2, 1)))
    array([[17.],
           [29.]])
    """

    def __init__(self, dense, centred):
        self.dense, self.centred = dense, centred

    def dot(self, W, out):
        """Write the rows times ``W`` into ``out``.

        Parameters
        ----------
        W : ndarray of shape (D1 + D2, H)
        out : ndarray of shape (B, H)

        Returns
        -------
        ndarray of shape (B, H)
            The array ``out``.
        """
        n = self.dense.shape[1]
        self.dense.dot(W[:n], out=out)
        return self.centred.add_dot(W[n:], out)

    @property
    def T(self):
        """The transpose: something with the same ``dot``."""
        return _TransposedJoinedRows(self)

    def copy(self):
        """Return the rows to be kept.

        Returns
        -------
        JoinedRows
            With dense columns of their own.
        """
        return JoinedRows(self.dense.copy(), self.centred)

    def __array__(self, dtype=None, copy=None):
        """Make the rows dense: of shape (B, D1 + D2)."""
        return np.hstack([self.dense, self.centred.__array__()], dtype=dtype)


class _TransposedJoinedRows:
    """The transpose of `JoinedRows`."""

    def __init__(self, joined):
        self.dense, self.centred = joined.dense, joined.centred

    def dot(self, delta, out):
        """Write the transpose times ``delta`` into ``out``."""
        n = self.dense.shape[1]
        self.dense.T.dot(delta, out=out[:n])
        self.centred.T.dot(delta, out=out[n:])
        return out
