"""Small models: what a pickle holds after ``fit``."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import make_moons

from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def wide(task):
    """200 features, three classes or numbers; validation rows besides."""
    rng = np.random.RandomState(0)
    X, y = rng.randn(150, 200), task.y(np.arange(150) % 3)
    return X[:120], y[:120], {"X_val": X[120:], "y_val": y[120:]}


@pytest.fixture
def network(task):
    def make(solver, **parameters):
        given = {"hidden_layer_sizes": (150, 20), "max_iter": 3}
        if solver in OPTIMIZERS:
            given["batch_size"] = 40
        if solver == "gauss_newton":
            given |= {"hidden_layer_sizes": (2,), "activation": "tanh"}
        return task.network(solver=solver, random_state=0, **(given | parameters))

    return make


def weight_bytes(model):
    return sum(a.nbytes for a in model.coefs_ + model.intercepts_)


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("protocol", [4, 5])
def test_a_pickle_holds_the_weights_once(
    wide, network, solver, early_stopping, protocol
):
    X, y, held_out = wide
    model = network(solver, early_stopping=early_stopping).fit(X, y, **held_out)
    size = len(pickle.dumps(model, protocol))
    assert weight_bytes(model) <= size < 1.2 * weight_bytes(model) + 20_000


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
@pytest.mark.parametrize("hidden", [(3,), (100,)])
def test_a_pickle_is_small_after_as_many_passes_as_a_solver_makes(task, solver, hidden):
    """The curves are most of it, where the network is small: 48 bytes an epoch."""
    X, labels = make_moons(200, noise=0.2, random_state=0)
    y = task.y(labels)
    given = {"hidden_layer_sizes": hidden, "activation": "tanh", "random_state": 0}
    model = task.network(solver=solver, **given).fit(X, y)
    allowed = 1.2 * weight_bytes(model) + 20_000 + 48 * model.n_iter_
    assert len(pickle.dumps(model)) < allowed


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_pickle_is_small_with_validation_rows_too(task, early_stopping):
    X, labels = make_moons(40, noise=0.2, random_state=0)
    y = task.y(labels)
    given = {"hidden_layer_sizes": (3,), "max_iter": 5_000, "n_iter_no_change": 5_000}
    model = task.network(
        solver="gd", early_stopping=early_stopping, random_state=0, **given
    )
    model.fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:])
    assert model.n_iter_ == 5_000
    allowed = 1.2 * weight_bytes(model) + 20_000 + 48 * model.n_iter_
    assert len(pickle.dumps(model)) < allowed


@pytest.mark.parametrize("early_stopping", [False, True])
def test_curves_come_back_to_the_bit(wide, network, early_stopping):
    X, y, held_out = wide
    model = network("adam", early_stopping=early_stopping, max_iter=7)
    model.fit(X, y, **held_out)
    model.history_["loss"][2:5] = np.nan, np.inf, -5e-324
    for twin in (pickle.loads(pickle.dumps(model)), copy.copy(model)):
        assert vars(twin).keys() == vars(model).keys()
        assert twin.history_.keys() == model.history_.keys()
        for name, column in model.history_.items():
            assert_array_equal(twin.history_[name], column, strict=True)
        assert twin.loss_curve_ is twin.history_["loss"]
        assert twin.validation_scores_ is twin.history_["validation_score"]
        twin.history_["loss"][0] += 0
    assert copy.copy(model).coefs_ is model.coefs_
    model.loss_curve_ = [1.0]
    assert pickle.loads(pickle.dumps(model)).loss_curve_ == [1.0]


def test_float32_halves_it(wide, network):
    X, y, _ = wide
    sizes = [
        len(pickle.dumps(network("adam").fit(X.astype(dtype), y)))
        for dtype in (np.float32, np.float64)
    ]
    assert sizes[0] < 0.55 * sizes[1]


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_partial_fit_keeps_its_state_until_the_next_fit(wide, task, network, solver):
    X, y, _ = wide
    model = network(solver).partial_fit(X, y, **task.first(y))
    assert len(pickle.dumps(model)) > 1.4 * weight_bytes(model)
    model.fit(X, y)
    assert len(pickle.dumps(model)) < 1.2 * weight_bytes(model) + 20_000


def test_many_passes_cost_their_numbers_only(wide, network):
    X, y, _ = wide
    short, long = (network("sgd", max_iter=n).fit(X, y) for n in (1, 101))
    grown = len(pickle.dumps(long)) - len(pickle.dumps(short))
    columns = len(long.history_) - 1  # not the epochs' numbers
    assert 0 < grown < 1.05 * 100 * 8 * columns


def plain(value):
    """Whether a value is made of arrays, numbers, text, dicts, lists and None."""
    if isinstance(value, dict):
        return all(map(plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    if type(value) is np.ndarray:
        return value.dtype != object
    return value is None or type(value) in (int, float, bool, str)


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_attributes_are_plain(wide, network, solver, early_stopping):
    X, y, held_out = wide
    model = network(solver, early_stopping=early_stopping).fit(X, y, **held_out)
    odd = {name for name, value in vars(model).items() if not plain(value)}
    assert odd == set()


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_what_partial_fit_carries_is_plain_but_for_the_random_state(
    wide, task, network, solver
):
    X, y, _ = wide
    model = network(solver, dropout=0.1).partial_fit(X, y, **task.first(y))
    carried = dict(vars(model._training_state))
    assert isinstance(carried.pop("random_state"), np.random.RandomState)
    assert plain(carried)


def test_fitted_arrays_are_no_views_of_larger_ones(wide, network):
    """A view would keep the whole of its base alive, and drag it into a pickle."""
    X, y, held_out = wide
    for solver in SOLVERS:
        model = network(solver, early_stopping=True).fit(X, y, **held_out)
        for a in [*model.coefs_, *model.intercepts_, *model.history_.values()]:
            assert a.base is None or a.base.nbytes == a.nbytes


def test_the_estimator_has_no_attribute_that_is_an_estimator(wide, network):
    X, y, _ = wide
    model = network("adam").fit(X, y)
    assert not any(isinstance(v, BaseEstimator) for v in vars(model).values())
