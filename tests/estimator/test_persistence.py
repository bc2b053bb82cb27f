"""Saved models load as they were, in this version and from earlier ones."""

import copy
import io
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_moons
from tasks import every_task

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.version import VERSION

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SAVED = sorted(Path(__file__).parents[1].joinpath("saved").glob("model_*.pkl"))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    **{
        f"pickle {protocol}": lambda model, protocol=protocol: pickle.loads(
            pickle.dumps(model, protocol)
        )
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": by_joblib,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.fixture
def moons(task):
    X, labels = make_moons(150, noise=0.25, random_state=0)
    return X, task.y(labels)


@pytest.fixture
def network(task):
    def make(**params):
        params = {"alpha": 0.03, "max_iter": 8, "random_state": 0} | params
        return task.network((5, 4), **params)

    return make


# Earlier versions


def test_a_model_of_the_first_version_is_kept():
    assert "model_0_1.pkl" in [path.name for path in SAVED]


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.name)
def test_models_of_earlier_versions_load(path):
    content = pickle.loads(path.read_bytes())
    X = content["X"]
    for name, model in content["models"].items():
        assert model.get_params().keys() <= ScratchMLPClassifier().get_params().keys()
        assert_array_equal(model.predict(X), content["labels"][name])
        assert_allclose(
            model.predict_proba(X), content["probabilities"][name], atol=1e-6
        )
        clone(model).fit(X, np.arange(len(X)) % 2)
    going_on = content["models"]["incremental"]
    passes = going_on.t_
    going_on.partial_fit(X, content["labels"]["incremental"])
    assert going_on.t_ == passes + len(X)


# Versions in the file


@pytest.mark.parametrize("fitted", [False, True])
def test_the_version_is_stored(moons, network, fitted):
    model = network().fit(*moons) if fitted else network()
    assert model.__getstate__()["_scratchnn_version"] == VERSION
    loaded = pickle.loads(pickle.dumps(model))
    assert vars(loaded).keys() == vars(model).keys()


def saved_by(version, model):
    """Return a pickle that says it is of another version."""
    assert len(version) == len(VERSION)
    return pickle.dumps(model).replace(VERSION.encode(), version.encode())


def test_a_newer_major_version_is_refused_by_name(moons, network):
    newer = f"{int(VERSION[0]) + 1}{VERSION[1:]}"
    data = saved_by(newer, network().fit(*moons))
    told = f"saved by sklearn-scratchnn {newer}"
    with pytest.raises(ValueError, match=told) as error:
        pickle.loads(data)
    assert f"{VERSION} cannot read" in str(error.value)
    assert "Load it with that version" in str(error.value)


def test_a_newer_minor_version_loads(moons, task, network):
    X, y = moons
    model = network().fit(X, y)
    data = saved_by(f"{VERSION[0]}.9.9{VERSION[5:]}", model)
    assert_array_equal(task.answers(pickle.loads(data), X), task.answers(model, X))


def test_a_state_without_a_version_is_refused(moons, network):
    state = network().fit(*moons).__getstate__()
    del state["_scratchnn_version"]
    with pytest.raises(ValueError, match="no version stored"):
        network().__setstate__(state)


# Copies


@every_task
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_predicts_the_same(moons, task, network, how):
    X, y = moons
    model = network().fit(X, y)
    copied = COPIES[how](model)
    assert_array_equal(task.answers(copied, X), task.answers(model, X))
    assert copied.get_params() == model.get_params()


@pytest.mark.parametrize("how", ["pickle 5", "joblib", "deepcopy"])
def test_an_incremental_copy_goes_on_alike(moons, task, network, how):
    X, y = moons
    model = network(solver="adam").partial_fit(X, y, **task.first(y))
    copied = COPIES[how](model)
    for fitted in (model, copied):
        fitted.partial_fit(X[::2], y[::2])
    for W, expected in zip(copied.coefs_, model.coefs_):
        assert_array_equal(W, expected)


def test_an_incremental_copy_is_independent(moons, task, network):
    X, y = moons
    model = network(solver="adam").partial_fit(X, y, **task.first(y))
    copied = copy.deepcopy(model)
    before = task.answers(model, X)
    copied.partial_fit(X, y)
    assert_array_equal(task.answers(model, X), before)
    assert np.abs(task.answers(copied, X) - before).max() > 0


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_warm_started_copy_goes_on_alike(moons, network, solver):
    X, y = moons
    model = network(solver=solver, warm_start=True).fit(X, y)
    copied = pickle.loads(pickle.dumps(model))
    for W, expected in zip(copied.fit(X, y).coefs_, model.fit(X, y).coefs_):
        assert_array_equal(W, expected)


@pytest.mark.parametrize("solver", ["gd", "adam", "lbfgs"])
def test_a_fitted_model_is_as_large_as_its_weights(task, network, solver):
    rng = np.random.RandomState(0)
    X, y = rng.randn(100, 200), task.y(np.arange(100) % 2)
    model = network(solver=solver, early_stopping=True).set_params(
        hidden_layer_sizes=(200,)
    )
    weights = sum(W.nbytes for W in model.fit(X, y).coefs_ + model.intercepts_)
    assert weights < len(pickle.dumps(model)) < weights + 8000
