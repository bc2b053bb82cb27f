"""What a column's values are, of a block or of many: exactly, or in groups."""

from dataclasses import dataclass

import numpy as np

from ..network.number_losses import distribution

MOST_NUMBERS = 2**19  # that the distributions of all columns may take
FEWEST_GROUPS, MOST_GROUPS = 1024, 16_384


@dataclass(frozen=True)
class Distribution:
    """Sorted values and the weight of each.

    Of more than four times ``most`` values, neighbours are joined in groups. A value
    of more than its share of the weight, ``1 / most``, stays alone, and so does the
    least one. The others' groups hold at most twice that share, and stand at their
    largest value, or at their mean. So one step of joining moves the rank of a
    quantile by at most ``2 / most`` of the weight, and a sum over n blocks takes
    ``log2(n)`` steps.

    Parameters
    ----------
    values, masses : ndarray of shape (n_values,)
    most : int
    at_mean : bool, default=False
        Where a group stands.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.cluster.distribution import Distribution
    >>> half = Distribution.of(np.array([1.0, np.nan, 2.0]), None, 10)
    >>> both = half + Distribution.of(np.array([2.0, 5.0]), None, 10)
    >>> both.values.tolist(), both.masses.tolist()
    ([1.0, 2.0, 5.0], [1, 2, 1])
    """

    values: np.ndarray
    masses: np.ndarray
    most: int
    at_mean: bool = False

    @classmethod
    def of(cls, column, weights, most, at_mean=False):
        """Return the distribution of a column; missing values are left out.

        Parameters
        ----------
        column : ndarray of shape (n_samples,)
        weights : ndarray of shape (n_samples,) or None
        most : int
        at_mean : bool, default=False

        Returns
        -------
        Distribution
        """
        column = column.astype(np.float64, copy=False)
        known = ~np.isnan(column)
        if not known.all():
            column, weights = column[known], None if weights is None else weights[known]
        return cls(*distribution(column, weights), most, at_mean).joined()

    def __add__(self, other):
        """Return the distribution of both parts of the rows."""
        values, which = np.unique(
            np.concatenate([self.values, other.values]), return_inverse=True
        )
        masses = np.bincount(which, np.concatenate([self.masses, other.masses]))
        if self.masses.dtype.kind == other.masses.dtype.kind == "i":
            masses = masses.astype(np.int64)
        return Distribution(values, masses, self.most, self.at_mean).joined()

    def joined(self):
        """Return the distribution with its neighbours in groups, if it is long."""
        values, masses = self.values, self.masses
        if len(values) <= 4 * self.most:
            return self
        share = masses.sum() / self.most
        group = np.floor(np.cumsum(masses) / share)
        alone = masses > share
        begins = np.ones(len(values), bool)
        begins[1:] = (group[1:] != group[:-1]) | alone[1:] | alone[:-1]
        begins[1] = True
        first = np.flatnonzero(begins)
        sums = np.add.reduceat(masses, first)
        if self.at_mean:
            places = np.add.reduceat(values * masses, first) / sums
        else:
            places = values[np.append(first[1:], len(values)) - 1]
        return Distribution(places, sums, self.most, self.at_mean)


def groups_for(n_columns):
    """Return how many groups the distribution of each column may have.

    Parameters
    ----------
    n_columns : int

    Returns
    -------
    int
    """
    return int(np.clip(MOST_NUMBERS // max(1, n_columns), FEWEST_GROUPS, MOST_GROUPS))
