"""Going on from a `TrainingState`: whether it suits, and what must begin anew."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from numbers import Integral

import numpy as np

from ..data.table import Table
from .settings import make_solver

# What may be another in a fit that is resumed: it changes no result, or is looked at
# by itself. The layers and activations are compared as they were resolved.
FREE = {"verbose", "warm_start", "max_iter", "random_state"}
RESOLVED = {"hidden_layer_sizes", "activation", "solver", "dtype", "standardize"}


@dataclass
class LiveTraining:
    """Stands for the state of a training while it runs: `Checkpoint` asks it for one.

    Parameters
    ----------
    run : TrainingRun
    belongs_to : callable
        Returns what `TrainingState` keeps besides the run's own, by name.
    """

    run: object
    belongs_to: object

    def snapshot(self):
        """Return the `TrainingState` after the newest epoch."""
        state = self.run.state()
        vars(state).update(self.belongs_to())
        return state


def settings_of(estimator, plan, network, data):
    """Return the settings that a training depends on, by the name that errors use."""
    held_out = data.held_out
    settings = {
        "layer sizes": network.layer_sizes,
        "activations": tuple(f.name for f in network.activations),
        "output": network.loss.out_activation,
        "standardize": estimator.standardize,
        "solver": plan.solver,
        "dtype": np.dtype(plan.dtype).name,
        "held-out rows": held_out.n_samples if held_out else 0,
        "training rows": data.train.n_samples,
    }
    given = estimator.get_params(deep=False)
    settings |= {
        name: value for name, value in given.items() if name not in FREE | RESOLVED
    }
    if given["random_state"] is None or isinstance(given["random_state"], Integral):
        settings["random_state"] = given["random_state"]
    return settings


def fingerprint_of(data):
    """Return a digest of each array that a training depends on, by its name.

    Parameters
    ----------
    data : PreparedData

    Returns
    -------
    dict of str
        Made in one go over the bytes, in less time than an epoch.
    """
    train, held_out = data.train, data.held_out
    prints = dict(zip(("X", "y", "weights"), train.digests(digest_of)))
    prints["classes"] = repr(train.classes.tolist())
    prints["categories"] = repr(train.columns.categories_)
    if held_out is not None and held_out.codes is not train.codes:
        names = "X_val", "y_val", "weights of X_val"
        prints |= zip(names, held_out.digests(digest_of))
    return prints


def digest_of(array):
    """Return a digest of an array, a CSR matrix or a `Table`; of None an empty one."""
    digest = blake2b(digest_size=16)
    if array is None:
        return ""
    for part in _parts(array):
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part))
    return digest.hexdigest()


def _parts(array):
    """Return the arrays that an array, a CSR matrix or a table consists of."""
    if isinstance(array, np.ndarray):
        return [array]
    if isinstance(array, Table):
        return array.parts()
    return array.data, array.indices, array.indptr


def take_up(state, estimator, plan, network, data):
    """Return the state of an earlier call as this one goes on from it.

    A fit is resumed only under the same settings and with the same data. For
    `partial_fit`, the optimizer's state begins anew under another optimizer, and a rate
    that was lowered under another initial rate.

    Parameters
    ----------
    state : TrainingState
    estimator : estimator
        Only read.
    plan : Plan
    network : Network
    data : PreparedData

    Returns
    -------
    TrainingState

    Raises
    ------
    ValueError
        That names a setting or an array which is not the checkpoint's.
    """
    if state.purpose == "resume":
        settings = settings_of(estimator, plan, network, data)
        check_same_fit(state, settings, data, plan.max_iter)
        return state
    then, moments = state.settings, state.solver["optimizer"]
    fresh = make_solver(plan, estimator).optimizer.init(network.parameters.theta)
    solver = dict(state.solver)
    if then["solver"] != plan.solver or moments.keys() != fresh.keys():
        solver |= {"optimizer": fresh, "rate_factor": 1.0}
    if then["rate"] != plan.rate:
        solver["rate_factor"] = 1.0
    return replace(state, solver=solver)


def check_same_fit(state, settings, data, max_iter):
    """Raise ValueError where settings or data are not those of a checkpoint.

    Parameters
    ----------
    state : TrainingState
    settings : dict
        From `settings_of`.
    data : PreparedData
    max_iter : int
        As many epochs as the checkpoint's fit had, or more.
    """
    for name, then in state.settings.items():
        if name == "max_iter":
            if max_iter < then:
                raise ValueError(_text("max_iter", then, max_iter))
        elif name in settings and not _equal(settings[name], then):
            raise ValueError(_text(name, then, settings[name]))
    for name, print_ in fingerprint_of(data).items():
        if print_ != state.data.get(name):
            raise ValueError(
                f"The checkpoint is of a fit with other values of {name}: resume with "
                "the parameters and the data of the first."
            )


def _text(name, then, now):
    return (
        f"The checkpoint is of a fit with {name} {then}, and this one has {now}: "
        "resume with the parameters and the data of the first."
    )


def _equal(a, b):
    """Whether two settings are alike; a function loaded from a file, by its name."""
    if callable(a) and callable(b):
        a, b = (getattr(f, "__qualname__", repr(f)) for f in (a, b))
    if hasattr(a, "__array__") or hasattr(b, "__array__"):
        return np.array_equal(a, b)
    return a == b
