"""Rows of many kinds, and answers about them."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_scratchnn import ScratchMLPClassifier
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
    with pytest.raises(ValueError, match="cannot be held out of 2 rows"):
        model.fit(cut(X[:2], 1), cut(y[:2], 1))


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
    with pytest.raises(ValueError, match="must have rows and columns"):
        model.predict(da.zeros(3))


def test_what_cannot_train_is_refused(client, rows):
    inner = DaskScratchMLPClassifier(**GIVEN)
    with pytest.raises(TypeError, match="itself one for a cluster"):
        DaskScratchMLPEnsembleClassifier(inner).fit(cut(rows[0]), cut(rows[1]))

    class Asynchronous:
        asynchronous = True

    with pytest.raises(ValueError, match="client is asynchronous"):
        inner.set_params(client=Asynchronous()).fit(cut(rows[0]), cut(rows[1]))


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
