"""
How many hidden units?
======================

The article's figure, with one panel for each of seven hidden-layer sizes. A second
figure shows what the first cannot: the loss on points that the network has not seen.
"""

# %%
# Each size is trained from five random starts. The one with the least training loss is
# kept, because a small network can end in a poor minimum. The objective is the
# article's, on the raw inputs (``standardize=False``).

from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.metrics import log_loss

from sklearn_scratchnn import ScratchMLPClassifier

X, y = make_moons(200, noise=0.20, random_state=0)
X_new, y_new = make_moons(5000, noise=0.20, random_state=1)


def best_of_five(n_units, alpha):
    network = ScratchMLPClassifier(
        (n_units,), activation="tanh", solver="lbfgs", alpha=alpha, standardize=False
    ).set_params(max_iter=2000, tol=1e-4)
    starts = [clone(network).set_params(random_state=seed) for seed in range(5)]
    return min((start.fit(X, y) for start in starts), key=lambda model: model.loss_)


sizes = [1, 2, 3, 4, 5, 20, 50]


def fit_and_print(alpha):
    models = [best_of_five(n_units, alpha) for n_units in sizes]
    seen = [log_loss(y, model.predict_proba(X)) for model in models]
    fresh = [log_loss(y_new, model.predict_proba(X_new)) for model in models]
    print(f"log-loss with alpha={alpha:<6g} on the 200 points   on fresh points")
    for row in zip(sizes, seen, fresh):
        print("{:6d} hidden units {:19.3f} {:19.3f}".format(*row))
    return models, seen, fresh


# %%
# With nearly no penalty, more units always fit the 200 points better. On fresh points
# two or three units are best. From four on, the boundary bends around single noisy
# points. There, the network is confident and wrong, and its loss is higher.

models, seen, fresh = fit_and_print(alpha=0.01)

# %%
# The other remedy is to keep the units and to put a larger penalty on large weights.
# With ``alpha=1`` fifty units do nearly no harm, so you need not know the right number.

models_alpha_1, seen_alpha_1, fresh_alpha_1 = fit_and_print(alpha=1)

# %%
# The boundaries: seven sizes with the small penalty, then fifty units with the larger.

import matplotlib.pyplot as plt
from sklearn.inspection import DecisionBoundaryDisplay

titles = [f"{n_units} hidden unit{'s' * (n_units > 1)}" for n_units in sizes]
figure, axes = plt.subplots(
    2, 4, num="hidden_sizes", figsize=(10, 5), layout="constrained"
)
for ax, model, title in zip(
    axes.flat, [*models, models_alpha_1[-1]], [*titles, "50 hidden units, alpha=1"]
):
    boundary = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", grid_resolution=200, eps=0.5, ax=ax,
        plot_method="contourf", levels=20, cmap="PuOr", vmin=-1, vmax=2,
    )
    boundary.plot(plot_method="contour", levels=[0.5], colors="black", ax=ax)
    for k, (colour, marker) in enumerate([("#b35806", "o"), ("#542788", "^")]):
        ax.scatter(*X[y == k].T, c=colour, marker=marker, s=7)
    ax.set(title=title, xlabel="", ylabel="", xticks=[], yticks=[])

# %%
# The losses. Where the solid line is above the dashed line, the network has learnt
# noise.

figure, axes = plt.subplots(
    1, 2, num="hidden_sizes_losses", figsize=(8, 3.2), layout="constrained", sharey=True
)
for ax, alpha, dashed, solid in [
    (axes[0], 0.01, seen, fresh), (axes[1], 1, seen_alpha_1, fresh_alpha_1)
]:
    positions = range(len(sizes))
    ax.plot(positions, solid, "o-", color="#b35806", label="on fresh points")
    ax.plot(positions, dashed, "s--", color="#542788", label="on the 200 points")
    ax.set_xticks(positions, sizes)
    ax.set(xlabel="hidden units", title=f"alpha={alpha}", ylim=(0, 0.35))
axes[0].set_ylabel("log-loss")
_ = axes[1].legend(frameon=False)

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
