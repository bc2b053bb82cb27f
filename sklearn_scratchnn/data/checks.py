"""The rows and weights of the caller, checked; an error names the argument."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from .._compat import ALLOWS_ZERO_WEIGHTS, _check_sample_weight
from .column_checks import (
    check_names,
    infinite_error,
    label_of,
    read_columns,
    roles_of,
    sum_is_finite,
)
from .columns import RawTable
from .frames import KINDS_OF_NUMBERS, columns_of, library_of, names_of
from .table import Table

# X stays in any of these; all else that can be a number becomes the first, float64.
NUMBERS = [np.dtype(code) for code in "dfe?" + np.typecodes["AllInteger"]]
FLOATS = np.dtype(np.float32), np.dtype(np.float64)

BLOCK = 2**20  # numbers that are looked at once more, where some are not finite


def check_X_y(estimator, X, y, *, reset, categorical_features=None, columns=None):
    """Return X and y, checked, of as many rows.

    Parameters
    ----------
    estimator : estimator
        Whose names and number of columns are set, or compared.
    X, y : array-like
    reset : bool
        Whether they are set.
    categorical_features : "from_dtype", None or array-like, default=None
        As of `ScratchMLPClassifier`; not looked at where ``columns`` are known.
    columns : Columns, default=None
        What was learnt of the columns before.

    Returns
    -------
    X : ndarray, CSR matrix or RawTable
        One of the first two, with its rows lying together, where all columns are
        numbers without gaps.
    y : ndarray
    """
    names = names_of(X)
    check_names(names, None if reset else _names(estimator))
    X, is_plain = _as_array(X)
    roles = None
    if names is not None:
        roles = _roles(X, names, categorical_features, columns)
        is_plain = is_plain and True not in roles
    X, y = _validate(estimator, X, is_plain, reset, y)
    if roles is None:
        roles = _roles(X, names, categorical_features, columns)
    y = y.toarray() if sparse.issparse(y) else y
    return _read(as_rows(X), roles, columns, names or _names(estimator)), y


def _roles(X, names, categorical_features, columns):
    """Return the role of each column, as `read_columns` takes it."""
    n_features = X.shape[1]
    if columns is not None:
        return columns.roles(n_features)
    return roles_of(categorical_features, names, n_features)


def check_X(estimator, X, columns):
    """Return X for a prediction as an array, CSR matrix or `Table`.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : array-like or Table
    columns : Columns
        What was learnt of the columns.

    Returns
    -------
    ndarray, CSR matrix or Table
    """
    if isinstance(X, Table) or _is_ready(estimator, X, columns):
        return X
    names = names_of(X)
    if names is not None:
        check_names(names, _names(estimator))
    X, is_plain = _as_array(X)
    if names is not None and columns.is_categorical_ is not None:
        is_plain = False
    X = _validate(estimator, X, is_plain, False)
    X = X.tocsr() if sparse.issparse(X) else X
    if _is_array_of_numbers(X) and columns.are_numbers and sum_is_finite(X):
        return X
    X = _read(X, columns.roles(X.shape[1]), columns, names or _names(estimator))
    return columns.code(X) if isinstance(X, RawTable) else X


def _is_ready(estimator, X, columns):
    """Whether X is what `check_X` would make of it; all it would do takes longer."""
    return (
        type(X) is np.ndarray
        and X.dtype in FLOATS
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
        and columns.are_numbers
        and sum_is_finite(X)
    )


def _names(estimator):
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else names.tolist()


def _validate(estimator, X, is_plain, reset, *y):
    """Return X, and y where it is given, as scikit-learn checks them.

    A plain X becomes an array or a sparse matrix of numbers; any other stays as it is.
    """
    if is_plain:
        return validate_data(
            estimator,
            X,
            *y,
            accept_sparse=["csr", "csc"],
            dtype=NUMBERS,
            reset=reset,
            ensure_all_finite=sparse.issparse(X),
            **({"multi_output": True} if y else {}),
        )
    validate_data(estimator, X, *y, skip_check_array=True, reset=reset)
    for size, what in zip(X.shape, ("sample", "feature")):
        if size == 0:
            raise ValueError(
                f"X has 0 {what}(s), (shape={X.shape}); at least 1 is needed."
            )
    if not y:
        return X
    y = check_array(
        *y, accept_sparse="csr", ensure_2d=False, dtype=None, input_name="y"
    )
    check_consistent_length(X, y)
    return X, y


def _as_array(X):
    """Return X, and whether its columns are one array of numbers.

    Lists become an array; a table of columns of several dtypes stays as it is.
    """
    if sparse.issparse(X):
        return X, True
    if library_of(X) is not None:
        return X, X.shape[1] > 0 and all(map(_is_plain, X.dtypes))
    if type(X).__name__ == "LazyFrame":
        raise TypeError("X is a LazyFrame, which has no rows yet: give X.collect().")
    if not hasattr(X, "dtype"):
        try:
            array = np.asarray(X)
        except ValueError:  # rows of unequal length: scikit-learn says so
            return X, True
        # Numbers beside texts stay numbers.
        X = np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
    has_objects = getattr(X.dtype, "kind", "f") in "OUSTmM"
    return X, getattr(X, "ndim", 1) != 2 or not has_objects


def _is_plain(dtype):
    """Whether a column is of an ordinary numeric dtype, or a sparse one of pandas."""
    if isinstance(dtype, np.dtype):
        return dtype.kind in KINDS_OF_NUMBERS
    if hasattr(dtype, "is_numeric"):  # of polars
        return dtype.is_numeric()
    return getattr(dtype, "fill_value", None) == 0


def _read(X, roles, columns, names):
    """Return what has no gaps and no categories as it is, else a `RawTable`."""
    known_numbers = columns is None or columns.are_numbers
    if sparse.issparse(X):
        if not known_numbers:
            raise ValueError(
                "X is sparse, but the model was fitted on columns with categories or "
                "missing values; give X.toarray(), or a DataFrame."
            )
        return X
    if _is_array_of_numbers(X) and True not in roles:
        if not _has_gaps(X, roles, names) and known_numbers:
            return X
        return RawTable(list(X.T), names, X, X)
    read = read_columns(columns_of(X), names, roles, columns is not None)
    if known_numbers and not any(map(_has_gaps_or_categories, read)):
        return np.stack(read, axis=1)
    return RawTable(read, names, X)


def _is_array_of_numbers(X):
    return isinstance(X, np.ndarray) and X.dtype.kind in KINDS_OF_NUMBERS


def _has_gaps(X, roles, names):
    """Whether a number is missing; an infinite one is an error naming its column."""
    if X.dtype.kind != "f" or sum_is_finite(X):
        return False
    gaps, used = False, np.array([role != "ignored" for role in roles])
    of_inf, step = np.zeros(X.shape[1], bool), max(1, BLOCK // X.shape[1])
    for start in range(0, len(X), step):
        block = X[start : start + step]
        of_inf |= np.isinf(block).any(axis=0)
        gaps = gaps or bool(np.isnan(block).any())
    wrong = np.flatnonzero(of_inf & used)
    if len(wrong):
        raise infinite_error(label_of(names, wrong[0]))
    return gaps


def _has_gaps_or_categories(column):
    if not isinstance(column, np.ndarray):
        return True
    return column.dtype.kind == "f" and bool(np.isnan(column).any())


def as_rows(X):
    """Return X with its rows lying together: a C-ordered array or a canonical CSR.

    A table of several dtypes is returned as it is.
    """
    if isinstance(X, np.ndarray):
        return X if X.flags.c_contiguous else np.ascontiguousarray(X)
    if not sparse.issparse(X):
        return X
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def check_weights(sample_weight, X, name="sample_weight"):
    """Return the weights as float64, or None; all are >= 0 and one is more."""
    weights = check_each_weight(sample_weight, X, name)
    if weights is not None:
        with np.errstate(over="ignore"):
            check_sum_of_weights(weights.sum(), name)
    return weights


def check_each_weight(sample_weight, X, name="sample_weight"):
    """Return the weights as float64, or None; all are >= 0."""
    if sample_weight is None:
        return None
    try:
        return _check_sample_weight(
            sample_weight,
            X,
            dtype=np.float64,
            ensure_non_negative=True,
            **ALLOWS_ZERO_WEIGHTS,
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} cannot be used: {error}") from error


def check_sum_of_weights(total, name="sample_weight"):
    """Raise ValueError where the weights are no use in all."""
    # Below that number float64 loses digits, and ratios to the sum overflow.
    if not np.finfo(np.float64).tiny <= total < np.inf:
        raise ValueError(
            f"{name} must have a finite sum that is more than zero; it is {total}."
        )
