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

from dataclasses import dataclass

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
        else:
            rows = BlocksOfRows(X, w, subset, block_bytes, encoding)
            extent = rows.extent(rows.first())
            moments = moments_of(extent, rows.powers(extent))
        return cls.of_moments(moments, robust, encoding)

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")
    def of_moments(cls, moments, robust=False, encoding=None):
        """Return the standardizer of inputs with these moments.

        Parameters
        ----------
        moments : sequence of ndarray of shape (n_inputs,)
            From `moments_of`.
        robust : bool, default=False
        encoding : PiecewiseEncoding or TableEncoding, default=None
            All as of `from_rows`.

        Returns
        -------
        Standardizer

        Raises
        ------
        ValueError
            If a column's mean or scale is infinite.
        """
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


@dataclass(frozen=True)
class Extent:
    """What a first sweep over rows finds of their inputs.

    Parameters
    ----------
    first : ndarray of shape (n_numbers,)
        An input of each, from which differences are taken.
    sums : ndarray of shape (n_numbers,)
        Of the weighted differences.
    low, high : ndarray of shape (n_numbers,)
        The extremes.
    shares, n_rows, n : ndarray of shape (n_categories,), and int
        Of each category the share of the weight, and the rows; of all the rows.
    """

    first: np.ndarray
    sums: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shares: np.ndarray
    n_rows: np.ndarray
    n: int

    def __add__(self, other):
        """Return what both parts of the rows have."""
        return Extent(
            self.first,
            self.sums + other.sums,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            self.shares + other.shares,
            self.n_rows + other.n_rows,
            self.n + other.n,
        )

    @property
    def mean(self):
        """The weighted mean of each number."""
        return self.first + self.sums

    @property
    def unit(self):
        """The largest deviation from it, in which powers are taken; not 0."""
        spread = np.maximum(self.high - self.mean, self.mean - self.low)
        return np.where(spread > 0, spread, 1.0)


@dataclass(frozen=True)
class Powers:
    """What a second sweep finds: deviations from the mean, in the extent's unit.

    Parameters
    ----------
    two_valued : ndarray of bool of shape (n_numbers,)
        Whether all inputs are at one of the extremes.
    second, fourth : ndarray of shape (n_numbers,)
        Weighted sums of the powers.
    """

    two_valued: np.ndarray
    second: np.ndarray
    fourth: np.ndarray

    def __add__(self, other):
        """Return what both parts of the rows have."""
        both = self.two_valued & other.two_valued
        return Powers(both, self.second + other.second, self.fourth + other.fourth)


class BlocksOfRows:
    """Dense rows, measured a block at a time.

    Both sweeps are sums over rows: of several parts they are added, with weights that
    sum to 1 over all.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    w : ndarray of shape (n_samples,) or (n_subset,)
    subset : ndarray of int of shape (n_subset,), default=None
    block_bytes : int, default=512 KiB
    encoding : PiecewiseEncoding or TableEncoding, default=None
        All as of `Standardizer.from_rows`; the weights as they are summed.
    """

    def __init__(self, X, w, subset=None, block_bytes=2**19, encoding=None):
        self.w, self.subset = w, subset
        self._codes, self._n_categories = None, 0
        if not isinstance(X, np.ndarray):
            self._codes, self._n_categories = X.codes, encoding.n_categories
            X, encoding = X.numbers, encoding.numbers
        self.X, self.encoding = X, encoding
        self.n_numbers = X.shape[1] if encoding is None else encoding.n_inputs
        if not isinstance(X, np.ndarray):  # columns that lie apart, read one by one
            block_bytes *= 4
        self.block_rows = max(64, block_bytes // (8 * max(1, self.n_numbers)))

    def _inputs(self, rows):
        if self.encoding is None:
            return rows
        return self.encoding.encode(rows.astype(np.float64, copy=False))

    def _blocks(self):
        """Yield the weights and the inputs of a block of rows."""
        for start in range(0, len(self.w) if self.n_numbers else 0, self.block_rows):
            block = slice(start, start + self.block_rows)
            rows = block if self.subset is None else self.subset[block]
            yield self.w[block], self._inputs(self.X[rows])

    def first(self):
        """Return the inputs of the first row, but for those of categories.

        Returns
        -------
        ndarray of float64 of shape (n_numbers,)
        """
        one = slice(1) if self.subset is None else self.subset[:1]
        return self._inputs(self.X[one])[0].astype(np.float64)

    def extent(self, first):
        """Return the sums and extremes.

        Sums are of differences from the first row, so that a large common offset costs
        no digits (Chan, Golub and LeVeque, 1983).

        Parameters
        ----------
        first : ndarray of shape (n_numbers,)

        Returns
        -------
        Extent
        """
        sums, low, high = np.zeros(self.n_numbers), first, first
        for w, X in self._blocks():
            sums += w @ (X - first)
            low, high = np.minimum(low, X.min(axis=0)), np.maximum(high, X.max(axis=0))
        return Extent(first, sums, low, high, *self._categories(), len(self.w))

    def _categories(self):
        """Return each category's share of the weight, and how many rows have it."""
        n_categories = self._n_categories
        p, n_rows = np.zeros(n_categories + 1), np.zeros(n_categories + 1)
        for column in () if self._codes is None else self._codes.T:
            column = column if self.subset is None else column[self.subset]
            column = column.astype(np.intp)
            column[column < 0] = n_categories  # of a category without an input
            p += np.bincount(column, self.w, n_categories + 1)
            n_rows += np.bincount(column, None, n_categories + 1)
        return p[:-1], n_rows[:-1]

    def powers(self, extent):
        """Return the powers of the deviations.

        Parameters
        ----------
        extent : Extent
            Of all rows.

        Returns
        -------
        Powers
        """
        low, high, mean, unit = extent.low, extent.high, extent.mean, extent.unit
        two_valued, second, fourth = low < high, np.zeros(len(low)), np.zeros(len(low))
        for w, X in self._blocks():
            two_valued &= ((X == low) | (X == high)).all(axis=0)
            squares = np.square((X - mean) / unit)
            second += w @ squares
            fourth += w @ np.square(squares, out=squares)
        return Powers(two_valued, second, fourth)


def moments_of(extent, powers):
    """Return mean, unit, second and fourth moment, and the distance of two values.

    Parameters
    ----------
    extent : Extent
    powers : Powers

    Returns
    -------
    list of ndarray of shape (n_inputs,)
        The moments in the unit; the distance is 0 where there are more values.
    """
    mean, unit = extent.mean, extent.unit
    distance = (extent.high - mean) + (mean - extent.low)
    distance = np.where(powers.two_valued, distance, 0.0)
    numbers = mean, unit, powers.second, powers.fourth, distance
    categories = _indicator_moments(extent)
    return [np.concatenate(parts) for parts in zip(numbers, categories)]


def _indicator_moments(extent):
    """The same of each category's input, which is 1 for a share p of the weight."""
    n_rows = extent.n_rows
    varies = (n_rows > 0) & (n_rows < extent.n)
    # A sum of shares is rounded.
    p = np.where(varies, np.minimum(extent.shares, 1), n_rows > 0)
    q = 1 - p
    unit, fourth = np.ones(len(p)), p * q * (p**3 + q**3)
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
