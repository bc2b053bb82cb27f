"""Noisy data of 20 to 200 rows: the log-loss of networks, a line and a forest.

Every draw of `make_classification` has 20 columns, 5 of them informative and 15 noise,
and a tenth of its rows are in the wrong class. The models are at their defaults behind
`StandardScaler`, and are tested on 2,000 rows that none has seen.
"""

import warnings

import numpy as np
from _common import argument_parser, markdown, parse, report
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabular import scores
from threadpoolctl import threadpool_limits

from sklearn_scratchnn import ScratchMLPClassifier

OURS, PEERS = "ScratchMLP", ("LogisticRegressionCV", "RandomForest")
MODELS = {
    OURS: ScratchMLPClassifier,
    "MLPClassifier": MLPClassifier,
    PEERS[0]: LogisticRegressionCV,
    PEERS[1]: RandomForestClassifier,
}
TEST_ROWS = 2_000


def draw(n_rows, seed):
    """Return training and test columns, then training and test classes."""
    X, y = make_classification(
        n_rows + TEST_ROWS,
        n_features=20,
        n_informative=5,
        n_redundant=0,
        flip_y=0.2,  # a class at random, so half of them a wrong one
        random_state=seed,
    )
    return train_test_split(X, y, train_size=n_rows, stratify=y, random_state=seed)


def evaluate(make_model, n_rows, seed):
    """Return the figures of one model on one draw."""
    X_train, X_test, y_train, y_test = draw(n_rows, seed)
    model = make_pipeline(StandardScaler(), make_model(random_state=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X_train, y_train)
    return scores(model.predict_proba(X_test), y_test)


def measure(sizes, seeds):
    """Return figures by rows and model: means over the draws, and log-loss of each."""
    figures = {}
    for n_rows in sizes:
        figures[n_rows] = {}
        for name, make_model in MODELS.items():
            runs = [evaluate(make_model, n_rows, seed) for seed in seeds]
            means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
            losses = [run["log_loss"] for run in runs]
            figures[n_rows][name] = {**means, "log_losses": losses}
    return figures


def ratio_to_best(by_model):
    """Return ours / the better peer's mean log-loss, and the ratio's standard error."""
    best = min(PEERS, key=lambda name: by_model[name]["log_loss"])
    own, its = (np.array(by_model[name]["log_losses"]) for name in (OURS, best))
    ratio = own.mean() / its.mean()
    return ratio, np.std(own - ratio * its) / np.sqrt(len(its)) / its.mean()


def loss_table(figures):
    """Return mean log-losses as Markdown, a row per number of rows."""
    rows = []
    for n_rows, by_model in figures.items():
        ratio, error = ratio_to_best(by_model)
        rows.append([n_rows, *(f"{own['log_loss']:.3f}" for own in by_model.values())])
        rows[-1].append(f"{ratio:.3f} ± {error:.3f}")
    return markdown(["rows", *MODELS, "ours / the better of the last two"], rows)


def mean_table(figures, figure):
    """Return the means of a figure as Markdown, a row per number of rows."""
    rows = [
        [n_rows, *(f"{own[figure]:.3f}" for own in by_model.values())]
        for n_rows, by_model in figures.items()
    ]
    return markdown(["rows", *MODELS], rows)


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    add = parser.add_argument
    add("--rows", nargs="+", type=int, default=[20, 40, 70, 99, 200])
    add("--draws", type=int, default=50)
    options = parse(parser, rows=[20, 40], draws=2)
    with threadpool_limits(1):
        figures = measure(options.rows, range(options.draws))
        tables = {
            "Log-loss": loss_table(figures),
            "Error": mean_table(figures, "error"),
            "Expected calibration error": mean_table(figures, "ece"),
        }
        report({"figures": figures}, tables, options.json)


if __name__ == "__main__":
    main()
