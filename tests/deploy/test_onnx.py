"""A fitted network as an ONNX graph, run by onnxruntime, does what it did in Python."""

import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_moons, make_multilabel_classification
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from tasks import COUNTS, LABELS, NUMBERS, OF_NUMBERS, QUANTILES, tasks

from sklearn_scratchnn import deploy
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
    """Classes 0, 1 and 2, which a regressor takes for numbers."""
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32), y


@pytest.fixture(scope="module")
def labels_of_rows():
    X, Y = make_multilabel_classification(120, 20, n_classes=4, random_state=0)
    return X.astype(np.float32), Y


def network(hidden=(6, 4), task=LABELS, **params):
    given = {"alpha": 0.03, "max_iter": 60, "random_state": 0} | params
    return task.network(hidden, **given)


def ensemble(hidden=(6, 4), task=LABELS, **params):
    member = network(hidden, task, **params)
    return task.ensemble(member, n_estimators=3, random_state=0)


one_or_many = pytest.mark.parametrize("make", [network, ensemble])


def convert(onnx, model, X, **options):
    """Return the graph; a classifier's without a dict a row."""
    if not is_regressor(model):
        options = {"options": PLAIN} | options
    return onnx[0](model, X[:1], **options)


def assert_agrees(onnx, model, X, **options):
    """Labels exactly, other numbers to 1e-5, in float32 where X is."""
    answers = onnx[1](convert(onnx, model, X, **options), X)
    dtype = np.asarray(X).dtype
    assert answers[-1].dtype == (dtype if dtype == np.float64 else np.float32)
    assert_same(answers, model, X)


def assert_same(answers, model, X):
    """Predicted numbers are compared in units of their spread."""
    tolerance = 1e-5 if answers[-1].dtype == np.float32 else 1e-12
    if is_regressor(model):
        expected = model.predict(X).reshape(len(X), -1)
        (got,), spread = answers, np.ptp(expected, axis=0)
        assert got.shape == expected.shape
        assert_allclose(got / spread, expected / spread, rtol=0, atol=tolerance)
        assert spread.min() > 0
        return
    labels, p = answers
    assert_array_equal(labels, model.predict(X))
    assert_allclose(p, model.predict_proba(X), rtol=0, atol=tolerance)
    assert np.ptp(p, axis=0).min() > 0.1


def test_every_activation_has_an_onnx_form():
    assert ONNX_ACTIVATIONS.keys() == ACTIVATIONS.keys()


def test_every_link_has_an_onnx_form():
    assert ONNX_LINKS.keys() == {loss.out_activation for loss in LOSSES.values()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx_agrees_for_every_activation(onnx, iris, task, activation, dtype):
    X, y = iris
    model = network(task=task, activation=activation).fit(X, y)
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
def test_onnx_with_bins(onnx, labels_of_rows, task, dtype, several):
    """At their edges and beyond the last ones, too."""
    X, Y = labels_of_rows
    X = np.c_[X[:, :5], X[:, 0] > 2, np.full(len(X), 3)].astype(dtype)
    model = network(task=task, numeric_encoding="piecewise", n_bins=5)
    model.fit(X, Y if several else Y[:, 0])
    edges = np.array([[*model.bin_edges_[0][:1], *X[0, 1:]]], X.dtype)
    rows = np.r_[X, edges, X[:9] + 100, X[:9] - 100].astype(dtype)
    assert_agrees(onnx, model, rows)


@pytest.mark.parametrize("target_opset", [12, {"": 17, "ai.onnx.ml": 2}])
def test_onnx_with_bins_of_older_operator_sets(onnx, iris, task, target_opset):
    model = network(task=task, numeric_encoding="piecewise", n_bins=4).fit(*iris)
    assert_agrees(onnx, model, iris[0], target_opset=target_opset)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_onnx_of_a_network_with_penalties_by_column(onnx, iris, task, solver):
    """Of which some are noise; a calibrated one, where there are probabilities."""
    X, y = iris
    X = np.c_[X, np.random.RandomState(0).randn(len(X), 4)].astype(np.float32)
    given = {"alpha": "auto", "adaptive_penalty": True}
    if task is LABELS:
        given["calibrate"] = True
    model = network(task=task, solver=solver, **given).fit(X, y)
    assert (model.temperature_ != 1) == (task is LABELS)
    assert model.penalty_factors_ is not None
    assert_agrees(onnx, model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx_for_several_columns_of_y(onnx, labels_of_rows, task, dtype):
    X, Y = labels_of_rows
    assert_agrees(onnx, network(task=task).fit(X, Y), X.astype(dtype))


def test_onnx_with_an_activation_per_layer(onnx, iris, task):
    X, y = iris
    model = network((5, 6, 7), task, activation=("gelu", "tanh", "selu")).fit(X, y)
    assert_agrees(onnx, model, X)


def test_onnx_keeps_its_digits_under_a_large_mean(onnx, iris, task):
    X, y = iris
    X = X + np.float32(4096)
    assert_agrees(onnx, network(task=task).fit(X.astype(float), y), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx_graph_is_in_the_type_of_coefs(onnx, iris, task, dtype):
    from onnx import TensorProto

    X, y = iris
    model = network(task=task, solver="adam", dtype="float32").fit(X.astype(dtype), y)
    assert model.coefs_[0].dtype == dtype
    graph = convert(onnx, model, X)
    in_double = [x.data_type == TensorProto.DOUBLE for x in graph.graph.initializer]
    assert any(in_double) == (dtype is np.float64)


def test_onnx_of_integer_rows(onnx, iris, task):
    X, y = iris
    X = np.rint(10 * X).astype(np.int64)
    assert_agrees(onnx, network(task=task).fit(X, y), X)


@pytest.mark.parametrize("target_opset", [12, 15, {"": 17, "ai.onnx.ml": 2}])
def test_onnx_of_older_operator_sets(onnx, iris, task, target_opset):
    X, y = iris
    model = network((4, 4), task, activation=("gelu", "softplus")).fit(X, y)
    assert_agrees(onnx, model, X, target_opset=target_opset)


def test_onnx_in_a_pipeline(onnx, iris, task):
    model = make_pipeline(MinMaxScaler(), StandardScaler(), network(task=task))
    given = {}
    if task is LABELS:
        given["options"] = {"scratchmlpclassifier__zipmap": False}
    assert_agrees(onnx, model.fit(*iris), iris[0], **given)


def test_onnx_in_a_pipeline_with_mixed_columns(onnx, iris, task):
    X, y = iris
    frame = pd.DataFrame(X[:, :2], columns=["width", "height"])
    frame["place"] = np.where(X[:, 3] > 1, "north", "south").astype(object)
    before = make_column_transformer(
        (StandardScaler(), ["width", "height"]), (OneHotEncoder(), ["place"])
    )
    model = make_pipeline(before, network(task=task)).fit(frame, y)
    assert_same(onnx[1](convert(onnx, model, frame), frame), model, frame)


def test_onnx_of_a_data_frame(onnx, iris, task):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert_agrees(onnx, network(task=task).fit(frame, y), frame)


def test_onnx_inside_a_search(onnx, iris, task):
    search = GridSearchCV(network(task=task), {"alpha": [0.01, 0.1]}, cv=2)
    assert_agrees(onnx, search.fit(*iris), iris[0])


def test_onnx_inside_other_classifiers(onnx, iris):
    X, y = iris
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


# Numbers


@one_or_many
@tasks(*OF_NUMBERS)
@pytest.mark.parametrize("hidden", [(), (6, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx_agrees_for_every_loss(onnx, iris, task, make, hidden, dtype):
    X, y = iris
    model = make(hidden, task).fit(X, np.c_[y, X[:, 0]])
    assert_agrees(onnx, model, X.astype(dtype))


@pytest.mark.parametrize("n_targets", [1, 3])
def test_onnx_has_a_column_for_each_target(onnx, iris, n_targets):
    """Under the name and in the type of skl2onnx's own regressors."""
    X, _ = iris
    Y = X[:, 0] if n_targets == 1 else X[:, :n_targets]
    networks = [make(task=NUMBERS).fit(X, Y) for make in (network, ensemble)]
    for model in (*networks, Ridge().fit(X, X[:, :n_targets])):
        (output,) = convert(onnx, model, X).graph.output
        shape = [size.dim_value for size in output.type.tensor_type.shape.dim]
        assert (output.name, shape[1:]) == ("variable", [n_targets])
        assert output.type.tensor_type.elem_type == 1  # FLOAT


@tasks(NUMBERS, COUNTS)
@pytest.mark.parametrize("weights", [[0.0, 1.0, 0.0], [0.7, 0.1, 0.2]])
def test_onnx_weighs_the_members(onnx, iris, task, weights):
    """The mean is of predictions, also where they are exponentials."""
    X, y = iris
    model = ensemble(task=task).fit(X, y)
    model.member_weights_ = np.array(weights)
    assert_agrees(onnx, model, X)
    (got,) = onnx[1](convert(onnx, model, X), X)
    assert_allclose(got[:, 0], weights @ model.members_predict(X), atol=1e-5)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("y_at", ["far", "large", "small", "far by another"])
@one_or_many
@pytest.mark.parametrize("hidden", [(), (6, 4)])
@tasks(NUMBERS, QUANTILES)
def test_onnx_keeps_the_digits_of_y(onnx, iris, task, make, hidden, y_at):
    """Where float32 could not tell its numbers apart, they come in float64."""
    X, y = iris
    Y = {
        "far": y + 1e9,
        "large": y * 1e200,
        "small": y * 1e-40,
        "far by another": np.c_[y, y - 1e9],
    }[y_at]
    model = make(hidden, task).fit(X.astype(float), Y)
    expected = model.predict(X).reshape(len(X), -1)
    spread = np.ptp(expected, axis=0)
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-6)):
        rows = X.astype(dtype)
        (got,) = onnx[1](convert(onnx, model, rows), rows)
        assert got.dtype == np.float64
        assert_allclose((got - expected) / spread, 0, atol=tolerance)


@pytest.mark.parametrize("y_at", ["years", "large", "constant"])
@pytest.mark.parametrize("hidden", [(), (6, 4)])
def test_onnx_is_in_float32_where_that_has_the_digits(onnx, iris, hidden, y_at):
    """Also behind columns that are large."""
    X, y = iris
    X = 1e6 * X
    Y = {"years": 2000 + 10 * y, "large": 1e9 * y, "constant": np.full(len(y), 7)}[y_at]
    model = network(hidden, NUMBERS).fit(X.astype(float), Y)
    (got,) = onnx[1](convert(onnx, model, X), X)
    assert got.dtype == np.float32
    tolerance = 3e-5 * np.ptp(model.predict(X))
    assert_allclose(got[:, 0], model.predict(X), rtol=0, atol=tolerance)


@tasks(NUMBERS, COUNTS)
def test_onnx_is_in_float32_behind_columns_that_are_far_from_0(onnx, iris, task):
    """The bias is then far from 0, and the outputs are not."""
    X, y = iris
    X = 2000 + X[:, 3:]
    model = network((), task).fit(X.astype(float), y)
    assert abs(model.intercepts_[0][0]) > 500
    assert_agrees(onnx, model, X)


def test_onnx_of_a_regressor_in_float32_is_so_alone(onnx, iris):
    """Also where so large a penalty leaves nothing of the weights."""
    from onnx import TensorProto

    X, y = iris
    for alpha in (0.1, 1e12):
        model = network(task=NUMBERS, alpha=alpha).fit(X, y + 1)
        assert model.coefs_[0].dtype == np.float32
        graph = convert(onnx, model, X).graph
        types = [x.data_type for x in graph.initializer]
        types += [x.type.tensor_type.elem_type for x in graph.output]
        assert TensorProto.DOUBLE not in types
    assert np.abs(model.coefs_[-1]).max() < 1e-6


@pytest.mark.parametrize("size", [1e50, 1e-50])
def test_onnx_keeps_large_and_small_counts(onnx, iris, size):
    X, y = iris
    model = network(task=COUNTS).fit(X.astype(float), size * (y + 1))
    (got,) = onnx[1](convert(onnx, model, X), X)
    assert_allclose(got[:, 0], model.predict(X), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@one_or_many
def test_onnx_counts_are_finite_and_right_far_out(onnx, make, dtype):
    """They end at the largest number of the type, a little above Python's."""
    z = np.array([-1e4, -100, -3, 0, 3, 80, 88.7, 88.8, 700, 709.7, 709.8, 1e4], dtype)
    model = make((1,), COUNTS, activation="identity")
    model.fit([[-1.0], [1.0]] * 5, [1, 2] * 5)
    for member in getattr(model, "estimators_", [model]):
        member.coefs_ = [np.ones((1, 1), dtype)] * 2
        member.intercepts_ = [np.zeros(1, dtype)] * 2
    (got,) = onnx[1](convert(onnx, model, z[:, None]), z[:, None])
    largest = np.finfo(dtype).max
    assert np.isfinite(got).all()
    assert (got[-1:] == largest).all()
    assert_allclose(got[:, 0], model.predict(z[:, None]), rtol=2e-5)


def test_onnx_inside_other_regressors(onnx, iris):
    X, y = iris
    several = [("network", network(task=NUMBERS)), ("line", Ridge())]
    assert_agrees(onnx, VotingRegressor(several).fit(X, y), X)
    assert_agrees(onnx, StackingRegressor(several, cv=2).fit(X, y), X)
    model = MultiOutputRegressor(network(task=NUMBERS)).fit(X, X[:, :2])
    (got,) = onnx[1](convert(onnx, model, X), X)
    assert_allclose(got.reshape(len(X), 2), model.predict(X), atol=1e-5)


# Errors


def test_onnx_needs_a_fitted_model(onnx, iris, task):
    with pytest.raises(NotFittedError):
        convert(onnx, network(task=task), iris[0])


def test_onnx_of_a_regressor_has_no_options(onnx, iris):
    with pytest.raises(NameError, match="'zipmap' not in"):
        convert(onnx, network(task=NUMBERS).fit(*iris), iris[0], options=PLAIN)


def test_register_onnx_without_skl2onnx_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"sklearn-scratchnn\[deploy\]"):
        deploy.register_onnx()
