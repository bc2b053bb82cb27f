"""A loss and an estimator of one's own: what the house is for.

The loss is for numbers, which no loss of the package is, so that every line which asks
the loss what an output means is asked here.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import RegressorMixin, clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.estimator.base import NetworkEstimator
from sklearn_scratchnn.network.gradient_check import check_gradient
from sklearn_scratchnn.network.losses import LOSSES, Loss
from sklearn_scratchnn.training.optimizers import OPTIMIZERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class SquaredError(Loss):
    """C = sum_k (z_k - Y_k)^2 / 2, hence dC/dz = z - Y."""

    name = "squared_error"
    out_activation = "identity"
    kind_of_y = "numbers"

    def outputs_of(self, y):
        return np.arange(y.shape[1])

    def encode(self, y, outputs):
        return y

    def decode(self, codes, outputs):
        return codes

    def decide(self, z):
        return z.copy()

    def strata(self, codes):
        return None

    def target_table(self, n_outputs, label_smoothing):
        return None

    def constant_loss(self, codes, weights, n_outputs, label_smoothing=0.0):
        mean = np.average(codes, axis=0, weights=weights)
        return np.average((codes - mean) ** 2, axis=0, weights=weights).sum() / 2

    def value_and_delta(self, z, Y, weight, delta, row):
        np.subtract(z, Y, out=delta)
        np.vecdot(delta, delta, out=row[:, 0])
        row *= weight
        delta *= weight
        return float(row.sum()) / 2

    def row_losses(self, z, Y):
        return np.square(z - Y).sum(axis=1) / 2

    def curvature_roots(self, p):
        for j in range(p.shape[1]):
            root = np.zeros_like(p)
            root[:, j] = 1
            yield root

    def probabilities(self, z):
        return z

    log_probabilities = probabilities

    def output_seed(self, k, of):
        def seed(z):
            z.fill(0)
            z[:, k] = 1

        return seed


class Regressor(RegressorMixin, NetworkEstimator):
    __init__ = ScratchMLPClassifier.__init__

    def _read_y(self, y):
        return y.reshape(len(y), -1).astype(float), LOSSES["squared_error"]

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        return self._fit(X, y, sample_weight, X_val, y_val, None)

    def partial_fit(self, X, y):
        return self._partial_fit(X, y, None, range(y.shape[1]))

    def predict(self, X):
        predictor = self._predictor(X)
        return predictor.loss.decode(predictor.decisions(), self.classes_)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(LOSSES, "squared_error", SquaredError())


@pytest.fixture
def numbers():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 3) * [1, 10, 0.1] + [0, 5, 1]
    Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 1] / 10 + X[:, 2]])
    return X, Y + 0.05 * rng.randn(300, 2)


@pytest.mark.parametrize("solver", ["lbfgs", "gauss_newton", "adam", "sgd"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_it_learns_under_every_kind_of_solver(numbers, solver, early_stopping):
    X, Y = numbers
    model = Regressor(
        (15,),
        "tanh",
        solver=solver,
        alpha=0.1,
        early_stopping=early_stopping,
        max_iter=150,
        random_state=0,
    )
    if solver in OPTIMIZERS:
        model.set_params(batch_size=20)
    assert model.fit(X, Y).score(X, Y) > 0.8
    assert model.out_activation_ == "identity"
    if early_stopping:
        assert len(model.validation_scores_) == model.n_iter_


def test_without_hidden_layers_it_is_ridge_regression(numbers):
    """An exact oracle: the same objective, halved, with alpha as it is."""
    X, Y = numbers
    weights = np.random.RandomState(1).rand(300)
    model = Regressor((), solver="lbfgs", alpha=3.0, standardize=False, tol=1e-9)
    model.set_params(max_iter=2000).fit(X, Y, weights)
    ridge = Ridge(alpha=3.0).fit(X, Y, weights)
    assert_allclose(model.coefs_[0].T, ridge.coef_, rtol=1e-4, atol=1e-6)
    assert_allclose(model.predict(X), ridge.predict(X), rtol=1e-4, atol=1e-4)


def test_its_gradient(objective_of, numbers):
    from sklearn_scratchnn.data.sample import make_sample
    from sklearn_scratchnn.network.network import make_network
    from sklearn_scratchnn.training.objective import Objective

    X, Y = numbers
    network = make_network((3, 4, 2), ["gelu"], "squared_error")
    network.parameters.theta[:] = np.random.RandomState(0).randn(26)
    sample = make_sample(X / 10, Y, network.loss)
    for block in (None, 70):
        check = check_gradient(Objective(network, sample, 0.1, block))
        assert check.relative_error < 1e-6


def test_the_rest_of_the_house_serves_it(numbers):
    """Searches, warm starts, partial_fit, clones, the chosen penalty."""
    X, Y = numbers
    grid = GridSearchCV(Regressor((8,), "tanh", max_iter=20), {"alpha": [0.1, 100.0]})
    assert grid.fit(X, Y).best_params_ == {"alpha": 0.1}
    model = Regressor((8,), "tanh", random_state=0, warm_start=True).fit(X, Y)
    assert model.alpha_ in model.alpha_path_["alpha"]
    first = model.score(X, Y)
    assert clone(model).fit(X, Y).score(X, Y) == first
    assert model.fit(X, Y).score(X, Y) >= first - 1e-3
    assert model.hidden_activations(X).shape == (300, 8)
    parts = Regressor((8,), solver="adam", learning_rate_init=0.01, random_state=0)
    for start in 10 * list(range(0, 300, 30)):
        parts.partial_fit(X[start : start + 30], Y[start : start + 30])
    assert parts.loss_curve_[-10:].mean() < parts.loss_curve_[:10].mean() / 2
    assert parts.n_iter_ == 100


def test_a_constant_prediction_is_warned_of_here_too(numbers):
    X, Y = numbers
    with pytest.warns(Warning, match="no better than predicting"):
        Regressor((3,), alpha=1e9).fit(X, Y)


def test_another_kind_of_y_is_refused_by_its_name(numbers):
    X, Y = numbers
    model = ScratchMLPClassifier((3,), warm_start=True, max_iter=5)
    model.fit(X, (Y[:, 0] > 0).astype(int))
    indicators = (Y > 0).astype(int)
    with pytest.raises(
        ValueError, match="y holds an indicator matrix.*one label a row"
    ):
        model.fit(X, indicators)
    model = ScratchMLPClassifier((3,), max_iter=5)
    given = {"X_val": X[:50], "y_val": np.c_[indicators, indicators[:, 0]][:50]}
    with pytest.raises(ValueError, match=r"y_val has 3 labels \(columns\), .* with 2"):
        model.fit(X, indicators, **given)


def test_an_estimator_must_say_what_its_y_is(numbers):
    class Silent(RegressorMixin, NetworkEstimator):
        __init__ = ScratchMLPClassifier.__init__

    with pytest.raises(NotImplementedError):
        Silent()._fit(*numbers, None, None, None, None)


def test_what_it_predicts_is_blocks_of_rows_together(numbers, monkeypatch):
    from sklearn_scratchnn.network import workspace

    X, Y = numbers
    model = Regressor((4,), "tanh", alpha=0.1, random_state=0).fit(X, Y)
    whole = model.predict(X)
    monkeypatch.setattr(workspace, "BLOCK_BYTES", 1)
    assert_allclose(model.predict(X), whole, rtol=1e-12)
    assert_array_equal(model.predict(X[:1]).shape, (1, 2))
