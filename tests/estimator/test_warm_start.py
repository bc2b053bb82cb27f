"""``warm_start``: a fit that goes on from the fitted layers, and from nothing else."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import log_loss

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def network(solver="adam", **parameters):
    given = {"hidden_layer_sizes": 4, "activation": "tanh", "max_iter": 5}
    given |= {"standardize": True}
    given |= {"random_state": 0, "warm_start": True} | parameters
    return ScratchMLPClassifier(solver=solver, **given)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [True, False])
def test_it_starts_where_the_last_fit_ended(iris, solver, standardize):
    X, y = iris[0] * [1, 10, 0.1, 1] + [0, 5, 0, -5], iris[1]
    model = network(solver, standardize=standardize, alpha=1.0 * (solver != "adamw"))
    model.fit(X, y)
    before = model.predict_proba(X)
    frozen = clone(model).set_params(max_iter=1, learning_rate_init=1e-30)
    vars(frozen).update({k: v for k, v in vars(model).items() if k.endswith("_")})
    frozen.fit(X, y)
    if solver in ("lbfgs", "gauss_newton"):
        assert frozen.loss_curve_[0] < model.loss_
    else:
        assert_allclose(frozen.predict_proba(X), before, rtol=1e-4)


@pytest.mark.parametrize("solver", SOLVERS)
def test_two_fits_get_further_than_one(iris, solver):
    given = {} if solver == "adamw" else {"alpha": 0.1}
    model = network(solver, **given).fit(*iris)
    once = model.loss_
    model.fit(*iris)
    cold = network(solver, warm_start=False, **given).fit(*iris)
    assert model.loss_ < once
    assert cold.fit(*iris).loss_ == once


def test_a_chosen_alpha_stays(iris):
    """It belongs to the fitted layers: from them, no other can be chosen."""
    model = network("lbfgs").fit(*iris)
    alpha = model.alpha_
    assert model.fit(*iris).alpha_ == alpha


def test_two_fits_of_gradient_descent_are_one_of_twice_the_length(iris):
    X, y = iris
    model = network("gd", standardize=False).fit(X, y)
    first = model.loss_curve_
    model.fit(X, y)
    whole = network("gd", standardize=False, max_iter=10).fit(X, y)
    assert_array_equal(np.r_[first, model.loss_curve_], whole.loss_curve_)
    assert_array_equal(model.coefs_[0], whole.coefs_[0])


def test_a_network_with_other_columns_scales_starts_as_the_same_function(iris):
    """New rows standardise otherwise; the function that is gone on from is the same."""
    X, y = iris
    model = network("gd", dtype="float64").fit(X, y)
    before = model.predict_proba(X)
    model.set_params(max_iter=1, learning_rate_init=1e-30)
    model.fit(X[::3] * 7 + 2, y[::3])
    assert_allclose(model.predict_proba(X), before, rtol=1e-7)


def test_counters_and_history_are_those_of_the_last_fit(iris):
    model = network().fit(*iris).fit(*iris)
    assert model.n_iter_ == len(model.loss_curve_) == 5
    assert_array_equal(model.history_["epoch"], [1, 2, 3, 4, 5])


@pytest.mark.parametrize("solver", ["lbfgs", "gauss_newton"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_from_a_minimum_there_is_nothing_to_do(iris, solver, early_stopping):
    """The result is then the start, with its loss: not NaN, not the first weights."""
    X, y = iris
    model = network(solver, hidden_layer_sizes=(), alpha=1.0, max_iter=500, tol=1e-3)
    model.set_params(n_iter_no_change=np.inf, early_stopping=early_stopping).fit(X, y)
    before, loss = model.predict_proba(X), model.loss_
    for _ in range(3):
        model.fit(X, y)
    assert_allclose(model.loss_, loss, rtol=0.1)
    assert np.isfinite(model.best_loss_)
    assert_allclose(model.predict_proba(X), before, atol=0.25)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden_layer_sizes": 5}, r"hidden_layer_sizes is now \(5,\), .* \(4,\)"),
        ({"hidden_layer_sizes": (4, 4)}, "hidden_layer_sizes is now"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes is now"),
        ({"activation": "relu"}, r"activation is now \('relu',\), .* \('tanh',\)"),
    ],
)
def test_another_architecture_is_refused(iris, change, message):
    model = network().fit(*iris).set_params(**change)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.fit(*iris)
    assert pickle.dumps(model) == before
    model.set_params(warm_start=False).fit(*iris)
    assert model.predict_proba(iris[0]).shape == (150, 3)


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
def test_other_data_are_refused(iris, change, message):
    model = network().fit(*iris)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.fit(*change(*iris))
    assert pickle.dumps(model) == before


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
def test_everything_else_may_change(iris, change):
    model = network(max_iter=60).fit(*iris)
    loss = -np.log(model.predict_proba(iris[0])[np.arange(150), iris[1]]).mean()
    model.set_params(**change).fit(*iris)
    after = -np.log(model.predict_proba(iris[0])[np.arange(150), iris[1]]).mean()
    assert after < loss + 0.1


# The best of an early-stopped fit


def unlearnable(n=60):
    """Held-out rows with their labels turned round: every step worsens their score."""
    rng = np.random.RandomState(0)
    X = rng.randn(n, 3)
    y = (X[:, 0] > 0).astype(int)
    return X, y, {"X_val": X[: n // 2], "y_val": 1 - y[: n // 2]}


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_best_of_an_earlier_fit_is_forgotten(solver):
    """The second fit has held-out rows of its own; the first had a better score."""
    X, y, held_out = unlearnable()
    good = {"X_val": X[:30], "y_val": y[:30]}
    model = network(solver, max_iter=8).fit(X, y, **good)
    assert model.best_validation_score_ > -0.7
    rows, labels = held_out["X_val"], held_out["y_val"]
    at_start = -log_loss(labels, model.predict_proba(rows))
    model.fit(X, y, **held_out)
    best = max(at_start, model.validation_scores_.max())
    assert_allclose(model.best_validation_score_, best, rtol=1e-5)
    assert len(model.validation_scores_) == model.n_iter_


def test_patience_begins_anew():
    """A second fit makes as many passes without an improvement as the first did."""
    X, y, held_out = unlearnable()
    model = network("sgd", alpha=1.0, n_iter_no_change=4, max_iter=50)
    assert model.fit(X, y, **held_out).n_iter_ == 6
    model.fit(X, y, **held_out)
    assert model.n_iter_ == 6


def test_a_fit_does_not_overwrite_the_best_of_an_earlier_one():
    """Layers that were handed out are no aliases of those in training."""
    X, y, _ = unlearnable(200)
    given = {"early_stopping": True, "warm_start": True, "max_iter": 5}
    ours = ScratchMLPClassifier(4, random_state=0, **given).fit(X, y)
    first = list(ours.coefs_)
    copies = [W.copy() for W in first]
    ours.fit(X, y)
    for W, copied, now in zip(first, copies, ours.coefs_, strict=True):
        assert_array_equal(W, copied)
        assert not np.shares_memory(W, now)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "gauss_newton", "gd"])
@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_it_never_ends_worse_on_the_held_out_rows_than_it_began(solver, scoring):
    """The parameters that it starts from are a candidate for the best."""
    X, y, held_out = unlearnable()
    rows, labels = held_out["X_val"], held_out["y_val"]
    given = {"early_stopping": True, "scoring": scoring, "alpha": 0.01}
    model = network(solver, max_iter=3, **given).fit(rows, labels, **held_out)

    def score():
        if scoring == "accuracy":
            return model.score(rows, labels)
        return -log_loss(labels, model.predict_proba(rows))

    before, layers = score(), [W.copy() for W in model.coefs_]
    model.set_params(max_iter=30).fit(X, 1 - y, **held_out)
    assert score() >= before - 1e-6
    if model.validation_scores_.max() < before:
        assert_allclose(model.best_validation_score_, before, rtol=1e-5)
        for W, kept in zip(model.coefs_, layers):
            assert_allclose(W, kept, rtol=1e-4, atol=1e-5)


def test_a_first_fit_keeps_one_of_its_own_epochs():
    """What was drawn by chance is no candidate."""
    X, y, held_out = unlearnable()
    model = network("adam", early_stopping=True, warm_start=True).fit(X, y, **held_out)
    assert model.best_validation_score_ == model.validation_scores_.max()
