"""
Are the probabilities calibrated?
=================================

Of all the rows that a model gives a probability of 0.8, eight in ten should belong to
the class. A calibration curve shows whether they do. On the diagonal, the probabilities
are right. Below it, they are too high.
"""

# %%
# Two noisy tables, generated so that this page needs no download. As a script with
# ``--data DIR``, it reads ``adult.csv.gz`` and ``phoneme.csv.gz`` from that folder
# instead (a header line, the features, the target last). Text is one-hot encoded, and
# missing numbers are replaced by the median.

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification, make_moons

parser = argparse.ArgumentParser()
parser.add_argument("--data", type=Path, metavar="DIR")
folder = parser.parse_known_args()[0].data


def read_table(path):
    import pandas as pd

    table = pd.read_csv(path)
    target = table.pop(table.columns[-1])
    return table, (target == max(target.unique())).astype(int).to_numpy()


tables = {}
for name in ["adult", "phoneme"]:
    if folder and (folder / f"{name}.csv.gz").exists():
        tables[name] = read_table(folder / f"{name}.csv.gz")
if not tables:
    tables["moons, far into each other"] = make_moons(2000, noise=0.5, random_state=0)
    tables["wrong labels, one in ten"] = make_classification(
        2000, n_informative=6, flip_y=0.2, random_state=0
    )

# %%
# The network with its defaults, the same without a penalty, and logistic regression.
# Each row's probability is from the fold in which the row was held out.

import warnings

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_scratchnn import ScratchMLPClassifier

warnings.filterwarnings("ignore", category=FutureWarning)  # on coming default values
warnings.filterwarnings("ignore", category=ConvergenceWarning)  # of alpha=0

models = {
    "ScratchMLPClassifier()": ScratchMLPClassifier(random_state=0),
    "LogisticRegressionCV()": LogisticRegressionCV(),
    "ScratchMLPClassifier(alpha=0)": ScratchMLPClassifier(alpha=0, random_state=0),
}


def encoder(X):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    if isinstance(X, np.ndarray):
        return numbers
    words = OneHotEncoder(min_frequency=5, handle_unknown="ignore")
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )


def expected_calibration_error(y, p, n_bins=10):
    bins = np.minimum((p * n_bins).astype(int), n_bins - 1)
    return np.abs(np.bincount(bins, y - p, n_bins)).sum() / len(y)


# %%
# The expected calibration error is the distance from the diagonal, averaged over the
# rows. It does not measure how good a model is: a model that predicts the share of the
# class for every row has an error of zero. So the table has the log-loss too. Without a
# penalty, the network learns wrong labels and is far too confident. By default,
# logistic regression chooses its penalty by accuracy, and its probabilities can then be
# far too close to one half.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import log_loss

plt.style.use("tableau-colorblind10")
figure, axes = plt.subplots(
    1, len(tables), num="calibration", figsize=(4.6 * len(tables), 5.6), squeeze=False,
    layout="constrained",
)
folds = StratifiedKFold(3, shuffle=True, random_state=0)
for ax, (task, (X, y)) in zip(axes.flat, tables.items()):
    print(f"{f'{task}, {len(y)} rows':44s} calibration error   log-loss")
    for (name, model), marker in zip(models.items(), "o^s"):
        p = cross_val_predict(
            make_pipeline(encoder(X), model), X, y, cv=folds, method="predict_proba"
        )[:, 1]
        error = expected_calibration_error(y, p)
        print(f"  {name:43s}{error:17.3f} {log_loss(y, p):10.3f}")
        CalibrationDisplay.from_predictions(
            y, p, n_bins=10, name=f"{name}, {error:.3f}", ax=ax, marker=marker
        )
    ax.set(title=task, xlabel="mean predicted probability", ylabel="share of the class")
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15)}
    ax.legend(title="calibration error", **below)

# %%

# sphinx_gallery_start_ignore
# A gallery or a notebook has taken the pictures by now; a script saves them here.
import os
from pathlib import Path

for name in plt.get_figlabels():
    path = Path(os.environ.get("SCRATCHNN_PICTURES", "pictures"), f"{name}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.figure(name).savefig(path, dpi=120)
    print(f"picture: {path}")
# sphinx_gallery_end_ignore
