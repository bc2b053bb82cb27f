"""What may be handed in, and what is refused: by name, and leaving the model whole."""

import pickle
import re
import tracemalloc
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.fixes import parse_version
from tasks import LABELS, TASKS, of_labels, of_numbers

from sklearn_scratchnn import ScratchMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SOLVERS = ["lbfgs", "adam"]
HUGE = 10**400  # more than a float can hold


@pytest.fixture
def counts(task):
    """Whole numbers from 0 to 5, half of them 0, that every dtype holds exactly."""
    rng = np.random.RandomState(0)
    X = rng.randint(0, 6, (90, 4)) * rng.randint(0, 2, (90, 4))
    return X, task.y(X[:, :3].argmax(axis=1))


@pytest.fixture
def fitted(task):
    def fit(X, y, solver="lbfgs", **parameters):
        given = {"hidden_layer_sizes": 4, "max_iter": 20, "dtype": "float64"}
        if solver != "adamw":
            given["alpha"] = 1.0
        if solver == "gauss_newton":
            given["activation"] = "tanh"
        given |= parameters
        return task.network(solver=solver, random_state=0, **given).fit(X, y)

    return fit


def state(model):
    return pickle.dumps(model)


def method_of(task, model, name):
    """Return a method, or what both estimators have in its place."""
    return partial(task.answers, model) if name == "answers" else getattr(model, name)


# Containers and dtypes


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "int64", "int8", "uint8", ">f8", "object"]
)
def test_every_dtype_gives_the_model_of_float64(
    counts, task, fitted, dtype, solver, standardize
):
    X, y = counts
    wanted = fitted(X.astype(float), y, solver, standardize=standardize)
    model = fitted(X.astype(dtype), y, solver, standardize=standardize)
    probabilities = task.answers(model, X.astype(dtype))
    assert probabilities.dtype == model.coefs_[0].dtype
    assert_allclose(probabilities, task.answers(wanted, X.astype(float)), atol=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_booleans_are_zeros_and_ones(counts, task, fitted, solver):
    X, y = counts
    model = fitted(X > 1, y, solver)
    wanted = fitted((X > 1).astype(float), y, solver)
    assert_allclose(task.answers(model, X > 1), task.answers(wanted, 1.0 * (X > 1)))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(
    "container",
    [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array],
)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_sparse_gives_the_model_of_dense(
    counts, task, fitted, container, dtype, solver, standardize
):
    X, y = counts
    wanted = fitted(X.astype(float), y, solver, standardize=standardize)
    model = fitted(container(X.astype(dtype)), y, solver, standardize=standardize)
    assert_allclose(
        task.answers(model, container(X.astype(dtype))),
        task.answers(wanted, X.astype(float)),
        atol=1e-5,
    )
    assert_allclose(model.predict(container(X)), model.predict(X), rtol=1e-9)


@pytest.mark.parametrize("solver", ["gd", "sgd"])
def test_sparse_is_never_made_dense(task, solver):
    """The dense form would take 1600 MB, and that of the smallest block 50 MB."""
    n_samples, n_features = 2000, 100_000
    columns = np.random.RandomState(0).randint(n_features, size=n_samples)
    entries = np.ones(n_samples), (np.arange(n_samples), columns)
    X = sparse.csr_matrix(entries, (n_samples, n_features))
    model = task.network((), solver=solver, batch_size=500, max_iter=1)
    tracemalloc.start()
    try:
        task.answers(model.fit(X, task.y(columns % 2)), X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30e6


def test_sparse_duplicates_and_explicit_zeros(counts, task, fitted):
    X, y = counts
    halves = sparse.coo_matrix(X / 2.0)
    rows, columns = (np.r_[i, i, [0, 1]] for i in (halves.row, halves.col))
    data = np.r_[halves.data, halves.data, 0.0, 0.0]
    order = np.lexsort((columns, rows))
    indptr = np.r_[0, np.cumsum(np.bincount(rows, minlength=len(X)))]
    twice = sparse.csr_matrix((data[order], columns[order], indptr), X.shape)
    assert twice.nnz == 2 * halves.nnz + 2
    before = twice.copy()
    model = fitted(twice, y)
    assert_allclose(
        task.answers(model, twice), task.answers(fitted(X.astype(float), y), 1.0 * X)
    )
    assert twice.nnz == before.nnz
    assert_array_equal(twice.data, before.data)


def as_read_only(X, path):
    X = X.copy()
    X.flags.writeable = False
    return X


def as_memmap(X, path):
    held = np.memmap(path / "X", X.dtype, "w+", shape=X.shape)
    held[:] = X
    held.flush()
    return np.memmap(path / "X", X.dtype, "r", shape=X.shape)


def as_fortran(X, path):
    return np.asfortranarray(X)


def as_every_other(X, path):
    return np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]


def as_reversed(X, path):
    return X[::-1, ::-1].copy()[::-1, ::-1]


def as_list(X, path):
    return X.tolist()


def as_frame(X, path):
    return pd.DataFrame(X, columns=list("abcd"))


@pytest.mark.parametrize("solver", [*SOLVERS, "gd", "gauss_newton"])
@pytest.mark.parametrize(
    "container",
    [
        as_read_only,
        as_memmap,
        as_fortran,
        as_every_other,
        as_reversed,
        as_list,
        as_frame,
    ],
)
def test_the_container_changes_no_bit(
    counts, task, fitted, container, solver, tmp_path
):
    X, y = counts[0].astype(float), counts[1]
    wanted = fitted(X, y, solver)
    held = container(X, tmp_path)
    model = fitted(held, y, solver)
    assert_array_equal(model.coefs_[0], wanted.coefs_[0])
    assert_array_equal(task.answers(model, held), task.answers(wanted, X))
    assert_array_equal(np.asarray(held), X)


def test_fit_writes_into_none_of_its_inputs(counts, task):
    X, y = counts[0].astype(float), counts[1]
    weights, X_val, y_val = np.linspace(0, 1, len(X)), X[:40].copy(), y[:40].copy()
    given = [X, y, weights, X_val, y_val]
    before = [array.copy() for array in given]
    for array in given:
        array.flags.writeable = False
    model = task.network(3, solver="adam", max_iter=2)
    model.fit(X, y, weights, X_val=X_val, y_val=y_val)
    for array, then in zip(given, before, strict=True):
        assert_array_equal(array, then)


# Labels


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "labels",
    [
        np.array(["ant", "bee", "cow"]),
        np.array(["ant", "bee", "cow"], dtype=object),
        np.array([-7, 0, 1000]),
        np.array([1.0, 2.0, 5.0]),
        np.array([3, 4, 250], dtype=np.uint8),
    ],
    ids=["str", "object", "int", "float", "uint8"],
)
@of_labels
def test_labels_of_every_kind(counts, fitted, labels, solver):
    X, y = counts
    model = fitted(X, labels[y], solver)
    wanted = fitted(X, y, solver)
    assert_array_equal(model.classes_, labels)
    assert model.predict(X).dtype == model.classes_.dtype
    assert_array_equal(model.predict(X), labels[wanted.predict(X)])
    assert_array_equal(model.predict_proba(X), wanted.predict_proba(X))


@of_labels
def test_boolean_labels(counts, fitted):
    X, y = counts
    predicted = fitted(X, y == 0).predict(X)
    assert predicted.dtype == bool
    assert (predicted == (y == 0)).mean() > 0.8


@of_labels
def test_labels_as_list_series_and_categorical(counts, fitted):
    X, y = counts
    names = np.array(["ant", "bee", "cow"])[y]
    wanted = fitted(X, names).predict(X)
    series = pd.Series(names)
    for given in (names.tolist(), series, series.astype("category")):
        assert_array_equal(fitted(X, given).predict(X), wanted)


def as_categories(X):
    return pd.DataFrame(X).astype("category")


def as_objects(X):
    return X.astype(object)


def as_frame_of_objects(X):
    return pd.DataFrame(X.astype(object))


def as_nullable(X):
    return pd.DataFrame(X).astype("Int64")


def as_big_endian(X):
    return X.astype(">f8")


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", ["robust", False])
@pytest.mark.parametrize(
    "kind",
    [as_categories, as_objects, as_frame_of_objects, as_nullable, as_big_endian],
)
def test_all_that_can_be_a_number_is_one(
    counts, task, fitted, kind, standardize, solver
):
    """Categories, too, where none are wanted."""
    X, y = counts
    given = {"solver": solver, "standardize": standardize}
    given["categorical_features"] = None
    wanted = fitted(X.astype(float), y, **given)
    model = fitted(kind(X), y, **given)
    assert_array_equal(model.coefs_[0], wanted.coefs_[0])
    assert_array_equal(task.answers(model, kind(X)), task.answers(wanted, X))
    model.fit(kind(X), y, X_val=kind(X[:30]), y_val=y[:30])


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
def test_columns_of_texts_are_refused(counts, fitted, method):
    X, y = counts
    model = fitted(X, y, "adam", categorical_features=None)
    texts = np.array(["a", "b"])[X % 2]
    message = "Column 0 of X (holds texts, such as|held numbers .*, and holds) 'a'"
    for container in (np.asarray, np.ndarray.tolist, as_categories, pd.DataFrame):
        with pytest.raises(ValueError, match=message):
            ask = getattr(model, method)
            ask(container(texts), *([] if method == "predict" else [y]))


@pytest.mark.filterwarnings("error:::sklearn_scratchnn")
@of_labels
def test_outputs_that_leave_the_range_of_float32_come_in_float64(counts, fitted):
    X, y = counts[0].astype(np.float32), np.minimum(counts[1], 1)
    model = fitted(X, y)
    for rows in (np.float32(6e37) * X[:20], X[:20]):
        wide = model.decision_function(rows.astype(float))
        narrow = model.decision_function(rows)
        fits = np.abs(wide).max() < np.finfo(np.float32).max
        assert narrow.dtype == (np.float32 if fits else np.float64)
        assert_allclose(narrow, wide, rtol=1e-3, atol=1e-5)
        assert np.isfinite(model.predict_log_proba(rows)).all()


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e4, 1e6])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_columns_far_from_zero_lose_no_digits_in_float32(
    counts, task, fitted, offset, kind
):
    """The mean's share of a unit's input goes away again, and leaves its rounding."""
    X, y = np.float32(counts[0] + offset), counts[1]
    model = fitted(kind(X), y, solver="lbfgs", alpha=0.1)
    wide = fitted(kind(X.astype(float)), y, solver="lbfgs", alpha=0.1)
    narrow = np.float32 if offset < 1e4 else np.float64
    assert {a.dtype for a in model.coefs_ + model.intercepts_} == {np.dtype(narrow)}
    probabilities = task.answers(model, kind(X))
    assert_allclose(probabilities, task.answers(wide, kind(X)), atol=2e-3)


@pytest.mark.parametrize("method", ["predict", "answers", "input_gradients"])
def test_rows_that_leave_the_range_of_float32(counts, task, fitted, method):
    """Weights and inputs are float32, and their products are not."""
    X, y = counts[0].astype(np.float32), counts[1]
    model = fitted(X, y, dtype="float32")
    model.coefs_ = [1e10 * W for W in model.coefs_]
    assert model.coefs_[0].dtype == np.float32
    X[:20] *= 1e29
    ask = method_of(task, model, method)
    found, expected = ask(X), ask(X.astype(float))
    assert not np.isnan(found).any()
    with np.errstate(over="ignore"):
        assert_allclose(found, expected.astype(found.dtype), rtol=1e-5)


@pytest.mark.parametrize("dtype", [int, float, str])
@pytest.mark.parametrize("n_classes", [20, 21])
def test_as_many_classes_as_a_regression_has_values_warn(dtype, n_classes):
    """Of 40 rows, 21 classes are too many, where LogisticRegression says so."""
    X = np.random.RandomState(0).randn(40, 2)
    y = (np.arange(40) % n_classes).astype(dtype)
    told = []
    for model in (ScratchMLPClassifier(max_iter=2), LogisticRegression()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, y)
        told.append(any("number of unique classes" in str(w.message) for w in caught))
    assert told[0] == told[1]
    assert not told[0] or n_classes > 20


@pytest.mark.parametrize("dtype", [int, float, bool, np.uint8])
@of_labels
def test_indicator_matrices(counts, fitted, dtype):
    X, y = counts
    Y = (X[:, :3] > 1).astype(dtype)
    model = fitted(X, Y)
    assert model.out_activation_ == "logistic"
    assert model.predict(X).shape == Y.shape
    assert set(np.unique(model.predict(X))) <= {0, 1}
    assert (model.predict(X) == Y).mean() > 0.9
    sparse_model = fitted(X, sparse.csr_matrix(Y.astype(int)))
    assert_array_equal(sparse_model.predict_proba(X), model.predict_proba(X))


def test_column_vector_is_taken_with_a_warning(counts, fitted):
    X, y = counts
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        model = fitted(X, y[:, np.newaxis])
    assert_array_equal(model.predict(X), fitted(X, y).predict(X))


# Weights


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weights", [2.5, np.full(90, 2.5), [3] * 90])
def test_equal_weights_are_no_weights_but_for_the_penalty(
    counts, task, weights, solver
):
    X, y = counts
    model = task.network(4, solver=solver, alpha=0, max_iter=5, random_state=0)
    wanted = task.answers(model.fit(X, y), X)
    answers = task.answers(model.fit(X, y, weights), X)
    assert_allclose(answers, wanted, rtol=1e-5)


@pytest.mark.parametrize("solver", [*SOLVERS, "gd", "gauss_newton"])
def test_rows_of_weight_zero_change_no_bit(counts, task, solver):
    """Neither their values, nor their labels, nor that they are there."""
    X, y = counts[0].astype(float), counts[1]
    odd = np.random.RandomState(0).permutation(len(X))[:20]
    weights, strange, labels = np.ones(len(X)), X.copy(), y.copy()
    weights[odd], strange[odd], labels[odd] = 0, 1e6, 77
    model = task.network(4, "tanh", solver=solver, max_iter=5, random_state=0)
    given = task.answers(model.fit(strange, labels, weights), X)
    rest = weights > 0
    if task is LABELS:
        assert_array_equal(model.classes_, [0, 1, 2])
    without = task.answers(model.fit(X[rest], y[rest], weights[rest]), X)
    assert_allclose(given, without, rtol=1e-6)


# Refusals: each names what is wrong


def with_entry(X, value):
    X = np.array(X, dtype=float)
    X[3, 1] = value
    return X


BAD_X = {
    "inf": (lambda X: with_entry(X, np.inf), "Column 1 of X contains infinity"),
    "inf and NaN": (
        lambda X: np.tile([np.nan, -np.inf], (len(X), 2)),
        "Column 1 of X contains infinity",
    ),
    "sparse inf": (
        lambda X: sparse.csr_matrix(with_entry(X, np.inf)),
        "X contains infinity",
    ),
    "strings": (lambda X: np.full(X.shape, "a"), "Column 0 of X h.* 'a'"),
    "one dimension": (lambda X: X[:, 0], "Expected 2D array, got 1D array"),
    "three dimensions": (lambda X: X[np.newaxis], "Found array with dim 3"),
    "no rows": (lambda X: X[:0], r"0 sample\(s\)"),
    "no columns": (lambda X: X[:, :0], r"0 feature\(s\)"),
    "complex": (lambda X: X * 1j, "Complex data not supported"),
    "sparse NaN": (
        lambda X: sparse.csr_matrix(with_entry(X, np.nan)),
        "X contains NaN",
    ),
}

@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict", "answers"])
@pytest.mark.parametrize("name", BAD_X)
def test_bad_X(counts, task, fitted, name, method):
    X, y = counts
    change, message = BAD_X[name]
    model = fitted(X, y, "adam")
    before = state(model)
    bad = change(X)
    given = (bad, y[: bad.shape[0]]) if "fit" in method else (bad,)
    with pytest.raises(ValueError, match=message):
        method_of(task, model, method)(*given)
    assert state(model) == before


@pytest.mark.parametrize("method", ["partial_fit", "predict", "answers"])
def test_wrong_width(counts, task, fitted, method):
    X, y = counts
    model = fitted(X, y, "adam")
    before = state(model)
    given = (X[:, :3], y) if "fit" in method else (X[:, :3],)
    name = task.of_one.__name__
    with pytest.raises(ValueError, match=f"X has 3 features, but {name} is expecting"):
        method_of(task, model, method)(*given)
    assert state(model) == before


def one_dimensional(y):
    return {
        "None": (None, "requires y to be passed"),
        "short": (y[:-1], "inconsistent numbers of samples"),
        "continuous": (y + 0.5 * (y == 1), "Unknown label type: continuous"),
        "NaN": (np.where(y == 1, np.nan, y), "y contains NaN"),
        "inf": (np.where(y == 1, np.inf, y), "y contains infinity"),
        "one class": (np.full(len(y), 5), "one class only, .*5"),
        "mixed": (np.where(y == 1, "a", y.astype(object)), "label type|uniformly"),
        "two columns of classes": (np.c_[y, y], "y has several columns"),
        "signs": (np.where(np.c_[y, y] > 0, 1, -1), r"0 and 1 .* it holds \[-1, 1\]"),
        "ones and twos": (np.where(np.c_[y, y] > 0, 1, 2), r"it holds \[1, 2\]"),
        "three dimensions": (np.zeros((len(y), 2, 2), int), "dim 3|[Ll]abel type|3d"),
    }


@pytest.mark.parametrize("name", one_dimensional(np.zeros(3, int)))
@of_labels
def test_bad_y(counts, fitted, name):
    X, y = counts
    bad, message = one_dimensional(y)[name]
    model = fitted(X, y)
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, bad)
    assert state(model) == before


@of_labels
def test_labels_that_cannot_be_sorted(counts, fitted):
    X, y = counts
    with pytest.raises(TypeError, match="y holds labels of several types"):
        fitted(X, np.array(["b", "a", 1], object)[y])


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.7"),
    reason="earlier ones take bytes",
)
@of_labels
def test_labels_of_bytes(counts, fitted):
    X, y = counts
    with pytest.raises(TypeError, match="y holds .* or bytes"):
        fitted(X, np.array([b"b", b"a", b"c"])[y])


def bad_weights(n):
    return {
        "negative": (-np.ones(n), "Negative values .*sample_weight"),
        "one negative": (np.r_[-1e-9, np.ones(n - 1)], "Negative .*sample_weight"),
        "all zero": (np.zeros(n), "sample_weight"),
        "zero": (0, "sample_weight"),
        "NaN": (np.r_[np.nan, np.ones(n - 1)], "sample_weight contains NaN"),
        "NaN number": (np.nan, "sample_weight"),
        "inf": (np.r_[np.inf, np.ones(n - 1)], "sample_weight contains infinity"),
        "infinite sum": (np.full(n, 1e308), "sample_weight must have a finite sum"),
        "short": (np.ones(n - 1), r"sample_weight.shape == \(89,\), expected \(90,\)"),
        "two columns": (np.ones((n, 2)), "sample_weight .*Sample weights must be 1D"),
        "strings": (np.full(n, "a"), "sample_weight"),
        "dict": ({0: 1}, "sample_weight cannot be used"),
        "a number too large": ([HUGE] * n, "sample_weight cannot be used"),
        "next to nothing": (np.full(n, 1e-320), "sample_weight must .* more than zero"),
    }


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", bad_weights(2))
def test_bad_sample_weight(counts, fitted, name, method):
    X, y = counts
    bad, message = bad_weights(len(X))[name]
    model = fitted(X, y, "adam")
    before = state(model)
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, y, sample_weight=bad)
    assert state(model) == before


@of_labels
def test_weights_that_leave_one_class(counts):
    X, y = counts
    with pytest.raises(ValueError, match="one class only, .*rows of positive weight"):
        ScratchMLPClassifier().fit(X, y, (y == 1).astype(float))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"X_val": None}, "X_val and y_val must be given together"),
        ({"y_val": None}, "X_val and y_val must be given together"),
        (
            {"X_val": None, "y_val": None, "sample_weight_val": np.ones(30)},
            "sample_weight_val is given without X_val and y_val",
        ),
        ({"X_val": np.full((30, 4), np.inf)}, "X_val .* Column 0 of X contains inf"),
        ({"X_val": np.ones((30, 3))}, "X_val.*3 features"),
        ({"X_val": np.full((30, 4), "a")}, "X_val"),
        ({"X_val": np.ones((0, 4)), "y_val": np.ones(0)}, "X_val"),
        ({"y_val": np.zeros(29)}, "y_val.*inconsistent"),
        ({"y_val": np.eye(3, dtype=int)[np.arange(30) % 3]}, "y_val"),
        ({"sample_weight_val": np.zeros(30)}, "sample_weight_val"),
        ({"sample_weight_val": -np.ones(30)}, "sample_weight_val"),
        ({"sample_weight_val": np.full(30, np.nan)}, "sample_weight_val"),
        ({"sample_weight_val": np.ones(29)}, "sample_weight_val"),
    ],
)
def test_bad_validation_rows(counts, fitted, change, message):
    assert_held_out_refused(counts, fitted, change, message)


@of_labels
@pytest.mark.parametrize(
    "change, message",
    [
        ({"y_val": np.full(30, 9)}, r"y_val has classes .* does not know: \[9\]"),
        ({"y_val": np.linspace(0, 1, 30)}, "y_val.*continuous"),
    ],
)
def test_bad_labels_of_validation_rows(counts, fitted, change, message):
    assert_held_out_refused(counts, fitted, change, message)


@of_numbers
@pytest.mark.parametrize(
    "change, message",
    [
        ({"y_val": np.full(30, np.nan)}, "y_val.* y contains NaN"),
        ({"y_val": np.full(30, "a")}, "y_val .* y must hold numbers"),
        ({"y_val": np.ones((30, 2))}, "y_val has 2 columns, but .* with 1"),
    ],
)
def test_bad_numbers_of_validation_rows(counts, fitted, change, message):
    assert_held_out_refused(counts, fitted, change, message)


def assert_held_out_refused(counts, fitted, change, message):
    X, y = counts
    held_out = {"X_val": X[:30], "y_val": y[:30], "sample_weight_val": None} | change
    model = fitted(X, y)
    before = state(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **held_out)
    assert state(model) == before


BAD_PARAMETERS = {
    "hidden_layer_sizes": [0, -1, 2.5, None, "abc", (3, 0), (3, -2), (2.5,), ("a",)]
    + [(np.nan,), [[3, 4]], [[3], [4, 5]], (3, None), {"a": 3}]
    + [{3: "a"}, {3}, 10**19, np.array(3)],
    "activation": ["sine", None, 3, ("relu",) * 2, ("sine",), (None,), (["relu"],), ()]
    + [{"relu"}, {"relu": 1}, np.array("tan")],
    "solver": ["newton", None, 3, "ADAM"],
    "alpha": [-1e-9, np.nan, "1", None, HUGE],
    "batch_size": [0, -1, 2.5, "all", None],
    "learning_rate": ["linear", None, 0.1],
    "learning_rate_init": [0, -0.1, np.nan, "fast", None, HUGE],
    "power_t": [-0.5, "a", None, HUGE],
    "max_iter": [0, -1, 2.5, "many", None, HUGE],
    "shuffle": ["yes", None, 2],
    "random_state": [-1, "seed", 0.5],
    "tol": [-1e-9, np.nan, "low", None, HUGE],
    "verbose": [-1, "yes", None],
    "warm_start": ["yes", None, 2],
    "momentum": [-0.1, 1.1, np.nan, None],
    "nesterovs_momentum": ["yes", None],
    "early_stopping": ["yes", None, 2],
    "validation_fraction": [-0.1, 1.0, 1.5, np.nan, None],
    "beta_1": [-0.1, 1.0, np.nan],
    "beta_2": [-0.1, 1.0, np.nan],
    "epsilon": [0.0, -1e-8, np.nan, HUGE],
    "n_iter_no_change": [0, -1, 2.5, None],
    "max_fun": [0, -1, 2.5, None, HUGE],
    "init": ["zeros", None, 0],
    "standardize": ["yes", None, 2],
    "dtype": ["float16", "int", None, float],
    "class_weight": ["even", 3, {0: -1}, {0: "a"}, {0: np.nan}, {9: 1.0}, {0: 0, 1: 0}]
    + [{0: [1], 1: [2]}, {0: [1, 2], 1: [2, 3]}, {0: HUGE}],
    "categorical_features": ["all", 3, [4], [-1], ["a"], [True], [2.5], [[0, 1]]]
    + [{0}, {"a": 1}, [0, "a"], [None], np.ones((4, 1), bool)],
    "numeric_encoding": ["quantile", None, True, 16, ["linear"]],
    "n_bins": [1, 0, -2, 2.5, "few", None, HUGE],
    "adaptive_penalty": ["yes", None, 2, 0.5],
    "calibrate": ["yes", None, 2, "temperature"],
    "dropout": [-0.1, 1.0, np.nan, None, "some"],
    "label_smoothing": [-0.1, 1.0, np.nan, None],
    "max_grad_norm": [0.0, -1.0, np.nan, "a"],
    "weight_decay": [-0.1, np.nan, None, HUGE],
    "warmup_fraction": [-0.1, 1.0, np.nan, None],
    "scoring": [None, 3, "no_such_score", ["accuracy"]],
    "loss": ["absolute_error", "softmax_cross_entropy", "", None, 3, ["huber"]],
    "huber_threshold": [0, -0.5, np.nan, np.inf, "auto", None, HUGE],
    "quantile": [0, 1, -0.1, 1.1, 50, np.nan, "median", None, HUGE],
}


@pytest.mark.parametrize("name", ["hidden_layer_sizes", "batch_size", "max_iter"])
def test_true_is_one(counts, task, fitted, name):
    """As in scikit-learn, for which a bool is an integer."""
    given = {"solver": "adam", "max_iter": 2}
    one, true = (fitted(*counts, **given | {name: value}) for value in (1, True))
    assert_array_equal(task.answers(true, counts[0]), task.answers(one, counts[0]))
    assert true.coefs_[0].shape == one.coefs_[0].shape


def test_names_of_an_array_are_plain_strings(counts, fitted):
    for activation in (np.array(["tanh"]), np.str_("tanh")):
        model = fitted(*counts, activation=activation)
        assert [type(name) for name in model.activations_] == [str]


def test_every_parameter_is_refused_somewhere():
    known = set().union(*(task.network().get_params() for task in TASKS))
    assert BAD_PARAMETERS.keys() == known


@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
@pytest.mark.parametrize(
    "task, name, value",
    [
        (task, name, value)
        for task in TASKS
        for name in task.network().get_params()
        for value in BAD_PARAMETERS[name]
    ],
    indirect=["task"],
    ids=lambda value: re.sub(r"\W+", " ", getattr(value, "name", repr(value)))[:40],
)
def test_bad_parameters_are_named_and_change_nothing(
    counts, task, fitted, name, value, solver
):
    X, y = counts
    model = fitted(X, y, solver)
    if name == "class_weight":
        X, y = X[y < 2], y[y < 2]
        model = fitted(X, y, solver)
    model.set_params(**{name: value})
    before = state(model)
    with pytest.raises((ValueError, TypeError), match=name):
        model.fit(X, y, X_val=X[:20], y_val=y[:20])
    assert state(model) == before
    model.set_params(**{name: task.network().get_params()[name]})
    assert model.predict(X).shape == y.shape


@of_numbers
def test_one_row_cannot_be_split(counts, fitted):
    X, y = counts
    with pytest.raises(ValueError, match="early_stopping .*validation_fraction=0.1"):
        fitted(X[:1], y[:1], early_stopping=True)


@of_labels
def test_too_few_rows_to_split_are_named(counts, fitted):
    X, y = counts
    with pytest.raises(ValueError, match="early_stopping .*validation_fraction=0.1"):
        fitted(X[:6], np.arange(6), early_stopping=True)


# A model that is not fitted


@pytest.mark.parametrize(
    "method", ["predict", "answers", "hidden_activations", "input_gradients"]
)
def test_not_fitted(counts, task, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        method_of(task, task.network(), method)(counts[0])


@of_labels
@pytest.mark.parametrize("method", ["predict_log_proba", "decision_function"])
def test_labels_that_are_not_fitted(counts, task, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(task.network(), method)(counts[0])


def test_a_first_fit_that_fails_leaves_nothing(counts, task):
    X, y = counts
    model = task.network(activation=("relu", "relu"))
    with pytest.raises(ValueError, match="activation"):
        model.fit(X, y)
    assert vars(model).keys() == model.get_params().keys()


@pytest.mark.parametrize("layer", [1, -2, 5, 0.5, "a", None])
def test_a_layer_that_does_not_exist(counts, fitted, layer):
    with pytest.raises(ValueError, match=f"layer={layer!r} does not exist"):
        fitted(*counts).hidden_activations(counts[0], layer=layer)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"of": "loss"}, "of must be"),
        ({"of": np.array(["logit", "loss"])}, "of must be"),
        ({"target": 9}, "target"),
        ({"target": [0, 1]}, "target must be one label"),
        ({"target": []}, "target must be one label"),
    ],
)
@of_labels
def test_bad_arguments_of_input_gradients(counts, fitted, given, message):
    with pytest.raises(ValueError, match=message):
        fitted(*counts).input_gradients(counts[0], **given)
