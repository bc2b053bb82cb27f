"""The network under scikit-learn's callbacks and this package's."""

import pickle
import shutil
import signal
import subprocess
import sys

import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_iris, make_moons
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.callbacks import Checkpoint, EarlyStopping, ValidationMonitor

skl = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SOLVERS = ["gd", "sgd", "adam", "adamw", "lbfgs", "gauss_newton"]


class Spy:
    """Calls a function at the end of each task that gives a fitted estimator."""

    def __init__(self, function):
        self.function = function
        self.torn_down = 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if fitted_estimator is not None:
            return self.function(context, fitted_estimator)


@pytest.fixture(scope="module")
def moons():
    X, y = make_moons(160, noise=0.25, random_state=0)
    return X[:90], y[:90], X[90:], y[90:]


def epochs(log):
    """Return the rows of a log that are iterations, not whole fits."""
    deepest = max(len(row["task_id_path"]) for row in log.data)
    return [row for row in log.data if len(row["task_id_path"]) == deepest]


def network(solver, **params):
    params = {"max_iter": 12, "early_stopping": False, "random_state": 0} | params
    return ScratchMLPClassifier((4,), solver=solver, **params)


# Epochs as tasks


@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_change_no_bit(moons, solver):
    X, y, X_val, y_val = moons
    watched = network(solver).set_callbacks(
        skl.ScoringMonitor(scoring="accuracy"), ValidationMonitor(X_val, y_val)
    )
    expected = network(solver).fit(X, y)
    for got, coef in zip(watched.fit(X, y).coefs_, expected.coefs_):
        assert_array_equal(got, coef)


@pytest.mark.parametrize("solver", SOLVERS)
def test_scoring_monitor_logs_every_epoch(moons, solver):
    X, y, X_val, y_val = moons
    monitor = skl.ScoringMonitor(scoring="neg_log_loss")
    model = network(solver).set_callbacks(monitor).fit(X, y)
    rows = epochs(monitor.get_logs())
    assert [row["task_id"] for row in rows] == list(range(model.n_iter_))
    scorer = get_scorer("neg_log_loss")
    assert rows[-1]["neg_log_loss"] == pytest.approx(scorer(model, X, y))
    assert rows[0]["neg_log_loss"] < rows[-1]["neg_log_loss"]


def test_scoring_monitor_takes_a_plain_callable(moons):
    X, y, X_val, y_val = moons
    monitor = skl.ScoringMonitor(scoring=share_of_ones)
    model = network("adam").set_callbacks(monitor).fit(X, y)
    share = monitor.get_logs().data[0]["share of ones"]
    assert share == model.predict(X).mean()


def share_of_ones(estimator, X, y):
    return {"share of ones": estimator.predict(X).mean()}


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stop_request_stops_at_that_epoch(moons, solver):
    X, y, X_val, y_val = moons
    seen = []

    def third(context, fitted):
        seen.append(fitted)
        return context.task_id == 2

    model = network(solver).set_callbacks(Spy(third)).fit(X, y)
    assert model.n_iter_ == 3 == len(seen) - 1
    assert [fitted.n_iter_ for fitted in seen] == [1, 2, 3, 3]
    for got, expected in zip(model.coefs_, seen[2].coefs_):
        assert_array_equal(got, expected)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stopped_fit_keeps_the_best(moons, solver):
    X, y, X_val, y_val = moons
    ask = Spy(lambda context, fitted: context.task_id == 5)
    model = network(solver, early_stopping=True).set_callbacks(ask)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert model.n_iter_ <= 6
    loss = -get_scorer("neg_log_loss")(model, X_val, y_val)
    assert loss == pytest.approx(-model.best_validation_score_)
    assert model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "gauss_newton"])
def test_the_fitted_estimator_is_that_of_a_shorter_fit(moons, solver):
    X, y, X_val, y_val = moons
    seen = []
    spy = Spy(lambda context, fitted: seen.append(fitted))
    network(solver, learning_rate="constant").set_callbacks(spy).fit(X, y)
    for n_iter in (1, 4):
        shorter = network(solver, learning_rate="constant", max_iter=n_iter).fit(X, y)
        got = seen[n_iter - 1]
        assert_array_equal(got.predict_proba(X_val), shorter.predict_proba(X_val))


def test_a_failing_callback_leaves_the_model_and_tears_down(moons):
    X, y, X_val, y_val = moons

    def fail(context, fitted):
        raise RuntimeError("at once")

    model = network("adam").fit(X, y)
    before = model.coefs_
    spy = Spy(fail)
    with pytest.raises(RuntimeError, match="at once"):
        model.set_callbacks(spy).fit(X, y)
    assert spy.torn_down == 1
    assert model.coefs_ is before
    assert not [name for name in vars(model) if "ctx" in name]


def test_early_stopping_ends_a_network_before_its_time(moons):
    X, y, X_val, y_val = moons
    kwargs = {"scoring": "neg_log_loss", "patience": 2, "tol": 0}
    monitor = ValidationMonitor(X_val, y_val, "neg_log_loss")
    model = network("lbfgs", max_iter=500, alpha=0)
    model.set_callbacks(monitor, EarlyStopping(X_val, y_val, **kwargs)).fit(X, y)
    scores = [row["neg_log_loss"] for row in epochs(monitor.get_logs())]
    assert len(scores) == model.n_iter_ < 500
    assert max(scores[:-3]) >= max(scores[-3:])


def test_progress_bars_nest_under_a_search(moons, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "200")
    X, y, X_val, y_val = moons
    search = GridSearchCV(network("adam"), {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2)
    search.set_callbacks(skl.ProgressBar(max_propagation_depth=None)).fit(X, y)
    shown = capsys.readouterr().out
    assert "GridSearchCV - fit" in shown
    for task in range(4):
        line = f"candidate-split-evaluation | ScratchMLPClassifier - fit #{task}"
        assert line in " ".join(shown.split())
    assert "100%" in shown


def test_early_stopping_works_in_workers(moons):
    X, y, X_val, y_val = moons
    stop = EarlyStopping(X_val, y_val, "neg_log_loss", patience=0, tol=1e9)
    model = network("adam").set_callbacks(stop)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2)
    scoring = {"n_iter": lambda estimator, X, y: estimator.n_iter_}
    search.set_params(scoring=scoring, refit=False).fit(X, y)
    assert_array_equal(search.cv_results_["mean_test_n_iter"], 2)


def test_early_stopping_pickles_in_the_middle_of_a_fit(moons):
    X, y, X_val, y_val = moons
    stop = EarlyStopping(X_val, y_val, patience=0, tol=1e9)
    copies = []
    spy = Spy(lambda context, fitted: copies.append(pickle.loads(pickle.dumps(stop))))
    network("adam").set_callbacks(stop, spy).fit(X, y)
    assert network("adam").set_callbacks(copies[0]).fit(X, y).n_iter_ == 2


def test_a_checkpoint_in_a_search_ends_with_the_refitted(moons, tmp_path):
    X, y, X_val, y_val = moons
    checkpoint = Checkpoint(tmp_path / "model.ckpt", every=1000)
    model = network("adam").set_callbacks(checkpoint)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2).fit(X, y)
    loaded = Checkpoint.load(checkpoint.path)
    assert_same_fit(loaded, search.best_estimator_)
    assert loaded.get_params() == search.best_estimator_.get_params()


# Resuming

RESUMED = {
    "gd": {},
    "gd, converging": {"tol": 0.2, "max_iter": 100},
    "sgd": {},
    "sgd, adaptive": {"learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
    "adam": {},
    "adam, dropout": {"dropout": 0.2},
    "adam, patience": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 100},
    "adamw": {},
    "gauss_newton": {},
}


def resumable(case):
    """Return an estimator for a name in `RESUMED`."""
    solver = case.split(",")[0]
    return network(solver, **{"max_iter": 20, "batch_size": 32} | RESUMED[case])


def assert_same_fit(got, expected):
    """Assert that two networks have the same weights and history, to the bit."""
    assert_array_equal(got.loss_curve_, expected.loss_curve_)
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(got, name), getattr(expected, name), strict=True):
            assert_array_equal(one, other)


@pytest.mark.parametrize("case", RESUMED)
def test_a_fit_resumes_from_each_of_its_epochs(case, moons, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "newest.ckpt"
    kept = []

    def keep(context, fitted):
        kept.append(shutil.copy(path, tmp_path / f"{len(kept)}.ckpt"))

    whole = resumable(case).set_callbacks(Checkpoint(path), Spy(keep)).fit(X, y)
    if RESUMED[case].get("max_iter"):
        assert whole.n_iter_ < RESUMED[case]["max_iter"]
    assert len(kept) == whole.n_iter_ + 1
    for file in kept:
        resumed = Checkpoint.resume(file)
        assert not hasattr(resumed, "coefs_")
        assert_same_fit(resumed.fit(X, y), whole)
    assert_same_fit(resumed.fit(X, y), whole)


KILLED = """
import os, signal, sys
from sklearn.datasets import load_iris
from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.callbacks import Checkpoint

class Kill:
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context):
        if context.task_id == 7 - 1:
            os.kill(os.getpid(), signal.SIGKILL)

X, y = load_iris(return_X_y=True)
model = ScratchMLPClassifier(**eval(sys.argv[2]))
model.set_callbacks(Checkpoint(sys.argv[1], every=3), Kill()).fit(X, y)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("solver", ["gd", "sgd", "adam", "adamw", "gauss_newton"])
def test_a_killed_fit_resumes_to_the_same_bits(solver, tmp_path):
    path = tmp_path / "model.ckpt"
    params = network(solver).get_params()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path, repr(params)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    X, y = load_iris(return_X_y=True)
    whole = network(solver).fit(X, y)
    assert Checkpoint.load(path).n_iter_ == 6 < whole.n_iter_
    assert_same_fit(Checkpoint.resume(path).fit(X, y), whole)


def test_lbfgs_resumes_to_the_same_optimum(moons, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    params = {"hidden_layer_sizes": (), "max_iter": 1000, "tol": 1e-8}
    ask = Spy(lambda context, fitted: context.task_id == 3)
    stopped = network("lbfgs").set_params(**params)
    stopped.set_callbacks(Checkpoint(path), ask).fit(X, y)
    whole = network("lbfgs").set_params(**params).fit(X, y)
    resumed = Checkpoint.resume(path).fit(X, y)
    assert stopped.n_iter_ == 4 < resumed.n_iter_
    got, expected = resumed.predict_proba(X_val), whole.predict_proba(X_val)
    assert_allclose(got, expected, atol=1e-5)
    assert abs(stopped.predict_proba(X_val) - expected).max() > 1e-5


@pytest.mark.parametrize(
    "params",
    [{"max_iter": 5}, {"early_stopping": True, "max_iter": 500}, {"max_iter": 500}],
    ids=["exhausted", "out of patience", "converged"],
)
def test_lbfgs_makes_no_pass_after_the_end(params, moons, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    whole = network("lbfgs", **params).set_callbacks(Checkpoint(path)).fit(X, y)
    resumed = Checkpoint.resume(path).fit(X, y)
    assert_same_fit(resumed, whole)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_resumed_fit_keeps_the_chosen_penalty(early_stopping, tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    path = tmp_path / "model.ckpt"
    model = ScratchMLPClassifier(
        (10,), early_stopping=early_stopping, random_state=0
    ).set_callbacks(Checkpoint(path), Spy(lambda context, fitted: True))
    model.fit(X, y)
    assert model.alpha_path_ is not None
    resumed = Checkpoint.resume(path).fit(X, y)
    assert resumed.n_iter_ > model.n_iter_ == 1
    assert resumed.alpha_ == model.alpha_
    for name, values in model.alpha_path_.items():
        assert_array_equal(resumed.alpha_path_[name], values)
    assert resumed.loss_curve_[0] == model.loss_curve_[0]
    assert resumed.loss_curve_[-1] < model.loss_curve_[-1]


def test_a_resumed_fit_is_checkpointed_in_turn(moons, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    ask = Spy(lambda context, fitted: context.task_id == 4)
    network("adam").set_callbacks(Checkpoint(path), ask).fit(X, y)
    assert Checkpoint.load(path).n_iter_ == 5
    resumed = Checkpoint.resume(path).set_callbacks(Checkpoint(path)).fit(X, y)
    assert_same_fit(Checkpoint.load(path), resumed)
    assert resumed.n_iter_ == 12
