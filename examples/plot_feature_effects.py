"""
Which features matter, and in which direction?
==============================================

Two methods answer this for a fitted network. ``input_gradients`` measures how its
output changes if a feature of a row changes a little. ``permutation_importance``
measures how much worse the network gets if a feature is shuffled between the rows.
"""

# %%
# A network for the breast cancer data, with the probability of a malignant tumour.

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from sklearn_scratchnn import ScratchMLPClassifier

data = load_breast_cancer()
y = data.target_names[data.target]
X, X_test, y, y_test = train_test_split(data.data, y, stratify=y, random_state=0)
network = ScratchMLPClassifier((20,), solver="lbfgs", alpha=3.0, random_state=0)
network.fit(X, y)
print(f"accuracy on test rows {network.score(X_test, y_test):.3f}")

# %%
# Backpropagation computes the derivative of the loss from the outputs to the weights.
# One product further it arrives at the inputs. For each row, this is the slope of the
# logit of "malignant" along each feature. Multiplied by the feature's standard
# deviation, slopes of features in different units can be compared. Their sign is a
# direction, which importances do not have. Their spread over the rows shows whether the
# effect is the same everywhere.

slopes = network.input_gradients(X_test, target="malignant") * X.std(axis=0)

# %%
# Shuffling, on the same rows: the rise of the log-loss, the mean of ten shuffles.

from sklearn.inspection import permutation_importance

importance = permutation_importance(
    network, X_test, y_test, scoring="neg_log_loss", n_repeats=10, random_state=0
)
top = np.abs(slopes).mean(axis=0).argsort()[::-1][:10]
print(f"{'feature':24s} mean slope   rise of the log-loss when shuffled")
for feature in top:
    print(
        f"{data.feature_names[feature]:24s} {slopes[:, feature].mean():+10.2f} "
        f"{importance.importances_mean[feature]:16.3f}"
    )

# %%
# The bars are means over rows and over shuffles, the whiskers one standard deviation.
# The two orders differ, because the questions differ. A feature with a steep slope may
# be shuffled with little effect, if other features hold the same information: radius,
# perimeter and area are nearly one feature here. Neither plot is a statement about
# tumours. Both describe this network.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(
    1, 2, num="feature_effects", figsize=(9, 4), layout="constrained", sharey=True
)
for ax, means, spreads, title, label in [
    (axes[0], slopes.mean(axis=0), slopes.std(axis=0), "input_gradients",
     "slope of the logit per standard deviation"),
    (axes[1], importance.importances_mean, importance.importances_std,
     "permutation_importance", "rise of the log-loss"),
]:
    colours = np.where(means[top] > 0, "#b35806", "#998ec3")
    ax.barh(data.feature_names[top], means[top], xerr=spreads[top], color=colours)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set(title=title, xlabel=label)
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
