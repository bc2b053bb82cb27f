"""What the caller hands in, checked and encoded; all errors name the argument."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from .._compat import _check_sample_weight

# X stays in any of these; all else that can be a number becomes the first, float64.
NUMBERS = [np.dtype(code) for code in "dfe?" + np.typecodes["AllInteger"]]
NOTHING_BUT_CLASSES = "biuU"  # kinds of dtype: truth values, whole numbers, texts


@dataclass
class Sample:
    """Checked rows, their encoded labels and weights.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        In the caller's dtype; no copy where none was needed.
    y : ndarray of shape (n_rows,) or (n_rows, n_labels)
    codes : ndarray of int of shape (n_rows,) or (n_labels, n_rows)
        Index of each row's class; or, for several labels, absence 0 or presence 1.
    weights : ndarray of float64 of shape (n_rows,) or None
        None where all rows count alike.
    subset : ndarray of int or None
        The rows that take part; None for all.
    given_weights : ndarray of float64 of shape (n_rows,) or None
        ``weights`` before ``class_weight``.

    See Also
    --------
    make_sample : Makes one, encoding the labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.inputs import Sample
    >>> y = np.array([0, 1, 1])
    >>> sample = Sample(np.eye(3), y, codes=y, weights=np.array([1.0, 2.0, 3.0]))
    >>> some = sample.only(np.array([0, 2]))
    >>> some.n_samples, some.total_weight
    (2, 4.0)
    """

    X: object
    y: np.ndarray
    codes: np.ndarray
    weights: np.ndarray | None = None
    subset: np.ndarray | None = None
    given_weights: np.ndarray | None = None

    @property
    def n_samples(self):
        """Number of rows that take part."""
        return self.X.shape[0] if self.subset is None else len(self.subset)

    def of_subset(self, values):
        """Return the entries along the last axis of the rows that take part.

        Parameters
        ----------
        values : ndarray of shape (..., n_rows) or None

        Returns
        -------
        ndarray of shape (..., n_samples) or None
            The same array where all rows take part; None for None.
        """
        if values is None or self.subset is None:
            return values
        return values[..., self.subset]

    @property
    def total_weight(self):
        """Sum of the weights: the number of rows, where there are none."""
        if self.weights is None:
            return float(self.n_samples)
        return float(self.of_subset(self.weights).sum())

    def rarest_class(self):
        """Return the least number of rows of a class.

        Returns
        -------
        int
            For several labels a row, the number of all rows.
        """
        if self.codes.ndim == 2:
            return self.n_samples
        return np.bincount(self.of_subset(self.codes)).min()

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


def check_X_y(estimator, X, y, reset, name=""):
    """Return X as an array or CSR matrix and y as an array, both checked.

    ``name`` is "_val" for ``X_val`` and ``y_val``, which errors then name.
    """
    try:
        return _checked(estimator, X, y, reset)
    except ValueError as error:
        if not name:
            raise
        raise ValueError(f"X{name} or y{name} cannot be used: {error}") from error


def _checked(estimator, X, y, reset):
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=["csr", "csc"],
        multi_output=True,
        dtype=NUMBERS,
        order=None,
        reset=reset,
    )
    if sparse.issparse(y):
        y = y.toarray()
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.ndim == 2 or y.dtype.kind not in NOTHING_BUT_CLASSES:
        _check_labels(y)
    if y.ndim == 2 and type_of_target(y) == "multiclass-multioutput":
        raise ValueError(
            "Unknown label type: y has several columns with more than two classes; "
            "y must hold one label a row, or a matrix of zeros and ones."
        )
    if y.ndim == 2 and not np.isin(y, (0, 1)).all():
        raise ValueError(
            "y has several columns, which must hold 0 and 1 (one column a label), but "
            f"it holds {np.unique(y).tolist()}."
        )
    return as_rows(X), y


def _check_labels(y):
    try:
        check_classification_targets(y)
    except TypeError as error:
        raise TypeError(
            f"y holds labels of several types, or bytes, which have no order: {error}."
        ) from error


def as_rows(X):
    """Return X with its rows lying together: a C-ordered array or a canonical CSR."""
    if not sparse.issparse(X):
        return X if X.flags.c_contiguous else np.ascontiguousarray(X)
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def check_weights(sample_weight, X, name="sample_weight"):
    """Return the weights as float64, or None; all are >= 0 and one is more."""
    if sample_weight is None:
        return None
    try:
        weights = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} cannot be used: {error}") from error
    with np.errstate(over="ignore"):
        total = weights.sum()
    # Below that number float64 loses digits, and ratios to the sum overflow.
    if not np.finfo(np.float64).tiny <= total < np.inf:
        raise ValueError(
            f"{name} must have a finite sum that is more than zero; it is {total}."
        )
    return weights


def find_classes(y, weights):
    """Return the sorted classes of the rows of positive weight; at least two.

    For an indicator matrix they are its columns' numbers.
    """
    if y.ndim == 2:
        return np.arange(y.shape[1])
    classes = np.unique(y if weights is None else y[weights > 0])
    if 2 * len(classes) > len(y):
        check_classification_targets(y)  # warns of what may be a regression's target
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class only, {classes.tolist()}, in the rows of positive "
            "weight; a classifier needs at least 2 classes."
        )
    return classes


def encode(y, classes, name="y", subset=slice(None)):
    """Return ``y`` as codes: see `Sample`. Labels not in ``classes`` raise ValueError.

    Rows outside ``subset`` may have any label; their codes stand for nothing.
    """
    if y.ndim == 2:
        if y.shape[1] != len(classes):
            raise ValueError(
                f"{name} has {y.shape[1]} labels (columns), but the model was fitted "
                f"with {len(classes)}."
            )
        return np.ascontiguousarray(y.T != 0, dtype=np.uint8)
    codes = np.searchsorted(classes, y).astype(np.int32)
    np.minimum(codes, len(classes) - 1, out=codes)
    if not np.array_equal(classes[codes[subset]], y[subset]):
        unseen = np.setdiff1d(y[subset], classes)
        if len(unseen):
            raise ValueError(
                f"{name} has classes that the model does not know: {unseen.tolist()}; "
                f"it knows {classes.tolist()}."
            )
    return codes


def make_sample(X, y, classes, sample_weight, class_weight=None, name="y"):
    """Return a `Sample`; rows of weight zero take no part.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,) or (n_rows, n_labels)
    classes : ndarray of shape (n_classes,) or (n_labels,)
        Sorted; for several labels a row, their columns' numbers.
    sample_weight : array-like of shape (n_rows,) or None
        None where all rows count alike.
    class_weight : dict, "balanced" or None, default=None
        Factors on the weights.
    name : str, default="y"
        What errors call ``y``.

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
    >>> from sklearn_scratchnn.data.inputs import make_sample
    >>> X, y = np.eye(3), np.array(["no", "yes", "no"])
    >>> sample = make_sample(X, y, np.array(["no", "yes"]), [1.0, 2.0, 0.0])
    >>> sample.codes, sample.n_samples
    (array([0, 1, 0], dtype=int32), 2)
    """
    weights = check_weights(sample_weight, X, name.replace("y", "sample_weight", 1))
    subset = slice(None)
    if weights is not None and not weights.all():
        subset = np.flatnonzero(weights)
    codes = encode(y, classes, name, subset)
    some = None if isinstance(subset, slice) else subset
    sample = Sample(X, y, codes, weights, some, given_weights=weights)
    if class_weight is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            factors = class_factors(class_weight, classes, sample)
            ones = np.ones(X.shape[0]) if weights is None else weights
            sample.weights = ones * factors[codes]
            total = sample.weights.sum()
        if not sample.weights.any():
            raise ValueError("class_weight is zero for the class of every row.")
        if not np.isfinite(total):
            raise ValueError(
                "class_weight is too large: the sum of the rows' weights is not finite."
            )
        if not sample.weights.all():
            sample.subset = np.flatnonzero(sample.weights)
    return sample


def class_factors(class_weight, classes, sample):
    """Return the factor of each class.

    "balanced" makes the classes' sums of weights equal: W / (n_classes W_c).
    """
    if sample.codes.ndim == 2:
        raise ValueError(
            "class_weight needs one label a row; for several labels give sample_weight."
        )
    if isinstance(class_weight, dict):
        _check_known(class_weight, classes)
        return _given_factors(class_weight, classes)
    codes, weights = sample.of_subset(sample.codes), sample.of_subset(sample.weights)
    mass = np.bincount(codes, weights, minlength=len(classes))
    return mass.sum() / (len(classes) * np.where(mass > 0, mass, 1.0))


def _check_known(class_weight, classes):
    """Raise ValueError where the dict misses a class and names another: a misspelling.

    Classes of rows that a split of the data happens to leave out may be named.
    """
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown and not all(label in class_weight for label in known):
        raise ValueError(
            f"class_weight names classes that are not in y: {unknown}; y has {known}."
        )


def _given_factors(class_weight, classes):
    try:
        factors = np.array([class_weight.get(c, 1.0) for c in classes.tolist()], float)
    except (TypeError, ValueError, OverflowError):
        factors = np.array([np.nan])
    each = factors.shape == (len(classes),)
    if not (each and np.isfinite(factors).all() and (factors >= 0).all()):
        raise ValueError(f"class_weight must be finite and >= 0; got {class_weight}.")
    if np.count_nonzero(factors) < 2:
        raise ValueError(
            f"class_weight leaves rows of one class only; got {class_weight}."
        )
    return factors


def split(sample, fraction, random_state):
    """Return training and validation parts, stratified by the one label of each row.

    Each class has a row in both parts, also where its share would be none; a class of
    one row is trained on. Where rows have several labels, they are drawn at random.
    """
    rows = np.arange(sample.X.shape[0]) if sample.subset is None else sample.subset
    try:
        if sample.codes.ndim == 1:
            train, held_out = _stratified(rows, sample.codes, fraction, random_state)
        else:
            train, held_out = _drawn(rows, fraction, random_state)
    except ValueError as error:
        raise ValueError(
            f"early_stopping sets validation_fraction={fraction} of {len(rows)} rows "
            f"aside, stratified, and cannot: {error} Give more rows, another "
            "validation_fraction, X_val and y_val, or early_stopping=False."
        ) from error
    return sample.only(np.sort(train)), sample.only(np.sort(held_out))


def _drawn(rows, size, random_state, codes=None):
    from sklearn.model_selection import train_test_split

    return train_test_split(
        rows, test_size=size, random_state=random_state, stratify=codes
    )


def _stratified(rows, codes, fraction, random_state):
    """Return scikit-learn's stratified split, where need be with more rows moved."""
    counts = np.bincount(codes[rows])
    n_classes = np.count_nonzero(counts > 1)
    if n_classes == 0:
        raise ValueError("every class has one row only.")
    alone = rows[:0]
    if (counts == 1).any():
        is_alone = counts[codes[rows]] == 1
        rows, alone = rows[~is_alone], rows[is_alone]
    size = fraction
    if fraction > 0:  # scikit-learn wants as many rows as classes on both sides
        most = len(rows) - n_classes
        size = max(n_classes, min(most, math.ceil(fraction * len(rows))))
    train, held_out = _drawn(rows, size, random_state, codes[rows])
    held_out, train = _with_each_class(held_out, train, codes, len(counts))
    train, held_out = _with_each_class(train, held_out, codes, len(counts))
    return np.concatenate([train, alone]), held_out


def _with_each_class(part, other, codes, n_codes):
    """Return both after a row of each class that the first lacks was moved there."""
    lacks = np.bincount(codes[part], minlength=n_codes) == 0
    candidates = np.flatnonzero(lacks[codes[other]])
    _, first = np.unique(codes[other[candidates]], return_index=True)
    moved = candidates[first]
    return np.concatenate([part, other[moved]]), np.delete(other, moved)
