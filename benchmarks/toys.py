"""Fifteen toy problems of a few hundred rows, five folds twice, all at their defaults.

The problems were fixed before anything was tuned on them. Every model is behind
`StandardScaler`. Log-loss and error are means over two shuffles; an error is at least
half a row.
"""

import warnings
from functools import partial

import numpy as np
from _common import argument_parser, geometric_mean, markdown, parse, report
from sklearn.datasets import make_blobs, make_circles, make_classification, make_moons
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tabular import scores
from threadpoolctl import threadpool_limits

from sklearn_scratchnn import ScratchMLPClassifier

OURS = "ScratchMLP"
NETWORKS = ("MLPClassifier", "MLPClassifier, 2000 epochs")
TOLERATED = 1.05
MODELS = {
    OURS: ScratchMLPClassifier,
    NETWORKS[0]: MLPClassifier,
    NETWORKS[1]: partial(MLPClassifier, max_iter=2000),
    "SVC": partial(SVC, probability=True),
    "HistGradientBoosting": HistGradientBoostingClassifier,
    "LogisticRegressionCV": LogisticRegressionCV,
}


def rings(n_rows, n_rings, noise):
    """Return points on concentric rings, each a class."""
    rng = np.random.default_rng(0)
    y = np.arange(n_rows) % n_rings
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    radius = 1 + y + rng.normal(scale=noise, size=n_rows)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y


def spirals(n_rows, n_arms, turns, noise):
    """Return points along the arms of a spiral, each a class."""
    rng = np.random.default_rng(0)
    y = np.arange(n_rows) % n_arms
    along = np.sqrt(rng.uniform(0.02, 1, n_rows))
    angle = 2 * np.pi * (turns * along + y / n_arms)
    points = along[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)])
    return points + rng.normal(scale=noise, size=points.shape), y


def checkerboard(n_rows, n_squares, noise=0.0, n_idle=0):
    """Return points on a board of two colours, and columns that say nothing."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, n_squares, (n_rows, 2 + n_idle))
    y = np.floor(X[:, :2]).astype(int).sum(axis=1) % 2
    X[:, :2] += rng.normal(scale=noise, size=(n_rows, 2))
    return X, y


def stripes(n_rows, n_stripes, flipped):
    """Return points on oblique stripes of two colours; a share has the wrong one."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n_rows, 2))
    y = np.floor(n_stripes * (X.sum(axis=1) + 2) / 4).astype(int) % 2
    return X, np.where(rng.random(n_rows) < flipped, 1 - y, y)


def stretched_blobs(n_rows):
    """Return three clouds, sheared into long ones that lie side by side."""
    X, y = make_blobs(n_rows, centers=3, random_state=170)
    return X @ np.array([[0.6, -0.6], [-0.4, 0.8]]), y


PROBLEMS = {
    "moons": partial(make_moons, 300, noise=0.2, random_state=0),
    "moons, noisy": partial(make_moons, 300, noise=0.35, random_state=0),
    "circles": partial(make_circles, 300, noise=0.15, factor=0.5, random_state=0),
    "three rings": partial(rings, 300, 3, noise=0.25),
    "XOR": partial(checkerboard, 200, 2, noise=0.1),
    "XOR among four idle columns": partial(checkerboard, 300, 2, noise=0.05, n_idle=4),
    "checkerboard, 3 x 3": partial(checkerboard, 300, 3, noise=0.05),
    "checkerboard, 4 x 4": partial(checkerboard, 600, 4, noise=0.05),
    "two spirals": partial(spirals, 300, 2, turns=1.5, noise=0.03),
    "three spirals": partial(spirals, 300, 3, turns=1, noise=0.05),
    "blobs": partial(make_blobs, 300, centers=4, cluster_std=1, random_state=0),
    "stretched blobs": partial(stretched_blobs, 300),
    "stripes, 5 % flipped": partial(stripes, 400, 5, flipped=0.05),
    "make_classification, 5 of 20 columns": partial(
        make_classification, 400, n_informative=5, random_state=0
    ),
    "make_classification, three classes": partial(
        make_classification,
        400,
        n_features=10,
        n_informative=6,
        n_classes=3,
        class_sep=1.5,
        random_state=0,
    ),
}


def evaluate(make_model, X, y, n_shuffles):
    """Return log-loss, error and calibration error: means over shuffles, five folds."""
    runs = []
    for shuffle in range(n_shuffles):
        model = make_pipeline(StandardScaler(), make_model(random_state=shuffle))
        folds = StratifiedKFold(5, shuffle=True, random_state=shuffle)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = cross_val_predict(model, X, y, cv=folds, method="predict_proba")
        runs.append(scores(found, y))
    return {figure: float(np.mean([run[figure] for run in runs])) for figure in runs[0]}


def measure(problems, models, n_shuffles):
    """Return figures by problem and model."""
    return {
        problem: {
            name: evaluate(MODELS[name], *PROBLEMS[problem](), n_shuffles)
            for name in models
        }
        for problem in problems
    }


def mean_table(figures, models):
    """Return geometric means over the problems as Markdown, a row per model."""
    means = {
        name: {
            figure: geometric_mean(by[name][figure] for by in figures.values())
            for figure in ("log_loss", "error")
        }
        for name in models
    }
    rows = [
        [name, *(f"{mean:.3f}" for mean in own.values())]
        + [f"{means[OURS][figure] / own[figure]:.3f}" for figure in own]
        + [f"{np.mean([by[name]['ece'] for by in figures.values()]):.4f}"]
        for name, own in means.items()
    ]
    header = ["model", "log-loss", "error", "log-loss of ours / its"]
    return markdown([*header, "error of ours / its", "mean ECE"], rows)


def behind_table(figures):
    """Return as Markdown where ours is 5 % behind the better of the MLPClassifiers."""
    rows = []
    for problem, by in figures.items():
        best = min(by[name]["log_loss"] for name in NETWORKS)
        own = by[OURS]["log_loss"]
        if own > TOLERATED * best:
            rows.append([problem, f"{own:.4f}", f"{best:.4f}", f"{own / best:.3f}"])
    header = ["problem", "log-loss of ours", "of the better", "ratio"]
    return markdown(header, rows) if rows else "On none."


def problem_table(figures, models, figure):
    """Return one figure of every model as Markdown, a row per problem."""
    rows = [
        [problem, *(f"{by[name][figure]:.4f}" for name in models)]
        for problem, by in figures.items()
    ]
    return markdown(["problem", *models], rows)


def tables(figures, models):
    """Return every table by its heading."""
    out = {"Geometric means over the problems": mean_table(figures, models)}
    if set(NETWORKS) <= set(models):
        heading = "More than 5 % behind the better MLPClassifier in log-loss"
        out[heading] = behind_table(figures)
    out["Log-loss"] = problem_table(figures, models, "log_loss")
    out["Error"] = problem_table(figures, models, "error")
    return out


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    add = parser.add_argument
    add("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    add("--models", nargs="+", choices=MODELS, default=list(MODELS))
    add("--shuffles", type=int, default=2)
    options = parse(parser, problems=["circles"], shuffles=1)
    models = list(dict.fromkeys([OURS, *options.models]))
    with threadpool_limits(1):
        figures = measure(options.problems, models, options.shuffles)
        report({"figures": figures}, tables(figures, models), options.json)


if __name__ == "__main__":
    main()
