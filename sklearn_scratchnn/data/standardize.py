"""Weighted mean and scale of the inputs, and their folding into the first layer.

Training sees ``(x - mean) / scale``; afterwards both are folded into the first layer,
``W / scale`` and ``b - (mean / scale) W``, an ordinary network on the caller's own X.
The idea is that of glmnet's ``standardize`` (Friedman, Hastie and Tibshirani, 2010).

The scale is the standard deviation; the robust one has two exceptions. A column of two
values, such as a category's indicator, is divided by their distance: divided by its
standard deviation, a rare category would outweigh all others (Gelman, 2008). And the
tails of a column whose kurtosis k is more than the normal distribution's 3 are drawn in
by (k / 3)^(1/4), so that few rows do not settle where the units bend.
"""

import numpy as np
from scipy import sparse

NORMAL_KURTOSIS = 3.0
SMALLEST_SCALE = 1e-304  # folded weights are divided by it, and still fit float64


class Standardizer:
    """Column means and scales of training rows.

    Parameters
    ----------
    mean, scale : ndarray of float64 of shape (n_inputs,)
    constant : ndarray of bool of shape (n_inputs,), default=None
        Columns of one value, which a fold gives no weight.
    factors : ndarray of shape (n_inputs,), default=None
        That the columns are multiplied by, in ``scale`` already; None for none.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.standardize import Standardizer
    >>> standardizer = Standardizer.from_rows(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> standardizer.mean, standardizer.scale
    (array([2., 5.]), array([1., 1.]))
    """

    def __init__(self, mean, scale, constant=None, factors=None):
        self.mean, self.scale, self.constant = mean, scale, constant
        self.factors = factors

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def from_rows(
        cls,
        X,
        weights=None,
        subset=None,
        robust=False,
        block_bytes=2**19,
        encoding=None,
    ):
        """Measure a dense array, CSR matrix or table.

        Parameters
        ----------
        X : ndarray, CSR matrix or Table of shape (n_samples, n_features)
        weights : ndarray of shape (n_samples,) or (n_subset,), default=None
        subset : ndarray of int of shape (n_subset,), default=None
            The rows that count, where not all do.
        robust : bool, default=False
            Whether two-valued and heavy-tailed columns are scaled as said above.
        block_bytes : int, default=512 KiB
            Dense rows that are converted to float64 at a time.
        encoding : PiecewiseEncoding or TableEncoding, default=None
            What rows are encoded by before they are measured; given for a table.

        Returns
        -------
        Standardizer
            A constant column has scale 1. A column that is standardised already, to
            rounding, is left as it is.

        Raises
        ------
        ValueError
            If a column's mean or scale is infinite.
        """
        n = X.shape[0] if subset is None else len(subset)
        w = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
        if sparse.issparse(X):
            moments = _sparse_moments(X if subset is None else X[subset], w)
        elif isinstance(X, np.ndarray):
            moments = _dense_moments(X, w, subset, block_bytes, encoding)
        else:
            numbers = _dense_moments(
                X.numbers, w, subset, block_bytes, encoding.numbers
            )
            categories = _indicator_moments(X.codes, w, subset, encoding.n_categories)
            moments = [np.concatenate(parts) for parts in zip(numbers, categories)]
        mean, (scale, constant) = moments[0], _scale(*moments, robust)
        too_wide = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(scale)))
        if len(too_wide):
            column = too_wide[0]
            if encoding is not None:
                column = encoding.column_of_input[column]
            raise ValueError(
                f"Column {column} of X is too wide to be standardized: its largest"
                " and smallest value lie further apart than float64 reaches. Please "
                "divide the column by a constant."
            )
        done = (np.abs(mean) < 1e-6) & (np.abs(scale - 1) < 1e-6)
        return cls(np.where(done, 0.0, mean), np.where(done, 1.0, scale), constant)

    def stretched(self, factors):
        """Return a standardizer after which every column is multiplied by a factor.

        Parameters
        ----------
        factors : ndarray of shape (n_inputs,)
            Positive.

        Returns
        -------
        Standardizer
            A new one.
        """
        scale = self.scale / factors
        before = 1.0 if self.factors is None else self.factors
        return Standardizer(self.mean, scale, self.constant, before * factors)

    @property
    def is_identity(self):
        """Whether nothing would change."""
        return not self.mean.any() and bool(np.all(self.scale == 1))

    def fold(self, W, b):
        """Return the first layer for raw inputs from that for standardised ones.

        Parameters
        ----------
        W : ndarray of shape (n_features, fan_out)
        b : ndarray of shape (fan_out,)

        Returns
        -------
        W : ndarray of shape (n_features, fan_out)
            A new array.
        b : ndarray of shape (fan_out,)
            A new array.
        """
        W = W / self.scale[:, np.newaxis]
        if self.constant is not None:
            W[self.constant] = 0
        return W, b - self.mean @ W

    def unfold(self, W, b):
        """Return the first layer for standardised inputs from that for raw ones.

        Parameters
        ----------
        W : ndarray of shape (n_features, fan_out)
        b : ndarray of shape (fan_out,)

        Returns
        -------
        W : ndarray of shape (n_features, fan_out)
            A new array.
        b : ndarray of shape (fan_out,)
            A new array.
        """
        return W * self.scale[:, np.newaxis], b + self.mean @ W


def _dense_moments(X, w, subset, block_bytes, encoding=None):
    """Passes over blocks: the mean, the extremes, then the powers of what is left.

    Sums are of differences from the first row, so that a large common offset costs no
    digits (Chan, Golub and LeVeque, 1983).
    """
    n_inputs = X.shape[1] if encoding is None else encoding.n_inputs
    if n_inputs == 0:
        return [np.empty(0)] * 5
    if not isinstance(X, np.ndarray):  # columns that lie apart, read one by one
        block_bytes *= 4
    block_rows = max(64, block_bytes // (8 * n_inputs))

    def inputs(rows):
        if encoding is None:
            return rows
        return encoding.encode(rows.astype(np.float64, copy=False))

    def blocks():
        for start in range(0, len(w), block_rows):
            block = slice(start, start + block_rows)
            yield w[block], inputs(X[block if subset is None else subset[block]])

    one = slice(1) if subset is None else subset[:1]
    first = inputs(X[one])[0].astype(np.float64)
    mean = first + sum(w_b @ (X_b - first) for w_b, X_b in blocks())
    low = high = first
    for _, X_b in blocks():
        low, high = np.minimum(low, X_b.min(axis=0)), np.maximum(high, X_b.max(axis=0))
    spread = np.maximum(high - mean, mean - low)
    unit = np.where(spread > 0, spread, 1.0)
    two_valued, second, fourth = low < high, 0.0, 0.0
    for w_b, X_b in blocks():
        two_valued &= ((X_b == low) | (X_b == high)).all(axis=0)
        squares = np.square((X_b - mean) / unit)
        second = second + w_b @ squares
        fourth = fourth + w_b @ np.square(squares, out=squares)
    distance = np.where(two_valued, (high - mean) + (mean - low), 0.0)
    return mean, unit, second, fourth, distance


def _indicator_moments(codes, w, subset, n_categories):
    """The same of each category's input, which is 1 for a share p of the weight."""
    if codes is None:
        return [np.empty(0)] * 5
    codes = codes if subset is None else codes[subset]
    p, n_rows = np.zeros(n_categories + 1), np.zeros(n_categories + 1)
    for column in codes.T:
        column = column.astype(np.intp)
        column[column < 0] = n_categories  # of a category without an input
        p += np.bincount(column, w, n_categories + 1)
        n_rows += np.bincount(column, None, n_categories + 1)
    p, n_rows = p[:-1], n_rows[:-1]
    varies = (n_rows > 0) & (n_rows < len(codes))
    p = np.where(varies, np.minimum(p, 1), n_rows > 0)  # a sum of shares is rounded
    q = 1 - p
    unit, fourth = np.ones(n_categories), p * q * (p**3 + q**3)
    return p, unit, p * q, fourth, np.where(varies, 1.0, 0.0)


def _sparse_moments(X, w):
    """The same over stored entries; the zeros' share follows from their weights."""
    n_features, columns = X.shape[1], X.indices
    values = X.data.astype(np.float64)
    weights = np.repeat(w, np.diff(X.indptr))
    zeros = np.maximum(1.0 - _column_sums(columns, weights, n_features), 0.0)
    # A full column has none: what its weights lack to 1 is rounding, and would count
    # as rows of zeros, which are far away where the column's mean is large.
    zeros[np.bincount(columns, minlength=n_features) == len(w)] = 0.0
    mean = _column_sums(columns, weights * values, n_features)
    low = np.where(zeros > 0, 0.0, np.inf)
    high = -low
    np.minimum.at(low, columns, values)
    np.maximum.at(high, columns, values)
    mean = np.where(low == high, low, mean)
    spread = np.maximum(high - mean, mean - low)
    unit = np.where(spread > 0, spread, 1.0)
    squares = np.square((values - mean[columns]) / unit[columns])
    zero_squares = np.square(np.where(zeros > 0, mean, 0.0) / unit)
    second = _column_sums(columns, weights * squares, n_features) + zeros * zero_squares
    squares *= squares
    fourth = _column_sums(columns, weights * squares, n_features)
    fourth += zeros * np.square(zero_squares)
    between = (values != low[columns]) & (values != high[columns])
    two_valued = (low < high) & (_column_sums(columns, between, n_features) == 0)
    two_valued &= (zeros == 0) | (low == 0) | (high == 0)
    distance = np.where(two_valued, (high - mean) + (mean - low), 0.0)
    return mean, unit, second, fourth, distance


def _column_sums(columns, values, n_features):
    """Return each column's sum of values; floats, also of no values at all."""
    return np.bincount(columns, values, n_features).astype(np.float64, copy=False)


def _scale(mean, unit, second, fourth, distance, robust):
    """Return the scale from two moments, or the ``distance`` of two values.

    It is 1 where it is no more than the rounding of the mean, or next to nothing. The
    moments were taken in units of the largest deviation: those of columns beyond
    1e+-150 would leave float64.
    """
    scale = unit * np.sqrt(second)
    if robust:
        scale = np.maximum(scale, unit * (fourth / NORMAL_KURTOSIS) ** 0.25)
        scale = np.where(distance > 0, distance, scale)
    constant = scale <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    constant |= scale < SMALLEST_SCALE
    return np.where(constant, 1.0, scale), constant
