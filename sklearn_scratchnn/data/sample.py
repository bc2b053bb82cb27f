"""Checked rows with their codes and weights, and some of them as a part."""

import copy
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from scipy import sparse

from ..network.losses import Loss
from .checks import check_weights
from .columns import Columns
from .distinct import distinct_rows, keys_of_sparse, row_numbers
from .encoding import edges_of_columns
from .means import column_means
from .row_source import row_source
from .rows import DenseRows, SparseRows, Subset, TableRows, Targets
from .split import fold_rows, fold_weights, split_rows
from .standardize import Standardizer
from .table import Table
from .table_encoding import TableEncoding, make_encoding
from .target_scale import TargetScale
from .targets import class_factors, encode, find_classes

SORTED_BYTES = 2**26  # of rows that are sorted to be summed


@dataclass
class Sample:
    """Checked rows, their codes and weights.

    Parameters
    ----------
    X : ndarray, CSR matrix, Table or RawTable of shape (n_rows, n_features)
        In the caller's dtype; no copy where none was needed. The last one is read, and
        `learn` makes a `Table` of it.
    y : ndarray of shape (n_rows,) or (n_rows, n_labels)
    loss : Loss
        Which encoded y.
    classes : ndarray of shape (n_outputs,)
    codes : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        See ``Loss.encode``; numbers are in units of ``target_scale``.
    weights : ndarray of float64 of shape (n_rows,), default=None
        None where all rows count alike.
    subset : ndarray of int, default=None
        The rows that take part; None for all.
    given_weights : ndarray of float64 of shape (n_rows,), default=None
        The weights before ``class_weight``.
    encoding : PiecewiseEncoding or TableEncoding, default=None
        What `rows` are encoded by; None for the columns as they are.
    standardizer : Standardizer, default=None
        How `rows` are scaled, after that; None for not at all.
    columns : Columns, default=None
        What was learnt of the columns; None for nothing.
    target_scale : TargetScale, default=None
        Of numbers, what they are measured in; None for labels.

    See Also
    --------
    make_sample : Makes one, encoding the labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> X, y, weights = np.eye(3), np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0])
    >>> sample = make_sample(X, y, LOSSES["softmax_cross_entropy"], None, weights)
    >>> some = sample.only(np.array([0, 2]))
    >>> some.n_samples, some.total_weight
    (2, 4.0)
    """

    X: object
    y: np.ndarray
    loss: Loss
    classes: np.ndarray
    codes: np.ndarray
    weights: np.ndarray | None = None
    subset: np.ndarray | None = None
    given_weights: np.ndarray | None = None
    encoding: object = None
    standardizer: object = None
    columns: Columns | None = None
    target_scale: TargetScale | None = None
    _sorted: tuple | None = field(default=None, init=False, repr=False, compare=False)
    _found: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def n_samples(self):
        """Number of rows that take part."""
        return self.X.shape[0] if self.subset is None else len(self.subset)

    @property
    def is_dense(self):
        """Whether all numbers are stored, also zeros."""
        return not sparse.issparse(self.X)

    @property
    def n_unbinned_inputs(self):
        """Number of inputs before columns are cut into bins."""
        if isinstance(self.X, Table):
            return TableEncoding(self.columns).n_inputs
        return self.X.shape[1]

    @property
    def n_inputs(self):
        """Number of what the first layer reads: the columns, or what they become."""
        return self.X.shape[1] if self.encoding is None else self.encoding.n_inputs

    def of_subset(self, values):
        """Return the entries of the rows that take part.

        Parameters
        ----------
        values : ndarray of shape (n_rows, ...) or None

        Returns
        -------
        ndarray of shape (n_samples, ...) or None
            The same array where all rows take part; None for None.
        """
        if values is None or self.subset is None:
            return values
        return values[self.subset]

    @property
    def total_weight(self):
        """Sum of the weights: the number of rows, where there are none."""
        if self.weights is None:
            return float(self.n_samples)
        return float(self.of_subset(self.weights).sum())

    @property
    def n_distinct(self):
        """Number of distinct rows."""
        return self.distinct().n_samples

    def rarest_class(self):
        """Return the least number of rows of a class.

        Returns
        -------
        int
            The number of all rows, where these are not of one class.
        """
        strata = self.loss.strata(self.codes)
        if strata is None:
            return self.n_samples
        return np.bincount(self.of_subset(strata)).min()

    def constant_loss(self, label_smoothing=0.0):
        """Return the least mean loss of a prediction that is the same for every row.

        Parameters
        ----------
        label_smoothing : float, default=0.0

        Returns
        -------
        float
            By the weights.
        """
        codes, weights = self.of_subset(self.codes), self.of_subset(self.weights)
        return self.loss.constant_loss(
            codes, weights, len(self.classes), label_smoothing
        )

    def only(self, subset):
        """Return the sample of fewer rows.

        Parameters
        ----------
        subset : ndarray of int
            Their indices in X.

        Returns
        -------
        Sample
            Over the same arrays.
        """
        return replace(self, subset=subset)

    def split(self, fraction, random_state):
        """Return a part to train on and a part held out, stratified by the classes.

        Parameters
        ----------
        fraction : float
            The share of the rows that is held out.
        random_state : numpy.random.RandomState

        Returns
        -------
        train, held_out : Sample
            Over the same arrays.

        Raises
        ------
        ValueError
            If there are too few rows.
        """
        rows = self._rows()
        strata = self.loss.strata(self.codes)
        train, held_out = split_rows(rows, strata, fraction, random_state)
        return self.only(train), self.only(held_out)

    def distinct(self):
        """Return the distinct pairs of x and y, sorted, with the sums of their weights.

        Returns
        -------
        Sample
            Over the same X and y. Of a sparse X the rows are sorted by numbers that
            stand for them.
        """
        if self._sorted is None:
            self._sorted = self._sort()
        order, first = self._sorted
        weights, given = (
            self._sums(values, order, first)
            for values in (self.weights, self.given_weights)
        )
        rows = order if first is None else order[first]
        return replace(self, subset=rows, weights=weights, given_weights=given)

    def in_fixed_order(self):
        """Return the rows in an order of their own, for sums over them.

        In the order of the distinct rows, sums are the same to the last digit for
        weights, for copies, and for any order of the rows. A large X, which may lie on
        a disk, is read from front to back.

        Returns
        -------
        Sample
            Of the same sum of weights.
        """
        sorts = self.is_dense and self.X.nbytes <= SORTED_BYTES
        return self.distinct() if sorts else self

    def means(self):
        """Return the weighted mean of the known numbers of each column.

        Returns
        -------
        ndarray of float64 of shape (n_numbers,)
            NaN for a column without any.
        """
        return column_means(self.in_fixed_order())

    def digests(self, digest):
        """Return a digest of X, of y and of the weights.

        Parameters
        ----------
        digest : callable
            Of an array, a CSR matrix, a `Table` or None.

        Returns
        -------
        list of str
            Empty ones for what is not there.
        """
        # Of labels the codes: their names are looked at elsewhere.
        y = self.y if self.loss.predicts_numbers else self.codes
        return [digest(array) for array in (self.X, y, self.weights)]

    def measured(self, robust=False):
        """Return how the inputs are standardised.

        Parameters
        ----------
        robust : bool, default=False
            As of `Standardizer.from_rows`.

        Returns
        -------
        Standardizer
            Of the rows that take part, by their weights.
        """
        rows = self.in_fixed_order()
        return Standardizer.from_rows(
            rows.X,
            rows.of_subset(rows.weights),
            rows.subset,
            robust=robust,
            encoding=self.encoding,
        )

    def _rows(self):
        """Return the indices of the rows that take part."""
        return row_numbers(self.X.shape[0]) if self.subset is None else self.subset

    def _sort(self):
        rows = self._rows()
        if isinstance(self.X, Table):
            columns = TableEncoding(self.columns).sort_keys(self.X)
        else:
            columns = self.X.T if self.is_dense else [keys_of_sparse(self.X)]
        order, first = distinct_rows(chain(columns, np.atleast_2d(self.codes.T)), rows)
        return order, None if len(first) == len(order) else first

    def with_inputs(self, **inputs):
        """Return the same rows with another encoding or standardizer.

        Parameters
        ----------
        **inputs : object
            By the names of the fields ``encoding``, ``standardizer`` and ``columns``.

        Returns
        -------
        Sample
            Over the same arrays; how the rows sort is not found again.
        """
        twin = copy.copy(self)
        vars(twin).update(inputs, _found={})
        return twin

    def once(self, name, find):
        """Return what was found of these rows, once for all trainings on them.

        Parameters
        ----------
        name : hashable
        find : callable
            Called at the first time that the name is asked for.

        Returns
        -------
        object
            What ``find()`` returned.
        """
        if name not in self._found:
            self._found[name] = find()
        return self._found[name]

    def in_bins(self, n_bins):
        """Return the same rows with their numeric columns cut into bins.

        Parameters
        ----------
        n_bins : int
            As of `ScratchMLPClassifier`.

        Returns
        -------
        Sample
            With an encoding that follows from the rows and their weights.
        """
        return self.once(("bins", n_bins), lambda: self._cut(n_bins))

    def _cut(self, n_bins):
        columns, weights = self.numeric_columns(), self.of_subset(self.weights)
        rows = weights, self.subset, n_bins
        if not isinstance(self.X, Table):
            return self.encoded(self.columns, edges_of_columns(columns, *rows))
        edges = [np.array([])] * len(self.columns.column_means_)
        places = self.columns.numeric()
        for j, found in zip(places, edges_of_columns(columns, *rows, places)):
            edges[j] = found
        return self.encoded(self.columns, edges)

    def encoded(self, columns, edges=None):
        """Return the same rows, encoded by what was learnt of others, or of these.

        Parameters
        ----------
        columns : Columns
        edges : list of ndarray, default=None
            Of the bins of every column of X; None for none.

        Returns
        -------
        Sample
            Over the same arrays.
        """
        encoding = make_encoding(columns, edges, isinstance(self.X, Table))
        return self.with_inputs(encoding=encoding, columns=columns)

    def numeric_columns(self):
        """Return the columns of numbers.

        Returns
        -------
        list of ndarray of shape (n_rows,)
            Views; NaN where a value is missing.
        """
        return self.X.columns() if isinstance(self.X, Table) else list(self.X.T)

    def _sums(self, weights, order, first):
        """Return the weights of distinct rows; None where all are one row of many."""
        if first is None:
            return weights
        if weights is None:
            weights = np.ones(self.X.shape[0])
        sums = np.zeros(self.X.shape[0])
        sums[order[first]] = np.add.reduceat(weights[order], first)
        return sums

    def folds(self, n_folds, random_state):
        """Yield ``n_folds`` pairs of a part to train on and a part held out.

        Each row is held out once; one of a given weight of ``n_folds`` or more stands
        for so many rows, and is divided. A class of one row is trained on.

        Parameters
        ----------
        n_folds : int
        random_state : numpy.random.RandomState

        Yields
        ------
        train, held_out : Sample
            Over the same X and y, the rows in the order of this sample.
        """
        rows, given = self._rows(), self.of_subset(self.given_weights)
        strata = self.of_subset(self.loss.strata(self.codes))
        if given is None:
            places = row_numbers(len(rows))
            for held in fold_rows(places, strata, n_folds, random_state):
                is_held = np.zeros(len(rows), bool)
                is_held[held] = True
                yield self.only(rows[~is_held]), self.only(rows[is_held])
            return
        for held in fold_weights(given, strata, n_folds, random_state):
            yield (
                self._weighted(rows, 1 - held / given),
                self._weighted(rows, held / given),
            )

    def _weighted(self, rows, shares):
        """Return the sample with a share of each row's weight; of 0, without it."""
        some = shares > 0
        weights = None
        if self.weights is not None or (shares[some] < 1).any():
            weights = np.ones(self.X.shape[0]) if self.weights is None else self.weights
            weights = weights.copy()
            weights[rows] *= shares
        return replace(self, subset=rows[some], weights=weights)

    def evened(self):
        """Return the sample with a heavy row as several rows that share its weight.

        None then weighs much more than the mean. In a minibatch a row of the weight of
        hundreds would outvote all others, where as many copies fall into many batches.

        Returns
        -------
        Sample
            Of at most twice as many rows.
        """
        if self.weights is None:
            return self
        rows = self._rows()
        weights = self.weights.copy()
        copies = np.maximum(1, np.rint(weights[rows] / weights[rows].mean()))
        weights[rows] /= copies
        return replace(
            self, subset=np.repeat(rows, copies.astype(np.intp)), weights=weights
        )

    # What an objective reads -------------------------------------------------------

    def _scaling(self):
        """Return the mean and the scale of each input, or None twice."""
        if self.standardizer is None or self.standardizer.is_identity:
            return None, None
        return self.standardizer.mean, self.standardizer.scale

    def row_source(self):
        """Return where the rows lie.

        Returns
        -------
        RowSource or None
            None if they are sparse.
        """
        return row_source(self.X, self.encoding, *self._scaling(), self.subset)

    def rows(self, dtype, n_rows):
        """Return the rows, to be asked for a batch at a time.

        Parameters
        ----------
        dtype : dtype
        n_rows : int
            The most that are asked for at once.

        Returns
        -------
        DenseRows, SparseRows, TableRows or Subset
            Encoded and scaled.
        """
        mean, scale = self._scaling()
        if isinstance(self.X, Table):
            whole = TableRows(self.X, mean, scale, dtype, n_rows, self.encoding)
        elif self.is_dense:
            whole = DenseRows(self.X, mean, scale, dtype, n_rows, self.encoding)
        else:
            whole = SparseRows(self.X, mean, scale, dtype, n_rows)
        return self._part(whole)

    def targets(self, table, dtype, n_rows):
        """Return the targets, to be asked for a batch at a time.

        Parameters
        ----------
        table : ndarray or None
            From ``Loss.target_table``.
        dtype : dtype
        n_rows : int
            The most that are asked for at once.

        Returns
        -------
        Targets or Subset
            Of the rows that take part.
        """
        return self._part(Targets(self.codes, table, len(self.classes), dtype, n_rows))

    def _part(self, whole):
        return whole if self.subset is None else Subset(whole, self.subset)

    def mean_one_weights(self, dtype):
        """Return the weights divided by their mean.

        Parameters
        ----------
        dtype : dtype

        Returns
        -------
        ndarray of shape (n_samples, 1) or None
            None where all rows count alike.
        """
        weights = self.of_subset(self.weights)
        if weights is None:
            return None
        return (weights / weights.mean()).astype(dtype)[:, np.newaxis]


def make_sample(
    X,
    y,
    loss,
    classes=None,
    sample_weight=None,
    class_weight=None,
    name="y",
    target_scale=None,
):
    """Return a `Sample`; rows of weight zero take no part.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,) or (n_rows, n_labels)
    loss : Loss
    classes : ndarray of shape (n_classes,) or (n_labels,), default=None
        Sorted; for several labels a row, their columns' numbers. None for those of y.
    sample_weight : array-like of shape (n_rows,), default=None
        None where all rows count alike.
    class_weight : dict, "balanced" or None, default=None
        Factors on the weights.
    name : str, default="y"
        What errors call ``y``.
    target_scale : TargetScale, default=None
        Of numbers; None for what the rows say themselves.

    Returns
    -------
    Sample
        Over X and y themselves.

    Raises
    ------
    ValueError
        If a label is not in ``classes``, or the weights leave no rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> loss = LOSSES["softmax_cross_entropy"]
    >>> X, y = np.eye(3), np.array(["no", "yes", "no"])
    >>> sample = make_sample(X, y, loss, sample_weight=[1.0, 2.0, 0.0])
    >>> sample.codes, sample.n_samples
    (array([0, 1, 0], dtype=int32), 2)
    """
    weights = check_weights(sample_weight, X, name.replace("y", "sample_weight", 1))
    if classes is None:
        classes = find_classes(loss, y, weights)
    sample = encoded_sample(X, y, loss, classes, weights, name, target_scale)
    return sample if class_weight is None else _weigh_classes(sample, class_weight)


def encoded_sample(X, y, loss, classes, weights, name="y", target_scale=None):
    """Return a `Sample` of rows whose weights were checked; see `make_sample`."""
    subset = None
    if weights is not None and not weights.all():
        subset = np.flatnonzero(weights)
    codes = encode(loss, y, classes, name, slice(None) if subset is None else subset)
    sample = Sample(X, y, loss, classes, codes, weights, subset, given_weights=weights)
    return _in_units(sample, target_scale) if loss.predicts_numbers else sample


def _in_units(sample, target_scale):
    """Return the sample with its numbers in units, of others or of their own."""
    if target_scale is None:
        known = sample.of_subset(sample.codes), sample.of_subset(sample.weights)
        target_scale = TargetScale.of(known[0], sample.loss, known[1])
    codes = target_scale.inside(sample.codes)
    return replace(sample, codes=codes, target_scale=target_scale)


def _weigh_classes(sample, class_weight):
    """Return the sample with each row's weight times the factor of its class."""
    strata, weights = sample.loss.strata(sample.codes), sample.weights
    with np.errstate(over="ignore", invalid="ignore"):
        factors = class_factors(
            class_weight,
            sample.classes,
            sample.of_subset(strata),
            sample.of_subset(weights),
        )
        sample = weigh_by_factors(sample, factors)
        check_total(sample.weights.sum())
    return sample


def weigh_by_factors(sample, factors):
    """Return the sample with each row's weight times the factor of its class.

    Parameters
    ----------
    sample : Sample
    factors : ndarray of shape (n_classes,)
        From `class_factors`.

    Returns
    -------
    Sample
    """
    weights = 1.0 if sample.weights is None else sample.weights
    weights = weights * factors[sample.loss.strata(sample.codes)]
    subset = sample.subset if weights.all() else np.flatnonzero(weights)
    return replace(sample, weights=weights, subset=subset)


def check_total(weight):
    """Raise ValueError where weights of classes leave no rows, or too heavy ones."""
    if not weight:
        raise ValueError("class_weight is zero for the class of every row.")
    if not np.isfinite(weight):
        raise ValueError(
            "class_weight is too large: the sum of the rows' weights is not finite."
        )
