"""
Looking into a network
======================

What a network has learnt is in its weights. ``NetworkDisplay`` draws few weights as
lines between circles. If the inputs are pixels, it draws the weights as images.
"""

# %%
# The article's network: two inputs, three tanh units, two outputs. Lines are weights,
# and the larger a weight, the wider its line. Each hidden unit weights the two
# coordinates in its own way, which defines a line in the plane.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits, make_moons

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.plotting import NetworkDisplay

X, y = make_moons(200, noise=0.20, random_state=0)
moons = ScratchMLPClassifier(
    (3,), activation="tanh", solver="lbfgs", alpha=0.01, random_state=0
).fit(X, y)
for unit in range(3):
    (w0, w1), b = moons.coefs_[0][:, unit], moons.intercepts_[0][unit]
    print(f"hidden unit {unit}: tanh({w0:+.2f} x0 {w1:+.2f} x1 {b:+.2f})")

display = NetworkDisplay.from_estimator(moons, X, class_names=["upper", "lower"])
display.figure_.set_label("network_diagram")

# %%
# Handwritten digits, eight by eight pixels. The weights into one hidden unit have the
# shape of an image. Ink on blue pixels turns the unit on, and ink on red pixels turns
# it off. With ``X``, each weight is multiplied by its pixel's standard deviation, so a
# pixel that is always white has no colour.

X, y = load_digits(return_X_y=True)
digits = ScratchMLPClassifier((30,), solver="lbfgs", alpha=30.0, random_state=0)
digits.fit(X, y)
print(f"accuracy on the {len(X)} digits it was trained on: {digits.score(X, y):.3f}")

display = NetworkDisplay.from_estimator(digits, X, image_shape=(8, 8))
display.figure_.set_label("network_hidden_units")
_ = display.ax_.set_title("16 of 30 hidden units")

# %%
# Without a hidden layer there is one image for each class: the template that logistic
# regression compares a digit with. The hidden units above are parts that several digits
# share.

logistic = ScratchMLPClassifier((), solver="lbfgs", alpha=30.0, random_state=0)
logistic.fit(X, y)
print(f"without the hidden layer: {logistic.score(X, y):.3f}")
display = NetworkDisplay.from_estimator(logistic, X, image_shape=(8, 8))
display.figure_.set_label("network_classes")
_ = display.ax_.set_title("no hidden layer: the ten classes", y=1.03)

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
