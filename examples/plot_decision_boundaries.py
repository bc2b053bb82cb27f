"""
A straight line and a network
=============================

Two classes of points have the shape of two moons, bent around each other. No straight
line can separate them. Logistic regression draws the best line there is. A network with
three hidden units draws a curve.
"""

# %%
# The data: 200 points to train on, and 5,000 fresh ones from the same source for
# testing.

from sklearn.datasets import make_moons

X, y = make_moons(200, noise=0.20, random_state=0)
X_new, y_new = make_moons(5000, noise=0.20, random_state=1)

# %%
# Two models. The network has one hidden layer of three tanh units. Its ``alpha`` is
# small, so that the data alone shape its boundary.

import warnings

from sklearn.linear_model import LogisticRegressionCV

from sklearn_scratchnn import ScratchMLPClassifier

warnings.filterwarnings("ignore", category=FutureWarning)  # on coming default values

models = {
    "logistic regression": LogisticRegressionCV(),
    "network, 3 hidden units": ScratchMLPClassifier(
        (3,), activation="tanh", solver="lbfgs", alpha=0.01, random_state=0
    ),
}
for name, model in models.items():
    model.fit(X, y)
    print(
        f"{name:24s} accuracy on the 200 points {model.score(X, y):.3f}, "
        f"on fresh points {model.score(X_new, y_new):.3f}"
    )

# %%
# The shading is the probability of the second class. On the black line it is one half.
# scikit-learn's own display draws both models. It computes the probabilities of a
# classifier on a grid.

import matplotlib.pyplot as plt
from sklearn.inspection import DecisionBoundaryDisplay


def draw_points(ax, title):
    for k, (colour, marker) in enumerate([("#b35806", "o"), ("#542788", "^")]):
        ax.scatter(*X[y == k].T, c=colour, marker=marker, s=18, label=f"class {k}")
    ax.set(title=title, xlabel="", ylabel="", xticks=[], yticks=[])


figure, axes = plt.subplots(
    1, 3, num="decision_boundaries", figsize=(10, 3.4), layout="constrained"
)
for ax, (name, model) in zip(axes[1:], models.items()):
    boundary = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", grid_resolution=300, eps=0.5, ax=ax,
        plot_method="contourf", levels=20, cmap="PuOr", vmin=-1, vmax=2,
    )
    boundary.plot(plot_method="contour", levels=[0.5], colors="black", ax=ax)
    draw_points(ax, name)
draw_points(axes[0], "the data")
axes[0].set(xlim=axes[1].get_xlim(), ylim=axes[1].get_ylim())
_ = axes[0].legend(loc="upper right", frameon=False)

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
