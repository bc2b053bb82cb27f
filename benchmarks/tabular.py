"""Every model at its defaults on 33 real tables, one thread each, same folds for all.

From 10,000 rows on, one stratified third is held out; below there are three stratified
folds, or five below 2,000 rows. Ours, and trees that know categories, get the table as
it is. For the others missing numbers become the median, numeric columns are scaled to
mean 0 and variance 1, and text is one-hot encoded, which is not part of their seconds.
"""

import importlib.util
import json
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from _common import (
    argument_parser,
    cpu_model,
    geometric_mean,
    markdown,
    parse,
    report,
    seconds,
)
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
from threadpoolctl import threadpool_limits

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPEnsembleClassifier

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
# The tables, by their rows.
ROWS = {
    "diamonds_cut": 53_940,
    "adult": 48_842,
    "electricity": 45_312,
    "jungle_chess": 44_819,
    "bank_additional": 41_188,
    "credit_default": 30_000,
    "krkopt": 28_056,
    "covertype_kaggle": 15_120,
    "online_shoppers": 12_330,
    "heloc": 10_459,
    "churn_modelling": 10_000,
    "satimage": 6_435,
    "phoneme": 5_404,
    "banana": 5_300,
    "magic": 5_000,
    "spambase": 4_597,
    "splice": 3_190,
    "titanic": 2_201,
    "digits": 1_797,
    "wine_red": 1_599,
    "segment": 1_500,
    "contraceptive": 1_473,
    "german": 1_000,
    "vowel": 990,
    "tic-tac-toe": 958,
    "vehicle": 846,
    "pima": 768,
    "breast_cancer": 569,
    "vote": 435,
    "bands": 365,
    "sonar": 208,
    "wine": 178,
    "iris": 150,
}
TASKS = tuple(ROWS)
# Every second table by size: rules are chosen on one half and confirmed on the other.
HALVES = {"half A": TASKS[::2], "half B": TASKS[1::2]}
BY_SIZE = {
    "under 1,000 rows": range(1_000),
    "1,000 to 3,000 rows": range(1_000, 3_000),
    "3,000 to 10,000 rows": range(3_000, 10_000),
    "10,000 rows and more": range(10_000, 100_000),
    "small tables without adult": range(10_000),
}
GROUPS = {
    group: tuple(task for task in TASKS if ROWS[task] in rows)
    for group, rows in BY_SIZE.items()
} | {"all tables": TASKS, **HALVES}
SMALL = GROUPS["small tables without adult"]
# Nets that take hours on all tables run on these.
EIGHT = ("phoneme", "titanic", "segment", "german", "vehicle", "pima", "bands", "sonar")
MOST_CATEGORIES = 255
KEPT_FIGURES = Path(__file__).with_name("tabular_peers.json")
TOLERATED, TOLERATED_OF_ENSEMBLE = 1.05, 1.03


def encoder(X):
    """Return the transformer that stands before models that need numbers alone."""
    numeric = X.select_dtypes("number").columns
    one_hot = OneHotEncoder(min_frequency=5, handle_unknown="ignore")
    return ColumnTransformer(
        [
            (
                "numeric",
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                numeric,
            ),
            ("text", one_hot, text_columns(X)),
        ],
        sparse_threshold=0,
    )


def text_columns(X):
    """Return the names of the columns that hold categories."""
    return list(X.columns.difference(X.select_dtypes("number").columns, sort=False))


def encoded(train, test):
    """Return both parts behind the encoder, and no further arguments of `fit`."""
    transform = encoder(train)
    return transform.fit_transform(train), transform.transform(test), {}


def unchanged(train, test):
    """Return both parts as they are, and no further arguments of `fit`."""
    return train, test, {}


def with_categories(train, test):
    """Return both parts with text as pandas' categories, those of the training rows.

    Others count as missing, also all but the 255 most frequent ones of a column, which
    is what HistGradientBoosting takes.
    """
    train, test = train.copy(), test.copy()
    for name in text_columns(train):
        most_frequent = train[name].value_counts().index[:MOST_CATEGORIES]
        kind = pd.CategoricalDtype(sorted(most_frequent))
        train[name], test[name] = train[name].astype(kind), test[name].astype(kind)
    return train, test, {}


def with_texts(train, test):
    """Return both parts with a text for what is missing; CatBoost is told the names."""
    names = text_columns(train)
    parts = [
        part.astype(dict.fromkeys(names, object)).fillna(
            dict.fromkeys(names, "missing")
        )
        for part in (train, test)
    ]
    return *parts, {"cat_features": names}


def catboost(**settings):
    """Return CatBoost's classifier, which writes neither lines nor files."""
    from catboost import CatBoostClassifier

    quiet = {"verbose": 0, "allow_writing_files": False}
    return CatBoostClassifier(thread_count=1, **quiet, **settings)


def lightgbm(**settings):
    """Return LightGBM's classifier."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=1, verbose=-1, **settings)


def xgboost(**settings):
    """Return XGBoost's classifier."""
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=1, **settings)


def realmlp(**settings):
    """Return RealMLP with its tuned defaults."""
    from pytabkit import RealMLP_TD_Classifier

    return RealMLP_TD_Classifier(device="cpu", n_threads=1, **settings)


def tabm(**settings):
    """Return TabM with its defaults."""
    from pytabkit import TabM_D_Classifier

    return TabM_D_Classifier(device="cpu", n_threads=1, **settings)


@dataclass(frozen=True)
class Model:
    """A contender.

    Parameters
    ----------
    make : callable
        Takes ``random_state`` and settings by keyword; returns an unfitted classifier.
    feed : callable, default=encoded
        Makes of the training and the test rows what the classifier takes.
    module : str, default="sklearn"
        What must be installed.
    tasks : tuple of str, default=TASKS
    seeds_of_ours : bool, default=False
        Whether it runs from as many random states as ours.
    """

    make: Callable
    feed: Callable = encoded
    module: str = "sklearn"
    tasks: tuple[str, ...] = TASKS
    seeds_of_ours: bool = False


OURS, ENSEMBLE = "ScratchMLP", "ScratchMLPEnsemble"
OWN = (OURS, ENSEMBLE)
MLP, LOGISTIC = "MLPClassifier", "LogisticRegressionCV"
MODELS = {
    OURS: Model(ScratchMLPClassifier, unchanged, seeds_of_ours=True),
    ENSEMBLE: Model(ScratchMLPEnsembleClassifier, unchanged, seeds_of_ours=True),
    "CatBoost": Model(catboost, with_texts, "catboost"),
    "LightGBM": Model(lightgbm, with_categories, "lightgbm"),
    "HistGradientBoosting": Model(HistGradientBoostingClassifier, with_categories),
    MLP: Model(MLPClassifier, seeds_of_ours=True),
    LOGISTIC: Model(LogisticRegressionCV),
    "RandomForest": Model(RandomForestClassifier),
    "XGBoost": Model(xgboost, module="xgboost"),
    "RealMLP": Model(realmlp, module="pytabkit", tasks=EIGHT),
    "TabM": Model(tabm, module="pytabkit", tasks=EIGHT),
}


def load(task, folder=None):
    """Return a task's columns and target.

    Parameters
    ----------
    task : str
    folder : str, default=None
        Holds ``task.csv.gz`` or ``large/task.csv.gz``, its last column named target.
        None downloads from OpenML what is known there.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
        Columns are numbers or texts.
    y : ndarray of shape (n_samples,), int64, classes counted from 0
    """
    if task in BUNDLED:
        X, y = BUNDLED[task](return_X_y=True, as_frame=True)
    elif folder is not None:
        paths = [Path(folder) / part / f"{task}.csv.gz" for part in ("", "large")]
        table = pd.read_csv(
            next(filter(Path.exists, paths), paths[0]),
            keep_default_na=False,
            na_values=[""],
        )
        X, y = table.drop(columns="target"), table["target"]
    elif task in OPENML:
        X, y = fetch_openml(data_id=OPENML[task], return_X_y=True, as_frame=True)
    else:
        raise FileNotFoundError(f"{task}.csv.gz")
    X = X.astype(dict.fromkeys(X.select_dtypes("bool").columns, str))
    return X, np.unique(y.to_numpy().astype(str), return_inverse=True)[1]


def folds(y):
    """Return pairs of the train and the test indices of the protocol."""
    cv = StratifiedKFold(5 if len(y) < 2_000 else 3, shuffle=True, random_state=0)
    pairs = list(cv.split(np.empty(len(y)), y))
    return pairs if len(y) < 10_000 else pairs[:1]


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


def scores(probabilities, y):
    """Return a dict: the log-loss, error and calibration error of predictions."""
    n = len(y)
    likelihood = np.clip(probabilities[np.arange(n), y], np.finfo(float).eps, None)
    return {
        "log_loss": float(-np.log(likelihood).mean()),
        # At least half a row, so that a perfect score has a logarithm.
        "error": max(float(np.mean(probabilities.argmax(axis=1) != y)), 0.5 / n),
        "ece": float(calibration_error(probabilities, y)),
    }


def evaluate(make_model, settings, X, y, feed=encoded):
    """Return one model's figures on one task: means over the test rows of all folds.

    Parameters
    ----------
    make_model : callable
        Takes the settings by keyword and returns an unfitted classifier.
    settings : dict
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    feed : callable, default=encoded
        Makes of the training and the test rows what the classifier takes.

    Returns
    -------
    dict of float
        Seconds are sums over folds: to fit, of one call, with ``fit_cpu_seconds``
        counting every thread; to predict, of the best of three calls.
    """
    figures = {"fit_seconds": 0.0, "fit_cpu_seconds": 0.0, "predict_seconds": 0.0}
    n_warnings, held_out, probabilities = 0, [], []
    for train, test in folds(y):
        train_rows, test_rows, arguments = feed(X.iloc[train], X.iloc[test])
        model = make_model(**settings)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            wall, cpu = perf_counter(), process_time()
            model.fit(train_rows, y[train], **arguments)
            figures["fit_seconds"] += perf_counter() - wall
            figures["fit_cpu_seconds"] += process_time() - cpu
        n_warnings += sum(issubclass(w.category, ConvergenceWarning) for w in caught)
        held_out.append(test)
        probabilities.append(model.predict_proba(test_rows))
        figures["predict_seconds"] += min(
            seconds(model.predict_proba, test_rows) for _ in range(3)
        )
    found = scores(np.concatenate(probabilities), y[np.concatenate(held_out)])
    return {**found, **figures, "convergence_warnings": n_warnings}


def fingerprint(X, y):
    """Return eight hexadecimal digits that tell one table from another."""
    return f"{zlib.crc32(X.to_csv().encode() + y.tobytes()):08x}"


class KeptFigures:
    """Figures of the peers in a JSON file, each with its library and processor.

    The file is written whole after every run, and read again before, so that another
    process may read it, or add to it, meanwhile.

    Parameters
    ----------
    path : str or Path or None
        With None nothing is kept.
    """

    def __init__(self, path):
        self.path = Path(path) if path else None
        self.runs = self.read()

    def read(self):
        """Return what the file holds."""
        known = self.path is not None and self.path.exists()
        return json.loads(self.path.read_text()) if known else {}

    def get(self, key, table):
        """Return the run under a key, or None if there is none on the same table."""
        run = self.runs.get(key)
        return run if run is not None and run["table"] == table else None

    def origins(self, models):
        """Return a sorted list of the libraries and processors of models' runs."""
        return sorted(
            {
                f"{run['library']} on {run['cpu']}"
                for key, run in self.runs.items()
                if key.split("/")[0] in models
            }
        )

    def keep(self, key, run):
        """Write down a run."""
        self.runs = {**self.read(), **self.runs, key: run}
        if self.path is None:
            return
        lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in self.runs.items()]
        temporary = self.path.with_suffix(".part")
        temporary.write_text("{\n" + ",\n".join(sorted(lines)) + "\n}\n")
        temporary.replace(self.path)


def seeds_of(model, n_rows, options):
    """Return the random states that a model runs from on a table."""
    if not model.seeds_of_ours:
        return options.peer_seeds
    return options.seeds or range(5 if n_rows < 1_000 else 3)


def missing_module(model):
    """Return whether what a model needs is not installed."""
    return importlib.util.find_spec(model.module) is None


def run_peer(name, seed, X, y, table):
    """Return a new run of a peer: its figures to six digits, and what they are of."""
    model = MODELS[name]
    found = evaluate(model.make, {"random_state": seed}, X, y, model.feed)
    package = packages_distributions()[model.module][0]
    return {
        "library": f"{package} {version(package)}",
        "cpu": cpu_model(),
        "table": table,
        **{key: float(f"{value:.6g}") for key, value in found.items()},
    }


def runs_of_peer(name, task, X, y, options, kept):
    """Return a peer's runs on a task: those that are kept, and new ones if wanted."""
    model, table = MODELS[name], fingerprint(X, y)
    runs = []
    for seed in seeds_of(model, len(y), options):
        key = f"{name}/{task}/{seed}"
        run = kept.get(key, table)
        if run is None and options.fit_peers and not missing_module(model):
            run = run_peer(name, seed, X, y, table)
            kept.keep(key, run)
        if run is not None:
            runs.append(run)
    return runs


def mean_figures(runs):
    """Return the means of the runs' numbers."""
    return {
        figure: float(np.mean([run[figure] for run in runs]))
        for figure, value in runs[0].items()
        if not isinstance(value, str)
    }


def measure_task(task, X, y, options, kept):
    """Return the figures of a task by model: means over random states.

    A peer of which nothing is kept, and that is not to be fitted, is not in it.
    """
    figures = {}
    for name in options.models:
        model = MODELS[name]
        if name in OWN:
            settings = options.params if name == OURS else options.ensemble_params
            runs = [
                evaluate(
                    model.make, {"random_state": seed, **settings}, X, y, model.feed
                )
                for seed in seeds_of(model, len(y), options)
            ]
        else:
            wanted = task in model.tasks
            runs = runs_of_peer(name, task, X, y, options, kept) if wanted else []
        if runs:
            figures[name] = mean_figures(runs)
    return figures


def measure(options, kept):
    """Return figures by task and model; a task that cannot be loaded is left out."""
    figures = {}
    for task in options.tasks:
        try:
            X, y = load(task, options.data)
        except OSError as error:
            print(f"{task} left out: {type(error).__name__}")
            continue
        figures[task] = measure_task(task, X, y, options, kept)
        if options.progress:
            first = figures[task].get(options.models[0])
            print(task, options.models[0], first, flush=True)
    return figures


def ratios(figures, name, reference, metric, tasks):
    """Return a model's figure divided by another's, by task, where both have one."""
    return {
        task: figures[task][name][metric] / figures[task][reference][metric]
        for task in tasks
        if {name, reference} <= figures.get(task, {}).keys()
    }


def interval(values, n_draws=10_000):
    """Return where 95 % of the geometric means of resampled tables lie."""
    rng = np.random.default_rng(0)
    means = rng.choice(np.log(values), (n_draws, len(values))).mean(axis=1)
    return np.exp(np.quantile(means, [0.025, 0.975]))


def mean_and_interval(values):
    """Return a geometric mean and its bootstrap interval over tables, as text."""
    low, high = interval(values)
    return f"{geometric_mean(values):.3f} ({low:.2f} to {high:.2f})"


def group_row(figures, name, reference, tasks, clock):
    """Return the cells of a model: means over the tables that it and another have."""
    found = {
        metric: list(ratios(figures, name, reference, metric, tasks).values())
        for metric in ("log_loss", "error", clock)
    }
    n = len(found["log_loss"])
    if n == 0:
        return None
    own = [
        figures[task][name]
        for task in ratios(figures, name, reference, "log_loss", tasks)
    ]
    lower = sum(value < 1 for value in found["log_loss"])
    return [
        f"{n}",
        mean_and_interval(found["log_loss"]),
        mean_and_interval(found["error"]),
        f"{geometric_mean(found[clock]):.3f}",
        f"{np.mean([row['ece'] for row in own]):.4f}",
        f"{lower}",
        f"{sum(row['convergence_warnings'] for row in own):.3g}",
    ]


HEADER = ["tables", "log-loss", "error", "fit s", "mean ECE", "lower on", "warnings"]


def summary_table(figures, name, reference, clock):
    """Return a model relative to another as Markdown, a row per group of tables."""
    rows = {
        group: group_row(figures, name, reference, tasks, clock)
        for group, tasks in GROUPS.items()
    }
    rows = [[group, *cells] for group, cells in rows.items() if cells]
    return markdown(["tables of", *HEADER], rows)


def group_table(figures, models, reference, tasks, clock):
    """Return all models relative to one as Markdown, a row per model."""
    rows = {name: group_row(figures, name, reference, tasks, clock) for name in models}
    return markdown(
        ["model", *HEADER], [[name, *cells] for name, cells in rows.items() if cells]
    )


def behind_table(figures):
    """Return as Markdown where ours has a log-loss too far above what it must not lag.

    By 5 % for one network; by 3 % above one network for the ensemble.
    """
    compared = [
        (task, name, peer, ratio, most)
        for name, peer, most in (
            (OURS, MLP, TOLERATED),
            (OURS, LOGISTIC, TOLERATED),
            (ENSEMBLE, OURS, TOLERATED_OF_ENSEMBLE),
        )
        for task, ratio in ratios(figures, name, peer, "log_loss", figures).items()
    ]
    rows = [
        [task, name, peer, f"{figures[task][name]['log_loss']:.4f}"]
        + [f"{figures[task][peer]['log_loss']:.4f}", f"{ratio:.3f}"]
        for task, name, peer, ratio, most in compared
        if ratio > most
    ]
    header = ["task", "model", "peer", "its log-loss", "the peer's", "ratio"]
    return markdown(header, rows) if rows else f"In none of {len(compared)} pairs."


def own_table(figures, own, reference, clock):
    """Return ours divided by others as Markdown, a row per task."""
    columns = {
        f"log-loss / {reference}'s": (reference, "log_loss"),
        "error / its": (reference, "error"),
        "fit s / its": (reference, clock),
        f"log-loss / {MLP}'s": (MLP, "log_loss"),
        f"log-loss / {LOGISTIC}'s": (LOGISTIC, "log_loss"),
    }
    found = {
        column: ratios(figures, own, peer, metric, figures)
        for column, (peer, metric) in columns.items()
    }
    rows = [
        [task, f"{ROWS[task]:,}"]
        + [f"{by[task]:.3f}" if task in by else "" for by in found.values()]
        for task in figures
    ]
    return markdown(["task", "rows", *found], rows)


def task_table(figures, models, metric, form):
    """Return one figure of every model on every task as Markdown, a row per task."""
    rows = [
        [task]
        + [format(by[name][metric], form) if name in by else "" for name in models]
        for task, by in figures.items()
    ]
    return markdown(["task", *models], rows)


def tables(figures, reference, clock):
    """Return every table by its heading."""
    models = [name for name in MODELS if any(name in by for by in figures.values())]
    out = {}
    own = [name for name in OWN if name in models and reference in models]
    for name in own:
        out[f"{name} relative to {reference}"] = summary_table(
            figures, name, reference, clock
        )
    if own:
        out["Where ours is too far behind in log-loss"] = behind_table(figures)
    for name in own:
        out[f"{name} divided by others"] = own_table(figures, name, reference, clock)
    if reference in models:
        for group, tasks in GROUPS.items():
            if figures.keys() & set(tasks):
                out[f"Relative to {reference}: {group}"] = group_table(
                    figures, models, reference, tasks, clock
                )
    for title, metric, form in (
        ("Log-loss", "log_loss", ".4f"),
        ("Error", "error", ".4f"),
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
    add("--group", choices=GROUPS, metavar="GROUP", help="its tasks, not --tasks")
    add("--seeds", nargs="+", type=int, help=f"of ours and {MLP}; else 3, or 5 if few")
    add("--peer-seeds", nargs="+", type=int, default=[0], help="of the other peers")
    add("--params", type=json.loads, default={}, help="settings of ours, as JSON")
    add("--ensemble-params", type=json.loads, default={}, help="of the ensemble")
    add("--reference", choices=MODELS, default="CatBoost", metavar="MODEL")
    add("--cache", metavar="FILE", default=KEPT_FIGURES, help="keeps peers' figures")
    add("--fit-peers", action="store_true", help="those that the cache has not, too")
    add("--cpu", action="store_true", help="processor seconds to fit, not wall clock")
    add("--progress", action="store_true", help="print each task when it is done")
    options = parse(
        parser,
        tasks=["iris", "vote"],
        seeds=[0],
        reference=MLP,
        cache=None,
        fit_peers=True,
    )
    options.tasks = GROUPS.get(options.group, options.tasks)
    return options


def main():
    """Measure and print."""
    options = parse_options()
    if options.fit_peers:
        for name in filter(lambda name: missing_module(MODELS[name]), options.models):
            print(f"{name} is skipped: {MODELS[name].module} is not installed")
    kept = KeptFigures(options.cache)
    clock = "fit_cpu_seconds" if options.cpu else "fit_seconds"
    with threadpool_limits(1):
        figures = measure(options, kept)
        out = tables(figures, options.reference, clock)
        out["The peers' figures are of"] = "; ".join(kept.origins(options.models))
        report(
            {"figures": figures, "seeds": options.seeds, "params": options.params},
            out,
            options.json,
        )


if __name__ == "__main__":
    main()
