"""
The article's five exercises
============================

The article ends with five things to try. Here, each is a change of one parameter, or of
none.
"""

# %%
# The starting point is the article's network, trained at half its rate. It is written
# as minibatch descent with one batch of all 200 points, which is the same as batch
# gradient descent (``solver="gd"``). So the first exercise is a change of one
# parameter, too.

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from sklearn_scratchnn import ScratchMLPClassifier

X, y = make_moons(200, noise=0.20, random_state=0)
warnings.simplefilter("ignore", ConvergenceWarning)  # each run is compared as it ends

article = ScratchMLPClassifier(
    (3,), activation="tanh", init="lecun_normal", solver="sgd", batch_size=200,
    momentum=0.0, learning_rate="constant", learning_rate_init=1.0, max_iter=3000,
    n_iter_no_change=np.inf, alpha=0.01, dtype="float64", standardize=False,
    early_stopping=False, random_state=0,
)
drawn = []


def run(title, X=X, y=y, **change):
    model = clone(article).set_params(**change).fit(X, y)
    swing = np.ptp(model.loss_curve_[-20:])
    print(f"{title:26s} loss {model.loss_:.4f}, within {swing:.0e} for 20 epochs")
    if not title.startswith("..."):
        drawn.append((title, model, X, y))


run("the article, at rate 1")

# %%
# **1. Minibatches.** Ten batches of twenty points are ten updates per epoch. Each uses
# other points, so at a fixed rate the loss never comes to rest.

run("batch_size=20", batch_size=20)

# %%
# **2. An annealed rate.** The rate falls to zero along half a cosine. With a full batch
# that changes little. With minibatches it makes training come to rest.

run('learning_rate="cosine"', learning_rate="cosine")
run("... and batch_size=20", learning_rate="cosine", batch_size=20)

# %%
# **3. Other activations.** Backpropagation needs only the derivative of an activation.
# Three units are enough for the moons if they are smooth. Three ReLUs from this start
# are not, because a ReLU that is zero for all points gets no gradient.

run('activation="logistic"', activation="logistic")
for activation in ["gelu", "softplus", "relu"]:
    run(f'... or "{activation}"', activation=activation)

# %%
# **4. Three classes.** There is one output per class already, so this changes the data
# and no parameter. The valley becomes steeper, though, and a rate of 1 is too high to
# come to rest. The remedy is that of exercise 2.

rng = np.random.default_rng(0)
X3 = np.vstack([X, [2.0, 1.0] + 0.2 * rng.standard_normal((100, 2))])
y3 = np.append(y, np.full(100, 2))
run("three classes", X3, y3)
run("... and an annealed rate", X3, y3, learning_rate="cosine")

# %%
# **5. A fourth layer.** A second hidden layer between the first and the outputs.

run("hidden_layer_sizes=(3, 3)", hidden_layer_sizes=(3, 3))

# %%
# The boundary that each of them has learnt.

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
from sklearn.inspection import DecisionBoundaryDisplay

figure, axes = plt.subplots(2, 3, num="exercises", figsize=(9, 6), layout="constrained")
light = ListedColormap(["#fdd0a2", "#cbc4e0", "#b5dbd3"])
for ax, (title, model, X, y) in zip(axes.flat, drawn):
    boundary = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict", grid_resolution=300, eps=0.5, ax=ax,
        plot_method="pcolormesh",
    )
    boundary.surface_.set(cmap=light, clim=(0, 2))
    for k, marker in enumerate("o^s"[: len(model.classes_)]):
        colour = ["#b35806", "#542788", "#01665e"][k]
        ax.scatter(*X[y == k].T, c=colour, marker=marker, s=10)
    ax.set(title=title, xlabel="", ylabel="", xticks=[], yticks=[])

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
