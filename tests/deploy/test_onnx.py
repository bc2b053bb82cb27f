"""A fitted network as an ONNX graph, run by onnxruntime, does what it did in Python."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_moons, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from sklearn_scratchnn import ScratchMLPClassifier, deploy
from sklearn_scratchnn.deploy.onnx_graph import ONNX_ACTIVATIONS, ONNX_LINKS
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.losses import LOSSES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PLAIN = {"zipmap": False}


@pytest.fixture(scope="module")
def onnx():
    """Return skl2onnx's ``to_onnx`` and a function that runs a graph."""
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    deploy.register_onnx()

    def run(graph, X):
        session = runtime.InferenceSession(
            graph.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        feeds = session.get_inputs()
        if len(feeds) == 1:
            return session.run(None, {feeds[0].name: X})
        columns = {x.name: X[x.name].to_numpy().reshape(-1, 1) for x in feeds}
        return session.run(None, columns)

    return skl2onnx.to_onnx, run


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32), y


@pytest.fixture(scope="module")
def labels_of_rows():
    X, Y = make_multilabel_classification(120, 20, n_classes=4, random_state=0)
    return X.astype(np.float32), Y


def network(hidden=(6, 4), **params):
    params = {"alpha": 0.03, "max_iter": 60, "random_state": 0} | params
    return ScratchMLPClassifier(hidden, **params)


def assert_agrees(onnx, model, X, **options):
    """Labels exactly, probabilities to 1e-5, in float32 where X is."""
    to_onnx, run = onnx
    labels, p = run(to_onnx(model, X[:1], options=PLAIN, **options), X)
    assert_array_equal(labels, model.predict(X))
    assert p.dtype == np.result_type(np.float32, np.asarray(X).dtype)
    tolerance = 1e-5 if p.dtype == np.float32 else 1e-12
    assert_allclose(p, model.predict_proba(X), rtol=0, atol=tolerance)
    assert np.ptp(p, axis=0).min() > 0.1


def test_every_activation_has_an_onnx_form():
    assert ONNX_ACTIVATIONS.keys() == ACTIVATIONS.keys()


def test_every_link_has_an_onnx_form():
    assert ONNX_LINKS.keys() == {loss.out_activation for loss in LOSSES.values()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx_agrees_for_every_activation(onnx, iris, activation, dtype):
    X, y = iris
    model = network(activation=activation).fit(X, y)
    assert_agrees(onnx, model, X.astype(dtype))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx_activations_are_finite_and_right_far_out(onnx, activation):
    z = np.array([-1e4, -100, -20, -3, -1e-3, 0, 1e-3, 3, 20, 100, 1e4], np.float32)
    model = network((1,), activation=activation).fit([[-1.0], [1.0]] * 5, [0, 1] * 5)
    model.coefs_ = [np.ones((1, 1)), np.array([[0.0, 1.0]])]
    model.intercepts_ = [np.zeros(1), np.zeros(2)]
    to_onnx, run = onnx
    graph = to_onnx(model, z[:1, None], options={**PLAIN, "raw_scores": True})
    scores = run(graph, z[:, None])[1]
    expected = model.hidden_activations(z[:, None].astype(float))[:, 0]
    assert_allclose(scores[:, 1], expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["setosa", "zweizahnige Blüte", "virginica"]),
        np.array(["b", "a", "c"], dtype=object),
        np.array([-(2**40), 7, 2**53 + 1]),
        np.array([0.0, 1.0, 2.0]),
        np.array([False, True, True]),
    ],
    ids=["str", "object", "int", "float", "bool"],
)
def test_onnx_labels(onnx, iris, labels):
    X, y = iris
    assert_agrees(onnx, network().fit(X, labels[y]), X)


@pytest.mark.parametrize("hidden", [(), (4,)])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_onnx_for_two_classes(onnx, hidden, solver):
    X, y = make_moons(200, noise=0.2, random_state=0)
    X = X.astype(np.float32)
    assert_agrees(onnx, network(hidden, solver=solver).fit(X, y), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("several", [False, True])
def test_onnx_with_bins(onnx, labels_of_rows, dtype, several):
    """At their edges and beyond the last ones, too."""
    X, Y = labels_of_rows
    X = np.c_[X[:, :5], X[:, 0] > 2, np.full(len(X), 3)].astype(dtype)
    model = network(numeric_encoding="piecewise", n_bins=5)
    model.fit(X, Y if several else Y[:, 0])
    edges = np.array([[*model.bin_edges_[0][:1], *X[0, 1:]]], X.dtype)
    rows = np.r_[X, edges, X[:9] + 100, X[:9] - 100].astype(dtype)
    assert_agrees(onnx, model, rows)


@pytest.mark.parametrize("target_opset", [12, {"": 17, "ai.onnx.ml": 2}])
def test_onnx_with_bins_of_older_operator_sets(onnx, iris, target_opset):
    model = network(numeric_encoding="piecewise", n_bins=4).fit(*iris)
    assert_agrees(onnx, model, iris[0], target_opset=target_opset)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_onnx_of_a_calibrated_network_with_penalties_by_column(onnx, iris, solver):
    given = {"alpha": "auto", "adaptive_penalty": True, "calibrate": True}
    model = network(solver=solver, **given).fit(*iris)
    assert model.temperature_ != 1
    assert model.penalty_factors_ is not None
    assert_agrees(onnx, model, iris[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx_for_several_labels(onnx, labels_of_rows, dtype):
    X, Y = labels_of_rows
    assert_agrees(onnx, network().fit(X, Y), X.astype(dtype))


def test_onnx_with_an_activation_per_layer(onnx, iris):
    X, y = iris
    model = network((5, 6, 7), activation=("gelu", "tanh", "selu")).fit(X, y)
    assert_agrees(onnx, model, X)


def test_onnx_keeps_its_digits_under_a_large_mean(onnx, iris):
    X, y = iris
    X = X + np.float32(4096)
    assert_agrees(onnx, network().fit(X.astype(float), y), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx_graph_is_in_the_type_of_coefs(onnx, iris, dtype):
    from onnx import TensorProto

    X, y = iris
    model = network(solver="adam", dtype="float32").fit(X.astype(dtype), y)
    assert model.coefs_[0].dtype == dtype
    graph = onnx[0](model, X[:1], options=PLAIN)
    in_double = [x.data_type == TensorProto.DOUBLE for x in graph.graph.initializer]
    assert any(in_double) == (dtype is np.float64)


def test_onnx_of_integer_rows(onnx, iris):
    X, y = iris
    X = np.rint(10 * X).astype(np.int64)
    to_onnx, run = onnx
    model = network().fit(X, y)
    labels, p = run(to_onnx(model, X[:1], options=PLAIN), X)
    assert_array_equal(labels, model.predict(X))
    assert_allclose(p, model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("target_opset", [12, 15, {"": 17, "ai.onnx.ml": 2}])
def test_onnx_of_older_operator_sets(onnx, iris, target_opset):
    X, y = iris
    model = network((4, 4), activation=("gelu", "softplus")).fit(X, y)
    assert_agrees(onnx, model, X, target_opset=target_opset)


def test_onnx_in_a_pipeline(onnx, iris):
    X, y = iris
    model = make_pipeline(MinMaxScaler(), StandardScaler(), network()).fit(X, y)
    to_onnx, run = onnx
    options = {"scratchmlpclassifier__zipmap": False}
    labels, p = run(to_onnx(model, X[:1], options=options), X)
    assert_array_equal(labels, model.predict(X))
    assert_allclose(p, model.predict_proba(X), atol=1e-5)


def test_onnx_in_a_pipeline_with_mixed_columns(onnx, iris):
    X, y = iris
    frame = pd.DataFrame(X[:, :2], columns=["width", "height"])
    frame["place"] = np.where(X[:, 3] > 1, "north", "south").astype(object)
    before = make_column_transformer(
        (StandardScaler(), ["width", "height"]), (OneHotEncoder(), ["place"])
    )
    model = make_pipeline(before, network()).fit(frame, y)
    to_onnx, run = onnx
    labels, p = run(to_onnx(model, frame[:1], options=PLAIN), frame)
    assert_array_equal(labels, model.predict(frame))
    assert_allclose(p, model.predict_proba(frame), atol=1e-5)


def test_onnx_of_a_data_frame(onnx, iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert_agrees(onnx, network().fit(frame, y), frame)


def test_onnx_inside_other_estimators(onnx, iris):
    X, y = iris
    search = GridSearchCV(network(), {"alpha": [0.01, 0.1]}, cv=2)
    assert_agrees(onnx, search.fit(X, y), X)
    assert_agrees(onnx, CalibratedClassifierCV(network(), cv=2).fit(X, y), X)


def test_onnx_zipmap_is_a_dict_a_row(onnx, iris):
    X, y = iris
    names = np.array(["a", "b", "c"])
    model = network().fit(X, names[y])
    to_onnx, run = onnx
    labels, rows = run(to_onnx(model, X[:1]), X)
    assert_array_equal(labels, model.predict(X))
    assert [*rows[0]] == ["a", "b", "c"]
    values = [[*row.values()] for row in rows]
    assert_allclose(values, model.predict_proba(X), atol=1e-5)


def test_onnx_zipmap_for_several_labels(onnx, labels_of_rows):
    X, Y = labels_of_rows
    model = network().fit(X, Y)
    to_onnx, run = onnx
    labels, rows = run(to_onnx(model, X[:1]), X)
    assert_array_equal(labels, model.predict(X))
    assert [*rows[0]] == [0, 1, 2, 3]
    values = [[*row.values()] for row in rows]
    assert_allclose(values, model.predict_proba(X), atol=1e-5)


def test_onnx_columns_and_class_labels(onnx, iris):
    X, y = iris
    model = network().fit(X, y)
    to_onnx, run = onnx
    graph = to_onnx(model, X[:1], options={"zipmap": "columns"})
    assert [x.name for x in graph.graph.output] == ["output_label", "i0", "i1", "i2"]
    assert_allclose(np.c_[*run(graph, X)[1:]], model.predict_proba(X), atol=1e-5)
    options = {id(model): {**PLAIN, "output_class_labels": True}}
    assert_array_equal(run(to_onnx(model, X[:1], options=options), X)[2], [0, 1, 2])


def test_onnx_without_class_labels(onnx, iris):
    X, y = iris
    model = network().fit(X, np.array(["c", "a", "b"])[y])
    to_onnx, run = onnx
    labels, _ = run(to_onnx(model, X[:1], options={**PLAIN, "nocl": True}), X)
    assert_array_equal(model.classes_[labels], model.predict(X))


def test_onnx_raw_scores(onnx, iris, labels_of_rows):
    to_onnx, run = onnx
    options = {**PLAIN, "raw_scores": True}
    for X, y in [iris, (iris[0], iris[1] == 1), labels_of_rows]:
        model = network().fit(X, y)
        labels, scores = run(to_onnx(model, X[:1], options=options), X)
        expected = model.decision_function(X)
        if expected.ndim == 1:
            expected = np.c_[-expected, expected]
        assert_array_equal(labels, model.predict(X))
        assert_allclose(scores, expected, rtol=1e-5, atol=1e-4)


def test_onnx_needs_a_fitted_model(onnx, iris):
    with pytest.raises(NotFittedError):
        onnx[0](network(), iris[0][:1], options=PLAIN)


def test_register_onnx_without_skl2onnx_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"sklearn-scratchnn\[deploy\]"):
        deploy.register_onnx()
