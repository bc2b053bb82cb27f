"""What "auto" comes to, by what a user sees, on both sides of every border."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.estimator.defaults import make_plan
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.optimizers import OPTIMIZERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n_samples, n_features=2):
    rng = np.random.RandomState(0)
    X = rng.randn(n_samples, n_features).astype(np.float32)
    return X, np.arange(n_samples) % 2


def fitted(n_samples, n_features=2, **params):
    params = {"hidden_layer_sizes": (2,), "random_state": 0} | params
    return ScratchMLPClassifier(**params).fit(*table(n_samples, n_features))


# The solver


@pytest.mark.parametrize(
    ("n_features", "solver"), [(1996, "lbfgs"), (1997, "adam")]
)
def test_lbfgs_up_to_2e8_rows_times_parameters(n_features, solver):
    """100 units and two classes: 100 D + 302 parameters, and 1,000 rows."""
    work = 1000 * (100 * n_features + 302)
    assert (work <= 2e8) == (solver == "lbfgs")
    model = fitted(1000, n_features, hidden_layer_sizes=(100,), max_iter=1, alpha=1.0)
    assert model.solver_ == solver


@pytest.mark.parametrize(
    "params",
    [{"dropout": 0.1}, {"max_grad_norm": 1.0}, {"learning_rate": "invscaling"}],
)
def test_adam_where_updates_are_asked_for(params):
    assert fitted(50, max_iter=2).solver_ == "lbfgs"
    assert fitted(50, max_iter=2, **params).solver_ == "adam"
    assert fitted(50, max_iter=2, learning_rate="constant").solver_ == "lbfgs"


def test_partial_fit_is_adam():
    model = ScratchMLPClassifier((2,)).partial_fit(*table(20), classes=[0, 1])
    assert model.solver_ == "adam"


# The penalty


@pytest.mark.parametrize(("n_samples", "chosen"), [(99, False), (100, True)])
def test_alpha_is_chosen_from_100_rows_on(n_samples, chosen):
    model = fitted(n_samples)
    assert (model.alpha_path_ is not None) == chosen
    assert model.alpha_ == 1.0 or chosen


@pytest.mark.parametrize(("n_rare", "chosen"), [(2, False), (3, True)])
def test_alpha_is_chosen_from_three_rows_of_each_class_on(n_rare, chosen):
    X, _ = table(150)
    y = (np.arange(150) < n_rare).astype(int)
    model = ScratchMLPClassifier((2,), random_state=0).fit(X, y)
    assert (model.alpha_path_ is not None) == chosen


@pytest.mark.parametrize(
    ("n_samples", "alpha"), [(1000, 1.0), (3000, 1.0), (6000, 2.0), (45_000, 10.0)]
)
def test_alpha_of_minibatches_is_a_3000th_of_the_rows(n_samples, alpha):
    """Between 1 and 10."""
    model = fitted(n_samples, 1, solver="adam", max_iter=1, batch_size=1000)
    assert_allclose(model.alpha_, alpha)


def test_alpha_elsewhere():
    for solver in "gd", "gauss_newton":
        model = fitted(150, solver=solver, activation="tanh", max_iter=2)
        assert model.alpha_ == 1.0
    assert fitted(150, solver="adamw", max_iter=2).alpha_ == 0.0
    model = ScratchMLPClassifier((2,)).partial_fit(*table(30), classes=[0, 1])
    assert_allclose(model.alpha_, 30 / 3000)


# Epochs, batches, rates


@pytest.mark.parametrize(
    ("n_samples", "epochs"), [(500, 60), (8000, 60), (12_500, 40), (60_000, 10)]
)
def test_epochs_of_minibatches(n_samples, epochs):
    """500,000 rows' worth, and 10 to 60."""
    model = fitted(n_samples, 1, hidden_layer_sizes=(), solver="adam", batch_size=5000)
    assert model.n_iter_ == epochs


@pytest.mark.parametrize(
    ("params", "epochs"),
    [
        ({"solver": "lbfgs", "alpha": 1.0}, 200),
        ({"solver": "lbfgs"}, 20),
        ({"solver": "gauss_newton"}, 200),
        ({"solver": "gd"}, 1000),
    ],
)
def test_epochs_of_full_batches(params, epochs):
    """At most; after the path of alphas, L-BFGS has begun near its end."""
    model = ScratchMLPClassifier((2,), "tanh", **params)
    assert make_plan(model, 150, 12).max_iter == epochs
    # On data that no network of two units fits, at a tolerance of nothing.
    X, y = table(150)
    model.set_params(tol=0.0, alpha=params.get("alpha", "auto")).fit(X, y)
    assert model.n_iter_ <= epochs
    if params["solver"] == "gd":
        assert model.n_iter_ == epochs


@pytest.mark.parametrize(("n_samples", "batches"), [(150, [150]), (401, [200, 200, 1])])
def test_batches_have_200_rows(n_samples, batches, monkeypatch):
    seen, compute = [], Objective.batch_value_and_gradient

    def counted(objective, X, Y, weight, ws):
        seen.append(len(Y))
        return compute(objective, X, Y, weight, ws)

    monkeypatch.setattr(Objective, "batch_value_and_gradient", counted)
    fitted(n_samples, solver="adam", max_iter=1)
    assert seen == batches


@pytest.mark.parametrize(
    ("solver", "constant", "peak"),
    [("sgd", 0.1, 0.1), ("adam", 0.001, 0.02), ("adamw", 0.001, 0.02)],
)
def test_learning_rates(solver, constant, peak):
    """Twentyfold in Adam where a cosine takes the rate down to 0 again."""
    given = {"solver": solver, "batch_size": 10}
    model = fitted(100, learning_rate="constant", **given)
    assert_allclose(model.history_["learning_rate"], constant)
    model = fitted(100, max_iter=100, **given)
    rates = model.history_["learning_rate"]
    assert 0.99 * peak < rates.max() <= peak
    assert rates[-1] < 0.01 * peak
    part = ScratchMLPClassifier((2,), solver=solver)
    part.partial_fit(*table(9), classes=[0, 1])
    assert_allclose(part.history_["learning_rate"], constant)


def test_learning_rate_of_gradient_descent():
    model = fitted(50, solver="gd", max_iter=2)
    assert_allclose(model.history_["learning_rate"], 0.5)


def test_a_cosine_is_the_default_of_the_optimizers_alone():
    for solver in (*OPTIMIZERS, "gd", "lbfgs"):
        plan = make_plan(ScratchMLPClassifier(solver=solver), 150, 803)
        assert plan.schedule == ("cosine" if solver in OPTIMIZERS else "constant")
        params = ScratchMLPClassifier(solver=solver)
        plan = make_plan(params, 150, 803, incremental=True)
        assert plan.schedule == "constant"
        assert plan.max_iter == 1


def test_precision_and_tolerance():
    for solver in (*OPTIMIZERS, "gd", "lbfgs", "gauss_newton"):
        plan = make_plan(ScratchMLPClassifier(solver=solver), 150, 803)
        assert plan.dtype == ("float32" if solver in OPTIMIZERS else "float64")
        assert plan.tol == (0.0 if solver == "gd" else 1e-4)


def test_early_stopping_where_rows_are_given():
    for validated in True, False:
        plan = make_plan(ScratchMLPClassifier(), 150, 803, validated=validated)
        assert plan.early_stopping is validated
