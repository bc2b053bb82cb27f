"""The training data, a batch at a time: rows encoded and standardised when needed.

X is never copied whole: a batch is gathered, a block is sliced, and only that is
encoded, standardised and converted to the training's dtype. A block that holds all rows
is prepared once and kept.
"""

import numpy as np

from ..network.sparse import CentredRows


def gather(array, indices, out):
    """Write the rows of ``array`` at ``indices`` into ``out``, and return it.

    With the default mode "raise" NumPy gathers into a buffer first, to leave ``out``
    whole after a bad index; "clip" writes straight into it.
    """
    return array.take(indices, axis=0, out=out, mode="clip")


class DenseRows:
    """Rows of an array, as ``(x - mean) / scale`` in the training's dtype.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Any real dtype; may be read-only or a memory map.
    mean, scale : ndarray of shape (n_inputs,) or None
        None for rows as they are.
    dtype : dtype
    n_rows : int
        The most rows that are asked for at once.
    encoding : PiecewiseEncoding, default=None
        Makes the inputs of the columns; None where these are the inputs.
    """

    def __init__(self, X, mean, scale, dtype, n_rows, encoding=None):
        wide = np.result_type(X.dtype, dtype)
        self.X, self.encoding = X, encoding
        self.standardized = mean is not None
        if self.standardized:
            self.mean, self.scale = mean.astype(wide), scale.astype(wide)
        self._gathered = np.empty((n_rows, X.shape[1]), X.dtype)
        inputs = self._gathered
        if encoding is not None:
            self._raw = self._as_dtype(wide, inputs)
            inputs = self._encoded = np.empty((n_rows, encoding.n_inputs), wide)
        self._centred = self._as_dtype(wide, inputs)
        self._prepared = self._as_dtype(dtype, self._centred)
        self._as_they_are = not self.standardized and inputs.dtype == dtype

    @staticmethod
    def _as_dtype(dtype, array):
        return array if array.dtype == dtype else np.empty(array.shape, dtype)

    def take(self, indices):
        """Return the rows at ``indices``; the next call overwrites them."""
        rows = self._gathered[: len(indices)]
        return self._prepare(gather(self.X, indices, rows))

    def block(self, start, stop):
        """Return the rows from ``start`` to ``stop``; the next call overwrites them."""
        return self._prepare(self.X[start:stop])

    def _prepare(self, rows):
        if self.encoding is not None:
            raw = self._raw[: len(rows)]
            if raw.dtype != rows.dtype:
                np.copyto(raw, rows, casting="same_kind")
                rows = raw
            rows = self.encoding.encode(rows, out=self._encoded[: len(rows)])
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

    Parameters are those of `DenseRows`; there is no encoding.
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
    """Targets Y, looked up from codes.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,) or (n_samples, n_labels)
        From ``Loss.encode``.
    table : ndarray or None
        From ``Loss.target_table``: ``table[code]`` is the target. None where the codes
        are the targets.
    n_outputs : int
    dtype : dtype
    n_rows : int
        The most rows that are asked for at once.
    """

    def __init__(self, codes, table, n_outputs, dtype, n_rows):
        self.codes = codes
        self.table = None if table is None else table.astype(dtype)
        self._targets = np.empty((n_rows, n_outputs), dtype)

    def take(self, indices):
        """Return the targets of some rows, (B, K); the next call overwrites them."""
        return self._look_up(self.codes.take(indices, axis=0))

    def block(self, start, stop):
        """Return the targets from row ``start`` to ``stop``; else as `take`."""
        return self._look_up(self.codes[start:stop])

    def _look_up(self, codes):
        out = self._targets[: len(codes)]
        if self.table is not None:
            return gather(self.table, codes, out)
        np.copyto(out, codes, casting="same_kind")
        return out


class Subset:
    """Some rows of `DenseRows`, `SparseRows` or `Targets`, with the same methods.

    Parameters
    ----------
    base : DenseRows, SparseRows or Targets
    indices : ndarray of int of shape (n_subset,)
    """

    def __init__(self, base, indices):
        self.base, self.indices = base, indices

    def take(self, indices):
        """Return what is at ``indices`` of the subset."""
        return self.base.take(self.indices[indices])

    def block(self, start, stop):
        """Return what is from ``start`` to ``stop`` of the subset."""
        return self.base.take(self.indices[start:stop])
