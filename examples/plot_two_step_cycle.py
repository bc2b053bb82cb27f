"""
The training that never converges
=================================

The article trains its network for 20,000 epochs and prints every thousandth loss. The
printed losses settle at 0.0713, and training seems to have converged. It has not:
between two printed lines, the loss jumps down or up at every epoch, without end.
"""

# %%
# The article's training, with its fixed learning rate, and two more in which only the
# rate differs. (Its rate of 0.01 on the sum over 200 points is a rate of 2 on the
# mean.)

import warnings

from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from sklearn_scratchnn import ScratchMLPClassifier

X, y = make_moons(200, noise=0.20, random_state=0)
warnings.simplefilter("ignore", ConvergenceWarning)  # a rate of 2 is warned of

article = ScratchMLPClassifier(
    (3,), activation="tanh", init="lecun_normal", solver="gd", max_iter=20_000, tol=0.0,
    alpha=0.01, standardize=False, early_stopping=False, random_state=0,
)
rates = {
    "rate 2, fixed": dict(learning_rate="constant", learning_rate_init=2.0),
    "rate 1, fixed": dict(learning_rate="constant", learning_rate_init=1.0),
    "rate 2, decayed": dict(learning_rate="cosine", learning_rate_init=2.0),
}
curves = {}
for name, rate in rates.items():
    curves[name] = article.set_params(**rate).fit(X, y).loss_curve_

# %%
# ``loss_curve_[i]`` is the loss at the start of epoch i. The article prints the loss
# after the epoch, which is ``loss_curve_[i + 1]``. The table has every thousandth loss,
# and beside it the loss one epoch later, which the article does not print.

curve = curves["rate 2, fixed"]
print("after epoch   the loss   an epoch later")
for i in range(0, 19_000, 1000):
    print(f"{i:11d} {curve[i + 1]:10.6f} {curve[i + 2]:16.6f}")

# %%
# Why? Take a parabola of curvature c. A step of rate r multiplies the distance to its
# lowest point by 1 - rc. Up to r = 1/c the steps stay on one side. Up to r = 2/c each
# step crosses to the other side, and still ends lower than it began. Beyond that, it
# ends higher. The network's valley is so steep in one direction that a rate of 2 is
# beyond the limit. Its walls are no parabola, though. Further out they are flatter, so
# the steps stop growing. Two points remain, each of which leads to the other.
#
# Training at half the rate comes to rest. So does training at a rate that falls towards
# zero, here along half a cosine. Both end near 0.067800, the least loss known.

for name, curve in curves.items():
    print(f"{name:16s} last two losses {curve[-2]:.6f} {curve[-1]:.6f}")

# %%
# The left panel shows all epochs. A cycle of two is drawn so densely that it fills a
# band. With the falling rate, the band ends where the rate drops below the valley's
# limit. The right panel shows the last twenty epochs one by one.

import matplotlib.pyplot as plt
import numpy as np

figure, axes = plt.subplots(
    1, 2, num="two_step_cycle", figsize=(9, 3.4), layout="constrained", sharey=True,
    width_ratios=[2, 1],
)
styles = [("#b35806", "-"), ("#542788", "--"), ("black", ":")]
for (name, curve), (colour, line) in zip(curves.items(), styles):
    epochs = np.arange(len(curve))
    axes[0].plot(epochs, curve, color=colour, linestyle=line, linewidth=1, label=name)
    axes[1].plot(epochs[-20:], curve[-20:], color=colour, linestyle=line, marker=".")
axes[0].set(xlabel="epoch", ylabel="loss", title="every epoch")
axes[0].set(xlim=(0, None), ylim=(0.0672, 0.0725))
axes[1].set(xlabel="epoch", title="the last twenty")
axes[1].set_xticks([19_980, 19_990, 20_000])
_ = axes[0].legend(loc="center right", frameon=False)

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
