"""Shared data, and one way to build an objective in a test."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris, make_moons
from sklearn.utils import check_random_state
from tasks import TASKS

from sklearn_scratchnn.data.prepared import prepare
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.data.target_scale import TargetScale
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.network import Network
from sklearn_scratchnn.network.parameters import ParameterVector
from sklearn_scratchnn.training.objective import Objective


@pytest.fixture(autouse=True)
def seeded():
    """Seed what random_state=None draws from, so that a test gives one result."""
    check_random_state(None).seed(0)


@pytest.fixture(scope="session")
def moons():
    """The article's data."""
    return make_moons(200, noise=0.20, random_state=0)


@pytest.fixture(scope="session")
def iris():
    """Three classes, four features, columns standardised."""
    X, y = load_iris(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.fixture(scope="session")
def article():
    """The constructor's parameters that stand for the article's program."""
    return {
        "hidden_layer_sizes": 3,
        "activation": "tanh",
        "solver": "gd",
        "learning_rate_init": 2.0,
        "alpha": 0.01,
        "init": "lecun_normal",
        "standardize": False,
        "random_state": 0,
        "max_iter": 20_000,
    }


@pytest.fixture
def on_the_page(monkeypatch):
    """Let NumPy compute, where a test watches what the page does or puts its own in."""
    monkeypatch.setenv("SCRATCHNN_CORE", "0")


@pytest.fixture
def mlflow_store(tmp_path, monkeypatch):
    """Let MLflow write its runs into the test's own folder, and tell nobody."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def few_rows(loss, n_samples=12, n_features=4, n_outputs=3):
    """Return X, about half of it zeros, and y that suits the loss or its name."""
    loss = LOSSES.get(loss, loss)
    rng = np.random.RandomState(3)
    X = rng.randn(n_samples, n_features) * (rng.rand(n_samples, n_features) < 0.6)
    if loss.out_activation == "logistic":
        return X, rng.randint(2, size=(n_samples, n_outputs))
    if loss.out_activation == "softmax":
        return X, np.arange(n_samples) % n_outputs
    if loss.least_y == 0:
        return X, rng.poisson(1.5, (n_samples, n_outputs)).astype(float)
    return X, np.round(1024 * rng.randn(n_samples, n_outputs)) / 1024  # of few bits


def unscaled(n_outputs):
    """Return the `TargetScale` that leaves numbers as they are."""
    zeros = np.zeros(n_outputs)
    return TargetScale(zeros.astype(int), zeros, zeros, zeros + 1)


def build_objective(
    activations=(),
    loss="softmax_cross_entropy",
    *,
    data=None,
    theta=None,
    sample_weight=None,
    dtype=np.float64,
    is_sparse=False,
    standardize=False,
    alpha=0.0,
    block=None,
    draw_mask=None,
    smoothing=0.0,
):
    """Return an objective with random parameters, biases included.

    Numbers are trained on as they are, not in units of their own.

    Parameters
    ----------
    activations : sequence of str
        One name per hidden layer; the layers have 5, 4 and 3 units.
    loss : str or Loss
    data : tuple of (X, y) or None
        None for `few_rows`.
    theta : ndarray or None
        None for draws that do not depend on ``dtype``.
    sample_weight : ndarray or None
    dtype : dtype
    is_sparse : bool
        Whether X goes in as a CSR matrix.
    standardize : bool
    alpha : float
    block : int or None
        Rows computed at once.
    draw_mask : callable or None
    smoothing : float
    """
    loss = LOSSES.get(loss, loss)
    X, y = few_rows(loss) if data is None else data
    outputs = loss.outputs_of(y)
    layers = (X.shape[1], *(5, 4, 3)[: len(activations)], len(outputs))
    parameters = ParameterVector(layers, dtype)
    network = Network(parameters, [ACTIVATIONS[name] for name in activations], loss)
    drawn = np.random.RandomState(7).randn(len(parameters.theta))
    parameters.theta[:] = drawn if theta is None else theta
    if theta is None and loss.out_activation == "exp":
        parameters.weights[-1][:] *= 0.2  # so that exponentials stay in float32
    X = sparse.csr_matrix(X) if is_sparse else X
    units = unscaled(len(outputs)) if loss.predicts_numbers else None
    sample = make_sample(X, y, loss, outputs, sample_weight, target_scale=units)
    sample = prepare(sample, standardize=standardize).train
    return Objective(
        network, sample, alpha / sample.total_weight, block, draw_mask, smoothing
    )


@pytest.fixture(scope="session")
def objective_of():
    """`build_objective`, for tests."""
    return build_objective


@pytest.fixture(scope="session")
def rows_for():
    """`few_rows`, for tests."""
    return few_rows


@pytest.fixture(params=TASKS, ids=lambda task: task.name, scope="session")
def task(request):
    """Labels and numbers by turns: what both estimators are held to."""
    return request.param
