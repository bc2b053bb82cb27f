"""
The run that never converges
============================

The article trains its network for 20,000 passes and prints every thousandth loss. The
printed losses settle at 0.0713, and it looks as if training had converged. It has not:
between two printed lines, the loss jumps down and up again at every pass, for ever.
"""

# %%
# The article's run, with its fixed rate, and three more in which only the rate differs.
# (Its rate of 0.01 on the sum over 200 points is a rate of 2 on the mean.)

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
# ``loss_curve_[i]`` is the loss that pass i starts from; the article prints the loss
# after the pass, which is ``loss_curve_[i + 1]``. Beside every thousandth loss stands
# the one a pass later, which nobody printed.

curve = curves["rate 2, fixed"]
print("after pass   the loss   a pass later")
for i in range(0, 19_000, 1000):
    print(f"{i:10d} {curve[i + 1]:10.6f} {curve[i + 2]:14.6f}")

# %%
# Why? Take a parabola of curvature c. A step of rate r multiplies the distance to its
# lowest point by 1 - rc. Up to r = 1/c the steps come down on one side; up to r = 2/c
# each leaps to the other side and still ends lower than it began; beyond that, it ends
# higher. The network's valley is so steep in one direction that a rate of 2 is beyond.
# Its walls are no parabola, though: further out they flatten, the leaps stop growing,
# and two points are left that each lead to the other.
#
# Half the rate comes to rest, and so does a rate that falls towards zero, here along
# half a cosine. Both end near 0.067800, the least loss known.

for name, curve in curves.items():
    print(f"{name:16s} last two losses {curve[-2]:.6f} {curve[-1]:.6f}")

# %%
# On the left, all passes: a band is a cycle of two, drawn so densely that it fills.
# The falling rate leaves its band where it drops below the valley's limit. On the
# right, the last twenty passes one by one.

import matplotlib.pyplot as plt
import numpy as np

figure, axes = plt.subplots(
    1, 2, num="two_step_cycle", figsize=(9, 3.4), layout="constrained", sharey=True,
    width_ratios=[2, 1],
)
styles = [("#b35806", "-"), ("#542788", "--"), ("black", ":")]
for (name, curve), (colour, line) in zip(curves.items(), styles):
    passes = np.arange(len(curve))
    axes[0].plot(passes, curve, color=colour, linestyle=line, linewidth=1, label=name)
    axes[1].plot(passes[-20:], curve[-20:], color=colour, linestyle=line, marker=".")
axes[0].set(xlabel="pass", ylabel="loss", title="every pass")
axes[0].set(xlim=(0, None), ylim=(0.0672, 0.0725))
axes[1].set(xlabel="pass", title="the last twenty")
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
