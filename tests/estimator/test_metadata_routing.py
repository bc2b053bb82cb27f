"""Weights and held-out rows on their way through pipelines and searches."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metadata_routing import get_routing_for_object
from tasks import LABELS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

HELD_OUT = ("X_val", "y_val", "sample_weight_val")


@pytest.fixture(scope="module")
def data(task):
    X, labels = make_classification(170, 6, n_informative=4, random_state=0)
    y = task.y(labels)
    rng = np.random.RandomState(0)
    weights = rng.randint(0, 4, 170).astype(float)
    held_out = dict(zip(HELD_OUT, (X[120:], y[120:], weights[120:]), strict=True))
    return X[:120], y[:120], weights[:120], held_out


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def network(task):
    def make(**parameters):
        given = {"hidden_layer_sizes": 4, "solver": "gd", "max_iter": 30, "alpha": 1.0}
        given |= {"random_state": 0, "n_iter_no_change": np.inf}
        return task.network(**(given | parameters))

    return make


def pipeline(last, **parameters):
    return Pipeline([("scale", StandardScaler()), ("network", last)], **parameters)


@pytest.fixture
def requesting(network):
    def make(*names):
        return network().set_fit_request(**dict.fromkeys(names, True))

    return make


def assert_same(model, wanted):
    for W, V in zip(model.coefs_, wanted.coefs_, strict=True):
        assert_allclose(W, V, rtol=1e-9)
    assert_array_equal(
        model.validation_scores_ is None, wanted.validation_scores_ is None
    )


@pytest.fixture(scope="module")
def wanted(data, network):
    """What every way there must give: by hand, without a pipeline."""
    X, y, weights, held_out = data
    scaler = StandardScaler().fit(X)
    scaled = held_out | {"X_val": scaler.transform(held_out["X_val"])}
    raw = network().fit(scaler.transform(X), y, weights, **held_out)
    transformed = network().fit(scaler.transform(X), y, weights, **scaled)
    assert raw.best_validation_score_ != transformed.best_validation_score_
    return {"raw": raw, "transformed": transformed}


# Routing off


def test_off_a_pipeline_takes_prefixed_names(data, network, wanted):
    X, y, weights, held_out = data
    given = {"sample_weight": weights} | held_out
    model = pipeline(network())
    model.fit(X, y, **{f"network__{name}": value for name, value in given.items()})
    assert_same(model["network"], wanted["raw"])
    assert_allclose(
        model["network"].validation_scores_, wanted["raw"].validation_scores_
    )


def test_off_a_search_slices_weights_and_hands_on_held_out_rows(data, network):
    X, y, weights, held_out = data
    search = GridSearchCV(network(), {"alpha": [0.1, 1.0]}, cv=3)
    search.fit(X, y, sample_weight=weights, **held_out)
    best = network(**search.best_params_).fit(X, y, weights, **held_out)
    assert_same(search.best_estimator_, best)
    assert_allclose(
        search.best_estimator_.validation_scores_, best.validation_scores_
    )


def test_off_a_search_over_a_pipeline(data, network, wanted):
    X, y, weights, held_out = data
    given = {"sample_weight": weights} | held_out
    search = GridSearchCV(pipeline(network()), {"network__alpha": [1.0]}, cv=3)
    search.fit(X, y, **{f"network__{name}": value for name, value in given.items()})
    assert_same(search.best_estimator_["network"], wanted["raw"])


def test_off_the_folds_see_their_rows_weights(data, network):
    """A search's first fold, fitted by hand."""
    X, y, weights, _ = data
    cv = KFold(3)
    train, test = next(cv.split(X, y))
    scores = cross_validate(
        network(), X, y, cv=cv, params={"sample_weight": weights}, return_estimator=True
    )
    by_hand = network().fit(X[train], y[train], weights[train])
    assert_same(scores["estimator"][0], by_hand)
    assert scores["test_score"][0] == by_hand.score(X[test], y[test])


# Routing on


def test_on_nothing_is_requested_until_asked_for(task, network, requesting, routing):
    requests = get_routing_for_object(network()).fit.requests
    assert requests == dict.fromkeys(["sample_weight", *HELD_OUT])
    asked = get_routing_for_object(requesting(*HELD_OUT)).fit.requests
    assert asked == {"sample_weight": None} | dict.fromkeys(HELD_OUT, True)
    partial = get_routing_for_object(network(solver="sgd")).partial_fit.requests
    classes = {"classes": None} if task is LABELS else {}
    assert partial == {"sample_weight": None} | classes


@pytest.mark.parametrize("name", ["sample_weight", "X_val"])
def test_on_what_nobody_asked_for_is_refused_by_name(data, network, routing, name):
    X, y, weights, held_out = data
    given = {"sample_weight": weights} | held_out
    with pytest.raises(UnsetMetadataPassedError, match=name):
        pipeline(network()).fit(X, y, **{name: given[name]})


def test_on_what_is_declined_is_left_out(data, network, routing):
    X, y, weights, _ = data
    model = network().set_fit_request(sample_weight=False)
    search = GridSearchCV(
        model.set_score_request(sample_weight=True), {"alpha": [1.0]}, cv=3
    )
    search.fit(X, y, sample_weight=weights)
    assert_same(search.best_estimator_, network().fit(X, y))


@pytest.mark.parametrize("transform", [False, True])
@pytest.mark.parametrize("searched", [False, True])
def test_on_through_a_pipeline_and_a_search(
    data, task, requesting, wanted, routing, transform, searched
):
    X, y, weights, held_out = data
    last = requesting("sample_weight", *HELD_OUT)
    scale = StandardScaler().set_fit_request(sample_weight=False)
    model = Pipeline(
        [("scale", scale), ("network", last)],
        transform_input=["X_val"] if transform else None,
    )
    if searched:
        scoring = get_scorer(task.score_scorer).set_score_request(sample_weight=True)
        model = GridSearchCV(model, {"network__alpha": [1.0]}, scoring=scoring, cv=3)
    model.fit(X, y, sample_weight=weights, **held_out)
    model = model.best_estimator_ if searched else model
    right = wanted["transformed" if transform else "raw"]
    assert_same(model["network"], right)
    assert_allclose(model["network"].validation_scores_, right.validation_scores_)


def test_on_weights_reach_fits_and_scores_of_a_search(
    data, network, requesting, routing
):
    X, y, weights, _ = data
    model = requesting("sample_weight").set_score_request(sample_weight=True)
    search = GridSearchCV(model, {"alpha": [0.1]}, cv=KFold(3))
    search.fit(X, y, sample_weight=weights)
    scores = []
    for train, test in KFold(3).split(X, y):
        fold = network(alpha=0.1).fit(X[train], y[train], weights[train])
        scores.append(fold.score(X[test], y[test], weights[test]))
    assert_allclose(search.best_score_, np.mean(scores))


def test_on_an_alias(data, network, routing):
    X, y, weights, _ = data
    model = pipeline(network().set_fit_request(sample_weight="importance"))
    model.fit(X, y, importance=weights)
    scaled = StandardScaler().fit_transform(X)
    assert_same(model["network"], network().fit(scaled, y, weights))


@pytest.mark.parametrize("stacked", [False, True])
def test_on_through_an_ensemble(data, task, network, requesting, routing, stacked):
    X, y, weights, _ = data
    kinds = [VotingRegressor, StackingRegressor]
    if task is LABELS:
        kinds = [VotingClassifier, StackingClassifier]
    model = kinds[stacked]([("network", requesting("sample_weight"))])
    if stacked:
        model.set_params(final_estimator=requesting("sample_weight"), cv=3)
    model.fit(X, y, sample_weight=weights)
    assert_same(model.estimators_[0], network().fit(X, y, weights))


def test_on_partial_fit(data, task, network, routing):
    X, y, weights, _ = data
    model = network(solver="sgd").set_partial_fit_request(sample_weight=True)
    requests = get_routing_for_object(model).partial_fit.requests
    assert requests["sample_weight"] is True
    direct = network(solver="sgd").partial_fit(X, y, weights, **task.first(y))
    routed = clone(model).partial_fit(X, y, sample_weight=weights, **task.first(y))
    assert_array_equal(routed.coefs_[0], direct.coefs_[0])


def test_on_the_estimators_own_scorer_sees_the_weights(data, task, network, routing):
    """Inside early stopping too, where no request was made for it."""
    X, y, weights, held_out = data
    model = network(scoring=task.score_scorer).fit(X, y, weights, **held_out)
    with config_context(enable_metadata_routing=False):
        off = network(scoring=task.score_scorer).fit(X, y, weights, **held_out)
    assert_array_equal(model.validation_scores_, off.validation_scores_)
