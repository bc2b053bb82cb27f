"""Numeric columns in bins: against formulas written out, and wherever rows may be."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from test_inputs import as_fortran, as_memmap, as_read_only

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.encoding import (
    PiecewiseEncoding,
    count_numeric,
    edges_of_columns,
    find_edges,
)
from sklearn_scratchnn.data.rows import DenseRows
from sklearn_scratchnn.data.standardize import Standardizer
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n=90):
    """Return five columns, of which the last two get no bins, and labels."""
    rng = np.random.RandomState(0)
    X = np.column_stack(
        [
            rng.randn(n),
            np.exp(rng.randn(n)),
            np.where(rng.rand(n) < 0.4, 0.0, rng.rand(n)),  # heavily tied
            (rng.rand(n) < 0.5) * 2.0,
            np.full(n, 7.0),
        ]
    )
    return X, ((X[:, 0] > 0.3) ^ (X[:, 2] > 0.5)).astype(int)


def network(**params):
    given = {"hidden_layer_sizes": (4,), "activation": "tanh", "alpha": 1.0}
    given |= {"solver": "lbfgs", "max_iter": 15, "random_state": 0, "n_bins": 5}
    return ScratchMLPClassifier(
        **given | {"numeric_encoding": "piecewise"} | params
    )


def by_formula(X, edges):
    """Return the columns, then clip((x - e) / (next e - e), 0, 1) of every bin."""
    bins = [
        np.clip((x - low) / (high - low), 0, 1)
        for x, e in zip(X.T, edges, strict=True)
        for low, high in pairwise(e)
    ]
    return np.column_stack([X, *bins])


def edges_by_rule(column, copies, n_bins):
    """Values of more than a share of the rows are edges; the others have quantiles."""
    column = np.sort(np.repeat(column, copies))
    values, counts = np.unique(column, return_counts=True)
    if len(values) <= 3:
        return []
    if len(values) <= n_bins + 1:
        return values
    heavy = values[counts * n_bins > len(column)]
    light = column[~np.isin(column, heavy)]
    n = n_bins - len(heavy)
    # The first value that k of n parts of the rows do not lie beyond, in whole numbers.
    quantiles = [light[-(-k * len(light) // n) - 1] for k in range(1, n)]
    return np.unique([column[0], *heavy, *quantiles, column[-1]])


def assert_same_edges(found, expected):
    """To the bit, in every column."""
    for edges, others in zip(found, expected, strict=True):
        assert_array_equal(edges, others)


# Edges


COLUMNS = {
    "plain": lambda rng, n: rng.randn(n),
    "rounded": lambda rng, n: rng.randn(n).round(1),
    "one heavy value": lambda rng, n: np.where(rng.rand(n) < 0.6, 0.0, rng.randn(n)),
    "two heavy values": lambda rng, n: rng.choice([-1, 4, *np.linspace(0, 9, 40)], n),
    "heavy at its end": lambda rng, n: np.maximum(rng.randn(n), 0.5),
    "few values": lambda rng, n: rng.randint(5, size=n) ** 2.0,
    "three values": lambda rng, n: rng.randint(3, size=n) * 1.0,
    "two values": lambda rng, n: rng.randint(2, size=n) * 1.0,
    "constant": lambda rng, n: np.full(n, 0.1),
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("n_bins", [2, 3, 4, 16])
@pytest.mark.parametrize("n", [40, 97, 200])
def test_edges_are_by_their_rule(kind, n_bins, n):
    column = COLUMNS[kind](np.random.RandomState(n), n)
    (found,) = edges_of_columns([column], n_bins=n_bins)
    assert_array_equal(found, edges_by_rule(column, 1, n_bins))
    assert len(found) <= n_bins + 1


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("factor", [1.0, 0.1, 1 / 3, 1e-20, 1e20])
def test_a_weight_of_k_is_k_copies(kind, seed, factor):
    """In any unit of weight, exactly: of values that are shares to rounding, too."""
    rng = np.random.RandomState(seed)
    column, k = COLUMNS[kind](rng, 60), rng.randint(1, 5, 60)
    weighted = edges_of_columns([column], factor * k, n_bins=4)
    assert_array_equal(weighted[0], edges_by_rule(column, k, 4))


@pytest.mark.parametrize("n_bins", [4, 5, 10])
@pytest.mark.parametrize("unit", [1.0, 0.1, 1 / 3, 0.7])
def test_rounding_moves_no_edge(n_bins, unit):
    """Shares that fall on a value, whatever the sums of the weights round to."""
    values, weights = np.arange(100.0), np.full(100, unit)
    step = 100 // n_bins
    expected = [0, *(step * np.arange(1, n_bins) - 1), 99]
    assert_array_equal(find_edges(values, weights, n_bins), expected)


def test_edges_do_not_depend_on_the_order_of_the_rows():
    X, _ = table()
    found, expected = (
        edges_of_columns(list(rows.T))
        for rows in (np.random.RandomState(1).permutation(X), X)
    )
    assert_same_edges(found, expected)


def test_edges_of_some_rows():
    X, _ = table()
    some, weights = np.arange(0, 90, 3), np.arange(1.0, 31.0)
    found = edges_of_columns(list(X.T), weights, some, n_bins=4)
    expected = edges_of_columns(list(X[some].T), weights, n_bins=4)
    assert_same_edges(found, expected)


def test_edges_of_very_many_rows_are_those_of_a_sample(monkeypatch):
    """At equal distances, its ends included."""
    monkeypatch.setattr("sklearn_scratchnn.data.encoding.SAMPLE", 10)
    X = np.random.RandomState(0).randn(100, 1)
    chosen = np.linspace(0, 99, 10).astype(int)
    found = edges_of_columns(list(X.T), n_bins=4)[0]
    assert_array_equal(found, edges_by_rule(X[chosen, 0], 1, 4))


def test_numeric_columns_are_counted():
    X, _ = table()
    assert count_numeric(X.T, most=100) == 3
    assert count_numeric(X.T, most=1) == 2  # more than one
    late = np.r_[np.zeros(1500), 1.0, 2.0, 3.0][:, None]
    assert count_numeric(late.T, most=5) == 1


def test_columns_wider_than_float64_are_refused_by_name():
    X, y = table()
    X[:, 1] = np.array([-1.5e308, -1e308, 1e308, 1.5e308])[np.arange(90) % 4]
    with pytest.raises(ValueError, match="Column 1 of X is too wide for numeric_enco"):
        network(standardize=False).fit(X, y)


# The inputs


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_inputs_are_by_the_formula(dtype):
    """At the edges, between and beyond them."""
    edges = [np.array([-1.0, 0.5, 3.0, 3.25]), np.array([]), np.array([0.0, 1e3])]
    points = np.unique(np.concatenate(edges))
    points = np.r_[points, points - 0.25, points + 0.25, -1e9, 1e9]
    X = np.column_stack([points, points, points[::-1]]).astype(dtype)
    found = PiecewiseEncoding(edges).encode(X)
    assert found.dtype == dtype
    assert found.shape == (len(X), 3 + 3 + 1)
    assert_allclose(found, by_formula(X, edges), rtol=1e-6)


def test_at_an_edge_one_bin_is_full_and_the_next_empty():
    encoding = PiecewiseEncoding([np.array([0.1, 0.3, 0.7])])
    assert_array_equal(
        encoding.encode(np.array([[0.1], [0.3], [0.7]]))[:, 1:],
        [[0, 0], [1, 0], [1, 1]],
    )


def test_a_sum_of_bins_is_any_function_that_is_linear_between_the_edges():
    edges, heights = np.array([-1.0, 0.0, 2.0, 5.0]), np.array([3.0, -1.0, 4.0, 0.5])
    x = np.linspace(-1, 5, 50)
    bins = PiecewiseEncoding([edges]).encode(x[:, None])[:, 1:]
    assert_allclose(heights[0] + bins @ np.diff(heights), np.interp(x, edges, heights))


@pytest.mark.parametrize("n_rows", [1, 7, 90])
def test_blocks_of_any_size_give_the_same_inputs(n_rows):
    X, _ = table()
    encoding = PiecewiseEncoding(edges_of_columns(list(X.T), n_bins=5))
    rows = DenseRows(X, None, None, np.dtype(float), n_rows, encoding)
    blocks = [rows.block(i, min(i + n_rows, 90)).copy() for i in range(0, 90, n_rows)]
    assert_array_equal(np.concatenate(blocks), by_formula(X, encoding.edges))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block_bytes", [2**19, 1])
def test_encoded_columns_are_standardised_as_any(weighted, block_bytes):
    X, _ = table()
    w = np.random.RandomState(1).rand(90) if weighted else None
    encoding = PiecewiseEncoding(edges_of_columns(list(X.T), n_bins=5))
    found = Standardizer.from_rows(
        X, w, robust=True, block_bytes=block_bytes, encoding=encoding
    )
    by_hand = Standardizer.from_rows(by_formula(X, encoding.edges), w, robust=True)
    assert_allclose(found.mean, by_hand.mean, rtol=1e-10, atol=1e-14)
    assert_allclose(found.scale, by_hand.scale, rtol=1e-10)


# In a network


@pytest.mark.parametrize("standardize", ["robust", True, False])
@pytest.mark.parametrize("solver", SOLVERS)
def test_it_is_the_network_behind_a_transformer_that_does_the_same(solver, standardize):
    X, y = table()
    given = {"solver": solver, "standardize": standardize, "dtype": "float64"}
    given |= {"max_iter": 5, "alpha": 0.0 if solver == "adamw" else 1.0}
    ours = network(**given).fit(X, y)
    encoded = by_formula(X, ours.bin_edges_)
    by_hand = network(numeric_encoding="linear", **given).fit(encoded, y)
    assert by_hand.bin_edges_ is None
    assert_allclose(ours.loss_curve_, by_hand.loss_curve_, rtol=1e-8)
    for W, expected in zip(ours.coefs_, by_hand.coefs_, strict=True):
        assert_allclose(W, expected, rtol=1e-5, atol=1e-7)
    assert_allclose(ours.predict_proba(X), by_hand.predict_proba(encoded), rtol=1e-6)
    hidden = by_hand.hidden_activations(encoded)
    assert_allclose(ours.hidden_activations(X), hidden, rtol=1e-5, atol=1e-7)


def test_bin_edges_are_those_of_the_rows():
    X, y = table()
    model = network().fit(X, y)
    assert len(model.bin_edges_) == 5
    for edges, column in zip(model.bin_edges_, X.T):
        assert_array_equal(edges, edges_by_rule(column, 1, 5))
    n_bins = sum(len(edges) - 1 for edges in model.bin_edges_ if len(edges))
    assert model.coefs_[0].shape == (5 + n_bins, 4)


def test_the_first_layers_inputs_have_names():
    encoding = PiecewiseEncoding([np.array([0.0, 0.5, 1e7]), np.array([])])
    names = ["a", "a in [0, 0.5]", "a in [0.5, 1e+07]"]
    assert list(encoding.names(["a", "b"])) == [names[0], "b", *names[1:]]
    X, y = table()
    model = network().fit(X, y)
    names = model.encoded_feature_names_
    assert list(names[:5]) == ["x0", "x1", "x2", "x3", "x4"]
    assert len(names) == len(model.coefs_[0])
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = network(numeric_encoding="linear").fit(frame, y)
    assert list(model.encoded_feature_names_) == list("abcde")
    assert network().fit(frame, y).encoded_feature_names_[5].startswith("a in [")


@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("several", [False, True])
def test_input_gradients_are_in_units_of_the_raw_columns(of, several):
    """Against differences, away from the edges; beyond the last there are some too."""
    X, y = table()
    y = np.c_[y, X[:, 1] > 1] * 1 if several else y
    model = network(max_iter=40, alpha=0.1).fit(X, y)
    h = 1e-6
    for j in range(3):
        rows = np.r_[X, X[:9] + 0.01, [X.max(axis=0) + 3], [X.min(axis=0) - 3]]
        distances = abs(rows[:, j, np.newaxis] - model.bin_edges_[j])
        rows = rows[(distances > 10 * h).all(axis=1)]
        assert len(rows) > 20
        up, down = rows.copy(), rows.copy()
        up[:, j] += h
        down[:, j] -= h
        ask = model.decision_function if of == "logit" else model.predict_proba
        change = (ask(up) - ask(down)) / (2 * h)
        change = change[:, -1] if change.ndim == 2 else change
        found = model.input_gradients(rows, of=of)
        assert found.shape == rows.shape
        assert_allclose(found[:, j], change, rtol=1e-5, atol=1e-7)


def test_the_gradient_of_a_bin_is_its_slope_within_it():
    """Its lower edge included, its upper one not."""
    encoding = PiecewiseEncoding([np.array([0.0, 0.5, 2.5])])
    rows = np.array([[-0.1], [0.0], [0.2], [0.5], [2.4], [2.5]])
    inputs = np.tile([10.0, 1.0, 1.0], (6, 1))
    slopes = [0, 2, 2, 0.5, 0.5, 0]
    assert_allclose(encoding.gradients(rows, inputs)[:, 0], 10 + np.array(slopes))


# Rows of every kind


@pytest.mark.parametrize("container", [as_read_only, as_memmap, as_fortran])
def test_the_container_changes_no_bit(container, tmp_path):
    X, y = table()
    held = container(X, tmp_path)
    found, expected = network().fit(held, y), network().fit(X, y)
    assert_array_equal(found.coefs_[0], expected.coefs_[0])
    assert_array_equal(found.predict_proba(held), expected.predict_proba(X))


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int8", "bool"])
def test_every_dtype_gives_the_model_of_float64(dtype, solver):
    X = np.random.RandomState(0).randint(0, 9, (90, 4))
    y = (X[:, 0] + X[:, 1] > 8).astype(int)
    X = X.astype(dtype)
    wanted = network(solver=solver, dtype="float64").fit(X.astype(float), y)
    model = network(solver=solver, dtype="float64").fit(X, y)
    narrow = np.float32 if dtype in ("float32", "float16") else np.float64
    assert model.coefs_[0].dtype == narrow
    for edges, expected in zip(model.bin_edges_, wanted.bin_edges_, strict=True):
        assert edges.dtype == np.float64
        assert_array_equal(edges, expected)
    p = wanted.predict_proba(X.astype(float))
    assert_allclose(model.predict_proba(X), p, atol=1e-5)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_float32_rows_far_from_zero_keep_their_bins(solver):
    X, y = table()
    near = (1e4 * X[:, :3]).round() / 1e2
    model = network(solver=solver).fit(near.astype(np.float32), y)
    far = network(solver=solver).fit((near + 2**16).astype(np.float32), y)
    p = model.predict_proba(near.astype(np.float32))
    assert_allclose(
        far.predict_proba((near + 2**16).astype(np.float32)), p, atol=0.02
    )


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_rows_are_refused_or_linear(container):
    X, y = table()
    with pytest.raises(ValueError, match="numeric_encoding='piecewise' is for a dense"):
        network().fit(container(X), y)
    model = network(numeric_encoding="auto", solver="auto").fit(container(X), y)
    assert model.bin_edges_ is None
    assert len(model.coefs_[0]) == 5


def test_sparse_rows_stay_linear_in_a_wide_network(monkeypatch):
    monkeypatch.setattr("sklearn_scratchnn.estimator.defaults.MANY_ROWS", 80)
    X, y = table()
    given = {"numeric_encoding": "auto", "solver": "auto", "max_iter": 2}
    assert network(**given).fit(X, y).bin_edges_ is not None
    assert network(**given).fit(sparse.csr_matrix(X), y).bin_edges_ is None


@pytest.mark.parametrize("method", ["predict", "predict_proba", "input_gradients"])
def test_a_network_with_bins_refuses_sparse_rows_by_name(method):
    X, y = table()
    model = network().fit(X, y)
    with pytest.raises(ValueError, match="X is sparse"):
        getattr(model, method)(sparse.csr_matrix(X))


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("encoding", ["auto", "piecewise"])
def test_training_does_not_go_on_from_bins_with_sparse_rows(call, encoding):
    X, y = table()
    model = network(solver="adam", warm_start=True).fit(X, y)
    model.set_params(numeric_encoding=encoding)
    with pytest.raises(ValueError, match="sparse|dense"):
        getattr(model, call)(sparse.csr_matrix(X), y)


def test_held_out_rows_have_the_same_bins():
    X, y = table()
    given = {"solver": "adam", "early_stopping": True, "dtype": "float64"}
    model = network(**given).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    p = model.predict_proba(X[60:])[np.arange(30), y[60:]]
    best = model.history_["validation_loss"].min()
    assert_allclose(-np.log(p).mean(), best, rtol=1e-6)


def test_held_out_rows_may_not_be_sparse():
    X, y = table()
    with pytest.raises(ValueError, match="sparse|dense"):
        network().fit(X[:60], y[:60], X_val=sparse.csr_matrix(X[60:]), y_val=y[60:])


# Weights


def test_copies_give_the_model_of_weights():
    X, y = table()
    k = np.random.RandomState(2).randint(0, 4, 90)
    weighted = network().fit(X, y, k)
    copies = network().fit(X.repeat(k, axis=0), y.repeat(k))
    assert_same_edges(weighted.bin_edges_, copies.bin_edges_)
    assert_allclose(weighted.predict_proba(X), copies.predict_proba(X), atol=1e-6)


def test_class_weights_are_weights():
    X, y = table()
    factors = {0: 1.0, 1: 3.0}
    model = network(class_weight=factors).fit(X, y)
    same = network().fit(X, y, np.where(y == 1, 3.0, 1.0))
    assert_same_edges(model.bin_edges_, same.bin_edges_)
    assert_allclose(model.predict_proba(X), same.predict_proba(X), rtol=1e-6)


# Going on


def second(X):
    return X[::-1] * 2 + 1


@pytest.mark.parametrize("several", [False, True])
def test_partial_fit_keeps_the_bins_of_the_first_call(several):
    X, y = table()
    y = np.c_[y, 1 - y] if several else y
    model = network(solver="adam").partial_fit(X, y, classes=[0, 1])
    edges, W = model.bin_edges_, model.coefs_[0]
    for found, column in zip(edges, X.T, strict=True):
        assert_array_equal(found, edges_by_rule(column, 1, 5))
    model.partial_fit(second(X), y)
    assert_same_edges(model.bin_edges_, edges)
    assert model.coefs_[0].shape == W.shape
    assert not np.array_equal(model.coefs_[0], W)


def test_a_stream_is_linear_unless_it_is_said():
    X, y = table()
    model = network(solver="adam", numeric_encoding="auto")
    assert model.partial_fit(X, y, classes=[0, 1]).bin_edges_ is None
    fitted = network(solver="adam").fit(X, y).set_params(numeric_encoding="auto")
    assert fitted.partial_fit(X, y).bin_edges_ is not None


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_warm_start_keeps_the_bins(solver):
    """And goes on from the same function, though it sees other rows."""
    X, y = table()
    model = network(solver=solver, dtype="float64", warm_start=True).fit(X, y)
    edges, before = model.bin_edges_, model.predict_proba(X)
    model.set_params(solver="gd", learning_rate_init=1e-30, max_iter=1)
    model.fit(second(X), y)
    assert_same_edges(model.bin_edges_, edges)
    assert_allclose(model.predict_proba(X), before, rtol=1e-6)


@pytest.mark.parametrize("before", ["piecewise", "linear"])
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_another_encoding_is_refused_by_a_warm_start(before, call):
    X, y = table()
    now = {"piecewise": "linear", "linear": "piecewise"}[before]
    model = network(solver="adam", numeric_encoding=before, warm_start=True).fit(X, y)
    model.set_params(numeric_encoding=now)
    state = pickle.dumps(model)
    with pytest.raises(ValueError, match=f"numeric_encoding is now '{now}'"):
        getattr(model, call)(X, y)
    assert pickle.dumps(model) == state


# Files


def test_a_pickle_predicts_and_goes_on_alike():
    X, y = table()
    model = network(solver="adam").partial_fit(X, y, classes=[0, 1])
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    for twin in (model, loaded):
        twin.partial_fit(second(X), y)
    assert_array_equal(loaded.coefs_[0], model.coefs_[0])
