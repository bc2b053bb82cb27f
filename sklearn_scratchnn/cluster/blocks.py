"""One block of rows: read, coded by what all blocks say, and some of it as a part.

All of this runs where the block lies.
"""

import copy
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from ..data.checks import check_weights, check_X_y
from ..data.columns import RawTable
from ..data.frames import Factor
from ..data.sample import Sample, make_sample, weigh_by_factors
from ..data.table import Table
from .facts import facts_of


@dataclass
class RawBlock:
    """The rows of a block as they were read.

    Parameters
    ----------
    index : int
        Its place among the blocks.
    X : ndarray, RawTable or None
        None for a block without rows that count.
    y : ndarray, default=None
    weights : ndarray of shape (n_rows,), default=None
    facts : Facts, default=None
        What the block says of itself.
    """

    index: int
    X: object
    y: np.ndarray | None = None
    weights: np.ndarray | None = None
    facts: object = None

    def __sizeof__(self):
        """Return the bytes of the rows, for dask to see."""
        if self.X is None:
            return 100
        X = self.X.matrix if isinstance(self.X, RawTable) else self.X
        size = X.nbytes if X is not None else 8 * self.X.shape[0] * self.X.shape[1]
        return 100 + size + self.y.nbytes


def read_block(index, X, y, weights, estimator, columns=None):
    """Return the checked rows of a block.

    Parameters
    ----------
    index : int
    X, y, weights : array-like or DataFrame
        Of the block; weights may be None.
    estimator : estimator
        An ordinary one, with the parameters; it knows names and number of features
        where training goes on.
    columns : Columns, default=None
        What was learnt before, where training goes on.

    Returns
    -------
    RawBlock

    Raises
    ------
    ValueError, TypeError
        That names the block.
    """
    with named(index):
        if not hasattr(X, "shape"):
            raise TypeError(f"X must be an array or a DataFrame; got {type(X)}.")
        if not isinstance(X, np.ndarray) and hasattr(X, "tocsr"):
            raise TypeError("X is sparse; a cluster takes dense blocks.")
        if weights is not None:
            weights = np.asarray(weights)
        if len(X) == 0 or (weights is not None and len(weights) and not weights.any()):
            return RawBlock(index, None)
        own = copy.copy(estimator)
        X, y = check_X_y(
            own,
            X,
            np.asarray(y),
            reset=columns is None,
            categorical_features=own.categorical_features,
            columns=columns,
        )
        y, loss = own._read_y(y)
        weights = check_weights(weights, X)
        facts = facts_of(index, X, y, weights, loss, own)
        return RawBlock(index, X, y, weights, facts)


@contextmanager
def named(index):
    """Name the block in a ValueError or TypeError of the code within.

    Parameters
    ----------
    index : int
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Block {index}: {error}") from error


@dataclass(frozen=True)
class Selection:
    """Some rows of every block: each ``step``-th of its class, or all the others.

    Parameters
    ----------
    seed : int
        Draws the order in which the rows of a class are counted.
    step : int
    held_out : bool
        Whether these are the ones in ``step``.
    """

    seed: int
    step: int
    held_out: bool

    def other(self):
        """Return the selection of the others."""
        return replace(self, held_out=not self.held_out)

    def of(self, sample, index):
        """Return the selected part of a block's rows.

        Parameters
        ----------
        sample : Sample
        index : int
            Of the block.

        Returns
        -------
        Sample
            A class of fewer than ``step`` rows is not held out.
        """
        rows = np.arange(len(sample.codes)) if sample.subset is None else sample.subset
        order = np.random.RandomState([self.seed, index]).permutation(len(rows))
        strata = sample.loss.strata(sample.codes)
        if strata is not None:
            order = order[np.argsort(strata[rows[order]], kind="stable")]
        place = np.arange(len(rows))
        if strata is not None and len(rows):
            of_row = strata[rows[order]]
            begins = np.flatnonzero(np.diff(of_row, prepend=of_row[0] - 1))
            place -= np.repeat(begins, np.diff(begins, append=len(rows)))
        is_held = np.zeros(len(rows), bool)
        is_held[order[place % self.step == self.step - 1]] = True
        return sample.only(rows[is_held == self.held_out])


@dataclass
class Block:
    """The rows of a block as they are trained on.

    Parameters
    ----------
    index : int
    sample : Sample or None
        Coded, and not yet encoded; None where no row counts.
    """

    index: int
    sample: Sample | None
    _parts: dict = field(default_factory=dict, init=False, repr=False)
    _order: tuple = field(default=(None, None), init=False, repr=False)

    def __sizeof__(self):
        """Return the bytes of the rows, for dask to see."""
        if self.sample is None:
            return 100
        weights = self.sample.weights
        size = self.sample.X.nbytes + self.sample.codes.nbytes
        return 100 + size + (0 if weights is None else 2 * weights.nbytes)

    def __getstate__(self):
        return self.index, self.sample

    def __setstate__(self, state):
        self.__init__(*state)

    def part(self, selections):
        """Return the rows of one selection after the other.

        Parameters
        ----------
        selections : tuple of Selection

        Returns
        -------
        Sample or None
            None where no row is left.
        """
        if not selections or self.sample is None:
            return self.sample
        if selections not in self._parts:
            sample = self.sample
            for selection in selections:
                sample = selection.of(sample, self.index)
            while len(self._parts) > 2:
                self._parts.pop(next(iter(self._parts)))
            self._parts[selections] = sample
        sample = self._parts[selections]
        return sample if sample.n_samples else None

    def order(self, seed, n_rows):
        """Return the order of an epoch, which is drawn once.

        Parameters
        ----------
        seed : int or None
            None for the rows as they lie.
        n_rows : int

        Returns
        -------
        ndarray of int of shape (n_rows,)
        """
        if seed is None:
            return np.arange(n_rows)
        if self._order[0] != (seed, n_rows):
            order = np.random.RandomState([seed, self.index]).permutation(n_rows)
            self._order = (seed, n_rows), order.astype(np.uint32)
        return self._order[1]


def code_block(raw, columns, loss, classes, factors=None, units=None):
    """Return a block coded by what all blocks say.

    Parameters
    ----------
    raw : RawBlock
    columns : Columns
    loss : Loss
    classes : ndarray
    factors : ndarray of shape (n_classes,), default=None
        Of the weights of the classes; None for none.
    units : TargetScale, default=None
        Of numbers.

    Returns
    -------
    Block
    """
    if raw.X is None:
        return Block(raw.index, None)
    with named(raw.index):
        X = raw.X
        if not columns.are_numbers:
            names = None
            if isinstance(X, np.ndarray):
                X = RawTable(list(X.T), names, X, X)
            X = columns.code(_conformed(X, columns))
            X = Table(X.numbers, X.codes)
        sample = make_sample(X, raw.y, loss, classes, raw.weights, target_scale=units)
        if factors is not None:
            sample = weigh_by_factors(sample, factors)
            if not sample.n_samples:
                return Block(raw.index, None)
        sample.y = sample.codes
        return Block(raw.index, sample)


def _conformed(raw, columns):
    """Return a table whose columns without any value have the kind of the others."""
    gaps = Factor(np.full(raw.n_rows, -1, np.int8), [])
    read = list(raw.columns)
    for j in columns.categorical():
        if not isinstance(read[j], Factor):
            read[j] = gaps
    for j in np.flatnonzero(np.isnan(columns.column_means_)):
        if j not in columns.categorical():
            read[j] = None
    return replace(raw, columns=read)
