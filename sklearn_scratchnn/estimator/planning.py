"""From a constructor's parameters and a sample to a plan that was checked."""

from dataclasses import dataclass, replace

import numpy as np

from ..data.encoding import count_numeric
from .architecture import activation_names, hidden_sizes, n_parameters
from .defaults import BINNED_FEATURES, NARROW, make_plan
from .parameter_checks import check_magnitudes, warn_of_idle_parameters


@dataclass(frozen=True)
class FittedLayers:
    """What training starts from: the layers of a fitted estimator.

    Parameters
    ----------
    coefs, intercepts : list of ndarray
        For the inputs of the first layer.
    alpha : float
    solver : str
    edges : list of ndarray or None
        Of the columns' bins; None for none.
    factors : ndarray of shape (n_inputs,) or None
        That the standardised inputs were multiplied by.
    temperature : float
        That the last layer was divided by.
    """

    coefs: list
    intercepts: list
    alpha: float
    solver: str
    edges: list | None = None
    factors: np.ndarray | None = None
    temperature: float = 1.0

    @property
    def hidden(self):
        """Units of each hidden layer."""
        return tuple(len(b) for b in self.intercepts[:-1])


def resolve_plan(estimator, sample, held_out, start, state, incremental):
    """Return the plan of a training, and the activations of its layers.

    Parameters
    ----------
    estimator : estimator
        Only read.
    sample, held_out : Sample
        The second may be None.
    start : FittedLayers or None
        What training starts from.
    state : TrainingState or None
    incremental : bool
        Whether this is `partial_fit`.

    Returns
    -------
    plan : Plan
    activations : tuple of str

    Raises
    ------
    ValueError
        If parameters do not suit each other or the sample.
    """
    check_magnitudes(estimator)
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    activation_names(estimator.activation, None if hidden is None else len(hidden))
    if hidden is None and start is not None:
        hidden = start.hidden
    n_numeric, n_inputs = None, sample.n_unbinned_inputs
    if sample.is_dense and start is None and not incremental:
        n_numeric = count_numeric(sample.numeric_columns(), BINNED_FEATURES)
    if estimator.numeric_encoding == "piecewise" and not sample.is_dense:
        raise ValueError(
            "numeric_encoding='piecewise' is for a dense X: the bins of a sparse one "
            "would not be sparse. Use numeric_encoding='linear' or 'auto', or "
            "X.toarray()."
        )
    narrow = NARROW if hidden is None else hidden
    plan = make_plan(
        estimator,
        sample.n_samples if incremental else sample.n_distinct,
        n_parameters((n_inputs, *narrow, len(sample.classes))),
        hidden=hidden,
        n_features=n_inputs,
        n_numeric=n_numeric,
        validated=held_out is not None,
        incremental=incremental,
        started=start is not None,
    )
    warn_of_idle_parameters(estimator, plan.solver)
    if start is not None:
        plan = _going_on(plan, estimator, sample, start, state, incremental)
    return plan, activation_names(estimator.activation, len(plan.hidden))


def _going_on(plan, estimator, sample, start, state, incremental):
    """Return the plan with what the fitted layers bring along."""
    encoding = "linear" if start.edges is None else "piecewise"
    if estimator.numeric_encoding not in ("auto", encoding):
        raise ValueError(
            f"numeric_encoding is now {estimator.numeric_encoding!r}, but the fitted "
            f"network has {encoding!r}: training cannot go on with another encoding. "
            "Clone the estimator, or set warm_start=False and call fit."
        )
    alpha = plan.alpha
    if estimator.alpha == "auto":
        before = start.alpha
        if incremental:
            before = _penalty_of_rows(estimator, before, state, sample.n_samples)
        # Under "adamw", now or then, there is no penalty to go on with.
        if before is not None and "adamw" not in (plan.solver, start.solver):
            alpha = before
    return replace(plan, alpha=alpha, encoding=encoding)


def _penalty_of_rows(estimator, alpha, state, n_samples):
    """Return the penalty that the same number of rows had before, or None."""
    if state is not None:
        return None if state.alpha is None else state.alpha * n_samples
    epochs, rows = getattr(estimator, "n_iter_", 0), getattr(estimator, "t_", 0)
    return alpha * n_samples * epochs / rows if rows else None
