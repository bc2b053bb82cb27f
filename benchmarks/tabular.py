"""Every model at its defaults on twelve real tables, behind one encoder and same folds.

The folds are stratified and shuffled with seed 0: five below 2,000 rows, else three.
Missing numbers become the median; numeric columns are scaled to mean 0 and variance 1;
text columns are one-hot encoded. Encoding is not part of the seconds.
"""

import json
import warnings
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from _common import argument_parser, geometric_mean, markdown, parse, report, seconds
from sklearn.compose import ColumnTransformer
from sklearn.datasets import (
    fetch_openml,
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_scratchnn import ScratchMLPClassifier

OURS, BASELINE = "ScratchMLP", "MLP"
MODELS = {
    OURS: ScratchMLPClassifier,
    BASELINE: MLPClassifier,
    "MLP, early stopping": lambda **kw: MLPClassifier(early_stopping=True, **kw),
    "LogisticRegressionCV": LogisticRegressionCV,
    # What its default becomes in scikit-learn 1.11; today's chooses C by accuracy.
    "LogisticRegressionCV, by loss": lambda **kw: LogisticRegressionCV(
        scoring="neg_log_loss", **kw
    ),
    "HistGradientBoosting": HistGradientBoostingClassifier,
    "RandomForest": RandomForestClassifier,
}
BUNDLED = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
}
OPENML = {
    "adult": 1590,
    "phoneme": 1489,
    "segment": 36,
    "wine_red": 40691,
    "german": 31,
    "pima": 37,
    "vote": 56,
    "sonar": 40,
}
# Every second task by size: rules are chosen on one half and confirmed on the other.
HALVES = {
    "half A": ("adult", "digits", "segment", "pima", "vote", "wine"),
    "half B": ("phoneme", "wine_red", "german", "breast_cancer", "sonar", "iris"),
}
TASKS = (*HALVES["half A"], *HALVES["half B"])
TIE = 0.01


def load(task, folder=None):
    """Return a task's columns and target.

    Parameters
    ----------
    task : str
    folder : str, default=None
        Holds ``task.csv.gz``, its last column named target. None downloads from OpenML.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,), int64, classes counted from 0
    """
    if task in BUNDLED:
        X, y = BUNDLED[task](return_X_y=True, as_frame=True)
    elif folder is not None:
        table = pd.read_csv(
            Path(folder) / f"{task}.csv.gz", keep_default_na=False, na_values=[""]
        )
        X, y = table.drop(columns="target"), table["target"]
    else:
        X, y = fetch_openml(data_id=OPENML[task], return_X_y=True, as_frame=True)
    return X, np.unique(y.to_numpy().astype(str), return_inverse=True)[1]


def encoder(X, scaled=True):
    """Return the transformer that stands before every model."""
    numeric = X.select_dtypes("number").columns
    steps = [SimpleImputer(strategy="median")]
    if scaled:
        steps.append(StandardScaler())
    one_hot = OneHotEncoder(min_frequency=5, handle_unknown="ignore")
    return ColumnTransformer(
        [
            ("numeric", make_pipeline(*steps), numeric),
            ("text", one_hot, X.columns.difference(numeric, sort=False)),
        ],
        sparse_threshold=0,
    )


def folds(y):
    """Yield the train and test indices of the protocol."""
    cv = StratifiedKFold(5 if len(y) < 2000 else 3, shuffle=True, random_state=0)
    return cv.split(np.empty(len(y)), y)


def calibration_error(probabilities, y, n_bins=15):
    """Return the expected calibration error of the predicted class.

    Confidences fall into bins of equal width; the error is the mean distance of a bin's
    accuracy from its mean confidence, weighted by its rows (Guo et al. 2017, eq. 3).
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == y
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=n_bins)
    return np.abs(gaps).sum() / len(y)


def evaluate(make_model, settings, X, y, scaled=True):
    """Return one model's figures on one task: means over the test rows of all folds.

    Parameters
    ----------
    make_model : callable
        Takes the settings by keyword and returns an unfitted classifier.
    settings : dict
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    scaled : bool, default=True

    Returns
    -------
    dict of float
        Seconds are sums over folds: to fit, of one call, with ``fit_cpu_seconds``
        counting every thread; to predict, of the best of three calls.
    """
    n = len(y)
    probabilities = np.empty((n, y.max() + 1))
    figures = {"fit_seconds": 0.0, "fit_cpu_seconds": 0.0, "predict_seconds": 0.0}
    n_warnings = 0
    for train, test in folds(y):
        transform = encoder(X, scaled)
        train_rows = transform.fit_transform(X.iloc[train])
        test_rows = transform.transform(X.iloc[test])
        model = make_model(**settings)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            wall, cpu = perf_counter(), process_time()
            model.fit(train_rows, y[train])
            figures["fit_seconds"] += perf_counter() - wall
            figures["fit_cpu_seconds"] += process_time() - cpu
        n_warnings += sum(issubclass(w.category, ConvergenceWarning) for w in caught)
        probabilities[test] = model.predict_proba(test_rows)
        figures["predict_seconds"] += min(
            seconds(model.predict_proba, test_rows) for _ in range(3)
        )
    likelihood = np.clip(probabilities[np.arange(n), y], np.finfo(float).eps, None)
    accuracy = float(np.mean(probabilities.argmax(axis=1) == y))
    return {
        "log_loss": float(-np.log(likelihood).mean()),
        "accuracy": accuracy,
        # Half a row, so that a perfect score has a logarithm.
        "error": max(1 - accuracy, 0.5 / n),
        "ece": float(calibration_error(probabilities, y)),
        **figures,
        "convergence_warnings": n_warnings,
    }


class Cache:
    """Figures of the peers, kept in a JSON file, so that only ours is run again.

    Parameters
    ----------
    path : str or None
        With None nothing is kept.
    """

    def __init__(self, path):
        self.path = Path(path) if path else None
        known = self.path is not None and self.path.exists()
        self.figures = json.loads(self.path.read_text()) if known else {}

    def get(self, key, compute, *args):
        """Return the figures under a key, computed and written down if they are new."""
        if key not in self.figures:
            self.figures[key] = compute(*args)
            if self.path:
                text = json.dumps(self.figures, indent=1)
                self.path.write_text(text + "\n")
        return self.figures[key]


def measure_task(task, X, y, options, cache):
    """Return every model's figures on one task: means over its seeds, by model."""
    figures = {}
    for name in options.models:
        make, runs = MODELS[name], []
        for seed in options.seeds if name == OURS else options.peer_seeds:
            settings = {"random_state": seed}
            if name == OURS:
                settings |= options.params
                runs.append(evaluate(make, settings, X, y, scaled=not options.raw))
            else:
                key = f"{name}/{task}/{seed}"
                runs.append(cache.get(key, evaluate, make, settings, X, y))
        figures[name] = {
            figure: float(np.mean([run[figure] for run in runs])) for figure in runs[0]
        }
    return figures


def measure(options):
    """Return figures by task and model; a task that cannot be loaded is left out."""
    cache, figures = Cache(options.cache), {}
    for task in options.tasks:
        try:
            X, y = load(task, options.data)
        except OSError as error:
            print(f"{task} left out: {type(error).__name__}")
            continue
        figures[task] = measure_task(task, X, y, options, cache)
        if options.progress:
            print(task, figures[task].get(OURS, "done"), flush=True)
    return figures


def ratios(figures, name, reference, metric, tasks):
    """Return a model's figure divided by another's, for each of the tasks there are."""
    return [
        figures[task][name][metric] / figures[task][reference][metric]
        for task in tasks
        if task in figures
    ]


def record(values):
    """Return wins, ties and losses as text, from ratios where below 1 is better."""
    wins = sum(value < 1 - TIE for value in values)
    losses = sum(value > 1 + TIE for value in values)
    return f"{wins} / {len(values) - wins - losses} / {losses}"


def ratio_table(figures, models, tasks, clock):
    """Return geometric-mean ratios to the baseline as Markdown, a row per model."""
    tasks = [task for task in tasks if task in figures]
    rows = []
    for name in models:
        by_metric = {
            metric: ratios(figures, name, BASELINE, metric, tasks)
            for metric in ("log_loss", "error", clock, "predict_seconds")
        }
        ece = np.mean([figures[task][name]["ece"] for task in tasks])
        caught = sum(figures[task][name]["convergence_warnings"] for task in tasks)
        rows.append(
            [name]
            + [f"{geometric_mean(values):.3f}" for values in by_metric.values()]
            + [f"{ece:.4f}", record(by_metric["log_loss"]), record(by_metric["error"])]
            + [f"{caught:g}"]
        )
    header = ["model", "log-loss", "error", "fit s", "predict s", "mean ECE"]
    header += ["log-loss w / t / l", "error w / t / l", "warnings"]
    return markdown(header, rows)


def duel_table(figures, models):
    """Return log-loss of ours divided by each peer's as Markdown, a row per peer."""
    rows = []
    for name in models:
        values = dict(
            zip(figures, ratios(figures, OURS, name, "log_loss", figures), strict=True)
        )
        worst = max(values, key=values.get)
        lower = sum(value < 1 for value in values.values())
        rows.append(
            [name, f"{geometric_mean(values.values()):.3f}", record(values.values())]
            + [f"{lower} of {len(values)}", f"{values[worst]:.3f} ({worst})"]
        )
    header = ["peer", "geometric mean", "w / t / l", "lower on", "worst"]
    return markdown(header, rows)


def task_table(figures, models, metric, form):
    """Return one figure of every model on every task as Markdown, a row per task."""
    rows = [
        [task, *(format(by_model[name][metric], form) for name in models)]
        for task, by_model in figures.items()
    ]
    return markdown(["task", *models], rows)


def tables(figures, models, clock):
    """Return every table by its heading."""
    out = {}
    if BASELINE in models:
        for heading, group in {"all tasks": TASKS, **HALVES}.items():
            if figures.keys() & set(group):
                title = f"Ratios to `MLPClassifier()`, {heading}"
                out[title] = ratio_table(figures, models, group, clock)
    peers = [name for name in models if name != OURS]
    if OURS in models and peers:
        out["Log-loss of ours to each peer's"] = duel_table(figures, peers)
    for title, metric, form in (
        ("Log-loss", "log_loss", ".4f"),
        ("Accuracy", "accuracy", ".4f"),
        ("Expected calibration error", "ece", ".4f"),
        ("Seconds to fit, all folds", clock, ".3f"),
        ("Seconds to predict, all folds", "predict_seconds", ".4f"),
    ):
        out[title] = task_table(figures, models, metric, form)
    return out


def parse_options():
    """Return the options."""
    parser = argument_parser(__doc__)
    add = parser.add_argument
    add("--data", metavar="DIR", help="folder of TASK.csv.gz; else from OpenML")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    add("--tasks", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK")
    add("--seeds", nargs="+", type=int, default=[0], help="random states of ours")
    add("--peer-seeds", nargs="+", type=int, default=[0])
    add("--params", type=json.loads, default={}, help="settings of ours, as JSON")
    add("--raw", action="store_true", help="no scaler before ours")
    add("--cache", metavar="FILE", help="JSON that keeps the peers' figures")
    add("--cpu", action="store_true", help="processor seconds to fit, not wall clock")
    add("--progress", action="store_true", help="print each task when it is done")
    return parse(parser, tasks=["iris", "vote"])


def main():
    """Measure and print."""
    options = parse_options()
    figures = measure(options)
    clock = "fit_cpu_seconds" if options.cpu else "fit_seconds"
    kept = ("seeds", "peer_seeds", "params", "raw")
    report(
        {"figures": figures, "options": {name: vars(options)[name] for name in kept}},
        tables(figures, options.models, clock),
        options.json,
    )


if __name__ == "__main__":
    main()
