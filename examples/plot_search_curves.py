"""
A search, epoch by epoch
========================

A search returns the best candidate, but not the reason. With scikit-learn 1.9,
callbacks can record scores while the networks train, in every fold of every candidate.
This example draws them.
"""

# %%
# There are two monitors. scikit-learn's own logs scores on the training rows of the
# fold. This package's logs scores on rows of your own. Both are set on the network.
# They collect the logs of all fits, also of fits in worker processes (``n_jobs=2``).

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.callbacks import EarlyStopping, ValidationMonitor
from sklearn_scratchnn.plotting import TrainingCurveDisplay

plt.style.use("tableau-colorblind10")
warnings.simplefilter("ignore", ConvergenceWarning)  # runs are cut short on purpose

X, X_val, y, y_val = train_test_split(
    *load_digits(return_X_y=True), test_size=500, random_state=0
)
training = ScoringMonitor(scoring="neg_log_loss")
validation = ValidationMonitor(X_val, y_val, scoring="neg_log_loss")
network = ScratchMLPClassifier(
    (30,), solver="adam", alpha=0.0, learning_rate="constant", learning_rate_init=0.01,
    max_iter=30, tol=0.0, early_stopping=False, random_state=0,
).set_callbacks(training, validation)
search = GridSearchCV(
    network, {"batch_size": [10, 50, 500]}, scoring="neg_log_loss", cv=3
).fit(X, y)

# %%
# The log-loss on the validation rows, as the mean of the three folds: where it is
# lowest, and its value after the last epoch.

display = TrainingCurveDisplay.from_logs(
    {"training": training.get_logs(), "validation": validation.get_logs()},
    search=search,
    negate_score=True,
    log_scale=True,
)
display.figure_.set_label("search_curves")
display.figure_.set_size_inches(7.5, 4)
display.figure_.set_layout_engine("constrained")
display.ax_.legend(loc="center left", bbox_to_anchor=(1, 0.5))
_ = display.ax_.set_title("means and deviations of three folds")

for (group, part), (epochs, scores) in display.curves.items():
    if part == "validation":
        losses = -scores.mean(axis=0)
        best = np.argmin(losses)
        print(
            f"{group:14s} lowest {losses[best]:.3f} after epoch {epochs[best]:2.0f}, "
            f"in the end {losses[-1]:.3f}"
        )

# %%
# Small batches mean many updates per epoch. After a few epochs the loss on the training
# rows is nearly zero (there is no penalty), and the loss on other rows rises again. The
# search scores only the network after the last epoch. A callback can end each fit in
# time:

stop = EarlyStopping(X_val, y_val, scoring="neg_log_loss", patience=3)
network.set_params(**search.best_params_).set_callbacks(stop).fit(X, y)
print(f"stopped after {network.n_iter_} of {network.max_iter} epochs")

# %%
# Rows that decide when to stop have a part in the training. To measure the final
# network, use other rows.

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
