"""Every activation against its formula, and its derivative against differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.parameters import INITIALIZERS

Z = np.concatenate([np.linspace(-6, 6, 200), [-40.0, -1e-3, 1e-3, 40.0]])
EXTREME = np.array([-1e10, -1e4, -800.0, -100.0, 0.0, 100.0, 800.0, 1e4, 1e10])
SELU_SCALE, SELU_C = 1.0507009873554805, 1.6732632423543772

FORMULAS = {
    "identity": lambda z: z,
    "tanh": np.tanh,
    "logistic": expit,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    "selu": lambda z: (
        SELU_SCALE * np.where(z > 0, z, SELU_C * (np.exp(np.minimum(z, 0)) - 1))
    ),
    "gelu": lambda z: (
        0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    ),
    "silu": lambda z: z * expit(z),
    "softplus": lambda z: np.log1p(np.exp(z)),
}
LIMITS = {  # of the derivative, at minus and plus infinity
    "identity": (1, 1),
    "tanh": (0, 0),
    "logistic": (0, 0),
    "relu": (0, 1),
    "leaky_relu": (0.01, 1),
    "elu": (0, 1),
    "selu": (0, SELU_SCALE),
    "gelu": (0, 1),
    "silu": (0, 1),
    "softplus": (0, 1),
}

activations = pytest.mark.parametrize("name", ACTIVATIONS)


def value_and_derivative(name, z, spoil_input=True):
    """Return f(z) and f'(z), computed as a network computes them."""
    f, z, out, slope = ACTIVATIONS[name], z.copy(), np.empty_like(z), np.empty_like(z)
    assert f(z, out) is out
    a = out.copy()
    if spoil_input and not f.keeps_input:
        z.fill(np.nan)
    assert f.derivative(z, out, slope) is slope
    return a, slope


@activations
@pytest.mark.parametrize("spoil_input", [True, False])
def test_value(name, spoil_input):
    assert name in FORMULAS, f"write the formula of {name} out in this file"
    a, _ = value_and_derivative(name, Z, spoil_input)
    assert_allclose(a, FORMULAS[name](Z), rtol=1e-12, atol=1e-15)


@activations
@pytest.mark.parametrize("spoil_input", [True, False])
def test_derivative(name, spoil_input):
    h = 1e-5
    differences = (FORMULAS[name](Z + h) - FORMULAS[name](Z - h)) / (2 * h)
    _, slope = value_and_derivative(name, Z, spoil_input)
    assert_allclose(slope, differences, rtol=1e-8, atol=1e-9)


@activations
def test_second_use_of_the_buffers(name):
    """What a first pass leaves in the arrays does not reach the second."""
    f, buffer, a, slope = ACTIVATIONS[name], *(np.empty_like(Z) for _ in range(3))
    for z in (Z, Z[::-1].copy()):
        buffer[:] = z
        f(buffer, a)
        assert_allclose(a, FORMULAS[name](z), rtol=1e-12, atol=1e-15)
        f.derivative(buffer, a, slope)
        assert_array_equal(slope, value_and_derivative(name, z)[1])


@activations
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_inputs(name, dtype):
    """Finite, no NaN on the way, and the derivative at its limits.

    An exp may become infinite on the way: its reciprocal is 0 then, which is right.
    """
    assert name in LIMITS, f"give the limits of the derivative of {name} in this file"
    with np.errstate(over="ignore", invalid="raise", divide="raise"):
        a, slope = value_and_derivative(name, EXTREME.astype(dtype))
    assert a.dtype == slope.dtype == dtype
    assert np.isfinite(a).all()
    below, above = LIMITS[name]
    for slopes, limit in ((slope[:4], below), (slope[:-5:-1], above)):
        assert_allclose(slopes, limit, atol=1e-3)  # a tail may be as 1/z^2
        assert_allclose(slopes[:2], limit, atol=1e-6)


@activations
def test_float32(name):
    """Single precision keeps its digits."""
    pairs = zip(
        value_and_derivative(name, Z.astype(np.float32)),
        value_and_derivative(name, Z),
    )
    for single, double in pairs:
        assert_allclose(single, double, rtol=1e-5, atol=2e-6)


@activations
def test_names(name):
    """An initialiser that exists, and a name that is the registry's key."""
    assert ACTIVATIONS[name].name == name
    assert ACTIVATIONS[name].initializer in INITIALIZERS


def test_selu_keeps_mean_and_variance():
    """Klambauer et al. (2017): a standard normal stays of mean 0 and variance 1."""
    z = np.linspace(-10, 10, 20_001)
    density = np.exp(-(z**2) / 2)
    a, _ = value_and_derivative("selu", z)
    mean, square = (np.average(power, weights=density) for power in (a, a**2))
    assert_allclose([mean, square], [0, 1], atol=1e-6)


@activations
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hidden_activations(iris, name):
    """What a fitted layer puts out is the formula of its weights."""
    X, y = iris
    model = ScratchMLPClassifier((4, 3), name, max_iter=3, random_state=0).fit(X, y)
    a = X
    for layer, (W, b) in enumerate(zip(model.coefs_[:-1], model.intercepts_)):
        a = FORMULAS[name](a @ W + b)
        assert_allclose(model.hidden_activations(X, layer), a, rtol=1e-9, atol=1e-12)
    assert_array_equal(model.hidden_activations(X), model.hidden_activations(X, 1))
    logits = a @ model.coefs_[-1] + model.intercepts_[-1]
    assert_allclose(model.decision_function(X), logits, rtol=1e-9, atol=1e-12)


@activations
def test_smooth_says_whether_the_derivative_jumps(name):
    z = np.linspace(-3, 3, 60_001)
    _, slopes = value_and_derivative(name, z)
    jumps = bool(np.abs(np.diff(slopes)).max() > 1e-3)
    assert ACTIVATIONS[name].smooth != jumps
