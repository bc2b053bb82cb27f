"""Tables as they come, against a pipeline of encoders written by hand.

"pipeline" is the protocol's encoder of `tabular.py` before the same network: medians
for missing numbers, and one-hot categories of at least five rows. "raw" is the network
alone, on the DataFrame. The other variants change what the first layer reads:

- "small integers too": whole numbers of at most 32 values are categories;
- "target statistics": scikit-learn's TargetEncoder for texts of more than 8 values,
  cross-fitted, one column a class;
- "one-hot and statistics": both of these.

`made` is drawn: five numbers, and a column of 2,000 categories with an effect each.
`pima_gaps` is pima with the zeros of its columns f1 to f5 read as missing. `crossed` is
adult with a column more, its occupation, education and country in one text.
"""

import numpy as np
import pandas as pd
from _common import argument_parser, geometric_mean, markdown, parse, report
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder
from tabular import encoder, evaluate, load, text_columns, unchanged
from threadpoolctl import threadpool_limits

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPEnsembleClassifier

WITH_TEXT_OR_GAPS = (
    "german",
    "vote",
    "splice",
    "tic-tac-toe",
    "pima_gaps",
    "adult",
    "bank_additional",
    "online_shoppers",
    "krkopt",
    "churn_modelling",
    "diamonds_cut",
)
MORE = ("jungle_chess", "crossed", "made", "titanic", "contraceptive", "iris")
MANY_CATEGORIES, FEW_WHOLE_NUMBERS = 8, 32
NETWORKS = {
    "network": ScratchMLPClassifier,
    "ensemble": ScratchMLPEnsembleClassifier,
}


def table(task, folder):
    """Return a table's columns and target."""
    if task == "made":
        return made()
    X, y = load({"pima_gaps": "pima", "crossed": "adult"}.get(task, task), folder)
    if task == "pima_gaps":
        columns = X.columns[1:6]
        X[columns] = X[columns].astype(float).replace(0.0, np.nan)
    if task == "crossed":
        widest = X[text_columns(X)].nunique().nlargest(3).index
        X["crossed"] = X[widest].fillna("?").agg("/".join, axis=1)
    return X, y


def made(n_rows=20_000, n_categories=2_000):
    """Return a table in which each of many categories has an effect of its own."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_categories, n_rows)
    X = pd.DataFrame(rng.normal(size=(n_rows, 5)), columns=list("abcde"))
    effect = rng.normal(size=n_categories)[codes]
    logits = X["a"] * X["b"] + np.abs(X["c"]) - 1 + effect
    X["category"] = np.char.add("category ", codes.astype(str))
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int).to_numpy()


def small_integers(X):
    """Return the names of columns of text, and of few whole numbers."""
    names = text_columns(X)
    for name in X.columns.difference(names, sort=False):
        column = X[name].dropna()
        if column.nunique() <= FEW_WHOLE_NUMBERS and (column == column.round()).all():
            names.append(name)
    return names


def with_statistics(X, keep):
    """Return a transformer that puts target statistics for texts of many values."""
    many = [n for n in text_columns(X) if X[n].nunique() > MANY_CATEGORIES]
    kept = [name for name in X.columns if keep or name not in many]
    steps = [("kept", "passthrough", kept)]
    if many:
        steps.append(("statistics", TargetEncoder(random_state=0), many))
    transformer = ColumnTransformer(steps, verbose_feature_names_out=True)
    return transformer.set_output(transform="pandas")


def variants(make, X):
    """Return functions that make each variant of a network, by name."""
    prefix = "estimator__" if make is ScratchMLPEnsembleClassifier else ""
    whole = {f"{prefix}categorical_features": small_integers(X)}
    return {
        "pipeline": lambda **given: make_pipeline(encoder(X), make(**given)),
        "raw": make,
        "small integers too": lambda **given: make(**given).set_params(**whole),
        "target statistics": lambda **given: make_pipeline(
            with_statistics(X, keep=False), make(**given)
        ),
        "one-hot and statistics": lambda **given: make_pipeline(
            with_statistics(X, keep=True), make(**given)
        ),
    }


def measure(task, options):
    """Return log-loss, error and processor seconds by network and variant."""
    X, y = table(task, options.data)
    found = {}
    for network in options.networks:
        made = variants(NETWORKS[network], X)
        for variant in options.variants:
            runs = [
                evaluate(made[variant], {"random_state": seed}, X, y, unchanged)
                for seed in options.seeds
            ]
            found[f"{network}, {variant}"] = {
                key: float(np.mean([run[key] for run in runs]))
                for key in ("log_loss", "error", "fit_cpu_seconds")
            }
    return found


def ratio_table(figures, network, variants, metric):
    """Return Markdown: each variant's figure divided by the first one's."""
    first, *others = (f"{network}, {variant}" for variant in variants)
    rows, by_variant = [], {name: [] for name in others}
    for task, found in figures.items():
        ratios = [found[name][metric] / found[first][metric] for name in others]
        for name, ratio in zip(others, ratios):
            by_variant[name].append(ratio)
        rows.append([task, f"{found[first][metric]:.4f}"])
        rows[-1] += [f"{ratio:.3f}" for ratio in ratios]
    means = [f"{geometric_mean(values):.3f}" for values in by_variant.values()]
    rows.append(["geometric mean", "", *means])
    return markdown(["task", first, *others], rows)


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    add = parser.add_argument
    tasks = (*WITH_TEXT_OR_GAPS, *MORE)
    names = list(variants(ScratchMLPClassifier, pd.DataFrame()))
    add("--data", metavar="DIR", help="folder of TASK.csv.gz")
    add("--tasks", nargs="+", choices=tasks, default=list(WITH_TEXT_OR_GAPS))
    add("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    add("--variants", nargs="+", choices=names, default=names[:2])
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parse(parser, seeds=[0], tasks=["iris"], networks=["network"])
    figures = {}
    with threadpool_limits(1):
        for task in options.tasks:
            try:
                figures[task] = measure(task, options)
            except OSError as error:
                print(f"{task} left out: {type(error).__name__}")
                continue
            print(task, figures[task], flush=True)
    out = {
        f"{network}: {metric}": ratio_table(figures, network, options.variants, metric)
        for network in options.networks
        for metric in ("log_loss", "error", "fit_cpu_seconds")
    }
    report({"figures": figures, "seeds": options.seeds}, out, options.json)


if __name__ == "__main__":
    main()
