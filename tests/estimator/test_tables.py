"""Tables as they come: categories and gaps, against encoders of scikit-learn's."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from tasks import LABELS

from sklearn_scratchnn.estimator import fitting

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def network(task):
    def make(**given):
        return task.network((8,), random_state=0).set_params(**given)

    return make


def by_hand(X, model, means="mean"):
    """Return a pipeline of the same construction."""
    numbers = list(X.columns.intersection(["age", "rooms"], sort=False))
    texts = list(X.columns.difference(numbers, sort=False))
    one_hot = OneHotEncoder(
        min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    steps = [
        ("numbers", SimpleImputer(strategy=means), numbers),
        ("missing", MissingIndicator(error_on_new=False), numbers),
        ("texts", one_hot, texts),
    ]
    return make_pipeline(ColumnTransformer(steps), model)


# The construction


@pytest.mark.parametrize("standardize", [True, "robust", False])
@pytest.mark.parametrize(
    "given",
    [
        {"alpha": 1.0, "max_iter": 15},
        {"solver": "adam", "max_iter": 3, "dtype": "float64"},
        {"solver": "gd", "max_iter": 30},
        {"solver": "gauss_newton", "activation": "tanh", "alpha": 1.0, "max_iter": 4},
        {"max_iter": 12, "adaptive_penalty": True},
    ],
    ids=["lbfgs", "adam", "gd", "gauss_newton", "path"],
)
def test_it_is_the_pipeline_written_out(task, network, table, given, standardize):
    X, y = table()
    model = network(standardize=standardize, **given)
    expected = by_hand(X, model).fit(X, y)
    model = network(standardize=standardize, **given).fit(X, y)
    assert_allclose(task.answers(model, X), task.answers(expected, X), atol=1e-8)
    other, _ = table(seed=1)
    assert_allclose(
        task.answers(model, other), task.answers(expected, other), atol=1e-8
    )
    assert model.alpha_ == expected[-1].alpha_


@pytest.mark.parametrize("levels", [3, 40])
def test_few_categories_and_many_go_different_ways_to_one_result(
    task, network, levels, monkeypatch
):
    """Looked up in W, or in a block of zeros and ones."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"age": rng.normal(size=400), "k": rng.integers(0, levels, 400).astype(str)}
    )
    y = (X["k"].astype(int) % 2 == 0) & (X["age"] > -1)
    y = task.y(y.astype(int))
    X.loc[:5, "k"] = ["a", "b", "c", "d", "e", "f"]  # rare
    given = {"solver": "adam", "max_iter": 3, "dtype": "float64"}
    for few in (0, 10**6):
        monkeypatch.setattr("sklearn_scratchnn.data.rows.FEW_CATEGORIES", few)
        model = network(**given).fit(X, y)
        expected = by_hand(X, network(**given)).fit(X, y)
        assert_allclose(task.answers(model, X), task.answers(expected, X), atol=1e-8)


def test_bins_are_of_the_numbers_that_there_are(network, table):
    """The mean, which stands for what is missing, makes no edge."""
    X, y = table()
    model = network(numeric_encoding="piecewise", n_bins=4).fit(X, y)
    known = X["age"].dropna()
    expected = np.quantile(known, [0, 0.25, 0.5, 0.75, 1], method="inverted_cdf")
    assert_allclose(model.bin_edges_[0], expected)
    assert [len(edges) for edges in model.bin_edges_] == [5, 0, 5, 0]
    gap = X.iloc[:1].assign(age=np.nan)
    mean = X.iloc[:1].assign(age=model.column_means_[0])
    inputs = model.encoded_feature_names_.tolist()
    missing = model.coefs_[0][inputs.index("age is missing")]
    hidden = model.hidden_activations(gap) - model.hidden_activations(mean)
    both = (model.hidden_activations(gap) > 0) & (model.hidden_activations(mean) > 0)
    assert both.any()
    assert_allclose(hidden[both], missing[both[0]], atol=1e-9)


@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
def test_a_column_that_is_too_wide_is_named_by_its_place_in_the_table(
    network, table, encoding
):
    X, y = table()
    X.insert(2, "wide", np.where(np.arange(len(X)) % 2, 1e308, -1e308) + X["rooms"])
    X["wide"] *= 1 - 0.1 * np.arange(len(X)) / len(X)
    with pytest.raises(ValueError, match="Column 2 of X is too wide"):
        network(numeric_encoding=encoding).fit(X, y)


def test_what_was_learnt_is_named(task, network, table):
    X, y = table()
    model = network().fit(X, y)
    assert model.n_features_in_ == 4
    assert_array_equal(model.feature_names_in_, list(X.columns))
    assert_array_equal(model.is_categorical_, [False, True, False, True])
    assert_array_equal(model.categories_[1], ["Bonn", "Oslo", "Rome"])
    assert_array_equal(model.categories_[3], ["f", "m"])
    assert_array_equal(model.has_missing_, [True, True, False, False])
    assert_array_equal(model.has_rare_, [False, True, False, False])
    means = [X["age"].mean(), np.nan, X["rooms"].mean(), np.nan]
    assert_allclose(model.column_means_, means)
    expected = ["age", "rooms", "age is missing", "city=Bonn", "city=Oslo"]
    expected += ["city=Rome", "city is missing", "city is rare", "sex=f", "sex=m"]
    assert model.encoded_feature_names_.tolist() == expected
    assert model.coefs_[0].shape[0] == len(expected)
    assert model.feature_importances_.shape == (4,)
    assert_allclose(model.feature_importances_.sum(), 1)
    array = task.network((3,)).fit(X[["rooms"]].to_numpy(), y)
    assert array.is_categorical_ is array.categories_ is array.has_missing_ is None
    assert_allclose(array.column_means_, [X["rooms"].mean()])


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_weight_of_k_is_k_rows(task, network, table, solver):
    """Means, and what is rare, too: Wien is rare by rows, and frequent by weight."""
    X, y = table(n=120)
    k = np.random.default_rng(1).integers(0, 4, len(X))
    k[X["city"] == "Wien"] = 3
    given = {"solver": solver, "max_iter": 20, "alpha": 1.0, "dtype": "float64"}
    given |= {"batch_size": 10**6, "shuffle": False} if solver == "adam" else {}
    weighted = network(**given).fit(X, y, sample_weight=k)
    times = np.repeat(np.arange(len(X)), k)
    repeated = network(**given).fit(X.iloc[times], y[times])
    assert_array_equal(weighted.encoded_feature_names_, repeated.encoded_feature_names_)
    assert_allclose(weighted.column_means_, repeated.column_means_)
    tolerance = 1e-6 if solver == "lbfgs" else 2e-3
    assert_allclose(
        task.answers(weighted, X), task.answers(repeated, X), atol=tolerance
    )


def test_weights_that_are_no_counts_make_nothing_rare(network, table):
    """Their sum is below the number of rows."""
    X, y = table()
    plain = network().fit(X, y)
    shares = network().fit(X, y, sample_weight=np.full(len(X), 1 / len(X)))
    assert_array_equal(plain.encoded_feature_names_, shares.encoded_feature_names_)


def test_rows_of_weight_zero_say_nothing(task, network, table):
    X, y = table()
    strange = pd.DataFrame(
        {"age": [np.nan, 1e6], "city": ["Mars"] * 2, "rooms": [9, 9], "sex": None}
    )
    strange_y = ["yes", "?"] if task is LABELS else [-7.0, 1e300]
    both, weights = pd.concat([X, strange]), np.r_[np.ones(len(X)), 0, 0]
    given = network(max_iter=20).fit(both, np.r_[y, strange_y], weights)
    without = network(max_iter=20).fit(X, y)
    assert_array_equal(given.encoded_feature_names_, without.encoded_feature_names_)
    assert_allclose(task.answers(given, X), task.answers(without, X), atol=1e-8)


# Names and order


@pytest.fixture
def weights_by_name(monkeypatch):
    """Draw the first layer's weights by the inputs' names, not by their positions."""
    original, names = fitting.initialize, {}

    def draw(parameters, activations, init, random_state):
        original(parameters, activations, init, random_state)
        W = parameters.weights[0]
        W[:] = W[np.argsort(np.argsort(names["wanted"]))]

    monkeypatch.setattr(fitting, "initialize", draw)
    return names


@pytest.mark.parametrize("solver", ["lbfgs", "gd"])
def test_other_names_of_categories_change_nothing(
    task, network, table, weights_by_name, solver
):
    """But for the positions of the first weights, which are permuted along."""
    X, y = table()
    other = {"Bonn": "z", "Oslo": "y", "Rome": "x", "Wien": "w", "Zug": "v"}
    back = {new: old for old, new in other.items()}
    given = {"solver": solver, "alpha": 1.0, "max_iter": 20}
    names = network(max_iter=1).fit
    weights_by_name["wanted"] = np.arange(10)
    inputs = names(X, y).encoded_feature_names_
    weights_by_name["wanted"] = list(inputs)
    plain = task.answers(network(**given).fit(X, y), X)
    renamed = X.assign(city=X["city"].map(other))
    weights_by_name["wanted"] = np.arange(10)
    inputs = names(renamed, y).encoded_feature_names_
    weights_by_name["wanted"] = [
        f"city={back[name[5:]]}" if name.startswith("city=") else name
        for name in inputs
    ]
    found = task.answers(network(**given).fit(renamed, y), renamed)
    assert_allclose(found, plain, atol=1e-8)


def test_the_order_of_columns_changes_nothing(task, network, table, weights_by_name):
    X, y = table()
    given = {"alpha": 1.0, "max_iter": 20}
    found = []
    for columns in (list(X.columns), ["sex", "rooms", "city", "age"]):
        weights_by_name["wanted"] = np.arange(10)
        inputs = network(max_iter=1).fit(X[columns], y).encoded_feature_names_
        weights_by_name["wanted"] = list(inputs)
        model = network(**given).fit(X[columns], y)
        found.append(task.answers(model, X[columns]))
    assert_allclose(*found, atol=1e-8)


def test_the_optimum_of_a_convex_loss_knows_no_order(task, table):
    """Without hidden units, with alpha chosen: on other rows held out, hence a bit."""
    X, y = table(n=600)
    model = task.network((), alpha=1.0, tol=1e-9, random_state=0)
    plain = task.answers(model.fit(X, y), X)
    other = X[["sex", "rooms", "city", "age"]].replace({"Bonn": "Zzz"})
    assert_allclose(task.answers(model.fit(other, y), other), plain, atol=1e-5)


def test_the_order_of_rows_changes_nothing(task, network, table):
    X, y = table()
    order = np.random.default_rng(3).permutation(len(X))
    plain = network(max_iter=10).fit(X, y)
    permuted = network(max_iter=10).fit(X.iloc[order], y[order])
    assert_array_equal(plain.column_means_, permuted.column_means_)
    assert plain.alpha_ == permuted.alpha_
    assert_allclose(task.answers(plain, X), task.answers(permuted, X), atol=1e-7)


# Gaps and categories, here and there


def test_a_gap_that_training_did_not_have_is_the_mean(task, network, table):
    X, y = table(gaps=0)
    model = network().fit(X[["age", "rooms"]], y)
    assert model.has_missing_ is None
    gap = pd.DataFrame({"age": [np.nan, 30.0], "rooms": [2.0, np.nan]})
    mean = gap.fillna({"age": X["age"].mean(), "rooms": X["rooms"].mean()})
    assert_allclose(task.answers(model, gap), task.answers(model, mean))
    array = gap.to_numpy()
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert_allclose(task.answers(model, array), task.answers(model, mean))


@pytest.mark.parametrize("given", [{}, {"standardize": False}, {"solver": "adam"}])
def test_the_mean_is_known_however_inputs_are_scaled(task, network, given):
    X = np.random.default_rng(0).normal(5, 2, (200, 3))
    y = task.y((X[:, 0] > 5).astype(int))
    weights = np.linspace(0, 1, 200)
    model = network(max_iter=5, **given).fit(X, y, weights)
    assert_allclose(model.column_means_, np.average(X, axis=0, weights=weights))
    gaps = X[:4].copy()
    gaps[:, 1] = np.nan
    filled = np.where(np.isnan(gaps), model.column_means_, gaps)
    assert_allclose(task.answers(model, gaps), task.answers(model, filled))


def test_gaps_in_training_alone(task, network, table):
    X, y = table(gaps=0.3)
    model = network().fit(X, y)
    whole, _ = table(gaps=0, seed=2)
    assert np.isfinite(task.answers(model, whole)).all()


def test_a_gap_tells_what_a_mean_does_not(task, network):
    rng = np.random.default_rng(0)
    x, gap = rng.normal(size=400), rng.random(400) < 0.5
    y = task.y((gap ^ (rng.random(400) < 0.05)).astype(int))
    X = np.where(gap, np.nan, x)[:, None]
    assert network().fit(X, y).score(X, y) > (0.9 if task is LABELS else 0.7)


def test_an_unseen_category_is_rare(task, network, table):
    X, y = table()
    model = network().fit(X, y)
    mars, wien, gap = (X.iloc[:3].assign(city=c) for c in ("Mars", "Wien", None))
    assert_allclose(task.answers(model, mars), task.answers(model, wien))
    assert not np.allclose(task.answers(model, mars), task.answers(model, gap))


def test_an_unseen_category_is_none_where_none_was_rare(task, network, table):
    """Then all inputs of its column are 0; a gap likewise, if there was none."""
    X, y = table()
    model = network().fit(X, y)
    other = X.iloc[:3].assign(sex="?")
    gap = X.iloc[:3].assign(sex=None)
    assert_allclose(task.answers(model, other), task.answers(model, gap))
    inputs = model.encoded_feature_names_.tolist()
    z, known = model.hidden_activations(other), model.hidden_activations(X.iloc[:3])
    row = model.coefs_[0][[inputs.index(f"sex={s}") for s in X["sex"][:3]]]
    both = (z > 0) & (known > 0)
    assert both.any()
    assert_allclose((known - z)[both], row[both], atol=1e-9)


def test_a_column_without_a_value_is_ignored_and_named(task, network, table):
    X, y = table()
    plain = network(max_iter=10).fit(X, y)
    empty = X.assign(nothing=np.nan, none=None)
    with pytest.warns(UserWarning, match="has no value") as caught:
        model = network(max_iter=10).fit(empty, y)
    texts = [str(w.message) for w in caught if w.category is UserWarning]
    assert len(texts) == 2
    assert texts[0].startswith("Column 'nothing' of X has no value")
    assert texts[1].startswith("Column 'none' of X has no value")
    assert_array_equal(model.encoded_feature_names_, plain.encoded_feature_names_)
    assert_allclose(task.answers(model, empty), task.answers(plain, X), atol=1e-9)
    later = empty.assign(nothing=5.0, none="text")
    assert_allclose(task.answers(model, later), task.answers(model, empty))
    assert_array_equal(model.feature_importances_[-2:], 0)
    assert model.input_gradients(empty)[:, -2:].tolist() == [[0.0, 0.0]] * len(X)


def test_no_column_with_a_value(network):
    X = pd.DataFrame({"a": [None] * 4, "b": [np.nan] * 4})
    with pytest.raises(ValueError, match="no column with a value"):
        network().fit(X, [0, 1, 0, 1])


def test_columns_of_one_value_and_of_a_thousand(task, network):
    rng = np.random.default_rng(0)
    n = 3000
    X = pd.DataFrame(
        {
            "one": "a",
            "thousand": rng.integers(0, 1000, n).astype(str),
            "all": np.arange(n).astype(str),
            "x": rng.normal(size=n),
        }
    )
    y = task.y((X["x"] > 0).astype(int))
    model = network(max_iter=3).fit(X, y)
    assert_array_equal(model.categories_[0], ["a"])
    assert 0 < len(model.categories_[1]) < 300  # most have four rows or fewer
    assert len(model.categories_[2]) == 0
    assert model.has_rare_.tolist() == [False, True, True, False]
    assert_array_equal(model.coefs_[0][model.encoded_feature_names_ == "one=a"], 0)
    assert np.isfinite(task.answers(model, X)).all()


def test_of_too_many_categories_the_frequent_ones_have_inputs(network, monkeypatch):
    """Of those that are equally frequent the first ones."""
    monkeypatch.setattr("sklearn_scratchnn.data.columns.MOST_CATEGORIES", 3)
    counts = {"e": 9, "b": 7, "d": 6, "c": 6, "a": 5}
    X = pd.DataFrame({"k": [k for k, n in counts.items() for _ in range(n)]})
    y = np.arange(len(X)) % 2
    assert network(max_iter=2).fit(X, y).categories_[0].tolist() == ["b", "c", "e"]


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_all_columns_categories_or_all_with_gaps(task, network, table, solver):
    X, y = table()
    for columns in (["city", "sex"], ["age"], ["city"]):
        model = network(solver=solver, max_iter=5).fit(X[columns], y)
        assert np.isfinite(task.answers(model, X[columns])).all()
        piecewise = network(numeric_encoding="piecewise", max_iter=5)
        assert np.isfinite(task.answers(piecewise.fit(X[columns], y), X[columns])).all()


# Derivatives


@pytest.mark.parametrize("given", [{}, {"numeric_encoding": "piecewise"}])
def test_input_gradients_of_a_table(task, network, table, given):
    """By differences for numbers; NaN for categories, and where a value is missing."""
    X, y = table()
    model = network(activation="tanh", **given).fit(X, y)
    edges = [] if model.bin_edges_ is None else model.bin_edges_[0]
    rows = X[X["age"].notna() & ~X["age"].isin(edges)].iloc[:20]
    found, step = model.input_gradients(rows), 1e-6
    assert np.isnan(found[:, [1, 3]]).all()
    for j, name in ((0, "age"), (2, "rooms")):
        if given and name == "rooms":  # whole numbers lie on the edges of bins
            continue
        up, down = (rows.assign(**{name: rows[name] + s}) for s in (step, -step))
        ask = model.decision_function if task is LABELS else model.predict
        slope = ask(up) - ask(down)
        assert_allclose(found[:, j], slope / (2 * step), rtol=1e-4, atol=1e-6)
    missing = model.input_gradients(X[X["age"].isna()].iloc[:3])
    assert np.isnan(missing[:, 0]).all()
    assert np.isfinite(missing[:, 2]).all()


# The ensemble


def test_an_ensemble_reads_a_table_once_for_all(task, table, monkeypatch):
    from sklearn_scratchnn.data import checks

    calls, original = [], checks.read_columns

    def counted(*args):
        calls.append(1)
        return original(*args)

    monkeypatch.setattr(checks, "read_columns", counted)
    X, y = table()
    model = task.ensemble(random_state=0).fit(X, y)
    assert len(calls) == 1
    single = task.network(random_state=0).fit(X, y)
    first = model.estimators_[0]
    assert_allclose(task.answers(first, X), task.answers(single, X), rtol=1e-6)
    assert_array_equal(model.categories_[1], single.categories_[1])
    assert_array_equal(model.is_categorical_, single.is_categorical_)
    del calls[:]
    probabilities = task.answers(model, X)
    assert len(calls) == 1
    by_members = np.average(
        [task.answers(member, X) for member in model.estimators_],
        axis=0,
        weights=model.member_weights_,
    )
    assert_allclose(probabilities, by_members)


def test_an_ensemble_of_numbers_takes_gaps_at_prediction(task, table):
    X, y = table(gaps=0)
    model = task.ensemble(random_state=0).fit(X[["age", "rooms"]], y)
    gap = pd.DataFrame({"age": [np.nan], "rooms": [2]})
    mean = pd.DataFrame({"age": [X["age"].mean()], "rooms": [2]})
    assert_allclose(task.answers(model, gap), task.answers(model, mean))


def test_many_rows_are_read_where_they_lie(task, network, table, monkeypatch):
    """Large numeric columns are not copied into one array: the same result."""
    X, y = table(n=500)
    given = {"solver": "adam", "max_iter": 2}
    expected = task.answers(network(**given).fit(X, y), X)
    monkeypatch.setattr("sklearn_scratchnn.data.table.STACKED_BYTES", 0)
    model = network(**given).fit(X, y)
    assert_allclose(task.answers(model, X), expected, atol=1e-6)
    model = network(numeric_encoding="piecewise", early_stopping=True, max_iter=5)
    assert np.isfinite(task.answers(model.fit(X, y), X)).all()


def test_no_warning_but_of_convergence(task, network, table):
    X, y = table()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        task.answers(network(max_iter=5).fit(X, y, X_val=X[:50], y_val=y[:50]), X)
