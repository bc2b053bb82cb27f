"""
A rare class
============

One point in twenty belongs to the second class. A network that minimises the loss over
all points finds few of them, because they are a small part of the loss. Two remedies
find more: weights for the classes (``class_weight``), or a lower threshold.
"""

# %%
# The data: two classes that overlap, in a proportion of 19 to 1.

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.metrics import log_loss, recall_score
from sklearn.model_selection import TunedThresholdClassifierCV

from sklearn_scratchnn import ScratchMLPClassifier


def make_rare(n_samples, seed):
    n_rare = n_samples // 20
    return make_moons((n_samples - n_rare, n_rare), noise=0.3, random_state=seed)


X, y = make_rare(1000, seed=0)
X_new, y_new = make_rare(20_000, seed=1)

# %%
# Three classifiers. The first is the plain network. The second has
# ``class_weight="balanced"``, which multiplies the weight of each row so that both
# classes have the same sum of weights. The third is the plain network again, with
# another threshold on its probability. scikit-learn's ``TunedThresholdClassifierCV``
# chooses the threshold by balanced accuracy, the mean of both recalls.

plain = ScratchMLPClassifier((10,), activation="tanh", solver="lbfgs", alpha=1.0)
plain.set_params(random_state=0)
balanced = clone(plain).set_params(class_weight="balanced")
moved = TunedThresholdClassifierCV(plain, scoring="balanced_accuracy", random_state=0)
models = {
    "plain": plain, 'class_weight="balanced"': balanced, "moved threshold": moved
}

print(f"{'on fresh points':24s} recall: common  rare       mean   log-loss   mean of p")
for name, model in models.items():
    model.fit(X, y)
    recall = recall_score(y_new, model.predict(X_new), average=None)
    p = model.predict_proba(X_new)
    print(
        f"{name:24s} {recall[0]:14.3f} {recall[1]:5.3f} {recall.mean():10.3f} "
        f"{log_loss(y_new, p):10.3f} {p[:, 1].mean():11.3f}"
    )

# %%
# Both remedies find most of the rare points, and give more false alarms. But weights
# change what the probabilities mean. Those of the weighted network are as if both
# classes were equally common: their mean is far above the true share of 0.05, and their
# log-loss is bad. If you need probabilities, use no weights and move the threshold.

import matplotlib.pyplot as plt
from sklearn.inspection import DecisionBoundaryDisplay

figure, axes = plt.subplots(
    1, 3, num="imbalanced", figsize=(10, 3.4), layout="constrained"
)
for ax, (name, model) in zip(axes, models.items()):
    threshold = getattr(model, "best_threshold_", 0.5)
    boundary = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", grid_resolution=200, ax=ax,
        plot_method="contourf", levels=np.linspace(0, 1, 21), cmap="PuOr", vmin=-1,
        vmax=2,
    )
    boundary.plot(plot_method="contour", levels=[threshold], colors="black", ax=ax)
    ax.scatter(*X[y == 0].T, c="#b35806", marker="o", s=3)
    ax.scatter(*X[y == 1].T, c="#542788", marker="^", s=24)
    ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
    ax.set_title(f"{name}, line at {threshold:.2f}")

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
