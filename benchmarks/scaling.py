"""Seconds per epoch against rows, features and width, printed and drawn.

The base is 10,000 rows, 20-100-2, batches of 200, Adam, float32; one size grows at a
time. Time is that of three epochs less that of one, halved, as in ``speed.py``.
"""

from dataclasses import replace

from _common import (
    best_in_turn,
    markdown,
    parse,
    report,
    time_between,
    timing_parser,
)
from _contenders import CONTENDERS, OURS, Shape, random_data

BASE = Shape(10_000, 20, 2, (100,), 200, "float32")
SIZES = {
    "rows": (1_000, 10_000, 100_000, 1_000_000),
    "features": (10, 30, 100, 300, 1_000),
    "width": (10, 30, 100, 300, 1_000),
}
NAMES = (OURS, "MLPClassifier", "PyTorch")


def shape_of(axis, size):
    """Return the base with one of its sizes changed."""
    field = {"rows": "n_samples", "features": "n_features", "width": "hidden"}[axis]
    return replace(BASE, **{field: (size,) if axis == "width" else size})


def measure(shape, names, rounds, clock):
    """Return seconds per epoch by name; what is not installed is left out."""
    X, y = random_data(shape)
    repeats = max(1, 30_000 // shape.n_samples)
    runs = {}
    for name in names:
        try:
            train = CONTENDERS[name](shape, X, y)
        except ImportError:
            continue
        runs[name, 1] = lambda train=train: train(1)
        runs[name, 3] = lambda train=train: train(1 + 2 * repeats)
    best = best_in_turn(runs, rounds, clock)
    return {
        name: time_between(best[name, 1], best[name, 3]) / (2 * repeats)
        for name, n_epochs in runs
        if n_epochs == 1
    }


def table(axis, figures):
    """Return the seconds along one axis as Markdown."""
    names = list(next(iter(figures.values())))
    rows = [
        [f"{size:,}", *(f"{row[name]:.4f}" for name in names)]
        for size, row in figures.items()
    ]
    return markdown([axis, *names], rows)


def draw(figures, path):
    """Write the picture: a log-log panel per axis, a line per contender."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(figures), figsize=(11, 3.6), sharey=True, layout="constrained"
    )
    for ax, (axis, by_size) in zip(axes, figures.items(), strict=True):
        for name in next(iter(by_size.values())):
            values = [row[name] for row in by_size.values()]
            ax.loglog(list(by_size), values, "o-", label=name)
        ax.set_xlabel(axis)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("seconds per epoch")
    axes[0].legend()
    figure.savefig(path, dpi=120)


def main():
    """Measure, print and draw."""
    parser = timing_parser(__doc__, rounds=3)
    parser.add_argument("--largest", type=int, default=1_000_000, help="rows at most")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=NAMES)
    parser.add_argument("--picture", metavar="FILE", help="draw there (PNG or SVG)")
    options = parse(parser, largest=1000, rounds=1)
    figures = {
        axis: {
            size: measure(
                shape_of(axis, size), options.contenders, options.rounds, options.clock
            )
            for size in sizes
            if axis != "rows" or size <= options.largest
        }
        for axis, sizes in SIZES.items()
    }
    if options.picture:
        draw(figures, options.picture)
    tables = {
        f"Seconds per epoch against {axis}": table(axis, by_size)
        for axis, by_size in figures.items()
    }
    report({"seconds_per_epoch": figures}, tables, options.json)


if __name__ == "__main__":
    main()
