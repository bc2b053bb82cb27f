"""
A cross-validated comparison
============================

Accuracy, log-loss and seconds of logistic regression, this network and scikit-learn's
``MLPClassifier``, on the moons and on a real table. All are measured with the same
five-fold cross-validation.
"""

# %%
# Four models. Two of them are the network: with its defaults, and with its hidden
# layers and its penalty chosen by a search. The search has folds of its own inside each
# training part. The network needs no scaler, because it scales inside ``fit``. The
# pipeline of the search has one nevertheless, and it does no harm.

import warnings

from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_scratchnn import ScratchMLPClassifier

warnings.filterwarnings("ignore", category=FutureWarning)  # on coming default values

network = ScratchMLPClassifier(random_state=0)
models = {
    "LogisticRegressionCV": make_pipeline(StandardScaler(), LogisticRegressionCV()),
    "MLPClassifier": make_pipeline(
        StandardScaler(), MLPClassifier(max_iter=2000, random_state=0)
    ),
    "ScratchMLPClassifier": network,
    "ScratchMLPClassifier, searched": GridSearchCV(
        make_pipeline(StandardScaler(), network),
        {
            "scratchmlpclassifier__hidden_layer_sizes": [(10,), (50,)],
            "scratchmlpclassifier__alpha": [0.3, 1.0],
        },
        scoring="neg_log_loss",
        cv=3,
    ),
}

# %%
# The table gives the mean over the five folds, and in brackets the standard deviation
# from fold to fold. Every model has one thread for its linear algebra, so that the
# seconds can be compared.

from sklearn.datasets import load_digits, make_moons
from sklearn.model_selection import StratifiedKFold, cross_validate
from threadpoolctl import threadpool_limits

threadpool_limits(1)

tasks = {
    "moons, 200 rows": make_moons(200, noise=0.20, random_state=0),
    "digits, 1797 rows": load_digits(return_X_y=True),
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
losses = {}
for task, (X, y) in tasks.items():
    print(f"{task:32s}  accuracy        log-loss        seconds to fit")
    for name, model in models.items():
        scores = cross_validate(
            model, X, y, cv=folds, scoring=["accuracy", "neg_log_loss"]
        )
        accuracy, loss = scores["test_accuracy"], -scores["test_neg_log_loss"]
        losses[task, name] = loss
        print(
            f"  {name:32s}{accuracy.mean():.3f} ({accuracy.std():.3f})   "
            f"{loss.mean():.3f} ({loss.std():.3f})   {scores['fit_time'].mean():.2f}"
        )

# %%
# The log-losses again, with a dot for each fold and a line for their mean. All models
# get the same folds, and a hard fold is hard for all of them. So much of the spread is
# due to the folds, not to the models. Of the moons, a fold is forty points, and one of
# them on the wrong side, with a sure answer, costs more than ten others.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(
    1, len(tasks), num="comparison", figsize=(9, 2.6), layout="constrained", sharey=True
)
for ax, task in zip(axes, tasks):
    for row, name in enumerate(models):
        loss = losses[task, name]
        ax.plot(loss, [row] * len(loss), "o", color="#b35806", alpha=0.6)
        ax.plot([loss.mean()] * 2, [row - 0.3, row + 0.3], color="black")
    ax.set_yticks(range(len(models)), models)
    ax.set(title=task, xlabel="log-loss, less is better", xlim=(0, None))
    ax.grid(axis="x", alpha=0.3)
axes[0].invert_yaxis()

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
