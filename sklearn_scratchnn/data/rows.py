"""The training data, a batch at a time: rows encoded and standardised when needed.

X is never copied whole: a batch is gathered, a block is sliced, and only that is
encoded, standardised and converted to the training's dtype.
"""

import numpy as np
from scipy.sparse import csr_matrix

from ..network.sparse import CentredRows, JoinedRows

FEW_CATEGORIES = 10  # a column, up to which zeros cost no more than look-ups


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
    X : ndarray or ColumnList of shape (n_samples, n_features)
        Any real dtype; may be read-only or a memory map.
    mean, scale : ndarray of shape (n_inputs,) or None
        None for rows as they are.
    dtype : dtype
    n_rows : int
        The most rows that are asked for at once.
    encoding : PiecewiseEncoding or NumbersEncoding, default=None
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


class TableRows:
    """Rows of a `Table`: numbers as of `DenseRows`, beside them the categories.

    Products look the categories up, but where they are few.

    Parameters
    ----------
    table : Table
    mean, scale : ndarray of shape (n_inputs,) or None
        None for inputs as they are.
    dtype : dtype
    n_rows : int
        The most rows that are asked for at once.
    encoding : TableEncoding
    """

    def __init__(self, table, mean, scale, dtype, n_rows, encoding):
        n, n_categories = encoding.numbers.n_inputs, encoding.n_categories
        of_numbers = (None, None) if mean is None else (mean[:n], scale[:n])
        self.numbers = DenseRows(
            table.numbers, *of_numbers, dtype, n_rows, encoding.numbers
        )
        self.codes, self.shift = table.codes, None
        self.values = np.ones(n_categories + 1, dtype)
        if mean is not None:
            self.values[:-1] = 1 / scale[n:]
            self.shift = (mean[n:] / scale[n:]).astype(dtype)
        self.values[-1] = 0  # of a category without an input, which -1 stands for
        n_columns, self._dense = len(encoding.columns.categorical()), None
        if 0 < n_categories <= FEW_CATEGORIES * n_columns:
            self._dense = np.empty((n_rows, encoding.n_inputs), dtype)
            self._zeros = 0 if self.shift is None else -self.shift
            self._ones = self.values[:-1] + self._zeros
            self._starts = encoding.n_inputs * np.arange(n_rows)[:, np.newaxis] + n

    def take(self, indices):
        """Return the rows at ``indices``; the next call overwrites them."""
        return self._join(self.numbers.take(indices), indices)

    def block(self, start, stop):
        """Return the rows from ``start`` to ``stop``; the next call overwrites them."""
        return self._join(self.numbers.block(start, stop), slice(start, stop))

    def _join(self, numbers, rows):
        if self.codes is None:
            return numbers
        codes = self.codes[rows].astype(np.intp)
        if self._dense is not None:
            return self._join_dense(numbers, codes)
        shape, n_columns = (len(codes), len(self.values) - 1), codes.shape[1]
        entries = self.values[codes].ravel(), np.maximum(codes, 0).ravel()
        ends = np.arange(0, codes.size + 1, n_columns)
        of_categories = CentredRows(csr_matrix((*entries, ends), shape), self.shift)
        return JoinedRows(numbers, of_categories)

    def _join_dense(self, numbers, codes):
        out, n = self._dense[: len(codes)], numbers.shape[1]
        out[:, :n] = numbers
        out[:, n:] = self._zeros
        entries = self._starts[: len(codes)] + codes
        if (codes < 0).any():
            known = codes >= 0
            entries, codes = entries[known], codes[known]
        out.reshape(-1)[entries] = self._ones[codes]
        return out


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
    """Some rows of `DenseRows` and its like, or `Targets`, with the same methods.

    Parameters
    ----------
    base : DenseRows, SparseRows, TableRows or Targets
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
