"""Short trainings with several alphas, each from the same start.

For solvers that make their steps by a schedule, or on minibatches: such a training
cannot go on from another's end, and its whole length is too much for each alpha. A
quarter of the epochs is not, or, where rows are many, half of the epochs over a quarter
of the rows. Fewer epochs make a weak penalty look better than it is, as the network has
not learnt the noise yet; fewer rows make it look worse.

The alphas are tried from the middle outward, to the side where the loss falls.
"""

from dataclasses import replace

import numpy as np

from ..dropout import DropoutMasks
from ..objective import Objective
from ..signals import Signal
from ..threads import blas_threads

ALPHAS = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3)
FIRST = 2  # 10, the middle one
MANY_ROWS = 10_000  # from here on a quarter of the rows tell enough
LEAST_UPDATES = 300  # with fewer, no alpha has learnt anything yet


def rows_of_short_runs(sample, random_state):
    """Return what short runs train on, and their share of the epochs.

    Parameters
    ----------
    sample : Sample
        Distinct rows.
    random_state : numpy.random.RandomState
        Draws the quarter.

    Returns
    -------
    sample : Sample
    share : float
    """
    if sample.n_samples < MANY_ROWS:
        return sample, 1 / 4
    _, quarter = next(sample.folds(4, random_state))
    return quarter, 1 / 2


def outward(loss_of):
    """Yield alphas from the middle outward, until the loss rises.

    Parameters
    ----------
    loss_of : callable
        ``loss_of(alpha)`` is asked for those that were yielded.

    Yields
    ------
    float

    Examples
    --------
    >>> from sklearn_scratchnn.training.penalty_search.short_runs import outward
    >>> list(outward(lambda alpha: abs(alpha - 3)))
    [10.0, 3.0, 1.0]
    """
    middle = ALPHAS[FIRST]
    yield middle
    for side in ALPHAS[FIRST + 1 :], ALPHAS[FIRST - 1 :: -1]:
        best = loss_of(middle)
        for alpha in side:
            yield alpha
            if not loss_of(alpha) < best:
                break
            best = loss_of(alpha)
        if best < loss_of(middle):
            return


def short_runs(network, sample, settings, alphas, on_alpha, seed, share):
    """Train with each alpha for a share of the epochs.

    Parameters
    ----------
    network : Network
        Its parameters are where each training begins, and are changed.
    sample : Sample
        See `rows_of_short_runs`.
    settings : Settings
    alphas : iterable of float
    on_alpha : callable
        ``on_alpha(alpha)`` is called when one was tried to its end.
    seed : int
        Draws the order of the rows, and dropout, alike for each alpha.
    share : float
        Of the epochs.
    """
    solver = _shortened(settings.solver, share, sample.n_samples)
    first = network.parameters.theta.copy()
    for alpha in alphas:
        random_state = np.random.RandomState(seed)
        masks = None
        if settings.dropout:
            masks = DropoutMasks(settings.dropout, random_state)
        objective = Objective(
            network,
            sample,
            alpha / sample.total_weight,
            block_rows=solver.batch_size,
            draw_mask=masks,
            label_smoothing=settings.label_smoothing,
        )
        np.copyto(objective.theta, first)
        with blas_threads(objective):
            solver.run(objective, solver.init(objective), _go_on, random_state)
            on_alpha(alpha)


def _go_on(loss, rate, gradient_norm):
    return Signal.CONTINUE


def _shortened(solver, share, n_samples):
    """Return the solver for a share of the epochs, warmed up by as many updates.

    The share is larger where it would make fewer than `LEAST_UPDATES`.
    """
    n_batches = 1 if solver.batch_size is None else -(-n_samples // solver.batch_size)
    share = max(share, min(1.0, LEAST_UPDATES / (n_batches * solver.max_iter)))
    epochs = max(1, round(share * solver.max_iter))
    return replace(solver, max_iter=epochs, schedule=solver.schedule.shortened(share))
