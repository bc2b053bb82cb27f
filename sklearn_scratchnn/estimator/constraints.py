"""What each constructor parameter may be; names come from the registries."""

from numbers import Integral, Real

import numpy as np

from .._compat import Interval, Options, StrOptions
from ..network.activations import ACTIVATIONS
from ..network.losses import LOSSES
from ..network.parameters import INITIALIZERS
from ..training.schedules import SCHEDULES
from ..training.solvers.registry import SOLVERS


def _or_auto(*constraints):
    return [StrOptions({"auto"}), *constraints]


def _names(registry, *more):
    return StrOptions({*registry, *more})


CONSTRAINTS = {
    "hidden_layer_sizes": _or_auto(
        "array-like", Interval(Integral, 1, None, closed="left")
    ),
    "activation": [_names(ACTIVATIONS), "array-like"],
    "solver": [_names(SOLVERS, "auto")],
    "alpha": _or_auto(Interval(Real, 0, None, closed="left")),
    "batch_size": _or_auto(Interval(Integral, 1, None, closed="left")),
    "learning_rate": [_names(SCHEDULES, "auto")],
    "learning_rate_init": _or_auto(Interval(Real, 0, None, closed="neither")),
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": _or_auto(Interval(Integral, 1, None, closed="left")),
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": _or_auto(Interval(Real, 0, None, closed="left")),
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": _or_auto("boolean"),
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "init": [_names(INITIALIZERS, "auto")],
    "standardize": ["boolean", StrOptions({"robust"})],
    "dtype": [StrOptions({"auto", "float32", "float64"})],
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
    "numeric_encoding": [StrOptions({"auto", "linear", "piecewise"})],
    "n_bins": _or_auto(Interval(Integral, 2, None, closed="left")),
    "adaptive_penalty": _or_auto("boolean"),
    "dropout": _or_auto(Interval(Real, 0, 1, closed="left")),
    "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "warmup_fraction": [Interval(Real, 0, 1, closed="left")],
    "scoring": [str, callable],
}
OF_LABELS = {
    "class_weight": [dict, StrOptions({"balanced"}), None],
    "calibrate": _or_auto("boolean"),
    "label_smoothing": [Interval(Real, 0, 1, closed="left")],
}
OF_NUMBERS = {
    "loss": [_names(f.name for f in LOSSES.values() if f.predicts_numbers)],
    "huber_threshold": [Interval(Real, 0, None, closed="neither")],
    "quantile": [Interval(Real, 0, 1, closed="neither")],
}
