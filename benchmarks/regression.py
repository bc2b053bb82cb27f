"""Regressors at their defaults on 16 real tables, one thread each, same folds for all.

There are five shuffled folds; from 10,000 rows on one third is held out. Ours, and
trees that know categories, get the table as it is. For the others missing numbers
become the median, numeric columns are scaled to mean 0 and variance 1, and text is
one-hot encoded, which is not part of their seconds. ``MLPRegressor`` is measured with
its target as it comes, and with one that was standardised by hand.
"""

import json
import warnings
from dataclasses import replace
from functools import partial
from importlib.metadata import packages_distributions, version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from _common import argument_parser, cpu_model, geometric_mean, markdown, parse, report
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, make_regression
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor, RidgeCV
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from tabular import (
    KeptFigures,
    Model,
    encoded,
    fingerprint,
    mean_figures,
    missing_module,
    unchanged,
    with_categories,
    with_texts,
)
from threadpoolctl import threadpool_limits

from sklearn_scratchnn import ScratchMLPEnsembleRegressor, ScratchMLPRegressor

# The small tables, by their rows: rules are chosen on one half, confirmed on the other.
SMALL = (
    "quake",
    "strike",
    "meta",
    "housing",
    "diabetes",
    "pbc",
    "autoMpg",
    "cholesterol",
    "cpu",
    "servo",
    "fishcatch",
)
LARGE = ("california", "diamonds_cut", "electricity")
COUNTS = ("simulated counts", "contraceptive", "online_shoppers", "strike")
# Where a column is the target in place of the table's own, which becomes a feature.
TARGETS = {
    "diamonds_cut": "price",
    "electricity": "nswdemand",
    "contraceptive": "f3",  # children
    "online_shoppers": "Administrative",  # pages seen
}
GROUPS = {
    "small": SMALL,
    "half A": SMALL[::2],
    "half B": SMALL[1::2],
    "large": LARGE,
    "counts": COUNTS,
}
TASKS = (*LARGE, *SMALL, *COUNTS[:-1])
KEPT_FIGURES = Path(__file__).with_name("regression_peers.json")
TOLERATED = 1.05
QUANTILES = (0.1, 0.5, 0.9)


def catboost(**settings):
    """Return CatBoost's regressor, which writes neither lines nor files."""
    from catboost import CatBoostRegressor

    quiet = {"verbose": 0, "allow_writing_files": False}
    return CatBoostRegressor(thread_count=1, **quiet, **settings)


def mlp(random_state, **settings):
    """Return scikit-learn's network, its target standardised."""
    network = MLPRegressor(random_state=random_state, **settings)
    return TransformedTargetRegressor(network, transformer=StandardScaler())


def without_seed(cls, random_state, **settings):
    """Return a model that draws nothing."""
    return cls(**settings)


OURS, ENSEMBLE, MLP, RIDGE = (
    "ScratchMLP",
    "ScratchMLPEnsemble",
    "MLPRegressor",
    "RidgeCV",
)
OWN = (OURS, ENSEMBLE)
BOOSTING = "HistGradientBoosting"
ONE = Model(ScratchMLPRegressor, unchanged, seeds_of_ours=True)
SEVERAL = Model(ScratchMLPEnsembleRegressor, unchanged, seeds_of_ours=True)
TREES = Model(HistGradientBoostingRegressor, with_categories)


def _with(model, **settings):
    """Return a contender under settings."""
    if model is SEVERAL:
        settings = {"estimator": ScratchMLPRegressor(**settings)}
    return replace(model, make=partial(model.make, **settings))


def contenders(loss, quantile):
    """Return the models that predict a mean, a mean of counts, or a quantile."""
    if loss == "squared_error":
        ridge = partial(RidgeCV, alphas=np.logspace(-3, 4, 30))
        return {
            OURS: ONE,
            ENSEMBLE: SEVERAL,
            "CatBoost": Model(catboost, with_texts, "catboost"),
            "CatBoost behind the encoder": Model(catboost, encoded, "catboost"),
            BOOSTING: TREES,
            MLP: Model(mlp, seeds_of_ours=True),
            RIDGE: Model(partial(without_seed, ridge)),
            "RandomForest": Model(RandomForestRegressor),
            "MLPRegressor, y as it comes": Model(MLPRegressor, seeds_of_ours=True),
        }
    own = {"loss": loss}
    if loss == "quantile":
        own["quantile"] = quantile
    models = {OURS: _with(ONE, **own), ENSEMBLE: _with(SEVERAL, **own)}
    models[BOOSTING] = _with(TREES, **own)
    if loss == "poisson":
        models["PoissonRegressor"] = Model(partial(without_seed, PoissonRegressor))
    return models


def load(task, folder=None):
    """Return a task's columns and target.

    Parameters
    ----------
    task : str
    folder : str, default=None
        Holds ``task.csv.gz``, itself or in ``regression/`` or ``large/``. Without it
        there are the table that scikit-learn brings, and the simulated one.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
        Columns are numbers or texts.
    y : ndarray of float of shape (n_samples,)
    """
    if task == "diabetes":
        X, y = load_diabetes(return_X_y=True, as_frame=True)
        return X, y.to_numpy(float)
    if task == COUNTS[0]:
        return simulated_counts()
    if folder is None:
        raise FileNotFoundError(f"{task}.csv.gz")
    parts = ("regression", "large", "")
    paths = [Path(folder) / part / f"{task}.csv.gz" for part in parts]
    table = pd.read_csv(
        next(filter(Path.exists, paths), paths[0]),
        keep_default_na=False,
        na_values=[""],
    )
    target = TARGETS.get(task, "target")
    X, y = table.drop(columns=target), table[target].to_numpy(float)
    return X.astype(dict.fromkeys(X.select_dtypes("bool").columns, str)), y


def simulated_counts(n_samples=3000):
    """Return counts whose logarithmic mean is a bent function of the columns."""
    X, linear = make_regression(n_samples, 8, n_informative=4, random_state=0)
    mean = np.exp(0.5 + 0.5 * linear / linear.std() + 0.5 * np.sin(2 * X[:, 0]))
    y = np.random.default_rng(0).poisson(mean).astype(float)
    return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]), y


def folds(y):
    """Return pairs of the train and the test indices of the protocol."""
    few = len(y) < 10_000
    cv = KFold(5 if few else 3, shuffle=True, random_state=0)
    pairs = list(cv.split(y))
    return pairs if few else pairs[:1]


def score(y, predicted, loss, quantile):
    """Return the figure that a loss is judged by; lower is better."""
    if loss == "squared_error":
        return np.sqrt(np.mean(np.square(y - predicted)))
    if loss == "poisson":
        return mean_poisson_deviance(y, np.maximum(predicted, 1e-9))
    return mean_pinball_loss(y, predicted, alpha=quantile)


def evaluate(model, settings, X, y, loss, quantile):
    """Return one model's figures on one task.

    Returns
    -------
    dict of float
        ``score`` over the held-out rows of all folds; ``below`` is the share of these
        rows with y at or below the prediction; seconds to fit are sums over folds, of
        the wall clock and of processors.
    """
    figures = {"fit_seconds": 0.0, "fit_cpu_seconds": 0.0, "convergence_warnings": 0}
    truth, predicted = [], []
    for train, test in folds(y):
        train_rows, test_rows, arguments = model.feed(X.iloc[train], X.iloc[test])
        regressor = model.make(**settings)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            wall, cpu = perf_counter(), process_time()
            regressor.fit(train_rows, y[train], **arguments)
            figures["fit_seconds"] += perf_counter() - wall
            figures["fit_cpu_seconds"] += process_time() - cpu
        figures["convergence_warnings"] += sum(
            issubclass(w.category, ConvergenceWarning) for w in caught
        )
        truth.append(y[test])
        predicted.append(regressor.predict(test_rows))
    truth, predicted = np.concatenate(truth), np.concatenate(predicted)
    figures["score"] = float(score(truth, predicted, loss, quantile))
    figures["below"] = float(np.mean(truth <= predicted))
    return figures


def runs_of(name, model, task, X, y, options, kept):
    """Return the runs of a model on a task; of a peer those that are kept."""
    seeds = options.seeds if model.seeds_of_ours else options.seeds[:1]
    loss, quantile, runs = options.loss, options.quantile, []
    for seed in seeds:
        what = f"{loss}{quantile if loss == 'quantile' else ''}"
        key, table = f"{name}/{task}/{what}/{seed}", fingerprint(X, y)
        run = None if name in OWN else kept.get(key, table)
        if run is None and missing_module(model):
            continue
        if run is None:
            own = options.params if name == OURS else {}
            settings = {"random_state": seed, **own}
            found = evaluate(model, settings, X, y, loss, quantile)
            package = packages_distributions()[model.module][0]
            run = {
                "library": f"{package} {version(package)}",
                "cpu": cpu_model(),
                "table": table,
                **{name: float(f"{value:.6g}") for name, value in found.items()},
            }
            if name not in OWN:
                kept.keep(key, run)
        runs.append(run)
    return runs


def measure(models, options, kept):
    """Return figures by task and model; a task that cannot be loaded is left out."""
    figures = {}
    for task in options.tasks:
        try:
            X, y = load(task, options.data)
        except OSError as error:
            print(f"{task} left out: {type(error).__name__}")
            continue
        figures[task] = {}
        for name, model in models.items():
            runs = runs_of(name, model, task, X, y, options, kept)
            if runs:
                figures[task][name] = mean_figures(runs)
        if options.progress:
            print(task, figures[task].get(OURS), flush=True)
    return figures


def ratios(figures, name, reference, metric, tasks):
    """Return a model's figure divided by another's on each task that has both."""
    return [
        figures[task][name][metric] / figures[task][reference][metric]
        for task in tasks
        if {name, reference} <= figures.get(task, {}).keys()
    ]


def group_table(figures, models, reference, tasks, clock):
    """Return all models relative to one as Markdown, a row per model."""
    rows = []
    for name in models:
        found = ratios(figures, name, reference, "score", tasks)
        if found:
            times = ratios(figures, name, reference, clock, tasks)
            rows.append(
                [name, len(found), f"{geometric_mean(found):.3f}"]
                + [f"{geometric_mean(times):.3f}", sum(ratio < 1 for ratio in found)]
            )
    return markdown(["model", "tables", "score", "fit s", "lower on"], rows)


def task_table(figures, models, metric, form):
    """Return one figure of every model on every task as Markdown, a row per task."""
    rows = [
        [task]
        + [format(by[name][metric], form) if name in by else "" for name in models]
        for task, by in figures.items()
    ]
    return markdown(["task", *models], rows)


def tables(figures, models, options):
    """Return every table by its heading."""
    clock = "fit_cpu_seconds" if options.cpu else "fit_seconds"
    reference = options.reference
    out = {
        f"Relative to {reference}: {group}": group_table(
            figures, models, reference, tasks, clock
        )
        for group, tasks in GROUPS.items()
        if figures.keys() & set(tasks)
    }
    behind = [
        f"{task}: {ratio:.3f}"
        for task, by in figures.items()
        if {OURS, RIDGE} <= by.keys()
        and (ratio := by[OURS]["score"] / by[RIDGE]["score"]) > TOLERATED
    ]
    if RIDGE in models:
        out[f"Where ours is more than 5 % behind {RIDGE}"] = ", ".join(behind) or "None"
    out["Score"] = task_table(figures, models, "score", ".5g")
    if options.loss == "quantile":
        out["Share of y at or below"] = task_table(figures, models, "below", ".3f")
    out["Seconds to fit, all folds"] = task_table(figures, models, clock, ".3f")
    return out


def parse_options():
    """Return the options."""
    parser = argument_parser(__doc__)
    add = parser.add_argument
    add("--data", metavar="DIR", help="folder of regression/TASK.csv.gz and large/")
    add("--loss", choices=("squared_error", "poisson", "quantile"), default=None)
    add("--quantile", type=float, default=0.5, help="of the loss of that name")
    add("--models", nargs="+", metavar="MODEL")
    add("--tasks", nargs="+", choices=TASKS, metavar="TASK")
    add("--group", choices=GROUPS, metavar="GROUP", help="its tasks, not --tasks")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help=f"of ours and {MLP}")
    add("--params", type=json.loads, default={}, help="settings of ours, as JSON")
    add("--reference", default=None, metavar="MODEL")
    add("--cache", metavar="FILE", default=KEPT_FIGURES, help="keeps peers' figures")
    add("--cpu", action="store_true", help="processor seconds to fit, not wall clock")
    add("--progress", action="store_true", help="print each task when it is done")
    options = parse(parser, tasks=["diabetes"], seeds=[0], cache=None)
    options.loss = options.loss or "squared_error"
    suited = COUNTS if options.loss == "poisson" else (*LARGE, *SMALL)
    options.tasks = GROUPS.get(options.group, options.tasks or suited)
    if options.reference is None:
        options.reference = MLP if options.loss == "squared_error" else BOOSTING
    return options


def main():
    """Measure and print."""
    options = parse_options()
    models = contenders(options.loss, options.quantile)
    if options.models:
        models = {name: models[name] for name in options.models}
    kept = KeptFigures(options.cache)
    with threadpool_limits(1):
        figures = measure(models, options, kept)
    out = tables(figures, list(models), options)
    report({"figures": figures, "loss": options.loss}, out, options.json)


if __name__ == "__main__":
    main()
