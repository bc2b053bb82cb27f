"""The network under scikit-learn's callbacks and this package's."""

import pickle
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_array_equal
from sklearn.datasets import load_breast_cancer, load_iris, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from tasks import LABELS, OF_NUMBERS, of_labels, of_numbers, tasks

from sklearn_scratchnn._compat import without_callbacks
from sklearn_scratchnn.callbacks import Checkpoint, EarlyStopping, ValidationMonitor
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.solvers import lbfgs
from sklearn_scratchnn.training.solvers.registry import SOLVERS

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


def points(task, n=160):
    X, labels = make_moons(n, noise=0.25, random_state=0)
    return X, task.y(labels)


@pytest.fixture
def moons(task):
    X, y = points(task)
    return X[:90], y[:90], X[90:], y[90:]


def epochs(log):
    """Return the rows of a log that are iterations, not whole fits."""
    deepest = max(len(row["task_id_path"]) for row in log.data)
    return [row for row in log.data if len(row["task_id_path"]) == deepest]


@pytest.fixture
def network(task):
    def make(solver, **params):
        given = {"alpha": 0.0 if solver == "adamw" else 1.0, "random_state": 0}
        given |= {"max_iter": 12, "early_stopping": False} | params
        if task is not LABELS:  # a temperature is for labels
            given.pop("calibrate", None)
        return task.network((4,), "tanh", solver=solver, **given)

    return make


# Epochs as tasks


@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_change_no_bit(moons, task, network, solver):
    X, y, X_val, y_val = moons
    watched = network(solver).set_callbacks(
        skl.ScoringMonitor(scoring=task.score_scorer), ValidationMonitor(X_val, y_val)
    )
    expected = network(solver).fit(X, y)
    for got, coef in zip(watched.fit(X, y).coefs_, expected.coefs_):
        assert_array_equal(got, coef)


@pytest.mark.parametrize("solver", SOLVERS)
def test_scoring_monitor_logs_every_epoch(moons, task, network, solver):
    X, y, X_val, y_val = moons
    name = task.loss_scorer
    monitor = skl.ScoringMonitor(scoring=name)
    model = network(solver).set_callbacks(monitor).fit(X, y)
    rows = epochs(monitor.get_logs())
    assert [row["task_id"] for row in rows] == list(range(model.n_iter_))
    assert rows[-1][name] == pytest.approx(get_scorer(name)(model, X, y))
    assert rows[0][name] < rows[-1][name]


@of_labels
def test_scoring_monitor_takes_a_plain_callable(moons, network):
    X, y, X_val, y_val = moons
    monitor = skl.ScoringMonitor(scoring=share_of_ones)
    model = network("adam").set_callbacks(monitor).fit(X, y)
    share = monitor.get_logs().data[0]["share of ones"]
    assert share == model.predict(X).mean()


def share_of_ones(estimator, X, y):
    return {"share of ones": estimator.predict(X).mean()}


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stop_request_stops_at_that_epoch(moons, network, solver):
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


def test_a_stop_request_is_named_where_passes_are_printed(moons, network, capsys):
    ask = Spy(lambda context, fitted: context.task_id == 5)
    network("adam", verbose=1).set_callbacks(ask).fit(*moons[:2])
    assert capsys.readouterr().out.endswith("Stopping: a callback asked for it.\n")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stopped_fit_keeps_the_best(moons, task, network, solver):
    X, y, X_val, y_val = moons
    ask = Spy(lambda context, fitted: context.task_id == 5)
    model = network(solver, early_stopping=True).set_callbacks(ask)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert model.n_iter_ <= 6
    loss = task.loss(model, X_val, y_val, y)
    assert loss == pytest.approx(-model.best_validation_score_)
    assert model.best_validation_score_ == max(model.validation_scores_)


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "gauss_newton"])
def test_the_fitted_estimator_is_that_of_a_shorter_fit(moons, task, network, solver):
    X, y, X_val, y_val = moons
    seen = []
    spy = Spy(lambda context, fitted: seen.append(fitted))
    network(solver, learning_rate="constant").set_callbacks(spy).fit(X, y)
    for n_iter in (1, 4):
        shorter = network(solver, learning_rate="constant", max_iter=n_iter).fit(X, y)
        got = seen[n_iter - 1]
        assert_array_equal(task.answers(got, X_val), task.answers(shorter, X_val))


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_fitted_estimator_shows_the_history_so_far(
    moons, network, solver, validated
):
    X, y, X_val, y_val = moons
    held_out = {"X_val": X_val, "y_val": y_val} if validated else {}
    seen = []
    spy = Spy(lambda context, fitted: seen.append(fitted))
    model = network(solver).set_callbacks(spy).fit(X, y, **held_out)
    assert len(seen) == model.n_iter_ + 1
    for i, fitted in enumerate(seen[:-1], start=1):
        assert fitted.n_iter_ == i
        assert fitted.t_ == i * len(X)
        assert fitted.history_.keys() == model.history_.keys()
        for name, column in fitted.history_.items():
            assert type(column) is np.ndarray
            assert_array_equal(column, model.history_[name][:i])
        assert fitted.loss_curve_ is fitted.history_["loss"]
        assert fitted.loss_ == fitted.loss_curve_[-1]
        assert fitted.best_loss_ == fitted.loss_curve_.min()
        if validated:
            scores = fitted.validation_scores_
            assert fitted.best_validation_score_ == scores.max()
        again = pickle.loads(pickle.dumps(without_callbacks(fitted)))
        assert_same_fit(again, fitted)
    assert_few_arrays([fitted.loss_curve_ for fitted in seen])
    for column in model.history_.values():
        assert column.base is None
        assert column.flags.writeable


def test_a_scorer_is_shown_the_history_so_far(moons, network):
    X, y, X_val, y_val = moons
    seen = []

    def scoring(fitted, X, y):
        seen.append(fitted)
        return len(seen) / 100

    model = network("adam", scoring=scoring).fit(X, y, X_val=X_val, y_val=y_val)
    for i, fitted in enumerate(seen):
        assert_array_equal(fitted.loss_curve_, model.loss_curve_[:i])
    assert_few_arrays([fitted.loss_curve_ for fitted in seen])


def assert_few_arrays(heads):
    """Assert that arrays were not made anew for each epoch."""
    bases = {id(head.base) for head in heads if head.base is not None}
    assert 0 < len(bases) < len(heads) / 2


def test_a_failing_callback_leaves_the_model_and_tears_down(moons, network):
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


def test_early_stopping_ends_a_network_before_its_time(moons, task, network):
    X, y, X_val, y_val = moons
    kwargs = {"scoring": task.loss_scorer, "patience": 2, "tol": 0}
    monitor = ValidationMonitor(X_val, y_val, task.loss_scorer)
    model = network("lbfgs", max_iter=500, alpha=0)
    model.set_callbacks(monitor, EarlyStopping(X_val, y_val, **kwargs)).fit(X, y)
    scores = [row[task.loss_scorer] for row in epochs(monitor.get_logs())]
    assert len(scores) == model.n_iter_ < 500
    assert max(scores[:-3]) >= max(scores[-3:])


def test_early_stopping_works_in_workers(moons, task, network):
    X, y, X_val, y_val = moons
    stop = EarlyStopping(X_val, y_val, task.loss_scorer, patience=0, tol=1e9)
    model = network("adam").set_callbacks(stop)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2)
    scoring = {"n_iter": lambda estimator, X, y: estimator.n_iter_}
    search.set_params(scoring=scoring, refit=False).fit(X, y)
    assert_array_equal(search.cv_results_["mean_test_n_iter"], 2)


def test_early_stopping_pickles_in_the_middle_of_a_fit(moons, network):
    X, y, X_val, y_val = moons
    stop = EarlyStopping(X_val, y_val, patience=0, tol=1e9)
    copies = []
    spy = Spy(lambda context, fitted: copies.append(pickle.loads(pickle.dumps(stop))))
    network("adam").set_callbacks(stop, spy).fit(X, y)
    assert network("adam").set_callbacks(copies[0]).fit(X, y).n_iter_ == 2


def test_a_checkpoint_in_a_search_ends_with_the_refitted(moons, network, tmp_path):
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
    "lbfgs": {},
    "lbfgs, converging": {"tol": 0.01, "max_iter": 200},
    "lbfgs, few evaluations": {"max_fun": 12, "max_iter": 200},
    "lbfgs, patience": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 100},
    "lbfgs, in halves": {"dtype": "float32"},
    "lbfgs, bins": {"numeric_encoding": "piecewise", "n_bins": 4},
    "adam, bins": {"numeric_encoding": "piecewise", "n_bins": 4},
    "lbfgs, a chosen alpha": {"alpha": "auto", "calibrate": True},
    "adam, a chosen alpha": {"alpha": "auto", "calibrate": True},
}


@pytest.fixture
def resumable(network):
    """Return an estimator for a name in `RESUMED`."""

    def make(case):
        solver = case.split(",")[0]
        return network(solver, **{"max_iter": 20, "batch_size": 32} | RESUMED[case])

    return make


def assert_same_fit(got, expected):
    """Assert that two networks have the same weights and history, to the bit."""
    assert_array_equal(got.loss_curve_, expected.loss_curve_)
    assert (got.alpha_, got.temperature_) == (expected.alpha_, expected.temperature_)
    assert_array_equal(got.feature_importances_, expected.feature_importances_)
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(got, name), getattr(expected, name), strict=True):
            assert_array_equal(one, other)


@pytest.mark.parametrize("case", RESUMED)
def test_a_fit_resumes_from_each_of_its_epochs(resumable, case, moons, tmp_path):
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


def test_a_fit_of_one_epoch_resumes_from_its_end(task, network, tmp_path):
    """That is too few for a part of the rows first and all of them then."""
    X, y = points(task, 120)
    path = tmp_path / "model.ckpt"
    whole = network("adam", alpha="auto", max_iter=1, calibrate=True)
    whole.set_callbacks(Checkpoint(path)).fit(X, y)
    resumed = Checkpoint.resume(path).fit(X, y)
    assert_array_equal(resumed.coefs_[1], whole.coefs_[1])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("adaptive", [False, True])
def test_a_fit_that_trains_on_a_part_first_resumes(
    task, network, solver, adaptive, tmp_path
):
    """From 100 rows on Adam is calibrated before its last epochs, on all rows."""
    X, y = points(task, 120)
    path, kept = tmp_path / "newest.ckpt", []

    def keep(context, fitted):
        kept.append(shutil.copy(path, tmp_path / f"{len(kept)}.ckpt"))

    given = {"alpha": "auto", "calibrate": True, "adaptive_penalty": adaptive}
    model = network(solver, **given)
    whole = model.set_callbacks(Checkpoint(path), Spy(keep)).fit(X, y)
    assert (whole.temperature_ != 1) == (task is LABELS)
    assert len(kept) == whole.n_iter_ + 1
    for file in kept:
        assert_same_fit(Checkpoint.resume(file).fit(X, y), whole)


KILLED = """
import os, signal, sys
from sklearn.datasets import load_iris
import sklearn_scratchnn
from sklearn_scratchnn.callbacks import Checkpoint

class Kill:
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context):
        if context.task_id == 7 - 1:
            os.kill(os.getpid(), signal.SIGKILL)

X, y = load_iris(return_X_y=True)
model = getattr(sklearn_scratchnn, sys.argv[3])(**eval(sys.argv[2]))
model.set_callbacks(Checkpoint(sys.argv[1], every=3), Kill()).fit(X, y)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_killed_fit_resumes_to_the_same_bits(task, network, solver, tmp_path):
    path = tmp_path / "model.ckpt"
    params = network(solver).get_params()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path, repr(params), task.of_one.__name__],
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    X, y = load_iris(return_X_y=True)
    whole = network(solver).fit(X, y)
    assert Checkpoint.load(path).n_iter_ == 6 < whole.n_iter_
    assert_same_fit(Checkpoint.resume(path).fit(X, y), whole)


@pytest.mark.parametrize("case", RESUMED)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_stopped_fit_resumes_from_its_end(
    task, resumable, case, early_stopping, moons, tmp_path
):
    """Where it kept the best parameters, here the first, it goes on from the newest."""
    X, y, X_val, y_val = moons
    held_out = {"X_val": X_val, "y_val": task.other_y(y_val)} if early_stopping else {}
    path = tmp_path / "model.ckpt"
    whole = resumable(case).set_params(early_stopping=early_stopping)
    whole.fit(X, y, **held_out)
    ask = Spy(lambda context, fitted: context.task_id == 2)
    stopped = resumable(case).set_params(early_stopping=early_stopping)
    stopped.set_callbacks(Checkpoint(path), ask).fit(X, y, **held_out)
    assert stopped.n_iter_ == 3 < whole.n_iter_
    assert_same_fit(Checkpoint.resume(path).fit(X, y, **held_out), whole)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_fit_resumes_twice(network, solver, moons, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    whole = network(solver).fit(X, y)
    model = network(solver)
    for _ in range(2):
        ask = Spy(lambda context, fitted: context.task_id == 2)
        model.set_callbacks(Checkpoint(path), ask).fit(X, y)
        model = Checkpoint.resume(path)
    assert Checkpoint.load(path).n_iter_ == 3 + 3 < whole.n_iter_
    assert_same_fit(model.fit(X, y), whole)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_warm_started_fit_resumes(task, network, solver, early_stopping, tmp_path):
    """Its split and penalty are those of the first fit, and no weights are drawn."""
    X, y = points(task)
    path = tmp_path / "model.ckpt"
    fitted = network(solver, max_iter=3, warm_start=True).fit(X, y)
    fitted.set_params(max_iter=12, early_stopping=early_stopping)
    interrupted, whole = (pickle.loads(pickle.dumps(fitted)) for _ in range(2))
    ask = Spy(lambda context, fitted: context.task_id == 2)
    interrupted.set_callbacks(Checkpoint(path), ask).fit(X, y)
    resumed = Checkpoint.resume(path).fit(X, y)
    assert_same_fit(resumed, whole.fit(X, y))
    assert resumed.alpha_ == whole.alpha_ == fitted.alpha_
    assert whole.n_iter_ > interrupted.n_iter_


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(3)])
def test_a_fit_without_a_seed_resumes(network, random_state, moons, tmp_path):
    X, y, X_val, y_val = moons
    kept = []

    def keep(context, fitted):
        kept.append(shutil.copy(path, tmp_path / f"{len(kept)}.ckpt"))

    path = tmp_path / "model.ckpt"
    whole = network("adam", random_state=random_state, early_stopping=True, dropout=0.1)
    whole.set_callbacks(Checkpoint(path), Spy(keep)).fit(X, y)
    for file in kept[::4]:
        assert_same_fit(Checkpoint.resume(file).fit(X, y), whole)


@pytest.mark.parametrize(
    "params, rows, message",
    [
        ({"hidden_layer_sizes": (5,)}, 90, r"layer sizes \(2, 4, .\).* \(2, 5, .\)"),
        ({"solver": "adamw"}, 90, "solver adam, .* adamw"),
        ({"dtype": "float64"}, 90, "dtype float32, .* float64"),
        ({}, 80, "training rows 90, .* 80"),
        ({"early_stopping": True}, 90, "held-out rows 0, .* 9"),
        ({"standardize": False}, 90, "standardize robust, .* False"),
    ],
)
def test_resuming_refuses_another_fit(network, params, rows, message, moons, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    model = network("adam", dtype="float32").set_callbacks(Checkpoint(path))
    model.fit(X, y)
    changed = Checkpoint.resume(path).set_params(**params)
    with pytest.raises(ValueError, match=f"The checkpoint is of a fit with {message}"):
        changed.fit(X[:rows], y[:rows])


@of_numbers
def test_resuming_refuses_another_number_of_columns_and_another_link(
    moons, network, tmp_path
):
    X, y, *_ = moons
    path = tmp_path / "model.ckpt"
    network("adam").set_callbacks(Checkpoint(path)).fit(X, y)
    with pytest.raises(ValueError, match=r"of a fit with layer sizes \(2, 4, 1\)"):
        Checkpoint.resume(path).fit(X, np.c_[y, y])
    resumed = Checkpoint.resume(path).set_params(loss="poisson")
    with pytest.raises(ValueError, match="of a fit with output identity, .* exp"):
        resumed.fit(X, y)


@tasks(*OF_NUMBERS)
def test_a_fit_to_numbers_of_any_loss_resumes(moons, network, tmp_path):
    """Its unit of y is that of the rows, to the bit."""
    X, y, *_ = moons
    path = tmp_path / "model.ckpt"
    Y = np.c_[1e6 * y, y]
    whole = network("adam", dropout=0.1, alpha="auto").fit(X, Y)
    ask = Spy(lambda context, fitted: context.task_id == 5)
    stopped = network("adam", dropout=0.1, alpha="auto")
    stopped.set_callbacks(Checkpoint(path), ask).fit(X, Y)
    assert_same_fit(Checkpoint.resume(path).fit(X, Y), whole)
    assert Checkpoint.load(path).predict(X).shape == Y.shape


@of_labels
def test_resuming_refuses_several_labels_a_row(moons, network, tmp_path):
    X, y, *_ = moons
    path = tmp_path / "model.ckpt"
    network("adam").set_callbacks(Checkpoint(path)).fit(X, y)
    with pytest.raises(ValueError, match="of a fit with output softmax, .* logistic"):
        Checkpoint.resume(path).fit(X, np.c_[y, 1 - y])


def test_a_resumed_fit_may_make_more_passes(moons, network, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    short = network("sgd", learning_rate="constant").set_callbacks(Checkpoint(path))
    short.fit(X, y)
    longer = Checkpoint.resume(path).set_params(max_iter=20).fit(X, y)
    whole = network("sgd", learning_rate="constant", max_iter=20).fit(X, y)
    assert_same_fit(longer, whole)


def test_partial_fit_goes_on_from_a_loaded_checkpoint(moons, task, network, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    whole, stopped = (network("adam", dropout=0.1) for _ in range(2))
    for _ in range(4):
        whole.partial_fit(X, y, **task.first(y))
    stopped.set_callbacks(Checkpoint(path))
    for _ in range(2):
        stopped.partial_fit(X, y, **task.first(y))
    loaded = Checkpoint.load(path)
    for _ in range(2):
        loaded.partial_fit(X, y)
    assert_same_fit(loaded, whole)
    assert loaded.t_ == whole.t_


def test_resuming_is_for_fit(moons, network, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    model = network("adam").set_callbacks(Checkpoint(path)).fit(X, y)
    with pytest.raises(ValueError, match="goes on with fit, not partial_fit"):
        Checkpoint.resume(path).partial_fit(X, y)
    model.partial_fit(X, y)
    with pytest.raises(ValueError, match="Checkpoint.load"):
        Checkpoint.resume(path)


def test_a_fitted_estimator_after_partial_fit_forgets_its_moments(
    moons, task, network, tmp_path
):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    model = network("adam").partial_fit(X, y, **task.first(y))
    model.set_callbacks(Checkpoint(path)).fit(X, y)
    loaded = Checkpoint.load(path)
    assert vars(loaded).keys() == vars(model.set_callbacks()).keys()
    assert_same_fit(loaded.partial_fit(X, y), model.partial_fit(X, y))


# The journal of L-BFGS


def journal_of(path):
    return Checkpoint.resume(path)._training_state.solver["journal"]


@pytest.fixture
def evaluations(monkeypatch):
    """Return a list that grows with every evaluation of loss and gradient."""
    made, evaluate = [], Objective.value_and_gradient

    def counted(objective):
        made.append(objective)
        return evaluate(objective)

    monkeypatch.setattr(Objective, "value_and_gradient", counted)
    return made


def test_what_the_journal_holds_is_not_computed_again(
    moons, network, tmp_path, evaluations
):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    ask = Spy(lambda context, fitted: context.task_id == 5)
    network("lbfgs").set_callbacks(Checkpoint(path), ask).fit(X, y)
    first = len(evaluations)
    assert len(journal_of(path)) == first > 5
    resumed = Checkpoint.resume(path).fit(X, y)
    n_resumed = len(evaluations) - first
    assert_same_fit(network("lbfgs").fit(X, y), resumed)
    assert len(evaluations) == 2 * (first + n_resumed)


def test_a_journal_is_limited_in_its_bytes(
    moons, task, network, tmp_path, monkeypatch, evaluations
):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    n_outputs = 2 if task is LABELS else 1
    n_parameters = 2 * 4 + 4 + (4 + 1) * n_outputs
    monkeypatch.setattr(lbfgs, "JOURNAL_BYTES", 3 * 8 * n_parameters + 7)
    ask = Spy(lambda context, fitted: context.task_id == 5)
    network("lbfgs").set_callbacks(Checkpoint(path), ask).fit(X, y)
    first = len(evaluations)
    assert len(journal_of(path)) == 3
    resumed = Checkpoint.resume(path).set_callbacks(Checkpoint(path)).fit(X, y)
    assert_same_fit(resumed, network("lbfgs").fit(X, y))
    assert len(journal_of(path)) == 3
    n_whole = (len(evaluations) - first + 3) // 2
    assert len(evaluations) == first + 2 * n_whole - 3


def test_snapshots_share_the_journal(moons, network, tmp_path):
    """Its gradients, which never change, are not copied for every file."""
    X, y, X_val, y_val = moons
    journals = []

    class Look(Spy):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            state = estimator._training_state.snapshot()
            journals.append(state.solver["journal"])

    network("lbfgs").set_callbacks(Look(None)).fit(X, y)
    assert 2 <= len(journals[0]) < len(journals[-1])
    for (_, gradient), (_, later) in zip(journals[0], journals[-1]):
        assert gradient is later


def test_a_fit_without_callbacks_keeps_no_journal(
    moons, network, tmp_path, monkeypatch
):
    X, y, X_val, y_val = moons
    path, states = tmp_path / "model.ckpt", []
    run = lbfgs.LBFGS.run

    def seen(solver, objective, state, on_epoch, random_state=None):
        states.append(state)
        return run(solver, objective, state, on_epoch, random_state)

    monkeypatch.setattr(lbfgs.LBFGS, "run", seen)
    network("lbfgs").fit(X, y)
    assert not states.pop()["journal"]
    ask = Spy(lambda context, fitted: context.task_id == 5)
    network("lbfgs").set_callbacks(Checkpoint(path), ask).fit(X, y)
    n_entries = len(states.pop()["journal"])
    Checkpoint.resume(path).fit(X, y)
    assert len(states.pop()["journal"]) == n_entries, "it is read, and not added to"


@pytest.mark.parametrize(
    "params",
    [
        {"max_iter": 5},
        {"early_stopping": True, "max_iter": 500},
        {"max_iter": 500},
        {"max_fun": 12},
    ],
    ids=["exhausted", "out of patience", "converged", "out of evaluations"],
)
def test_lbfgs_evaluates_nothing_after_the_end(
    network, params, moons, tmp_path, monkeypatch, evaluations
):
    monkeypatch.setattr(lbfgs, "JOURNAL_BYTES", 0)
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    whole = network("lbfgs", **params).set_callbacks(Checkpoint(path)).fit(X, y)
    n_evaluations = len(evaluations)
    resumed = Checkpoint.resume(path).fit(X, y)
    assert_same_fit(resumed, whole)
    assert len(evaluations) == n_evaluations


def test_lbfgs_resumes_to_the_same_dead_end(moons, network, tmp_path, monkeypatch):
    X, y, X_val, y_val = moons
    path, minimize = tmp_path / "model.ckpt", scipy.optimize.minimize

    def stuck(*args, **keywords):
        """End as SciPy does after a line search in vain, whatever rounding says."""
        result = minimize(*args, **keywords)
        result.status = 2
        return result

    monkeypatch.setattr(scipy.optimize, "minimize", stuck)
    whole = network("lbfgs", max_iter=500)
    with pytest.warns(ConvergenceWarning, match="no further descent"):
        whole.set_callbacks(Checkpoint(path, every=4)).fit(X, y)
    for ask in ([], [Spy(lambda context, fitted: context.task_id == 5)]):
        network("lbfgs", max_iter=500).set_callbacks(Checkpoint(path), *ask).fit(X, y)
        with pytest.warns(ConvergenceWarning, match="no further descent"):
            assert_same_fit(Checkpoint.resume(path).fit(X, y), whole)


def test_a_diverged_fit_resumes_to_its_end(moons, network, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    whole = network("sgd", learning_rate_init=1e200).set_callbacks(Checkpoint(path))
    with pytest.warns(ConvergenceWarning, match="became non-finite"):
        whole.fit(X, y)
    with pytest.warns(ConvergenceWarning, match="became non-finite"):
        resumed = Checkpoint.resume(path).fit(X, y)
    assert_same_fit(resumed, whole)


def test_a_last_step_that_was_taken_back_is_forgotten_by_a_resumed_fit(
    moons, network, tmp_path
):
    """At a rate that suits, it does not end as diverged.

    Such a rate is refused today; the state is made to say that it was there before.
    """
    X, y, *_ = moons
    given = {"learning_rate": "constant", "batch_size": 300, "dtype": "float64"}
    model = network("adamw", max_iter=1, learning_rate_init=1e200, **given)
    model.set_params(activation="relu")
    model.set_callbacks(Checkpoint(tmp_path / "newest"))
    with pytest.warns(ConvergenceWarning, match="non-finite in epoch 1,"):
        model.fit(X, y)
    resumed = Checkpoint.resume(tmp_path / "newest")
    resumed.set_params(max_iter=30, learning_rate_init=0.01)
    resumed._training_state.settings["learning_rate_init"] = 0.01
    with pytest.warns(ConvergenceWarning, match="had not converged"):
        resumed.fit(X, y)
    assert resumed.n_iter_ == 30


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_resumed_fit_keeps_the_chosen_penalty(task, early_stopping, tmp_path):
    X, labels = load_breast_cancer(return_X_y=True)
    y, path = task.y(labels), tmp_path / "model.ckpt"
    model = task.network(
        (10,), early_stopping=early_stopping, random_state=0
    ).set_callbacks(Checkpoint(path), Spy(lambda context, fitted: True))
    model.fit(X, y)
    assert model.alpha_path_ is not None
    resumed = Checkpoint.resume(path).fit(X, y)
    assert resumed.n_iter_ > model.n_iter_ == 1
    assert resumed.alpha_ == model.alpha_
    for name, values in model.alpha_path_.items():
        assert_array_equal(resumed.alpha_path_[name], values)
    whole = model.set_callbacks().fit(X, y)
    assert_same_fit(resumed, whole)
    assert resumed.loss_curve_[-1] < resumed.loss_curve_[0]


def test_a_resumed_fit_is_checkpointed_in_turn(moons, network, tmp_path):
    X, y, X_val, y_val = moons
    path = tmp_path / "model.ckpt"
    ask = Spy(lambda context, fitted: context.task_id == 4)
    network("adam").set_callbacks(Checkpoint(path), ask).fit(X, y)
    assert Checkpoint.load(path).n_iter_ == 5
    resumed = Checkpoint.resume(path).set_callbacks(Checkpoint(path)).fit(X, y)
    assert_same_fit(Checkpoint.load(path), resumed)
    assert resumed.n_iter_ == 12


def test_an_interruption_by_a_callback_at_the_end_keeps_the_model(moons, network):
    """After the last epoch: what was trained is not lost."""
    X, y, *_ = moons

    class InterruptsTheEnd(Spy):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.parent is None:
                raise KeyboardInterrupt

    model = network("adam").set_callbacks(InterruptsTheEnd(None))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    whole = network("adam").fit(X, y)
    assert_array_equal(model.coefs_[0], whole.coefs_[0])
    assert not hasattr(model, "_training_state")


def test_a_scorer_is_compared_by_its_name(moons, network, tmp_path):
    X, y, X_val, y_val = moons
    path, held_out = tmp_path / "model.ckpt", {"X_val": X_val, "y_val": y_val}
    model = network("adam", early_stopping=True, scoring=own_score)
    model.set_callbacks(Checkpoint(path)).fit(X, y, **held_out)
    resumed = Checkpoint.resume(path)
    assert_same_fit(resumed.fit(X, y, **held_out), model)
    resumed = Checkpoint.resume(path).set_params(scoring=plain)
    with pytest.raises(ValueError, match="a fit with scoring"):
        resumed.fit(X, y, **held_out)


def own_score(estimator, X, y):
    return -np.abs(y - estimator.predict(X)).mean()


def plain(estimator, X, y):
    return estimator.score(X, y)
