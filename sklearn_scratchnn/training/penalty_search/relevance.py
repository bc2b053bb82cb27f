"""How much each column counts, and a penalty of its own for it: the adaptive ridge.

One L2 penalty on all weights treats a column of noise like the best one. Multiplied by
a relevance r_j, column j needs weights 1 / r_j as large for the same effect, so its
penalty is ``alpha / (2 n) sum_j |W_j|^2 / r_j^2`` in terms of the weights W_j for the
column as it was: the adaptive ridge of Grandvalet (1998), with the weights of a first
fit as relevances, as Zou (2006) has them for the lasso. It is one step of automatic
relevance determination (MacKay, 1994).
"""

import numpy as np

LEAST = 1e-3  # of the largest


def column_norms(W, column_of_input=None, n_columns=0):
    """Return the norm of the first layer's weights for each column.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, fan_out)
        For standardised inputs.
    column_of_input : ndarray of int of shape (n_inputs,), default=None
        The column that each input is made of; None where the inputs are the columns.
    n_columns : int, default=0
        That there are, where the last have no input.

    Returns
    -------
    ndarray of float64 of shape (n_features,)
    """
    squares = np.square(W.astype(np.float64)).sum(axis=1)
    if column_of_input is not None:
        squares = np.bincount(column_of_input, squares, n_columns)
    return np.sqrt(squares)


def relevances(W, column_of_input=None):
    """Return the factor that each input is multiplied by.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, fan_out)
        Of a fitted network, for standardised inputs.
    column_of_input : ndarray of int of shape (n_inputs,), default=None
        As of `column_norms`: all inputs of a column share one factor.

    Returns
    -------
    ndarray of float64 of shape (n_inputs,)
        Of mean square 1 over the inputs; none is less than `LEAST` of the largest. All
        1 where the weights are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.training.penalty_search.relevance import relevances
    >>> [f"{r:.4f}" for r in relevances(np.array([[3.0, 4.0], [0.0, 0.0]]))]
    ['1.4142', '0.0014']
    """
    norms = column_norms(W, column_of_input)
    largest = norms.max()
    if not 0 < largest < np.inf:
        return np.ones(len(W))
    factors = np.maximum(norms / largest, LEAST)
    if column_of_input is not None:
        factors = factors[column_of_input]
    return factors / np.sqrt(np.mean(np.square(factors)))
