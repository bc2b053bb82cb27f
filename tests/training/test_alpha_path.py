"""``alpha="auto"``: which strength is chosen, and what the network is then."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.datasets import make_moons
from sklearn.metrics import log_loss

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.network import make_network
from sklearn_scratchnn.network.parameters import initialize
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.penalty_search.path import ALPHAS, AlphaPath
from sklearn_scratchnn.training.solvers.lbfgs import LBFGS


def walked(X, y, solver=LBFGS):
    """Return a path after its walk, over a third of the rows held out."""
    random_state = np.random.RandomState(0)
    network = make_network((X.shape[1], 10, 2), ["relu"], "softmax_cross_entropy")
    sample = make_sample(X, y, network.loss)
    trained, held_out = sample.split(1 / 3, random_state)
    initialize(network.parameters, network.activations, "auto", random_state)
    path = AlphaPath(
        *(Objective(network, rows) for rows in (trained, held_out)),
        solver(max_iter=10, max_fun=1000, tol=1e-4),
        trained.total_weight,
    )
    path.walk()
    return path


def noise(n=400):
    rng = np.random.RandomState(1)
    return rng.randn(n, 5), rng.randint(2, size=n)


def test_labels_that_are_noise_choose_the_strongest():
    path = walked(*noise())
    first, *others = path.table()["alpha"]
    assert path.alpha == first
    assert others


def test_labels_without_noise_choose_the_weakest():
    X, _ = noise()
    path = walked(X, (X[:, 0] * X[:, 1] > 0).astype(int))
    assert path.alpha == ALPHAS[-1]


@pytest.mark.parametrize("data", [noise(), make_moons(400, noise=0.3, random_state=0)])
def test_the_parameters_are_those_of_the_chosen_strength(data):
    path = walked(*data)
    table = path.table()
    (i,) = np.flatnonzero(table["alpha"] == path.alpha)
    left = path.held_out.mean(path.held_out.row_losses())
    assert left == table["validation_loss"][i]


def test_no_strength_is_more_than_a_ninth_of_the_rows():
    X, y = noise(120)
    assert walked(X, y).table()["alpha"][0] == 3.0
    assert walked(X[:110], y[:110]).alpha <= 73 / 9


def test_what_a_fit_tells_of_its_path():
    X, y = make_moons(300, noise=0.3, random_state=0)
    model = ScratchMLPClassifier(5, random_state=0).fit(X, y)
    alphas, losses = (
        model.alpha_path_[name] for name in ("alpha", "validation_loss")
    )
    assert_array_equal(alphas, [a for a in ALPHAS if a <= 200 / 9][: len(losses)])
    assert model.alpha_ in alphas
    assert ScratchMLPClassifier(5, alpha=1.0).fit(X, y).alpha_path_ is None


# Its table and its choice


def held_out_losses(path):
    """Return the loss of each held-out row under each alpha that was tried."""
    kept, losses = path.objective.theta.copy(), []
    for tried in path._tried:
        path.held_out.theta[:] = tried.theta
        X = np.concatenate([np.array(X) for X, *_ in path.held_out.blocks()])
        W1, W2 = path.held_out.network.weights
        b1, b2 = path.held_out.network.biases
        z = np.maximum(X @ W1 + b1, 0) @ W2 + b2
        log_p = z - logsumexp(z, axis=1, keepdims=True)
        y = path.held_out.targets.base.codes[path.held_out.targets.indices]
        losses.append(-log_p[np.arange(len(y)), y])
    path.objective.theta[:] = kept
    return np.array(losses)


@pytest.mark.parametrize("noise", [0.1, 0.3, 0.6])
def test_the_table_is_the_log_loss_on_the_held_out_rows(noise):
    path = walked(*make_moons(300, noise=noise, random_state=0))
    losses = held_out_losses(path)
    table = path.table()
    assert_allclose(table["validation_loss"], losses.mean(axis=1), rtol=1e-10)
    assert len(table["alpha"]) == len(losses) >= 1
    y = path.held_out.targets.base.codes[path.held_out.targets.indices]
    chosen = list(table["alpha"]).index(path.alpha)
    p = np.exp(-losses[chosen])
    proba = np.column_stack([np.where(y == k, p, 1 - p) for k in (0, 1)])
    assert_allclose(log_loss(y, proba), table["validation_loss"][chosen], rtol=1e-10)


def choice_by_the_rule(losses):
    """Return how many alphas are tried, and which is chosen, from all their losses."""

    def standard_errors(i, tried):
        best = min(tried, key=lambda k: losses[k].mean())
        excess = losses[i] - losses[best]
        spread = excess.std()
        return excess.mean() / (spread / np.sqrt(len(excess))) if spread > 0 else 0.0

    tried = []
    for i in range(len(losses)):
        tried.append(i)
        if standard_errors(i, tried) > 0.5:
            break
    return len(tried), next(i for i in tried if standard_errors(i, tried) <= 0.7)


@pytest.mark.parametrize("noise", [0.1, 0.2, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_choice_is_by_its_rule(noise, seed):
    path = walked(*make_moons(150, noise=noise, random_state=seed))
    n_tried, chosen = choice_by_the_rule(held_out_losses(path))
    assert n_tried == len(path.table()["alpha"])
    assert path.alpha == path.table()["alpha"][chosen]


@pytest.mark.parametrize(
    ("excess", "chosen"), [(0.69, 0), (0.71, 1)], ids=["within", "beyond"]
)
def test_the_largest_alpha_within_0_7_standard_errors(excess, chosen):
    """Losses whose difference is that many standard errors, exactly."""
    path = walked(*make_moons(150, noise=0.2, random_state=0))
    n = path.held_out.n_samples
    spread = np.tile([1.0, -1.0], n // 2)  # of standard deviation 1
    losses = spread + excess / np.sqrt(len(spread))
    path.held_out.weights = None
    path._tried = [
        tried._replace(losses=loss, mean=loss.mean())
        for tried, loss in zip(path._tried, (losses, np.zeros(len(spread))))
    ]
    assert path._chosen() == chosen


def test_what_an_alpha_starts_from():
    """From where the last one ended, and 0.03 of the first weights besides."""
    starts, ends = [], []

    class Watched(LBFGS):
        def run(self, objective, state, on_epoch, random_state=None):
            starts.append(objective.theta.copy())
            outcome = super().run(objective, state, on_epoch, random_state)
            ends.append(objective.theta.copy())
            return outcome

    path = walked(*make_moons(300, noise=0.1, random_state=0), Watched)
    assert len(starts) >= 3
    for end, start in zip(ends, starts[1:]):
        assert_allclose(start, end + 0.03 * starts[0], rtol=1e-12, atol=1e-15)
    assert path.alpha < 30


def test_no_alpha_is_larger_than_a_ninth_of_the_rows():
    """Of the 2/3 that are trained on."""
    for n, largest in ((150, 10.0), (402, 10.0), (405, 30.0), (600, 30.0)):
        path = walked(*make_moons(n, noise=0.2, random_state=0))
        assert path.table()["alpha"][0] == largest
    path = walked(*make_moons(102, noise=0.2, random_state=0))
    assert path.table()["alpha"][0] == 3.0
