"""The package on versions of scikit-learn that have no callbacks (before 1.9)."""

import subprocess
import sys

import sklearn

PROGRAM = """
import sys, warnings
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

# A newer scikit-learn has imported it for itself by now.
sys.modules["sklearn.callback"] = None
import sklearn_scratchnn.callbacks
from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor

warnings.simplefilter("ignore")
X, y = load_iris(return_X_y=True)
network = {"labels": ScratchMLPClassifier, "numbers": ScratchMLPRegressor}[sys.argv[1]]
assert not hasattr(network(), "set_callbacks")
for solver in ("gd", "sgd", "adam", "adamw", "lbfgs", "gauss_newton"):
    model = network((3,), "tanh", solver=solver, max_iter=3, verbose=2)
    model.set_params(alpha=1.0)
    model.fit(X, y, X_val=X[::2], y_val=y[::2])
    search = GridSearchCV(model.set_params(verbose=0), {"tol": [0.1]}, cv=2)
    search.fit(X, y).predict(X)
"""


def test_verbose_shows_progress_without_sklearn_callback(task):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, task.name], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    starts = [
        start
        for i in (1, 2, 3)
        for start in (f"Iteration {i}, loss = ", "Validation score: ")
    ]
    assert len(lines) == 6 * len(starts)
    for line, start in zip(lines, 6 * starts):
        assert line.startswith(start)


def test_callbacks_are_there_from_1_9_on(task):
    has_callbacks = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
    assert hasattr(task.network(), "set_callbacks") == has_callbacks
    assert hasattr(task.ensemble(), "set_callbacks") == has_callbacks
