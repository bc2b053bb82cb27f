"""The score on held-out rows that early stopping goes by."""

from contextlib import suppress
from numbers import Real

from .._compat import takes_weights
from ..data.frames import rows_of
from ..data.table import Table
from .caller import warn_caller

UNWEIGHTED = (
    "scoring={!r} takes no sample_weight: it scores the validation rows as if they "
    "counted alike. Name a scorer that takes weights, or 'loss'."
)
NO_SCORE = "scoring={!r} cannot score the validation rows.{} The scorer says: {}"
NO_CLASS = " They may lack a class, which scoring='loss' does not mind."


def make_score(estimator, held_out, fitted_copy):
    """Return the score as a function of a run, or None for minus the loss.

    Parameters
    ----------
    estimator : estimator
        With the parameter ``scoring``.
    held_out : Sample
    fitted_copy : callable
        ``fitted_copy(run)`` returns the estimator, fitted with what the run has.

    Returns
    -------
    callable or None
        ``score(run)`` is a float, greater is better.
    """
    scoring = estimator.scoring
    if scoring == "loss":
        return None
    from sklearn.metrics import check_scoring

    scorer = check_scoring(estimator, scoring=scoring)
    rows = slice(None) if held_out.subset is None else held_out.subset
    X, y, as_given = held_out.X[rows], held_out.y[rows], False
    if callable(scoring) and isinstance(X, Table):
        X, as_given = rows_of(held_out.X.source, rows), True
    weights = held_out.of_subset(held_out.weights)
    weighted = {} if weights is None else {"sample_weight": weights}
    if weighted and not takes_weights(scorer):
        weighted = {}
        if held_out.given_weights is not None:
            warn_caller(UNWEIGHTED.format(scoring), UserWarning)

    def score(run):
        fitted = fitted_copy(run)
        if not as_given:  # X has no names by now
            vars(fitted).pop("feature_names_in_", None)
        try:
            value = scorer(fitted, X, y, **weighted)
        except ValueError as error:
            hint = "" if held_out.loss.predicts_numbers else NO_CLASS
            raise ValueError(NO_SCORE.format(scoring, hint, error)) from error
        return _as_float(value, scoring)

    return score


def _as_float(value, scoring):
    """Return what a scorer gave as a float; it must be one number."""
    if hasattr(value, "item"):
        with suppress(ValueError):
            value = value.item()
    if not isinstance(value, Real):
        raise TypeError(f"scoring={scoring!r} must give one number; it gave {value!r}.")
    return float(value)
