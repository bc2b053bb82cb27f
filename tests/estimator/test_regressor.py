"""What is the regressor's own: oracles, units of y, counts, quantiles, and bad y."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.utils import get_tags
from tasks import COUNTS, NUMBERS, OF_NUMBERS, QUANTILES, ROBUST, tasks

from sklearn_scratchnn import ScratchMLPEnsembleRegressor, ScratchMLPRegressor
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

every_loss = tasks(*OF_NUMBERS)
shifts_too = tasks(NUMBERS, ROBUST, QUANTILES)
weighted = pytest.mark.parametrize("weighted", [False, True])


@pytest.fixture(scope="module")
def rows():
    """X, positive numbers, counts, and weights."""
    rng = np.random.RandomState(0)
    X = rng.randn(120, 4) * [1, 2, 0.5, 1] + [0, 3, 0, -1]
    z = X @ [0.5, -0.2, 0.4, 0.0]
    amounts = 3 * np.exp(z + 0.3 * rng.randn(120))
    return X, amounts, rng.poisson(np.exp(z + 1)), 3 * rng.rand(120)


def linear(task=NUMBERS, **params):
    """Return a network without hidden layers, trained to the optimum on X as it is."""
    given = {"standardize": False, "adaptive_penalty": False, "solver": "lbfgs"}
    given |= {"tol": 1e-10, "max_iter": 5000, "max_fun": 10**5, "dtype": "float64"}
    return task.network((), **given | params)


def assert_close_in_units_of(y, found, expected, atol):
    assert_allclose((found - expected) / np.std(y), 0, atol=atol)


# Oracles ----------------------------------------------------------------------------


@weighted
@pytest.mark.parametrize("alpha", [0.1, 30.0])
@pytest.mark.parametrize("columns", [1, 2])
def test_without_hidden_layers_it_is_ridge_regression(rows, alpha, weighted, columns):
    """With the same alpha.

    With s the standard deviation of y and n the sum of weights, the network minimises
    ``sum_i w_i (y_i - x_i V - b)^2 / (2 n s^2) + alpha / (2 n) |V / s|^2``, V = s W
    being the folded weights; times 2 n s^2 that is ridge regression. Each column of y
    has its own s, and its own weights.
    """
    X, y, counts, w = rows
    y, w = (y if columns == 1 else np.c_[y, counts]), (w if weighted else None)
    ours = linear(alpha=alpha).fit(X, y, w)
    theirs = Ridge(alpha=alpha).fit(X, y, w)
    assert_close_in_units_of(y, ours.predict(X), theirs.predict(X), 1e-6)
    assert_allclose(ours.coefs_[0].T, np.atleast_2d(theirs.coef_), rtol=1e-4)
    assert_allclose(ours.intercepts_[0], theirs.intercept_, rtol=1e-4)


@weighted
@pytest.mark.parametrize("alpha", [0.0, 0.1, 30.0])
def test_without_hidden_layers_it_is_poisson_regression(rows, alpha, weighted):
    """Whose alpha is ours times the mean of y, over the sum of weights.

    With m the weighted mean of y and n the sum of weights, the network minimises
    ``1/n sum_i w_i (exp(z_i) - y_i / m z_i) + alpha / (2 n) |W|^2``, and predicts
    m exp(z). With u = z + log m the first term is ``1/(n m) sum_i w_i (exp(u_i) - y_i
    u_i)``, but for what no weight changes. Times m that is the objective of
    PoissonRegressor, the mean half deviance and ``alpha' / 2 |W|^2``, whose
    ``alpha' = alpha m / n``.
    """
    X, _, y, w = rows
    w = w if weighted else np.ones(len(y))
    ours = linear(COUNTS, alpha=alpha).fit(X, y, w)
    per_row = alpha * np.average(y, weights=w) / w.sum()
    theirs = PoissonRegressor(alpha=per_row, tol=1e-10, max_iter=5000).fit(X, y, w)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)
    assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, rtol=1e-4, atol=1e-6)
    assert ours.out_activation_ == "exp"


@weighted
def test_a_high_threshold_is_ridge_regression_again(rows, weighted):
    """No error counts linearly then; that y has another unit changes nothing."""
    X, y, _, w = rows
    w = w if weighted else None
    ours = linear(ROBUST, alpha=2.0, huber_threshold=1e6).fit(X, y, w)
    theirs = Ridge(alpha=2.0).fit(X, y, w)
    assert_close_in_units_of(y, ours.predict(X), theirs.predict(X), 1e-6)


@weighted
@pytest.mark.parametrize("threshold", [0.1, 0.5, 2.0])
def test_without_inputs_huber_is_hubers_location(rows, threshold, weighted):
    _, y, _, w = rows
    w = w if weighted else np.ones(len(y))
    model = linear(ROBUST, alpha=1.0, huber_threshold=threshold)
    found = model.fit(np.zeros((120, 2)), y, w).predict(np.zeros((1, 2)))
    order = np.argsort(y)
    shares = np.cumsum(w[order]) / w.sum()
    low, high = y[order][np.searchsorted(shares, [0.25, 0.75])]
    spread = (high - low) / (norm.ppf(0.75) - norm.ppf(0.25))

    def pull(location):
        return w @ np.clip((y - location) / spread, -threshold, threshold)

    assert_allclose(found, brentq(pull, y.min(), y.max()), rtol=1e-3)


@weighted
@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_without_inputs_a_quantile_is_that_of_y(quantile, weighted):
    rng = np.random.RandomState(0)
    y, w = np.exp(rng.randn(1000)), rng.randint(1, 4, 1000)
    w = w if weighted else None
    model = linear(QUANTILES, alpha=1.0, quantile=quantile)
    model.fit(np.zeros((1000, 1)), y, w)
    share = np.average(y <= model.predict([[0.0]]), weights=w)
    assert_allclose(share, quantile, atol=0.01)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_finds_the_one_optimum(solver):
    """Without hidden layers and penalty that is least squares."""
    rng = np.random.RandomState(0)
    X = rng.randn(150, 3)
    y = X @ [1.0, -2.0, 0.5] + rng.randn(150)
    settings = {"max_iter": 3000}
    if solver in OPTIMIZERS:
        settings = {"max_iter": 200, "batch_size": 15}
    model = ScratchMLPRegressor((), solver=solver, alpha=0, weight_decay=0, **settings)
    expected = LinearRegression().fit(X, y).predict(X)
    assert_close_in_units_of(y, model.fit(X, y).predict(X), expected, 0.02)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("activation", ["identity", "tanh", "logistic", "relu"])
@pytest.mark.parametrize("columns", [1, 2])
def test_weights_copied_into_mlp_regressor(rows, loss, activation, columns):
    X, y, counts, _ = rows
    Y = y if columns == 1 else np.c_[y, counts]
    ours = ScratchMLPRegressor((5, 4), activation, loss=loss, max_iter=20)
    ours.fit(X, Y)
    theirs = MLPRegressor(hidden_layer_sizes=(5, 4), activation=activation, max_iter=1)
    if loss != "squared_error":
        if "loss" not in theirs.get_params():
            pytest.skip("this scikit-learn's has one loss")
        theirs.set_params(loss=loss)
    theirs.fit(X, Y)
    theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
    assert ours.out_activation_ == theirs.out_activation_
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)


@every_loss
def test_the_layers_answer_in_units_of_y(task, rows):
    """Whatever unit y had in training."""
    X, y, _, _ = rows
    model = task.network((6,), "tanh", max_iter=30, random_state=0).fit(X, 1e4 * y)
    a = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    z = (a @ model.coefs_[1] + model.intercepts_[1])[:, 0]
    expected = np.exp(z) if task is COUNTS else z
    assert_allclose(model.predict(X), expected, rtol=1e-9)
    assert_allclose(np.median(model.predict(X) / (1e4 * y)), 1, rtol=0.2)


# Units of y -------------------------------------------------------------------------

PLANS = {
    "default": {},
    "adam": {"solver": "adam"},
    "piecewise": {"solver": "adam", "numeric_encoding": "piecewise"},
}


@pytest.fixture(scope="module")
def friedman():
    """Numbers of 20 bits behind the point, so that 1e9 is added without rounding."""
    X, y = make_friedman1(200, random_state=0)
    return X, np.round(y * 2.0**20) / 2.0**20


@pytest.fixture
def fitted(task, friedman):
    """Return predictions for another y, and the curve of the losses."""

    def fit(y, plan, weights=None):
        model = task.network(random_state=0, **PLANS[plan]).fit(friedman[0], y, weights)
        return model.predict(friedman[0]), model.loss_curve_

    return fit


@every_loss
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("exponent", [-900, -20, 3, 20, 900])
def test_y_times_a_power_of_two_changes_no_bit(fitted, friedman, task, plan, exponent):
    """No number is rounded then, and all that is chosen by losses is the same.

    Of a Poisson loss the logarithm of the unit is added, and rounded.
    """
    _, y = friedman
    plain, curve = fitted(y, plan)
    other, curve_of_other = fitted(np.ldexp(y, exponent), plan)
    assert_array_equal(curve_of_other, curve)
    rtol = 1e-11 if task is COUNTS else 0
    assert_allclose(np.ldexp(other, -exponent), plain, rtol=rtol)


@every_loss
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("times", [1e6, 1e-6, 1e300])
def test_y_times_a_number_changes_the_unit_alone(fitted, friedman, plan, times):
    """But for a last digit of y: in minibatches it stays one.

    L-BFGS makes of it what it makes of any rounding, more with every epoch.
    """
    _, y = friedman
    plain, _ = fitted(y, plan)
    other, _ = fitted(times * y, plan)
    atol = 1e-4 if plan == "default" else 1e-9
    assert_close_in_units_of(y, other / times, plain, atol)


@shifts_too
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("shift", [1e9, -1e9])
def test_a_shift_of_y_changes_no_step(fitted, friedman, plan, shift):
    """Predictions round to the digits that numbers of 1e9 have, 1e-7."""
    _, y = friedman
    assert_array_equal((y + shift) - shift, y)
    plain, curve = fitted(y, plan)
    other, curve_of_other = fitted(y + shift, plan)
    assert_array_equal(curve_of_other, curve)
    assert_close_in_units_of(y, other - shift, plain, 1e-6)


@every_loss
@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_a_weighted_y_has_the_unit_of_its_copies(fitted, friedman, task, shift):
    """A weight of k counts as k rows for the unit, too."""
    X, y = friedman
    k = np.random.RandomState(1).randint(1, 4, len(y))
    network = task.network(
        (5,), "tanh", alpha=1.0, max_iter=20, solver="gd", random_state=0
    )
    weighted = clone(network).fit(X, y + shift, k)
    copies = clone(network).fit(X.repeat(k, axis=0), (y + shift).repeat(k))
    assert_allclose(weighted.loss_curve_, copies.loss_curve_, rtol=1e-10)
    assert_close_in_units_of(y, weighted.predict(X), copies.predict(X), 1e-6)


@every_loss
def test_the_loss_does_not_know_the_unit(task, friedman):
    """A mean error of a tenth of the spread is one of any y."""
    X, y = friedman
    model = task.network((8,), "tanh", alpha=0.1, max_iter=60, random_state=0)
    curve = model.fit(X, y).loss_curve_
    assert 1e-3 < curve[-1] < curve[0] < 10
    assert (np.diff(curve) <= 0).all()  # L-BFGS never goes up
    assert_array_equal(model.fit(X, 1024 * y).loss_curve_, curve)


@every_loss
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("size", [1e300, 1e-300, 1e-315])
def test_y_of_any_size(task, rows, solver, size):
    X, y, _, _ = rows
    model = task.network((8,), "tanh", solver=solver, alpha=1.0, max_iter=60)
    model.set_params(random_state=0).fit(X, size * y)
    found = model.predict(X) / size
    assert np.isfinite(model.predict(X)).all()
    assert model.coefs_[0].dtype == np.float64
    assert r2_score(y, found) > 0.3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [0.0, 1e3, 1e9])
def test_float32_rows_get_float32_where_that_says_enough(friedman, dtype, shift):
    """Far from zero, the spread of y would be lost in the rounding."""
    X, y = friedman
    model = ScratchMLPRegressor((8,), alpha=1.0, max_iter=20, random_state=0)
    model.fit(X.astype(dtype), y + shift)
    narrow = dtype == np.float32 and shift < 1e5
    expected = np.float32 if narrow else np.float64
    assert {a.dtype for a in model.coefs_ + model.intercepts_} == {np.dtype(expected)}
    assert model.predict(X.astype(dtype)).dtype == expected
    assert r2_score(y + shift, model.predict(X.astype(dtype))) > 0.8


# Several targets --------------------------------------------------------------------


@every_loss
@weighted
def test_several_targets_are_each_as_alone_where_nothing_is_shared(
    task, rows, weighted
):
    X, y, counts, w = rows
    w = w if weighted else None
    Y = np.column_stack([y, 1e6 * counts, y**2])
    together = linear(task, alpha=2.0).fit(X, Y, w).predict(X)
    assert together.shape == (120, 3)
    for k in range(3):
        alone = linear(task, alpha=2.0).fit(X, Y[:, k], w).predict(X)
        assert_close_in_units_of(Y[:, k], together[:, k], alone, 1e-5)


@every_loss
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_targets_of_unlike_size_are_learnt_alike(task, friedman, solver):
    X, y = friedman
    Y = np.column_stack([1e6 * y, 1e-6 * y[::-1], X[:, 0] + 1])
    model = task.network((40,), "tanh", solver=solver, alpha=0.1, random_state=0)
    model.set_params(max_iter=200).fit(X, Y)
    for k in range(3):
        assert r2_score(Y[:, k], model.predict(X)[:, k]) > 0.5
    assert model.n_outputs_ == 3
    single = model.fit(X, Y[:, :1].ravel())
    assert single.predict(X).shape == (200,)


# Quantiles, outliers, counts --------------------------------------------------------


def noisy(n, seed):
    """The noise widens away from 0."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(-1, 1, (n, 2))
    spread = 0.3 + np.abs(X[:, 0])
    return X, np.sin(3 * X[:, 0]) + X[:, 1] + spread * rng.randn(n), spread


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_a_quantile_covers_its_share_of_new_rows(solver, quantile):
    """Also among the rows of much noise, which a constant interval would miss."""
    X, y, _ = noisy(2000, seed=0)
    model = ScratchMLPRegressor((20,), loss="quantile", quantile=quantile)
    model.set_params(solver=solver, alpha=1.0, random_state=0).fit(X, y)
    X, y, spread = noisy(20_000, seed=1)
    below = y <= model.predict(X)
    assert_allclose(below.mean(), quantile, atol=0.03)
    assert_allclose(below[spread > 1].mean(), quantile, atol=0.05)
    assert_allclose(below[spread < 0.5].mean(), quantile, atol=0.05)


def test_quantiles_are_in_order():
    X, y, _ = noisy(1500, seed=0)
    low, middle, high = (
        ScratchMLPRegressor((20,), loss="quantile", quantile=q, alpha=1.0)
        .set_params(random_state=0)
        .fit(X, y)
        .predict(X)
        for q in (0.1, 0.5, 0.9)
    )
    assert (low < middle).mean() > 0.99
    assert (middle < high).mean() > 0.99


@tasks(ROBUST, QUANTILES)
@pytest.mark.parametrize("given", [{}, {"hidden_layer_sizes": (10,), "alpha": 1.0}])
def test_gross_outliers_move_a_robust_fit_little(task, given):
    """Of 120 rows six are off by a hundred standard deviations."""
    rng = np.random.RandomState(0)
    X = rng.randn(120, 3)
    truth = np.sin(2 * X[:, 0])
    y = truth + 0.1 * rng.randn(120)
    spoilt = y.copy()
    spoilt[:6] += 100
    moved = {}
    for each in (task, NUMBERS):
        clean, dirty = (
            each.network(random_state=0, **given).fit(X, target).predict(X)
            for target in (y, spoilt)
        )
        moved[each] = np.sqrt(np.mean((clean - dirty)[6:] ** 2)) / y.std()
        if each is task:
            assert r2_score(truth[6:], dirty[6:]) > 0.9
    assert moved[task] < 0.3
    assert moved[NUMBERS] > 5


@pytest.mark.parametrize("hidden", [(), (8,)])
def test_rates_weighted_by_exposure_are_counts_of_each_unit(hidden):
    """A row of e years is e rows of one year, whose counts sum to its own.

    Of these rows, ``sum_j (m - c_j log m) = e (m - c / e log m)``.
    """
    rng = np.random.RandomState(0)
    X, years = rng.randn(100, 3), rng.randint(1, 6, 100)
    counts = rng.poisson(years * np.exp(X @ [0.5, -0.3, 0.2]))
    each_year = np.concatenate(
        [rng.multinomial(c, [1 / e] * e) for c, e in zip(counts, years)]
    )
    given = {"alpha": 1.0, "tol": 1e-8, "max_iter": 1000, "random_state": 0}
    model = COUNTS.network(hidden, "tanh", **given)
    by_rate = model.fit(X, counts / years, years).predict(X)
    by_year = model.fit(X.repeat(years, axis=0), each_year).predict(X)
    assert_allclose(by_rate, by_year, rtol=1e-5)
    unweighted = model.fit(X, counts / years).predict(X)
    assert np.abs(unweighted / by_rate - 1).max() > 0.01


def test_counts_add_up():
    """Biases are free: so with the exponential, predictions and counts have one sum."""
    rng = np.random.RandomState(0)
    X = rng.randn(300, 3)
    y, w = rng.poisson(np.exp(X[:, 0])), rng.rand(300)
    model = COUNTS.network((6,), "tanh", alpha=1.0, tol=1e-8, max_iter=2000)
    model.set_params(random_state=0).fit(X, y, w)
    assert_allclose(w @ model.predict(X), w @ y, rtol=1e-4)


# Degenerate y -----------------------------------------------------------------------


@every_loss
@weighted
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "gd"])
@pytest.mark.parametrize("value", [5.0, 0.1, 1e300, 1e-300, 5e-324, 0.0, -3.3])
def test_a_constant_y_is_predicted(task, solver, weighted, value):
    """To the digit; of a Poisson loss to rounding, through a logarithm. No warning."""
    if task is COUNTS and value < 0:
        pytest.skip("counts are 0 or more")
    rng = np.random.RandomState(0)
    X, w = rng.randn(60, 3), rng.rand(60) if weighted else None
    model = task.network((5,), solver=solver, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, np.full(60, value), w)
    for asked in (X, 1e3 * X):
        if task is COUNTS:
            assert_allclose(model.predict(asked), value, rtol=1e-11, atol=3e-308)
        else:
            assert_array_equal(model.predict(asked), value)


@every_loss
def test_a_constant_column_among_several_is_predicted(task, friedman):
    X, y = friedman
    model = task.network((20,), alpha=1.0, random_state=0)
    model.fit(X, np.column_stack([y, np.full(200, 7.25)]))
    predicted = model.predict(X)
    assert_allclose(predicted[:, 1], 7.25, rtol=1e-12 if task is COUNTS else 0)
    assert r2_score(y, predicted[:, 0]) > 0.8


@every_loss
def test_rows_of_weight_zero_have_no_say_in_the_unit(task, rows):
    X, y, _, _ = rows
    w = np.arange(120) % 4 * 1.0
    odd = np.where(w == 0, 1e12, y)
    model = task.network((4,), "tanh", alpha=1.0, max_iter=20, random_state=0)
    expected = model.fit(X[w > 0], y[w > 0], w[w > 0]).predict(X)
    assert_allclose(model.fit(X, odd, w).predict(X), expected, rtol=1e-6)


@every_loss
def test_a_stream_may_begin_with_a_constant(task, rows):
    """Its unit is then 1, or of counts the number; later rows may differ."""
    X, y, _, _ = rows
    model = task.network((20,), "tanh", solver="adam", learning_rate_init=0.01)
    model.set_params(random_state=0).partial_fit(X[:5], np.full(5, 4.0))
    for _ in range(300):
        model.partial_fit(X, y)
    assert r2_score(y, model.predict(X)) > 0.5


def test_counts_may_all_be_zero():
    """As in a part of rare ones: next to 0 is predicted, and no error is raised."""
    X = np.random.RandomState(0).randn(60, 3)
    model = COUNTS.network(random_state=0).fit(X, np.zeros(60))
    assert (model.predict(X) < 1e-300).all()
    model = COUNTS.network((4,), random_state=0).fit(X, np.arange(60) == 3)
    assert 0 < model.predict(X).sum() < 60


# Kinds of y -------------------------------------------------------------------------


KINDS_OF_Y = {
    "int": lambda y: y.astype(int),
    "uint8": lambda y: y.astype(np.uint8),
    "float32": lambda y: y.astype(np.float32),
    "float16": lambda y: y.astype(np.float16),
    "big endian": lambda y: y.astype(">f8"),
    "objects": lambda y: y.astype(int).astype(object),
    "list": lambda y: y.tolist(),
    "series": pd.Series,
    "nullable": lambda y: pd.Series(y).astype("Int64"),
    "read-only": lambda y: np.broadcast_to(y, y.shape),
    "strided": lambda y: np.repeat(y, 3)[::3],
}


@every_loss
@pytest.mark.parametrize("kind", KINDS_OF_Y)
def test_every_kind_of_number_is_the_number(task, rows, kind):
    X, _, counts, _ = rows
    y = counts.astype(float)
    model = task.network((4,), alpha=1.0, max_iter=10, random_state=0)
    expected = model.fit(X, y).predict(X)
    given = KINDS_OF_Y[kind](y)
    before = given.copy()
    assert_array_equal(model.fit(X, given).predict(X), expected)
    assert_array_equal(np.asarray(given), np.asarray(before))
    assert model.predict(X).dtype == np.float64


def test_truth_values_are_0_and_1(rows):
    X, y, _, _ = rows
    model = ScratchMLPRegressor((4,), alpha=1.0, max_iter=10, random_state=0)
    expected = model.fit(X, (y > 3).astype(float)).predict(X)
    assert_array_equal(model.fit(X, y > 3).predict(X), expected)


def test_frames_of_y(rows):
    """One column is y itself, and is warned of; several are several targets."""
    X, y, counts, _ = rows
    model = ScratchMLPRegressor((4,), alpha=1.0, max_iter=10, random_state=0)
    expected = model.fit(X, y).predict(X)
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        model.fit(X, pd.DataFrame({"amount": y}))
    assert_array_equal(model.predict(X), expected)
    Y = pd.DataFrame({"amount": y, "count": counts})
    expected = model.fit(X, Y.to_numpy(float)).predict(X)
    assert_array_equal(model.fit(X, Y).predict(X), expected)


def with_entry(y, value, dtype=float):
    y = np.array(y, dtype=dtype)
    y[3] = value
    return y


BAD_Y = {
    "None": (lambda y: None, "requires y to be passed"),
    "NaN": (lambda y: with_entry(y, np.nan), "y contains NaN"),
    "gap": (lambda y: with_entry(y, None, object), "y .*(missing|NaN)"),
    "NA": (lambda y: pd.Series(y).mask(y > 5).astype("Float64"), "y .*(missing|NaN)"),
    "infinity": (lambda y: with_entry(y, -np.inf), "y contains infinity"),
    "texts": (lambda y: y.astype(str), "y must hold numbers; it is <U"),
    "words": (lambda y: with_entry(y, "many", object), "y must hold numbers"),
    "lists": (lambda y: with_entry(y, {}, object), "y must hold numbers"),
    "dates": (lambda y: pd.date_range("2020", periods=len(y)), "y must hold numbers"),
    "complex": (lambda y: y * 1j, "[Cc]omplex|y must hold numbers"),
    "too large": (lambda y: [10**400] * len(y), "y must hold numbers, .* the range"),
    "short": (lambda y: y[:-1], "inconsistent numbers of samples"),
    "three dimensions": (lambda y: np.ones((len(y), 2, 2)), "dim 3|[Ff]ound array"),
    "no columns": (lambda y: np.ones((len(y), 0)), "y|0 feature"),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", BAD_Y)
def test_a_bad_y_is_named_and_changes_nothing(rows, name, several, method):
    X, y, _, _ = rows
    change, message = BAD_Y[name]
    model = ScratchMLPRegressor((4,), solver="adam", max_iter=2, random_state=0)
    model.fit(X, y)
    bad = change(y)
    if several and name in ("NaN", "infinity", "texts", "gap"):
        bad = np.c_[bad, bad]
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X, bad)
    assert vars(model) == before


def test_an_unfitted_regressor_stays_so(rows):
    X, y, _, _ = rows
    model = ScratchMLPRegressor()
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(X, with_entry(y, np.nan))
    assert vars(model).keys() == model.get_params().keys()


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_counts_below_zero_are_named(rows, method):
    X, y, _, _ = rows
    for bad in (with_entry(y, -1e-300), np.c_[y, with_entry(y, -2.5)]):
        told = "loss='poisson' is for numbers of 0 or more; y has -"
        with pytest.raises(ValueError, match=told):
            getattr(COUNTS.network(solver="adam"), method)(X, bad)
    held_out = {"X_val": X[:9], "y_val": with_entry(y[:9], -1.0)}
    with pytest.raises(ValueError, match="y_val cannot be used: loss='poisson' is for"):
        COUNTS.network().fit(X, y, **held_out)


def test_tags_say_that_counts_are_positive():
    """scikit-learn's checks make their y by it."""
    for model in (ScratchMLPRegressor(), ScratchMLPEnsembleRegressor()):
        assert not get_tags(model).target_tags.positive_only
        assert get_tags(model).target_tags.multi_output
    assert get_tags(COUNTS.network()).target_tags.positive_only
    assert not get_tags(ScratchMLPRegressor(loss=["poisson"])).target_tags.positive_only


# Parameters -------------------------------------------------------------------------


def said(model, X, y):
    """Return the warnings of a fit, but for those of convergence."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return [(str(w.message), w.filename) for w in caught]


@every_loss
@pytest.mark.parametrize(
    ("name", "value", "reader"),
    [("huber_threshold", 2.0, "huber"), ("quantile", 0.9, "quantile")],
)
def test_a_parameter_of_another_loss_is_warned_of(task, rows, name, value, reader):
    X, y, _, _ = rows
    model = task.network((3,), alpha=1.0, max_iter=3, **{name: value})
    warned = said(model, X, y)
    if task.of_a_loss == reader:
        assert warned == []
    else:
        ((text, filename),) = warned
        assert text.startswith(f"{name}={value} has no use under loss=")
        assert text.endswith(f"or set loss='{reader}'.")
        assert filename == __file__


@tasks(ROBUST, QUANTILES)
def test_gauss_newton_needs_a_second_derivative(task, rows):
    X, y, _, _ = rows
    model = task.network((3,), "tanh", solver="gauss_newton", alpha=1.0)
    told = f"solver='gauss_newton' does not suit the loss '{task.of_a_loss}'"
    with pytest.raises(ValueError, match=told):
        model.fit(X, y)


@tasks(NUMBERS, COUNTS)
def test_gauss_newton_and_l_bfgs_find_one_optimum(task, rows):
    X, y, _, w = rows
    by_newton = linear(task, alpha=2.0, solver="gauss_newton").fit(X, y, w).predict(X)
    by_lbfgs = linear(task, alpha=2.0).fit(X, y, w).predict(X)
    assert_close_in_units_of(y, by_newton, by_lbfgs, 1e-6)


def test_the_loss_can_be_searched(rows):
    X, y, _, _ = rows
    grid = {"loss": [task.of_a_loss for task in OF_NUMBERS], "alpha": [0.1, 1e4]}
    model = ScratchMLPRegressor((5,), max_iter=20, random_state=0)
    search = GridSearchCV(model, grid, cv=3, scoring="neg_mean_absolute_error")
    search.fit(X, y)
    assert search.best_params_["alpha"] == 0.1
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@every_loss
@weighted
def test_score_is_r2(task, rows, weighted):
    X, y, _, w = rows
    w = w if weighted else None
    model = task.network((5,), max_iter=30, random_state=0).fit(X, y)
    assert model.score(X, y, w) == r2_score(y, model.predict(X), sample_weight=w)


@every_loss
def test_the_choice_of_alpha_does_not_know_the_unit(task, friedman):
    """Held-out losses are in units of y."""
    X, y = friedman
    model = task.network((10,), random_state=0).fit(X, y)
    assert model.alpha_ in model.alpha_path_["alpha"]
    again = task.network((10,), random_state=0).fit(X, 2.0**30 * y)
    assert again.alpha_ == model.alpha_
    for name, values in model.alpha_path_.items():
        assert_array_equal(again.alpha_path_[name], values)


@every_loss
def test_there_is_nothing_of_labels(task, rows):
    X, y, _, _ = rows
    model = task.network((3,), max_iter=3).fit(X, y)
    for name in ("classes_", "predict_proba", "predict_log_proba", "decision_function"):
        assert not hasattr(model, name)
    for name in ("class_weight", "calibrate", "label_smoothing"):
        assert name not in model.get_params()
