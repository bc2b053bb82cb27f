"""The article's network, its printed losses, and its exercises.

Denny Britz, "Implementing a Neural Network from Scratch in Python - An Introduction".
"""

import numpy as np
import pytest
from article import PRINTED
from numpy.testing import assert_allclose
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from sklearn_scratchnn import ScratchMLPClassifier

LEAST_KNOWN = 0.067800


@pytest.fixture(scope="module")
def long_run(moons, article):
    """The article's 20,000 passes."""
    with pytest.warns(ConvergenceWarning, match="edge of stability"):
        return ScratchMLPClassifier(**article).fit(*moons)


@pytest.mark.parametrize("i", PRINTED)
def test_printed_loss(long_run, i):
    """The loss after pass i is the one that pass i + 1 starts from.

    From about pass 2,500 the loss alternates, and rounding decides which phase falls on
    an even pass; at pass 2000 the oscillation is still growing.
    """
    here, next_pass = long_run.loss_curve_[i + 1 : i + 3]
    if i <= 1000:
        assert round(here, 6) == PRINTED[i]
    elif i == 2000:
        assert abs(here - PRINTED[i]) < 1e-3
    else:
        assert PRINTED[i] in (round(here, 6), round(next_pass, 6))


def test_run_ends_in_a_two_step_cycle(long_run):
    last = long_run.loss_curve_[-100:]
    assert_allclose(np.sort(last[:2]), [0.070758, 0.071316], atol=5e-7)
    assert_allclose(last[2:], last[:-2], rtol=1e-6)


def test_half_the_rate_converges(moons, article):
    settings = article | {"learning_rate_init": article["learning_rate_init"] / 2}
    curve = ScratchMLPClassifier(**settings).fit(*moons).loss_curve_
    assert curve[-1] < LEAST_KNOWN + 5e-6
    assert np.all(np.diff(curve[-1000:]) < 0)


# The loop, written out --------------------------------------------------------------


def literal_run(X, y, n_hidden, n_passes, rate=0.01, strength=0.01):
    """Yield loss, then weights and biases, of each pass of the article's program.

    Its update takes the gradient of the sum over rows; its loss is a mean.
    """
    draws, n = np.random.RandomState(0), len(X)
    W1 = draws.randn(2, n_hidden) / np.sqrt(2)
    W2 = draws.randn(n_hidden, 2) / np.sqrt(n_hidden)
    b1, b2 = np.zeros((1, n_hidden)), np.zeros((1, 2))
    Y = np.eye(2)[y]
    for _ in range(n_passes):
        a1 = np.tanh(X.dot(W1) + b1)
        scores = np.exp(a1.dot(W2) + b2)
        p = scores / scores.sum(axis=1, keepdims=True)
        penalty = strength / 2 * (np.sum(W1**2) + np.sum(W2**2))
        loss = (-np.sum(np.log(p[range(n), y])) + penalty) / n
        delta2 = p - Y
        delta1 = delta2.dot(W2.T) * (1 - a1**2)
        dW2, db2 = a1.T.dot(delta2) + strength * W2, delta2.sum(axis=0, keepdims=True)
        dW1, db1 = X.T.dot(delta1) + strength * W1, delta1.sum(axis=0, keepdims=True)
        W1, b1 = W1 - rate * dW1, b1 - rate * db1
        W2, b2 = W2 - rate * dW2, b2 - rate * db2
        yield loss, (W1, W2), (b1, b2)


@pytest.mark.parametrize("n_hidden", [1, 3, 20])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_of_the_first_passes(moons, article, n_hidden):
    """Weights at several of the first 500 passes, losses at each of them."""
    literal = list(literal_run(*moons, n_hidden, 500))
    settings = article | {"hidden_layer_sizes": n_hidden}
    for n_passes in (1, 2, 10, 50, 100, 200, 300, 400, 500):
        model = ScratchMLPClassifier(**settings | {"max_iter": n_passes}).fit(*moons)
        _, weights, biases = literal[n_passes - 1]
        for ours, theirs in zip(model.coefs_, weights, strict=True):
            assert_allclose(ours, theirs, rtol=0, atol=1e-9)
        for ours, theirs in zip(model.intercepts_, biases, strict=True):
            assert_allclose(ours, theirs.ravel(), rtol=0, atol=1e-9)
    assert_allclose(model.loss_curve_, [loss for loss, *_ in literal], rtol=1e-9)


# The exercises ----------------------------------------------------------------------

EXERCISES = {
    "minibatches": {"solver": "sgd"},
    "annealed rate": {"learning_rate": "cosine"},
    "logistic units": {"activation": "logistic"},
    "rectified units": {"activation": "relu"},
    "a fourth layer": {"hidden_layer_sizes": (3, 3)},
}


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_exercise(moons, article, exercise):
    """One changed parameter, and the moons are still told apart.

    ``gd`` reads neither ``batch_size`` nor ``momentum``.
    """
    program = article | {"max_iter": 2000, "batch_size": 20, "momentum": 0.0}
    before = ScratchMLPClassifier(**program).fit(*moons)
    after = ScratchMLPClassifier(**program | EXERCISES[exercise]).fit(*moons)
    assert after.loss_ < 0.085
    assert after.score(*moons) >= 0.97
    assert not np.array_equal(before.loss_curve_[1:3], after.loss_curve_[1:3])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_exercise_of_three_classes(article):
    """No parameter changes at all."""
    X, y = make_blobs(200, random_state=0)
    model = ScratchMLPClassifier(**article | {"max_iter": 2000}).fit(X, y)
    assert model.coefs_[-1].shape == (3, 3)
    assert model.score(X, y) >= 0.95


def test_annealed_rate_ends_the_cycle(moons, article):
    """From the article's own rate down to nothing: no oscillation, a lower loss."""
    settings = article | {"learning_rate": "cosine"}
    curve = ScratchMLPClassifier(**settings).fit(*moons).loss_curve_
    assert curve[-1] < LEAST_KNOWN + 5e-5
    assert np.abs(np.diff(curve[-100:])).max() < 1e-9
