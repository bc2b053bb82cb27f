"""Full-batch training of 10,000 rows, 50-100-3: an epoch beside `MLPClassifier`'s.

A contender's time is that of 1 + N epochs less that of one epoch, divided by the epochs
made. An epoch of L-BFGS is an iteration, line search included. Memory is what
tracemalloc counts during `fit`.
"""

import warnings
from functools import partial

from _common import (
    allocated_peak,
    best_in_turn,
    markdown,
    parse,
    report,
    time_between,
    timing_parser,
)
from _contenders import Shape, random_data
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sklearn_scratchnn import ScratchMLPClassifier

SHAPE = Shape(10_000, 50, 3, (100,), 10_000, "float64")
PEER = "MLPClassifier, L-BFGS"
COMMON = {"hidden_layer_sizes": SHAPE.hidden, "alpha": 1.0, "tol": 0, "random_state": 0}
OURS = {"early_stopping": False, "standardize": False, "numeric_encoding": "linear"}
DESCENT = {"solver": "gd", "learning_rate": "constant", "learning_rate_init": 0.01}


def models():
    """Return unfitted classifiers by name."""
    out = {PEER: MLPClassifier(solver="lbfgs", **COMMON)}
    for dtype in ("float64", "float32"):
        ours = partial(ScratchMLPClassifier, dtype=dtype, **COMMON, **OURS)
        out[f"ScratchMLP, L-BFGS, {dtype}"] = ours(solver="lbfgs")
        out[f"ScratchMLP, gradient descent, {dtype}"] = ours(**DESCENT)
    return out


def measure(n_epochs, rounds, clock):
    """Return milliseconds per epoch and megabytes, by name."""
    X, y = random_data(SHAPE)
    runs, epochs, megabytes = {}, {}, {}

    def fit(model, max_iter):
        return model.set_params(max_iter=max_iter).fit(X, y)

    for name, model in models().items():
        for max_iter in (1, 1 + n_epochs):
            epochs[name, max_iter] = fit(model, max_iter).n_iter_
            runs[name, max_iter] = partial(fit, model, max_iter)
        megabytes[name] = allocated_peak(runs[name, 1 + n_epochs]) / 1e6
    best = best_in_turn(runs, rounds, clock)
    figures = {}
    for name, size in megabytes.items():
        first, last = (name, 1), (name, 1 + n_epochs)
        milliseconds = 1e3 * time_between(best[first], best[last])
        milliseconds /= epochs[last] - epochs[first]
        figures[name] = {"milliseconds": milliseconds, "megabytes": size}
    return figures


def main():
    """Measure and print."""
    parser = timing_parser(__doc__, rounds=5)
    parser.add_argument("--epochs", type=int, default=50)
    options = parse(parser, epochs=5, rounds=1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    figures = measure(options.epochs, options.rounds, options.clock)
    peer = figures[PEER]
    rows = [
        [name, f"{row['milliseconds']:.2f}"]
        + [f"{peer['milliseconds'] / row['milliseconds']:.2f}"]
        + [f"{row['megabytes']:.1f}", f"{row['megabytes'] / peer['megabytes']:.2f}"]
        for name, row in figures.items()
    ]
    header = ["", "ms per epoch", "MLPClassifier's / its (target 2.5)"]
    header += ["MB", "of MLPClassifier's (target 0.10)"]
    heading = "A full-batch epoch over 10,000 rows, 50-100-3"
    report({"full_batch": figures}, {heading: markdown(header, rows)}, options.json)


if __name__ == "__main__":
    main()
