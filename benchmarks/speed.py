"""Microseconds per update of minibatch training, beside other libraries.

Every contender trains with Adam on the same data, in the same process and in turn. Its
time is that of 1 + E epochs less that of one epoch, each the best of several rounds, so
that set-up (validation, copies, new weights) cancels for all alike. Compiling is apart.
"""

import math
import sys
from time import perf_counter

import numpy as np
from _common import (
    best_in_turn,
    geometric_mean,
    markdown,
    parse,
    report,
    time_between,
    timing_parser,
)
from _contenders import CONTENDERS, OURS, Shape, random_data

SHAPES = (
    Shape(1797, 64, 10, (100,), 200, "float32"),
    Shape(1797, 64, 10, (100,), 200, "float64"),
    Shape(1000, 20, 2, (100,), 200, "float64"),
    Shape(1000, 20, 2, (32,), 32, "float64"),
    Shape(32000, 100, 2, (100,), 200, "float32"),
    Shape(32000, 100, 2, (100,), 200, "float64"),
    Shape(20000, 784, 10, (100,), 200, "float32"),
    Shape(20000, 784, 10, (100,), 200, "float64"),
    Shape(20000, 100, 10, (256, 256), 256, "float32"),
)
# Least geometric mean and least single ratio to reach, by peer.
TARGETS = {"MLPClassifier": (3.5, 2.0), "PyTorch": (3.5, None), "JAX": (1.4, 0.9)}
MOST_OF_PRODUCTS = 1.33


def prepare(names, shape):
    """Return ``train`` functions by name, and the seconds that making each took."""
    X, y = random_data(shape)
    trainers, seconds = {}, {}
    for name in names:
        start = perf_counter()
        try:
            trainers[name] = CONTENDERS[name](shape, X, y)
        except ImportError:
            continue
        seconds[name] = perf_counter() - start
    return trainers, seconds


def microseconds(trainers, shape, rounds, budget, clock=perf_counter):
    """Return microseconds per update by name.

    Parameters
    ----------
    trainers : dict of callable
    shape : Shape
    rounds : int
    budget : float
        Seconds that ours (without it: the fastest) should train in a round.
    clock : callable, default=perf_counter

    Returns
    -------
    dict of float
    """
    rough = best_in_turn({n: lambda f=f: f(2) for n, f in trainers.items()}, 2)
    epochs = max(2, math.ceil(2 * budget / rough.get(OURS, min(rough.values()))))
    runs = {}
    for name, train in trainers.items():
        runs[name, "one"] = lambda train=train: train(1)
        runs[name, "more"] = lambda train=train: train(1 + epochs)
    best = best_in_turn(runs, rounds, clock)
    scale = 1e6 / (epochs * shape.updates)
    return {
        n: scale * time_between(best[n, "one"], best[n, "more"]) for n in trainers
    }


def all_ratios(times):
    """Return the ratios of every contender's time to ours, by contender and shape."""
    names = [name for name in next(iter(times.values())) if name != OURS]
    return {
        name: {shape: row[name] / row[OURS] for shape, row in times.items()}
        for name in names
    }


def summarise(ratios):
    """Return rows of the geometric mean, the least ratio and the targets, by peer."""
    rows = []
    for name, by_shape in ratios.items():
        mean, least = geometric_mean(by_shape.values()), np.min([*by_shape.values()])
        if name == "products alone":
            largest = 1 / least
            rows.append(
                [f"{name} (ours / its)", f"{1 / mean:.2f}", f"{largest:.2f}"]
                + [f"mean at most {MOST_OF_PRODUCTS}"]
            )
            continue
        goal, floor = TARGETS.get(name, (None, None))
        target = f"mean at least {goal}" if goal else ""
        target += f", none below {floor}" if floor else ""
        rows.append([name, f"{mean:.2f}", f"{least:.2f}", target])
    return rows


def tables(times, compile_seconds):
    """Return the Markdown tables by heading."""
    names = list(next(iter(times.values())))
    spent = [
        [shape, *(f"{row[name]:.0f}" for name in names)] for shape, row in times.items()
    ]
    out = {"Microseconds per update": markdown(["shape", *names], spent)}
    if OURS in names and len(names) > 1:
        ratios = all_ratios(times)
        rows = [
            [shape, *(f"{ratios[name][shape]:.2f}" for name in ratios)]
            for shape in times
        ]
        out["Their time / ours"] = markdown(["shape", *ratios], rows)
        out["Their time / ours, over the shapes"] = markdown(
            ["peer", "geometric mean", "worst", "target"], summarise(ratios)
        )
    if compile_seconds:
        out["JAX: seconds to compile"] = markdown(
            ["shape", "s"], [[s, f"{t:.2f}"] for s, t in compile_seconds.items()]
        )
    return out


def main():
    """Measure and print."""
    parser = timing_parser(__doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of ours, a round")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, metavar="NAME")
    parser.add_argument("--shapes", nargs="+", type=int, metavar="I", help="from 0")
    options = parse(parser, seconds=0.02, shapes=[3], rounds=1)
    times, compile_seconds = {}, {}
    for i, shape in enumerate(SHAPES):
        if options.shapes and i not in options.shapes:
            continue
        trainers, made = prepare(options.contenders or CONTENDERS, shape)
        times[str(shape)] = microseconds(
            trainers, shape, options.rounds, options.seconds, options.clock
        )
        print(shape, "measured", file=sys.stderr)
        if "JAX" in made:
            compile_seconds[str(shape)] = made["JAX"]
    figures = {"microseconds": times, "compile_seconds": compile_seconds}
    report(figures, tables(times, compile_seconds), options.json)


if __name__ == "__main__":
    main()
