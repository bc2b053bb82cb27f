"""
Early stopping
==============

A network that is trained for long enough memorises its training rows, noise included.
The loss on held-out rows shows when that begins. Early stopping keeps the weights of
the epoch where this loss was lowest.
"""

# %%
# The data are noisy: one label in ten is wrong. The penalty is nearly zero, and there
# are many units and many epochs, so nothing prevents the network from learning the
# noise.

import warnings

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.plotting import TrainingCurveDisplay

X, y = make_classification(
    3000, n_features=20, n_informative=8, flip_y=0.2, class_sep=1.5, random_state=0
)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
X, X_val, y, y_val = train_test_split(X, y, test_size=0.2, random_state=0)

network = ScratchMLPClassifier(
    (100,), solver="adam", learning_rate="constant", learning_rate_init=0.001,
    batch_size=50, alpha=0.01, max_iter=80, tol=1e-4, random_state=0,
)

# %%
# With ``early_stopping=True`` the network measures the loss on the validation rows
# after every epoch. It stops when this loss has not fallen for more than
# ``n_iter_no_change`` epochs, and restores the best weights. Without ``X_val`` it holds
# out a tenth of the rows itself.

stopped = clone(network).set_params(early_stopping=True, n_iter_no_change=10)
_ = stopped.fit(X, y, X_val=X_val, y_val=y_val)

# %%
# The same, but the validation loss is only recorded, and does not end the training.

warnings.simplefilter("ignore", ConvergenceWarning)  # 80 epochs are a choice here
longer = clone(network).set_params(early_stopping=False, n_iter_no_change=80)
longer.fit(X, y, X_val=X_val, y_val=y_val)

for name, model in [("early_stopping=True", stopped), ("early_stopping=False", longer)]:
    print(
        f"{name:20s} {model.n_iter_} epochs; on test rows "
        f"log-loss {log_loss(y_test, model.predict_proba(X_test)):.3f}, "
        f"accuracy {model.score(X_test, y_test):.3f}"
    )

# %%
# The training loss falls all the time. The validation loss begins to rise early. After
# that, the network learns the wrong labels. On the test rows, its log-loss and its
# accuracy get worse.

plt.style.use("tableau-colorblind10")
display = TrainingCurveDisplay.from_estimator(longer)
display.figure_.set_label("early_stopping")
best_epoch = stopped.history_["validation_loss"].argmin() + 1
ax = display.ax_
ax.axvline(best_epoch, color="black", linestyle=":", label="best weights, kept")
ax.axvline(stopped.n_iter_, color="black", linestyle="--", label="end of training")
_ = ax.legend()

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
