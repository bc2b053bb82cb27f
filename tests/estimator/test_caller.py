"""Warnings name the line of the caller."""

import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tasks import LABELS, NUMBERS

X, y = make_moons(60, noise=0.2, random_state=0)
NUMBERS_OF_Y = NUMBERS.y(y)


def network(task=LABELS):
    return task.network(3, solver="lbfgs", alpha=0.1, max_iter=1)


def with_callbacks(model):
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    from sklearn_scratchnn.callbacks import ValidationMonitor

    return model.set_callbacks(ValidationMonitor(X, y))


CALLS = {
    "fit": lambda: network().fit(X, y),
    "fit to numbers": lambda: network(NUMBERS).fit(X, NUMBERS_OF_Y),
    "ensemble": lambda: LABELS.ensemble(network()).fit(X, y),
    "ensemble of numbers": lambda: NUMBERS.ensemble(network(NUMBERS)).fit(X, y),
    "with callbacks": lambda: with_callbacks(network()).fit(X, y),
    "pipeline": lambda: make_pipeline(StandardScaler(), network()).fit(X, y),
    "search": lambda: GridSearchCV(network(), {"tol": [0.1, 0.2]}, cv=2).fit(X, y),
    "one vs rest": lambda: OneVsRestClassifier(network()).fit(X, y),
    "scores": lambda: cross_val_score(network(), X, y, cv=2),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_convergence_warning_names_the_line_that_called(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    own = [w for w in caught if w.category is ConvergenceWarning]
    assert own
    line = inspect.getsourcelines(call)[1]
    assert {(w.filename, w.lineno) for w in own} == {(__file__, line)}


def test_all_our_warnings_do(task):
    """Of a parameter without use, of as many held-out rows, of an unweighted scorer."""
    weights = np.ones(60)
    held_out = {"X_val": X, "y_val": task.y(y), "sample_weight_val": weights}

    def scorer(model, X, y):
        return 0.0

    model = network(task).set_params(momentum=0.5, scoring=scorer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, task.y(y), **held_out)
    texts = " ".join(str(w.message) for w in caught)
    assert "momentum=0.5 has no use" in texts
    assert "exactly as many rows" in texts
    assert "takes no sample_weight" in texts
    assert {w.filename for w in caught} == {__file__}


def test_a_script_is_told_of_its_own_line(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from sklearn.datasets import load_iris\n"
        "from sklearn_scratchnn import ScratchMLPClassifier\n"
        "model = ScratchMLPClassifier(3, solver='lbfgs', max_iter=1)\n"
        "model.fit(*load_iris(return_X_y=True))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True
    )
    assert "script.py:4: ConvergenceWarning" in done.stderr
    assert "  model.fit(*load_iris(return_X_y=True))" in done.stderr
