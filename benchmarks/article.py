"""The article's moons, 3 hidden units: its own loop beside the package's solvers.

Three things are measured in one process and in turn: the article's 20,000 epochs as it
writes them, the same epochs by ``solver="gd"``, and full-batch second-order solvers
from ten random states.
"""

import warnings

import numpy as np
from _common import best_in_turn, markdown, parse, report, timing_parser
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from sklearn_scratchnn import ScratchMLPClassifier

ALPHA = 0.01
GOOD_LOSS = 0.0680
# Printed by the article after these epochs:
PRINTED = {
    0: 0.432387,
    1000: 0.068947,
    2000: 0.068936,
    3000: 0.071218,
    4000: 0.071253,
    5000: 0.071278,
    6000: 0.071293,
    7000: 0.071303,
    8000: 0.071308,
    9000: 0.071312,
    10000: 0.071314,
    11000: 0.071315,
    12000: 0.071315,
    13000: 0.071316,
    19000: 0.071316,
}
SECOND_ORDER = ("gauss_newton", "lbfgs")
MORE_ROUNDS = 5  # for fits of milliseconds, which are disturbed more easily


def mean_loss(X, y, coefs, intercepts):
    """Return the article's loss of a network with one hidden tanh layer."""
    z = np.tanh(X @ coefs[0] + intercepts[0]) @ coefs[1] + intercepts[1]
    z -= z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    penalty = ALPHA / 2 * sum(np.sum(W**2) for W in coefs)
    return (penalty - log_p[np.arange(len(y)), y].sum()) / len(y)


def literal(X, y, n_epochs, rate=0.01):
    """Run the article's loop, one line for each of its lines; return the parameters.

    It steps along the gradient of the sum over rows, not of their mean.
    """
    rng = np.random.RandomState(0)
    W1, b1 = rng.randn(2, 3) / np.sqrt(2), np.zeros((1, 3))
    W2, b2 = rng.randn(3, 2) / np.sqrt(3), np.zeros((1, 2))
    for _ in range(n_epochs):
        a1 = np.tanh(X.dot(W1) + b1)
        scores = np.exp(a1.dot(W2) + b2)
        delta2 = scores / np.sum(scores, axis=1, keepdims=True)
        delta2[range(len(X)), y] -= 1
        dW2 = a1.T.dot(delta2)
        db2 = np.sum(delta2, axis=0, keepdims=True)
        delta1 = delta2.dot(W2.T) * (1 - np.power(a1, 2))
        dW1 = np.dot(X.T, delta1)
        db1 = np.sum(delta1, axis=0)
        dW2 += ALPHA * W2
        dW1 += ALPHA * W1
        W1 += -rate * dW1
        b1 += -rate * db1
        W2 += -rate * dW2
        b2 += -rate * db2
    return [W1, W2], [b1, b2]


def network(solver, random_state=0, **settings):
    """Return the article's network with a solver of the package."""
    return ScratchMLPClassifier(
        (3,),
        "tanh",
        solver=solver,
        alpha=ALPHA,
        standardize=False,
        early_stopping=False,
        dtype="float64",
        init="lecun_normal",
        random_state=random_state,
        **settings,
    )


def gradient_descent(n_epochs):
    """Return the article's own run: a rate of 2 is its 0.01 times 200 rows."""
    return network(
        "gd",
        learning_rate="constant",
        learning_rate_init=2.0,
        max_iter=n_epochs,
        tol=0,
    )


def loss_table(curve):
    """Return the printed losses beside ours as Markdown.

    The run oscillates between two values, and rounding decides which of them falls on
    the even epochs. So the table shows the epoch and the next one.

    Parameters
    ----------
    curve : array of shape (n_epochs,)
        The loss that each epoch began with, so that entry i + 1 is after epoch i.
    """
    rows = [
        [i, f"{printed:.6f}", f"{curve[i + 1]:.6f}", f"{curve[i + 2]:.6f}"]
        for i, printed in PRINTED.items()
        if i + 2 < len(curve)
    ]
    return markdown(["epoch", "printed", "ours", "ours, next epoch"], rows)


def measure_descent(X, y, n_epochs, **turns):
    """Return the seconds of the article's loop and of ours, and our loss curve."""
    model = gradient_descent(n_epochs)
    runs = {
        "article, literally": lambda: literal(X, y, n_epochs),
        "gd": lambda: model.fit(X, y),
    }
    times = best_in_turn(runs, **turns)
    losses = {
        "article, literally": mean_loss(X, y, *literal(X, y, n_epochs)),
        "gd": mean_loss(X, y, model.coefs_, model.intercepts_),
    }
    return times, losses, model.loss_curve_


def measure_second_order(X, y, seeds, rounds, clock):
    """Return seconds and final loss of each solver and seed."""
    models = {
        (name, seed): network(name, seed) for name in SECOND_ORDER for seed in seeds
    }
    runs = {key: lambda model=model: model.fit(X, y) for key, model in models.items()}
    times = best_in_turn(runs, MORE_ROUNDS * rounds, clock)
    return {
        name: [
            {
                "seconds": times[name, seed],
                "loss": float(mean_loss(X, y, m.coefs_, m.intercepts_)),
                "epochs": int(m.n_iter_),
            }
            for seed in seeds
            for m in [models[name, seed]]
        ]
        for name in SECOND_ORDER
    }


def second_order_table(runs, descent_seconds):
    """Return the second-order solvers' losses and seconds as Markdown."""
    rows = []
    for name, by_seed in runs.items():
        losses = [run["loss"] for run in by_seed]
        times = [run["seconds"] for run in by_seed]
        good = sum(loss <= GOOD_LOSS for loss in losses)
        rows.append(
            [f"`{name}`", f"{good} of {len(losses)}"]
            + [f"{min(losses):.6f}", f"{max(losses):.6f}"]
            + [f"{1e3 * np.median(times):.1f}", f"{1e3 * max(times):.1f}"]
            + [f"{descent_seconds / np.median(times):.0f}"]
            + [f"{descent_seconds / max(times):.0f}"]
        )
    header = ["solver", f"loss at most {GOOD_LOSS:.4f}", "least", "largest"]
    header += ["ms, median", "ms, slowest"]
    header += ["gd's time / median (target 60)", "gd's time / slowest"]
    return markdown(header, rows)


def main():
    """Measure and print."""
    parser = timing_parser(__doc__, rounds=3)
    parser.add_argument("--epochs", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=10)
    options = parse(parser, epochs=50, seeds=2, rounds=1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = make_moons(200, noise=0.20, random_state=0)
    turns = {"rounds": options.rounds, "clock": options.clock}
    times, losses, curve = measure_descent(X, y, options.epochs, **turns)
    runs = measure_second_order(X, y, range(options.seeds), **turns)
    literal_seconds = times["article, literally"]
    rows = [
        [name, f"{1e3 * t:.0f}", f"{losses[name]:.6f}", f"{literal_seconds / t:.2f}"]
        for name, t in times.items()
    ]
    header = ["", "ms", "loss", "article's time / its (target 12)"]
    report(
        {"descent": times, "second_order": runs},
        {
            f"{options.epochs} epochs of gradient descent": markdown(header, rows),
            "Second-order solvers": second_order_table(runs, times["gd"]),
            "The loss after an epoch": loss_table(curve),
        },
        options.json,
    )


if __name__ == "__main__":
    main()
