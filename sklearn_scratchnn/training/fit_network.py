"""`fit_network`: settings, prepared data and a start in; network and history out."""

from dataclasses import dataclass

from ..network.parameters import initialize
from .dropout import DropoutMasks
from .objective import Objective
from .observers import HeldOutScore
from .penalty_search.search import Choice, PenaltySearch
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
        The penalty; None where it is chosen on held-out rows, see `PenaltySearch`.
    adaptive : bool, default=False
        Whether each column gets a penalty of its own then.
    calibrate : bool, default=False
        Whether a temperature is chosen with it.
    single_path : bool, default=False
        Whether a path of alphas is walked once, at leisure, and ends where it gets
        worse.
    dropout : float in [0, 1), default=0.0
    label_smoothing : float in [0, 1), default=0.0
    temperature : float, default=1.0
        That the logits are divided by in what is handed out.
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
    adaptive: bool = False
    calibrate: bool = False
    single_path: bool = False
    dropout: float = 0.0
    label_smoothing: float = 0.0
    temperature: float = 1.0
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
    make_objective=Objective,
    make_search=PenaltySearch,
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
    make_objective, make_search : callable
        Make the objective and the search for alpha; others than `Objective` and
        `PenaltySearch` where rows lie elsewhere.

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
    choice, search, interruption = _choose(
        make_search, network, data, settings, random_state, state
    )
    if choice.factors is not None:
        data = data.scaled_by(data.standardizer.stretched(choice.factors))
    held_out = None
    if data.held_out is not None:
        held_out = HeldOutScore(make_objective(network, data.held_out), score)
    run = TrainingRun(
        _objective(make_objective, network, data, settings, choice, random_state),
        settings.solver,
        random_state,
        choice=choice,
        standardizer=data.standardizer,
        held_out=held_out,
        keep_best=settings.keep_best,
        patience=settings.patience,
        verbose=settings.verbose,
        observers=observers,
        first_epoch=first_epoch,
    )
    if search is not None and search.part_is_trained_first:
        run.solve_part_first(*search.objectives(run.objective, run.standardizer))
    if state is not None:
        run.restore(state)
    try:
        if interruption is not None:
            raise interruption
        with blas_threads(run.objective):
            if start_is_candidate:
                run.count_start_as_candidate()
            run.train()
    except KeyboardInterrupt as interruption:
        interruption.training = run
        raise
    if search is not None and settings.calibrate and data.held_out is not None:
        run.calibrate(held_out.objective)
    return run


def _choose(make_search, network, data, settings, random_state, state):
    """Return the penalty, its search or None, and what interrupted that or None.

    A training that is resumed makes the search's draws again, and takes its choice from
    the state.
    """
    resumed = state is not None and state.purpose == "resume"
    if settings.alpha is not None:
        choice = Choice(settings.alpha, None, settings.temperature)
        return (state.choice if resumed else choice), None, None
    search = make_search(network, data, settings, random_state)
    if resumed:
        return state.choice, search, None
    try:
        search.run()
    except KeyboardInterrupt as interruption:
        return search.choice, search, interruption
    return search.choice, search, None


def _objective(make_objective, network, data, settings, choice, random_state):
    """Return what is trained on, with the chosen penalty."""
    masks = None
    if settings.dropout:
        masks = DropoutMasks(settings.dropout, random_state)
    objective = make_objective(
        network,
        data.train,
        block_rows=getattr(settings.solver, "batch_size", None),
        draw_mask=masks,
        label_smoothing=settings.label_smoothing,
    )
    if choice.alpha is not None:
        objective.penalty = choice.alpha / data.train.total_weight
    return objective
