"""Parameters that do not go together: errors, and warnings of those without use."""

import inspect
import sys
from dataclasses import fields, is_dataclass, replace
from functools import cache

import numpy as np

from ..network.activations import ACTIVATIONS
from ..network.curvature import max_parameters
from ..network.losses import LOSSES
from ..training.optimizers import OPTIMIZERS
from ..training.solvers.registry import SOLVERS
from .caller import warn_caller

# Of a solver's fields that have another name in the constructor, or several.
CONSTRUCTOR_NAMES = {
    "rate": ["learning_rate_init"],
    "schedule": ["learning_rate", "power_t", "warmup_fraction"],
    "optimizer": ["dropout"],
}
CHOSEN_WITH_ALPHA = ("adaptive_penalty", "calibrate")
MINIBATCHES_ALONE = {"batch_size", "shuffle", "n_iter_no_change"}


@cache
def parameters_read_by(solver):
    """Return the constructor's parameters that a solver reads and not all solvers do.

    Parameters
    ----------
    solver : str
        A name in ``SOLVERS``.

    Returns
    -------
    frozenset of str
        Read from the fields of the solver's and its optimizer's class.
    """
    optimizer = OPTIMIZERS.get(solver)
    read = {
        name
        for field in fields(SOLVERS[solver])
        for name in CONSTRUCTOR_NAMES.get(field.name, [field.name])
    }
    if optimizer is not None:
        read |= {field.name for field in fields(optimizer)} | {"n_iter_no_change"}
    if solver == "gd":
        read -= MINIBATCHES_ALONE
    return frozenset(read if solver == "adamw" else read | {"alpha"})


@cache
def _defaults(estimator):
    """Return the default of each parameter of an estimator's class."""
    parameters = inspect.signature(estimator).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def idle_parameters(params, solver):
    """Return the parameters that are set to no use under a solver.

    Parameters
    ----------
    params : ScratchMLPClassifier
    solver : str
        What ``solver`` came to.

    Returns
    -------
    list of str
        Those that other solvers read, and that are neither at their default nor
        switched off.
    """
    some = set().union(*map(parameters_read_by, SOLVERS))
    idle = some - parameters_read_by(solver)
    if params.early_stopping:  # also "auto", which may find held-out rows
        idle -= {"n_iter_no_change"}
    return [
        name
        for name, default in _defaults(type(params)).items()
        if name in idle and not _is_default_or_off(getattr(params, name), default)
    ]


def _is_default_or_off(value, default):
    """Whether a parameter asks for nothing: no penalty, no momentum, no schedule."""
    if isinstance(value, str):
        return value in (default, "constant")
    return value == default or (value == 0 and value is not False)


def warn_of_idle_parameters(params, solver):
    """Warn of parameters that are set to no use under a solver.

    Parameters
    ----------
    params : ScratchMLPClassifier
    solver : str
        What ``solver`` came to.

    Warns
    -----
    UserWarning
        That names them, and the solvers that read them; or ``alpha``, where they go
        with the choice of it.
    """
    for name in idle_parameters(params, solver):
        readers = [other for other in SOLVERS if name in parameters_read_by(other)]
        warn_caller(
            f"{name}={getattr(params, name)!r} has no use under solver={solver!r} and "
            f"is ignored. Leave {name} at its default, or choose the solver among "
            f"{readers}.",
            UserWarning,
        )
    if hasattr(params, "loss"):
        _warn_of_other_losses(params)
    if isinstance(params.alpha, str):
        return
    for name in CHOSEN_WITH_ALPHA:
        if getattr(params, name, False) is True:
            warn_caller(
                f"{name}=True has no use with alpha={params.alpha!r} and is ignored: "
                "it is part of the choice of alpha. Set alpha='auto', or leave "
                f"{name} at its default.",
                UserWarning,
            )


def check_magnitudes(params):
    """Raise ValueError for a whole number that no float can hold."""
    for name, value in vars(params).items():
        if isinstance(value, int) and value.bit_length() >= sys.float_info.max_exp:
            raise ValueError(
                f"{name} is too large: a number of {value.bit_length()} bits, which no "
                "float can hold."
            )


def check_gauss_newton(n_parameters, activations, loss):
    """Raise ValueError where Gauss-Newton does not suit a network."""
    most = max_parameters(np.float64)
    if n_parameters > most:
        raise ValueError(
            f"solver='gauss_newton' is for networks of at most {most} parameters; this "
            f"one has {n_parameters}. Use fewer hidden units, or solver='lbfgs'."
        )
    for name in activations:
        if not ACTIVATIONS[name].smooth:
            smooth = [f.name for f in ACTIVATIONS.values() if f.smooth]
            raise ValueError(
                f"solver='gauss_newton' does not suit activation={name!r}, whose "
                "derivative jumps: training can end at a kink, far above a minimum. "
                f"Choose an activation among {smooth}, or solver='lbfgs'."
            )
    if not loss.has_curvature:
        raise ValueError(
            f"solver='gauss_newton' does not suit the loss {loss.name!r}, which has no "
            "curvature_roots. Use solver='lbfgs'."
        )



def loss_of(params):
    """Return the loss that a regressor names, with the parameters that it reads.

    Parameters
    ----------
    params : ScratchMLPRegressor

    Returns
    -------
    Loss
    """
    loss = LOSSES[params.loss]
    names = _settings_of(loss)
    if not names:
        return loss
    return replace(loss, **{name: getattr(params, name) for name in names})


def _settings_of(loss):
    """Return the constructor's parameters that a loss reads."""
    return {f.name for f in fields(loss)} if is_dataclass(loss) else set()


def _warn_of_other_losses(params):
    """Warn of parameters of losses that are not asked for."""
    for loss in LOSSES.values():
        for name in _settings_of(loss) if loss.name != params.loss else ():
            value = getattr(params, name)
            if value != _defaults(type(params))[name]:
                warn_caller(
                    f"{name}={value!r} has no use under loss={params.loss!r} and is "
                    f"ignored. Leave {name} at its default, or set "
                    f"loss={loss.name!r}.",
                    UserWarning,
                )
