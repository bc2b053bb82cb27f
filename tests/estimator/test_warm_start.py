"""``warm_start``: a fit that goes on from the fitted layers, and from nothing else."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from tasks import of_labels, of_numbers

from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def iris(iris, task):
    return iris[0], task.y(iris[1])


@pytest.fixture
def network(task):
    def make(solver="adam", **parameters):
        given = {"hidden_layer_sizes": 4, "activation": "tanh", "max_iter": 5}
        given |= {"standardize": True}
        given |= {"random_state": 0, "warm_start": True} | parameters
        return task.network(solver=solver, **given)

    return make


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [True, False])
def test_it_starts_where_the_last_fit_ended(
    iris, task, network, solver, standardize
):
    X, y = iris[0] * [1, 10, 0.1, 1] + [0, 5, 0, -5], iris[1]
    model = network(solver, standardize=standardize, alpha=1.0 * (solver != "adamw"))
    model.fit(X, y)
    before = task.answers(model, X)
    frozen = clone(model).set_params(max_iter=1, learning_rate_init=1e-30)
    vars(frozen).update({k: v for k, v in vars(model).items() if k.endswith("_")})
    frozen.fit(X, y)
    if solver in ("lbfgs", "gauss_newton"):
        assert frozen.loss_curve_[0] < model.loss_
    else:
        assert_allclose(task.answers(frozen, X), before, rtol=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_two_fits_get_further_than_one(iris, network, solver):
    given = {} if solver == "adamw" else {"alpha": 0.1}
    model = network(solver, **given).fit(*iris)
    once = model.loss_
    model.fit(*iris)
    cold = network(solver, warm_start=False, **given).fit(*iris)
    assert model.loss_ < once
    assert cold.fit(*iris).loss_ == once


def test_a_chosen_alpha_stays(iris, network):
    """It belongs to the fitted layers: from them, no other can be chosen."""
    model = network("lbfgs").fit(*iris)
    alpha = model.alpha_
    assert model.fit(*iris).alpha_ == alpha


def test_two_fits_of_gradient_descent_are_one_of_twice_the_length(iris, network):
    X, y = iris
    given = {"standardize": False, "alpha": 1.0}
    model = network("gd", **given).fit(X, y)
    first = model.loss_curve_
    model.fit(X, y)
    whole = network("gd", max_iter=10, **given).fit(X, y)
    # Numbers leave their unit and come back to it between the fits.
    rtol = 0 if hasattr(model, "classes_") else 1e-12
    both = np.r_[first, model.loss_curve_]
    assert_allclose(both, whole.loss_curve_, rtol=rtol)
    assert_allclose(model.coefs_[0], whole.coefs_[0], rtol=rtol)


def test_a_network_with_other_columns_scales_starts_as_the_same_function(
    iris, task, network
):
    """New rows standardise otherwise; the function that is gone on from is the same."""
    X, y = iris
    model = network("gd", dtype="float64").fit(X, y)
    before = task.answers(model, X)
    model.set_params(max_iter=1, learning_rate_init=1e-30)
    model.fit(X[::3] * 7 + 2, y[::3])
    assert_allclose(task.answers(model, X), before, rtol=1e-7)


@of_numbers
def test_a_network_with_another_unit_of_y_starts_as_the_same_function(iris, network):
    """New rows give y another unit."""
    X, y = iris
    model = network("gd", dtype="float64").fit(X, y)
    before = model.predict(X)
    model.set_params(max_iter=1, learning_rate_init=1e-30).fit(X, 1e3 * y - 50)
    assert_allclose(model.predict(X), before, rtol=1e-7)


def test_counters_and_history_are_those_of_the_last_fit(iris, network):
    model = network().fit(*iris).fit(*iris)
    assert model.n_iter_ == len(model.loss_curve_) == 5
    assert_array_equal(model.history_["epoch"], [1, 2, 3, 4, 5])


@pytest.mark.parametrize("solver", ["lbfgs", "gauss_newton"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_from_a_minimum_there_is_nothing_to_do(
    iris, task, network, solver, early_stopping
):
    """The result is then the start, with its loss: not NaN, not the first weights."""
    X, y = iris
    model = network(solver, hidden_layer_sizes=(), alpha=1.0, max_iter=500, tol=1e-3)
    model.set_params(n_iter_no_change=np.inf, early_stopping=early_stopping).fit(X, y)
    before, loss = task.answers(model, X), model.loss_
    for _ in range(3):
        model.fit(X, y)
    assert_allclose(model.loss_, loss, rtol=0.1)
    assert np.isfinite(model.best_loss_)
    assert_allclose(task.answers(model, X), before, atol=0.3 * y.std())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden_layer_sizes": 5}, r"hidden_layer_sizes is now \(5,\), .* \(4,\)"),
        ({"hidden_layer_sizes": (4, 4)}, "hidden_layer_sizes is now"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes is now"),
        ({"activation": "relu"}, r"activation is now \('relu',\), .* \('tanh',\)"),
    ],
)
def test_another_architecture_is_refused(iris, task, network, change, message):
    model = network().fit(*iris).set_params(**change)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.fit(*iris)
    assert pickle.dumps(model) == before
    model.set_params(warm_start=False).fit(*iris)
    assert len(task.answers(model, iris[0])) == 150


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda X, y: (X[:, :2], y), "X has 2 features, but .* is expecting 4"),
        (lambda X, y: (X, y + 1), "same classes"),
        (lambda X, y: (X[y > 0], y[y > 0]), "same classes"),
        (lambda X, y: (X, y.astype(str)), "same classes"),
        (lambda X, y: (X, np.eye(3, dtype=int)[y]), "y "),
    ],
    ids=["width", "other classes", "fewer classes", "strings", "several labels"],
)
@of_labels
def test_other_data_are_refused(iris, network, change, message):
    assert_refused(network().fit(*iris), *change(*iris), message)


def assert_refused(model, X, y, message):
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda X, y: (X[:, :2], y), "X has 2 features, but .* is expecting 4"),
        (lambda X, y: (X, np.c_[y, y]), "`y` has as many columns .*, 1; it has 2"),
        (lambda X, y: (X, y.astype(str)), "y must hold numbers"),
    ],
    ids=["width", "several columns", "strings"],
)
@of_numbers
def test_other_numbers_are_refused(iris, network, change, message):
    assert_refused(network().fit(*iris), *change(*iris), message)


@of_numbers
def test_another_link_is_refused(iris, network):
    model = network().fit(*iris).set_params(loss="poisson")
    assert_refused(model, *iris, "y holds numbers of 0 or more; .* for numbers")
    model.set_params(loss="quantile").fit(*iris)


@pytest.mark.parametrize(
    "change",
    [
        {"solver": "lbfgs"},
        {"solver": "sgd"},
        {"dtype": "float64"},
        {"standardize": False},
        {"alpha": 5.0},
        {"early_stopping": True},
        {"batch_size": 7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_else_may_change(iris, task, network, change):
    model = network(max_iter=60).fit(*iris)
    loss = task.loss(model, *iris)
    model.set_params(**change).fit(*iris)
    assert task.loss(model, *iris) < loss + 0.1


# The best of an early-stopped fit


def unlearnable(task, n=60):
    """Held-out rows with their y turned round: every step worsens their score."""
    rng = np.random.RandomState(0)
    X = rng.randn(n, 3)
    y = task.y((X[:, 0] > 0).astype(int))
    return X, y, {"X_val": X[: n // 2], "y_val": task.other_y(y)[: n // 2]}


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_best_of_an_earlier_fit_is_forgotten(task, network, solver):
    """The second fit has held-out rows of its own; the first had a better score."""
    X, y, held_out = unlearnable(task)
    good = {"X_val": X[:30], "y_val": y[:30]}
    model = network(solver, max_iter=8).fit(X, y, **good)
    assert model.best_validation_score_ > -0.7
    rows, y_val = held_out["X_val"], held_out["y_val"]
    at_start = -task.loss(model, rows, y_val, y)
    model.fit(X, y, **held_out)
    best = max(at_start, model.validation_scores_.max())
    assert_allclose(model.best_validation_score_, best, rtol=1e-5)
    assert len(model.validation_scores_) == model.n_iter_


def test_patience_begins_anew(task, network):
    """A second fit makes as many passes without an improvement as the first did."""
    X, y, held_out = unlearnable(task)
    model = network("sgd", alpha=1.0, n_iter_no_change=4, max_iter=50)
    assert model.fit(X, y, **held_out).n_iter_ == 6
    model.fit(X, y, **held_out)
    assert model.n_iter_ == 6


def test_a_fit_does_not_overwrite_the_best_of_an_earlier_one(task):
    """Layers that were handed out are no aliases of those in training."""
    X, y, _ = unlearnable(task, 200)
    given = {"early_stopping": True, "warm_start": True, "max_iter": 5}
    ours = task.network(4, random_state=0, **given).fit(X, y)
    first = list(ours.coefs_)
    copies = [W.copy() for W in first]
    ours.fit(X, y)
    for W, copied, now in zip(first, copies, ours.coefs_, strict=True):
        assert_array_equal(W, copied)
        assert not np.shares_memory(W, now)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "gauss_newton", "gd"])
@pytest.mark.parametrize("by_loss", [True, False])
def test_it_never_ends_worse_on_the_held_out_rows_than_it_began(
    task, network, solver, by_loss
):
    """The parameters that it starts from are a candidate for the best."""
    X, y, held_out = unlearnable(task)
    rows, y_val = held_out["X_val"], held_out["y_val"]
    given = {"early_stopping": True, "alpha": 0.01}
    given["scoring"] = "loss" if by_loss else task.score_scorer
    model = network(solver, max_iter=3, **given).fit(rows, y_val, **held_out)
    other = task.other_y(y)

    def score():
        if by_loss:
            return -task.loss(model, rows, y_val, other)
        return model.score(rows, y_val)

    before, layers = score(), [W.copy() for W in model.coefs_]
    model.set_params(max_iter=30).fit(X, other, **held_out)
    assert score() >= before - 1e-6
    if model.validation_scores_.max() < before:
        assert_allclose(model.best_validation_score_, before, rtol=1e-5)
        for W, kept in zip(model.coefs_, layers):
            assert_allclose(W, kept, rtol=1e-4, atol=1e-5)


def test_a_first_fit_keeps_one_of_its_own_epochs(task, network):
    """What was drawn by chance is no candidate."""
    X, y, held_out = unlearnable(task)
    model = network("adam", early_stopping=True, warm_start=True).fit(X, y, **held_out)
    assert model.best_validation_score_ == model.validation_scores_.max()
