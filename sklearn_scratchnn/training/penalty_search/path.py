"""Trainings with falling alphas, each going on from the last: a path.

For solvers of the full batch whose epochs never raise the loss. This is the path of
Friedman, Hastie and Tibshirani (2010). A large penalty can leave the units alike, and a
smaller one would not part them again: so none is larger than `LARGEST_PER_ROW` of the
rows, and a share of the first weights, `PERTURBATION`, is added in between.
"""

from dataclasses import replace

import numpy as np

from ..objective import Objective
from ..signals import Signal
from ..threads import blas_threads

ALPHAS = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
LOW_ALPHAS = (0.01, 0.003, 0.001)  # of a single path, which seldom gets there
EPOCHS = 10
FEW_COLUMNS = 10  # up to here a boundary bends more, and takes longer to be found
LARGEST_PER_ROW = 1 / 9
SAFE = 10.0
PERTURBATION = 0.3
COLLAPSED = 1e-4  # of the squared norm: weights that have all but vanished


def alphas_for(total_weight, single=False):
    """Return the alphas of a path, from the largest.

    Parameters
    ----------
    total_weight : float
        Sum of the weights of the rows that are trained on.
    single : bool, default=False
        Whether it may end early, and so may go further.

    Returns
    -------
    list of float
        The smallest one at least.
    """
    largest = LARGEST_PER_ROW * total_weight
    alphas = [alpha for alpha in ALPHAS if alpha <= largest] or [ALPHAS[-1]]
    return [*alphas, *LOW_ALPHAS] if single else alphas


def tie_limit(total_weight):
    """Return the alpha above which a tie is not decided for the larger one.

    There next to nothing but a constant is left of a network.

    Parameters
    ----------
    total_weight : float
        Sum of the weights of the rows.

    Returns
    -------
    float
    """
    return max(SAFE, LARGEST_PER_ROW * total_weight)


def walk(network, sample, settings, alphas, on_alpha):
    """Train with each alpha, going on from the last.

    Parameters
    ----------
    network : Network
        Its parameters are where the path begins, and are changed.
    sample : Sample
    settings : Settings
    alphas : sequence of float
    on_alpha : callable
        ``on_alpha(alpha)`` is called when one was tried to its end. A true answer ends
        the path.

    Raises
    ------
    KeyboardInterrupt
        With the parameters of the latest epoch.
    """
    objective = Objective(network, sample, label_smoothing=settings.label_smoothing)
    twice = settings.single_path or sample.n_unbinned_inputs <= FEW_COLUMNS
    solver = replace(settings.solver, max_iter=EPOCHS * (2 if twice else 1))
    first = objective.theta.copy()
    latest = Latest(objective.theta)
    try:
        with blas_threads(objective):
            for i, alpha in enumerate(alphas):
                if i:
                    part_units(network.parameters, first)
                objective.penalty = alpha / sample.total_weight
                solver.run(objective, solver.init(objective), latest.on_epoch)
                if on_alpha(alpha):
                    break
    except KeyboardInterrupt:
        latest.restore()
        raise


class Latest:
    """Keeps the parameters of the latest epoch: a solver tries others in between.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
    """

    def __init__(self, theta):
        self.theta, self._kept = theta, theta.copy()

    def on_epoch(self, loss, rate, gradient_norm):
        """Keep them, and let the solver go on."""
        np.copyto(self._kept, self.theta)
        return Signal.CONTINUE

    def restore(self):
        """Put them back."""
        np.copyto(self.theta, self._kept)


def part_units(parameters, first):
    """Add a share of the first weights; where none are left, begin with these again.

    Parameters
    ----------
    parameters : ParameterVector
        Changed.
    first : ndarray of shape (n_parameters,)
    """
    weights = parameters.penalised
    before = first[: len(weights)]
    if np.dot(weights, weights) < COLLAPSED * np.dot(before, before):
        np.copyto(parameters.theta, first)
    else:
        parameters.theta += PERTURBATION * first
