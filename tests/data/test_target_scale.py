"""`TargetScale`: the unit of y by its formula, and what must not matter to it."""

import datetime
import warnings
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import DataConversionWarning

from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.data.target_scale import BITS, TargetScale
from sklearn_scratchnn.data.targets import check_numbers
from sklearn_scratchnn.network.losses import LOSSES, QuantileLoss

NUMBERS = {name: loss for name, loss in LOSSES.items() if loss.predicts_numbers}
NUMBERS |= {"quantile 0.9": QuantileLoss(0.9)}
OF_ANY_SIGN = {name: loss for name, loss in NUMBERS.items() if loss.least_y < 0}
KEPT = 2.0**-BITS  # of a number in its unit
SQUARED, POISSON = LOSSES["squared_error"], LOSSES["poisson"]


def each(some):
    return pytest.mark.parametrize("loss", some.values(), ids=some)


numbers, of_any_sign = each(NUMBERS), each(OF_ANY_SIGN)


def some_y(n=101):
    """Return two columns of multiples of 1/1024 up to 16, one skew and one with a 0."""
    rng = np.random.RandomState(0)
    y = np.column_stack([rng.gamma(1.0, 2.0, n), 5 * rng.rand(n)])
    y[3, 1] = 0
    return np.minimum(np.round(1024 * y) / 1024, 16)


def parts(units):
    return units.exponent, units.origin, units.center, units.scale


def predicted(loss, W, b, a):
    """Return what a last layer predicts for the outputs of the layer before."""
    return loss.decide(a @ W + b)


# The unit ---------------------------------------------------------------------------


@numbers
@pytest.mark.parametrize("weighted", [False, True])
def test_center_and_scale(loss, weighted):
    """Mean, deviation; 0, mean; median or quantile, the distance of the quartiles."""
    y = some_y()
    w = np.random.RandomState(1).randint(1, 5, len(y)) if weighted else None
    copies = y if w is None else y.repeat(w, axis=0)

    def quantile(level):
        return np.quantile(copies, level, axis=0, method="inverted_cdf")

    center, scale = copies.mean(axis=0), copies.std(axis=0)
    if loss.name == "poisson":
        center, scale = 0.0, center
    elif loss.name in ("huber", "quantile"):
        center = quantile(0.5 if loss.name == "huber" else loss.quantile)
        scale = (quantile(0.75) - quantile(0.25)) / 1.349
    units = TargetScale.of(y, loss, w)
    found = units.of_y()
    assert_allclose(found[0], center, rtol=1e-13)
    assert_allclose(found[1], scale, rtol=1e-13)
    assert_allclose(units.inside(y), (y - center) / scale, rtol=1e-12, atol=KEPT)


def test_what_goes_in_is_left_as_it_was():
    y = some_y()
    before = y.copy()
    TargetScale.of(y, SQUARED).inside(y)
    assert_array_equal(y, before)


# What must not matter ---------------------------------------------------------------


@of_any_sign
@pytest.mark.parametrize("shift", [-3.0, 1e6, -1e9, 2.0**40])
def test_an_exact_shift_changes_no_bit(loss, shift):
    y = some_y()
    shifted = y + shift
    assert_array_equal(shifted - shift, y)
    expected = TargetScale.of(y, loss).inside(y)
    assert_array_equal(TargetScale.of(shifted, loss).inside(shifted), expected)


@numbers
@pytest.mark.parametrize("power", [-1000, -30, 1, 30, 1000])
def test_a_power_of_two_changes_no_bit(loss, power):
    y = some_y()
    scaled = np.ldexp(y, power)
    expected = TargetScale.of(y, loss).inside(y)
    assert_array_equal(TargetScale.of(scaled, loss).inside(scaled), expected)


@numbers
@pytest.mark.parametrize("factor", [1e-6, 0.1, 1e6])
def test_other_factors_change_no_bit_either(loss, factor):
    """What rounding does to y is behind the bits that are kept."""
    y = some_y()
    expected = TargetScale.of(y, loss).inside(y)
    assert_array_equal(TargetScale.of(y * factor, loss).inside(y * factor), expected)


@pytest.mark.parametrize("name", ["squared_error", "huber", "quantile"])
@pytest.mark.parametrize("factor", [-1.0, -1e6])
def test_a_change_of_sign_is_one_of_the_center(name, factor):
    """For the median, too, and an odd number of rows, which have one only."""
    y, loss = some_y(), LOSSES[name]
    units, other = (TargetScale.of(a, loss) for a in (y, y * factor))
    center, scale = units.of_y()
    other_center, other_scale = other.of_y()
    assert_allclose(other_center, factor * center, rtol=1e-12)
    assert_allclose(other_scale, -factor * scale, rtol=0.05)


@numbers
def test_weights_are_copies(loss):
    y, w = some_y(), np.random.RandomState(1).randint(1, 5, 101)
    weighted = TargetScale.of(y, loss, w.astype(float))
    copied = TargetScale.of(y.repeat(w, axis=0), loss)
    for found, expected in zip(parts(weighted), parts(copied), strict=True):
        assert_allclose(found, expected, rtol=1e-14)


@numbers
def test_the_sum_of_the_weights_does_not_matter(loss):
    y, w = some_y(), np.random.RandomState(1).randint(1, 5, 101)
    light, heavy = (TargetScale.of(y, loss, w * factor) for factor in (2.0**-20, 8.0))
    for found, expected in zip(parts(light), parts(heavy), strict=True):
        assert_array_equal(found, expected)


@numbers
def test_the_order_of_the_rows_does_not_matter(loss):
    y = some_y()
    order = np.random.RandomState(1).permutation(len(y))
    found = TargetScale.of(y[order], loss).inside(y[order])
    assert_array_equal(found, TargetScale.of(y, loss).inside(y)[order])


@numbers
def test_a_column_does_not_depend_on_the_others(loss):
    y = some_y()
    alone = TargetScale.of(y[:, 1:], loss).inside(y[:, 1:])
    assert_array_equal(alone, TargetScale.of(y, loss).inside(y)[:, 1:])


# The last layer ---------------------------------------------------------------------


def last_layer():
    rng = np.random.RandomState(2)
    return rng.randn(5, 2), rng.randn(2), rng.randn(7, 5)


@numbers
def test_fold_answers_in_the_units_of_y(loss):
    """What the folded layer predicts is inside what the layer predicted."""
    units = TargetScale.of(some_y(), loss)
    W, b, a = last_layer()
    found = predicted(loss, *units.fold(loss, W, b), a)
    assert_allclose(units.inside(found), predicted(loss, W, b, a), 1e-11, KEPT)


@numbers
def test_fold_and_unfold_undo_each_other(loss):
    units = TargetScale.of(some_y(), loss)
    W, b, _ = last_layer()
    for first, second in ((units.fold, units.unfold), (units.unfold, units.fold)):
        again_W, again_b = second(loss, *first(loss, W, b))
        assert_allclose(again_W, W, rtol=1e-12)
        assert_allclose(again_b, b, rtol=1e-12)


@numbers
@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e300, 1e-300, 12345.678])
@pytest.mark.parametrize("n", [1, 3, 10, 49])
def test_a_constant_column_is_predicted_to_the_digit(loss, value, n):
    """Its weights are 0; the other column keeps its own."""
    y = np.column_stack([np.full(n, value), np.arange(1.0, n + 1)])
    units = TargetScale.of(y, loss)
    assert_array_equal(units.constant, [True, n == 1])
    W, b, a = last_layer()
    folded_W, folded_b = units.fold(loss, W, b)
    assert_array_equal(folded_W[:, 0], 0)
    assert (folded_W[:, 1] != 0).all() == (n > 1)
    found = predicted(loss, folded_W, folded_b, a)[:, 0]
    if loss.out_activation == "identity":
        assert_array_equal(found, value)
        assert_array_equal(units.inside(y)[:, 0], 0)
    else:
        assert_allclose(found, value, rtol=1e-12)
        assert_allclose(units.inside(y)[:, 0], 1)


@numbers
def test_a_column_of_zeros(loss):
    units = TargetScale.of(np.zeros((4, 2)), loss)
    assert_array_equal(units.inside(np.zeros((4, 2))), 0)
    W, b, a = last_layer()
    found = predicted(loss, *units.fold(loss, W, b), a)
    assert_allclose(found, 0, atol=1e-300)


@numbers
def test_a_column_that_may_change_keeps_its_weights(loss):
    """Where other rows are to come, `constant` is None."""
    units = replace(TargetScale.of(np.ones((4, 2)), loss), constant=None)
    W, b, _ = last_layer()
    again_W, again_b = units.unfold(loss, *units.fold(loss, W, b))
    assert_allclose(again_W, W, rtol=1e-14)
    assert_allclose(again_b, b, atol=1e-14)


# Numbers of any size ----------------------------------------------------------------

SIZES = {
    "huge": lambda z: 1e300 * z,
    "tiny": lambda z: 1e-300 * z,
    "far": lambda z: 1e9 + 1e-3 * z,
    "far and huge": lambda z: 1e300 + 1e290 * z,
    "of many magnitudes": lambda z: np.exp(60 * z),
}


@of_any_sign
@pytest.mark.parametrize("size", SIZES)
def test_numbers_of_any_size(loss, size):
    """Are small inside, and what is predicted is near them, in units of the scale."""
    y = SIZES[size](np.random.RandomState(0).randn(200, 2))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        units = TargetScale.of(y, loss)
        codes = units.inside(y)
    assert np.isfinite(codes).all()
    center, scale = units.of_y()
    assert ((scale > 0) & np.isfinite(scale) & np.isfinite(center)).all()
    if loss is SQUARED:
        assert_allclose(codes.mean(axis=0), 0, atol=1e-8)
        assert_allclose(codes.std(axis=0), 1, rtol=1e-8)
    back = predicted(loss, *units.fold(loss, np.eye(2), np.zeros(2)), codes)
    error = np.spacing(np.abs(y).max(axis=0))
    kept = KEPT * scale + 1e-13 * np.abs(codes * scale)
    assert (np.abs(back - y) <= kept + 2 * error).all()


def test_the_digits_of_far_numbers_are_kept():
    """Their center is held in two numbers, whose sum would round it."""
    z = np.random.RandomState(0).randn(200, 1)
    y = 1e9 + 1e-3 * z
    exact = (y - 1e9) * 1024
    expected = (exact - exact.mean()) / exact.std()
    assert_allclose(TargetScale.of(y, SQUARED).inside(y), expected, atol=KEPT)


@pytest.mark.parametrize("size", [1e300, 1e-300, 1e-30])
def test_counts_of_any_size(size):
    y = size * np.random.RandomState(0).poisson(2.0, (50, 2))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        units = TargetScale.of(y, POISSON)
    assert_allclose(units.inside(y).mean(axis=0), 1, rtol=KEPT)
    zeros = np.zeros((5, 2)), np.zeros(2)
    found = predicted(POISSON, *units.fold(POISSON, *zeros), np.ones((1, 5)))
    assert_allclose(found[0] / size, (y / size).mean(axis=0), rtol=1e-12)


# Outliers ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["huber", "quantile"])
@pytest.mark.parametrize("sides", [(1, 1), (1, -1)], ids=["above", "both sides"])
def test_outliers_hardly_change_a_robust_scale(name, sides):
    """A fifth of the rows, however far off; the deviation is theirs alone."""
    y = np.random.RandomState(0).randn(400, 1)
    spoilt = y.copy()
    spoilt[:80:2, 0], spoilt[1:80:2, 0] = (1e6 * side for side in sides)
    clean, found = (TargetScale.of(a, LOSSES[name]).of_y()[1][0] for a in (y, spoilt))
    assert_allclose(clean, 1, atol=0.1)
    assert clean < found < 1.6 * clean
    assert TargetScale.of(spoilt, SQUARED).of_y()[1] > 1e5


def test_a_quarter_of_outliers_leaves_the_range_of_the_others():
    """It is the most that the quartiles bear: one row more, and the scale is theirs."""
    y = np.linspace(0, 1, 400)[:, np.newaxis]
    for n_outliers, bound in ((100, 1.0), (101, 1e5)):
        spoilt = y.copy()
        spoilt[-n_outliers:] = 1e6
        scale = TargetScale.of(spoilt, LOSSES["huber"]).of_y()[1]
        assert (scale > bound) == (n_outliers > 100)


@pytest.mark.parametrize("name", ["huber", "quantile"])
def test_equal_quartiles_leave_the_standard_deviation(name):
    y = np.zeros((40, 1))
    y[:8, 0] = np.arange(1, 9)
    units = TargetScale.of(y, LOSSES[name])
    assert_array_equal(units.of_y()[0], 0)
    assert_allclose(units.of_y()[1], y.std())
    assert_array_equal(units.constant, [False])


# From y as it comes to numbers ------------------------------------------------------


@numbers
@pytest.mark.parametrize(
    "y",
    [
        np.array([1, 2, 3]),
        np.array([True, False, True]),
        np.array([1, 2, 3], np.uint8),
        np.array([0.5, 1, 2], np.float32),
        np.array([1, 2.5, True], object),
        np.array([Decimal("0.1"), 2, 3], object),
        np.array([[1, 2], [3, 4]]),
    ],
    ids=lambda y: f"{y.dtype} {y.ndim}",
)
def test_numbers_of_every_kind_are_read(loss, y):
    found = check_numbers(y, loss)
    assert found.dtype == np.float64
    assert_array_equal(found, y.astype(float))


@numbers
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan], "missing or infinite"),
        ([1.0, np.inf], "missing or infinite"),
        ([[1.0, 2.0], [3.0, -np.inf]], "missing or infinite"),
        (np.array([1.0, None], object), "missing or infinite|must hold numbers"),
        (np.array([1.0, "many"], object), "must hold numbers.*many"),
        (np.array([1.0, datetime.date(2024, 1, 1)], object), "must hold numbers"),
        (np.array([1.0, [2.0]], object), "must hold numbers"),
        (np.array([1.0, 2j], object), "must hold numbers"),
        (np.array([1, 10**400], object), "range of float64"),
        (["1.0", "2.0"], "Unknown label type: y must hold numbers; it is <U3"),
        (np.array(["2024-01-01"], "datetime64[D]"), "must hold numbers.*datetime64"),
        (np.array([3], "timedelta64[s]"), "must hold numbers.*timedelta64"),
        ([1.0, 2j], "must hold numbers; it is complex128"),
        ([b"1", b"2"], "must hold numbers"),
    ],
    ids=[
        "NaN",
        "infinity",
        "minus infinity",
        "None",
        "a text",
        "a date",
        "a list",
        "a complex number",
        "a number too large",
        "texts",
        "dates",
        "durations",
        "complex numbers",
        "bytes",
    ],
)
def test_what_is_no_number_is_named(loss, y, message):
    with pytest.raises(ValueError, match=message):
        check_numbers(np.asarray(y), loss)


@numbers
def test_one_column_becomes_one_number_a_row_with_a_warning(loss):
    with pytest.warns(DataConversionWarning, match="column-vector"):
        found = check_numbers(np.array([[1.0], [2.0]]), loss)
    assert_array_equal(found, [1, 2])


def test_numbers_below_0_are_not_for_poisson():
    y = np.array([3.0, -0.5])
    with pytest.raises(ValueError, match="'poisson'.*0 or more; y has -0.5"):
        check_numbers(y, POISSON)
    for loss in OF_ANY_SIGN.values():
        assert_array_equal(check_numbers(y, loss), y)
    assert_array_equal(check_numbers(np.array([0.0, -0.0, 2.0]), POISSON), [0, 0, 2])


# A sample of numbers ----------------------------------------------------------------


def rows_that_do_not_count(loss):
    """Return y of 20 rows, the first four of which are far off, and their weights."""
    y = some_y(20)
    y[:, 1] = 7.0
    y[:4] = 1e12
    weights = np.r_[np.zeros(4), np.arange(1.0, 17)]
    return np.arange(20.0)[:, np.newaxis], y, weights


@numbers
def test_rows_of_weight_0_do_not_count(loss):
    """Neither for the unit, nor for what is constant, nor for the constant's loss."""
    X, y, weights = rows_that_do_not_count(loss)
    sample = make_sample(X, y, loss, None, weights)
    others = make_sample(X[4:], y[4:], loss, None, weights[4:])
    for found, expected in zip(parts(sample.target_scale), parts(others.target_scale)):
        assert_array_equal(found, expected)
    assert_array_equal(sample.target_scale.constant, [False, True])
    assert_array_equal(sample.of_subset(sample.codes), others.codes)
    assert_allclose(sample.constant_loss(), others.constant_loss(), rtol=1e-14)


@numbers
def test_rows_of_weight_0_may_be_beyond_all_units(loss):
    """And nothing is said of an overflow that nobody sees."""
    y = np.array([1e-9, 3e-9, 2e-9, 1.7e308])
    weights = np.array([1.0, 1, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample = make_sample(np.eye(4), y, loss, None, weights)
    assert np.isfinite(sample.of_subset(sample.codes)).all()


@numbers
def test_held_out_rows_are_measured_as_those_trained_on(loss):
    y = some_y()
    X = np.arange(len(y))[:, np.newaxis]
    train = make_sample(X[:60], y[:60], loss)
    given = {"target_scale": train.target_scale}
    held_out = make_sample(X[60:], y[60:], loss, train.classes, **given)
    center, scale = train.target_scale.of_y()
    assert held_out.target_scale is train.target_scale
    expected = (y[60:] - center) / scale
    assert_allclose(held_out.codes, expected, rtol=1e-12, atol=KEPT)


@numbers
def test_another_number_of_columns_is_named(loss):
    y = some_y()
    train = make_sample(y, y, loss)
    given = {"name": "y_val", "target_scale": train.target_scale}
    with pytest.raises(ValueError, match="y_val has 1 columns.* fitted with 2"):
        make_sample(y, y[:, 0], loss, train.classes, **given)


@numbers
def test_equal_rows_are_one_of_their_weight(loss):
    """Where x and every number agree; in units that are those of all rows."""
    y = some_y(30)
    X = np.arange(30.0)[:, np.newaxis]
    twice = np.r_[X, X[:7]], np.r_[y, y[:7]]
    sample = make_sample(*twice, loss).distinct()
    assert sample.n_samples == 30
    expected = np.r_[np.full(7, 2.0), np.ones(23)]
    assert_array_equal(sample.of_subset(sample.weights), expected)
    changed = twice[1].copy()
    changed[-1, 1] += 1
    assert make_sample(twice[0], changed, loss).distinct().n_samples == 31


@numbers
def test_a_split_keeps_the_units(loss):
    y = some_y()
    sample = make_sample(np.arange(len(y))[:, np.newaxis], y, loss)
    train, held_out = sample.split(0.2, np.random.RandomState(0))
    assert (train.n_samples, held_out.n_samples) == (80, 21)
    assert sample.rarest_class() == len(y)
    assert train.target_scale is held_out.target_scale is sample.target_scale
    folds = list(sample.folds(4, np.random.RandomState(0)))
    held = np.concatenate([part.subset for _, part in folds])
    assert_array_equal(np.sort(held), np.arange(len(y)))


@numbers
def test_open_units_take_other_rows(loss):
    units = TargetScale.of(np.zeros((4, 1)), loss)
    units.open()
    assert_array_equal(units.inside(np.array([[0.0], [3.0]])), [[0.0], [3.0]])
    assert units.constant is None
