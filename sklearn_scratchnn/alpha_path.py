"""``alpha="auto"``: the strength of the L2 penalty, chosen on held-out rows.

How strong a penalty should be depends on how noisy the labels are, which no rule on the
numbers of rows and features knows. So a third of the rows is held out and the network
trained on the rest with falling strengths, each going on from the last (the "path" of
Friedman, Hastie and Tibshirani, 2010), until the held-out loss rises by `ENOUGH_WORSE`
standard errors of the paired difference. A strong penalty can leave the units alike,
and a weaker one would not part them again: so none is stronger than `PER_ROW` of the
rows, and a share of the first weights is added in between. Of the strengths that are no
worse than the best by `AS_GOOD` standard errors the strongest is taken (Breiman et al.,
1984, sec. 3.4.3). From its parameters, training goes on with all rows.
"""

import numpy as np

from .solvers import Answer

ALPHAS = (30.0, 10.0, 3.0, 1.0, 0.3)
PASSES = 10
HELD_OUT = 1 / 3
AS_GOOD = 0.7
ENOUGH_WORSE = 0.5
PER_ROW = 1 / 9
STIR = 0.03
DEAD = 1e-4  # of the squared norm
MIN_ROWS = 100


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
        The chosen strength.
    path : dict of ndarray
        "alpha" and "validation_loss" of each strength that was tried.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.alpha_path import choose_alpha
    >>> from sklearn_scratchnn.assembly import make_network, make_objective
    >>> from sklearn_scratchnn.inputs import make_sample
    >>> from sklearn_scratchnn.parameters import ParameterVector
    >>> from sklearn_scratchnn.solvers import LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, np.arange(3), None)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> trained, held_out = (
    ...     make_objective(network, layers, sample.only(rows), None)
    ...     for rows in np.split(np.random.RandomState(0).permutation(150), [100]))
    >>> solver = LBFGS(max_iter=10, max_fun=1000, tol=1e-4)
    >>> alpha, path = choose_alpha(trained, held_out, solver, total_weight=100.0)
    >>> alpha in path["alpha"]
    True
    """
    losses, thetas, first = [], [], objective.theta.copy()
    alphas = [a for a in ALPHAS if a <= PER_ROW * total_weight] or ALPHAS[-1:]
    for alpha in alphas:
        if thetas:
            _part_units(objective, first)
        objective.penalty = alpha / total_weight
        solver.run(objective, solver.init(objective), _go_on)
        losses.append(held_out.row_losses())
        thetas.append(objective.theta.copy())
        best = min(losses, key=held_out.mean)
        if _standard_errors(losses[-1], best, held_out) > ENOUGH_WORSE:
            break
    chosen = next(
        i
        for i, rows in enumerate(losses)
        if _standard_errors(rows, best, held_out) <= AS_GOOD
    )
    np.copyto(objective.theta, thetas[chosen])
    means = [held_out.mean(rows) for rows in losses]
    path = {"alpha": np.array(alphas[: len(means)]), "validation_loss": np.array(means)}
    return alphas[chosen], path


def _part_units(objective, first):
    """Add a share of the first weights; where none are left, begin with these again."""
    weights = objective.parameters.penalised
    before = first[: len(weights)]
    if np.dot(weights, weights) < DEAD * np.dot(before, before):
        np.copyto(objective.theta, first)
    else:
        objective.theta += STIR * first


def _go_on(loss, rate, gradient_norm):
    return Answer.GO_ON


def _standard_errors(rows, best, held_out):
    """Return how much worse than the best losses are, in paired standard errors."""
    excess = rows - best
    mean = held_out.mean(excess)
    variance = held_out.mean(np.square(excess - mean))
    return mean / np.sqrt(variance / len(excess)) if variance > 0 else 0.0
