"""From a constructor's parameters and a sample to a plan that was checked."""

from dataclasses import replace

from .architecture import activation_names, hidden_sizes, n_parameters
from .defaults import make_plan
from .parameter_checks import (
    check_gauss_newton,
    check_magnitudes,
    warn_of_idle_parameters,
)


def resolve_plan(estimator, sample, held_out, start, state, incremental):
    """Return the plan of a training, its layers' sizes and their activations.

    Parameters
    ----------
    estimator : estimator
        Only read.
    sample, held_out : Sample
        The second may be None.
    start : tuple of (coefs, intercepts, alpha, solver) or None
        The fitted layers that training starts from.
    state : TrainingState or None
    incremental : bool
        Whether this is `partial_fit`.

    Returns
    -------
    plan : Plan
    layer_sizes : tuple of int
    activations : tuple of str

    Raises
    ------
    ValueError
        If parameters do not suit each other or the sample.
    """
    check_magnitudes(estimator)
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    activations = activation_names(estimator.activation, len(hidden))
    layer_sizes = (sample.X.shape[1], *hidden, len(sample.classes))
    n_weights = n_parameters(layer_sizes)
    plan = make_plan(
        estimator,
        sample.n_samples,
        n_weights,
        validated=held_out is not None,
        incremental=incremental,
        hold_out_impossible=start is not None or sample.rarest_class() < 3,
    )
    warn_of_idle_parameters(estimator, plan.solver)
    if plan.solver == "gauss_newton":
        check_gauss_newton(n_weights, activations, sample.loss)
    if start is not None and estimator.alpha == "auto":
        alpha = start[2]
        if incremental:
            alpha = _penalty_of_rows(estimator, alpha, state, sample.n_samples)
        # Under "adamw", now or then, there is no penalty to go on with.
        if alpha is not None and "adamw" not in (plan.solver, start[3]):
            plan = replace(plan, alpha=alpha)
    return plan, layer_sizes, activations


def _penalty_of_rows(estimator, alpha, state, n_samples):
    """Return the penalty that the same number of rows had before, or None."""
    if state is not None:
        return None if state.alpha is None else state.alpha * n_samples
    epochs, rows = getattr(estimator, "n_iter_", 0), getattr(estimator, "t_", 0)
    return alpha * n_samples * epochs / rows if rows else None
