"""Every optimizer against its paper, written out, and against torch."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_scratchnn.training import optimizers
from sklearn_scratchnn.training.optimizers import OPTIMIZERS

N_WEIGHTS = 5
RATES = np.array([0.1, 0.1, 0.05, 0.2, 0.2, 0.15, 0.1, 0.02, 0.02, 0.3])
SETTINGS = [(name, {}) for name in OPTIMIZERS] + [
    ("sgd", {"momentum": 0.0}),
    ("sgd", {"momentum": 0.8, "nesterovs_momentum": False}),
    ("sgd", {"momentum": 0.8, "nesterovs_momentum": True}),
    ("adam", {"beta_1": 0.0, "beta_2": 0.0}),
    ("adam", {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.1}),
    ("adamw", {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.1, "weight_decay": 0.5}),
]


optimizers_under_test = pytest.mark.parametrize(
    ("name", "settings"),
    SETTINGS,
    ids=["-".join([name, *map(str, settings.values())]) for name, settings in SETTINGS],
)


def beginning():
    """Seven parameters; the first five are weights."""
    return np.array([1.0, -2.0, 0.5, 3.0, -0.1, 0.7, -1.5])


def slope(theta):
    """The gradient of a function that is neither quadratic nor separable."""
    return np.sinh(theta) + theta.sum() * np.arange(1, 8) / 10


def our_steps(name, settings, rates, dtype=np.float64):
    optimizer, theta = OPTIMIZERS[name](**settings), beginning().astype(dtype)
    state, steps = optimizer.init(theta), []
    for rate in rates:
        optimizer.step(theta, slope(theta).astype(dtype), state, rate, N_WEIGHTS)
        steps.append(theta.copy())
    return np.array(steps), state


# The papers' algorithms -------------------------------------------------------------


def sgd(rates, momentum=0.9, nesterovs_momentum=True):
    """Sutskever et al. (2013): eq. 3 and 4 look ahead before the gradient is taken.

    Theirs is phi, where ours is phi + mu v: the point that the gradient is taken at.
    """
    phi, v = beginning(), np.zeros(7)
    for rate in rates:
        ahead = phi + momentum * v if nesterovs_momentum else phi
        v = momentum * v - rate * slope(ahead)
        phi = phi + v
        yield phi + momentum * v if nesterovs_momentum else phi


def adam(rates, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.0):
    """Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2."""
    theta, m, v = beginning(), 0.0, 0.0
    decayed = np.arange(7) < N_WEIGHTS
    for t, rate in enumerate(rates, start=1):
        g = slope(theta)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        decay = weight_decay * decayed * theta
        theta = theta - rate * (m_hat / (np.sqrt(v_hat) + epsilon) + decay)
        yield theta


def adamw(rates, weight_decay=0.01, **settings):
    return adam(rates, weight_decay=weight_decay, **settings)


ORACLES = {"sgd": sgd, "adam": adam, "adamw": adamw}


@optimizers_under_test
def test_first_updates(name, settings):
    """Ten updates at rates that change."""
    assert name in ORACLES, f"write the algorithm of {name} out in this file"
    steps, _ = our_steps(name, settings, RATES)
    expected = list(ORACLES[name](RATES, **settings))
    assert_allclose(steps, expected, rtol=1e-12, atol=1e-12)


@optimizers_under_test
def test_first_updates_in_float32(name, settings):
    steps, state = our_steps(name, settings, RATES, np.float32)
    expected = list(ORACLES[name](RATES, **settings))
    assert steps.dtype == np.float32
    assert_allclose(steps, expected, rtol=1e-4, atol=1e-4)
    kept = [s for s in state.values() if isinstance(s, np.ndarray)]
    assert all(array.dtype == np.float32 for array in kept)


# Torch ------------------------------------------------------------------------------


def torch_optimizer(name, settings, rate, weights, biases):
    """Return torch's optimizer of the same settings."""
    import torch

    everything = [weights, biases]
    betas = settings.get("beta_1", 0.9), settings.get("beta_2", 0.999)
    eps = settings.get("epsilon", 1e-8)
    if name == "sgd":
        momentum = settings.get("momentum", 0.9)
        nesterov = momentum > 0 and settings.get("nesterovs_momentum", True)
        return torch.optim.SGD(everything, rate, momentum, nesterov=nesterov)
    if name == "adam":
        return torch.optim.Adam(everything, rate, betas, eps)
    assert name == "adamw", f"{name} has no counterpart in this test yet"
    decay = settings.get("weight_decay", 0.01)
    groups = [
        {"params": [weights], "weight_decay": decay},
        {"params": [biases], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, rate, betas, eps)


@optimizers_under_test
def test_first_updates_against_torch(name, settings):
    """At one rate: torch's momentum takes another course where the rate changes."""
    torch = pytest.importorskip("torch")
    steps, _ = our_steps(name, settings, [0.1] * 10)
    weights = torch.tensor(beginning()[:N_WEIGHTS], requires_grad=True)
    biases = torch.tensor(beginning()[N_WEIGHTS:], requires_grad=True)
    optimizer = torch_optimizer(name, settings, 0.1, weights, biases)
    for step in steps:
        theta = torch.cat([weights, biases]).detach().numpy()
        gradient = torch.from_numpy(slope(theta))
        weights.grad, biases.grad = gradient[:N_WEIGHTS], gradient[N_WEIGHTS:]
        optimizer.step()
        theirs = torch.cat([weights, biases]).detach().numpy()
        assert_allclose(step, theirs, rtol=1e-10, atol=1e-15)


# What the rest of the house relies on -----------------------------------------------


@optimizers_under_test
def test_pieces_do_not_matter(monkeypatch, name, settings):
    """A vector longer than a piece is updated to the last entry."""
    whole, _ = our_steps(name, settings, RATES)
    monkeypatch.setattr(optimizers, "PIECE", 3)
    pieces, _ = our_steps(name, settings, RATES)
    assert_array_equal(pieces, whole)


@optimizers_under_test
def test_state_pickles_as_plain_arrays_and_numbers(name, settings):
    """Five updates, a pickle, five more: as ten without one."""
    _, state = our_steps(name, settings, RATES)
    assert all(isinstance(s, int | float | np.ndarray) for s in state.values())
    optimizer, theta = OPTIMIZERS[name](**settings), beginning()
    state = optimizer.init(theta)
    for i, rate in enumerate(RATES):
        if i == 5:
            theta, state = pickle.loads(pickle.dumps((theta, state)))
        optimizer.step(theta, slope(theta), state, rate, N_WEIGHTS)
    assert_array_equal(theta, our_steps(name, settings, RATES)[0][-1])


@optimizers_under_test
def test_update_is_in_place(name, settings):
    """Theta and the state's arrays keep their memory; two states share none."""
    optimizer, theta = OPTIMIZERS[name](**settings), beginning()
    state, other = optimizer.init(theta), optimizer.init(theta)
    arrays = {key: s for key, s in state.items() if isinstance(s, np.ndarray)}
    view = theta[:]
    optimizer.step(theta, slope(theta), state, 0.1, N_WEIGHTS)
    assert not np.array_equal(view, beginning())
    for key, array in arrays.items():
        assert state[key] is array
        assert not other[key].any()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_are_frozen(name):
    optimizer = OPTIMIZERS[name]()
    assert optimizer.name == name
    assert optimizer.default_rate > 0
    for setting in fields(optimizer):
        with pytest.raises(AttributeError):
            setattr(optimizer, setting.name, 0.5)


def test_decay_spares_the_biases():
    """With no gradient, AdamW shrinks the weights and nothing else."""
    optimizer, theta = OPTIMIZERS["adamw"](weight_decay=0.5), beginning()
    optimizer.step(theta, np.zeros(7), optimizer.init(theta), 0.1, N_WEIGHTS)
    assert_allclose(theta[:N_WEIGHTS], 0.95 * beginning()[:N_WEIGHTS], rtol=1e-15)
    assert_array_equal(theta[N_WEIGHTS:], beginning()[N_WEIGHTS:])
