"""`fit_network`: settings, prepared data and a start in; network and history out."""

from dataclasses import dataclass

from ..network.parameters import initialize
from .dropout import DropoutMasks
from .objective import Objective
from .observers import HeldOutScore
from .penalty_search.path import choose_on_path
from .run import TrainingRun
from .solvers.base import Solver
from .threads import blas_threads


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Parameters
    ----------
    solver : Solver
    alpha : float or None, default=0.0
        The penalty; None where it is chosen on held-out rows.
    dropout : float in [0, 1), default=0.0
    label_smoothing : float in [0, 1), default=0.0
    patience : tuple of (tol, n_epochs), default=None
        When training ends at a plateau; None for never.
    keep_best : bool, default=False
        Whether the parameters with the best validation score are kept.
    init : str, default="auto"
        Name of the initialiser.
    verbose : int, default=0
        As of `Progress`.

    Examples
    --------
    >>> from sklearn_scratchnn.training.fit_network import Settings
    >>> from sklearn_scratchnn.training.solvers.lbfgs import LBFGS
    >>> Settings(LBFGS(max_iter=200, max_fun=1000, tol=1e-4), alpha=0.1).alpha
    0.1
    """

    solver: Solver
    alpha: float | None = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    patience: tuple | None = None
    keep_best: bool = False
    init: str = "auto"
    verbose: int = 0


def fit_network(
    network,
    data,
    settings,
    *,
    start=None,
    state=None,
    random_state=None,
    observers=(),
    score=None,
    start_is_candidate=False,
    first_epoch=0,
):
    """Train a network.

    Parameters
    ----------
    network : Network
        Its parameters are overwritten.
    data : PreparedData
    settings : Settings
    start : ParameterVector, default=None
        Parameters to start from; None draws them.
    state : TrainingState, default=None
        Of a training to go on with.
    random_state : numpy.random.RandomState, default=None
        The source of all that is drawn: weights, held-out rows, the order of rows,
        dropout.
    observers : sequence of Observer, default=()
        Asked after the training's own.
    score : callable, default=None
        ``score(run)`` of the held-out rows; None for minus their loss.
    start_is_candidate : bool, default=False
        Whether the start may be the best.
    first_epoch : int, default=0
        Epochs made before.

    Returns
    -------
    TrainingRun
        Trained: it has the network, the history and how training ended.

    Raises
    ------
    KeyboardInterrupt
        With the best parameters so far in the network, and the run as its attribute
        ``training``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.prepared import PreparedData
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.fit_network import Settings, fit_network
    >>> from sklearn_scratchnn.training.solvers.lbfgs import LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_network((4, 3), [], "softmax_cross_entropy")
    >>> data = PreparedData(make_sample(X, y, network.loss))
    >>> settings = Settings(LBFGS(max_iter=200, max_fun=1000, tol=1e-4), alpha=0.1)
    >>> random_state = np.random.RandomState(0)
    >>> run = fit_network(network, data, settings, random_state=random_state)
    >>> run.outcome.name, len(run.history) < 200
    ('CONVERGED', True)
    """
    if start is None:
        initialize(
            network.parameters, network.activations, settings.init, random_state
        )
    else:
        network.parameters.theta[:] = start.theta
    run = _prepare(
        network, data, settings, random_state, observers, score, first_epoch
    )
    if state is not None:
        run.restore(state)
        if state.purpose == "resume":
            run.alpha, run.alpha_path = state.alpha, state.alpha_path
    try:
        with blas_threads(run.objective):
            if run.alpha is None:
                choose_on_path(run, data, settings)
            run.objective.penalty = run.alpha / data.train.total_weight
            if start_is_candidate:
                run.count_start_as_candidate()
            run.train()
    except KeyboardInterrupt as interruption:
        interruption.training = run
        raise
    return run


def _prepare(network, data, settings, random_state, observers, score, first_epoch):
    """Return the run before its first epoch."""
    masks = None
    if settings.dropout:
        masks = DropoutMasks(settings.dropout, random_state)
    objective = Objective(
        network,
        data.train,
        block_rows=getattr(settings.solver, "batch_size", None),
        draw_mask=masks,
        label_smoothing=settings.label_smoothing,
    )
    held_out = None
    if data.held_out is not None:
        held_out = HeldOutScore(Objective(network, data.held_out), score)
    run = TrainingRun(
        objective,
        settings.solver,
        random_state,
        held_out=held_out,
        keep_best=settings.keep_best,
        patience=settings.patience,
        verbose=settings.verbose,
        observers=observers,
        first_epoch=first_epoch,
    )
    run.alpha = settings.alpha
    return run
