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

from operator import attrgetter
from typing import NamedTuple

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


class _Tried(NamedTuple):
    """What a strength came to: held-out losses, their mean, the parameters."""

    losses: np.ndarray
    mean: float
    theta: np.ndarray


class AlphaPath:
    """A walk from strong penalties to weak ones, and what was found on the way.

    Parameters
    ----------
    objective : Objective
        Over the rows that are not held out; its penalty and parameters are changed.
    held_out : Objective
        Of the same network, over the held-out rows.
    solver : Solver
        Run anew for each strength. None of its passes may raise the loss.
    total_weight : float
        Sum of the sample weights of ``objective``.

    Attributes
    ----------
    objective, held_out, solver, total_weight
        As given.
    alpha : float
        The chosen strength; before the first was tried to its end, that one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.training.alpha_path import AlphaPath
    >>> from sklearn_scratchnn.estimator.assembly import make_network, make_objective
    >>> from sklearn_scratchnn.data.inputs import make_sample
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> from sklearn_scratchnn.training.solvers import LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, np.arange(3), None)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> trained, held_out = (
    ...     make_objective(network, layers, sample.only(rows), None)
    ...     for rows in np.split(np.random.RandomState(0).permutation(150), [100]))
    >>> solver = LBFGS(max_iter=10, max_fun=1000, tol=1e-4)
    >>> path = AlphaPath(trained, held_out, solver, total_weight=100.0)
    >>> path.walk()
    >>> path.alpha in path.table()["alpha"]
    True
    """

    def __init__(self, objective, held_out, solver, total_weight):
        self.objective, self.held_out = objective, held_out
        self.solver, self.total_weight = solver, total_weight
        self._alphas = [a for a in ALPHAS if a <= PER_ROW * total_weight] or ALPHAS[-1:]
        self.alpha = self._alphas[0]
        self._tried = []
        self._latest = objective.theta.copy()

    def walk(self):
        """Try the strengths; leave the chosen one's parameters in ``objective``.

        So does a KeyboardInterrupt: it chooses among those tried to their end. Before
        the first of these it leaves the parameters of the latest pass.
        """
        try:
            self._walk()
        finally:
            theta = self._latest
            if self._tried:
                i = self._chosen()
                self.alpha, theta = self._alphas[i], self._tried[i].theta
            np.copyto(self.objective.theta, theta)

    def _walk(self):
        objective, first = self.objective, self.objective.theta.copy()
        for alpha in self._alphas:
            if self._tried:
                _part_units(objective, first)
            objective.penalty = alpha / self.total_weight
            self.solver.run(objective, self.solver.init(objective), self._on_epoch)
            losses = self.held_out.row_losses()
            mean = self.held_out.mean(losses)
            self._tried.append(_Tried(losses, mean, objective.theta.copy()))
            if self._standard_errors(losses) > ENOUGH_WORSE:
                break

    def _on_epoch(self, loss, rate, gradient_norm):
        np.copyto(self._latest, self.objective.theta)
        return Answer.GO_ON

    def _chosen(self):
        """Return the index of the strongest that is as good as the best."""
        return next(
            i
            for i, tried in enumerate(self._tried)
            if self._standard_errors(tried.losses) <= AS_GOOD
        )

    def _standard_errors(self, losses):
        """Return how much worse than the best they are, in paired standard errors."""
        excess = losses - min(self._tried, key=attrgetter("mean")).losses
        mean = self.held_out.mean(excess)
        variance = self.held_out.mean(np.square(excess - mean))
        return mean / np.sqrt(variance / len(excess)) if variance > 0 else 0.0

    def table(self):
        """Return "alpha" and "validation_loss" of each strength tried to its end.

        Returns
        -------
        dict of ndarray
            Of equal lengths.
        """
        means = [tried.mean for tried in self._tried]
        alphas = self._alphas[: len(means)]
        return {"alpha": np.array(alphas), "validation_loss": np.array(means)}


def _part_units(objective, first):
    """Add a share of the first weights; where none are left, begin with these again."""
    weights = objective.parameters.penalised
    before = first[: len(weights)]
    if np.dot(weights, weights) < DEAD * np.dot(before, before):
        np.copyto(objective.theta, first)
    else:
        objective.theta += STIR * first
