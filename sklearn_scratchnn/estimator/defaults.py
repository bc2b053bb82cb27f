"""What "auto" stands for: it follows from the numbers of rows, features and outputs.

Few rows are trained by L-BFGS on the full batch, many by Adam on minibatches; from
`MANY_ROWS` on, a minibatch network is wider and deeper, reads numeric columns through
bins, and is trained with dropout. Rows are distinct ones of positive weight: copies,
and weights, change nothing.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..training.optimizers import OPTIMIZERS
from ..training.penalty_search.path import FEW_COLUMNS

FULL_BATCH_WORK = 2e8  # rows times parameters up to which a full batch is cheap
MANY_ROWS = 2500  # from here on there is enough to learn for a wide network
VERY_MANY_ROWS = 20_000  # they fill more bins, and need less noise
SEARCH_ROWS = 20  # below, held-out rows are too few to choose anything on
ADAPTIVE_ROWS = 100  # below, a first fit does not tell which columns count
BINNED_FEATURES = 100  # more numeric ones are smooth (pixels, spectra), and bins dear
NARROW, WIDE = (100,), (256, 128)
# Numbers say more of a row than labels do: bins may be narrow, noise only harms. Of few
# rows a wider layer is sometimes left at a straight line by the path of penalties.
NARROW_OF_NUMBERS, WIDE_OF_NUMBERS, BINS_OF_NUMBERS = (50,), (128, 128), 64
BATCH_SIZE = 200
# A squared error is steeper than a cross-entropy: at the rates of labels "gd" diverges
# on six tables of eight, "sgd" on four of ten.
RATES_OF_NUMBERS = {"gd": 0.05, "sgd": 0.02}
ALPHA = 1.0  # where it is not chosen


@dataclass(frozen=True)
class Plan:
    """The settings of one training, with every "auto" resolved.

    Parameters
    ----------
    solver, schedule, dtype : str
    hidden : tuple of int
        Units of each hidden layer.
    encoding : {"linear", "piecewise"}
    n_bins : int
        The most bins of a column.
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
        None where it is chosen on held-out rows, see `PenaltySearch`; 0 under "adamw".
    adaptive : bool
        Whether each column's own penalty is chosen with it.
    calibrate : bool
        Whether a temperature is chosen with it.
    dropout : float
    max_grad_norm : float or None
        As given, where the solver reads them.
    single_path : bool
        Whether the path of alphas is walked once, and ends where it gets worse.
    label_smoothing : float
        As given; 0 for numbers.

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
    hidden: tuple
    encoding: str
    n_bins: int
    rate: float
    batch_size: int | None
    max_iter: int
    tol: float
    early_stopping: bool
    planned: bool
    alpha: float | None
    adaptive: bool
    calibrate: bool
    dropout: float
    max_grad_norm: float | None
    single_path: bool
    label_smoothing: float


def make_plan(
    params,
    n_samples,
    n_parameters,
    *,
    hidden=None,
    n_features=None,
    n_numeric=None,
    validated=False,
    incremental=False,
    started=False,
):
    """Resolve every "auto" of the constructor's parameters.

    Parameters
    ----------
    params : namespace
        The constructor's parameters.
    n_samples : int
        Distinct rows; in ``partial_fit`` the rows of the call.
    n_parameters : int
        Of a network with the columns as inputs and the hidden layers asked for, or
        `NARROW` ones.
    hidden : tuple of int, default=None
        Units of each hidden layer; None where they follow from the rows.
    n_features : int, default=None
        Columns of X; None for many.
    n_numeric : int, default=None
        Columns of enough values to be cut into bins; None where none may.
    validated : bool, default=False
        Whether ``X_val`` is given.
    incremental : bool, default=False
        Whether this is ``partial_fit``.
    started : bool, default=False
        Whether training starts from fitted layers.

    Returns
    -------
    Plan
        Whose alpha is None where it is to be chosen on held-out rows.

    Examples
    --------
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.estimator.defaults import make_plan
    >>> params = ScratchMLPClassifier()
    >>> plan = make_plan(params, n_samples=10**6, n_parameters=3000, n_numeric=20)
    >>> plan.solver, plan.dtype, plan.batch_size, plan.schedule
    ('adam', 'float32', 200, 'cosine')
    >>> plan.hidden, plan.encoding, plan.dropout
    ((256, 128), 'piecewise', 0.1)
    """
    chosen = partial(_chosen, params)
    scheduled = params.learning_rate not in ("auto", "constant")
    asks_dropout = params.dropout not in ("auto", 0)
    noisy = incremental or asks_dropout or params.max_grad_norm is not None
    automatic = auto_solver(n_samples, n_parameters, noisy or scheduled)
    solver = chosen("solver", automatic)
    stochastic, descends = solver in OPTIMIZERS, solver in (*OPTIMIZERS, "gd")
    many = stochastic and not incremental and n_samples >= MANY_ROWS
    few = solver in ("lbfgs", "gauss_newton") and n_samples >= ADAPTIVE_ROWS
    numbers = hasattr(params, "loss")
    schedule = "constant"
    if descends:
        planned = stochastic and not incremental
        schedule = chosen("learning_rate", "cosine" if planned else "constant")
    batch_size = int(chosen("batch_size", BATCH_SIZE)) if stochastic else None
    alpha = chosen("alpha", auto_alpha(n_samples, incremental, started))
    if solver == "adamw":
        alpha = 0.0
    binned = many and n_numeric is not None and n_numeric <= BINNED_FEATURES
    noise = auto_dropout(n_samples, many, numbers)
    epochs = auto_epochs(solver, n_samples, alpha, many, n_features, numbers)
    encoding = chosen("numeric_encoding", "piecewise" if binned else "linear")
    cut = encoding == "piecewise" and n_numeric != 0
    adapts = chosen("adaptive_penalty", few and not cut and not numbers)
    return Plan(
        alpha=alpha,
        adaptive=alpha is None and adapts and bool(params.standardize),
        calibrate=alpha is None and bool(chosen("calibrate", many)),
        solver=solver,
        schedule=schedule,
        dtype=chosen("dtype", "float32" if stochastic else "float64"),
        hidden=auto_hidden(many, numbers) if hidden is None else hidden,
        encoding=encoding,
        n_bins=chosen("n_bins", auto_bins(n_samples, many, numbers)),
        rate=chosen("learning_rate_init", auto_rate(solver, schedule, many, numbers)),
        batch_size=batch_size,
        max_iter=1 if incremental else chosen("max_iter", epochs),
        tol=chosen("tol", 0.0 if solver == "gd" else 1e-4),
        early_stopping=chosen("early_stopping", validated),
        planned=isinstance(params.max_iter, str) or schedule == "cosine",
        dropout=chosen("dropout", noise) if descends else 0.0,
        max_grad_norm=params.max_grad_norm if descends else None,
        single_path=numbers,
        label_smoothing=getattr(params, "label_smoothing", 0.0),
    )


def _chosen(params, name, automatic):
    """Return a parameter, or what "auto" stands for; None where there is none."""
    value = getattr(params, name, None)
    return automatic if isinstance(value, str) and value == "auto" else value


def auto_solver(n_samples, n_parameters, stepwise=False):
    """L-BFGS below `MANY_ROWS`, where a full batch is cheap; else Adam.

    It is cheap where rows times parameters are few. Adam also where ``stepwise``
    updates are needed: for parts of the rows, dropout, clipping, a schedule.
    """
    few = n_samples < MANY_ROWS and n_samples * n_parameters <= FULL_BATCH_WORK
    return "lbfgs" if few and not stepwise else "adam"


def auto_hidden(many=False, numbers=False):
    """One layer of few rows; a wide and deep network of many."""
    if not many:
        return NARROW_OF_NUMBERS if numbers else NARROW
    return WIDE_OF_NUMBERS if numbers else WIDE


def auto_rate(solver, schedule, many=False, numbers=False):
    """The optimizer's own; 20 times that where a cosine takes it down to 0 again.

    10 times for a wide network: the more units a layer reads, the further one update
    of all its weights moves its outputs. Of numbers see `RATES_OF_NUMBERS`.
    """
    if numbers and solver in RATES_OF_NUMBERS:
        return RATES_OF_NUMBERS[solver]
    if solver not in OPTIMIZERS:
        return 0.5
    rate = OPTIMIZERS[solver].default_rate
    if schedule != "cosine" or solver == "sgd":
        return rate
    return rate * (10 if many else 20)


def auto_bins(n_samples, many=False, numbers=False):
    """4 of few rows, which overfit more; 16 for a wide network, 24 of very many.

    For numbers 64: what bends within a bin is an error there, and no error for labels
    that stay on their side.
    """
    if not many:
        return 4
    if numbers:
        return BINS_OF_NUMBERS
    return 24 if n_samples >= VERY_MANY_ROWS else 16


def auto_dropout(n_samples, many=False, numbers=False):
    """0.2 of the hidden units of a wide network, and 0.1 where rows are very many.

    None for numbers: units that vary bring noise into every prediction.
    """
    if numbers or not many:
        return 0.0
    return 0.1 if n_samples >= VERY_MANY_ROWS else 0.2


def auto_alpha(n_samples, incremental=False, started=False):
    """None where it is chosen; `ALPHA` of few rows, and where a training goes on.

    In ``partial_fit`` a 3000th per row of the call, however many these are: the n of
    ``alpha / (2 n)`` counts them, and how many are to come is not known.
    """
    if incremental:
        return n_samples / 3000
    return ALPHA if started or n_samples < SEARCH_ROWS else None


def auto_epochs(solver, n_samples, alpha, many=False, n_features=None, numbers=False):
    """Epochs; of a stochastic solver fewer, the more rows there are.

    After a path of alphas, a training begins near its end, if columns are many, or
    numbers are learnt.
    """
    if solver == "lbfgs" and alpha is None:
        few = n_features is not None and n_features <= FEW_COLUMNS
        return 60 if few or numbers else 20
    if solver not in OPTIMIZERS:
        return {"gd": 1000}.get(solver, 200)
    least, rows = (15, 7.5e5) if many else (10, 5e5)
    if many and numbers:
        least, rows = 35, 7e5
    return int(np.clip(rows / n_samples, least, 60))
