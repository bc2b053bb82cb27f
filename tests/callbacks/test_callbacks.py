"""This package's callbacks, on a linear model, a toy, and the network."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_regressor
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, make_scorer, zero_one_loss
from sklearn.model_selection import GridSearchCV
from tasks import TASKS, every_task

from sklearn_scratchnn.callbacks import (
    Checkpoint,
    EarlyStopping,
    ValidationMonitor,
)
from sklearn_scratchnn.callbacks.checkpoint import HEADER

skl = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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
        if fitted_estimator is None:
            return None
        return self.function(context, fitted_estimator)


class Scripted(skl.CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Scores what it is told to score, epoch by epoch, in each of its rounds."""

    def __init__(self, scores, n_rounds=1):
        self.scores, self.n_rounds = scores, n_rounds

    @skl.with_callbacks
    def fit(self, X, y):
        data = {"estimator": self, "X": X, "y": y}
        root = self._init_callback_context(max_subtasks=self.n_rounds)
        root.call_on_fit_task_begin(**data)
        self.n_iter_ = []
        for _ in range(self.n_rounds):
            n_epochs = self._round(root.subcontext(max_subtasks=None), data)
            self.n_iter_ = [*self.n_iter_, n_epochs]
        root.call_on_fit_task_end(**data, reconstruction_attributes={})
        return self

    def _round(self, task, data):
        task.call_on_fit_task_begin(**data)
        n_epochs, stop = 0, False
        while n_epochs < len(self.scores) and not stop:
            epoch = task.subcontext().call_on_fit_task_begin(**data)
            now = {"score_": self.scores[n_epochs]}
            stop = epoch.call_on_fit_task_end(**data, reconstruction_attributes=now)
            n_epochs += 1
        task.call_on_fit_task_end(**data, reconstruction_attributes=now)
        return n_epochs

    def score(self, X, y):
        return self.score_


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X[::2], y[::2], X[1::2], y[1::2]


@pytest.fixture(scope="module")
def moons():
    X, y = make_moons(160, noise=0.25, random_state=0)
    return X[::2], y[::2], X[1::2], y[1::2]


def epochs(log):
    """Return the rows of a log that are iterations, not whole fits."""
    deepest = max(len(row["task_id_path"]) for row in log.data)
    return [row for row in log.data if len(row["task_id_path"]) == deepest]


def accuracy(estimator, X, y):
    return estimator.score(X, y)


def two_scores(estimator, X, y):
    return {"right": estimator.score(X, y), "wrong": 1 - estimator.score(X, y)}


# ValidationMonitor


def test_monitor_logs_every_iteration(iris):
    X, y, X_val, y_val = iris
    monitor = ValidationMonitor(X_val, y_val, scoring="neg_log_loss")
    model = LogisticRegression().set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs()
    rows = epochs(log)
    assert len(rows) == model.n_iter_[0] == len(log.data) - 1
    scorer = get_scorer("neg_log_loss")
    assert log.data[0]["neg_log_loss"] == scorer(model, X_val, y_val)
    for n_iter in (1, 2, 5):
        shorter = LogisticRegression(max_iter=n_iter).fit(X, y)
        assert rows[n_iter - 1]["neg_log_loss"] == scorer(shorter, X_val, y_val)


@pytest.mark.parametrize(
    "scoring, names",
    [
        (None, {"score"}),
        ("accuracy", {"accuracy"}),
        (["accuracy", "neg_log_loss"], {"accuracy", "neg_log_loss"}),
        ({"loss": make_scorer(zero_one_loss)}, {"loss"}),
        (make_scorer(zero_one_loss), {"score"}),
        (accuracy, {"score"}),
        (two_scores, {"right", "wrong"}),
    ],
)
def test_monitor_takes_every_kind_of_scoring(iris, scoring, names):
    X, y, X_val, y_val = iris
    monitor = ValidationMonitor(X_val, y_val, scoring)
    model = LogisticRegression().set_callbacks(monitor).fit(X, y)
    right = model.score(X_val, y_val)
    for row in monitor.get_logs().data:
        assert names <= row.keys()
    whole = monitor.get_logs().data[0]
    for name in names - {"neg_log_loss"}:
        assert whole[name] in (pytest.approx(right), pytest.approx(1 - right))


def test_monitor_weighs_the_rows(iris):
    X, y, X_val, y_val = iris
    weight = np.where(y_val == 0, 0.0, 1.0)
    monitor = ValidationMonitor(X_val, y_val, sample_weight_val=weight)
    model = LogisticRegression(max_iter=1000).set_callbacks(monitor).fit(X, y)
    expected = model.score(X_val[y_val != 0], y_val[y_val != 0])
    assert expected != model.score(X_val, y_val)
    assert monitor.get_logs().data[0]["score"] == pytest.approx(expected)


def test_monitor_weighs_the_rows_where_metadata_is_routed(iris):
    X, y, X_val, y_val = iris
    monitor = ValidationMonitor(
        X_val, y_val, "accuracy", sample_weight_val=np.where(y_val == 0, 0.0, 1.0)
    )
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression(max_iter=1000).set_callbacks(monitor).fit(X, y)
    expected = model.score(X_val[y_val != 0], y_val[y_val != 0])
    assert monitor.get_logs().data[0]["accuracy"] == pytest.approx(expected)


def test_monitor_without_logs_says_so(iris):
    with pytest.raises(ValueError, match="No logs"):
        ValidationMonitor(*iris[2:]).get_logs()


def test_monitor_without_sklearn_callback(iris, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    with pytest.raises(ImportError, match="comes with scikit-learn 1.9"):
        ValidationMonitor(*iris[2:])


def test_monitor_pickles_with_its_logs_and_goes_on(iris):
    X, y, X_val, y_val = iris
    monitor = ValidationMonitor(X_val, y_val)
    model = LogisticRegression().set_callbacks(monitor).fit(X, y)
    copied = pickle.loads(pickle.dumps(monitor))
    assert copied.get_logs().data == monitor.get_logs().data
    model.set_callbacks(copied).fit(X, y)
    assert len(copied.get_logs(select="all")) == 2
    assert len(monitor.get_logs(select="all")) == 1


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize(
    "model, grid",
    [
        (LogisticRegression(max_iter=1000), {"C": [0.1, 1.0]}),
        *[
            (
                task.network((4,), solver="adam", max_iter=4, random_state=0),
                {"alpha": [0.1, 1.0]},
            )
            for task in TASKS
        ],
    ],
    ids=["LogisticRegression", "ScratchMLPClassifier", "ScratchMLPRegressor"],
)
def test_monitor_gathers_logs_from_workers(iris, backend, model, grid):
    X, y, X_val, y_val = iris
    logs, scoring = [], "neg_log_loss"
    if is_regressor(model):
        scoring = "neg_mean_squared_error"
    for n_jobs in (1, 2):
        monitor = ValidationMonitor(X_val, y_val, scoring=scoring)
        search = GridSearchCV(clone(model).set_callbacks(monitor), grid, cv=2)
        with parallel_config(backend, n_jobs=n_jobs):
            search.fit(X, y)
        logs.append(monitor.get_logs().data)
    assert len({row["parent_task_id_path"] for row in logs[0]}) >= 2 * 2 + 1
    assert logs[0] == logs[1]


# EarlyStopping


@pytest.mark.parametrize(
    "scores, patience, tol, n_epochs",
    [
        ([1, 2, 3, 4], 0, 0, 4),
        ([1, 2, 2, 9], 0, 0, 3),
        ([1, 2, 2, 9], 1, 0, 4),
        ([1, 2, 0, 1, 9], 1, 0, 4),
        ([1, 2.5, 3, 9], 0, 1, 3),
        ([1, np.nan, np.nan, 9], 1, 0, 3),
    ],
)
def test_stopping_waits_out_its_patience(iris, scores, patience, tol, n_epochs):
    stop = EarlyStopping(*iris[2:], patience=patience, tol=tol)
    model = Scripted(scores).set_callbacks(stop)
    assert model.fit(*iris[:2]).n_iter_ == [n_epochs]
    assert model.fit(*iris[:2]).n_iter_ == [n_epochs], "a fit starts with all patience"


def test_stopping_judges_each_level_of_iterations_alone(iris):
    stop = EarlyStopping(*iris[2:], patience=0, tol=0)
    model = Scripted([1, 3, 2, 9], n_rounds=3).set_callbacks(stop)
    assert model.fit(*iris[:2]).n_iter_ == [3, 3, 3]


def test_stopping_asks_linear_models_too(iris):
    X, y, X_val, y_val = iris
    answers = []

    class Heard(EarlyStopping):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            answer = super().on_fit_task_end(
                estimator, context, fitted_estimator=fitted_estimator
            )
            answers.append(answer)
            return answer

    stop = Heard(X_val, y_val, scoring="neg_log_loss", patience=2, tol=1e9)
    LogisticRegression().set_callbacks(stop).fit(X, y)
    assert answers[:4] == [False, False, False, True]
    assert answers[-1] is False, "the end of the fit is no iteration"


def test_stopping_weighs_the_rows(iris):
    X, y, X_val, y_val = iris
    weight = np.linspace(0, 1, len(y_val))
    seen = []

    def scoring(estimator, X, y, sample_weight):
        seen.append(sample_weight)
        return 0.0

    stop = EarlyStopping(X_val, y_val, scoring, sample_weight_val=weight)
    LogisticRegression(max_iter=100).set_callbacks(stop).fit(X, y)
    assert len(seen) > 1
    assert all(sample_weight is weight for sample_weight in seen)


@every_task
@pytest.mark.parametrize("by_loss", [False, True])
@pytest.mark.parametrize("solver", ["gd", "sgd"])
def test_stopping_judges_a_finite_network_where_training_diverges(
    moons, task, by_loss, solver
):
    """A step may leave the finite numbers a pass before the loss shows it."""
    X, y = moons[0], task.y(moons[1])
    given = {"learning_rate": "constant", "learning_rate_init": 1e60, "max_iter": 20}
    model = task.network(6, solver=solver, random_state=0, **given)
    scoring = task.loss_scorer if by_loss else task.score_scorer
    model.set_callbacks(EarlyStopping(X, y, scoring=scoring))
    with pytest.warns(ConvergenceWarning, match="non-finite"):
        model.fit(X, y)
    assert np.isfinite(task.answers(model, X)).all()


def test_stopping_forgets_a_fit_that_failed(iris):
    def fail(context, fitted):
        raise RuntimeError("at once")

    stop = EarlyStopping(*iris[2:])
    model = LogisticRegression().set_callbacks(stop, Spy(fail))
    with pytest.raises(RuntimeError, match="at once"):
        model.fit(*iris[:2])
    assert stop._levels == {}


def test_stopping_wants_one_score(iris):
    stop = EarlyStopping(*iris[2:], scoring=["accuracy", "neg_log_loss"])
    with pytest.raises(ValueError, match="one score"):
        LogisticRegression().set_callbacks(stop).fit(*iris[:2])


@pytest.mark.parametrize(
    "name, value", [("patience", -1), ("tol", np.nan), ("patience", "a"), ("tol", None)]
)
def test_stopping_refuses(iris, name, value):
    with pytest.raises(ValueError, match=name):
        EarlyStopping(*iris[2:], **{name: value})


# Checkpoint


def test_checkpoint_holds_the_newest_due_epoch(iris, tmp_path):
    path = tmp_path / "model.ckpt"
    fitted, stored = [], []

    def look(context, estimator):
        fitted.append(estimator.coef_.copy())
        stored.append(Checkpoint.load(path).coef_ if path.exists() else None)

    model = LogisticRegression(max_iter=1000)
    model.set_callbacks(Checkpoint(path, every=3), Spy(look)).fit(*iris[:2])
    n_iter = model.n_iter_[0]
    assert n_iter > 7
    assert stored[0] is stored[1] is None
    for i in range(2, n_iter):
        assert_array_equal(stored[i], fitted[(i + 1) // 3 * 3 - 1])
    assert_array_equal(stored[n_iter], model.coef_)
    assert list(tmp_path.iterdir()) == [tmp_path / "model.ckpt"]


def test_checkpoint_stores_no_callback(iris, tmp_path):
    path = tmp_path / "model.ckpt"
    unpicklable = Spy(lambda context, estimator: None)
    model = LogisticRegression(max_iter=1000)
    model.set_callbacks(Checkpoint(path), unpicklable).fit(*iris[:2])
    loaded = Checkpoint.load(path)
    assert not [name for name in vars(loaded) if "callback" in name]
    assert_array_equal(loaded.predict(iris[2]), model.predict(iris[2]))


def test_checkpoint_survives_a_full_disk(iris, tmp_path, monkeypatch):
    path = tmp_path / "model.ckpt"
    model = LogisticRegression(max_iter=1000).set_callbacks(Checkpoint(path))
    model.fit(*iris[:2])
    before = path.read_bytes()

    def full(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        model.fit(*iris[:2])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "model.ckpt"]


def test_checkpoint_resumes_no_estimator_that_cannot(iris, tmp_path):
    path = tmp_path / "model.ckpt"
    LogisticRegression(max_iter=1000).set_callbacks(Checkpoint(path)).fit(*iris[:2])
    with pytest.raises(ValueError, match="LogisticRegression does not say how"):
        Checkpoint.resume(path)


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"estimator": 1})])
def test_checkpoint_opens_no_other_file(tmp_path, content):
    path = tmp_path / "model.ckpt"
    path.write_bytes(content)
    for read in (Checkpoint.load, Checkpoint.resume):
        with pytest.raises(ValueError, match="not written by this version"):
            read(path)


@pytest.mark.parametrize("rest", [0, 1, 50, 500])
def test_checkpoint_opens_no_file_that_was_cut_off(iris, tmp_path, rest):
    path = tmp_path / "model.ckpt"
    LogisticRegression(max_iter=1000).set_callbacks(Checkpoint(path)).fit(*iris[:2])
    path.write_bytes(path.read_bytes()[: len(HEADER) + rest])
    for read in (Checkpoint.load, Checkpoint.resume):
        with pytest.raises(ValueError, match="is not whole"):
            read(path)


@pytest.mark.parametrize("every", [0, 1.5, "a", None])
def test_checkpoint_refuses(tmp_path, every):
    with pytest.raises(ValueError, match="every must be 1 or more"):
        Checkpoint(tmp_path / "model.ckpt", every=every)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_checkpoint_survives_death_while_writing(tmp_path):
    path = tmp_path / "model.ckpt"
    program = textwrap.dedent("""
        import os, signal, sys
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression
        from sklearn_scratchnn.callbacks import Checkpoint

        replace, targets = os.replace, []
        def die_in_fourth(source, target):
            targets.append(target)
            if len(targets) == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = die_in_fourth
        model = LogisticRegression().set_callbacks(Checkpoint(sys.argv[1]))
        model.fit(*load_iris(return_X_y=True))
        """)
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    expected = LogisticRegression(max_iter=3).fit(*load_iris(return_X_y=True))
    assert_array_equal(Checkpoint.load(path).coef_, expected.coef_)
    assert len(list(tmp_path.iterdir())) == 2, "the file and what was being written"
