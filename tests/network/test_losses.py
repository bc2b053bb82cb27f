"""Every loss against its formula, its link against SciPy's, its curvature exactly.

A loss is reached through an objective whose logits are its weights: X is the identity,
so that C(theta) is the mean loss of the rows of W and the gradient is delta.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, log_expit, log_softmax, softmax, xlogy
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import log_loss

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.network.losses import LOSSES

N, K = 6, 4
losses = pytest.mark.parametrize("loss", LOSSES)
WILD = [-3e38, -1e30, -1e4, -800.0, -1.0, 0.0, 1e-30, 1.0, 800.0, 1e4, 1e30, 3e38]


def labels(loss):
    rng = np.random.RandomState(1)
    if LOSSES[loss].out_activation == "logistic":
        return rng.randint(2, size=(N, K))
    return np.arange(N) % K


def targets(loss, smoothing):
    """Return labels as probabilities, (N, K), drawn towards even ones."""
    y = labels(loss)
    if LOSSES[loss].out_activation == "logistic":
        return (1 - smoothing) * y + smoothing * 0.5
    return (1 - smoothing) * np.eye(K)[y] + smoothing / K


def formula(loss, z, Y):
    """Return the loss of each row of z, as a sum over y log p."""
    oracles = {
        "softmax_cross_entropy": lambda: -np.sum(Y * log_softmax(z, axis=1), axis=1),
        "logistic_cross_entropy": lambda: (
            -np.sum(Y * log_expit(z) + (1 - Y) * log_expit(-z), axis=1)
        ),
    }
    assert loss in oracles, f"write the formula of {loss} out in this file"
    return oracles[loss]()


def link(loss, z):
    return softmax(z, axis=1) if LOSSES[loss].out_activation == "softmax" else expit(z)


@pytest.fixture
def objective_at(objective_of):
    """Return an objective whose logits are z, (N, K)."""

    def objective_at(loss, z, **settings):
        theta = np.concatenate([z.ravel(), np.zeros(K)])
        data = np.eye(N), labels(loss)
        return objective_of((), loss, data=data, theta=theta, **settings)

    return objective_at


def logits(scale=3.0):
    return scale * np.random.RandomState(0).randn(N, K)


@losses
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_delta(objective_at, loss, smoothing, weighted):
    """The value by the formula, delta by p - Y; with label smoothing and weights."""
    z, Y = logits(), targets(loss, smoothing)
    weight = np.arange(1.0, N + 1) if weighted else None
    objective = objective_at(loss, z, smoothing=smoothing, sample_weight=weight)
    w = np.full(N, 1 / N) if weight is None else weight / weight.sum()
    expected = w @ formula(loss, z, Y)
    assert_allclose(objective.value_and_gradient(), expected, rtol=1e-12)
    delta = w[:, np.newaxis] * (link(loss, z) - Y)
    assert_allclose(objective.gradient.weights[0], delta, rtol=1e-12, atol=1e-15)
    assert_allclose(objective.gradient.biases[0], delta.sum(axis=0), rtol=1e-11)
    assert_allclose(objective.value(), expected, rtol=1e-12)


@losses
@pytest.mark.parametrize("block", [None, 4], ids=["whole", "blocks"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_rows(objective_at, loss, block, weighted):
    """Each row's own, from the outputs, and their weighted mean the value."""
    z = logits()
    weight = np.arange(1.0, N + 1) if weighted else None
    objective = objective_at(loss, z, sample_weight=weight, block=block)
    outputs, Y, w = objective.outputs()
    assert_allclose(outputs, z, rtol=1e-12)
    assert_allclose(w[:, 0], 1.0 if weight is None else weight, rtol=1e-12)
    rows = LOSSES[loss].row_losses(outputs, Y)
    assert_allclose(rows, formula(loss, z, targets(loss, 0)), rtol=1e-12)
    mean = np.average(rows, weights=w[:, 0])
    assert_allclose(mean, objective.value(), rtol=1e-12)


@losses
@pytest.mark.parametrize("size", [700.0, 1e6, 1e30])
def test_value_and_delta_of_large_logits(objective_at, loss, size):
    """The loss grows as the logits do; an exp may be infinite on the way, not NaN."""
    z = size * np.sign(logits())
    with np.errstate(over="ignore", invalid="raise", divide="raise"):
        objective = objective_at(loss, z)
        value = objective.value_and_gradient()
    assert_allclose(value, formula(loss, z, targets(loss, 0)).mean(), rtol=1e-12)
    delta = (link(loss, z) - targets(loss, 0)) / N
    assert_allclose(objective.gradient.weights[0], delta, atol=1e-15)


@losses
def test_least_loss_of_the_intercepts_is_that_of_the_frequencies(objective_at, loss):
    """Where no row has a feature, the best outputs are how often each class occurs."""
    Y = targets(loss, 0).mean(axis=0)
    p = np.clip(Y, 1e-300, 1)
    z = np.log(p) if LOSSES[loss].out_activation == "softmax" else np.log(p / (1 - p))
    objective = objective_at(loss, np.tile(z, (N, 1)))
    entropy = -xlogy(Y, Y).sum()
    if LOSSES[loss].out_activation == "logistic":
        entropy -= xlogy(1 - Y, 1 - Y).sum()
    assert_allclose(objective.value_and_gradient(), entropy, rtol=1e-12)
    assert_allclose(objective.gradient.biases[0], 0, atol=1e-15)


# The link ---------------------------------------------------------------------------


@losses
def test_probabilities(loss):
    z = logits()
    p = LOSSES[loss].probabilities(z.copy())
    assert_allclose(p, link(loss, z), rtol=1e-12)
    log_p = LOSSES[loss].log_probabilities(z.copy())
    assert_allclose(log_p, np.log(link(loss, z)), rtol=1e-12)


@losses
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_of_any_finite_logits(loss, dtype):
    """In [0, 1], of sum 1 where classes exclude each other; their logs finite.

    Any logits, that is, whose differences the dtype can hold.
    """
    z = np.array(np.meshgrid(WILD, WILD, WILD)).reshape(3, -1).T.astype(dtype)
    z = z[np.ptp(z.astype(np.float64), axis=1) < np.finfo(dtype).max]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        p = LOSSES[loss].probabilities(z.copy())
        log_p = LOSSES[loss].log_probabilities(z.copy())
    assert p.dtype == log_p.dtype == dtype
    assert np.all((p >= 0) & (p <= 1))
    assert np.isfinite(log_p).all()
    assert np.all(log_p <= 0)
    assert_allclose(np.exp(log_p), p, rtol=1e-5, atol=1e-30)
    if LOSSES[loss].out_activation == "softmax":
        assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_softmax_of_one_output_more_is_logistic():
    """Two logits z and 0 are one logistic output."""
    z = np.linspace(-30, 30, 61)
    two = LOSSES["softmax_cross_entropy"].probabilities(np.c_[z, np.zeros(61)])
    one = LOSSES["logistic_cross_entropy"].probabilities(z[:, np.newaxis].copy())
    assert_allclose(two[:, 0], one[:, 0], rtol=1e-12)


# Curvature --------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [n for n, f in LOSSES.items() if f.has_curvature])
def test_curvature_roots(objective_at, loss):
    """Their products are the Hessian in the logits, here by differences of delta."""
    z, h = logits(1.0), 1e-5
    roots = LOSSES[loss].curvature_roots(link(loss, z).copy())
    H = sum(np.einsum("bj,bk->bjk", root, root) for root in roots)

    def delta(z):
        objective = objective_at(loss, z)
        objective.value_and_gradient()
        return N * objective.gradient.weights[0]

    steps = h * np.eye(K)
    differences = [(delta(z + step) - delta(z - step)) / (2 * h) for step in steps]
    assert_allclose(H, np.stack(differences, axis=1), rtol=1e-8, atol=1e-10)


@losses
@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("k", range(K))
def test_output_seed(loss, of, k):
    """The derivative of an output in the logits, by differences."""
    z, h = logits(1.0), 1e-6

    def output(z):
        if of == "probability":
            return link(loss, z)[:, k]
        if LOSSES[loss].out_activation == "softmax":
            return z[:, k] - np.delete(z, k, axis=1).mean(axis=1)
        return z[:, k]

    steps = h * np.eye(K)
    differences = [(output(z + step) - output(z - step)) / (2 * h) for step in steps]
    seed = z.copy()
    LOSSES[loss].output_seed(k, of)(seed)
    assert_allclose(seed.T, differences, rtol=1e-8, atol=1e-9)


# In a fit ---------------------------------------------------------------------------


def penalty(model, alpha, n):
    return alpha / (2 * n) * sum(np.sum(W**2) for W in model.coefs_)


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_of_a_fit_is_the_log_loss_of_its_metric(iris, weighted):
    """Mean log-loss and penalty, as scikit-learn's metric has the former."""
    X, y = iris
    weights = np.random.RandomState(0).rand(len(X)) if weighted else None
    model = ScratchMLPClassifier(5, alpha=0.5, standardize=False, random_state=0)
    model.fit(X, y, sample_weight=weights)
    n = len(X) if weights is None else weights.sum()
    metric = log_loss(y, model.predict_proba(X), sample_weight=weights)
    assert_allclose(model.loss_, metric + penalty(model, 0.5, n), rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_multilabel_loss_is_the_sum_of_the_labels_log_losses(weighted):
    X, Y = make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    weights = np.random.RandomState(0).rand(len(X)) if weighted else None
    model = ScratchMLPClassifier(5, alpha=0.5, standardize=False, random_state=0)
    model.fit(X, Y, sample_weight=weights)
    n = len(X) if weights is None else weights.sum()
    P = model.predict_proba(X)
    metric = sum(
        log_loss(Y[:, k], P[:, k], sample_weight=weights) for k in range(Y.shape[1])
    )
    assert_allclose(model.loss_, metric + penalty(model, 0.5, n), rtol=1e-9)


@losses
def test_frequency_loss_is_that_of_a_constant_prediction(objective_at, loss):
    """What a fit is compared with before it warns."""
    from sklearn_scratchnn.data.sample import make_sample

    sample = make_sample(np.eye(N), labels(loss), LOSSES[loss], np.arange(K))
    Y = targets(loss, 0).mean(axis=0)
    expected = -xlogy(Y, Y).sum()
    if LOSSES[loss].out_activation == "logistic":
        expected -= xlogy(1 - Y, 1 - Y).sum()
    assert_allclose(sample.constant_loss(), expected, rtol=1e-12)
