"""``alpha="auto"``: which strength is chosen, and what the network is then."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_moons

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.inputs import make_sample, split
from sklearn_scratchnn.estimator.assembly import make_network, make_objective
from sklearn_scratchnn.network.parameters import ParameterVector, initialize
from sklearn_scratchnn.training.alpha_path import ALPHAS, AlphaPath
from sklearn_scratchnn.training.solvers import LBFGS


def walked(X, y):
    """Return a path after its walk, over a third of the rows held out."""
    random_state = np.random.RandomState(0)
    sample = make_sample(X, y, np.arange(2), None)
    trained, held_out = split(sample, 1 / 3, random_state)
    layers = ParameterVector((X.shape[1], 10, 2))
    network = make_network(layers, ["relu"], "softmax_cross_entropy")
    initialize(layers, network.activations, "auto", random_state)
    path = AlphaPath(
        *(make_objective(network, layers, rows, None) for rows in (trained, held_out)),
        LBFGS(max_iter=10, max_fun=1000, tol=1e-4),
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
