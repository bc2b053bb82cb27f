"""Which activations suit Gauss-Newton: how often it ends far above the best minimum.

Small networks on three small tables, from several random states, by Gauss-Newton and by
L-BFGS. A run counts as caught where its loss is more than 1.3 times the least that any
run found for that table, network and activation. The classifier raises an error for
Gauss-Newton if an activation's derivative jumps, so the script runs the solvers without
the classifier.
"""

import numpy as np
from _common import argument_parser, markdown, parse, report
from sklearn.datasets import load_iris, make_circles, make_moons

from sklearn_scratchnn.data.prepared import prepare
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.network import make_network
from sklearn_scratchnn.network.parameters import initialize
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.signals import Signal
from sklearn_scratchnn.training.solvers.gauss_newton import GaussNewton
from sklearn_scratchnn.training.solvers.lbfgs import LBFGS

CAUGHT = 1.3
ALPHA = 0.1
LAYERS = ((8,), (8, 8))


def tables():
    """Return three tables, by name."""
    return {
        "moons": make_moons(200, noise=0.20, random_state=0),
        "circles": make_circles(300, noise=0.1, factor=0.5, random_state=0),
        "iris": load_iris(return_X_y=True),
    }


def solvers(epochs):
    """Return both solvers with the same limits."""
    return {
        "gauss_newton": GaussNewton(max_iter=epochs, tol=1e-4),
        "lbfgs": LBFGS(max_iter=epochs, max_fun=15_000, tol=1e-4),
    }


def final_loss(X, y, hidden, activation, solver, seed):
    """Train a network and return the objective at its end."""
    sizes, names = (X.shape[1], *hidden, int(y.max()) + 1), [activation] * len(hidden)
    network = make_network(sizes, names, "softmax_cross_entropy")
    random_state = np.random.RandomState(seed)
    initialize(network.parameters, network.activations, "auto", random_state)
    sample = prepare(make_sample(X, y, network.loss)).train
    objective = Objective(network, sample, ALPHA / len(y))
    with np.errstate(all="ignore"):
        solver.run(objective, solver.init(objective), lambda *_: Signal.CONTINUE)
        return objective.value()


def measure(seeds, epochs):
    """Return the final losses by activation, then solver: a list over the cases."""
    losses = {name: {} for name in ACTIVATIONS}
    for name, by_solver in losses.items():
        for solver_name, solver in solvers(epochs).items():
            by_solver[solver_name] = [
                [final_loss(X, y, hidden, name, solver, seed) for seed in seeds]
                for X, y in tables().values()
                for hidden in LAYERS
            ]
    return losses


def caught_table(losses):
    """Return how many runs were caught, and the ratio of the mean losses."""
    rows = []
    for name, by_solver in losses.items():
        runs = {solver: np.array(found) for solver, found in by_solver.items()}
        least = np.minimum(*(found.min(axis=1) for found in runs.values()))
        most = CAUGHT * least[:, np.newaxis]
        caught = [f"{np.sum(found > most)} of {found.size}" for found in runs.values()]
        ratio = runs["gauss_newton"].mean(axis=1) / runs["lbfgs"].mean(axis=1)
        jumps = "" if ACTIVATIONS[name].smooth else "yes"
        geometric = np.exp(np.log(ratio).mean())
        rows.append([f"`{name}`", jumps, *caught, f"{geometric:.2f}"])
    header = ["activation", "derivative jumps"]
    header += ["Gauss-Newton caught", "L-BFGS caught"]
    header += ["mean loss: Gauss-Newton's / L-BFGS's"]
    return markdown(header, rows)


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=1000)
    options = parse(parser, seeds=2, epochs=5)
    losses = measure(range(options.seeds), options.epochs)
    report(
        losses,
        {"Which activations suit Gauss-Newton": caught_table(losses)},
        options.json,
    )


if __name__ == "__main__":
    main()
