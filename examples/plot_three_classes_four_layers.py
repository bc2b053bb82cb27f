"""
Three classes, four layers
==========================

The data are three arms of a spiral. More classes need no other design, because the
network always has one output per class. A second hidden layer is one more number in
``hidden_layer_sizes``. Here it improves the network more than a wider first layer does.
"""

# %%
# The data: each arm winds one and a quarter times around the centre.

import numpy as np

from sklearn_scratchnn import ScratchMLPClassifier


def make_spiral(n_samples, seed):
    rng = np.random.default_rng(seed)
    arm = rng.integers(3, size=n_samples)
    radius = np.sqrt(rng.uniform(0.03, 1, n_samples))
    angle = 2 * np.pi * (arm / 3 + 1.25 * radius)
    angle += 0.15 * rng.standard_normal(n_samples)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), arm


X, y = make_spiral(600, seed=0)
X_new, y_new = make_spiral(3000, seed=1)

# %%
# Three networks. The first has no hidden layer, which is logistic regression. The
# second has one hidden layer of 20 units. The third has two of 8 units, which is the
# same number of parameters, 123. A second layer can combine the outputs of the first.
# On the spiral that fits better than more units in one layer.

from sklearn.metrics import log_loss

networks = [
    ScratchMLPClassifier(
        sizes, activation="tanh", solver="lbfgs", alpha=0.1, max_iter=3000,
        random_state=0,
    ).fit(X, y)
    for sizes in [(), (20,), (8, 8)]
]
titles = ["no hidden layer", "hidden layer of 20", "hidden layers of 8 and 8"]
for title, network in zip(titles, networks):
    shapes = " ".join(str(W.shape) for W in network.coefs_)
    n_parameters = sum(W.size for W in network.coefs_ + network.intercepts_)
    fresh = log_loss(y_new, network.predict_proba(X_new))
    print(
        f"{title:24s} {n_parameters:3d} parameters, weights {shapes}\n{'':24s} "
        f"training loss {network.loss_:.3f}, log-loss on fresh points {fresh:.3f}"
    )

# %%
# The predicted class, over the plane.

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
from sklearn.inspection import DecisionBoundaryDisplay

figure, axes = plt.subplots(
    1, 3, num="three_classes_four_layers", figsize=(10, 3.8), layout="constrained"
)
light = ListedColormap(["#fdd0a2", "#cbc4e0", "#b5dbd3"])
for ax, title, network in zip(axes, titles, networks):
    boundary = DecisionBoundaryDisplay.from_estimator(
        network, X, response_method="predict", grid_resolution=300, eps=0.15, ax=ax,
        plot_method="pcolormesh",
    )
    boundary.surface_.set(cmap=light, clim=(0, 2))
    for k, (colour, marker) in enumerate(zip(["#b35806", "#542788", "#01665e"], "o^s")):
        ax.scatter(*X[y == k].T, c=colour, marker=marker, s=8)
    ax.set(title=title, xlabel="", ylabel="", xticks=[], yticks=[], aspect="equal")

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
