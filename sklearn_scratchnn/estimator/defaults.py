"""What "auto" stands for: it follows from the numbers of rows, features and outputs."""

from dataclasses import dataclass

import numpy as np

from ..training.optimizers import OPTIMIZERS
from ..training.penalty_search.path import MIN_ROWS

FULL_BATCH_WORK = 2e8  # rows times parameters up to which a full batch is cheap


@dataclass(frozen=True)
class Plan:
    """The settings of one training, with every "auto" resolved.

    Parameters
    ----------
    solver, schedule, dtype : str
    rate : float
        Initial or peak learning rate per update.
    batch_size : int or None
        None for the full batch.
    max_iter : int
        Epochs at most.
    tol : float
    early_stopping : bool
    planned : bool
        Whether the end after ``max_iter`` epochs is meant, not a failure to converge.
    alpha : float or None
        None where it is chosen on held-out rows, see `AlphaPath`; 0 under "adamw".
    dropout : float
    max_grad_norm : float or None
        As given, where the solver reads them.

    See Also
    --------
    make_plan : Makes one from the constructor's parameters.

    Examples
    --------
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.estimator.defaults import make_plan
    >>> plan = make_plan(ScratchMLPClassifier(), n_samples=150, n_parameters=803)
    >>> plan.solver, plan.dtype, plan.batch_size
    ('lbfgs', 'float64', None)
    """

    solver: str
    schedule: str
    dtype: str
    rate: float
    batch_size: int | None
    max_iter: int
    tol: float
    early_stopping: bool
    planned: bool
    alpha: float | None
    dropout: float
    max_grad_norm: float | None


def make_plan(
    params,
    n_samples,
    n_parameters,
    *,
    validated=False,
    incremental=False,
    hold_out_impossible=False,
):
    """Resolve every "auto" of the constructor's parameters.

    Parameters
    ----------
    params : namespace
        The constructor's parameters.
    n_samples, n_parameters : int
    validated : bool, default=False
        Whether ``X_val`` is given.
    incremental : bool, default=False
        Whether this is ``partial_fit``.
    hold_out_impossible : bool, default=False
        Whether no rows can be held out to choose alpha on.

    Returns
    -------
    Plan
        Whose alpha is None where it is to be chosen on held-out rows.

    Examples
    --------
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.estimator.defaults import make_plan
    >>> plan = make_plan(ScratchMLPClassifier(), n_samples=10**6, n_parameters=10**4)
    >>> plan.solver, plan.dtype, plan.batch_size, plan.schedule
    ('adam', 'float32', 200, 'cosine')
    """

    def chosen(name, automatic):
        value = getattr(params, name)
        return automatic if isinstance(value, str) and value == "auto" else value

    noisy = incremental or params.dropout > 0 or params.max_grad_norm is not None
    scheduled = params.learning_rate not in ("auto", "constant")
    automatic = auto_solver(n_samples, n_parameters, noisy or scheduled)
    solver = chosen("solver", automatic)
    stochastic, descends = solver in OPTIMIZERS, solver in (*OPTIMIZERS, "gd")
    schedule = "constant"
    if descends:
        planned = stochastic and not incremental
        schedule = chosen("learning_rate", "cosine" if planned else "constant")
    batch_size = None
    if stochastic:
        asked = chosen("batch_size", auto_batch_size(n_samples))
        batch_size = int(min(asked, n_samples))
    on_path = solver == "lbfgs" and n_samples >= MIN_ROWS and not hold_out_impossible
    auto = auto_alpha_of_stream if incremental else auto_alpha
    alpha = chosen("alpha", None if on_path else auto(solver, n_samples))
    if solver == "adamw":
        alpha = 0.0
    epochs = auto_epochs(solver, n_samples, alpha)
    return Plan(
        alpha=alpha,
        solver=solver,
        schedule=schedule,
        dtype=chosen("dtype", "float32" if stochastic else "float64"),
        rate=chosen("learning_rate_init", auto_rate(solver, schedule)),
        batch_size=batch_size,
        max_iter=1 if incremental else chosen("max_iter", epochs),
        tol=chosen("tol", 0.0 if solver == "gd" else 1e-4),
        early_stopping=chosen("early_stopping", validated),
        planned=isinstance(params.max_iter, str) or schedule == "cosine",
        dropout=params.dropout if descends else 0.0,
        max_grad_norm=params.max_grad_norm if descends else None,
    )


def auto_solver(n_samples, n_parameters, stepwise=False):
    """L-BFGS where a full batch is cheap, rows times parameters small; else Adam.

    Adam also where ``stepwise`` updates are needed: for parts of the rows, dropout,
    clipping, a schedule.
    """
    cheap = n_samples * n_parameters <= FULL_BATCH_WORK
    return "lbfgs" if cheap and not stepwise else "adam"


def auto_batch_size(n_samples):
    """200 rows."""
    return min(200, n_samples)


def auto_rate(solver, schedule):
    """The optimizer's own; 20 times that where a cosine takes it down to 0 again."""
    if solver not in OPTIMIZERS:
        return 0.5
    rate = OPTIMIZERS[solver].default_rate
    return 20 * rate if schedule == "cosine" and solver != "sgd" else rate


def auto_alpha(solver, n_samples):
    """Where it is not chosen on held-out rows: 1, and up to 10 with many minibatches.

    The more updates an epoch makes, the larger the weights can grow.
    """
    if solver not in OPTIMIZERS:
        return 1.0
    return float(np.clip(n_samples / 3000, 1, 10))


def auto_alpha_of_stream(solver, n_samples):
    """In ``partial_fit``: a 3000th per row of the call, however many these are.

    The n of ``alpha / (2 n)`` counts them, and how many are to come is not known.
    """
    return n_samples / 3000


def auto_epochs(solver, n_samples, alpha):
    """Epochs; of a stochastic solver fewer, the more rows there are.

    After the path of alphas, L-BFGS has begun near its end.
    """
    if solver == "lbfgs" and alpha is None:
        return 20
    if solver not in OPTIMIZERS:
        return {"gd": 1000}.get(solver, 200)
    return int(np.clip(5e5 / n_samples, 10, 60))
