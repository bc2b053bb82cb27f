"""Piecewise-linear encoding of numeric columns, for the first layer to see steps.

A network sees a column through straight lines, and a sharp step in it takes many of
its units. Gorishniy, Rubachev and Babenko (2022, sec. 3.2) cut a column at edges
``e_0 < .. < e_T`` and give the network T inputs in its place, one a bin::

    clip((x - e_{t-1}) / (e_t - e_{t-1}), 0, 1)

A weighted sum of these is any function that is linear between the edges. Here they
stand beside the column itself.

The edges are weighted quantiles that see ties, as histogram trees see them: a value
that holds more than its share of the weight, 1 / n_bins, is an edge of its own, and
the others share what bins are left.
"""

from itertools import count, pairwise

import numpy as np

FEW_VALUES = 3  # a column of as many, or fewer, has nothing between its values to bend
SAMPLE = 200_000  # rows that edges are found on, where there are more
TOLERANCE = 1e-9  # of the sum of weights: what rounding may add to a share


class PiecewiseEncoding:
    """The bins of every column.

    Parameters
    ----------
    edges : list of ndarray of float64 of shape (n_bins + 1,)
        One a column, increasing; empty for a column that has no bins.

    Attributes
    ----------
    edges
        As given.
    n_inputs : int
        The columns, and all bins.
    column_of_input : ndarray of int of shape (n_inputs,)
        The column that each input is made of.
    group_of_input : ndarray of int of shape (n_inputs,)
        The same: inputs of a group share one penalty.
    source : ndarray of int of shape (n_bins,)
        The column of each bin, over all columns.
    lower, width : ndarray of float64 of shape (n_bins,)
        Each bin's lower edge, and how far the next one is.

    See Also
    --------
    find_edges : Finds the edges of one column.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.encoding import PiecewiseEncoding
    >>> encoding = PiecewiseEncoding([np.array([0.0, 1.0, 4.0])])
    >>> encoding.encode(np.array([[-1.0], [0.5], [2.5], [9.0]]))
    array([[-1. ,  0. ,  0. ],
           [ 0.5,  0.5,  0. ],
           [ 2.5,  1. ,  0.5],
           [ 9. ,  1. ,  1. ]])
    """

    def __init__(self, edges):
        self.edges = edges
        n_bins = [max(len(e) - 1, 0) for e in edges]
        columns = np.arange(len(edges))
        self.source = np.repeat(columns, n_bins)
        none = np.empty(0)
        self.lower = np.concatenate([none, *(e[:-1] for e in edges)])
        self.width = np.concatenate([none, *(np.diff(e) for e in edges)])
        self.column_of_input = np.concatenate([columns, self.source])
        self.group_of_input = self.column_of_input
        self.n_inputs = len(self.column_of_input)

    def encode(self, rows, out=None):
        """Return the inputs of some rows: their columns, then the bins.

        Parameters
        ----------
        rows : ndarray of float of shape (B, n_features)
        out : ndarray of shape (B, n_inputs), default=None
            Written; of the dtype of ``rows``. None makes one.

        Returns
        -------
        ndarray of shape (B, n_inputs)
        """
        n_features = rows.shape[1]
        if out is None:
            out = np.empty((len(rows), self.n_inputs), rows.dtype)
        out[:, :n_features] = rows
        bins = out[:, n_features:]
        lower, width = self.lower.astype(out.dtype), self.width.astype(out.dtype)
        np.subtract(rows[:, self.source], lower, out=bins)
        np.divide(bins, width, out=bins)
        np.clip(bins, 0, 1, out=bins)
        return out

    def gradients(self, rows, gradients):
        """Return derivatives in the columns from those in the inputs.

        The derivative of a bin is 1 / (e_t - e_{t-1}) within it, its lower edge
        included, and 0 elsewhere.

        Parameters
        ----------
        rows : ndarray of shape (B, n_features)
        gradients : ndarray of shape (B, n_inputs)

        Returns
        -------
        ndarray of shape (B, n_features)
            A new array.
        """
        n_features = rows.shape[1]
        upper = self.lower + self.width
        x = rows[:, self.source]
        slopes = ((x >= self.lower) & (x < upper)) / self.width
        total = gradients[:, :n_features].copy()
        through_bins = gradients[:, n_features:] * slopes
        for bin_, column in enumerate(self.source):
            total[:, column] += through_bins[:, bin_]
        return total

    def names(self, columns):
        """Return a name for every input.

        Parameters
        ----------
        columns : sequence of str
            The names of the columns.

        Returns
        -------
        ndarray of object of shape (n_inputs,)
            A column's own, and "column in [low, high]" of each bin.
        """
        bins = [
            f"{name} in [{low:.6g}, {high:.6g}]"
            for name, edges in zip(columns, self.edges)
            for low, high in pairwise(edges)
        ]
        return np.array([*columns, *bins], dtype=object)


def count_numeric(columns, most):
    """Return how many columns have more than `FEW_VALUES` values, counted to ``most``.

    Parameters
    ----------
    columns : iterable of ndarray of shape (n_rows,)
        Numbers, with NaN where one is missing.
    most : int

    Returns
    -------
    int
        ``most + 1`` for any larger number.
    """
    found = 0
    for column in columns:
        # A thousand rows tell of most columns.
        found += _has_more_values(column[:1000]) or _has_more_values(column)
        if found > most:
            break
    return found


def edges_of_columns(columns, weights=None, subset=None, n_bins=16, places=None):
    """Return the edges of all columns.

    Parameters
    ----------
    columns : sequence of ndarray of shape (n_rows,)
        NaN where a value is missing, which is left out.
    weights : ndarray of shape (n_samples,), default=None
        None where all rows count alike.
    subset : ndarray of int of shape (n_samples,), default=None
        The rows that count, where not all do. Of more than `SAMPLE` rows as many
        are looked at, at equal distances.
    n_bins : int, default=16
    places : sequence of int, default=None
        Of the columns in X, for an error; None where they are all of it.

    Returns
    -------
    list of ndarray

    Raises
    ------
    ValueError
        If a column is so wide that its differences are infinite.
    """
    n_rows = len(columns[0]) if columns else 0
    rows = np.arange(n_rows) if subset is None else subset
    if len(rows) > SAMPLE:
        chosen = np.linspace(0, len(rows) - 1, SAMPLE).astype(np.intp)
        rows, weights = rows[chosen], None if weights is None else weights[chosen]
    whole = len(rows) == n_rows and subset is None
    edges = []
    for j, column in zip(count() if places is None else places, columns):
        column = column if whole else column[rows]
        edges.append(_edges_of_column(column.astype(np.float64), weights, n_bins))
        with np.errstate(over="ignore"):
            if not np.isfinite(np.diff(edges[-1])).all():
                raise ValueError(
                    f"Column {j} of X is too wide for numeric_encoding='piecewise':"
                    " its values lie further apart than float64 reaches. Please "
                    "divide the column by a constant."
                )
    return edges


def _has_more_values(column):
    values = np.unique(column)  # NaN, if there is one, comes last
    n_values = len(values) - bool(len(values) and values[-1] != values[-1])
    return n_values > FEW_VALUES


def _edges_of_column(column, weights, n_bins):
    known = ~np.isnan(column)
    if not known.all():
        column, weights = column[known], None if weights is None else weights[known]
    values, inverse = np.unique(column, return_inverse=True)
    mass = np.bincount(inverse, weights, len(values))
    return find_edges(values, mass, n_bins)


def find_edges(values, weights, n_bins):
    """Return the edges of one column.

    Parameters
    ----------
    values : ndarray of float64 of shape (n_values,)
        The distinct values, sorted.
    weights : ndarray of shape (n_values,)
        The sum of weights of each, positive.
    n_bins : int
        The most bins there are.

    Returns
    -------
    ndarray of float64
        Some of ``values``, the least and the largest among them; empty for no more than
        `FEW_VALUES` of them. A quantile is the least value up to which its share of the
        weight lies ("inverted_cdf"), so that a weight of k gives what k copies give.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.encoding import find_edges
    >>> find_edges(np.arange(101.0), np.ones(101), n_bins=4)
    array([  0.,  25.,  50.,  75., 100.])
    """
    if len(values) <= FEW_VALUES:
        return values[:0]
    if len(values) <= n_bins + 1:
        return values
    least = TOLERANCE * weights.sum()
    heavy = weights > weights.sum() / n_bins + least
    light, n_shares = np.flatnonzero(~heavy), n_bins - np.count_nonzero(heavy)
    below = np.cumsum(weights[light])
    shares = np.arange(1, n_shares) * (below[-1] / n_shares)
    quantiles = light[np.searchsorted(below, shares - least)]
    ends = [0, len(values) - 1]
    return values[np.unique(np.concatenate([ends, np.flatnonzero(heavy), quantiles]))]
