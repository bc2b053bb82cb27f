"""scikit-learn's callbacks: what they add to an epoch of about a millisecond.

A time is that of 1 + E epochs less that of one epoch, divided by E; what is paid once a
fit is the rest of the one epoch's. Everything is compared with the same fit below the
decorator that gives it callbacks. Needs scikit-learn 1.9; the progress bar needs rich.
"""

import io
import tempfile
import warnings
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _common import (
    best_in_turn,
    markdown,
    parse,
    report,
    time_between,
    timing_parser,
)
from _contenders import Shape, random_data
from sklearn.exceptions import ConvergenceWarning

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.callbacks import Checkpoint, EarlyStopping, ValidationMonitor

SHAPE = Shape(2000, 20, 3, (50,), 200, "float32")
N_HELD_OUT = 200
BARE, UNUSED = "no machinery", "no callback set"
SCORING = "neg_log_loss"


class Idle:
    """Does nothing at each of the hooks."""

    def setup(self, estimator, context):
        """Begin a fit."""

    def teardown(self, estimator, context):
        """End a fit."""

    def on_fit_task_begin(self, estimator, context):
        """Begin an epoch."""

    def on_fit_task_end(self, estimator, context):
        """End an epoch."""


class Asking(Idle):
    """Does nothing, but has the fitted estimator of every epoch made."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """End an epoch."""


def callbacks(X_val, y_val, folder):
    """Return functions that make a callback, by name."""
    from sklearn.callback import ProgressBar, ScoringMonitor

    held_out = partial(EarlyStopping, X_val, y_val, patience=np.inf)
    file = Path(folder) / "newest.ckpt"
    out = {
        "one that does nothing": Idle,
        "one that needs the fitted estimator": Asking,
        "ScoringMonitor, log-loss of all rows": partial(
            ScoringMonitor, scoring=SCORING
        ),
        "ValidationMonitor, accuracy": partial(ValidationMonitor, X_val, y_val),
        "ValidationMonitor, log-loss": partial(
            ValidationMonitor, X_val, y_val, SCORING
        ),
        "EarlyStopping, accuracy": held_out,
        "EarlyStopping, log-loss": partial(held_out, scoring=SCORING),
        "Checkpoint, every epoch": partial(Checkpoint, file),
        "Checkpoint, every tenth": partial(Checkpoint, file, every=10),
    }
    if find_spec("rich"):
        out["ProgressBar"] = ProgressBar
    return out


def fit(make, max_iter, X, y):
    """Fit from new weights, under a new callback of ``make()`` if there is one."""
    model = ScratchMLPClassifier(
        SHAPE.hidden,
        solver="adam",
        batch_size=SHAPE.batch,
        learning_rate="constant",
        alpha=0,
        standardize=False,
        early_stopping=False,
        n_iter_no_change=np.inf,
        max_iter=max_iter,
        dtype=SHAPE.dtype,
        random_state=0,
    )
    if make is BARE:
        type(model).fit.__wrapped__(model, X, y)
        return
    if make is not UNUSED:
        model.set_callbacks(make())
    with redirect_stdout(io.StringIO()):
        model.fit(X, y)


def measure(n_epochs, rounds, clock):
    """Return milliseconds per epoch and, beyond the bare fit's, per fit, by name."""
    X, y = random_data(SHAPE)
    with tempfile.TemporaryDirectory() as folder:
        made = callbacks(X[:N_HELD_OUT], y[:N_HELD_OUT], folder)
        makers = {BARE: BARE, UNUSED: UNUSED} | made
        runs = {
            (name, max_iter): partial(fit, make, max_iter, X, y)
            for name, make in makers.items()
            for max_iter in (1, 1 + n_epochs)
        }
        best = best_in_turn(runs, rounds, clock)
    figures = {}
    for name in makers:
        epoch = time_between(best[name, 1], best[name, 1 + n_epochs]) / n_epochs
        figures[name] = {"epoch": 1e3 * epoch, "fit": 1e3 * (best[name, 1] - epoch)}
    set_up = figures[BARE]["fit"]
    for row in figures.values():
        row["fit"] -= set_up
        row["per_cent"] = 100 * (row["epoch"] / figures[BARE]["epoch"] - 1)
    return figures


def main():
    """Measure and print."""
    parser = timing_parser(__doc__, rounds=15)
    parser.add_argument("--epochs", type=int, default=200)
    options = parse(parser, epochs=10, rounds=1)
    if not find_spec("sklearn.callback"):
        parser.error("scikit-learn before 1.9 has no callbacks.")
    warnings.simplefilter("ignore", ConvergenceWarning)
    figures = measure(options.epochs, options.rounds, options.clock)
    rows = [
        [name, f"{row['epoch']:.3f}", f"{row['per_cent']:+.1f}", f"{row['fit']:+.2f}"]
        for name, row in figures.items()
    ]
    header = ["", "ms per epoch", "% more (target under 2 with none set)"]
    header += ["ms more, once a fit"]
    heading = f"Epochs of {SHAPE} under callbacks"
    report({"callbacks": figures}, {heading: markdown(header, rows)}, options.json)


if __name__ == "__main__":
    main()
