"""What is learnt of a table's columns: categories, gaps, and means for these.

A category of fewer than `RARE` rows is rare: all rare ones of a column share one input.
Weights count as rows, as everywhere; where they sum to less than the number of rows,
they cannot be counts, and stand for as many rows as there are. A missing value of a
categorical column is one more category. A category that training rows did not have
counts as rare, or where the column has no rare ones, as none at all.
"""

from dataclasses import dataclass, replace

import numpy as np

from .column_checks import check_same_kind, label_of
from .frames import Factor
from .table import Table, as_matrix

RARE = 5  # rows of a category below which it has no input of its own
MOST_CATEGORIES = 1000  # of a column; the others are rare


@dataclass
class RawTable:
    """A table that was read, before its categories are coded.

    Parameters
    ----------
    columns : list of ndarray, Factor or None
        None for a column that is ignored.
    names : list or None
    source : DataFrame or ndarray of shape (n_rows, n_features)
        What was read.
    matrix : ndarray of shape (n_rows, n_features), default=None
        The columns, where all are numbers of one array.
    """

    columns: list
    names: list | None
    source: object
    matrix: np.ndarray | None = None

    @property
    def shape(self):
        """Rows and columns."""
        return self.source.shape

    @property
    def n_rows(self):
        """Number of rows."""
        return self.shape[0]

    def __len__(self):
        return self.n_rows

    def label(self, j):
        """Return what errors call a column."""
        return label_of(self.names, j)


@dataclass(frozen=True)
class Columns:
    """What was learnt of the columns.

    Parameters
    ----------
    column_means_ : ndarray of float64 of shape (n_features,) or None
        What a missing number is replaced by. NaN for a column that is categorical or
        ignored. None where it is not known yet.
    is_categorical_ : ndarray of bool of shape (n_features,) or None
        None where no column is categorical.
    categories_ : list of ndarray of object or None
        Those of each column that have an input of their own; empty for numbers.
    has_missing_ : ndarray of bool of shape (n_features,) or None
        Columns that have an input which says that a value is missing; None for none.
    has_rare_ : ndarray of bool of shape (n_features,) or None
        Categorical columns that have an input for all rare categories.
    """

    column_means_: np.ndarray | None = None
    is_categorical_: np.ndarray | None = None
    categories_: list | None = None
    has_missing_: np.ndarray | None = None
    has_rare_: np.ndarray | None = None

    @classmethod
    def of(cls, estimator):
        """Return what a fitted estimator has learnt.

        Parameters
        ----------
        estimator : estimator
            With attributes of the fields' names.

        Returns
        -------
        Columns
        """
        return cls(
            estimator.column_means_,
            estimator.is_categorical_,
            estimator.categories_,
            estimator.has_missing_,
            estimator.has_rare_,
        )

    @property
    def are_numbers(self):
        """Whether all columns are numbers, and none had gaps: then they are inputs."""
        if self.is_categorical_ is not None or self.has_missing_ is not None:
            return False
        return self.column_means_ is None or not np.isnan(self.column_means_).any()

    def roles(self, n_features):
        """Return the role of each column, as `read_columns` takes it."""
        if self.are_numbers:
            return [False] * n_features
        ignored = np.isnan(self.column_means_)
        if self.is_categorical_ is None:
            return ["ignored" if i else False for i in ignored]
        pairs = zip(ignored, self.is_categorical_)
        return [True if c else "ignored" if i else False for i, c in pairs]

    def numeric(self):
        """Return the indices of the columns that are read as numbers."""
        return np.flatnonzero(~np.isnan(self.column_means_))

    def categorical(self):
        """Return the indices of the categorical columns."""
        if self.is_categorical_ is None:
            return np.array([], np.intp)
        return np.flatnonzero(self.is_categorical_)

    def widths(self):
        """Return how many inputs each categorical column has."""
        return [
            len(self.categories_[j]) + int(self.has_missing(j)) + int(self.has_rare_[j])
            for j in self.categorical()
        ]

    def has_missing(self, j):
        """Whether column ``j`` has an input which says that a value is missing."""
        return self.has_missing_ is not None and bool(self.has_missing_[j])

    def code(self, raw):
        """Return the `Table` of a `RawTable`.

        Parameters
        ----------
        raw : RawTable

        Returns
        -------
        Table

        Raises
        ------
        ValueError
            If a categorical column holds values of another type than in training, or
            the means are not known.
        """
        if self.column_means_ is None:
            raise ValueError(
                "X contains NaN. This model was saved by a version that took none, and "
                "does not know the columns' means; replace what is missing, or fit "
                "again."
            )
        numeric, categorical = self.numeric(), self.categorical()
        numbers = raw.matrix
        if numbers is None:
            numbers = as_matrix([raw.columns[j] for j in numeric], raw.n_rows)
        elif len(numeric) < numbers.shape[1]:
            numbers = as_matrix([numbers[:, j] for j in numeric], raw.n_rows)
        if not len(categorical):
            return Table(numbers, None, raw.source)
        widths = self.widths()
        starts = np.cumsum([0, *widths])
        codes = np.empty(
            (raw.n_rows, len(categorical)), np.min_scalar_type(-int(starts[-1]) - 1)
        )
        for k, j in enumerate(categorical):
            factor = raw.columns[j]
            check_same_kind(factor, self.categories_[j], raw.label(j))
            positions = self._positions(j, factor.levels)
            positions[positions >= 0] += starts[k]
            codes[:, k] = positions.astype(codes.dtype)[factor.codes]
        return Table(numbers, codes, raw.source)

    def _positions(self, j, levels):
        """Return the input, within column ``j``, of each level, then of a gap."""
        known = {level: i for i, level in enumerate(self.categories_[j])}
        missing, n_inputs = self.has_missing(j), len(known)
        otherwise = n_inputs + missing if self.has_rare_[j] else -1
        gap = n_inputs if missing else otherwise
        return np.array([*(known.get(v, otherwise) for v in levels), gap], np.int32)

    def names(self, names):
        """Return the names of the inputs that say what is missing, and of categories.

        Parameters
        ----------
        names : sequence of str
            Of the columns.

        Returns
        -------
        missing, categories : list of str
        """
        missing = [f"{names[j]} is missing" for j in self.numeric_with_gaps()]
        categories = []
        for j in self.categorical():
            categories += [f"{names[j]}={level}" for level in self.categories_[j]]
            categories += [f"{names[j]} is missing"] * self.has_missing(j)
            categories += [f"{names[j]} is rare"] * bool(self.has_rare_[j])
        return missing, categories

    def numeric_with_gaps(self):
        """Return the indices of the numeric columns that had gaps in training."""
        return [j for j in self.numeric() if self.has_missing(j)]


def learn_columns(raw, weights, subset):
    """Learn categories and gaps; means are not known yet, but for those of no value.

    Parameters
    ----------
    raw : RawTable
    weights : ndarray of shape (n_rows,) or None
        None where all rows count alike.
    subset : ndarray of int or None
        The rows that count; None for all.

    Returns
    -------
    columns : Columns
        With a mean of 0 for every numeric column.
    without_value : list of int
        The columns to ignore.
    """
    counted = None if weights is None else weights[_some(subset)]
    n_rows = raw.n_rows if subset is None else len(subset)
    least = RARE if counted is None else RARE * min(1.0, counted.sum() / n_rows)
    return columns_of_facts(
        [_learn_column(c, _some(subset), counted, least) for c in raw.columns]
    )


def columns_of_facts(found):
    """Return what was learnt of columns, from what is known of each.

    Parameters
    ----------
    found : list of tuple (categories, has_gaps, has_rare, has_value)
        The categories with an input of their own; None for numbers.

    Returns
    -------
    columns : Columns
        With a mean of 0 for every numeric column.
    without_value : list of int
        The columns to ignore.
    """
    categories, missing, rare, has_value = zip(*found)
    categorical = np.array([c is not None for c in categories])
    means = np.where(categorical | ~np.array(has_value), np.nan, 0.0)
    without_value = np.flatnonzero(~np.array(has_value)).tolist()
    missing = np.array(missing) if any(missing) else None
    if not categorical.any():
        return Columns(means, has_missing_=missing), without_value
    none = np.array([], object)
    categories = [none if c is None else c for c in categories]
    columns = Columns(means, categorical, categories, missing, np.array(rare))
    return columns, without_value


def _some(subset):
    return slice(None) if subset is None else subset


def _learn_column(column, rows, weights, least):
    """Return the categories or None, and whether it has gaps, rare ones, and values."""
    if not isinstance(column, Factor):
        gaps = np.isnan(column[rows]) if column.dtype.kind == "f" else np.False_
        has_value = not gaps.all()
        return None, bool(gaps.any()) and has_value, False, has_value
    codes, n_levels = column.codes[rows].astype(np.intp), len(column.levels)
    counts = np.bincount(codes + 1, weights, n_levels + 1)
    if not counts[1:].any():
        return None, False, False, False
    return *frequent_levels(counts, column.levels, least), True


def frequent_levels(counts, levels, least):
    """Return the frequent levels, whether gaps are frequent, and whether any is rare.

    Of more than `MOST_CATEGORIES` that are equally frequent the first ones are taken.

    Parameters
    ----------
    counts : ndarray of shape (n_levels + 1,)
        The weights of gaps and of each level.
    levels : list
    least : float
        Weight from which one is frequent.

    Returns
    -------
    levels : ndarray of object
    has_gaps, has_rare : bool
    """
    least -= 1e-9 * least  # what rounding may take from a sum of weights
    frequent = counts >= least
    if np.count_nonzero(frequent) > MOST_CATEGORIES:
        frequent[np.argsort(-counts, kind="stable")[MOST_CATEGORIES:]] = False
    kept = np.empty(np.count_nonzero(frequent[1:]), object)
    kept[:] = [level for level, keeps in zip(levels, frequent[1:]) if keeps]
    return kept, bool(frequent[0]), bool(((counts > 0) & ~frequent).any())


def with_means(columns, means):
    """Return what was learnt, with the means of the numeric columns in it."""
    all_means = columns.column_means_.copy()
    all_means[columns.numeric()] = means
    return replace(columns, column_means_=all_means)
