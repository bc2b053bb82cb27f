"""A cluster trains the network that one machine trains, but for the order of sums."""

from itertools import pairwise

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn.dask import DaskScratchMLPClassifier, DaskScratchMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GIVEN = {
    "hidden_layer_sizes": 6,
    "activation": "tanh",
    "solver": "lbfgs",
    "alpha": 1.0,
    "max_iter": 40,
    "random_state": 0,
}


def blocks_of(array, cuts):
    """Return a dask array of rows that are cut at these places; twice makes a gap."""
    rows = tuple(np.diff([0, *cuts, len(array)]).tolist())
    return da.from_array(array, chunks=(rows, *((n,) for n in array.shape[1:])))


def frame_of(frame, cuts):
    ends = [0, *cuts, len(frame)]
    parts = [frame.iloc[a:b] for a, b in pairwise(ends)]
    return dd.from_map(lambda part: part, parts, meta=frame.iloc[:0])


CUTS = {"one": [], "even": [50, 100], "uneven, one empty": [3, 90, 90, 149]}


@pytest.fixture(params=CUTS.values(), ids=CUTS.keys())
def cuts(request):
    return request.param


def both(classes, X, y, cuts, weights=None, **given):
    """Return the two networks, fitted to the same rows."""
    cluster, local = (cls(**GIVEN | given) for cls in classes)
    cut = None if weights is None else blocks_of(weights, cuts)
    X_blocks = frame_of(X, cuts) if hasattr(X, "iloc") else blocks_of(X, cuts)
    cluster.fit(X_blocks, blocks_of(y, cuts), cut)
    return cluster, local.fit(X, y, weights)


CLASSIFIERS = DaskScratchMLPClassifier, ScratchMLPClassifier
REGRESSORS = DaskScratchMLPRegressor, ScratchMLPRegressor


def assert_equal(cluster, local, X, atol=1e-6):
    assert_allclose(cluster.loss_, local.loss_, rtol=1e-7)
    answer = "predict_proba" if hasattr(local, "classes_") else "predict"
    found, expected = (getattr(model, answer)(X) for model in (cluster, local))
    scale = 1 if answer == "predict_proba" else np.std(expected)
    assert_allclose(found, expected, rtol=0, atol=atol * scale)
    assert cluster.coefs_[0].dtype == local.coefs_[0].dtype
    assert vars(local).keys() - {"_training_state"} <= vars(cluster).keys()


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    return X[order], y[order]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"class_weight": "balanced"},
        {"class_weight": {0: 1.0, 1: 3.0, 2: 0.0}},
        {"standardize": "robust"},
        {"standardize": False, "alpha": 3.0},
        {"numeric_encoding": "piecewise", "n_bins": 5},
        {"label_smoothing": 0.1},
        {"solver": "gd", "learning_rate_init": 0.5, "max_grad_norm": 1.0},
        {"solver": "gauss_newton", "hidden_layer_sizes": 3, "max_iter": 4},
        {"dtype": "float32", "max_iter": 10},
        {"hidden_layer_sizes": (), "alpha": 0.1},
    ],
    ids=lambda given: " ".join(f"{k}={v}" for k, v in given.items()) or "plain",
)
@pytest.mark.parametrize("weighted", [False, True])
def test_classifier(client, iris, cuts, given, weighted):
    X, y = iris
    weights = np.random.RandomState(1).randint(0, 4, len(y)) * 0.5 if weighted else None
    models = both(CLASSIFIERS, X, y, cuts, weights, **given)
    atol = 1e-3 if given.get("dtype") == "float32" else 1e-6
    if atol == 1e-6:
        assert_equal(*models, X)
    else:
        assert_allclose(models[0].loss_, models[1].loss_, rtol=1e-4)


def test_several_labels_a_row(client, cuts):
    X, y = make_multilabel_classification(150, random_state=0)
    assert_equal(*both(CLASSIFIERS, X, y, cuts), X)


def test_labels_of_text_in_float32(client, iris, cuts):
    X, y = iris[0].astype(np.float32), np.array(["a", "bb", "c"])[iris[1]]
    cluster, local = both(CLASSIFIERS, X, y, cuts)
    assert_equal(cluster, local, X, atol=1e-5)
    assert_array_equal(cluster.classes_, local.classes_)
    assert_array_equal(cluster.predict(blocks_of(X, cuts)).compute(), local.predict(X))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"loss": "huber"},
        {"loss": "quantile", "quantile": 0.8, "max_iter": 15},
        {"loss": "poisson"},
    ],
    ids=lambda given: given.get("loss", "squared_error"),
)
def test_regressor(client, cuts, given):
    X, y = load_diabetes(return_X_y=True)
    weights = np.random.RandomState(0).uniform(0.5, 2, len(y))
    models = both(REGRESSORS, X, y, cuts, weights, **given)
    assert_equal(*models, X, atol=1e-5)
    assert_allclose(models[0].target_scale_, models[1].target_scale_)


def test_several_targets(client, cuts):
    X, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, X[:, 2] - y])
    cluster, local = both(REGRESSORS, X, y, cuts)
    assert_equal(cluster, local, X, atol=1e-5)
    cut = blocks_of(X, cuts), blocks_of(y, cuts)
    assert_allclose(cluster.score(*cut), local.score(X, y), rtol=1e-6)


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    n = 160
    frame = pd.DataFrame(
        {
            "age": rng.uniform(20, 60, n),
            "city": rng.choice(["Oslo", "Rome", "Bern", None], n).astype(object),
            "size": pd.Categorical(rng.choice(["s", "m", "l"], n)),
            "income": rng.lognormal(size=n),
        }
    )
    frame.loc[rng.rand(n) < 0.2, "income"] = np.nan
    # One block alone has a gap, a rare city, and no city at all.
    frame.loc[120, "age"] = np.nan
    frame.loc[121, "city"] = "Nowhere"
    frame.loc[90:119, "city"] = None
    y = (frame["age"].fillna(0) + 20 * (frame["size"] == "s") > 45).to_numpy()
    return frame, y.astype(int)


TABLE_CUTS = {"one": [], "some": [90, 120], "many": [7, 30, 30, 90, 120, 122, 159]}


@pytest.mark.parametrize("cuts", TABLE_CUTS.values(), ids=TABLE_CUTS.keys())
@pytest.mark.parametrize("given", [{}, {"numeric_encoding": "piecewise", "n_bins": 4}])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_table(client, table, cuts, given, class_weight):
    X, y = table
    cluster, local = both(CLASSIFIERS, X, y, cuts, class_weight=class_weight, **given)
    for ours, theirs in zip(cluster.categories_, local.categories_, strict=True):
        assert_array_equal(ours, theirs)
    assert_allclose(cluster.column_means_, local.column_means_, rtol=1e-12)
    assert_array_equal(cluster.has_missing_, local.has_missing_)
    assert_array_equal(cluster.has_rare_, local.has_rare_)
    assert_array_equal(cluster.encoded_feature_names_, local.encoded_feature_names_)
    assert_equal(cluster, local, X)
    assert_allclose(
        cluster.predict_proba(frame_of(X, cuts)).compute(), cluster.predict_proba(X)
    )


def test_what_is_chosen_of_few_rows_is_the_same(client, iris):
    """All rows are at hand then, and the same numbers are drawn."""
    X, y = iris
    given = {"alpha": "auto", "hidden_layer_sizes": "auto", "max_iter": "auto"}
    cluster, local = both(CLASSIFIERS, X, y, [40, 80], **given)
    assert cluster.alpha_ == local.alpha_
    assert_allclose(cluster.temperature_, local.temperature_, rtol=1e-6)
    assert_allclose(cluster.penalty_factors_, local.penalty_factors_, rtol=1e-6)
    assert_allclose(cluster.loss_, local.loss_, rtol=1e-6)


def test_going_on_from_a_fit(client, iris):
    X, y = iris
    models = both(CLASSIFIERS, X, y, [40, 80], warm_start=True, max_iter=5)
    cut = blocks_of(X, [40, 80]), blocks_of(y, [40, 80])
    first = models[0].loss_
    models[0].fit(*cut)
    models[1].fit(X, y)
    assert models[0].loss_ < first
    assert_equal(*models, X)


def test_gaps_in_rows_of_no_weight_alone(client):
    """No input says so, and the mean still stands in for what is missing later."""
    X = np.array([[5.0, 1], [np.nan, 2], [6, 3], [7, 4]])
    y, weights = np.array([5.0, 0, 6, 7]), np.array([1.0, 0, 1, 1])
    given = {"max_iter": 5, "standardize": True}
    cluster, local = both(REGRESSORS, X, y, [2], weights, **given)
    assert_allclose(cluster.column_means_, [6, 8 / 3])
    assert_allclose(local.column_means_, [6, 8 / 3])
    new = np.array([[np.nan, 2.0]])
    assert_allclose(cluster.predict(new), local.predict(new))


def test_nothing_is_learnt_of_a_class_of_weight_0(client):
    """Neither its gaps nor its categories, nor a column that has values there alone."""
    X = pd.DataFrame(
        {
            "number": np.arange(40.0),
            "gaps": np.r_[np.arange(20.0), [np.nan] * 20],
            "alone": np.r_[[np.nan] * 20, np.ones(20)],
            "text": np.repeat(["a", "b", "c", "d"], 10).astype(object),
        }
    )
    y = np.r_[np.arange(20) % 2, [2] * 20]
    given = {"class_weight": {0: 1, 1: 2, 2: 0}, "max_iter": 5}
    for cuts in ([], [10, 20], [15]):
        with pytest.warns(UserWarning, match="Column 'alone' has no value"):
            cluster, local = both(CLASSIFIERS, X, y, cuts, **given)
        inputs = ["number", "gaps", "text=a", "text=b"]
        assert_array_equal(local.encoded_feature_names_, inputs)
        assert_array_equal(cluster.encoded_feature_names_, local.encoded_feature_names_)
        assert_equal(cluster, local, X)


def test_columns_of_numbers_that_a_class_of_weight_0_has_alone(client):
    X = np.c_[np.arange(12.0), [np.nan] * 8 + [1.0] * 4]
    y = np.r_[np.arange(8) % 2, [2] * 4]
    given = {"class_weight": {0: 1, 1: 1, 2: 0}, "max_iter": 5}
    with pytest.warns(UserWarning, match="Column 1 of X has no value"):
        cluster, local = both(CLASSIFIERS, X, y, [8], **given)
    assert_equal(cluster, local, X)


def test_a_block_of_rows_of_no_weight(client, iris):
    X, y = iris
    weights = np.r_[np.zeros(40), np.ones(110)]
    cluster, local = both(CLASSIFIERS, X, y, [40, 90], weights)
    assert_equal(cluster, local, X)


@pytest.mark.parametrize("cuts", [[30, 60], [0, 30], [30, 30]])
def test_texts_alone_with_a_block_of_no_rows(client, cuts):
    X = pd.DataFrame({"text": np.array(list("ab") * 30, object)})
    y = np.tile([0, 0, 1], 20)
    cluster, local = both(CLASSIFIERS, X, y, cuts, numeric_encoding="piecewise")
    assert_equal(cluster, local, X)
