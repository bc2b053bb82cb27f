"""Columns of every dtype, and the errors that name them."""

import datetime
import decimal
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.frames import Factor, is_missing, kind_of

pl = pytest.importorskip("polars")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N = 60
TEXTS = np.array(["b", "a", "c"])[np.arange(N) % 3]
TRUTHS = np.arange(N) % 2 == 0
Y = (np.arange(N) % 3 == 0).astype(int)


def network(**given):
    model = ScratchMLPClassifier((3,), alpha=0.1, max_iter=5, random_state=0)
    return model.set_params(**given)


def with_gaps(values, gap=None):
    """Return the values as a list, every seventh missing."""
    return [gap if i % 7 == 0 else v for i, v in enumerate(values.tolist())]


def interval_categories():
    return pd.Series(pd.cut(np.arange(N) % 3, 3))


TEXT_COLUMNS = {
    "pandas object": lambda: pd.Series(with_gaps(TEXTS), dtype=object),
    "pandas object, NaN": lambda: pd.Series(with_gaps(TEXTS, np.nan), dtype=object),
    "pandas object, NA": lambda: pd.Series(with_gaps(TEXTS, pd.NA), dtype=object),
    "pandas inferred": lambda: pd.Series(with_gaps(TEXTS)),
    "pandas string": lambda: pd.Series(with_gaps(TEXTS), dtype="string"),
    "pandas string[python]": lambda: pd.Series(
        with_gaps(TEXTS), dtype="string[python]"
    ),
    "pandas category": lambda: pd.Series(with_gaps(TEXTS), dtype="category"),
    "pandas ordered category": lambda: pd.Series(
        with_gaps(TEXTS), dtype=pd.CategoricalDtype(["c", "z", "a", "b"], ordered=True)
    ),
    "polars String": lambda: pl.Series(with_gaps(TEXTS)),
    "polars Categorical": lambda: pl.Series(with_gaps(TEXTS), dtype=pl.Categorical),
    "polars Enum": lambda: pl.Series(
        with_gaps(TEXTS), dtype=pl.Enum(["c", "z", "a", "b"])
    ),
}
NUMBER_COLUMNS = {
    "pandas float": lambda v: pd.Series(with_gaps(v)),
    "pandas float32": lambda v: pd.Series(with_gaps(v, np.nan), dtype="float32"),
    "pandas Float64": lambda v: pd.Series(with_gaps(v), dtype="Float64"),
    "pandas Float32": lambda v: pd.Series(with_gaps(v), dtype="Float32"),
    "pandas Int64": lambda v: pd.Series(with_gaps(v), dtype="Int64"),
    "pandas object": lambda v: pd.Series(with_gaps(v, pd.NA), dtype=object),
    "pandas decimals": lambda v: pd.Series(
        [x if x is None else decimal.Decimal(x) for x in with_gaps(v)], dtype=object
    ),
    "pandas fractions": lambda v: pd.Series(
        [x if x is None else Fraction(x) for x in with_gaps(v)], dtype=object
    ),
    "pandas sparse": lambda v: pd.Series(
        with_gaps(v, np.nan), dtype=pd.SparseDtype(float)
    ),
    "polars Int64": lambda v: pl.Series(with_gaps(v)),
    "polars UInt8": lambda v: pl.Series(with_gaps(v), dtype=pl.UInt8),
    "polars Float32": lambda v: pl.Series(with_gaps(v), dtype=pl.Float32),
    "polars Decimal": lambda v: pl.Series(with_gaps(v), dtype=pl.Decimal(10, 2)),
    "polars NaN": lambda v: pl.Series(with_gaps(v, float("nan")), strict=False),
}
if hasattr(pd, "ArrowDtype"):
    pa = pytest.importorskip("pyarrow")
    TEXT_COLUMNS |= {
        "pandas string[pyarrow]": lambda: pd.Series(
            with_gaps(TEXTS), dtype="string[pyarrow]"
        ),
        "pandas Arrow string": lambda: pd.Series(
            with_gaps(TEXTS), dtype=pd.ArrowDtype(pa.string())
        ),
        "pandas Arrow dictionary": lambda: pd.Series(
            with_gaps(TEXTS), dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))
        ),
    }
    NUMBER_COLUMNS |= {
        "pandas Arrow int64": lambda v: pd.Series(
            with_gaps(v), dtype=pd.ArrowDtype(pa.int64())
        ),
        "pandas Arrow float": lambda v: pd.Series(
            with_gaps(v), dtype=pd.ArrowDtype(pa.float32())
        ),
        "pandas Arrow decimal": lambda v: pd.Series(
            [x if x is None else decimal.Decimal(x) for x in with_gaps(v)],
            dtype=pd.ArrowDtype(pa.decimal128(10, 2)),
        ),
    }
BOOLEANS = {
    "pandas object": lambda: pd.Series(with_gaps(TRUTHS), dtype=object),
    "pandas boolean": lambda: pd.Series(with_gaps(TRUTHS), dtype="boolean"),
    "polars Boolean": lambda: pl.Series(with_gaps(TRUTHS)),
}


def frame(column, **more):
    """Return a DataFrame of the column's library."""
    library = pl if isinstance(column, pl.Series) else pd
    return library.DataFrame({"a": column, **more})


@pytest.mark.parametrize("name", TEXT_COLUMNS)
def test_texts_of_every_dtype(name):
    """Fitted on one dtype, a network takes any other."""
    plain = frame(TEXT_COLUMNS["pandas object"](), x=np.arange(N) / N)
    expected = network().fit(plain, Y)
    X = frame(TEXT_COLUMNS[name](), x=np.arange(N) / N)
    model = network().fit(X, Y)
    assert_array_equal(model.categories_[0], ["a", "b", "c"])
    assert model.has_missing_.tolist() == [True, False]
    assert_array_equal(model.coefs_[0], expected.coefs_[0])
    for fitted in (model, expected):
        for rows in (X, plain):
            assert_array_equal(
                fitted.predict_proba(rows), expected.predict_proba(plain)
            )


@pytest.mark.parametrize("name", NUMBER_COLUMNS)
def test_numbers_of_every_dtype(name):
    values = np.arange(N) % 50
    plain = pd.DataFrame({"a": with_gaps(values, np.nan), "b": TEXTS})
    expected = network().fit(plain, Y)
    X = frame(NUMBER_COLUMNS[name](values), b=TEXTS)
    model = network().fit(X, Y)
    assert_array_equal(model.is_categorical_, [False, True])
    assert_allclose(model.predict_proba(X), expected.predict_proba(plain), atol=1e-6)
    assert_allclose(expected.predict_proba(X), expected.predict_proba(plain), atol=1e-6)


@pytest.mark.parametrize("name", BOOLEANS)
def test_booleans_of_every_dtype_are_numbers(name):
    plain = pd.DataFrame({"a": with_gaps(TRUTHS.astype(float), np.nan), "b": TEXTS})
    expected = network().fit(plain, Y)
    X = frame(BOOLEANS[name](), b=TEXTS)
    model = network().fit(X, Y)
    assert_array_equal(model.is_categorical_, [False, True])
    assert_allclose(model.predict_proba(X), expected.predict_proba(plain), atol=1e-9)


def test_a_frame_of_whole_numbers_alone_is_an_array():
    values = np.arange(4 * N).reshape(N, 4) % 7
    expected = network().fit(values, Y).predict_proba(values)
    frames = [pd.DataFrame(values), pd.DataFrame(values).astype("Int8")]
    frames += [pl.DataFrame(values), pl.DataFrame(values.astype(float))]
    for X in frames:
        named = network().fit(X, Y)
        assert_allclose(named.predict_proba(X), expected, atol=1e-6)
        assert named.is_categorical_ is None


@pytest.mark.parametrize("name", ["pandas category", "polars Enum"])
def test_categories_of_numbers(name):
    """Whole numbers as categories: by dtype, by a mask, an index, or a name."""
    values = np.arange(N) % 3
    by_mask = network(categorical_features=[True, False])
    array = np.column_stack([values, np.arange(N) / N])
    expected = by_mask.fit(array, Y).predict_proba(array)
    assert by_mask.categories_[0].tolist() == [0, 1, 2]
    named = pd.DataFrame(array, columns=["a", "x"])
    for given, X in (
        ([0], array),
        (["a"], named),
        (np.array(["a"]), named),
        ("from_dtype", named.astype({"a": "category"})),
        ([0], array.astype(object)),
        ([0], array.tolist()),
        ([-0], pl.DataFrame({"a": values, "x": np.arange(N) / N})),
    ):
        model = network(categorical_features=given).fit(X, Y)
        assert_allclose(model.predict_proba(X), expected, atol=1e-9)
        assert model.is_categorical_.tolist() == [True, False]
    # What was a category by its dtype may come as plain numbers of the same values.
    model = network().fit(named.astype({"a": "category"}), Y)
    assert_allclose(model.predict_proba(named), expected, atol=1e-9)


def test_categories_of_any_kind():
    model = network().fit(pd.DataFrame({"a": interval_categories()}), Y)
    assert len(model.categories_[0]) == 3
    mixed = pd.Series([1, "1", 2.5][i % 3] for i in range(N)).astype("category")
    model = network().fit(pd.DataFrame({"a": mixed}), Y)
    assert sorted(map(str, model.categories_[0])) == ["1", "1", "2.5"]


def test_texts_in_an_array_of_objects_that_are_named_categories():
    X = np.array([with_gaps(TEXTS), with_gaps(TRUTHS)], dtype=object).T
    model = network(categorical_features=[0]).fit(X, Y)
    as_frame = pd.DataFrame({"a": with_gaps(TEXTS), "b": with_gaps(TRUTHS)})
    expected = network().fit(as_frame, Y).predict_proba(as_frame)
    assert_allclose(model.predict_proba(X), expected)


def test_categories_of_large_whole_numbers():
    """Which float64 cannot tell apart."""
    ids = np.where(np.arange(N) % 3 == 0, 2**60, 2**60 + 1)
    x = np.arange(N) / N
    frames = [pd.DataFrame({"k": ids, "x": x}), pl.DataFrame({"k": ids, "x": x})]
    frames.append(frames[0].astype({"k": "Int64"}))
    frames.append(pl.DataFrame({"k": [None, *ids[1:].tolist()], "x": x}))
    for X in frames:
        model = network(categorical_features=["k"]).fit(X, Y)
        assert model.categories_[0].tolist() == [2**60, 2**60 + 1]
        names = model.encoded_feature_names_.tolist()
        # Early scikit-learn does not know the names of a new polars.
        column = "k" if isinstance(X, pd.DataFrame) else names[1].partition("=")[0]
        assert names[1] == f"{column}=1152921504606846976"


def test_unused_levels_of_a_category():
    """Sorted are those that occur: a row of 100,000 levels is a row."""
    levels = pd.CategoricalDtype([f"{i:05}" for i in range(1000)][::-1])
    values = np.array(["00007", "00500", None], dtype=object)[np.arange(N) % 3]
    X = pd.DataFrame({"k": pd.Series(values, dtype=levels)})
    model = network().fit(X, Y)
    assert model.categories_[0].tolist() == ["00007", "00500"]
    expected = network().fit(X.astype(object), Y).predict_proba(X)
    assert_allclose(model.predict_proba(X), expected)
    assert_allclose(model.predict_proba(X[:1]), expected[:1])


def test_sparse_columns_of_pandas():
    values = np.where(np.arange(N) % 3 == 0, np.nan, np.arange(N))
    plain = pd.DataFrame({"a": values, "b": values[::-1]})
    expected = network().fit(plain, Y).predict_proba(plain)
    X = plain.astype(pd.SparseDtype(float, np.nan))
    assert_allclose(network().fit(X, Y).predict_proba(X), expected)


def test_names_beside_indices():
    X = table().assign(k=np.arange(N) % 3)
    model = network(categorical_features=["city", 2]).fit(X, Y)
    assert model.is_categorical_.tolist() == [False, True, True]


def test_none_takes_numeric_categories_as_numbers():
    X = pd.DataFrame({"a": pd.Series(np.arange(N) % 4).astype("category")})
    model = network(categorical_features=None).fit(X, Y)
    assert model.is_categorical_ is None
    assert_allclose(model.column_means_, [(np.arange(N) % 4).mean()])


# Errors


def changed(value, column="city"):
    X = table()
    X[column] = X[column].astype(object)
    X.at[3, column] = value
    return X


def table():
    return pd.DataFrame({"age": np.arange(N) / N, "city": TEXTS})


class Lazy(pl.LazyFrame):
    """With a shape, which tests here ask for."""

    shape = (N, 2)


Lazy.__name__ = "LazyFrame"
BAD_COLUMNS = {
    "dates": (
        lambda: table().assign(city=pd.date_range("2020", periods=N)),
        "'city' of X holds dates or durations .*days since",
    ),
    "dates with a zone": (
        lambda: table().assign(city=pd.date_range("2020", periods=N, tz="UTC")),
        "'city' of X holds dates",
    ),
    "durations": (
        lambda: table().assign(age=pd.to_timedelta(np.arange(N), unit="h")),
        "'age' of X holds dates or durations",
    ),
    "periods": (
        lambda: table().assign(city=pd.period_range("2020", periods=N, freq="D")),
        "'city' of X holds dates",
    ),
    "date objects": (
        lambda: table().assign(city=[datetime.date(2020, 1, 1)] * N),
        "'city' of X holds a date, datetime.date",
    ),
    "dates of polars": (
        lambda: pl.DataFrame({"age": np.arange(N), "city": [datetime.date.min] * N}),
        "'city' of X holds dates",
    ),
    "times of polars": (
        lambda: pl.DataFrame({"age": np.arange(N), "city": [datetime.time()] * N}),
        "'city' of X holds dates",
    ),
    "dates in an array": (
        lambda: np.zeros((N, 2), "datetime64[s]"),
        "Column 0 of X holds dates",
    ),
    "lists": (lambda: changed([1, 2]), "'city' of X holds .*a string or a number"),
    "lists of polars": (
        lambda: pl.DataFrame({"age": np.arange(N), "city": [[1, 2]] * N}),
        "'city' of X holds .*a string or a number",
    ),
    "dictionaries": (lambda: changed({"a": 1}), "'city' of X holds .*dict"),
    "lists of Arrow": (
        lambda: table().assign(
            city=pd.Series([[1]] * N, dtype=pd.ArrowDtype(pa.list_(pa.int64())))
        ),
        "'city' of X holds a (ndarray|list)",
    ),
    "a lazy frame": (Lazy, r"LazyFrame.*give X.collect\(\)"),
    "tuples": (lambda: changed((1, 2)), r"'city' of X holds a tuple, \(1, 2\)"),
    "bytes": (lambda: changed(b"a"), "'city' of X holds a bytes, b'a'"),
    "complex": (lambda: changed(1j, "age"), "'age' of X holds a complex"),
    "complex column": (
        lambda: table().assign(age=1j * np.arange(N)),
        "'age' of X holds a complex",
    ),
    "numbers and texts": (
        lambda: changed(7),
        "'city' of X holds numbers and texts, such as 7 and '[abc]'",
    ),
    "a text among numbers": (
        lambda: changed("?", "age"),
        r"'age' of X holds numbers and texts, such as 0.\d* and '\?'",
    ),
    "infinity": (lambda: changed(np.inf, "age"), "'age' of X contains infinity"),
    "infinity of polars": (
        lambda: pl.from_pandas(table().assign(age=-np.inf)),
        "'age' of X contains infinity",
    ),
    "infinity beside gaps": (
        lambda: table().assign(age=[np.nan, np.inf] * (N // 2)),
        "'age' of X contains infinity",
    ),
    "a number too large": (lambda: changed(10**400, "age"), "'age' of X contains inf"),
    "two of a name": (
        lambda: pd.DataFrame(np.ones((N, 2)), columns=["a", "a"]),
        "X has two columns named 'a'",
    ),
    "no rows": (lambda: table().iloc[:0], r"0 sample\(s\)"),
    "no columns": (lambda: table()[[]], r"0 feature\(s\)"),
    "dictionary in an array": (
        lambda: np.array([[{"a": 1}, 1.0]] * N, dtype=object),
        "Column 0 of X holds .*argument must be a string or a number",
    ),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
@pytest.mark.parametrize("name", BAD_COLUMNS)
def test_bad_columns_are_named_and_change_nothing(name, method):
    make, message = BAD_COLUMNS[name]
    X = make()
    given = [Y[: X.shape[0]]] if method != "predict" else []
    model = network(solver="adam")
    if method == "predict":
        names = table() if hasattr(X, "columns") else np.ones((N, 2))
        model.fit(names, Y)
        if name in ("two of a name", "no columns"):
            message = ".*"
        if name in ("numbers and texts", "a text among numbers"):
            message = "'(city|age)' of X (holds|held numbers)"
    if method == "partial_fit":
        given.append([0, 1])
    before = vars(model).copy()
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(model, method)(X, *given)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())


def test_a_category_column_that_became_numeric():
    model = network().fit(table(), Y)
    message = "'city' of X held 'a', 'b', 'c' in training, and holds 1, 2 now"
    with pytest.raises(ValueError, match=message):
        model.predict(table().assign(city=[1, 2] * (N // 2)))
    with pytest.raises(
        ValueError, match="'age' of X held numbers .* 'a', 'b', 'c' now"
    ):
        model.predict(table().assign(age=TEXTS))
    # A column of gaps alone has no type of its own.
    for gap in (np.nan, None):
        gaps = table().assign(city=gap)
        assert np.isfinite(model.predict_proba(gaps)).all()


def test_another_order_and_other_names():
    model = network().fit(table(), Y)
    message = "same order .*Column 'city' stands where 'age' was.*feature_names_in_"
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        model.predict(table()[["city", "age"]])
    with pytest.raises(
        ValueError, match=re.compile("unseen at fit time.*town", re.DOTALL)
    ):
        model.predict(table().rename(columns={"city": "town"}))
    with pytest.raises(ValueError, match=re.compile("now missing.*city", re.DOTALL)):
        model.predict(table()[["age"]])


def test_one_row_of_one_value_each():
    model = network().fit(table(), Y)
    rows = [{"age": 0.5, "city": "a"}, {"age": None, "city": None}]
    expected = model.predict_proba(
        pd.DataFrame({"age": [0.5, np.nan], "city": ["a", None]})
    )
    for row, probabilities in zip(rows, expected):
        found = model.predict_proba(pd.DataFrame([row]))[0]
        assert_allclose(found, probabilities, atol=1e-12)


@pytest.mark.parametrize(
    "value",
    [None, np.nan, np.float32("nan"), pd.NA, pd.NaT, decimal.Decimal("NaN")],
)
def test_what_stands_for_no_value(value):
    assert is_missing(value)
    assert not any(map(is_missing, ["", "nan", 0, False, 1.5, "None"]))


def test_kinds():
    numbers = [1, 1.5, True, np.bool_(True), np.int8(3), decimal.Decimal(1)]
    assert {kind_of(value) for value in numbers} == {"number"}
    assert {kind_of(value) for value in ["a", np.str_("b")]} == {"text"}
    assert kind_of(1j) == "complex"


def test_a_factor_of_numbers_is_a_column_again():
    factor = Factor(np.array([1, -1, 0]), [2, 5])
    assert_array_equal(factor.numbers(), [5, np.nan, 2])
