"""Tables with texts, categories and gaps in an ONNX graph, as in Python."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_regressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tasks import COUNTS, LABELS, NUMBERS, of_numbers, tasks

from sklearn_scratchnn import deploy

pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int32TensorType,
    Int64TensorType,
    StringTensorType,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* has no value in the training rows"),
]
PLAIN = {"zipmap": False}
NUMPY = {
    BooleanTensorType: np.bool_,
    DoubleTensorType: np.float64,
    FloatTensorType: np.float32,
    Int32TensorType: np.int32,
    Int64TensorType: np.int64,
    StringTensorType: object,
}
# Of the columns of `table`.
TYPES = {
    "age": FloatTensorType,
    "city": StringTensorType,
    "net income": FloatTensorType,
    "rooms": Int64TensorType,
    "garden": BooleanTensorType,
    "notes": FloatTensorType,
    "grade": FloatTensorType,
}
CATEGORIES = ["city", "rooms", "grade"]


@pytest.fixture(scope="module", autouse=True)
def registered():
    deploy.register_onnx()


@pytest.fixture(scope="module")
def table():
    """Return a frame with gaps, rare and empty columns, and classes that need each.

    A regressor takes these, 0, 1 and 2, for numbers.
    """
    rng, n = np.random.RandomState(0), 300
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "city": rng.choice(["Oslo", "Rome", "Köln"], n).astype(object),
            "net income": rng.normal(5e4, 1e4, n),
            "rooms": rng.randint(1, 5, n),
            "garden": rng.rand(n) < 0.5,
            "notes": np.nan,
            "grade": rng.choice([0.1, 1.5, 2.5], n),
        }
    )
    X.loc[:8, "city"] = ["Lima", "Lima", "Bern", "Bern", "Bern", *["Rome"] * 4]
    for name in ("age", "city", "grade"):
        X.loc[rng.rand(n) < 0.1, name] = np.nan
    score = (
        (X["age"].fillna(60) > 40) * 1.0
        + X["city"].isin(["Oslo", "Bern"])
        + (X["rooms"] == 2)
        + X["garden"]
        + (X["grade"] == 0.1)
    )
    return X, np.digitize(score + rng.normal(0, 0.2, n), [1.5, 2.5])


@pytest.fixture(scope="module")
def rows(table):
    """Return rows of the table, and such as it has not: unseen values, other gaps."""
    X = table[0].copy()
    X.loc[20:29, "city"] = "Nowhere"
    X.loc[25:34, "grade"] = 7.5
    X.loc[30:39, "net income"] = np.nan
    X.loc[40:49, "rooms"] = 9
    return X


def network(hidden=(6, 4), task=LABELS, **params):
    given = {"alpha": 0.01, "max_iter": 60, "random_state": 0} | params
    return task.network(hidden, **given)


def ensemble(hidden=(6, 4), task=LABELS, **params):
    member = network(hidden, task, **params)
    return task.ensemble(member, n_estimators=3, random_state=0)


one_or_many = pytest.mark.parametrize("make", [network, ensemble])
each_link = tasks(LABELS, NUMBERS, COUNTS)


def options_of(model):
    return {} if is_regressor(model) else {"options": PLAIN}


def convert(model, types, **given):
    """Return the graph with an input for each column."""
    inputs = [(name, kind([None, 1])) for name, kind in types.items()]
    return to_onnx(model, initial_types=inputs, **options_of(model) | given)


def session_of(graph):
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def run(graph, X, types):
    """Return what the graph gives for a frame, whose missing texts become ""."""
    session, columns = session_of(graph), []
    for name, kind in types.items():
        column = X[name]
        if kind is StringTensorType:
            column = column.astype(object).where(column.notna(), "")
        columns.append(column.to_numpy().astype(NUMPY[kind]).reshape(-1, 1))
    names = [feed.name for feed in session.get_inputs()]
    return session.run(None, dict(zip(names, columns, strict=True)))


def nodes(graph, kind):
    return [node for node in graph.graph.node if node.op_type == kind]


def assert_same(got, model, X, tolerance=1e-5):
    """Predicted numbers are compared in units of their spread."""
    if is_regressor(model):
        expected = model.predict(X).reshape(len(X), -1)
        (numbers,), spread = got, np.ptp(expected, axis=0)
        assert numbers.shape == expected.shape
        assert_allclose(numbers / spread, expected / spread, rtol=0, atol=tolerance)
        return
    labels, p = got
    assert_allclose(p, model.predict_proba(X), rtol=0, atol=tolerance)
    assert_array_equal(labels, model.predict(X))
    assert np.ptp(p, axis=0).min() > 0.1


def assert_agrees(model, X, types, **given):
    assert_same(run(convert(model, types, **given), X, types), model, X)


@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
@one_or_many
@each_link
@pytest.mark.parametrize("categorical_features", ["from_dtype", CATEGORIES])
def test_onnx_of_a_table(table, rows, task, make, encoding, categorical_features):
    chosen = {"categorical_features": categorical_features}
    model = make(task=task, numeric_encoding=encoding, **chosen).fit(*table)
    assert_agrees(model, rows, TYPES)


@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
@one_or_many
@each_link
def test_onnx_of_a_table_in_float64(table, rows, task, make, encoding):
    chosen = {"categorical_features": CATEGORIES}
    model = make(task=task, numeric_encoding=encoding, **chosen).fit(*table)
    types = {
        name: DoubleTensorType if kind is FloatTensorType else kind
        for name, kind in TYPES.items()
    }
    graph = convert(model, types)
    assert_same(run(graph, rows, types), model, rows, tolerance=1e-12)


def test_onnx_of_a_table_of_float32(table, rows, task):
    """Members of either type, of which one reads in float64."""
    narrow = {"age": np.float32, "net income": np.float32, "notes": np.float32}
    rooms = {"rooms": np.int8, "grade": np.float32}
    X, y = table
    model = ensemble(
        task=task, solver="adam", dtype="float32", categorical_features=CATEGORIES
    )
    model.fit(X.astype(narrow | rooms), y)
    first, second, _ = model.estimators_
    assert first.coefs_[0].dtype == np.float32
    second.coefs_[0] = second.coefs_[0].astype(np.float64)
    assert_agrees(model, rows.astype(narrow | rooms), TYPES)


@pytest.mark.parametrize("hidden", [(), (5,)])
@one_or_many
@each_link
def test_onnx_of_a_table_for_several_columns_of_y(table, rows, task, make, hidden):
    X, y = table
    model = make(hidden, task, categorical_features=CATEGORIES)
    assert_agrees(model.fit(X, np.c_[y > 0, y > 1, y == 1]), rows, TYPES)


@pytest.mark.parametrize("hidden", [(), (5,)])
@one_or_many
@of_numbers
@pytest.mark.parametrize("far, dtype", [(0, np.float32), (1e9, np.float64)])
def test_onnx_of_a_table_keeps_the_digits_of_y(
    table, rows, task, make, hidden, far, dtype
):
    X, y = table
    model = make(hidden, task, categorical_features=CATEGORIES).fit(X, y + far)
    (numbers,) = run(convert(model, TYPES), rows, TYPES)
    assert numbers.dtype == dtype
    assert_same([numbers], model, rows)


def test_onnx_of_a_table_is_in_float32_behind_a_column_far_from_0(table):
    """The bias is then far from 0, and the outputs are not."""
    X, _ = table
    X = X[["city"]].assign(year=2000 + X["rooms"])
    model = network((), COUNTS).fit(X, X["year"] - 2000)
    assert abs(model.intercepts_[0][0]) > 500
    types = {"city": StringTensorType, "year": FloatTensorType}
    (numbers,) = run(convert(model, types), X, types)
    assert numbers.dtype == np.float32
    assert_same([numbers], model, X)


@pytest.mark.parametrize("target_opset", [12, 15, {"": 17, "ai.onnx.ml": 2}])
@one_or_many
@each_link
def test_onnx_of_a_table_of_older_operator_sets(table, rows, task, make, target_opset):
    chosen = {"categorical_features": CATEGORIES}
    model = make(task=task, numeric_encoding="piecewise", **chosen).fit(*table)
    assert_agrees(model, rows, TYPES, target_opset=target_opset)


def test_onnx_by_the_names_of_columns(table, rows, task):
    model = network(task=task).fit(*table)
    types = {name: TYPES[name] for name in sorted(TYPES, reverse=True)}
    assert [*types] != [*TYPES]
    assert_agrees(model, rows, types)


def test_onnx_by_the_order_of_columns(table, rows, task):
    model = network(task=task).fit(*table)
    types = {f"input_{name}": kind for name, kind in TYPES.items()}
    got = run(convert(model, types), rows.add_prefix("input_"), types)
    assert_same(got, model, rows)


def test_onnx_of_the_first_row_of_a_frame(table, rows, task):
    """Whose types skl2onnx guesses: text, int, bool, and float64 for the rest."""
    X, y = table
    model = network(task=task, categorical_features=CATEGORIES).fit(X, y)
    graph = to_onnx(model, X[:1], **options_of(model))
    types = {
        name: DoubleTensorType if kind is FloatTensorType else kind
        for name, kind in TYPES.items()
    }
    assert_same(run(graph, rows, types), model, rows, tolerance=1e-12)


def test_onnx_of_a_table_in_a_pipeline(table, rows, task):
    model, given = make_pipeline(network(task=task)).fit(*table), {}
    if task is LABELS:
        given["options"] = {"scratchmlpclassifier__zipmap": False}
    assert_agrees(model, rows, TYPES, **given)


def test_onnx_of_a_table_in_a_search(table, rows, task):
    search = GridSearchCV(network(task=task), {"alpha": [0.01, 0.1]}, cv=2)
    assert_agrees(search.fit(*table), rows, TYPES)


def test_onnx_zipmap_of_a_table_that_begins_with_a_text(table, rows):
    X, y = table
    types = {name: TYPES[name] for name in ["city", *TYPES.keys() - {"city"}]}
    model = network().fit(X[[*types]], y)
    labels, p = run(convert(model, types, options={}), rows, types)
    p = [[*row.values()] for row in p]
    assert_allclose(p, model.predict_proba(rows[[*types]]), rtol=0, atol=1e-5)


# Categories


def texts(counts):
    """Return a frame of one text column, and classes that differ by the text."""
    column = np.repeat(np.array([*counts], object), [*counts.values()])
    y = np.arange(len(column)) % 3 == 0
    y = np.where(np.isin(column, [*counts][::2]), y, ~y)
    return pd.DataFrame({"t": column}), y


def probabilities(model, values, kind=StringTensorType):
    """Return the graph's and the model's probabilities for a column of values."""
    X = pd.DataFrame({"t": values})
    p = run(convert(model, {"t": kind}), X, {"t": kind})[1]
    return p[:, 1], model.predict_proba(X)[:, 1]


@one_or_many
def test_onnx_takes_unseen_texts_for_rare_ones(make):
    model = make((4,)).fit(*texts({"a": 40, "b": 40, "c": 4, "d": 3}))
    assert model.has_rare_.tolist() == [True]
    p, expected = probabilities(model, ["a", "b", "c", "d", "new"])
    assert_allclose(p, expected, atol=1e-6)
    assert p[2] == p[3] == p[4]
    assert min(abs(p[4] - p[0]), abs(p[4] - p[1])) > 0.01


def test_onnx_takes_unseen_texts_for_nothing_where_none_was_rare():
    model = network((4,)).fit(*texts({"a": 40, "b": 40, "ü": 20}))
    assert model.has_rare_.tolist() == [False]
    p, expected = probabilities(model, ["a", "b", "ü", "new"])
    assert_allclose(p, expected, atol=1e-6)
    assert abs(np.delete(p, 3) - p[3]).min() > 0.01


@pytest.mark.parametrize("rare", [{}, {"c": 4}])
@pytest.mark.parametrize("missing", [{}, {None: 30}])
def test_onnx_takes_an_empty_text_for_a_gap(rare, missing):
    """Which is the model's own where training rows had some, else an unseen text."""
    model = network((4,)).fit(*texts({"a": 40, **missing, "b": 40, **rare}))
    p, expected = probabilities(model, ["a", "b", None, "new"])
    assert_allclose(p, expected, atol=1e-6)
    assert (abs(p[2] - p[3]) > 0.01) == bool(missing)
    assert abs(p[:2] - p[2]).min() > 0.01


def test_onnx_takes_an_empty_text_for_itself_where_it_is_a_category():
    model = network((4,)).fit(*texts({"a": 40, "": 40, None: 30, "b": 20}))
    assert "" in model.categories_[0]
    (encoder,) = nodes(convert(model, {"t": StringTensorType}), "LabelEncoder")
    (keys,) = [x.strings for x in encoder.attribute if x.name == "keys_strings"]
    assert sorted(keys) == [b"", b"a", b"b"]
    p, expected = probabilities(model, ["a", "", "b"])
    assert_allclose(p, expected, atol=1e-6)
    of_a_gap = model.predict_proba(pd.DataFrame({"t": [None]}, dtype=object))[0, 1]
    assert abs(p[1] - of_a_gap) > 0.01


def test_onnx_of_a_text_column_in_which_all_are_rare(table):
    X, y = table
    X = X[["age"]].assign(name=[f"u{i // 2}" for i in range(len(X))])
    model = network().fit(X, y)
    assert len(model.categories_[1]) == 0
    types = {"age": FloatTensorType, "name": StringTensorType}
    assert_agrees(model, X, types)


@pytest.mark.parametrize(
    "kind",
    [
        Int64TensorType,
        Int32TensorType,
        FloatTensorType,
        DoubleTensorType,
    ],
)
@pytest.mark.parametrize("levels", [[1, 2, 5], [1.0, 2.0, 5.0], [1.5, 2.0, 5.0]])
def test_onnx_of_numbers_that_are_categories(kind, levels):
    """Whole numbers equal floats; 1.5 is no whole number, 0.1 its nearest float32."""
    X, y = texts(dict.fromkeys([*levels, 0.1], 30))
    X = X.astype(np.float64 if isinstance(levels[0], float) else object)
    model = network((4,), categorical_features=["t"]).fit(X, y)
    given = [1, 2, 5, 7]
    if kind in (FloatTensorType, DoubleTensorType):
        given += [1.5, 0.1, 0.3, np.nan]
    p, expected = probabilities(model, given, kind)
    assert_allclose(p, expected, atol=1e-6)
    assert abs(p[1:3] - p[3]).min() > 0.01


@pytest.mark.parametrize("kind", [BooleanTensorType, Int64TensorType, FloatTensorType])
def test_onnx_of_truth_values_that_are_categories(kind):
    X, y = texts({True: 40, False: 30})
    model = network((4,), categorical_features=["t"]).fit(X.astype(bool), y)
    p, expected = probabilities(model, [True, False], kind)
    assert_allclose(p, expected, atol=1e-6)
    assert abs(p[0] - p[1]) > 0.01


def test_onnx_of_a_missing_number_that_is_a_category():
    """It is one of its own, where training rows had some."""
    for missing in ({}, {np.nan: 30}):
        X, y = texts({1.0: 40, **missing, 2.0: 40, 3.0: 2})
        X = X.astype(np.float64)
        model = network((4,), categorical_features=["t"]).fit(X, y)
        p, expected = probabilities(model, [1.0, 2.0, np.nan, 9.0], DoubleTensorType)
        assert_allclose(p, expected, atol=1e-6)
        assert (abs(p[2] - p[3]) > 0.01) == bool(missing)


def test_onnx_tells_large_numbers_apart():
    """Int64 does; a type that does not is an error that names the column."""
    X, y = texts({2**60: 40, 2**60 + 1: 40, 7: 20})
    model = network((4,), categorical_features=["t"]).fit(X.astype(np.int64), y)
    given = [2**60, 2**60 + 1, 2**60 + 2]
    p, expected = probabilities(model, given, Int64TensorType)
    assert_allclose(p, expected, atol=1e-6)
    assert abs(p[0] - p[1]) > 0.01
    for kind in (FloatTensorType, DoubleTensorType):
        with pytest.raises(ValueError, match="Column 't' of X has categories that"):
            convert(model, {"t": kind})


def test_onnx_of_intervals_as_texts(table):
    X, y = table
    X = X[["age"]].assign(income=pd.cut(X["net income"], 4))
    model = network().fit(X, y)
    types = {"age": FloatTensorType, "income": StringTensorType}
    got = run(convert(model, types), X.assign(income=X["income"].astype(str)), types)
    assert_same(got, model, X)


# Several columns in one input


def run_matrix(graph, X):
    (feed,) = session_of(graph).get_inputs()
    return session_of(graph).run(None, {feed.name: X})


@pytest.fixture(scope="module")
def numbers(table):
    """Return numbers of the table, gaps and all, as an array."""
    X, y = table
    return X[["age", "rooms", "net income", "grade", "notes"]].to_numpy(np.float64), y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
@pytest.mark.parametrize("categorical_features", [None, [1, 3]])
@one_or_many
@each_link
def test_onnx_of_an_array_with_gaps(
    numbers, task, make, categorical_features, encoding, dtype
):
    X, y = numbers
    chosen = {"categorical_features": categorical_features}
    model = make(task=task, numeric_encoding=encoding, **chosen).fit(X, y)
    rows = X.copy()
    rows[:9, 1], rows[5:20, 2], rows[10:15, 3] = 11, np.nan, 7.5
    given = rows.astype(dtype)
    got = run_matrix(to_onnx(model, given[:1], **options_of(model)), given)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_same(got, model, rows, tolerance)


def test_onnx_of_whole_numbers_that_are_categories_in_one_input():
    rng = np.random.RandomState(0)
    X = rng.randint(0, 5, (200, 3))
    model = network(categorical_features=[0, 2]).fit(X, (X[:, 0] == 2) ^ (X[:, 1] > 2))
    rows = np.r_[X, [[9, 1, 1], [2, 2, 9]]]
    got = run_matrix(to_onnx(model, X[:1], options=PLAIN), rows)
    assert_same(got, model, rows)


def test_onnx_of_texts_in_one_input(table):
    X, y = table
    X = X[["city"]].assign(kind=np.where(X["garden"], "house", "flat"))
    model = network().fit(X, y)
    inputs = [("X", StringTensorType([None, 2]))]
    graph = to_onnx(model, initial_types=inputs, options=PLAIN)
    rows = X.assign(kind=X["kind"].where(X.index > 9, "tent"))
    given = rows.astype(object).where(rows.notna(), "").to_numpy()
    assert_same(run_matrix(graph, given), model, rows)


def test_onnx_of_texts_alone(table, task):
    X, y = table
    X = X[["city"]].assign(kind=np.where(X["garden"], "house", "flat"))
    types = dict.fromkeys(X, StringTensorType)
    assert_agrees(network(task=task).fit(X, y), X, types)


# Models of numbers without gaps


def test_onnx_of_numbers_in_two_inputs(numbers):
    """Of two columns each."""
    X, y = numbers
    X = np.nan_to_num(X[:, :4]).astype(np.float32)
    model = network().fit(X, y)
    inputs = [(name, FloatTensorType([None, 2])) for name in "ab"]
    graph = to_onnx(model, initial_types=inputs, options=PLAIN)
    got = session_of(graph).run(None, {"a": X[:, :2], "b": X[:, 2:]})
    assert_same(got, model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
@one_or_many
@each_link
def test_onnx_replaces_gaps_that_training_rows_had_not(
    numbers, task, make, encoding, dtype
):
    X, y = numbers
    X = np.nan_to_num(X[:, :3]).astype(dtype)
    model = make(task=task, numeric_encoding=encoding).fit(X, y)
    rows = X.copy()
    rows[::3, 0], rows[::4, 2] = np.nan, np.nan
    got = run_matrix(to_onnx(model, rows[:1], **options_of(model)), rows)
    assert_same(got, model, rows, 1e-5 if dtype == np.float32 else 1e-12)


def test_onnx_replaces_gaps_after_another_step(numbers):
    X, y = numbers
    X = np.nan_to_num(X[:, :3]).astype(np.float32)
    model = make_pipeline(StandardScaler(), network()).fit(X, y)
    rows = X.copy()
    rows[::3, 0], rows[::4, 2] = np.nan, np.nan
    options = {"scratchmlpclassifier__zipmap": False}
    assert_same(run_matrix(to_onnx(model, X[:1], options=options), rows), model, rows)


@pytest.mark.parametrize("hidden", [(), (6, 4)])
def test_onnx_of_a_model_that_knows_no_means(numbers, hidden):
    """Of an older version: a gap stays one, as there."""
    X, y = numbers
    X = np.nan_to_num(X[:, :3]).astype(np.float32)
    model = network(hidden).fit(X.astype(np.float64), y)
    model.column_means_ = None
    rows = X.copy()
    rows[0, 0] = np.nan
    _, p = run_matrix(to_onnx(model, X[:1], options=PLAIN), rows)
    assert np.isnan(p[0]).all()
    assert_allclose(p[1:], model.predict_proba(rows[1:]), atol=1e-5)


# What the graph holds


def test_onnx_of_many_categories_is_not_larger_than_their_weights():
    X, y = texts({f"level {i}": 6 for i in range(300)})
    model = network((8,)).fit(X, y)
    assert len(model.coefs_[0]) == 300
    graph = convert(model, {"t": StringTensorType})
    sizes = [np.prod(x.dims) for x in graph.graph.initializer]
    assert max(sizes) == 302 * 8


def test_onnx_of_an_ensemble_reads_a_text_once(table, task):
    model = ensemble(task=task).fit(*table)
    graph = convert(model, TYPES)
    assert len(nodes(graph, "LabelEncoder")) == 1
    assert len(nodes(graph, "IsNaN")) == 1


def test_onnx_does_not_read_an_ignored_column(table):
    model = network().fit(*table)
    graph = convert(model, TYPES).graph
    assert "notes" in [x.name for x in graph.input]
    assert "notes" not in {name for node in graph.node for name in node.input}


# Errors


@pytest.mark.parametrize(
    "wrong, message",
    [
        (
            {"city": FloatTensorType},
            "Column 'city' of X held no numbers .* must be Str",
        ),
        ({"age": StringTensorType}, "Column 'age' of X held numbers .* it is StringTe"),
        ({"grade": StringTensorType}, "Column 'grade' of X held numbers in training"),
    ],
)
def test_onnx_input_of_another_kind_is_an_error(table, wrong, message):
    model = network(categorical_features=CATEGORIES).fit(*table)
    with pytest.raises(ValueError, match=message):
        convert(model, TYPES | wrong)


def test_onnx_of_numbers_takes_no_texts(numbers):
    model = network().fit(np.nan_to_num(numbers[0]), numbers[1])
    inputs = [("X", StringTensorType([None, 5]))]
    with pytest.raises(ValueError, match="Column 0 of X held numbers in training"):
        to_onnx(model, initial_types=inputs)


def test_onnx_needs_an_input_for_each_column(table):
    model = network().fit(*table)
    types = {name: TYPES[name] for name in [*TYPES][:-1]}
    with pytest.raises(ValueError, match="has 6 inputs, .* fitted on 7 columns"):
        convert(model, types)


def test_onnx_of_texts_and_numbers_takes_no_matrix(table):
    model = network().fit(*table)
    with pytest.raises(ValueError, match="Column 'city' of X held no numbers"):
        to_onnx(model, initial_types=[("X", FloatTensorType([None, 7]))])
