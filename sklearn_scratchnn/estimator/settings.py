"""From a plan and the constructor's parameters to the settings of a training."""

from dataclasses import fields

from ..training.fit_network import Settings
from ..training.optimizers import OPTIMIZERS
from ..training.schedules import SCHEDULES
from ..training.solvers.gradient_descent import GradientDescent
from ..training.solvers.registry import SOLVERS


def make_solver(plan, params):
    """Return the plan's solver.

    Parameters
    ----------
    plan : Plan
    params : namespace
        The constructor's parameters, for what the plan does not hold.

    Returns
    -------
    Solver
        Of the kind that ``plan.solver`` names.

    Examples
    --------
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.estimator.defaults import make_plan
    >>> from sklearn_scratchnn.estimator.settings import make_solver
    >>> params = ScratchMLPClassifier(solver="lbfgs", max_iter=50)
    >>> make_solver(make_plan(params, 150, 803), params)
    LBFGS(max_iter=50, max_fun=15000, tol=0.0001)
    """
    cls, schedule = SOLVERS[plan.solver], SCHEDULES[plan.schedule]
    if cls is not GradientDescent:
        return cls(**_settings_of(cls, plan, params))
    optimizer = OPTIMIZERS.get(plan.solver)
    if optimizer is None:  # plain gradient descent, "gd"
        optimizer = OPTIMIZERS["sgd"](momentum=0.0)
    else:
        optimizer = optimizer(**_settings_of(optimizer, plan, params))
    parts = {
        "optimizer": optimizer,
        "schedule": schedule(**_settings_of(schedule, plan, params)),
    }
    return GradientDescent(**_settings_of(GradientDescent, plan, params) | parts)


def _settings_of(part, plan, params):
    """Return what a dataclass names of the plan's and the constructor's settings."""
    known = vars(params) | vars(plan)
    return {f.name: known[f.name] for f in fields(part) if f.name in known}


def make_settings(plan, params, incremental=False, temperature=1.0):
    """Return how a network is trained.

    Parameters
    ----------
    plan : Plan
    params : namespace
        The constructor's parameters.
    incremental : bool, default=False
        Whether this is `partial_fit`, in which nothing but an adaptive schedule waits
        for a plateau.
    temperature : float, default=1.0
        Of the fitted layers that training starts from.

    Returns
    -------
    Settings
        For `fit_network`.
    """
    waits = plan.schedule == "adaptive"
    if not incremental:
        may_stall = plan.batch_size is not None and plan.schedule != "cosine"
        waits = waits or plan.early_stopping or may_stall
    return Settings(
        solver=make_solver(plan, params),
        alpha=plan.alpha,
        adaptive=plan.adaptive,
        calibrate=plan.calibrate,
        single_path=plan.single_path,
        temperature=temperature,
        dropout=plan.dropout,
        label_smoothing=plan.label_smoothing,
        patience=(plan.tol, params.n_iter_no_change) if waits else None,
        keep_best=plan.early_stopping,
        init=params.init,
        verbose=int(params.verbose),
    )
