"""One block of rows: read, coded by what all blocks say, and some of it as a part.

All of this runs where the block lies.
"""

import copy
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

from ..data.checks import check_each_weight, check_X_y
from ..data.columns import RawTable
from ..data.frames import Factor
from ..data.sample import Sample, encoded_sample, weigh_by_factors
from ..data.table import Table
from .facts import facts_of

ROWS_AT_HAND = 50_000  # that alpha, relevances and temperature are chosen on
MOST_PARTS = 8  # that a block keeps: of four members the rows to train on, and others


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
        n_rows, n_columns = self.X.shape
        size = getattr(self.X, "nbytes", 8 * n_rows * n_columns)
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
        if not hasattr(type(X), "shape"):
            raise TypeError(f"X must be an array or a DataFrame; got {type(X)}.")
        _check_dense(X)
        check_consistent_length(X, y, weights)
        if len(X) == 0:
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
        _check_dense(X)  # it may have been a DataFrame of sparse columns
        y, loss = own._read_y(y)
        weights = check_each_weight(weights, X)
        if weights is not None and not weights.any():
            return RawBlock(index, None)
        facts = facts_of(index, X, y, weights, loss, own)
        return RawBlock(index, X, y, weights, facts)


def _check_dense(X):
    if sparse.issparse(X):
        raise TypeError("X is sparse; a cluster takes dense blocks.")


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


def rows_at_hand(sizes):
    """Return how many rows of each block are brought to the client.

    Parameters
    ----------
    sizes : ndarray of int of shape (n_blocks,)

    Returns
    -------
    list of int
        All, if they are no more than `ROWS_AT_HAND` together.
    """
    share = min(1.0, ROWS_AT_HAND / max(1, sizes.sum()))
    return np.ceil(sizes * share).astype(int).tolist()


@dataclass(frozen=True)
class Selection:
    """Some rows of each class of every block, or all the others.

    Parameters
    ----------
    seed : int
        Draws them.
    n_held : ndarray of int of shape (n_blocks, n_groups)
        How many rows are held out; a group is a class, or all rows.
    held_out : bool
        Whether these are the rows held out, or the others.
    """

    seed: int
    n_held: np.ndarray = field(compare=False)  # it follows from the rest
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
        """
        rows, groups = rows_and_groups(sample)
        is_held = np.zeros(len(rows), bool)
        order = np.random.RandomState([self.seed, index]).permutation(len(rows))
        for k, n_held in enumerate(self.n_held[index]):
            is_held[order[groups[order] == k][:n_held]] = True
        return sample.only(rows[is_held == self.held_out])


def rows_and_groups(sample):
    """Return the rows that count, and the group that each is held out with.

    Parameters
    ----------
    sample : Sample

    Returns
    -------
    rows, groups : ndarray of int of shape (n_samples,)
        The classes are groups, or all rows are one.
    """
    rows = np.arange(len(sample.codes)) if sample.subset is None else sample.subset
    strata = sample.loss.strata(sample.codes)
    return rows, np.zeros(len(rows), int) if strata is None else strata[rows]


def rows_to_hold_out(counts, fraction, random_state):
    """Return how many rows of each group every block holds out.

    Each group of two rows or more has one on both sides, wherever it lies. Blocks have
    their shares of it, as whole numbers whose sum is that of the group.

    Parameters
    ----------
    counts : ndarray of int of shape (n_blocks, n_groups)
    fraction : float in (0, 1)
    random_state : numpy.random.RandomState

    Returns
    -------
    ndarray of int of shape (n_blocks, n_groups)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.cluster.blocks import rows_to_hold_out
    >>> counts = np.array([[40, 0], [60, 3]])
    >>> rows_to_hold_out(counts, 0.1, np.random.RandomState(0)).sum(axis=0)
    array([10,  1])
    """
    n_held = np.zeros_like(counts)
    for k, n_rows in enumerate(counts.sum(axis=0).tolist()):
        if n_rows > 1:
            total = min(n_rows - 1, max(1, round(fraction * n_rows)))
            start = int(random_state.randint(n_rows, dtype=np.int64))
            below = [0, *np.cumsum(counts[:, k]).tolist()]  # products leave 64 bits
            n_held[:, k] = np.diff([(n * total + start) // n_rows for n in below])
    return n_held


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
        sample = self._parts.get(selections)
        if sample is None:
            sample = self.sample
            for selection in selections:
                sample = selection.of(sample, self.index)
            # Several members of an ensemble may ask at the same time.
            parts = list(self._parts.items())[-MOST_PARTS:]
            self._parts = dict(parts) | {selections: sample}
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
        drawn_for, order = self._order
        if drawn_for != (seed, n_rows):
            order = np.random.RandomState([seed, self.index]).permutation(n_rows)
            order = order.astype(np.uint32)
            self._order = (seed, n_rows), order
        return order


def code_block(raw, columns, loss, classes, factors, units, as_table):
    """Return a block coded by what all blocks say.

    Parameters
    ----------
    raw : RawBlock
    columns : Columns
    loss : Loss
    classes : ndarray
    factors : ndarray of shape (n_classes,) or None
        Of the weights of the classes; None for none.
    units : TargetScale or None
        Of numbers.
    as_table : bool
        Whether some blocks have gaps or categories.

    Returns
    -------
    Block
    """
    if raw.X is None:
        return Block(raw.index, None)
    with named(raw.index):
        X = raw.X
        if as_table:
            if isinstance(X, np.ndarray):
                X = RawTable(list(X.T), None, X, X)
            X = columns.code(_conformed(X, columns))
            X = Table(X.numbers, X.codes)
        known = loss, classes, raw.weights
        sample = encoded_sample(X, raw.y, *known, target_scale=units)
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
    for j in columns.numeric():
        if isinstance(read[j], Factor):
            read[j] = np.full(raw.n_rows, np.nan)
    return replace(raw, columns=read)
