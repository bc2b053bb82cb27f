"""
Reading training curves
=======================

Every fitted network keeps the figures of each epoch in ``history_``.
``TrainingCurveDisplay`` draws them, for one network, or for many as means and bands.
"""

# %%
# One network first. It gets validation rows (``X_val``), and records the loss on them
# as well. The training loss is the objective that is minimised, penalty included. The
# validation loss is without penalty, so it can be the lower one.

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_validate, train_test_split

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.plotting import TrainingCurveDisplay

plt.style.use("tableau-colorblind10")
warnings.simplefilter("ignore", ConvergenceWarning)  # runs are cut short on purpose

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)

model = ScratchMLPClassifier(
    (50,), solver="adam", alpha=1.0, learning_rate="constant", learning_rate_init=0.001,
    max_iter=40, tol=0.0, early_stopping=False, random_state=0,
).fit(X_train, y_train, X_val=X_val, y_val=y_val)
history = model.history_
print("columns of history_:", ", ".join(history))
for epoch, loss in zip(history["epoch"][::13], history["validation_loss"][::13]):
    print(f"validation loss after epoch {epoch:2d}: {loss:.3f}")

# %%
# On a logarithmic axis the end of a curve can be read as well as its beginning.

figure, axes = plt.subplots(
    1, 2, num="training_curves", figsize=(9, 3.4), layout="constrained"
)
TrainingCurveDisplay.from_estimator(model, log_scale=True, ax=axes[0])
TrainingCurveDisplay.from_estimator(model, column="gradient_norm", ax=axes[1])
axes[0].set_title("loss")
_ = axes[1].set_title("length of the gradient")

# %%
# Now four learning rates, each on five folds. The line is the mean of the folds, the
# band one standard deviation to each side. A rate is too low if the loss still falls at
# the end. It is too high if the loss jumps up and down. A cosine from a high rate to
# zero is fast at first and comes to rest at the end.

histories = {}
for name, settings in {
    "0.0003, constant": dict(learning_rate="constant", learning_rate_init=0.0003),
    "0.003, constant": dict(learning_rate="constant", learning_rate_init=0.003),
    "0.1, constant": dict(learning_rate="constant", learning_rate_init=0.1),
    "0.01, cosine": dict(learning_rate="cosine", learning_rate_init=0.01),
}.items():
    model.set_params(max_iter=20, **settings)
    folds = cross_validate(model, X, y, scoring="neg_log_loss", return_estimator=True)
    histories[name] = [fold.history_ for fold in folds["estimator"]]
    loss = -folds["test_score"].mean()
    print(f"{name:17s} log-loss on the held-out folds {loss:.3f}")

display = TrainingCurveDisplay.from_logs(histories, log_scale=True)
display.figure_.set_label("training_curves_rates")
display.figure_.set_size_inches(6.4, 4)
display.ax_.set(title="training loss at four learning rates", ylim=(None, 10))
_ = display.ax_.legend(ncols=2)

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
