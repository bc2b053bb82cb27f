"""``alpha="auto"``: the L2 penalty, chosen on held-out rows along a path of alphas.

How large a penalty should be depends on how noisy the labels are, and that does not
follow from the numbers of rows and features. So a third of the rows is held out. The
network is trained on the rest with falling alphas, each going on from the last (the
"path" of Friedman, Hastie and Tibshirani, 2010), until the held-out loss rises by
`STOP_AFTER_SE` standard errors of the paired difference. A large penalty can leave the
units alike, and a smaller one would not part them again: so none is larger than
`LARGEST_PER_ROW` of the rows, and a share of the first weights, `PERTURBATION`, is
added in between. Of the alphas that are no worse than the best by `SELECT_WITHIN_SE`
standard errors the largest is taken (Breiman et al., 1984, sec. 3.4.3). From its
parameters, training goes on with all rows.
"""

from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from ..objective import Objective
from ..signals import Signal

ALPHAS = (30.0, 10.0, 3.0, 1.0, 0.3)
EPOCHS = 10
HELD_OUT = 1 / 3
SELECT_WITHIN_SE = 0.7
STOP_AFTER_SE = 0.5
LARGEST_PER_ROW = 1 / 9
PERTURBATION = 0.03
COLLAPSED = 1e-4  # of the squared norm: weights that have all but vanished
MIN_ROWS = 100


def choose_on_path(run, data, settings):
    """Choose alpha for a run, and leave the parameters that its training goes on from.

    So does a KeyboardInterrupt, once an alpha was tried.

    Parameters
    ----------
    run : TrainingRun
        Its ``alpha`` and ``alpha_path`` are set.
    data : PreparedData
    settings : Settings
    """
    train, held_out = data.train, data.held_out
    if held_out is None:
        train, held_out = train.split(HELD_OUT, run.random_state)
    smoothing = settings.label_smoothing
    path = AlphaPath(
        Objective(run.network, train, label_smoothing=smoothing),
        Objective(run.network, held_out, label_smoothing=smoothing),
        replace(settings.solver, max_iter=EPOCHS),
        train.total_weight,
    )
    with np.errstate(all="ignore"):
        try:
            path.walk()
        finally:
            run.alpha, run.alpha_path = path.alpha, path.table()


class _Tried(NamedTuple):
    """What an alpha came to: held-out losses, their mean, the parameters."""

    losses: np.ndarray
    mean: float
    theta: np.ndarray


class AlphaPath:
    """A walk from large alphas to small ones, and what was found on the way.

    Parameters
    ----------
    objective : Objective
        Over the rows that are not held out; its penalty and parameters are changed.
    held_out : Objective
        Of the same network, over the held-out rows.
    solver : Solver
        Run anew for each alpha. None of its epochs may raise the loss.
    total_weight : float
        Sum of the sample weights of ``objective``.

    Attributes
    ----------
    objective, held_out, solver, total_weight
        As given.
    alpha : float
        The chosen one; before the first was tried to its end, that one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> from sklearn_scratchnn.training.penalty_search.path import AlphaPath
    >>> from sklearn_scratchnn.training.solvers.lbfgs import LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_network((4, 3), [], "softmax_cross_entropy")
    >>> sample = make_sample(X, y, network.loss)
    >>> trained, held_out = (
    ...     Objective(network, rows)
    ...     for rows in sample.split(1 / 3, np.random.RandomState(0)))
    >>> solver = LBFGS(max_iter=10, max_fun=1000, tol=1e-4)
    >>> path = AlphaPath(trained, held_out, solver, total_weight=100.0)
    >>> path.walk()
    >>> path.alpha in path.table()["alpha"]
    True
    """

    def __init__(self, objective, held_out, solver, total_weight):
        self.objective, self.held_out = objective, held_out
        self.solver, self.total_weight = solver, total_weight
        largest = LARGEST_PER_ROW * total_weight
        self._alphas = [a for a in ALPHAS if a <= largest] or ALPHAS[-1:]
        self.alpha = self._alphas[0]
        self._tried = []
        self._latest = objective.theta.copy()

    def walk(self):
        """Try the alphas; leave the chosen one's parameters in ``objective``.

        So does a KeyboardInterrupt: it chooses among those tried to their end. Before
        the first of these it leaves the parameters of the latest epoch.
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
            if self._standard_errors(losses) > STOP_AFTER_SE:
                break

    def _on_epoch(self, loss, rate, gradient_norm):
        np.copyto(self._latest, self.objective.theta)
        return Signal.CONTINUE

    def _chosen(self):
        """Return the index of the largest alpha that is as good as the best."""
        return next(
            i
            for i, tried in enumerate(self._tried)
            if self._standard_errors(tried.losses) <= SELECT_WITHIN_SE
        )

    def _standard_errors(self, losses):
        """Return how much worse than the best they are, in paired standard errors."""
        excess = losses - min(self._tried, key=attrgetter("mean")).losses
        mean = self.held_out.mean(excess)
        variance = self.held_out.mean(np.square(excess - mean))
        return mean / np.sqrt(variance / len(excess)) if variance > 0 else 0.0

    def table(self):
        """Return "alpha" and "validation_loss" of each alpha tried to its end.

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
    weights = objective.network.parameters.penalised
    before = first[: len(weights)]
    if np.dot(weights, weights) < COLLAPSED * np.dot(before, before):
        np.copyto(objective.theta, first)
    else:
        objective.theta += PERTURBATION * first
