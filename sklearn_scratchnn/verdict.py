"""What a finished training tells its user: warnings that name a remedy."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .solvers import Outcome


def warn_about(fit):
    """Warn with `ConvergenceWarning` where the result is not to be trusted.

    Parameters
    ----------
    fit : Fit
        After its run.
    """
    training, plan = fit.training, fit.plan
    if training.diverged:
        message = _divergence(training, plan)
    elif plan.solver == "gd" and _alternates(training.history.column("loss")):
        message = _two_step_cycle(training, plan)
    elif training.outcome is Outcome.EXHAUSTED and not plan.planned:
        message = _not_converged(training, plan)
    elif training.outcome is Outcome.STUCK:
        message = (
            "The line search found no further descent. The loss is "
            f"{training.history.last('loss'):.6g}; a larger tol ends before this."
        )
    elif fit.carried is None and _no_better_than_frequencies(fit):
        message = (
            "The trained network is no better than predicting the frequencies of the "
            "classes for every row. Check that X holds something about y; if it does, "
            "set standardize=True, raise max_iter, lower alpha, or change "
            "learning_rate_init."
        )
    else:
        return
    warnings.warn(message, ConvergenceWarning, stacklevel=4)


def _divergence(training, plan):
    epoch = training.history.last("epoch")
    rate = training.history.last("learning_rate")
    return (
        f"The loss became non-finite in epoch {epoch}, at a learning rate of {rate:g}, "
        "and training ended there; the best finite parameters were kept. Lower "
        "learning_rate_init (to a tenth, say), set max_grad_norm=1, or standardize the "
        "inputs (standardize=True)."
    )


def _alternates(losses, n=20):
    """Whether the last losses go up and down by turns without end."""
    steps = np.diff(losses[-n:])
    if len(steps) < n - 1:
        return False
    return bool(np.all(steps[1:] * steps[:-1] < 0))


def _two_step_cycle(training, plan):
    low, high = sorted(training.history.column("loss")[-2:])
    return (
        f"The loss alternates between {low:.6f} and {high:.6f}: learning_rate_init="
        f"{plan.rate:g} is at the edge of stability, where every step leaps across the "
        f"valley. Halve learning_rate_init, or use solver='lbfgs'."
    )


def _not_converged(training, plan):
    losses = training.history.column("loss")
    n = min(10, len(losses) - 1)
    fell = losses[-1 - n] - losses[-1]
    advice = {
        "lbfgs": f"Raise max_iter (or max_fun), or raise tol above {plan.tol:g}.",
        "gauss_newton": f"Raise max_iter, or raise tol above {plan.tol:g}.",
        "gd": "Raise max_iter, raise learning_rate_init, or use solver='lbfgs'.",
    }.get(
        plan.solver,
        f"Raise max_iter to {2 * plan.max_iter}, or use learning_rate='cosine', which "
        "plans its end.",
    )
    return (
        f"Training ended after max_iter={plan.max_iter} passes and had not converged: "
        f"over the last {n} of them the loss still fell by {fell:.3g}, to "
        f"{losses[-1]:.6g}. {advice}"
    )


def _no_better_than_frequencies(fit):
    """Compare the last training loss with that of predicting the mean target."""
    losses = fit.training.history.column("loss")
    objective = fit.training.objective
    if not losses:
        return False
    data_loss = losses[-1] - objective.penalty_value()
    return data_loss >= (1 - 1e-4) * frequency_loss(fit.sample, fit.layer_sizes[-1])


def frequency_loss(sample, n_outputs):
    """Return the mean loss of predicting every class, or label, by its frequency."""
    codes, weights = sample.of_subset(sample.codes), sample.of_subset(sample.weights)
    if codes.ndim == 1:
        p = np.bincount(codes, weights, n_outputs) / sample.total_weight
    else:
        present = np.average(codes, axis=1, weights=weights)
        p = np.concatenate([present, 1 - present])
    return -np.sum(p * np.log(np.where(p > 0, p, 1.0)))
