"""The rows and weights of the caller, checked; an error names the argument."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from .._compat import _check_sample_weight

# X stays in any of these; all else that can be a number becomes the first, float64.
NUMBERS = [np.dtype(code) for code in "dfe?" + np.typecodes["AllInteger"]]


def check_X_y(estimator, X, y, reset):
    """Return X as an array or CSR matrix and y as an array, of as many rows."""
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
    return as_rows(X), y.toarray() if sparse.issparse(y) else y


def check_X(estimator, X):
    """Return X for a prediction as an array or CSR matrix."""
    X = validate_data(
        estimator, X, accept_sparse=["csr", "csc"], dtype=NUMBERS, reset=False
    )
    return X.tocsr() if sparse.issparse(X) else X


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
