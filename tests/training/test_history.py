"""``history_``: one row a pass, for every solver."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from tasks import COUNTS, EVERY_TASK, LABELS, NUMBERS

from sklearn_scratchnn.training.history import History
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.schedules import SCHEDULES
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PLAIN = ["epoch", "loss", "learning_rate", "gradient_norm", "seconds"]
HELD_OUT = ["validation_loss", "validation_score"]


each_solver_of_each_task = pytest.mark.parametrize(
    ("task", "solver"),
    [
        pytest.param(task, solver, id=f"{task.name}-{solver}")
        for task in EVERY_TASK
        for solver in SOLVERS
        if solver != "gauss_newton" or task in (LABELS, NUMBERS, COUNTS)
    ],
)


def network(solver, task=LABELS, **parameters):
    given = {"hidden_layer_sizes": 4, "activation": "tanh", "max_iter": 6}
    given |= {"standardize": True}
    given |= {"random_state": 0, "tol": 0.0, "batch_size": 50} | parameters
    if solver != "adamw":
        given = {"alpha": 1.0} | given
    return task.network(solver=solver, **given)


def objective(task, model, X, y):
    """The loss that was trained: its mean and the penalty, for standardised X and y."""
    alpha = 0.0 if model.solver_ == "adamw" else model.alpha_
    W1, W2 = model.coefs_
    W1 = W1 * X.std(axis=0)[:, np.newaxis]
    W2 = W2 if task is LABELS else W2 / y.std()
    squares = np.sum(np.square(W1)) + np.sum(np.square(W2))
    return task.loss(model, X, y) + alpha / (2 * len(y)) * squares


@each_solver_of_each_task
@pytest.mark.parametrize("validated", [False, True])
def test_columns_are_equally_long_arrays(iris, task, solver, validated):
    X, y = iris[0], task.y(iris[1])
    held_out = {"X_val": X[::2], "y_val": y[::2]} if validated else {}
    model = network(solver, task).fit(X, y, **held_out)
    history = model.history_
    assert type(history) is dict
    assert set(history) == set(PLAIN + HELD_OUT * validated)
    for column in history.values():
        assert type(column) is np.ndarray
        assert column.shape == (model.n_iter_,) == (6,)
        assert np.isfinite(column).all()
    assert_array_equal(history["epoch"], np.arange(1, 7))
    assert np.all(np.diff(history["seconds"]) >= 0)
    assert history["seconds"][0] > 0
    assert np.all(history["gradient_norm"] > 0)
    assert np.all(history["learning_rate"] > 0)


@each_solver_of_each_task
def test_curves_are_its_columns(iris, task, solver):
    X, y = iris[0], task.y(iris[1])
    model = network(solver, task).fit(X, y, X_val=X[::2], y_val=y[::2])
    assert model.loss_curve_ is model.history_["loss"]
    assert model.validation_scores_ is model.history_["validation_score"]
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == model.loss_curve_.min()
    assert model.best_validation_score_ == model.validation_scores_.max()


@pytest.mark.parametrize("solver", ["lbfgs", "gauss_newton"])
@pytest.mark.parametrize("n", [1, 3, 6])
def test_losses_after_the_pass(iris, task, solver, n):
    X, y = iris[0], task.y(iris[1])
    model = network(solver, task, max_iter=n).fit(X, y)
    assert_allclose(model.loss_curve_[-1], objective(task, model, X, y), rtol=1e-8)


def test_losses_before_the_pass(iris, task):
    """Entry i of gradient descent is the loss that pass i starts from."""
    X, y = iris[0], task.y(iris[1])
    whole = network("gd", task, max_iter=7).fit(X, y)
    for n in (1, 3, 6):
        model = network("gd", task, max_iter=n).fit(X, y)
        assert_allclose(objective(task, model, X, y), whole.loss_curve_[n], rtol=1e-8)


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_losses_of_minibatches_are_means_over_the_rows(iris, task, solver):
    """At a rate of nothing they are the objective, the short last batch included."""
    X, y = iris[0], task.y(iris[1])
    given = {"batch_size": 40, "learning_rate_init": 1e-30, "dtype": "float64"}
    model = network(solver, task, weight_decay=0.0, **given).fit(X, y)
    assert_allclose(model.loss_curve_, objective(task, model, X, y), rtol=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_validation_losses_are_without_the_penalty(iris, task, solver):
    """And without smoothing, by the unit of the numbers that are trained on."""
    X, y = iris[0], task.y(iris[1])
    X_val, y_val = X[:70:2], y[:70:2]
    smoothed = {"label_smoothing": 0.2} if task is LABELS else {}
    model = network(solver, task, early_stopping=False, **smoothed)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    wanted = task.loss(model, X_val, y_val, y)
    assert_allclose(model.history_["validation_loss"][-1], wanted, rtol=1e-6)


@each_solver_of_each_task
def test_a_shorter_fit_has_the_first_rows(iris, task, solver):
    X, y = iris[0], task.y(iris[1])
    short = network(solver, task, max_iter=3, learning_rate="constant").fit(X, y)
    long = network(solver, task, max_iter=6, learning_rate="constant").fit(X, y)
    for name in ("epoch", "loss", "learning_rate", "gradient_norm"):
        assert_array_equal(short.history_[name], long.history_[name][:3])


def test_gradient_norm_of_gradient_descent(iris):
    """A step is the rate times the gradient."""
    X, y = iris
    rate = 1e-3
    model = network("gd", standardize=False, learning_rate_init=rate, max_iter=1)
    model.fit(X, y)
    before = clone(model).set_params(learning_rate_init=1e-300).fit(X, y)
    steps = [
        np.sum(np.square((a - b) / rate))
        for now, then in (
            (model.coefs_, before.coefs_),
            (model.intercepts_, before.intercepts_),
        )
        for a, b in zip(now, then, strict=True)
    ]
    norm = model.history_["gradient_norm"][0]
    assert_allclose(np.sqrt(sum(steps)), norm, rtol=1e-9)


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("learning_rate", SCHEDULES)
def test_learning_rates_are_those_of_the_schedule(iris, solver, learning_rate):
    """Of the first update of each pass; a pass has three."""
    given = {"learning_rate_init": 0.01, "power_t": 1.0, "n_iter_no_change": 2}
    model = network(solver, learning_rate=learning_rate, max_iter=20, **given)
    rates = model.fit(*iris).history_["learning_rate"]
    t = 3 * np.arange(model.n_iter_)
    if learning_rate == "constant":
        assert_allclose(rates, 0.01)
    elif learning_rate == "invscaling":
        assert_allclose(rates, 0.01 / (t + 1))
    elif learning_rate == "cosine":
        assert rates.argmax() == 1
        assert np.all(np.diff(rates[1:]) < 0)
        assert rates[-1] < 0.001
    else:
        assert rates[0] == 0.01
        fifths = np.log(rates / 0.01) / np.log(0.2)
        assert_allclose(fifths, np.round(fifths), atol=1e-6)


def test_adaptive_goes_down_by_fifths_and_then_stops(iris):
    given = {"learning_rate": "adaptive", "learning_rate_init": 0.01, "tol": 10.0}
    model = network("sgd", n_iter_no_change=1, max_iter=100, **given).fit(*iris)
    rates = np.unique(model.history_["learning_rate"])[::-1]
    assert_allclose(rates, 0.01 / 5.0 ** np.arange(len(rates)))
    assert rates[-1] <= 1e-6 < rates[-2]
    assert model.n_iter_ == 1 + 2 * len(rates) < 100


def test_history_begins_anew_with_every_fit(iris):
    model = network("adam").fit(*iris)
    first = model.history_
    kept = {name: column.copy() for name, column in first.items()}
    model.set_params(max_iter=3).fit(*iris)
    assert model.n_iter_ == len(model.history_["loss"]) == 3
    for name, column in first.items():
        assert_array_equal(column, kept[name])


def test_the_first_validation_rows_leave_no_trace(iris):
    X, y = iris
    model = network("adam").fit(X, y, X_val=X[::2], y_val=y[::2]).fit(X, y)
    assert set(model.history_) == set(PLAIN)
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None


# The arrays behind it


def rows_of(n):
    return [(i + 1, 1 / (i + 1), 0.1 * i, 2.0, 0.5 * i) for i in range(n)]


def test_arrays_stay_as_they_were_when_handed_out():
    history, handed_out = History(validated=False), []
    for n, row in enumerate(rows_of(100), start=1):
        history.append(row)
        if n % 3:
            handed_out.append((n, history.arrays()))
    assert len(history) == 100
    for n, arrays in handed_out:
        for array, expected in zip(arrays.values(), zip(*rows_of(n)), strict=True):
            assert_array_equal(array, expected)
            assert array.dtype == np.array(expected).dtype


def test_asking_after_every_row_makes_few_arrays():
    history, bases = History(validated=False), []
    for row in rows_of(1000):
        history.append(row)
        bases.append(history.arrays()["loss"].base)
    assert len({id(base) for base in bases}) <= np.log2(1000) + 1


def test_arrays_cannot_be_written_to():
    history = History(validated=False)
    history.append(rows_of(1)[0])
    with pytest.raises(ValueError, match="read-only"):
        history.arrays()["loss"][0] = 9.0


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_pickled_history_holds_its_rows_and_goes_on(protocol):
    history = History(validated=False)
    for row in rows_of(1000):
        history.append(row)
        history.arrays()
    pickled = pickle.dumps(history, protocol)
    assert len(pickled) < 5 * 8 * 1000 + 1000
    copied = copy.deepcopy(pickle.loads(pickled))
    for row in rows_of(3):
        copied.append(row)
    assert len(copied) == 1003 == len(history) + 3
    expected = [row[1] for row in rows_of(1000) + rows_of(3)]
    assert_array_equal(copied.arrays()["loss"], expected)
    assert copied.column("loss") == expected
    assert copied.last("epoch") == 3
