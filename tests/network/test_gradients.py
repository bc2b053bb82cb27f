"""Backpropagation against central differences, and against torch's autograd."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.gradient_check import GradientCheck, check_gradient
from sklearn_scratchnn.network.losses import LOSSES, HuberLoss, QuantileLoss
from sklearn_scratchnn.network.number_losses import SMOOTHED
from sklearn_scratchnn.training.dropout import LEVELS, DropoutMasks

NETWORKS = [()] + [(name,) * n for name in ACTIVATIONS for n in (1, 2, 3)]
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0, 0.0, 1.0, 0.25, 1.0, 4.0, 1.0, 2.0, 0.0])


def name_of(network):
    return "-".join(network) if network else "linear"


networks = pytest.mark.parametrize("activations", NETWORKS, ids=name_of)
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
other_settings = pytest.mark.parametrize(
    "loss",
    [HuberLoss(0.1), HuberLoss(3.0), QuantileLoss(0.1), QuantileLoss(0.9)],
    ids=str,
)
numbers = pytest.mark.parametrize(
    "loss", [name for name, loss in LOSSES.items() if loss.predicts_numbers]
)
weights = pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["even", "weighted"])


def gradient_of(objective):
    objective.value_and_gradient()
    return objective.gradient.theta.astype(np.float64)


@networks
@losses
@weights
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("block", [None, 5], ids=["whole", "blocks"])
def test_gradient(objective_of, activations, loss, weight, is_sparse, block):
    """Float64 against differences, float32 against float64; both by the same rows."""
    settings = {
        "sample_weight": weight,
        "is_sparse": is_sparse,
        "standardize": True,
        "alpha": 0.3,
        "block": block,
    }
    objective = objective_of(activations, loss, **settings)
    check = check_gradient(objective)
    assert check.relative_error < 1e-6, f"\n{check}"

    single = objective_of(activations, loss, dtype=np.float32, **settings)
    assert single.gradient.theta.dtype == np.float32
    expected = gradient_of(objective)
    error = np.abs(gradient_of(single) - expected).max() / np.abs(expected).max()
    assert error < 1e-5


@losses
@pytest.mark.parametrize("pair", list(itertools.pairwise(ACTIVATIONS)), ids=name_of)
def test_gradient_of_mixed_layers(objective_of, pair, loss):
    """One activation per hidden layer."""
    check = check_gradient(objective_of((*pair, pair[0]), loss))
    assert check.relative_error < 1e-6, f"\n{check}"


@other_settings
@weights
def test_gradient_of_losses_with_settings(objective_of, loss, weight):
    check = check_gradient(objective_of(("tanh",), loss, sample_weight=weight))
    assert check.relative_error < 1e-6, f"\n{check}"


@pytest.mark.parametrize(
    "loss", [name for name, loss in LOSSES.items() if not loss.predicts_numbers]
)
def test_gradient_of_smoothed_labels(objective_of, loss):
    check = check_gradient(objective_of(("tanh",), loss, smoothing=0.2))
    assert check.relative_error < 1e-6, f"\n{check}"


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masks_are_inverted(rate, dtype):
    """A unit is off, or as much larger as others are off: its mean stays."""
    mask = np.empty((50, 4000), dtype)
    DropoutMasks(rate, np.random.RandomState(0))(mask)
    off = round(rate * LEVELS) / LEVELS
    assert_allclose(off, rate, atol=0.5 / LEVELS)
    assert_allclose(np.unique(mask), [0, 1 / (1 - off)], rtol=1e-6)
    assert_allclose(np.mean(mask == 0), rate, atol=0.01)
    assert_allclose(mask.mean(), 1, atol=0.03)


@networks
def test_gradient_under_dropout(objective_of, activations):
    """With the masks held fixed, dropout is a function like any other."""

    def draw_mask(mask):
        kept = np.random.RandomState(mask.size).rand(*mask.shape) > 0.4
        mask[...] = kept / 0.6
        return mask

    objective = objective_of(activations, draw_mask=draw_mask)
    undropped = objective.value()
    objective.value = objective.value_and_gradient
    check = check_gradient(objective)
    assert check.relative_error < 1e-6, f"\n{check}"
    assert (objective.value() == undropped) == (activations == ())


@losses
def test_sparse_rows_without_a_shift(objective_of, loss):
    """Rows as they are, dense and sparse: the same gradient."""
    dense, csr = (objective_of(("tanh",), loss, is_sparse=s) for s in (False, True))
    assert sparse.issparse(csr.rows.X)
    assert_allclose(gradient_of(csr), gradient_of(dense), rtol=1e-12, atol=1e-14)


# Automatic differentiation ----------------------------------------------------------


def torch_activation(name):
    """Return torch's own function for one of ours."""
    from torch.nn import functional

    oracles = {
        "identity": lambda z: z,
        "tanh": functional.tanh,
        "logistic": functional.sigmoid,
        "relu": functional.relu,
        "leaky_relu": functional.leaky_relu,
        "elu": functional.elu,
        "selu": functional.selu,
        "gelu": lambda z: functional.gelu(z, approximate="tanh"),
        "silu": functional.silu,
        "softplus": functional.softplus,
    }
    assert name in oracles, f"{name} has no counterpart in this test yet"
    return oracles[name]


def torch_loss(loss, z, y):
    """Return the loss of each row of logits z, by torch."""
    import torch
    from torch.nn import functional

    y = torch.tensor(y)

    def poisson():
        rows = functional.poisson_nll_loss(z, y, log_input=True, reduction="none")
        return rows + torch.xlogy(y, y) - y

    def quantile():
        u, q, h = y - z, loss.quantile, SMOOTHED
        pinball = torch.maximum(q * u, (q - 1) * u)
        return torch.where(u.abs() < h, q * u + (h - u) ** 2 / (4 * h), pinball)

    oracles = {
        "softmax_cross_entropy": lambda: functional.cross_entropy(
            z, y, reduction="none"
        ),
        "logistic_cross_entropy": lambda: functional.binary_cross_entropy_with_logits(
            z, y.to(z.dtype), reduction="none"
        ),
        "squared_error": lambda: functional.mse_loss(z, y, reduction="none") / 2,
        "poisson": poisson,
        "huber": lambda: functional.huber_loss(
            z, y, delta=loss.huber_threshold, reduction="none"
        ),
        "quantile": quantile,
    }
    assert loss.name in oracles, f"{loss.name} has no counterpart in this test yet"
    rows = oracles[loss.name]()
    return rows if rows.ndim == 1 else rows.sum(dim=1)


def torch_value_and_gradients(objective, activations, loss, data, weight, alpha):
    """Return C(theta) and its gradient, weights first, by autograd."""
    import torch

    X, y = data
    Ws = [torch.tensor(W, requires_grad=True) for W in objective.network.weights]
    bs = [torch.tensor(b, requires_grad=True) for b in objective.network.biases]
    a = torch.tensor(X)
    for name, W, b in zip((*activations, "identity"), Ws, bs):
        a = torch_activation(name)(a @ W + b)
    w = torch.ones(len(X)) if weight is None else torch.tensor(weight)
    penalty = alpha / 2 * sum((W**2).sum() for W in Ws)
    value = ((w * torch_loss(loss, a, y)).sum() + penalty) / w.sum()
    value.backward()
    flat = [p.grad.numpy().ravel() for p in Ws + bs]
    return value.item(), np.concatenate(flat)


def check_against_torch(objective_of, activations, loss, data, weight):
    settings = {"data": data, "sample_weight": weight, "alpha": 0.3}
    objective = objective_of(activations, loss, **settings)
    value, gradient = torch_value_and_gradients(
        objective, activations, loss, data, weight, 0.3
    )
    assert_allclose(objective.value_and_gradient(), value, rtol=1e-12)
    size = np.abs(gradient).max()
    assert_allclose(objective.gradient.theta, gradient, rtol=1e-10, atol=1e-10 * size)


@networks
@losses
@weights
def test_gradient_against_torch(objective_of, rows_for, activations, loss, weight):
    pytest.importorskip("torch")
    check_against_torch(objective_of, activations, loss, rows_for(loss), weight)


@other_settings
@weights
def test_gradient_of_settings_against_torch(objective_of, rows_for, loss, weight):
    pytest.importorskip("torch")
    check_against_torch(objective_of, ("tanh",), loss, rows_for(loss), weight)


# With respect to the inputs ---------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("task", ["two classes", "three classes", "labels"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_input_gradients(activation, of, task):
    """Row by row against central differences of what the classifier predicts."""
    X, y = load_iris(return_X_y=True)
    X, y, target = X[::3], y[::3], 1
    if task == "two classes":
        X, y = X[y < 2], y[y < 2]
    elif task == "labels":
        y = np.c_[y > 0, y > 1].astype(int)
    model = ScratchMLPClassifier((6, 5), activation, max_iter=5, random_state=0)
    model.fit(X, y)

    def output(X):
        if of == "probability":
            return model.predict_proba(X)[:, target]
        z = model.decision_function(X)
        if task == "three classes":
            return z[:, target] - np.delete(z, target, axis=1).mean(axis=1)
        return z if z.ndim == 1 else z[:, target]

    found = differences(output, X)
    gradients = model.input_gradients(X, target, of)
    assert_allclose(gradients.T, found, rtol=1e-6, atol=1e-8)


def differences(output, X):
    """Return the derivative of each row's output in each column, (n_columns, n)."""
    steps = 1e-5 * np.eye(X.shape[1])
    return np.array([(output(X + h) - output(X - h)) / 2e-5 for h in steps])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@numbers
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_input_gradients_of_numbers(activation, loss):
    """In units of y, which are not those that it was trained in."""
    X, _ = load_iris(return_X_y=True)
    X, y = X[::3, :3], 1e3 * X[::3, 2:]
    given = {"loss": loss, "max_iter": 5, "random_state": 0}
    model = ScratchMLPRegressor((6, 5), activation, **given).fit(X, y)
    found = differences(lambda X: model.predict(X)[:, 1], X)
    gradients = model.input_gradients(X, 1)
    size = np.abs(gradients).max()
    assert_allclose(gradients.T, found, rtol=1e-6, atol=1e-8 * size)


# The check itself -------------------------------------------------------------------


def test_check_tells_a_wrong_gradient(objective_of):
    """One wrong entry of many is enough, and the report shows both numbers."""
    objective = objective_of(("tanh",))
    right = objective.value_and_gradient

    def wrong():
        value = right()
        objective.gradient.theta[-1] *= 1.1
        return value

    objective.value_and_gradient = wrong
    check = check_gradient(objective)
    assert check.relative_error > 1e-4
    printed = str(check).splitlines()[1].split()
    assert_allclose(float(printed[0]), check.analytic[0])
    assert_allclose(float(printed[1]), check.numerical[0])


def test_check_leaves_the_objective_as_it_was(objective_of):
    objective = objective_of(("tanh",))
    theta, gradient = objective.theta.copy(), gradient_of(objective)
    check_gradient(objective, n_directions=2)
    assert_array_equal(objective.theta, theta)
    assert_array_equal(objective.gradient.theta, gradient)


def test_check_in_float32(objective_of):
    """Its own step is wide enough for single precision."""
    check = check_gradient(objective_of(("tanh", "gelu"), dtype=np.float32))
    assert check.relative_error < 1e-2, f"\n{check}"


def test_relative_error():
    check = GradientCheck(np.array([1.0, 0, -2, -1]), np.array([1.0, 0, -1, -2]))
    assert_array_equal(check.relative_errors, [0, 0, 0.5, 0.5])
    assert check.relative_error == 0.5
