"""An epoch under each loss of numbers, relative to the classifier with two classes.

Rows are 10,000 of 50 columns, the network has 100 hidden units and a fixed penalty. The
losses take turns; the least seconds of several rounds count, divided by the epochs.
"""

import warnings

import numpy as np
from _common import best_in_turn, markdown, parse, report, timing_parser
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor

BATCHES = {"numeric_encoding": "linear", "dropout": 0.0, "max_iter": 4}
SOLVERS = {
    "full batch, L-BFGS": {"solver": "lbfgs", "max_iter": 20, "tol": 0.0},
    "full batch, gradient descent": {
        "solver": "gd",
        "max_iter": 20,
        "learning_rate_init": 0.01,
    },
    "minibatches, Adam": {"solver": "adam", **BATCHES},
}
LOSSES = ("squared_error", "poisson", "huber", "quantile")


def fits(n_samples, settings):
    """Return functions that fit a network under each loss."""
    rng = np.random.RandomState(0)
    X = rng.randn(n_samples, 50)
    y = X @ rng.randn(50) / 8 + np.sin(3 * X[:, 0])
    settings = {"alpha": 1.0, "random_state": 0, **settings}
    functions = {
        "two classes": lambda: ScratchMLPClassifier((100,), **settings).fit(X, y > 0)
    }
    for loss in LOSSES:
        numbers = np.exp(y) if loss == "poisson" else y
        model = ScratchMLPRegressor((100,), loss=loss, **settings)
        functions[loss] = lambda model=model, numbers=numbers: model.fit(X, numbers)
    return functions


def main():
    """Measure and print."""
    parser = timing_parser(__doc__, rounds=7)
    parser.add_argument("--rows", type=int, default=10_000)
    options = parse(parser, rounds=1, rows=300)
    figures = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for solver, settings in SOLVERS.items():
            functions = fits(options.rows, settings)
            times = best_in_turn(functions, options.rounds, options.clock)
            epochs = {name: functions[name]().n_iter_ for name in functions}
            each = {name: times[name] / epochs[name] for name in times}
            figures[solver] = {
                name: each[name] / each["two classes"] for name in LOSSES
            }
    rows = [
        [solver, *(f"{figures[solver][name]:.2f}" for name in LOSSES)]
        for solver in SOLVERS
    ]
    table = markdown(["solver", *LOSSES], rows)
    report({"figures": figures}, {"Seconds of an epoch": table}, options.json)


if __name__ == "__main__":
    main()
