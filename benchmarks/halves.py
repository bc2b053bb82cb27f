"""Are the defaults good on tables that they were not chosen on? A choice by halves.

The defaults, and settings around them, run on every table but adult, which another
solver trains. The setting that is best by one half's log-loss and error together is
measured on the other half. Ratios are to the defaults; below 1 is better.
"""

from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
from _common import argument_parser, geometric_mean, markdown, parse, report
from tabular import HALVES, SMALL, evaluate, load

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.training.penalty_search import path, search

KEPT = "the defaults"
# Parameters of the constructor, in small letters, and constants of the search.
SETTINGS = {
    KEPT: {},
    "standardize=True": {"standardize": True},
    "tanh": {"activation": "tanh"},
    "50 units": {"hidden_layer_sizes": (50,)},
    "alpha=1": {"alpha": 1.0},
    "alpha=3": {"alpha": 3.0},
    "as good within 0.3 standard errors": {"SELECT_WITHIN_SE": 0.3},
    "as good within 1": {"SELECT_WITHIN_SE": 1.0},
    "one third held out below 500 rows, too": {"THIRDS_ROWS": 100},
    "6 epochs an alpha": {"EPOCHS": 6},
    "14 epochs an alpha": {"EPOCHS": 14},
    "ten columns or fewer as others": {"FEW_COLUMNS": 0, "max_iter": 20},
    "no share of the first weights": {"PERTURBATION": 0.0},
    "alphas 30, 8, 2, 0.5": {"ALPHAS": (30.0, 8.0, 2.0, 0.5)},
    "no penalty of its own for a column": {"adaptive_penalty": False},
    "piecewise, 4 bins": {"numeric_encoding": "piecewise"},
    "piecewise, 16 bins": {"numeric_encoding": "piecewise", "n_bins": 16},
}


def measure(setting, X, y, seeds):
    """Return the means over seeds of log-loss and error on one table."""
    constants = {name: value for name, value in setting.items() if name.isupper()}
    params = {name: value for name, value in setting.items() if name.islower()}
    with ExitStack() as stack:
        for name, value in constants.items():
            owner = path if hasattr(path, name) else search
            stack.enter_context(patch.object(owner, name, value))
        runs = [
            evaluate(ScratchMLPClassifier, {"random_state": seed, **params}, X, y)
            for seed in seeds
        ]
    return [float(np.mean([run[key] for run in runs])) for key in ("log_loss", "error")]


def ratios(figures, name, tasks):
    """Return geometric-mean ratios of log-loss and error to the defaults."""
    pairs = [(figures[task][name], figures[task][KEPT]) for task in tasks]
    return [geometric_mean(own[i] / kept[i] for own, kept in pairs) for i in range(2)]


def tables(figures, names):
    """Return Markdown: every setting on both halves, and each half's choice."""
    halves = {
        half: [task for task in tasks if task in figures]
        for half, tasks in HALVES.items()
    }
    found = {
        half: {name: ratios(figures, name, tasks) for name in names}
        for half, tasks in halves.items()
    }
    rows = [
        [name, *(f"{value:.3f}" for half in halves for value in found[half][name])]
        for name in names
    ]
    header = ["setting"]
    header += [f"{figure}, {half}" for half in halves for figure in ("loss", "error")]
    choices = []
    for half, other in zip(halves, reversed(halves)):
        best = min(names, key=lambda name: geometric_mean(found[half][name]))
        choices.append([half, best])
        choices[-1] += [f"{v:.3f}" for v in found[half][best] + found[other][best]]
    chosen = ["chosen on", "setting", "loss there", "error there"]
    chosen += ["loss on the other", "error on the other"]
    return {
        "Ratios to the defaults": markdown(header, rows),
        "The best by one half, on the other": markdown(chosen, choices),
    }


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", metavar="DIR", help="folder of TASK.csv.gz")
    parser.add_argument("--seeds", nargs="+", type=int, default=[20, 21, 22])
    parser.add_argument("--tasks", nargs="+", choices=SMALL, default=SMALL)
    options = parse(parser, seeds=[20], tasks=["wine", "iris"])
    figures = {}
    for task in options.tasks:
        try:
            X, y = load(task, options.data)
        except OSError as error:
            print(f"{task} left out: {type(error).__name__}")
            continue
        figures[task] = {
            name: measure(setting, X, y, options.seeds)
            for name, setting in SETTINGS.items()
        }
    report({"figures": figures}, tables(figures, list(SETTINGS)), options.json)


if __name__ == "__main__":
    main()
