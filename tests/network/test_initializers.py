"""How weights are drawn: the papers' variances, the article's draws, one vector."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.parameters import (
    INITIALIZERS,
    ParameterVector,
    initialize,
)

VARIANCES = {
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
}

initializers = pytest.mark.parametrize("name", INITIALIZERS)


@initializers
@pytest.mark.parametrize(("fan_in", "fan_out"), [(300, 400), (400, 300), (120_000, 1)])
def test_mean_and_variance(name, fan_in, fan_out):
    """Of 120,000 draws, where the variance is known to half a percent."""
    assert name in VARIANCES, f"write the variance of {name} out in this file"
    W = INITIALIZERS[name](fan_in, fan_out, np.random.RandomState(0))
    variance = VARIANCES[name](fan_in, fan_out)
    assert W.shape == (fan_in, fan_out)
    assert_allclose(W.mean() / np.sqrt(variance), 0, atol=0.01)
    assert_allclose(W.var(), variance, rtol=0.02)


def test_shapes_of_the_distributions():
    """Normal draws have kurtosis 3, untruncated; uniform ones are bounded."""
    rng = np.random.RandomState(0)
    for name in ("lecun_normal", "he_normal"):
        W = INITIALIZERS[name](300, 400, rng)
        assert_allclose(np.mean(W**4) / W.var() ** 2, 3, rtol=0.03)
        assert np.abs(W).max() > 4 * W.std()
    bound = np.sqrt(6 / 700)
    W = INITIALIZERS["glorot_uniform"](300, 400, rng)
    assert 0.99 * bound < np.abs(W).max() < bound


def drawn(layers, activations, init, seed=0, dtype=np.float64):
    parameters = ParameterVector(layers, dtype)
    parameters.theta.fill(np.nan)
    initialize(
        parameters,
        [ACTIVATIONS[name] for name in activations],
        init,
        np.random.RandomState(seed),
    )
    return parameters


@initializers
def test_layers_are_drawn_in_order_from_one_generator(name):
    """And biases are zero."""
    parameters = drawn((5, 4, 3), ["tanh"], name)
    rng = np.random.RandomState(0)
    assert_array_equal(parameters.weights[0], INITIALIZERS[name](5, 4, rng))
    assert_array_equal(parameters.weights[1], INITIALIZERS[name](4, 3, rng))
    assert all(not b.any() for b in parameters.biases)


def test_the_articles_draws():
    rng = np.random.RandomState(0)
    W1, W2 = rng.randn(2, 3) / np.sqrt(2), rng.randn(3, 2) / np.sqrt(3)
    parameters = drawn((2, 3, 2), ["tanh"], "lecun_normal")
    assert_array_equal(parameters.theta, np.r_[W1.ravel(), W2.ravel(), np.zeros(5)])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_auto_is_what_each_activation_names(activation):
    """Layer by layer; the output's is Glorot's."""
    other = "tanh" if ACTIVATIONS[activation].initializer == "he_normal" else "relu"
    parameters = drawn((5, 4, 6, 3), [activation, other], "auto")
    rng = np.random.RandomState(0)
    names = [ACTIVATIONS[f].initializer for f in (activation, other)]
    for W, name in zip(parameters.weights, [*names, "glorot_uniform"], strict=True):
        assert_array_equal(W, INITIALIZERS[name](*W.shape, rng))


@initializers
def test_precision_does_not_change_the_draws(name):
    single = drawn((5, 4, 3), ["tanh"], name, dtype=np.float32)
    assert single.theta.dtype == np.float32
    double = drawn((5, 4, 3), ["tanh"], name)
    assert_array_equal(single.theta, double.theta.astype(np.float32))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@initializers
def test_fit_starts_from_the_draws(moons, name):
    """A first step of no length leaves them standing."""
    model = ScratchMLPClassifier(
        (4, 3),
        "tanh",
        solver="gd",
        learning_rate_init=1e-300,
        init=name,
        standardize=False,
        max_iter=1,
        random_state=5,
    ).fit(*moons)
    parameters = drawn((2, 4, 3, 2), ["tanh", "tanh"], name, seed=5)
    for ours, expected in zip(model.coefs_, parameters.weights, strict=True):
        assert_array_equal(ours, expected)


# The vector -------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [(2, 3), (2, 3, 2), (1, 4, 1, 5)])
def test_views_cover_the_vector(layers):
    """Each entry belongs to one layer; weights first, and these are penalised."""
    parameters = ParameterVector(layers)
    for i, view in enumerate(parameters.weights + parameters.biases, start=1):
        assert np.shares_memory(view, parameters.theta)
        view += i
    blocks = [view.ravel() for view in parameters.weights + parameters.biases]
    assert_array_equal(parameters.theta, np.concatenate(blocks))
    assert np.all(parameters.theta > 0)
    n_weights = sum(W.size for W in parameters.weights)
    assert len(parameters.penalised) == n_weights
    assert np.shares_memory(parameters.penalised, parameters.theta)
    assert_array_equal(parameters.penalised, parameters.theta[:n_weights])
    assert [W.shape for W in parameters.weights] == list(pairwise(layers))


def test_assign_copies():
    parameters, W = ParameterVector((2, 3)), np.arange(6.0).reshape(2, 3)
    parameters.assign([W], [np.ones(3)])
    W += 1
    assert_array_equal(parameters.theta, [0, 1, 2, 3, 4, 5, 1, 1, 1])
