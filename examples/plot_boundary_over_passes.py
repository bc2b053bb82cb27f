"""
A boundary takes shape
======================

Training moves the boundary a little at every epoch. Here, the same training is stopped
after more and more epochs. The boundary is nearly a straight line at first, and then
gets one bend after the other.
"""

# %%
# With the same seed and the same rate, a fit of 100 epochs is the beginning of the fit
# of 1,000. The rate is half of the article's, which is small enough to come to rest.

import warnings

from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from sklearn_scratchnn import ScratchMLPClassifier

X, y = make_moons(200, noise=0.20, random_state=0)
warnings.simplefilter("ignore", ConvergenceWarning)  # stopping early is the point here


def trained(n_epochs):
    return ScratchMLPClassifier(
        (3,), activation="tanh", init="lecun_normal", solver="gd", max_iter=n_epochs,
        learning_rate="constant", learning_rate_init=1.0, alpha=0.01, tol=0.0,
        standardize=False, early_stopping=False, random_state=0,
    ).fit(X, y)


models = [trained(n_epochs) for n_epochs in [1, 10, 50, 100, 200, 500, 1000, 5000]]
for model in models:
    print(
        f"{model.n_iter_:5d} epochs, loss before the last {model.loss_:.4f}, "
        f"accuracy {model.score(X, y):.3f}"
    )

# %%
# The dashed lines are the hidden units. Along each of them the input of one unit, ``X @
# coefs_[0] + intercepts_[0]``, is zero, and its tanh changes from negative to positive.
# At first the lines lie anywhere. In the end each of the three units shapes one part of
# the boundary.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay


def draw(ax, model, resolution=200):
    boundary = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", grid_resolution=resolution, eps=0.5,
        ax=ax, plot_method="contourf", levels=np.linspace(0, 1, 21), cmap="PuOr",
        vmin=-1, vmax=2,
    )
    boundary.plot(plot_method="contour", levels=[0.5], colors="black", ax=ax)
    for k, (colour, marker) in enumerate([("#b35806", "o"), ("#542788", "^")]):
        ax.scatter(*X[y == k].T, c=colour, marker=marker, s=7)
    grid = np.stack([boundary.xx0, boundary.xx1], axis=-1)
    for unit in np.moveaxis(grid @ model.coefs_[0] + model.intercepts_[0], -1, 0):
        ax.contour(
            boundary.xx0, boundary.xx1, unit, levels=[0], colors="grey",
            linestyles="dashed", linewidths=1,
        )
    plural = "s" if model.n_iter_ > 1 else ""
    ax.set(title=f"{model.n_iter_:,} epoch{plural}", xlabel="", ylabel="", xticks=[],
           yticks=[])


figure, axes = plt.subplots(
    2, 4, num="boundary_over_passes", figsize=(10, 5), layout="constrained"
)
for ax, model in zip(axes.flat, models):
    draw(ax, model)

# %%
# The same as a film: the slider goes to any epoch, and the buttons play it.
# :doc:`Touch it <../learn/touch>` trains the network while you look.

from matplotlib.animation import FuncAnimation

epochs = np.unique(np.geomspace(1, 5000, 18).astype(int))
frames = [trained(n_epochs) for n_epochs in epochs]
film, ax = plt.subplots(
    num="boundary_film", figsize=(4.4, 3.4), dpi=72, layout="constrained"
)


def show(i):
    ax.clear()
    draw(ax, frames[i], resolution=100)


animation = FuncAnimation(film, show, frames=len(frames), interval=250, repeat=False)

# %%

# sphinx_gallery_start_ignore
# A gallery or a notebook has taken the pictures by now; a script saves them here.
import os
from pathlib import Path

for name in plt.get_figlabels():
    path = Path(os.environ.get("SCRATCHNN_PICTURES", "pictures"), f"{name}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    if name == "boundary_film":
        path = path.with_suffix(".gif")
        animation.save(path, writer="pillow")
    else:
        plt.figure(name).savefig(path, dpi=120)
    print(f"picture: {path}")
# sphinx_gallery_end_ignore
