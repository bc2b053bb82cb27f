"""Rows of many kinds, and answers about them."""

import threading
import time

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.callbacks import ValidationMonitor
from sklearn_scratchnn.dask import (
    DaskScratchMLPClassifier,
    DaskScratchMLPEnsembleClassifier,
    DaskScratchMLPRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GIVEN = {"hidden_layer_sizes": 4, "solver": "lbfgs", "alpha": 1.0, "max_iter": 15}
GIVEN |= {"random_state": 0}


@pytest.fixture(scope="module")
def rows():
    X = np.random.RandomState(0).randn(120, 3)
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def cut(array, size=30):
    return da.from_array(array, chunks=(size, *array.shape[1:]))


def of_parts(*parts):
    """Return an array whose blocks have as many rows as they have."""
    shape = (np.nan, *parts[0].shape[1:])
    delayed = [dask.delayed(lambda part: part)(part) for part in parts]
    return da.concatenate([da.from_delayed(d, shape, parts[0].dtype) for d in delayed])


def frame_of(*parts):
    with dask.config.set({"dataframe.convert-string": False}):
        return dd.from_map(lambda part: part, parts, meta=parts[-1].iloc[:0])


def test_a_client_that_is_not_the_default(rows):
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    )
    with cluster, Client(cluster, set_as_default=False) as client:
        model = DaskScratchMLPClassifier(**GIVEN, client=client)
        model.fit(cut(rows[0]), cut(rows[1]))
        assert model.score(cut(rows[0]), cut(rows[1])) > 0.9


def test_early_stopping_on_small_blocks(client):
    X = np.random.RandomState(0).randn(1000, 3)
    y = np.arange(1000) % 2
    given = GIVEN | {"solver": "adam", "early_stopping": True, "max_iter": 2}
    model = DaskScratchMLPClassifier(**given, validation_fraction=0.3)
    model.fit(cut(X, 10), cut(y, 10))
    assert len(model.validation_scores_) == 2
    with pytest.raises(ValueError, match="of 2 rows cannot be held out: no class has"):
        model.fit(cut(X[:2], 1), cut(y[:2], 1))


@pytest.mark.parametrize("share", [0.001, 0.5])
def test_early_stopping_has_each_class_on_both_sides(client, share):
    """Wherever its few rows lie; a score of it needs them."""
    X = np.random.RandomState(0).randn(300, 2)
    y = np.r_[np.arange(294) % 2, [2] * 6]
    given = GIVEN | {"scoring": "roc_auc_ovr", "early_stopping": True, "max_iter": 3}
    for seed in range(4):
        order = np.random.RandomState(seed).permutation(300)
        model = DaskScratchMLPClassifier(**given, validation_fraction=share)
        model.set_params(random_state=seed).fit(cut(X[order], 10), cut(y[order], 10))
        assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("cls", [DaskScratchMLPClassifier, DaskScratchMLPRegressor])
def test_y_of_one_column(client, rows, cls):
    X, y = cut(rows[0]), cut(rows[1])
    model = cls(**GIVEN).fit(X, y)
    expected = model.to_local().score(*rows)
    assert model.score(X, y[:, np.newaxis]) == pytest.approx(expected)
    frame = dd.from_dask_array(y[:, np.newaxis], columns=["y"])
    assert model.score(X, frame) == pytest.approx(expected)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        model.score(X, of_parts(rows[1][:30], rows[1][:1], *np.split(rows[1][60:], 2)))
    with pytest.raises(ValueError, match="no row that counts"):
        model.score(X, y, da.zeros(120, chunks=30))


def test_gaps_that_come_with_a_warm_start(client, rows):
    X, y = rows
    gaps = X.copy()
    gaps[5, 0] = np.nan
    models = []
    for cls, data in (
        (DaskScratchMLPClassifier, [(cut(Z), cut(y)) for Z in (X, gaps)]),
        (ScratchMLPClassifier, [(Z, y) for Z in (X, gaps)]),
    ):
        model = cls(**GIVEN, warm_start=True)
        for given in data:
            model.fit(*given)
        models.append(model)
    assert_allclose(models[0].loss_, models[1].loss_, rtol=1e-7)


def test_rows_that_do_not_match_are_named(client, rows):
    X, y = rows
    parts = of_parts(X[:29], X[30:60], X[60:90], X[90:])
    with pytest.raises(ValueError, match="Block 0: .*inconsistent numbers"):
        DaskScratchMLPClassifier(**GIVEN).fit(parts, cut(y))
    none = of_parts(X[:0], X[30:60], X[60:90], X[90:])
    with pytest.raises(ValueError, match="Block 0: .*inconsistent numbers"):
        DaskScratchMLPClassifier(**GIVEN).fit(none, cut(y))
    infinite = X.copy()
    infinite[40, 1] = np.inf
    weights = np.repeat([1.0, 0.0, 1.0, 1.0], 30)
    with pytest.raises(ValueError, match="Block 1: .*infinity"):
        DaskScratchMLPClassifier(**GIVEN).fit(cut(infinite), cut(y), cut(weights))


def test_weights_are_summed_over_all_blocks(client, rows):
    X, y = cut(rows[0]), cut(rows[1])
    weights = np.ones(120)
    weights[:30] = 1e-320
    model = DaskScratchMLPClassifier(**GIVEN).fit(X, y, cut(weights))
    local = ScratchMLPClassifier(**GIVEN).fit(*rows, weights)
    assert_allclose(model.loss_, local.loss_, rtol=1e-7)
    with pytest.raises(ValueError, match="finite sum"):
        model.fit(X, y, cut(np.full(120, 4e306)))
    with pytest.raises(ValueError, match="Block 2: .*[Nn]egative"):
        model.fit(X, y, cut(np.where(np.arange(120) == 70, -1.0, 1.0)))


def test_a_column_without_values_in_one_block(client, rows):
    X, y = rows
    first = {"k": pd.Categorical([None] * 60, categories=["x"]), "b": X[:60, 0]}
    second = {"k": X[60:, 1], "b": X[60:, 0]}
    parts = pd.DataFrame(first), pd.DataFrame(second)
    model = DaskScratchMLPClassifier(**GIVEN).fit(frame_of(*parts), cut(y, 60))
    whole = pd.DataFrame({"k": np.r_[[np.nan] * 60, X[60:, 1]], "b": X[:, 0]})
    local = ScratchMLPClassifier(**GIVEN).fit(whole, y)
    assert_allclose(model.loss_, local.loss_, rtol=1e-7)


def answers_agree(model, X, whole):
    for method in ("predict", "predict_proba"):
        found = getattr(model, method)(X)
        computed, expected = found.compute(), getattr(model.to_local(), method)(whole)
        assert_array_equal(computed, expected)
        assert found.dtype == computed.dtype
        assert found.ndim == computed.ndim
        blocks = X.numblocks[0] if hasattr(X, "numblocks") else X.npartitions
        assert len(found.chunks[0]) == blocks
    return found


def test_answers_about_categories(client, rows):
    X, y = rows
    frame = pd.DataFrame({"a": X[:, 0], "k": pd.Categorical(np.arange(120) % 4)})
    frame["o"] = np.where(X[:, 1] > 0, "up", "down").astype(object)
    parts = [frame.iloc[i : i + 30] for i in range(0, 120, 30)]
    cut_frame = frame_of(*parts, frame.iloc[:0])
    model = DaskScratchMLPClassifier(**GIVEN)
    model.fit(cut_frame, of_parts(*np.split(y, 4), y[:0]))
    answers_agree(model, cut_frame, frame)

    objects = np.column_stack([X[:, 0].astype(object), frame["o"]])
    model = DaskScratchMLPClassifier(**GIVEN, categorical_features=[1])
    answers_agree(model.fit(cut(objects), cut(y)), cut(objects), objects)


def test_answers_keep_empty_and_unknown_blocks(client, rows):
    X, y = rows
    model = DaskScratchMLPClassifier(**GIVEN).fit(cut(X), cut(y))
    empty = da.from_array(X, chunks=((30, 0, 90), 3))
    assert answers_agree(model, empty, X).chunks == ((30, 0, 90), (2,))
    wide = da.from_array(X.astype(np.float32), chunks=(40, 2))
    assert answers_agree(model, wide, X.astype(np.float32)).chunks[0] == (40, 40, 40)
    answers_agree(model, of_parts(X[:50], X[50:]), X)
    with pytest.raises(ValueError, match="rows and columns; it has 1"):
        model.predict(da.zeros(3))


def test_what_cannot_train_is_refused(client, rows, monkeypatch):
    inner = DaskScratchMLPClassifier(**GIVEN)
    with pytest.raises(TypeError, match="itself one for a cluster"):
        DaskScratchMLPEnsembleClassifier(inner).fit(cut(rows[0]), cut(rows[1]))

    monkeypatch.setattr(Client, "asynchronous", True)
    with pytest.raises(ValueError, match="client is asynchronous"):
        inner.set_params(client=client).fit(cut(rows[0]), cut(rows[1]))


@pytest.mark.parametrize(
    "cls, method",
    [
        (DaskScratchMLPClassifier, "input_gradients"),
        (DaskScratchMLPClassifier, "hidden_activations"),
        (DaskScratchMLPRegressor, "input_gradients"),
        (DaskScratchMLPEnsembleClassifier, "doubt"),
        (DaskScratchMLPEnsembleClassifier, "members_proba"),
    ],
)
def test_answers_that_take_no_collection(client, rows, cls, method):
    X, y = map(cut, rows)
    members = {"estimator": ScratchMLPClassifier(**GIVEN)}
    ensemble = cls is DaskScratchMLPEnsembleClassifier
    model = cls(**(members if ensemble else GIVEN)).fit(X, y)
    answer = getattr(model, method)
    with pytest.raises(TypeError, match="X must be an array or a DataFrame of this"):
        answer(X)
    local = getattr(model.to_local(), method)
    assert_array_equal(answer(rows[0]), local(rows[0]))
    if method == "doubt":
        blocks = X.map_blocks(local, drop_axis=1, dtype=float)
        assert_allclose(blocks.compute(), answer(rows[0]))


# Scores -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "weights", "words"),
    [
        (lambda y: y.astype(str), None, "Block .: .*label"),
        (lambda y: np.where(np.arange(120) == 70, np.nan, y), None, "Block 2: .*NaN"),
        (lambda y: np.c_[y, y], None, "Block .: .*multilabel"),
        (lambda y: y, np.r_[np.ones(119), np.nan], "Block 3: sample_weight .*NaN"),
        (lambda y: y, np.r_[-1, np.ones(119)], "Block 0: sample_weight .*Negative"),
    ],
)
def test_what_cannot_be_scored_is_named(client, rows, y, weights, words):
    X, labels = rows
    model = DaskScratchMLPClassifier(**GIVEN).fit(cut(X), cut(labels))
    cut_weights = None if weights is None else cut(weights)
    if "label" in words and "multi" not in words:
        try:
            model.to_local().score(X, y(labels))
        except ValueError:
            pass
        else:
            pytest.skip("an early scikit-learn compares texts with numbers")
    with pytest.raises(ValueError, match=words):
        model.score(cut(X), cut(y(labels)), cut_weights)
    for _ in range(100):
        if not client.who_has():
            break
        time.sleep(0.05)
    assert not client.who_has()


@pytest.mark.parametrize(
    ("y", "weights", "words"),
    [
        (lambda y: np.c_[y, y], None, "Block .: y has 2 columns"),
        (lambda y: np.where(np.arange(120) == 70, np.inf, y), None, "Block 2: .*infin"),
        (lambda y: y, np.r_[np.ones(119), np.nan], "Block 3: sample_weight .*NaN"),
        (lambda y: y, -np.ones(120), "Block .: sample_weight .*Negative"),
        (lambda y: y, np.zeros(120), "no row that counts"),
    ],
)
def test_what_no_r2_can_be_of(client, rows, y, weights, words):
    X, z = rows[0], rows[0][:, 0]
    model = DaskScratchMLPRegressor(**GIVEN).fit(cut(X), cut(z))
    with pytest.raises(ValueError, match=words):
        model.score(cut(X), cut(y(z)), None if weights is None else cut(weights))


def test_r2_of_a_constant_and_of_columns_of_weights(client, rows):
    X, z = rows[0], rows[0][:, 0]
    model = DaskScratchMLPRegressor(**GIVEN).fit(cut(X), cut(z))
    assert model.score(cut(X), cut(np.full(120, 0.1))) == 0.0
    weights = np.arange(120.0)
    expected = model.to_local().score(X, z, weights)
    found = model.score(cut(X), cut(z), cut(weights[:, np.newaxis]))
    assert found == pytest.approx(expected)
    zeros = np.r_[np.zeros(30), weights[30:]]  # a block of them
    expected = model.to_local().score(X, z, zeros)
    assert model.score(cut(X), cut(z), cut(zeros)) == pytest.approx(expected)
    assert np.isnan(model.score(cut(X), cut(1e200 * z), cut(np.arange(120) % 2)))


# Columns ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_answers_about_frames_of_numbers(client, rows, dtype):
    """Neither a warning nor another dtype than blocks come to, also of empty ones."""
    X = pd.DataFrame((10 * rows[0]).astype(dtype), columns=["chunks", "tocsr", "shape"])
    parts = [X[:50], X[50:50], X[50:]]
    model = DaskScratchMLPClassifier(**GIVEN | {"dtype": "float32", "tol": 1.0})
    model.fit(frame_of(*parts), of_parts(*np.split(rows[1], [50, 50])))
    found = model.predict_proba(frame_of(*parts))
    expected = model.predict_proba(X)
    assert found.dtype == found.compute().dtype == expected.dtype
    assert_array_equal(found.compute(), expected)


def test_columns_that_do_not_match_are_named_at_once(client, rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abc"))
    parts = frame_of(frame[:60], frame[60:])
    model = DaskScratchMLPClassifier(**GIVEN).fit(parts, cut(y, 60))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(parts.rename(columns={"a": "z"}))
    model.fit(cut(X), cut(y))
    with pytest.raises(ValueError, match="X has 2 features"):
        model.predict(cut(X[:, :2]))
    with pytest.raises(ValueError, match="rows and columns; it has 1"):
        model.predict(parts["a"])


def test_sparse_columns_are_refused(client, rows):
    X = pd.DataFrame(rows[0]).astype(pd.SparseDtype("float64", 0.0))
    with pytest.raises(TypeError, match="Block .: X is sparse"):
        DaskScratchMLPClassifier().fit(frame_of(X[:60], X[60:]), cut(rows[1], 60))


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (dask.delayed(np.eye)(3), "X must be a dask array or DataFrame; got Delayed"),
        (None, "X must be a dask array or DataFrame; got NoneType"),
        ("bag", "X must be a dask array or DataFrame; got Bag"),
    ],
)
def test_other_collections_are_refused(client, rows, X, words):
    import dask.bag

    if isinstance(X, str):
        X = dask.bag.from_sequence([1, 2])
    with pytest.raises(TypeError, match=words):
        DaskScratchMLPClassifier().fit(X, cut(rows[1]))
    with pytest.raises(TypeError, match="y must be a dask array or DataFrame"):
        DaskScratchMLPClassifier().fit(cut(rows[0]), None)


def test_a_client_is_asked_for(rows):
    model = DaskScratchMLPClassifier(client="tcp://10.0.0.1:8786")
    with pytest.raises(TypeError, match="client must be a distributed"):
        model.fit(cut(rows[0]), cut(rows[1]))


@pytest.mark.skipif(
    not hasattr(ScratchMLPClassifier, "set_callbacks"), reason="scikit-learn before 1.9"
)
@pytest.mark.parametrize("ensemble", [False, True])
def test_workers_get_no_callbacks_and_no_scorers(client, rows, ensemble):
    """Which may hold what cannot be sent."""
    lock = threading.Lock()

    def scoring(model, X, y):
        with lock:
            return 1.0

    X, y = map(cut, rows)
    given = GIVEN | {"early_stopping": True, "scoring": scoring}
    model = DaskScratchMLPClassifier(**given)
    if ensemble:
        network = ScratchMLPClassifier(**given)
        model = DaskScratchMLPEnsembleClassifier(network, random_state=0)
    monitor = ValidationMonitor(*rows)
    monitor.lock = lock
    model.set_callbacks(monitor).fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.predict_proba(X).compute().shape == (120, 2)
    assert model.to_local()._skl_callbacks
