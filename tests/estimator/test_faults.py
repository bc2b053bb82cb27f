"""Faults of other networks that this one was written to do without.

Their users' reports are the list. What has a test file of its own (class weights,
held-out rows, incremental learning, pickles) is touched here once.
"""

import ast
import inspect
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from tasks import LABELS, of_labels
from threadpoolctl import threadpool_info, threadpool_limits

import sklearn_scratchnn
from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.network.activations import ACTIVATIONS, Activation
from sklearn_scratchnn.network.gradient_check import check_gradient
from sklearn_scratchnn.network.network import Network
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.run import TrainingRun

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def moons(moons, task):
    return moons[0], task.y(moons[1])


# How it is built


class Cube(Activation):
    """An activation that came from outside: one class."""

    name = "cube"
    keeps_input = True

    def __call__(self, z, out):
        return np.power(z, 3, out=out)

    def derivative(self, z, a, out):
        return np.multiply(3 * z, z, out=out)


def test_a_new_activation_is_one_class_and_one_entry(
    moons, task, monkeypatch, objective_of
):
    monkeypatch.setitem(ACTIVATIONS, "cube", Cube())
    model = task.network(5, ["cube"], alpha=0.1, random_state=0).fit(*moons)
    assert model.activations_ == ("cube",)
    assert model.score(*moons) > (0.9 if task is LABELS else 0.6)
    assert check_gradient(objective_of(["cube"])).relative_errors.max() < 1e-6


PARTS = {  # what is written at the end of a file: one class and one entry
    "network/activations": """
class Cube(Activation):
    name = "new"
    keeps_input = True

    def __call__(self, z, out):
        return np.power(z, 3, out=out)

    def derivative(self, z, a, out):
        return np.multiply(3 * z, z, out=out)

ACTIVATIONS["new"] = Cube()
""",
    "training/optimizers": """
@dataclass(frozen=True)
class Signs(Optimizer):
    momentum: float = 0.9
    name = "new"
    default_rate = 0.01

    def init(self, theta):
        return {"v": np.zeros_like(theta)}

    def step(self, theta, gradient, state, rate, n_weights):
        state["v"] *= self.momentum
        state["v"] += gradient
        theta -= rate * np.sign(state["v"])

OPTIMIZERS["new"] = Signs
""",
    "training/schedules": """
@dataclass(frozen=True)
class Halving(Schedule):
    name = "new"

    def rate(self, initial, t, n_updates):
        return initial * 0.5 ** (t / 50)

SCHEDULES["new"] = Halving
""",
    "training/solvers/registry": """
import math
from dataclasses import dataclass

from ..blas import dot
from ..signals import Outcome, Signal
from .base import Solver

@dataclass(frozen=True)
class Backtracking(Solver):
    max_iter: int
    tol: float

    def run(self, objective, state, on_epoch, random_state=None):
        theta, signal = objective.theta, Signal.CONTINUE
        while signal is Signal.CONTINUE and state["epoch"] < self.max_iter:
            loss, start, rate = objective.value_and_gradient(), theta.copy(), 16.0
            step = objective.gradient.theta.copy()
            theta -= rate * step
            while objective.value() > loss - rate / 2 * dot(step, step):
                rate /= 2
                theta[:] = start - rate * step
            state["epoch"] += 1
            signal = on_epoch(objective.value(), rate, math.sqrt(dot(step, step)))
        return Outcome.EXHAUSTED if signal is Signal.CONTINUE else Outcome.STOPPED

SOLVERS["new"] = Backtracking
""",
}
PARAMETER = {
    "network/activations": "activation",
    "training/optimizers": "solver",
    "training/schedules": "learning_rate",
    "training/solvers/registry": "solver",
}
USE = """
import sys, pathlib
import numpy as np
import sklearn_scratchnn
from sklearn.datasets import make_moons
from sklearn_scratchnn import ScratchMLPClassifier

assert pathlib.Path(sklearn_scratchnn.__file__).parent.parent == pathlib.Path.cwd()
X, y = make_moons(200, noise=0.2, random_state=0)
given = {"alpha": 0.1, "learning_rate_init": 0.02, "max_iter": 60, "random_state": 0}
given |= {"early_stopping": True, sys.argv[1]: "new"}
model = ScratchMLPClassifier(8, **given).fit(X, y)
assert model.score(X, y) > 0.8, model.score(X, y)
assert len(model.history_["validation_loss"]) == model.n_iter_
try:
    model.set_params(**{sys.argv[1]: "wrong"}).fit(X, y)
except ValueError as error:
    assert "new" in str(error)
else:
    raise AssertionError("a wrong name was taken")
"""


@pytest.mark.parametrize("module", PARTS)
def test_a_new_part_is_one_class_and_one_entry(module, tmp_path):
    """Written into a copy of the package, and used by its name."""
    package = Path(sklearn_scratchnn.__file__).parent
    copy = shutil.copytree(package, tmp_path / package.name)
    with (copy / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write(PARTS[module])
    command = [sys.executable, "-W", "ignore", "-c", USE, PARAMETER[module]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def most_lines_of_a_body(source):
    """Return how many lines the longest function has below signature and docstring."""
    longest = 0
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            longest = max(longest, lines)
    return longest


def test_functions_can_be_seen_whole():
    """None that splits, batches, trains, prints, stops and restores."""
    for path in Path(sklearn_scratchnn.__file__).parent.rglob("*.py"):
        assert most_lines_of_a_body(path.read_text(encoding="utf-8")) <= 45, path


def peaks_of_batches(monkeypatch, owner, name, fit):
    """Return the most bytes that each call of a method adds while it runs."""
    method, peaks = getattr(owner, name), []

    def measured(*args, **keywords):
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        result = method(*args, **keywords)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, measured)
        tracemalloc.start()
        fit()
        tracemalloc.stop()
    return peaks


def test_batches_share_their_arrays(moons, task, monkeypatch, on_the_page):
    """Those of 100 rows and 300 units are not made anew for every batch."""
    given = {"solver": "adam", "batch_size": 100, "max_iter": 3, "alpha": 1.0}
    one_array = 100 * 300 * 8
    model = task.network(300, **given)
    ours = peaks_of_batches(
        monkeypatch, Network, "value_and_gradient", lambda: model.fit(*moons)
    )
    assert len(ours) == 6
    assert max(ours) < one_array / 4


def test_gradients_are_written_where_they_belong(
    moons, task, monkeypatch, on_the_page
):
    """In the arrays that were prepared for them."""
    prepared = []

    def watched(self, X, Y, weight, ws, gradient, draw_mask=None):
        gradient.theta.fill(np.nan)
        value = ours(self, X, Y, weight, ws, gradient, draw_mask)
        prepared.append(np.isfinite(gradient.theta).all())
        return value

    ours = Network.value_and_gradient
    monkeypatch.setattr(Network, "value_and_gradient", watched)
    task.network(4, solver="adam", max_iter=1).fit(*moons)
    assert np.all(prepared)


def test_there_is_one_forward_pass(moons, task, monkeypatch, on_the_page):
    """Training and prediction go through the same lines."""

    def broken(*args, **keywords):
        raise ArithmeticError

    ours = task.network(4, max_iter=2).fit(*moons)
    monkeypatch.setattr(Network, "forward", broken)
    with pytest.raises(ArithmeticError):
        ours.fit(*moons)
    with pytest.raises(ArithmeticError):
        ours.predict(moons[0])


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_activations_that_need_their_input(moons, task, name):
    """From the outputs alone these have no derivative."""
    assert ACTIVATIONS[name].keeps_input
    model = task.network(8, name, alpha=0.1, random_state=0).fit(*moons)
    assert model.score(*moons) > (0.9 if task is LABELS else 0.7)


def test_the_best_weights_of_one_fit_are_out_of_reach_of_the_next(moons, task):
    given = {"hidden_layer_sizes": 4, "early_stopping": True, "warm_start": True}
    ours = task.network(random_state=0, solver="adam", max_iter=5, **given)
    held = ours.fit(*moons).coefs_[0]
    kept = held.copy()
    assert not np.array_equal(ours.fit(*moons).coefs_[0], kept)
    assert_array_equal(held, kept)


def test_patience_is_counted_anew_in_every_fit(moons, task):
    """A second fit that cannot improve makes as many epochs as the first."""
    given = {"solver": "sgd", "learning_rate_init": 1e-12, "warm_start": True}
    given |= {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 50}
    model = task.network(
        4, learning_rate="constant", random_state=0, **given
    )
    assert [model.fit(*moons).n_iter_ for _ in range(2)] == [5, 5]


# What users run into


def test_columns_of_unequal_scale_are_learnt_from():
    X, y = load_wine(return_X_y=True)
    X[:, 0] *= 1e4
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    ours = ScratchMLPClassifier(random_state=0).fit(X, y).score(X_test, y_test)
    assert ours > 0.95


def test_the_warning_of_too_few_epochs_can_be_acted_upon(moons, task):
    given = {"solver": "adam", "max_iter": 5, "random_state": 0}
    with pytest.warns(ConvergenceWarning) as ours:
        task.network(learning_rate="constant", **given).fit(*moons)
    assert "still fell by" in str(ours[0].message)
    assert "Raise max_iter to 10" in str(ours[0].message)


def test_an_overflow_ends_the_training_and_spares_the_model(moons, task):
    given = {"solver": "sgd", "learning_rate_init": 1e6, "max_iter": 90, "alpha": 1e3}
    given |= {"n_iter_no_change": 100, "learning_rate": "constant"}
    model = task.network(**given)
    with pytest.warns(ConvergenceWarning, match="non-finite in epoch"):
        model.fit(*moons)
    assert model.n_iter_ < 30
    assert np.isfinite(task.answers(model, moons[0])).all()


def test_the_split_is_stratified_for_three_classes(iris, monkeypatch):
    stratified = []

    def spy(*arrays, **given):
        stratified.append(given["stratify"] is not None)
        return train_test_split(*arrays, **given)

    monkeypatch.setattr("sklearn.model_selection.train_test_split", spy)
    ScratchMLPClassifier(4, early_stopping=True, max_iter=2, alpha=1).fit(*iris)
    assert stratified == [True]


def test_the_validation_loss_is_kept_and_may_be_what_stops(iris):
    X, y = iris
    ours = ScratchMLPClassifier(4, early_stopping=True, max_iter=3).fit(X, y)
    assert np.isfinite(ours.history_["validation_loss"]).all()


def test_held_out_rows_of_ones_own_and_class_weights(iris):
    wanted = {"class_weight", "scoring", "X_val", "y_val", "sample_weight_val"}
    ours = {*inspect.signature(ScratchMLPClassifier).parameters}
    assert wanted <= ours | {*inspect.signature(ScratchMLPClassifier.fit).parameters}


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_a_batch_of_weight_zero_divides_by_nothing(moons, task, solver):
    X, y = moons
    weights = np.r_[np.full(20, 1e-30), np.ones(180)]
    given = {"solver": solver, "batch_size": 10, "shuffle": False, "max_iter": 3}
    model = task.network(4, random_state=0, **given).fit(X, y, weights)
    zero = task.network(4, random_state=0, **given)
    zero.fit(X, y, np.r_[np.zeros(20), np.ones(180)])
    for fitted in (model, zero):
        assert np.isfinite(fitted.loss_curve_).all()
        assert np.isfinite(task.answers(fitted, X)).all()


@of_labels
def test_the_weight_of_a_row_does_not_depend_on_its_batch_mates(task):
    """Two batches, the second's mates heavy: row 0 moves the weights as far in each.

    Of numbers, a heavy row moves their unit besides.
    """
    X = np.eye(4)
    y = task.y(np.array([0, 1, 0, 1]))
    given = {"hidden_layer_sizes": (), "solver": "sgd", "momentum": 0.0, "alpha": 0.0}
    given |= {"learning_rate": "constant", "learning_rate_init": 1e-4, "max_iter": 1}
    given |= {"standardize": False, "shuffle": False, "batch_size": 2}
    steps = []
    for heavy in (1.0, 9.0):
        weights = np.array([1.0, heavy, 1.0, 1.0])
        model = task.network(random_state=0, dtype="float64", **given)
        moved = model.fit(X, y, weights).coefs_[0]
        start = model.set_params(learning_rate_init=1e-300).fit(X, y, weights).coefs_[0]
        steps.append((moved - start)[0] * weights.mean())
    assert_allclose(steps[0], steps[1], rtol=1e-3)


@pytest.mark.parametrize("batch_size", [20, 200])
def test_the_penalty_does_not_depend_on_the_batch(moons, task, batch_size):
    """Columns of zeros: their weights see the penalty alone, in every update."""
    X, y = np.zeros((200, 3)), moons[1]
    alpha, rate, n = 40.0, 0.1, 200
    given = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}
    given |= {"alpha": alpha, "batch_size": batch_size, "max_iter": 1}
    given |= {"learning_rate": "constant", "random_state": 0}
    ours = task.network(4, standardize=False, dtype="float64", **given)
    updates = n // batch_size
    start = ours.set_params(learning_rate_init=1e-300).fit(X, y).coefs_[0]
    end = ours.set_params(learning_rate_init=rate).fit(X, y).coefs_[0]
    assert_allclose(end / start, (1 - rate * alpha / n) ** updates)


@pytest.mark.parametrize("learning_rate", ["invscaling", "adaptive"])
def test_schedules_serve_every_minibatch_solver(moons, task, learning_rate):
    given = {"hidden_layer_sizes": 4, "max_iter": 40, "random_state": 0, "tol": 10.0}
    given |= {"n_iter_no_change": 2, "learning_rate_init": 0.01}
    for solver in OPTIMIZERS:
        ours = task.network(solver=solver, learning_rate=learning_rate, **given)
        assert len(np.unique(ours.fit(*moons).history_["learning_rate"])) > 1


def test_l_bfgs_has_curves_prints_stops_early_and_trains_in_float32(
    moons, task, capsys
):
    X, y = moons[0].astype(np.float32), moons[1]
    given = {"solver": "lbfgs", "early_stopping": True, "verbose": 2, "max_iter": 50}
    ours = task.network(4, dtype="float32", random_state=0, **given).fit(X, y)
    assert "Iteration 1, loss = " in capsys.readouterr().out
    assert len(ours.loss_curve_) == len(ours.validation_scores_) == ours.n_iter_
    default = task.network(4, solver="lbfgs", random_state=0).fit(X, y)
    for model in (ours, default):
        layers = model.coefs_ + model.intercepts_
        assert {W.dtype for W in layers} == {np.dtype(np.float32)}
        assert task.answers(model, X).dtype == np.float32


def test_partial_fit_counts_and_honours_a_changed_rate(moons, task):
    model = task.network(
        3, solver="sgd", learning_rate_init=1e-9, random_state=0
    )
    for _ in range(3):
        model.partial_fit(*moons, **task.first(moons[1]))
    assert model.n_iter_ == 3
    before = model.coefs_[0].copy()
    model.set_params(learning_rate_init=10.0).partial_fit(*moons)
    assert np.abs(model.coefs_[0] - before).max() > 0.1


def test_an_integer_seed_shuffles_every_call_anew(moons, task, monkeypatch):
    class Spy(np.random.RandomState):
        def shuffle(self, rows):
            super().shuffle(rows)
            orders.append(rows.copy())

    orders = []
    monkeypatch.setattr("sklearn_scratchnn.estimator.base.check_random_state", Spy)
    model = task.network(3, solver="sgd", random_state=0)
    for _ in range(3):
        model.partial_fit(*moons, **task.first(moons[1]))
    assert len(orders) == 3
    # The first call draws weights too.
    assert not np.array_equal(orders[1], orders[2])


def test_a_pickle_holds_the_weights_once(task):
    X = np.random.RandomState(0).randn(100, 300)
    y = task.y(np.arange(100) % 2)
    given = {"hidden_layer_sizes": 100, "solver": "adam", "max_iter": 2}
    given["early_stopping"] = True
    model = task.network(**given).fit(X, y)
    weights = sum(W.nbytes for W in model.coefs_)
    assert len(pickle.dumps(model)) < 1.1 * weights


def test_products_that_are_too_small_for_two_threads_have_one(moons, task, monkeypatch):
    seen, note = set(), TrainingRun.on_epoch

    def watched(*args, **keywords):
        pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
        seen.update(p["num_threads"] for p in pools)
        return note(*args, **keywords)

    monkeypatch.setattr(TrainingRun, "on_epoch", watched)
    with threadpool_limits(2, user_api="blas"):
        task.network(4, solver="adam", max_iter=2).fit(*moons)
    assert seen == {1}


def test_prediction_takes_no_memory_that_grows_with_rows_times_width(moons, task):
    X = np.random.RandomState(0).randn(10_000, 2)
    model = task.network(300, max_iter=1).fit(*moons)
    tracemalloc.start()
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


@of_labels
def test_log_probabilities_are_finite(moons):
    X, y = moons
    far = X * 1e6
    for target in (y, np.c_[y, 1 - y]):
        ours = ScratchMLPClassifier(4, random_state=0).fit(X, target)
        logs = ours.predict_log_proba(far)
        assert np.isfinite(logs).all()
        assert logs.min() < -1000


def test_an_interruption_goes_on_and_loses_nothing(
    moons, task, monkeypatch, on_the_page
):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    given = {"solver": "adam", "alpha": 1.0, "max_iter": 10, "random_state": 0}
    monkeypatch.setattr(Network, "backward", interrupt)
    model = task.network(**given)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*moons)
    assert len(task.answers(model, moons[0])) == 200
