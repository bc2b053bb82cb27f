"""Convergence warnings: what is wrong with a training that ended, and a remedy."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..training.signals import Outcome
from .caller import warn_caller

NO_START = (
    "Nothing was learnt; the inputs may be too large, or the penalty too strong: lower "
    "alpha."
)
NO_BETTER = (
    "The trained network is no better than predicting {} for every row. Check that X "
    "holds something about y; if it does, raise max_iter, lower alpha, or change "
    "learning_rate_init."
)
NO_SCORE = (
    "No epoch had a validation score above minus infinity: none is the best, and the "
    "last parameters were kept. Check that scoring suits the validation rows, or use "
    "scoring='loss'."
)
MOST_TO_LEARN = 10.0  # more of a constant's loss is outliers, which nothing predicts
UNSCALED = "First of all, let the inputs be standardized (standardize='robust')."


def doubts_of(run, fit):
    """Return why the result is not to be trusted, and what would help.

    Parameters
    ----------
    run : TrainingRun
        After its end.
    fit : Fit

    Returns
    -------
    str
        Empty where it is.
    """
    with np.errstate(all="ignore"):
        message, scale_helps = _message(run, fit)
    if scale_helps and not fit.estimator.standardize:
        message = f"{message} {UNSCALED}"
    return message


def warn_of_convergence(message):
    """Warn with `ConvergenceWarning`, if there is anything to say.

    Parameters
    ----------
    message : str
        From `doubts_of`.
    """
    if message:
        warn_caller(message, ConvergenceWarning)


def _message(run, fit):
    """Return the warning's text, and whether inputs of another scale could help."""
    plan, losses = fit.plan, run.history.column("loss")
    if run.diverged or run.restored:
        return _divergence(run), True
    if not losses and not np.isfinite(run.objective.value()):
        return f"The loss is not finite before the first epoch. {NO_START}", True
    if plan.solver == "gd" and _alternates(losses):
        return _two_step_cycle(losses, plan), False
    parts, scale_helps = [], False
    if run.keep_best and losses and not run.best.found:
        parts.append(NO_SCORE)
    meant = plan.planned or fit.incremental
    short = run.outcome is Outcome.EXHAUSTED and not meant
    if short or run.outcome is Outcome.OUT_OF_EVALUATIONS:
        parts.append(_not_converged(run, fit, losses))
    if run.outcome is Outcome.LINE_SEARCH_FAILED:
        parts.append(_line_search_failed(losses))
        scale_helps = not losses
    if not fit.incremental and _no_better_than_constant(run, fit, losses):
        numbers = run.network.loss.predicts_numbers
        constant = "the same number" if numbers else "the frequencies of the classes"
        parts.append(NO_BETTER.format(constant))
        scale_helps = True
    return " ".join(parts), scale_helps


def _divergence(run):
    epoch, rate = run.epoch, run.history.last("learning_rate")
    return (
        f"The loss or a weight became non-finite in epoch {epoch}, at a learning rate "
        f"of {rate:g}, and training ended there; the best finite parameters were kept. "
        "Lower learning_rate_init (to a tenth, say), or set max_grad_norm=1."
    )


def _alternates(losses, n=20):
    """Whether the last losses go up and down by turns without end."""
    steps = np.diff(losses[-n:])
    if len(steps) < n - 1:
        return False
    return bool(np.all(steps[1:] * steps[:-1] < 0))


def _two_step_cycle(losses, plan):
    low, high = sorted(losses[-2:])
    return (
        f"The loss alternates between {low:.6f} and {high:.6f}: learning_rate_init="
        f"{plan.rate:g} is at the edge of stability, where every step leaps across the "
        f"valley. Halve learning_rate_init, or use solver='lbfgs'."
    )


def _not_converged(run, fit, losses):
    """Say how far training came, and which parameter to change to what."""
    plan, limit, most = fit.plan, "max_iter", int(fit.plan.max_iter)
    if run.outcome is Outcome.OUT_OF_EVALUATIONS:
        limit, most = "max_fun", int(fit.estimator.max_fun)
    return (
        f"Training ended after {_epochs(losses)} ({limit}={most}) and had not converged"
        f"{_change(losses)}. Raise {limit} to {2 * most}, or "
        f"{_other_remedy(plan, losses)}."
    )


def _other_remedy(plan, losses):
    if plan.solver in ("lbfgs", "gauss_newton"):
        return f"raise tol above {plan.tol:g}"
    if plan.solver != "gd":
        return "use learning_rate='cosine', which plans its end"
    rises = losses[-1] > losses[0]
    to = f"lower learning_rate_init to {plan.rate / 2:g}"
    if not rises:
        to = f"raise learning_rate_init to {2 * plan.rate:g}"
    return f"{to}, or use solver='lbfgs'"


def _epochs(losses):
    return "1 epoch" if len(losses) == 1 else f"{len(losses)} epochs"


def _change(losses, n=10):
    """Say how far the loss still fell over the last n epochs, or those there are."""
    n = min(n, len(losses) - 1)
    if n < 1:
        return ""
    fall = losses[-1 - n] - losses[-1]
    moved = f"still fell by {fall:.3g}" if fall >= 0 else f"rose by {-fall:.3g}"
    return f": over the last {n} of them the loss {moved}, to {losses[-1]:.6g}"


def _line_search_failed(losses):
    if not losses:
        return f"The line search found no descent from the start. {NO_START}"
    return (
        f"The line search found no further descent after {_epochs(losses)}; the "
        "result may be short of a minimum. A larger tol ends before this."
    )


def _no_better_than_constant(run, fit, losses):
    """Compare the loss on the training rows with that of a constant prediction.

    The last epoch's loss answers where it is low enough; it is noisy under dropout, so
    that a high one is computed anew without. Where all of y is alike, there is nothing
    to learn.
    """
    objective, sample = run.objective, fit.data.train
    least = sample.constant_loss(fit.plan.label_smoothing)
    most = least - 1e-4 * min(least, MOST_TO_LEARN)
    # Where the best is kept, the last epoch is not what was kept.
    last = np.inf if run.keep_best or not losses else losses[-1]
    if most <= 0 or last - objective.penalty_value() < most:
        return False
    codes = sample.of_subset(sample.codes)
    differ = bool((codes != codes[0]).any())
    return differ and objective.value() - objective.penalty_value() >= most
