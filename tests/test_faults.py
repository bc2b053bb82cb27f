"""Faults of other networks that this one was written to do without.

Each test shows what `ScratchMLPClassifier` does and, where that is cheap, what
`MLPClassifier` does instead. Faults with a test file of their own (class weights,
held-out rows, incremental learning, pickles) are touched here for the comparison only.
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
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._base import ACTIVATIONS as THEIR_ACTIVATIONS
from sklearn.neural_network._base import DERIVATIVES
from threadpoolctl import threadpool_info, threadpool_limits

import sklearn_scratchnn
from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.network.activations import ACTIVATIONS, Activation
from sklearn_scratchnn.network.gradient_check import check_gradient
from sklearn_scratchnn.network.network import Network
from sklearn_scratchnn.training.optimizers import OPTIMIZERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

THEIRS = "sklearn.neural_network._multilayer_perceptron."


# How it is built


class Cube(Activation):
    """An activation that came from outside: one class."""

    name = "cube"
    keeps_input = True

    def apply(self, z, out, scratch):
        np.power(z, 3, out=out)

    def derivative(self, z, a, out, scratch):
        np.square(z, out=out)
        out *= 3


def test_a_new_activation_is_one_class_and_one_entry(moons, monkeypatch, objective_of):
    monkeypatch.setitem(ACTIVATIONS, "cube", Cube())
    model = ScratchMLPClassifier(5, ["cube"], alpha=0.1, random_state=0).fit(*moons)
    assert model.activations_ == ("cube",)
    assert model.score(*moons) > 0.9
    assert check_gradient(objective_of(["cube"])).relative_errors.max() < 1e-6


def test_a_new_activation_of_theirs_is_more_than_an_entry(moons, monkeypatch):
    monkeypatch.setitem(THEIR_ACTIVATIONS, "cube", lambda a: np.power(a, 3, out=a))
    monkeypatch.setitem(DERIVATIVES, "cube", lambda a, delta: None)
    with pytest.raises(ValueError, match="The 'activation' parameter"):
        MLPClassifier(5, "cube").fit(*moons)


PARTS = {  # what is written at the end of a file: one class and one entry
    "network/activations": """
class Cube(Activation):
    name = "new"
    keeps_input = True

    def apply(self, z, out, scratch):
        np.power(z, 3, out=out)

    def derivative(self, z, a, out, scratch):
        square(z, out=out)
        out *= 3

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
    "training/solvers": """
@dataclass(frozen=True)
class Backtracking(Solver):
    max_iter: int
    tol: float

    def run(self, objective, state, on_epoch):
        theta, answer = objective.theta, GO_ON
        while answer is GO_ON and state["epoch"] < self.max_iter:
            loss, start, rate = objective.value_and_gradient(), theta.copy(), 16.0
            step = objective.gradient.theta.copy()
            theta -= rate * step
            while objective.value() > loss - rate / 2 * dot(step, step):
                rate /= 2
                theta[:] = start - rate * step
            state["epoch"] += 1
            answer = on_epoch(objective.value(), rate, math.sqrt(dot(step, step)))
        return Outcome.EXHAUSTED if answer is GO_ON else Outcome.STOPPED

SOLVERS["new"] = Backtracking
""",
}
PARAMETER = {
    "network/activations": "activation",
    "training/optimizers": "solver",
    "training/schedules": "learning_rate",
    "training/solvers": "solver",
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
    """Theirs has one that splits, batches, trains, prints, stops and restores."""
    theirs = inspect.getsource(inspect.getmodule(MLPClassifier))
    assert most_lines_of_a_body(theirs) > 100
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


def test_batches_share_their_arrays(moons, monkeypatch):
    """Theirs makes those of 100 rows and 300 units anew for every batch."""
    given = {"solver": "adam", "batch_size": 100, "max_iter": 3, "random_state": 0}
    one_array = 100 * 300 * 8
    model = MLPClassifier(300, **given)
    theirs = peaks_of_batches(
        monkeypatch, MLPClassifier, "_backprop", lambda: model.fit(*moons)
    )
    model = ScratchMLPClassifier(300, **given)
    ours = peaks_of_batches(
        monkeypatch, Network, "value_and_gradient", lambda: model.fit(*moons)
    )
    assert len(theirs) == len(ours) == 6
    assert min(theirs) > one_array
    assert max(ours) < one_array / 4


def test_gradients_are_written_where_they_belong(moons, monkeypatch):
    """Theirs prepares arrays for them and takes others."""
    prepared = []

    def spy(self, *args):
        *_, coef_grads, intercept_grads = args
        before = list(coef_grads)
        result = theirs(self, *args)
        prepared.append([a is b for a, b in zip(before, coef_grads)])
        return result

    theirs = MLPClassifier._backprop
    with monkeypatch.context() as patch:
        patch.setattr(MLPClassifier, "_backprop", spy)
        MLPClassifier(4, max_iter=1).fit(*moons)
    assert not np.any(prepared)

    def watched(self, X, Y, weight, ws, gradient, draw_mask=None):
        gradient.theta.fill(np.nan)
        value = ours(self, X, Y, weight, ws, gradient, draw_mask)
        prepared.append(np.isfinite(gradient.theta).all())
        return value

    prepared.clear()
    ours = Network.value_and_gradient
    monkeypatch.setattr(Network, "value_and_gradient", watched)
    ScratchMLPClassifier(4, solver="adam", max_iter=1).fit(*moons)
    assert np.all(prepared)


def test_there_is_one_forward_pass(moons, monkeypatch):
    """Training and prediction go through the same lines; theirs have a pass each."""

    def broken(*args, **keywords):
        raise ArithmeticError

    ours = ScratchMLPClassifier(4, max_iter=2).fit(*moons)
    theirs = MLPClassifier(4, max_iter=2).fit(*moons)
    monkeypatch.setattr(Network, "forward", broken)
    monkeypatch.setattr(MLPClassifier, "_forward_pass", broken)
    for fit in (ours.fit, theirs.fit):
        with pytest.raises(ArithmeticError):
            fit(*moons)
    with pytest.raises(ArithmeticError):
        ours.predict(moons[0])
    assert theirs.predict(moons[0]).shape == (200,)


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_activations_that_need_their_input(moons, name):
    """`MLPClassifier` keeps outputs alone, from which these have no derivative."""
    assert ACTIVATIONS[name].keeps_input
    model = ScratchMLPClassifier(8, name, alpha=0.1, random_state=0).fit(*moons)
    assert model.score(*moons) > 0.9
    with pytest.raises(ValueError, match="activation"):
        MLPClassifier(8, name).fit(*moons)


def test_the_best_weights_of_one_fit_are_out_of_reach_of_the_next(moons):
    given = {"hidden_layer_sizes": 4, "early_stopping": True, "warm_start": True}
    theirs = MLPClassifier(random_state=0, max_iter=5, **given).fit(*moons)
    held, kept = theirs.coefs_[0], theirs.coefs_[0].copy()
    theirs.fit(*moons)
    assert not np.array_equal(held, kept)
    ours = ScratchMLPClassifier(random_state=0, solver="adam", max_iter=5, **given)
    held = ours.fit(*moons).coefs_[0]
    kept = held.copy()
    assert not np.array_equal(ours.fit(*moons).coefs_[0], kept)
    assert_array_equal(held, kept)


def test_patience_is_counted_anew_in_every_fit(moons):
    """A second fit that cannot improve makes as many passes as the first."""
    given = {"solver": "sgd", "learning_rate_init": 1e-12, "warm_start": True}
    given |= {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 50}
    passes = {}
    for estimator in (MLPClassifier, ScratchMLPClassifier):
        model = estimator(4, learning_rate="constant", random_state=0, **given)
        passes[estimator] = [model.fit(*moons).n_iter_ for _ in range(2)]
    assert passes[ScratchMLPClassifier] == [5, 5]
    assert passes[MLPClassifier][0] > passes[MLPClassifier][1]


# What users run into


def test_columns_of_unequal_scale_are_learnt_from():
    X, y = load_wine(return_X_y=True)
    X[:, 0] *= 1e4
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    ours = ScratchMLPClassifier(random_state=0).fit(X, y).score(X_test, y_test)
    theirs = MLPClassifier(random_state=0).fit(X, y).score(X_test, y_test)
    assert theirs < 0.75
    assert ours > 0.95


def test_the_warning_of_too_few_passes_can_be_acted_upon(moons):
    given = {"solver": "adam", "max_iter": 5, "random_state": 0}
    with pytest.warns(ConvergenceWarning) as theirs:
        MLPClassifier(**given).fit(*moons)
    assert "fell" not in str(theirs[0].message)
    with pytest.warns(ConvergenceWarning) as ours:
        ScratchMLPClassifier(learning_rate="constant", **given).fit(*moons)
    assert "still fell by" in str(ours[0].message)
    assert "Raise max_iter to 10" in str(ours[0].message)


@pytest.mark.filterwarnings("ignore::RuntimeWarning:sklearn")
def test_an_overflow_ends_the_training_and_spares_the_model(moons):
    given = {"solver": "sgd", "learning_rate_init": 1e6, "max_iter": 90, "alpha": 1e3}
    given |= {"n_iter_no_change": 100, "learning_rate": "constant"}
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        MLPClassifier(**given).fit(*moons)
    model = ScratchMLPClassifier(**given)
    with pytest.warns(ConvergenceWarning, match="non-finite in epoch"):
        model.fit(*moons)
    assert model.n_iter_ < 30
    assert np.isfinite(model.predict_proba(moons[0])).all()


def test_the_split_is_stratified_for_three_classes(iris, monkeypatch):
    stratified = []

    def spy(*arrays, **given):
        stratified.append(given["stratify"] is not None)
        return train_test_split(*arrays, **given)

    monkeypatch.setattr(THEIRS + "train_test_split", spy)
    monkeypatch.setattr("sklearn.model_selection.train_test_split", spy)
    for estimator in (MLPClassifier, ScratchMLPClassifier):
        estimator(4, early_stopping=True, max_iter=2, alpha=1).fit(*iris)
    assert stratified == [False, True]


def test_the_validation_loss_is_kept_and_may_be_what_stops(iris):
    X, y = iris
    theirs = MLPClassifier(4, early_stopping=True, max_iter=3).fit(X, y)
    assert not any("loss" in name and "val" in name for name in vars(theirs))
    ours = ScratchMLPClassifier(4, early_stopping=True, max_iter=3).fit(X, y)
    assert np.isfinite(ours.history_["validation_loss"]).all()


def test_held_out_rows_of_ones_own_and_class_weights(iris):
    theirs = {*inspect.signature(MLPClassifier).parameters}
    theirs |= {*inspect.signature(MLPClassifier.fit).parameters}
    wanted = {"class_weight", "scoring", "X_val", "y_val", "sample_weight_val"}
    assert not wanted & theirs
    ours = {*inspect.signature(ScratchMLPClassifier).parameters}
    assert wanted <= ours | {*inspect.signature(ScratchMLPClassifier.fit).parameters}


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_a_batch_of_weight_zero_divides_by_nothing(moons, solver):
    X, y = moons
    weights = np.r_[np.full(20, 1e-30), np.ones(180)]
    given = {"solver": solver, "batch_size": 10, "shuffle": False, "max_iter": 3}
    model = ScratchMLPClassifier(4, random_state=0, **given).fit(X, y, weights)
    zero = ScratchMLPClassifier(4, random_state=0, **given)
    zero.fit(X, y, np.r_[np.zeros(20), np.ones(180)])
    for fitted in (model, zero):
        assert np.isfinite(fitted.loss_curve_).all()
        assert np.isfinite(fitted.predict_proba(X)).all()
    if "sample_weight" in inspect.signature(MLPClassifier.fit).parameters:
        theirs = MLPClassifier(4, random_state=0, **given | {"solver": "adam"})
        with pytest.raises(ZeroDivisionError):
            theirs.fit(X, y, np.r_[np.zeros(20), np.ones(180)])


def test_the_weight_of_a_row_does_not_depend_on_its_batch_mates():
    """Two batches, the second's mates heavy: row 0 moves the weights as far in each."""
    X = np.eye(4)
    y = np.array([0, 1, 0, 1])
    given = {"hidden_layer_sizes": (), "solver": "sgd", "momentum": 0.0, "alpha": 0.0}
    given |= {"learning_rate": "constant", "learning_rate_init": 1e-4, "max_iter": 1}
    given |= {"standardize": False, "shuffle": False, "batch_size": 2}
    steps = []
    for heavy in (1.0, 9.0):
        weights = np.array([1.0, heavy, 1.0, 1.0])
        model = ScratchMLPClassifier(random_state=0, dtype="float64", **given)
        moved = model.fit(X, y, weights).coefs_[0]
        start = model.set_params(learning_rate_init=1e-300).fit(X, y, weights).coefs_[0]
        steps.append((moved - start)[0] * weights.mean())
    assert_allclose(steps[0], steps[1], rtol=1e-3)


@pytest.mark.parametrize("batch_size", [20, 200])
def test_the_penalty_does_not_depend_on_the_batch(moons, batch_size):
    """Columns of zeros: their weights see the penalty alone, in every update."""
    X, y = np.zeros((200, 3)), moons[1]
    alpha, rate, n = 40.0, 0.1, 200
    given = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False}
    given |= {"alpha": alpha, "batch_size": batch_size, "max_iter": 1}
    given |= {"learning_rate": "constant", "random_state": 0}
    ours = ScratchMLPClassifier(4, standardize=False, dtype="float64", **given)
    updates = n // batch_size
    for model, strength in ((ours, alpha / n), (MLPClassifier(4, **given), None)):
        start = model.set_params(learning_rate_init=1e-300).fit(X, y).coefs_[0]
        end = model.set_params(learning_rate_init=rate).fit(X, y).coefs_[0]
        strength = strength or alpha / batch_size
        assert_allclose(end / start, (1 - rate * strength) ** updates)


@pytest.mark.parametrize("learning_rate", ["invscaling", "adaptive"])
def test_schedules_serve_every_minibatch_solver(moons, learning_rate):
    """Theirs ignores them without a word for all solvers but one."""
    given = {"hidden_layer_sizes": 4, "max_iter": 40, "random_state": 0, "tol": 10.0}
    given |= {"n_iter_no_change": 2, "learning_rate_init": 0.01}
    theirs = [
        MLPClassifier(solver="adam", learning_rate=name, **given).fit(*moons).coefs_[0]
        for name in ("constant", learning_rate)
    ]
    assert_array_equal(*theirs)
    for solver in OPTIMIZERS:
        ours = ScratchMLPClassifier(solver=solver, learning_rate=learning_rate, **given)
        assert len(np.unique(ours.fit(*moons).history_["learning_rate"])) > 1


def test_l_bfgs_has_curves_prints_stops_early_and_trains_in_float32(moons, capsys):
    X, y = moons[0].astype(np.float32), moons[1]
    given = {"solver": "lbfgs", "early_stopping": True, "verbose": 2, "max_iter": 50}
    theirs = MLPClassifier(4, random_state=0, **given).fit(X, y)
    capsys.readouterr()
    assert not hasattr(theirs, "loss_curve_")
    assert getattr(theirs, "validation_scores_", None) is None
    ours = ScratchMLPClassifier(4, dtype="float32", random_state=0, **given).fit(X, y)
    assert "Iteration 1, loss = " in capsys.readouterr().out
    assert len(ours.loss_curve_) == len(ours.validation_scores_) == ours.n_iter_
    default = ScratchMLPClassifier(4, solver="lbfgs", random_state=0).fit(X, y)
    for model in (ours, default):
        layers = model.coefs_ + model.intercepts_
        assert {W.dtype for W in layers} == {np.dtype(np.float32)}
        assert model.predict_proba(X).dtype == np.float32


def test_partial_fit_counts_and_honours_a_changed_rate(moons):
    passes, jump = {}, {}
    for estimator in (MLPClassifier, ScratchMLPClassifier):
        model = estimator(3, solver="sgd", learning_rate_init=1e-9, random_state=0)
        for _ in range(3):
            model.partial_fit(*moons, classes=[0, 1])
        passes[estimator], before = model.n_iter_, model.coefs_[0].copy()
        model.set_params(learning_rate_init=10.0).partial_fit(*moons)
        jump[estimator] = np.abs(model.coefs_[0] - before).max()
    assert passes[ScratchMLPClassifier] == 3
    assert jump[ScratchMLPClassifier] > 0.1
    assert jump[MLPClassifier] < 1e-3


def test_an_integer_seed_shuffles_every_call_anew(moons, monkeypatch):
    class Spy(np.random.RandomState):
        def shuffle(self, rows):
            super().shuffle(rows)
            orders.append(rows.copy())

    for estimator, module in (
        (MLPClassifier, THEIRS),
        (ScratchMLPClassifier, "sklearn_scratchnn.classifier."),
    ):
        orders = []
        monkeypatch.setattr(module + "check_random_state", Spy)
        model = estimator(3, solver="sgd", random_state=0)
        for _ in range(3):
            model.partial_fit(*moons, classes=[0, 1])
        # The first call draws weights too.
        alike = np.array_equal(orders[1], orders[2])
        assert len(orders) == 3
        assert alike == (estimator is MLPClassifier)


def test_a_pickle_holds_the_weights_once():
    X = np.random.RandomState(0).randn(100, 300)
    y = np.arange(100) % 2
    given = {"hidden_layer_sizes": 100, "solver": "adam", "max_iter": 2}
    given["early_stopping"] = True
    ratio = {}
    for estimator in (MLPClassifier, ScratchMLPClassifier):
        model = estimator(**given).fit(X, y)
        weights = sum(W.nbytes for W in model.coefs_)
        ratio[estimator] = len(pickle.dumps(model)) / weights
    assert ratio[ScratchMLPClassifier] < 1.1
    assert ratio[MLPClassifier] > 2.9


def test_products_that_are_too_small_for_two_threads_have_one(moons, monkeypatch):
    seen = {}

    def watch(owner, name):
        method = getattr(owner, name)

        def watched(*args, **keywords):
            pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
            seen.setdefault(name, set()).update(p["num_threads"] for p in pools)
            return method(*args, **keywords)

        monkeypatch.setattr(owner, name, watched)

    watch(MLPClassifier, "_backprop")
    watch(Network, "value_and_gradient")
    with threadpool_limits(2, user_api="blas"):
        for estimator in (MLPClassifier, ScratchMLPClassifier):
            estimator(4, solver="adam", max_iter=2).fit(*moons)
    assert seen == {"_backprop": {2}, "value_and_gradient": {1}}


def test_prediction_takes_no_memory_that_grows_with_rows_times_width(moons):
    X = np.random.RandomState(0).randn(10_000, 2)
    peak = {}
    for estimator in (MLPClassifier, ScratchMLPClassifier):
        model = estimator(300, max_iter=1).fit(*moons)
        tracemalloc.start()
        model.predict(X)
        peak[estimator] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak[MLPClassifier] > 20e6
    assert peak[ScratchMLPClassifier] < 5e6


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_log_probabilities_are_finite(moons):
    X, y = moons
    far = X * 1e6
    theirs = MLPClassifier(4, max_iter=50, random_state=0).fit(X, y)
    assert np.isneginf(theirs.predict_log_proba(far)).any()
    for target in (y, np.c_[y, 1 - y]):
        ours = ScratchMLPClassifier(4, random_state=0).fit(X, target)
        logs = ours.predict_log_proba(far)
        assert np.isfinite(logs).all()
        assert logs.min() < -1000


def test_an_interruption_goes_on_and_loses_nothing(moons, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    given = {"solver": "adam", "max_iter": 10, "random_state": 0}
    monkeypatch.setattr(MLPClassifier, "_backprop", interrupt)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        MLPClassifier(**given).fit(*moons)
    monkeypatch.setattr(Network, "backward", interrupt)
    model = ScratchMLPClassifier(**given)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*moons)
    assert model.predict_proba(moons[0]).shape == (200, 2)
