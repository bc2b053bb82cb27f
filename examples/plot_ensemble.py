"""
A mean of unlike networks, and where it is in doubt
===================================================

Two networks that differ are wrong in different places. The mean of their probabilities
is wrong less often, and where they are far apart, neither should be believed.
"""

# %%
# The two moons of the article, and a single network beside an ensemble of four. The
# first member of the ensemble is the single network. Every second member reads the
# columns through bins, so its boundary has corners where the others bend.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import log_loss

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPEnsembleClassifier

X, y = make_moons(200, noise=0.20, random_state=0)
X_new, y_new = make_moons(5000, noise=0.20, random_state=1)

single = ScratchMLPClassifier(random_state=0).fit(X, y)
ensemble = ScratchMLPEnsembleClassifier(n_estimators=4, random_state=0).fit(X, y)
for name, model in [("one network", single), ("ensemble", ensemble)]:
    loss = log_loss(y_new, model.predict_proba(X_new))
    error = np.mean(model.predict(X_new) != y_new)
    print(f"{name}: log-loss {loss:.4f}, error {error:.4f} on 5000 new points")

# %%
# Left, the boundary of each member as a thin line, and that of the mean as a thick one.
# Right, the doubt: the mutual information between the answer and the member. It is not
# the noise between the moons, about which all members agree. It is large far from the
# points, where nothing says how the boundary goes on.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
region = {"response_method": "predict_proba", "eps": 1.0, "grid_resolution": 200}
for member in ensemble.estimators_:
    DecisionBoundaryDisplay.from_estimator(
        member,
        X,
        ax=left,
        plot_method="contour",
        levels=[0.5],
        colors="tab:gray",
        linewidths=0.8,
        **region,
    )
mean = DecisionBoundaryDisplay.from_estimator(
    ensemble,
    X,
    ax=left,
    plot_method="contour",
    levels=[0.5],
    colors="black",
    linewidths=2.5,
    **region,
)
left.set_title("the boundaries of the members, and of the mean")

grid = np.column_stack([mean.xx0.ravel(), mean.xx1.ravel()])
doubt = ensemble.doubt(grid).reshape(mean.xx0.shape)
shades = right.contourf(mean.xx0, mean.xx1, doubt, levels=12, cmap="Purples")
figure.colorbar(shades, ax=right, label="mutual information, nats")
right.set_title("where the members are apart")
for ax in (left, right):
    ax.scatter(*X.T, c=y, cmap="coolwarm", s=14, edgecolors="white", linewidths=0.4)
    ax.set(xlabel="x1", ylabel="x2")

figure.set_label("ensemble")

# %%
# Rows unlike those of training are found by it. Of the new points the hundred that the
# members disagree on most are compared with the others.

doubtful = np.argsort(-ensemble.doubt(X_new))[:100]
wrong = ensemble.predict(X_new) != y_new
print(f"error of the 100 rows of most doubt: {wrong[doubtful].mean():.3f}")
print(f"error of all rows: {wrong.mean():.4f}")

far = np.array([[-3.0, 2.5], [4.0, 2.0], [0.0, -3.0], [3.5, -2.5]])
ratio = ensemble.doubt(far).max() / np.median(ensemble.doubt(X_new))
print(f"doubt far from the points, over that of a usual row: {ratio:.0f}")

# %%
# The probabilities of the mean are calibrated too. Of noisy data, a curve for each:

from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from sklearn_scratchnn.plotting import ReliabilityDisplay

Z, labels = make_classification(6000, n_informative=6, flip_y=0.2, random_state=0)
Z, Z_new, labels, labels_new = train_test_split(
    Z, labels, train_size=1000, random_state=0
)
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model in [
    ("one network", ScratchMLPClassifier(random_state=0)),
    ("ensemble", ScratchMLPEnsembleClassifier(random_state=0)),
]:
    model.fit(Z, labels)
    loss = log_loss(labels_new, model.predict_proba(Z_new))
    ReliabilityDisplay.from_estimator(
        model, Z_new, labels_new, name=name, ax=ax
    )
    error = np.mean(model.predict(Z_new) != labels_new)
    print(f"noisy labels, {name}: log-loss {loss:.4f}, error {error:.4f}")

figure.set_label("ensemble_calibration")

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
