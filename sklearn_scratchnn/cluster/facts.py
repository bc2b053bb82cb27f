"""What blocks say of themselves, and of all rows when it is put together."""

from dataclasses import dataclass, replace

import numpy as np

from ..data.column_checks import label_of
from ..data.columns import (
    RARE,
    Columns,
    RawTable,
    columns_of_facts,
    frequent_levels,
)
from ..data.frames import Factor, in_order, kind_of
from ..data.targets import check_several_classes
from ..network.loss import Loss
from .distribution import MOST_GROUPS, Distribution


@dataclass(frozen=True)
class ColumnFacts:
    """What is known of a column before rows are coded.

    Parameters
    ----------
    block : int
        The first one that has a value in it.
    has_value, has_gaps : bool
    levels : list or None
        The values of a categorical column; None for numbers.
    counts : ndarray of shape (n_levels + 1,) or None
        The weights of gaps and of each level.
    """

    block: int
    has_value: bool
    has_gaps: bool
    levels: list | None = None
    counts: np.ndarray | None = None

    def joined(self, other, label):
        """Return what is known by both; raise ValueError where these differ."""
        if not (self.has_value and other.has_value):
            known, none = (self, other) if self.has_value else (other, self)
            counts = known.counts
            if counts is not None and none.counts is not None:
                counts = counts.copy()
                counts[0] += none.counts[0]
            gaps = self.has_gaps or other.has_gaps
            return replace(known, has_gaps=gaps, counts=counts)
        kinds = [_kinds(facts) for facts in (self, other)]
        if not kinds[0] & kinds[1]:
            raise ValueError(
                f"{label} holds {_plural(kinds[1])} in block {other.block}, and "
                f"{_plural(kinds[0])} in block {self.block}. Give it one dtype in all "
                "blocks."
            )
        gaps = self.has_gaps or other.has_gaps
        if self.levels is None:
            return replace(self, has_gaps=gaps)
        levels = in_order({*self.levels, *other.levels})
        place = {level: i + 1 for i, level in enumerate(levels)}
        counts = np.zeros(len(levels) + 1)
        for facts in (self, other):
            counts[0] += facts.counts[0]
            counts[[place[level] for level in facts.levels]] += facts.counts[1:]
        return ColumnFacts(self.block, True, gaps, levels, counts)


def _kinds(facts):
    if facts.levels is None:
        return {"column of numbers"}
    return {kind_of(level) for level in facts.levels}


def _plural(kinds):
    kind = min(kinds)
    return "numbers" if kind == "column of numbers" else f"categories of kind {kind}"


@dataclass(frozen=True)
class Facts:
    """What some blocks say of their rows.

    Parameters
    ----------
    block : int
        The first of them.
    weight : float
        The sum of the weights, as these were given.
    n_learnt : int
        Rows that columns are learnt from: not those of classes of weight 0.
    weight_learnt : float
        Of these.
    names : list or None
    n_features : int
    dtype : dtype
        Of the numbers of X.
    loss : Loss
    labels : ndarray
        The classes, or the numbers of the columns of y.
    masses : ndarray of shape (n_labels,) or None
        The weight of each class, where a row has one.
    targets : list of Distribution or None
        Of each column of numbers.
    columns : list of ColumnFacts or None
        None where all are numbers without gaps.
    """

    block: int
    weight: float
    n_learnt: int
    weight_learnt: float
    names: list | None
    n_features: int
    dtype: np.dtype
    loss: Loss
    labels: np.ndarray
    masses: np.ndarray | None
    targets: list | None
    columns: list | None

    def __add__(self, other):
        """Return what both say; raise ValueError where these do not suit each other."""
        self._check_same_shape(other)
        labels, masses = self._joined_labels(other)
        targets = self.targets and [a + b for a, b in zip(self.targets, other.targets)]
        return replace(
            self,
            weight=self.weight + other.weight,
            n_learnt=self.n_learnt + other.n_learnt,
            weight_learnt=self.weight_learnt + other.weight_learnt,
            dtype=np.result_type(self.dtype, other.dtype),
            labels=labels,
            masses=masses,
            targets=targets,
            columns=self._joined_columns(other),
        )

    def _check_same_shape(self, other):
        for what, of_self, of_other in (
            ("columns in X", self.n_features, other.n_features),
            ("names of columns", self.names, other.names),
            ("kind of y", self.loss.kind_of_y, other.loss.kind_of_y),
        ):
            if of_self != of_other:
                raise ValueError(
                    f"Block {other.block} has other {what} than block {self.block}: "
                    f"{of_other} and {of_self}."
                )
        if self.loss.outputs_are_columns and len(self.labels) != len(other.labels):
            raise ValueError(
                f"Block {other.block} has {len(other.labels)} columns in y, and block "
                f"{self.block} has {len(self.labels)}."
            )

    def _joined_labels(self, other):
        if self.loss.outputs_are_columns:
            return self.labels, None
        kinds = [{kind_of(x) for x in facts.labels.tolist()} for facts in (self, other)]
        if not kinds[0] & kinds[1]:
            raise ValueError(
                f"y holds {other.labels[0]!r} in block {other.block}, and "
                f"{self.labels[0]!r} in block {self.block}: labels must be of one type."
            )
        labels = self.loss.outputs_of(np.concatenate([self.labels, other.labels]))
        masses = np.zeros(len(labels))
        for facts in (self, other):
            masses[np.searchsorted(labels, facts.labels)] += facts.masses
        return labels, masses

    def _joined_columns(self, other):
        if self.columns is None and other.columns is None:
            return None
        parts = [
            [ColumnFacts(facts.block, facts.n_learnt > 0, False)] * self.n_features
            if facts.columns is None
            else facts.columns
            for facts in (self, other)
        ]
        return [
            a.joined(b, label_of(self.names, j)) for j, (a, b) in enumerate(zip(*parts))
        ]

    # What all blocks say -----------------------------------------------------------

    def classes(self):
        """Return the classes; raise ValueError for one alone."""
        check_several_classes(self.loss, self.labels)
        return self.labels

    def learnt(self):
        """Return what is learnt of the columns, but for the means.

        Returns
        -------
        columns : Columns
        without_value : list of int
            Columns to ignore.
        """
        if self.columns is None:
            return Columns(), []
        least = RARE * min(1.0, self.weight_learnt / max(1, self.n_learnt))
        found = []
        for facts in self.columns:
            gaps = facts.has_gaps and facts.has_value
            if facts.levels is None or not facts.has_value:
                found.append((None, gaps, False, facts.has_value))
                continue
            found.append((*frequent_levels(facts.counts, facts.levels, least), True))
        return columns_of_facts(found)


def facts_of(index, X, y, weights, loss, estimator):
    """Return what a block says.

    Parameters
    ----------
    index : int
    X : ndarray or RawTable
    y : ndarray
    weights : ndarray or None
    loss : Loss
    estimator : estimator
        That knows names and number of features.

    Returns
    -------
    Facts
    """
    rows = np.arange(len(y)) if weights is None else np.flatnonzero(weights)
    counted = None if weights is None else weights[rows]
    weight, y = _total(rows, counted), y[rows]
    labels, masses, targets = loss.outputs_of(y), None, None
    if loss.predicts_numbers:
        numbers = y.reshape(len(y), -1)
        targets = [Distribution.of(t, counted, MOST_GROUPS, True) for t in numbers.T]
    elif not loss.outputs_are_columns:
        codes = loss.encode(y, labels)
        masses = np.bincount(codes, counted, len(labels)).astype(float)
        learns = ~_is_void(labels, estimator.class_weight)[codes]
        rows, counted = rows[learns], None if counted is None else counted[learns]
    columns = None
    if isinstance(X, RawTable):
        columns = [_facts_of_column(index, c, rows, counted) for c in X.columns]
    names = getattr(estimator, "feature_names_in_", None)
    return Facts(
        index,
        weight,
        len(rows),
        _total(rows, counted),
        None if names is None else names.tolist(),
        estimator.n_features_in_,
        _dtype_of(X),
        loss,
        labels,
        masses,
        targets,
        columns,
    )


def _total(rows, weights):
    return float(len(rows) if weights is None else weights.sum())


def _is_void(labels, class_weight):
    """Return which classes have a factor of 0."""
    if not isinstance(class_weight, dict):
        return np.zeros(len(labels), bool)
    return np.array([class_weight.get(label) == 0 for label in labels.tolist()])


def _dtype_of(X):
    if isinstance(X, np.ndarray):
        return X.dtype
    numbers = [c.dtype for c in X.columns if isinstance(c, np.ndarray)]
    return np.result_type(*numbers) if numbers else np.dtype(np.float64)


def _facts_of_column(index, column, rows, weights):
    if column is None or not len(rows):
        return ColumnFacts(index, False, False)
    if isinstance(column, Factor):
        codes, n_levels = column.codes[rows].astype(np.intp), len(column.levels)
        counts = np.bincount(codes + 1, weights, n_levels + 1).astype(float)
        has_value = bool(counts[1:].any())
        return ColumnFacts(index, has_value, counts[0] > 0, column.levels, counts)
    gaps = np.isnan(column[rows]) if column.dtype.kind == "f" else np.False_
    if not np.all(gaps):
        return ColumnFacts(index, True, bool(np.any(gaps)))
    # It may be one of categories, in other blocks.
    weight = float(len(gaps) if weights is None else weights.sum())
    return ColumnFacts(index, False, True, None, np.array([weight]))
