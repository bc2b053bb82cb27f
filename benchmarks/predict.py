"""Prediction: a million rows and a single row, beside `MLPClassifier`.

Both networks have 20 inputs, 100 ReLU units and 2 classes. Memory is what tracemalloc
counts during the call, the result included.
"""

import warnings
from functools import partial

import numpy as np
from _common import allocated_peak, best_in_turn, markdown, parse, report, timing_parser
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sklearn_scratchnn import ScratchMLPClassifier

OURS, PEER, PRODUCTS = "ScratchMLP", "MLPClassifier", "products"
BLOCK = 1000  # rows, whose products stay in the cache
N_FEATURES, N_HIDDEN = 20, 100
SINGLE_CALLS = 2000


def fitted(dtype):
    """Return both classifiers, fitted to a few rows of this dtype."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, N_FEATURES)).astype(dtype)
    y = (X[:, 0] + rng.standard_normal(len(X)) > 0).astype(np.int64)
    settings = {"hidden_layer_sizes": (N_HIDDEN,), "max_iter": 5, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {
            OURS: ScratchMLPClassifier(**settings).fit(X, y),
            PEER: MLPClassifier(solver="adam", **settings).fit(X, y),
        }


def repeat(function, X):
    """Call a function many times."""
    for _ in range(SINGLE_CALLS):
        function(X)


def products(network, X):
    """Compute the matrix products that a prediction needs, and nothing else."""
    W, V = (weights.astype(X.dtype) for weights in network.coefs_)
    a, z = (np.empty((BLOCK, w.shape[1]), X.dtype) for w in (W, V))
    for start in range(0, len(X), BLOCK):
        rows = X[start : start + BLOCK]
        np.matmul(rows, W, out=a[: len(rows)])
        np.matmul(a[: len(rows)], V, out=z[: len(rows)])


def measure(dtype, method, options):
    """Return seconds for all rows, microseconds for one, and megabytes, by model.

    Beside ours stand the seconds of its products.
    """
    rng = np.random.default_rng(1)
    X = rng.standard_normal((options.rows, N_FEATURES), dtype)
    models = fitted(dtype)
    methods = {name: getattr(model, method) for name, model in models.items()}
    turns = {"rounds": options.rounds, "clock": options.clock}
    runs = {n: partial(f, X) for n, f in methods.items()}
    runs[PRODUCTS] = partial(products, models[OURS], X)
    many = best_in_turn(runs, **turns)
    one = best_in_turn(
        {n: partial(repeat, f, X[:1]) for n, f in methods.items()}, **turns
    )
    return {
        name: {
            "seconds": many[name],
            "seconds_of_products": many[PRODUCTS],
            "microseconds_one_row": 1e6 * one[name] / SINGLE_CALLS,
            "megabytes": allocated_peak(partial(predict, X)) / 1e6,
        }
        for name, predict in methods.items()
    }


def rows_of(method, dtype, figures):
    """Return the table's rows for one method and dtype, with the ratios in ours."""
    ours, peer = figures[OURS], figures[PEER]
    rows = []
    for name, row in figures.items():
        ratios = [
            f"{peer[key] / ours[key]:.2f}" if name == OURS else ""
            for key in ("seconds", "microseconds_one_row")
        ]
        of_products = f"{row['seconds'] / row['seconds_of_products']:.2f}"
        rows.append(
            [f"{name}, `{method}`, {dtype}", f"{row['seconds']:.3f}", ratios[0]]
            + [
                of_products if name == OURS else "",
                f"{row['megabytes']:.0f}",
                f"{row['microseconds_one_row']:.0f}",
                ratios[1],
            ]
        )
    return rows


def main():
    """Measure and print."""
    parser = timing_parser(__doc__, rounds=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parse(parser, rows=1000, rounds=1)
    figures, rows = {}, []
    for dtype in ("float32", "float64"):
        for method in ("predict", "predict_proba"):
            found = measure(dtype, method, options)
            figures[f"{method}, {dtype}"] = found
            rows += rows_of(method, dtype, found)
    header = ["", "s, all rows", "MLPClassifier's / ours (target 2)"]
    header += ["of its products (target 1.2)"]
    header += ["MB (target under 50)", "µs, one row", "its / ours (target 1)"]
    heading = f"Prediction of {options.rows:,} rows, {N_FEATURES}-{N_HIDDEN}-2"
    report({"prediction": figures}, {heading: markdown(header, rows)}, options.json)


if __name__ == "__main__":
    main()
