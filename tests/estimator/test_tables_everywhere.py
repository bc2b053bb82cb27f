"""Tables with texts and gaps wherever an estimator is used."""

import pickle
import threading
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from tasks import LABELS, of_labels
from test_tables import by_hand

from sklearn_scratchnn.network.sparse import CentredRows, JoinedRows
from sklearn_scratchnn.plotting import FeatureImportanceDisplay, NetworkDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def network(task):
    def make(**given):
        return task.network((8,), random_state=0).set_params(**given)

    return make


@pytest.fixture(params=["network", "ensemble"])
def model(request, task, network):
    if request.param == "network":
        return network()
    return task.ensemble(task.network((8,), max_iter=10), random_state=0)


def prefix(model):
    """Return what the names of a network's parameters begin with."""
    return "estimator__" if hasattr(model, "estimator") else ""


def test_tags(model):
    """Of these alone gaps: the others' checks ask for what a table must refuse."""
    tags = get_tags(model).input_tags
    assert tags.allow_nan
    assert tags.sparse
    assert not tags.categorical
    assert not tags.string


def test_searches_and_cross_validation(model, task, table):
    X, y = table(n=200)
    scores = cross_validate(model, X, y, cv=3, return_estimator=True)
    assert scores["test_score"].mean() > (0.75 if task is LABELS else 0.3)
    assert len(scores["estimator"][0].categories_[1]) == 3
    name = f"{prefix(model)}alpha"
    search = GridSearchCV(model, {name: [0.1, 10.0]}, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_[name] == 0.1
    assert np.isfinite(task.answers(search, X)).all()


def test_a_column_transformer_before_it(model, task, table):
    """What comes out of it as a DataFrame is a table again."""
    X, y = table(n=200)
    scale = ColumnTransformer(
        [("scale", StandardScaler(), ["age"])], remainder="passthrough"
    )
    frame = scale.set_output(transform="pandas")
    found = task.answers(make_pipeline(frame, model).fit(X, y), X)
    expected = task.answers(clone(model).fit(X, y), X)
    assert_allclose(found, expected, atol=1e-4)
    # As an array of objects it needs the columns' places.
    named = clone(model).set_params(**{f"{prefix(model)}categorical_features": [1, 3]})
    array = X.to_numpy(dtype=object)
    found = task.answers(named.fit(array, y), array)
    assert_allclose(found, expected, atol=1e-8)


def test_held_out_rows_with_other_categories(model, table):
    X, y = table()
    X_val, y_val = table(n=60, seed=5)
    X_val.loc[:5, "city"] = "Mars"
    model = clone(model).fit(X, y, X_val=X_val, y_val=y_val)
    member = getattr(model, "estimators_", [model])[0]
    assert_array_equal(member.categories_[1], ["Bonn", "Oslo", "Rome"])
    assert np.isfinite(member.validation_scores_).all()
    with pytest.raises(TypeError, match="X_val or y_val .*Column 'city' .*a list"):
        bad = X_val.assign(city=[[1]] * 60)
        model.fit(X, y, X_val=bad, y_val=y_val)
    with pytest.raises(ValueError, match="X_val or y_val .*'city' .* of another type"):
        model.fit(X, y, X_val=X_val.assign(city=1.5), y_val=y_val)


def test_held_out_rows_alone_have_gaps(network, table):
    X, y = table(gaps=0)
    X, X_val = X[["age", "rooms"]], X[["age", "rooms"]].iloc[:50].copy()
    X_val.iloc[::2, 0] = np.nan
    model = network(max_iter=5).fit(X, y, X_val=X_val, y_val=y[:50])
    filled = X_val.fillna({"age": X["age"].mean()})
    expected = network(max_iter=5).fit(X, y, X_val=filled, y_val=y[:50])
    assert_allclose(model.validation_scores_, expected.validation_scores_)
    with_gaps = X.copy()
    with_gaps.iloc[::3, 0] = np.nan
    whole = X.iloc[:50]
    model = network(max_iter=5).fit(with_gaps, y, X_val=whole, y_val=y[:50])
    assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("which", [None, "loss_scorer", "score_scorer"])
def test_early_stopping_on_rows_of_the_table(task, network, table, which):
    X, y = table()
    scoring = "loss" if which is None else getattr(task, which)
    model = network(early_stopping=True, scoring=scoring, solver="adam", max_iter=30)
    assert np.isfinite(model.fit(X, y).validation_scores_).all()
    assert model.score(X, y) > (0.7 if task is LABELS else 0.3)


def test_a_scorer_of_the_callers_gets_the_rows_as_they_came(task, network, table):
    X, y = table()

    def score_in_oslo(model, X, y):
        oslo = X["city"] == "Oslo"
        return model.score(X[oslo], y[oslo])

    model = network(early_stopping=True, scoring=score_in_oslo, max_iter=5)
    least = 0.5 if task is LABELS else -1.0
    assert (model.fit(X, y).validation_scores_ > least).all()
    polars = pl.from_pandas(X)
    model.set_params(scoring=lambda model, X, y: model.score(X[:20], y[:20]))
    model.fit(X, y, X_val=polars[:50], y_val=y[:50])
    array = X[["age", "rooms"]].to_numpy()
    model.set_params(scoring=lambda model, X, y: float(np.nanmean(X[:, 0])))
    assert (model.fit(array, y).validation_scores_ > 30).all()


@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
def test_partial_fit_keeps_the_columns_of_the_first_call(
    task, network, table, encoding
):
    X, y = table(n=400)
    model = network(numeric_encoding=encoding, learning_rate_init=0.01)
    parts = np.array_split(np.arange(400), 8)
    for rows in 10 * parts:
        model.partial_fit(X.iloc[rows], y[rows], **task.first(y))
        names = model.encoded_feature_names_.tolist()
        if rows is parts[0]:
            first, means = names, model.column_means_
        assert names == first
        assert_array_equal(model.column_means_, means)
    assert {"city=Oslo", "age is missing"} <= set(first)
    assert model.score(X, y) > (0.75 if task is LABELS else 0.3)


def test_partial_fit_after_a_first_call_without_gaps(task, network, table):
    """A gap of a later call is the mean of the first one's rows."""
    X, y = table(n=200, gaps=0)
    X = X[["age", "rooms"]]
    later = X.copy()
    later.iloc[::4, 0] = np.nan
    first = network(solver="adam").partial_fit(X, y, **task.first(y))
    second = clone(first).partial_fit(X, y, **task.first(y))
    first.partial_fit(later, y)
    second.partial_fit(later.fillna({"age": X["age"].mean()}), y)
    assert_allclose(task.answers(first, later), task.answers(second, later), atol=1e-6)
    assert first.has_missing_ is None


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_warm_start_keeps_the_columns(network, table, solver):
    X, y = table()
    model = network(warm_start=True, solver=solver, max_iter=15).fit(X, y)
    names, loss = model.encoded_feature_names_.tolist(), model.loss_
    other = X.copy()
    other.loc[:40, "city"] = "Mars"
    model.fit(other, y)
    assert model.encoded_feature_names_.tolist() == names
    model.fit(X, y)
    assert model.loss_ < loss + 0.1


def test_a_warm_start_of_numbers_meets_gaps(network, table):
    X, y = table(gaps=0)
    X = X[["age", "rooms"]]
    model = network(warm_start=True, max_iter=5).fit(X, y)
    gaps = X.copy()
    gaps.iloc[::5, 0] = np.nan
    assert model.fit(gaps, y).encoded_feature_names_.tolist() == ["age", "rooms"]
    assert_allclose(model.column_means_, X.mean())


@of_labels
def test_weights_of_classes_and_rows(model, task, table):
    X, y = table()
    some = ~X["city"].isin(["Wien", "Zug"])  # rare by rows, whatever their classes
    X, y = X[some], y[some]
    weights = np.where(y == "yes", 3.0, 1.0)
    before = prefix(model)
    model.set_params(**{f"{before}alpha": 1.0, f"{before}max_iter": 10})
    by_row, by_class = clone(model), clone(model)
    by_class.set_params(**{f"{before}class_weight": {"yes": 3.0}})
    found = task.answers(by_class.fit(X, y), X)
    expected = task.answers(by_row.fit(X, y, weights), X)
    assert_allclose(found, expected, atol=1e-6)


def test_sparse_rows_are_numbers_without_gaps(task, network, table):
    X = sparse.random(60, 5, 0.5, random_state=0, format="csr")
    y = task.y(np.arange(60) % 2)
    bad = X.copy()
    bad.data[3] = np.nan
    with pytest.raises(ValueError, match="X contains NaN"):
        network().fit(bad, y)
    model = network(max_iter=5).fit(X, y)
    assert_allclose(model.column_means_, X.toarray().mean(axis=0))
    with pytest.raises(ValueError, match="X contains NaN"):
        model.predict(bad)
    gap = X.toarray()[:3]
    gap[0, 0] = np.nan
    filled = gap.copy()
    filled[0, 0] = model.column_means_[0]
    assert_allclose(task.answers(model, gap), task.answers(model, filled))
    texts, y = table()
    model = network(max_iter=5).fit(texts[["age", "rooms"]], y)
    with pytest.raises(ValueError, match="X is sparse, but .* missing values; give X"):
        model.predict(sparse.csr_array(np.ones((2, 2))))


def test_pickles_and_copies(model, task, table):
    X, y = table()
    model = clone(model).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(task.answers(twin, X), task.answers(model, X))
    results = [None] * 4

    def ask(i):
        results[i] = task.answers(model, X)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for found in results:
        assert_array_equal(found, results[0])


def test_skops(model, task, table):
    skops = pytest.importorskip("skops.io")
    from sklearn_scratchnn.deploy import SKOPS_TRUSTED_TYPES

    X, y = table()
    X["sex"] = X["sex"].astype("category")
    model = clone(model).fit(X, y)
    loaded = skops.loads(skops.dumps(model), trusted=SKOPS_TRUSTED_TYPES)
    assert_array_equal(task.answers(loaded, X), task.answers(model, X))


@of_labels
def test_models_of_versions_without_gaps(model, task, table):
    """They know no means: they predict as before, and refuse a gap."""
    X, y = table(gaps=0)
    X = X[["age", "rooms"]]
    model = clone(model).fit(X, y)
    expected = task.answers(model, X)
    for part in (model, *getattr(model, "estimators_", [])):
        for name in ("is_categorical_", "categories_", "has_missing_", "has_rare_"):
            delattr(part, name)
        del part.column_means_
    old = pickle.loads(pickle.dumps(model))
    assert_array_equal(task.answers(old, X), expected)
    gap = X.assign(age=np.nan)
    with pytest.raises(ValueError, match="X contains NaN. This model was saved by"):
        task.answers(old, gap)
    if not prefix(model):
        old.set_params(warm_start=True)
        with pytest.raises(ValueError, match="X contains NaN. This model was saved"):
            old.fit(gap, y)


def test_a_checkpoint_of_a_table(task, network, table, tmp_path):
    callback = pytest.importorskip("sklearn.callback", minversion=None)
    assert callback
    from sklearn_scratchnn.callbacks import Checkpoint

    X, y = table()
    model = network(solver="adam", max_iter=6, alpha=1.0)
    whole = clone(model).fit(X, y)
    stopped = clone(model).set_callbacks(Checkpoint(tmp_path / "c", every=2))
    stopped.fit(X, y)
    resumed = Checkpoint.resume(max(tmp_path.glob("c*")))
    assert_array_equal(task.answers(resumed.fit(X, y), X), task.answers(whole, X))
    resumed = Checkpoint.resume(max(tmp_path.glob("c*")))
    other = X.replace({"Oslo": "Rome", "Rome": "Oslo"})
    with pytest.raises(ValueError, match="checkpoint is of a fit with other values"):
        resumed.fit(other, y)
    named = clone(model).set_params(categorical_features=np.array([1, 3]))
    named.set_callbacks(Checkpoint(tmp_path / "d", every=2)).fit(X, y)
    resumed = Checkpoint.resume(max(tmp_path.glob("d*")))
    assert_array_equal(task.answers(resumed.fit(X, y), X), task.answers(whole, X))


def test_importances_and_partial_dependence_of_raw_columns(model, table):
    X, y = table()
    model = clone(model).fit(X, y)
    found = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    by_name = dict(zip(X.columns, found.importances_mean))
    assert min(by_name["age"], by_name["city"]) > 0.1 > abs(by_name["sex"])
    known = X.dropna()
    city = partial_dependence(model, known, ["city"], categorical_features=["city"])
    assert city["grid_values"][0].tolist() == sorted(known["city"].unique())
    assert np.ptp(city["average"]) > 0.1
    age = partial_dependence(model, known, ["age"], categorical_features=["city"])
    assert np.isfinite(age["average"]).all()


def test_pictures(task, network, table):
    pytest.importorskip("matplotlib").use("Agg")
    X, y = table()
    model = network().fit(X, y)
    NetworkDisplay.from_estimator(model)
    display = FeatureImportanceDisplay.from_estimator(model)
    ticks = {label.get_text() for label in display.ax_.get_yticklabels()}
    assert ticks == set(X.columns)
    assert task.of_one.__name__ in model._repr_html_()


# Products


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_dense", [0, 3])
@pytest.mark.parametrize("shifted", [True, False])
def test_joined_rows_are_the_dense_ones(dtype, n_dense, shifted):
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(7, n_dense)).astype(dtype)
    S = sparse.csr_matrix(np.eye(5, dtype=dtype)[rng.integers(0, 5, 7)])
    shift = rng.random(5).astype(dtype) if shifted else None
    rows = JoinedRows(dense, CentredRows(S, shift))
    whole = np.hstack([dense, S.toarray() - (shift if shifted else 0)])
    W, delta = rng.normal(size=(n_dense + 5, 4)), rng.normal(size=(7, 4))
    W, delta = W.astype(dtype), delta.astype(dtype)
    assert_allclose(np.asarray(rows), whole)
    out, back = np.empty((7, 4), dtype), np.empty_like(W)
    assert_allclose(rows.dot(W, out=out), whole @ W, rtol=1e-5)
    assert_allclose(rows.T.dot(delta, out=back), whole.T @ delta, atol=1e-5)


def test_many_categories_are_no_block_of_zeros(task):
    """200 rows of 20,000 inputs would take 16 MB, once a batch."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({f"k{i}": rng.integers(0, 900, 20_000) for i in range(20)})
    X = X.astype(str)
    y = task.y(rng.integers(0, 2, 20_000))
    model = task.network((), solver="adam", alpha=1.0, max_iter=1)
    tracemalloc.start()
    try:
        task.answers(model.fit(X, y), X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert model.coefs_[0].shape[0] > 15_000
    assert peak < 16e6


# Any table


TEXTS = st.sampled_from(["a", "b", "c", "", "é", "nan", "1"])
FLOATS = st.one_of(st.floats(allow_nan=True, allow_infinity=False, width=32), st.none())
VALUES = {
    "floats": FLOATS,
    "small": st.floats(-3, 3),
    "integers": st.integers(-5, 5),
    "booleans": st.booleans(),
    "texts": TEXTS,
    "texts with gaps": st.one_of(TEXTS, st.none()),
    "booleans with gaps": st.one_of(st.booleans(), st.none()),
    "gaps": st.none(),
    "anything": st.one_of(
        FLOATS, TEXTS, st.just([1]), st.just({"a": 1}), st.just(float("inf"))
    ),
}


@st.composite
def tables(draw):
    n_rows = draw(st.integers(4, 12))
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    columns = {
        f"{kind} {i}": draw(st.lists(VALUES[kind], min_size=n_rows, max_size=n_rows))
        for i, kind in enumerate(kinds)
    }
    X = pd.DataFrame(columns)
    for name in columns:
        if name.startswith("texts") and draw(st.booleans()):
            X[name] = X[name].astype("category")
    weights = draw(st.lists(st.integers(1, 3), min_size=n_rows, max_size=n_rows))
    return X, np.arange(n_rows) % 2, np.array(weights)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_table_gives_answers_or_an_error_that_names_a_column(
    task, data, solver, encoding
):
    X, labels, weights = data.draw(tables())
    y = task.y(labels)
    model = task.network(
        (3,), solver=solver, alpha=1.0, max_iter=2, numeric_encoding=encoding
    )
    before = X.copy(deep=True)
    try:
        model.fit(X, y, weights)
        later = data.draw(st.sampled_from([X, X[::-1], X.iloc[:1]]))
        answers = task.answers(model, later)
    except (ValueError, TypeError) as error:
        named = any(f"Column {name!r} of X" in str(error) for name in X.columns)
        assert named or "no column with a value" in str(error), error
        return
    pd.testing.assert_frame_equal(X, before)
    assert np.isfinite(answers).all()
    if task is LABELS:
        assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    inputs = model.encoded_feature_names_
    assert len(set(inputs)) == len(inputs) == model.coefs_[0].shape[0]


def test_by_hand_differs_where_it_should(task, network, table):
    """The comparison of `test_tables` can fail: medians are another construction."""
    X, y = table()
    X.loc[:100, "age"] = 90.0
    model = network(alpha=1.0, max_iter=10)
    other = by_hand(X, clone(model), means="median").fit(X, y)
    assert abs(task.answers(model.fit(X, y), X) - task.answers(other, X)).max() > 1e-4
