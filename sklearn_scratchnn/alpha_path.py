"""``alpha="auto"``: the strength of the L2 penalty, chosen on held-out rows.

How strong a penalty should be depends on how noisy the labels are, which no rule on the
numbers of rows and features knows. So a third of the rows is held out and the network
trained on the rest with falling strengths, each going on from the last (the "path" of
Friedman, Hastie and Tibshirani, 2010), until the held-out loss rises. Of the strengths
that are no worse than the best by `STANDARD_ERRORS` of the paired difference, the
strongest is taken (Breiman et al., 1984, sec. 3.4.3). From its parameters, training goes
on with all rows.
"""

import numpy as np

from .solvers import Answer

ALPHAS = (30.0, 10.0, 3.0, 1.0, 0.3)
PASSES = 12
HELD_OUT = 1 / 3
STANDARD_ERRORS = 0.5
MIN_ROWS = 100
FALLBACK = 1.0


def choose_alpha(objective, held_out, solver, total_weight):
    """Walk down the path; leave the chosen strength's parameters in ``objective``.

    Parameters
    ----------
    objective : Objective
        Over the rows that are not held out; its penalty is changed.
    held_out : Objective
        Of the same network, over the held-out rows.
    solver : Solver
        Run anew for each strength, `PASSES` long.
    total_weight : float
        Sum of the sample weights of ``objective``.

    Returns
    -------
    alpha : float
    path : dict of ndarray
        "alpha" and "validation_loss" of each strength that was tried.
    """
    losses, thetas = [], []
    for alpha in ALPHAS:
        objective.penalty = alpha / total_weight
        solver.run(objective, solver.init(objective), _go_on)
        losses.append(held_out.row_losses())
        thetas.append(objective.theta.copy())
        if held_out.mean(losses[-1]) > min(map(held_out.mean, losses)):
            break
    means = [held_out.mean(rows) for rows in losses]
    chosen = _strongest_as_good(losses, means, held_out)
    np.copyto(objective.theta, thetas[chosen])
    path = {"alpha": np.array(ALPHAS[: len(means)]), "validation_loss": np.array(means)}
    return ALPHAS[chosen], path


def _go_on(loss, rate, gradient_norm):
    return Answer.GO_ON


def _strongest_as_good(losses, means, held_out):
    """Return the first position that is as good as the best, within the error."""
    best = int(np.argmin(means))
    for i, rows in enumerate(losses):
        excess = rows - losses[best]
        variance = held_out.mean(np.square(excess - held_out.mean(excess)))
        error = np.sqrt(variance / len(excess))
        if held_out.mean(excess) <= STANDARD_ERRORS * error:
            return i
    return best
