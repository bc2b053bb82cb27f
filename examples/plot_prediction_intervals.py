"""
Prediction intervals from quantiles
===================================

A mean says what to expect, and not how far off it may be. Three networks with
``loss="quantile"`` predict the number that 5, 50 and 95 % of the answers are below. The
outer two are an interval that nine in ten answers lie in, narrow where the data are
clean and wide where they are noisy.
"""

# %%
# One feature. The noise grows with it. As the data are drawn here, the true quantiles
# are known, and there are as many new rows as we like.

import numpy as np
from scipy.stats import norm

from sklearn_scratchnn import ScratchMLPRegressor


def curve(x):
    return 2 * np.sin(x) + 0.3 * x


def spread(x):
    return 0.1 + 0.15 * x


def draw(n_rows, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, n_rows)
    return x[:, np.newaxis], curve(x) + spread(x) * rng.standard_normal(n_rows)


X, y = draw(1500, seed=0)
X_new, y_new = draw(20_000, seed=1)

# %%
# A network for each quantile, with a smooth activation, as such curves are smooth. The
# share of new rows below its prediction should be the quantile itself.

from sklearn.base import clone

mean = ScratchMLPRegressor(activation="tanh", random_state=0)
levels = [0.05, 0.5, 0.95]
networks = {
    q: clone(mean).set_params(loss="quantile", quantile=q).fit(X, y) for q in levels
}
predicted = {q: network.predict(X_new) for q, network in networks.items()}
for q in levels:
    print(f"quantile {q:4.2f}: {np.mean(y_new <= predicted[q]):.3f} of new rows below")

crossed = (predicted[0.05] > predicted[0.5]) | (predicted[0.5] > predicted[0.95])
print(f"rows where the quantiles cross: {crossed.mean():.4f}")

# %%
# Beside it, an interval of one width: the mean, plus and minus 1.645 standard
# deviations of the residuals. Over all rows it has about the right coverage. But it is
# far too wide where there is little noise, and too narrow where there is much.

mean.fit(X, y)
half_width = 1.645 * np.std(y - mean.predict(X))
inside = {
    "quantiles": (predicted[0.05] <= y_new) & (y_new <= predicted[0.95]),
    "one width": np.abs(y_new - mean.predict(X_new)) <= half_width,
}
quarter = np.minimum(X_new[:, 0] // 2.5, 3).astype(int)
coverage = {
    name: np.bincount(quarter, hits) / np.bincount(quarter)
    for name, hits in inside.items()
}
print("coverage, to be 0.90        all   in each quarter of the feature's range")
for name, hits in inside.items():
    quarters = "  ".join(f"{share:.3f}" for share in coverage[name])
    print(f"{name:22s} {hits.mean():8.3f}   {quarters}")

# %%
# Left, the three predicted quantiles and, dashed, the true ones. Right, the coverage of
# both intervals in the four quarters.

import matplotlib.pyplot as plt

plt.style.use("tableau-colorblind10")
figure, (left, right) = plt.subplots(
    1, 2, num="prediction_intervals", figsize=(10.5, 4), width_ratios=[2, 1],
    layout="constrained",
)
grid = np.linspace(0, 10, 400)
low, middle, high = (networks[q].predict(grid[:, np.newaxis]) for q in levels)
left.scatter(X[:, 0], y, s=5, color="tab:gray", alpha=0.5)
left.fill_between(grid, low, high, color="#998ec3", alpha=0.45, label="0.05 to 0.95")
left.plot(grid, middle, color="#542788", label="0.5")
for q in levels:
    true = curve(grid) + norm.ppf(q) * spread(grid)
    left.plot(grid, true, "k--", linewidth=0.8, label="true" if q == 0.5 else None)
left.set(xlabel="feature", ylabel="y", title="three quantiles")
left.legend(loc="upper left")

for shift, (name, colour) in zip((-0.2, 0.2), zip(inside, ("#998ec3", "#b35806"))):
    right.bar(np.arange(4) + shift, coverage[name], 0.4, color=colour, label=name)
right.axhline(0.9, color="black", linestyle="--", linewidth=0.8)
right.set_xticks(range(4), ["0 to 2.5", "to 5", "to 7.5", "to 10"])
right.set(ylim=(0.5, 1.05), xlabel="feature", title="share of new rows inside")
right.legend(loc="lower left")

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
