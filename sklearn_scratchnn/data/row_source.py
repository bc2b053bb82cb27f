"""Rows in plain arrays: where the numbers and codes lie, and what is done to them."""

from dataclasses import dataclass, field

import numpy as np

from .encoding import PiecewiseEncoding
from .table import ColumnList, Table


@dataclass(frozen=True)
class RowSource:
    """What the rows of the classes in ``rows.py`` are made of.

    The inputs are, in this order: the numbers, their bins, for some of them whether a
    number is missing, and the categories.

    Parameters
    ----------
    numbers : ndarray of shape (n, n_numbers) or list of ndarray of shape (n,)
    edges : list of ndarray, default=None
        Of the bins of each column of numbers; None for none.
    gaps : ndarray of int32, default=None
        Columns of numbers whose gaps have an input; none, where it is left out.
    fill : ndarray of float64 of shape (n_numbers,), default=None
        What stands for NaN; None where there is none.
    codes : ndarray of int of shape (n, n_codes), default=None
        Which of the categories' inputs is 1; -1 for none.
    n_categories : int, default=0
    mean, scale : ndarray of float64 of shape (n_inputs,), default=None
        Each input becomes ``(x - mean) / scale``; None for inputs as they are.
    subset : ndarray of int64, default=None
        Rows that take part, where not all do.

    See Also
    --------
    row_source : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.data.row_source import row_source
    >>> row_source(np.eye(3)).numbers.shape
    (3, 3)
    """

    numbers: object
    edges: list | None = None
    gaps: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    fill: np.ndarray | None = None
    codes: np.ndarray | None = None
    n_categories: int = 0
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None
    subset: np.ndarray | None = None

    @property
    def n_numbers(self):
        """How many columns of numbers there are."""
        whole = isinstance(self.numbers, np.ndarray)
        return self.numbers.shape[1] if whole else len(self.numbers)

    @property
    def arrays(self):
        """The arrays that hold the numbers."""
        whole = isinstance(self.numbers, np.ndarray)
        return [self.numbers] if whole else self.numbers


def row_source(X, encoding=None, mean=None, scale=None, subset=None):
    """Return where the rows of X lie, or None if they are sparse.

    Parameters
    ----------
    X : ndarray, ColumnList, Table or CSR matrix of shape (n, n_features)
    encoding : PiecewiseEncoding or TableEncoding, default=None
    mean, scale : ndarray of shape (n_inputs,), default=None
    subset : ndarray of int, default=None

    Returns
    -------
    RowSource or None
        Over the same arrays.
    """
    scaled = {}
    if mean is not None:
        scaled = {"mean": _whole(mean, np.float64), "scale": _whole(scale, np.float64)}
    if subset is not None:
        scaled["subset"] = _whole(subset, np.int64)
    if isinstance(X, Table):
        numbers = encoding.numbers
        return RowSource(
            _arrays(X.numbers),
            edges=numbers.bins and numbers.bins.edges,
            gaps=numbers.with_gaps.astype(np.int32),
            fill=_whole(numbers.means, np.float64),
            codes=X.codes,
            n_categories=encoding.n_categories,
            **scaled,
        )
    if not isinstance(X, np.ndarray | ColumnList):
        return None
    edges = encoding.edges if isinstance(encoding, PiecewiseEncoding) else None
    return RowSource(_arrays(X), edges=edges, **scaled)


def _whole(array, dtype):
    """Return an array as C reads it; one that came in a message may be unaligned."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def _arrays(numbers):
    return getattr(numbers, "columns", numbers)
