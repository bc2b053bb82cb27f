"""The training data, a batch at a time: rows converted and standardised when needed.

X is never copied whole: a batch is gathered, a block is sliced, and only that is
converted to the training's dtype and standardised. A block that holds all rows is
prepared once and kept.
"""

import numpy as np

from ..network.backend import CentredRows, gather


class DenseRows:
    """Rows of an array, as ``(x - mean) / scale`` in the training's dtype.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any real dtype; may be read-only or a memory map.
    mean, scale : ndarray of shape (n_features,) or None
        None for rows as they are.
    dtype : dtype
    n_rows : int
        The most rows that are asked for at once.
    """

    def __init__(self, X, mean, scale, dtype, n_rows):
        wide = np.result_type(X.dtype, dtype)
        self.X = X
        self.standardized = mean is not None
        if self.standardized:
            self.mean, self.scale = mean.astype(wide), scale.astype(wide)
        self._gathered = np.empty((n_rows, X.shape[1]), X.dtype)
        self._centred = self._like_gathered(wide, self._gathered)
        self._prepared = self._like_gathered(dtype, self._centred)
        self._as_they_are = not self.standardized and X.dtype == dtype

    @staticmethod
    def _like_gathered(dtype, array):
        return array if array.dtype == dtype else np.empty(array.shape, dtype)

    def take(self, indices):
        """Return the rows at ``indices``; the next call overwrites them."""
        rows = self._gathered[: len(indices)]
        return self._prepare(gather(self.X, indices, 0, rows))

    def batches_at_once(self, batch_size):
        """Return how many batches a call of `take` should gather."""
        return max(1, len(self._gathered) // batch_size)

    def block(self, start, stop):
        """Return the rows from ``start`` to ``stop``; the next call overwrites them."""
        return self._prepare(self.X[start:stop])

    def _prepare(self, rows):
        if self._as_they_are:
            return rows
        out = self._prepared[: len(rows)]
        if not self.standardized:
            np.copyto(out, rows, casting="same_kind")
            return out
        centred = np.subtract(rows, self.mean, out=self._centred[: len(rows)])
        return np.divide(centred, self.scale, out=out, casting="same_kind")


class SparseRows:
    """Rows of a CSR matrix, scaled, with the mean subtracted in products only.

    From a column that stores an entry for every row it is subtracted at once: its mean
    may be so large, beside its scale, that products would lose all else.

    Parameters are those of `DenseRows`.
    """

    def __init__(self, X, mean, scale, dtype, n_rows):
        self.X, self.dtype = X, dtype
        self.shift = None
        self.standardized = mean is not None
        if self.standardized:
            self.wide = np.result_type(X.dtype, dtype)
            full = np.bincount(X.indices, minlength=X.shape[1]) == X.shape[0]
            self.centre = np.where(full, mean, 0.0).astype(self.wide)
            self.scale = scale.astype(self.wide)
            with np.errstate(over="ignore"):
                self.shift = (np.where(full, 0.0, mean) / scale).astype(dtype)

    def take(self, indices):
        """Return the rows at ``indices`` as `CentredRows`."""
        return self._prepare(self.X[indices])

    def batches_at_once(self, batch_size):
        """Return 1: slicing a sparse matrix is no cheaper than gathering from it."""
        return 1

    def block(self, start, stop):
        """Return the rows from ``start`` to ``stop`` as `CentredRows`."""
        return self._prepare(self.X[start:stop])

    def _prepare(self, rows):
        if not self.standardized:
            return CentredRows(rows.astype(self.dtype), None)
        rows = rows.astype(self.wide)
        rows.data -= self.centre[rows.indices]
        rows.data /= self.scale[rows.indices]
        return CentredRows(rows.astype(self.dtype, copy=False), self.shift)


class Targets:
    """Targets Y as columns, looked up from encoded labels.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,) or (n_labels, n_samples)
        Class of each row; or, for several labels, absence 0 or presence 1.
    table : ndarray of shape (n_classes, n_classes) or (2,)
        ``table[..., code]`` is the target; see ``Loss.target_table``.
    dtype : dtype
    """

    def __init__(self, codes, table, dtype):
        self.codes, self.table = codes, table.astype(dtype)
        self._scaled_tables = {}
        self.n_samples = codes.shape[-1]

    def take(self, indices):
        """Return the codes of the rows at ``indices``."""
        return self.codes.take(indices, -1)

    def block(self, start, stop):
        """Return the codes from row ``start`` to ``stop``."""
        return self.codes[..., start:stop]

    def scaled(self, codes, scale, out):
        """Write the targets of ``codes``, times ``scale``, into ``out``, (K, B)."""
        if scale not in self._scaled_tables:
            self._scaled_tables[scale] = self.table * self.table.dtype.type(scale)
        return gather(self._scaled_tables[scale], codes, -1, out)


class Subset:
    """Some rows of `DenseRows`, `SparseRows` or `Targets`, with the same methods.

    Parameters
    ----------
    base : DenseRows, SparseRows or Targets
    indices : ndarray of int of shape (n_subset,)
    """

    def __init__(self, base, indices):
        self.base, self.indices = base, indices
        self.n_samples = len(indices)

    def batches_at_once(self, batch_size):
        """As of all the rows."""
        return self.base.batches_at_once(batch_size)

    def take(self, indices):
        """Return what is at ``indices`` of the subset."""
        return self.base.take(self.indices[indices])

    def block(self, start, stop):
        """Return what is from ``start`` to ``stop`` of the subset."""
        return self.base.take(self.indices[start:stop])

    def scaled(self, codes, scale, out):
        """As of all the rows."""
        return self.base.scaled(codes, scale, out)
