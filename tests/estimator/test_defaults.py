"""What "auto" comes to, by what a user sees, on both sides of every border."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import make_friedman1
from tasks import NUMBERS, QUANTILES, ROBUST, of_labels, of_numbers, tasks

from sklearn_scratchnn.estimator import defaults
from sklearn_scratchnn.estimator.defaults import make_plan
from sklearn_scratchnn.training.dropout import DropoutMasks
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.penalty_search import search

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(task, n_samples, n_features=2):
    rng = np.random.RandomState(0)
    X = rng.randn(n_samples, n_features).astype(np.float32)
    return X, task.y(np.arange(n_samples) % 2)


@pytest.fixture
def fitted(task):
    def fit(n_samples, n_features=2, **params):
        params = {"hidden_layer_sizes": (2,), "random_state": 0} | params
        return task.network(**params).fit(*table(task, n_samples, n_features))

    return fit


def widths(model):
    return tuple(len(b) for b in model.intercepts_[:-1])


@pytest.fixture
def unlike_columns(monkeypatch):
    """Let columns have penalties of their own however much alike they count."""
    monkeypatch.setattr(search, "ALIKE", 1.0)


@pytest.fixture
def border(monkeypatch):
    """Let a wide network begin at 150 rows, to be seen in moments."""
    monkeypatch.setattr(defaults, "MANY_ROWS", 150)


# The solver


@pytest.mark.parametrize(
    ("n_features", "solver"), [(1996, "lbfgs"), (1997, "adam")]
)
@of_labels
def test_lbfgs_up_to_2e8_rows_times_parameters(fitted, n_features, solver):
    """100 units and two classes: 100 D + 302 parameters, and 1,000 rows."""
    work = 1000 * (100 * n_features + 302)
    assert (work <= 2e8) == (solver == "lbfgs")
    model = fitted(1000, n_features, hidden_layer_sizes=(100,), max_iter=1, alpha=1.0)
    assert model.solver_ == solver


@pytest.mark.parametrize(("n_samples", "solver"), [(2499, "lbfgs"), (2500, "adam")])
def test_lbfgs_below_2500_rows(fitted, n_samples, solver):
    assert fitted(n_samples, max_iter=1, alpha=1.0).solver_ == solver


@pytest.mark.parametrize(
    "params",
    [{"dropout": 0.1}, {"max_grad_norm": 1.0}, {"learning_rate": "invscaling"}],
)
def test_adam_where_updates_are_asked_for(fitted, params):
    assert fitted(50, max_iter=2).solver_ == "lbfgs"
    assert fitted(50, max_iter=2, **params).solver_ == "adam"
    assert fitted(50, max_iter=2, learning_rate="constant").solver_ == "lbfgs"


def test_partial_fit_is_adam(task):
    model = task.network((2,)).partial_fit(*table(task, 20), **task.first(np.arange(2)))
    assert model.solver_ == "adam"


# A wide network


@pytest.mark.parametrize(
    ("n_samples", "hidden"), [(2499, (100,)), (2500, defaults.WIDE)]
)
@of_labels
def test_the_network_is_wider_and_deeper_from_2500_rows_on(fitted, n_samples, hidden):
    """And reads its columns through bins."""
    model = fitted(n_samples, 1, hidden_layer_sizes="auto", max_iter=1, alpha=1.0)
    assert widths(model) == hidden
    assert len(hidden) == 1 or (len(hidden) > 1 and min(hidden) > 100)
    assert (model.bin_edges_ is not None) == (n_samples >= 2500)
    assert len(model.coefs_[0]) == (1 if n_samples < 2500 else 17)


@pytest.mark.parametrize("n_samples", [149, 150])
@pytest.mark.parametrize("hidden", [(100,), (3,), (), 7])
def test_given_sizes_stay(border, fitted, n_samples, hidden):
    model = fitted(n_samples, hidden_layer_sizes=hidden, max_iter=1, alpha=1.0)
    assert widths(model) == ((hidden,) if isinstance(hidden, int) else hidden)


@pytest.mark.parametrize("solver", ["lbfgs", "gd", "gauss_newton"])
def test_a_given_solver_of_the_full_batch_has_few_units(
    border, fitted, solver, monkeypatch
):
    monkeypatch.setattr(defaults, "NARROW", (4,))
    monkeypatch.setattr(defaults, "NARROW_OF_NUMBERS", (4,))
    given = {"hidden_layer_sizes": "auto", "activation": "tanh", "alpha": 1.0}
    model = fitted(160, solver=solver, max_iter=1, **given)
    assert widths(model) == (4,)
    assert model.bin_edges_ is None


@pytest.mark.parametrize("n_samples", [149, 150, 2500])
@pytest.mark.parametrize("activation", [("relu",), ["relu", "tanh"], ()])
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_automatic_widths_have_one_activation(task, n_samples, activation, call):
    """Else it would hang on the number of rows whether a sequence suits them."""
    model = task.network(activation=activation)
    given = task.first(np.arange(2)) if call == "partial_fit" else {}
    with pytest.raises(ValueError, match="activation=.* leaves their number"):
        getattr(model, call)(*table(task, n_samples), **given)
    assert not hasattr(model, "coefs_")


def test_an_activation_is_that_of_all_layers(border, fitted):
    given = {"hidden_layer_sizes": "auto", "alpha": 1.0, "max_iter": 1}
    model = fitted(150, activation="gelu", **given)
    assert model.activations_ == ("gelu",) * len(defaults.WIDE)
    assert fitted(149, activation="gelu", **given).activations_ == ("gelu",)


@pytest.mark.parametrize(
    ("dropout", "n_samples", "rate"),
    [
        ("auto", 149, None),
        ("auto", 150, 0.2),
        (0.0, 150, None),
        (0.3, 149, 0.3),
        (0.3, 150, 0.3),
    ],
)
@of_labels
def test_dropout_of_a_wide_network(
    border, fitted, dropout, n_samples, rate, monkeypatch
):
    """A given 0.0 stays 0.0."""
    seen, make = [], DropoutMasks.__init__

    def noted(masks, rate, random_state):
        seen.append(rate)
        make(masks, rate, random_state)

    monkeypatch.setattr(DropoutMasks, "__init__", noted)
    fitted(n_samples, dropout=dropout, alpha=1.0, max_iter=1)
    assert seen == ([] if rate is None else [rate])


@pytest.mark.parametrize(("n_features", "binned"), [(100, True), (101, False)])
def test_bins_for_at_most_100_numeric_columns(border, task, n_features, binned):
    X, y = table(task, 150, n_features)
    model = task.network((2,), alpha=1.0, max_iter=1)
    assert (model.fit(X, y).bin_edges_ is not None) == binned
    indicators = np.c_[X, np.random.RandomState(1).randint(3, size=(150, 30))]
    assert (model.fit(indicators, y).bin_edges_ is not None) == binned
    assert model.fit(sparse.csr_matrix(X), y).bin_edges_ is None
    model.set_params(numeric_encoding="piecewise")
    assert model.fit(X, y).bin_edges_ is not None


@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
def test_a_given_encoding_stays(border, fitted, encoding):
    for n_samples in (149, 150):
        model = fitted(n_samples, numeric_encoding=encoding, alpha=1.0, max_iter=1)
        assert (model.bin_edges_ is not None) == (encoding == "piecewise")


@pytest.mark.parametrize(("n_bins", "most"), [(2, 2), (16, 16), ("auto", 16)])
@of_labels
def test_the_number_of_bins(border, fitted, n_bins, most):
    model = fitted(150, 1, n_bins=n_bins, alpha=1.0, max_iter=1)
    assert len(model.bin_edges_[0]) == most + 1


@pytest.mark.parametrize(
    ("n_samples", "n_bins", "dropout"),
    [(2499, 4, 0.0), (2500, 16, 0.2), (19_999, 16, 0.2), (20_000, 24, 0.1)],
)
@of_labels
def test_bins_and_dropout_by_rows(task, n_samples, n_bins, dropout):
    plan = make_plan(task.network(), n_samples, 803, n_numeric=5)
    assert (plan.n_bins, plan.dropout) == (n_bins, dropout)
    given = make_plan(task.network(n_bins=7, dropout=0.3), n_samples, 803)
    assert given.n_bins == 7


def test_few_rows_have_four_bins(fitted):
    model = fitted(150, 1, numeric_encoding="piecewise", alpha=1.0, max_iter=1)
    assert len(model.bin_edges_[0]) == 5


@pytest.mark.parametrize(
    ("encoding", "n_numeric", "given", "adaptive"),
    [
        ("linear", 3, "auto", True),
        ("piecewise", 3, "auto", False),
        ("piecewise", 0, "auto", True),
        ("piecewise", 3, True, True),
    ],
)
@of_labels
def test_bins_keep_one_penalty_unless_told_otherwise(
    task, encoding, n_numeric, given, adaptive
):
    params = {"numeric_encoding": encoding, "adaptive_penalty": given}
    plan = make_plan(task.network(**params), 150, 803, n_numeric=n_numeric)
    assert plan.adaptive is adaptive


def test_a_stream_is_narrow_and_linear(border, task):
    """How many rows are to come is not known."""
    model = task.network(random_state=0)
    model.partial_fit(*table(task, 200), **task.first(np.arange(2)))
    narrow = (50,) if task is NUMBERS else (100,)
    assert widths(model) == narrow
    assert model.bin_edges_ is None
    assert model.temperature_ == 1
    plan = make_plan(model, 10_000, 803, n_numeric=2, incremental=True)
    assert (plan.hidden, plan.encoding, plan.dropout) == (narrow, "linear", 0.0)


@pytest.mark.parametrize("before", [149, 150])
def test_a_warm_start_keeps_the_layers_it_has(border, task, fitted, before):
    """On either side of the border."""
    model = fitted(before, hidden_layer_sizes="auto", alpha=1.0, max_iter=1)
    hidden, n_inputs = widths(model), len(model.coefs_[0])
    model.set_params(warm_start=True)
    for n_samples in (140, 160):
        model.fit(*table(task, n_samples))
        assert widths(model) == hidden
        assert len(model.coefs_[0]) == n_inputs
    model.partial_fit(*table(task, 160))
    assert widths(model) == hidden
    model.set_params(warm_start=False).fit(*table(task, {149: 150, 150: 149}[before]))
    assert widths(model) != hidden


@of_numbers
@pytest.mark.parametrize("n_samples", [2499, 2500])
def test_a_network_for_numbers_has_widths_and_bins_of_its_own(fitted, n_samples):
    """From 2,500 rows on; and neither dropout nor a temperature."""
    model = fitted(n_samples, 1, hidden_layer_sizes="auto", max_iter=1, alpha=1.0)
    wide = n_samples >= 2500
    assert widths(model) == (defaults.WIDE_OF_NUMBERS if wide else (50,))
    assert (model.bin_edges_ is not None) == wide
    if wide:
        assert len(model.bin_edges_[0]) == defaults.BINS_OF_NUMBERS + 1
    assert model.temperature_ == 1
    plan = make_plan(model, n_samples, 803, n_numeric=1)
    assert (plan.dropout, plan.calibrate) == (0.0, False)
    given = {"dropout": 0.3, "n_bins": 7}
    plan = make_plan(model.set_params(**given), n_samples, 803, n_numeric=1)
    assert plan.n_bins == 7
    assert plan.dropout == 0.3


# The penalty


@pytest.mark.parametrize(("n_samples", "chosen"), [(19, False), (20, True)])
@pytest.mark.parametrize("solver", ["lbfgs", "adam", "gd"])
def test_alpha_is_chosen_from_20_rows_on(fitted, n_samples, chosen, solver):
    model = fitted(n_samples, solver=solver, max_iter=2)
    assert (model.alpha_path_ is not None) == chosen
    assert model.alpha_ == 1.0 or chosen


@pytest.mark.parametrize("n_rare", [1, 2, 3])
@of_labels
def test_alpha_is_chosen_however_rare_a_class_is(task, n_rare):
    X, _ = table(task, 150)
    y = (np.arange(150) < n_rare).astype(int)
    model = task.network((2,), random_state=0).fit(X, y)
    assert model.alpha_ in model.alpha_path_["alpha"]


def test_alpha_elsewhere(task, fitted):
    assert fitted(150, solver="adamw", max_iter=2).alpha_ == 0.0
    assert fitted(150, solver="adamw", max_iter=2).alpha_path_ is None
    model = task.network((2,)).partial_fit(*table(task, 30), **task.first(np.arange(2)))
    assert_allclose(model.alpha_, 30 / 3000)
    assert model.alpha_path_ is None


@pytest.mark.parametrize(("n_samples", "adaptive"), [(99, False), (100, True)])
@pytest.mark.parametrize("solver", ["lbfgs", "gauss_newton"])
@of_labels
def test_penalties_by_column_from_100_rows_on(
    fitted, n_samples, adaptive, solver, unlike_columns
):
    given = {"solver": solver, "activation": "tanh", "max_iter": 2}
    model = fitted(n_samples, **given)
    assert (model.penalty_factors_ is not None) == adaptive


@pytest.mark.parametrize("n_samples", [140, 160])
def test_minibatches_have_one_penalty_unless_it_is_said(
    border, fitted, n_samples, unlike_columns
):
    given = {"solver": "adam", "max_iter": 4}
    assert fitted(n_samples, **given).penalty_factors_ is None
    model = fitted(n_samples, adaptive_penalty=True, **given)
    assert model.penalty_factors_ is not None


@pytest.mark.parametrize(("n_samples", "calibrated"), [(149, False), (150, True)])
@of_labels
def test_a_network_of_minibatches_is_calibrated_where_it_is_wide(
    border, fitted, n_samples, calibrated
):
    given = {"solver": "adam", "max_iter": 4}
    assert (fitted(n_samples, **given).temperature_ != 1) == calibrated
    assert fitted(n_samples, calibrate=False, **given).temperature_ == 1
    assert fitted(n_samples, calibrate=True, **given).temperature_ != 1
    assert fitted(n_samples, solver="lbfgs").temperature_ == 1


# Epochs, batches, rates


@pytest.mark.parametrize(
    ("n_samples", "many", "epochs"),
    [
        (500, False, 60),
        (8333, False, 60),
        (12_500, False, 40),
        (60_000, False, 10),
        (12_500, True, 60),
        (25_000, True, 30),
        (60_000, True, 15),
    ],
)
def test_epochs_of_minibatches(n_samples, many, epochs):
    """500,000 rows' worth, 10 to 60; of a wide network 750,000, 15 to 60."""
    assert defaults.auto_epochs("adam", n_samples, 1.0, many) == epochs


@pytest.mark.parametrize(("n_samples", "many"), [(149, False), (150, True)])
def test_epochs_on_both_sides_of_the_border(
    border, fitted, n_samples, many, monkeypatch
):
    monkeypatch.setattr(defaults, "auto_epochs", lambda *given: 3 if given[3] else 2)
    model = fitted(n_samples, solver="adam", alpha=1.0)
    assert model.n_iter_ == (3 if many else 2)


def test_epochs_of_a_wide_network_are_all_made(fitted):
    model = fitted(2500, 1, alpha=1.0, batch_size=1250)
    assert model.n_iter_ == 60


@pytest.mark.parametrize(
    ("params", "n_features", "epochs"),
    [
        ({"solver": "lbfgs", "alpha": 1.0}, 2, 200),
        ({"solver": "lbfgs"}, 10, 60),
        ({"solver": "lbfgs"}, 11, 20),
        ({"solver": "gauss_newton"}, 2, 200),
        ({"solver": "gd"}, 2, 1000),
    ],
)
@of_labels
def test_epochs_of_full_batches(task, params, n_features, epochs):
    """At most; after the path of alphas, L-BFGS has begun near its end."""
    model = task.network((2,), "tanh", **params)
    assert make_plan(model, 150, 12, n_features=n_features).max_iter == epochs
    # On data that no network of two units fits, at a tolerance of nothing.
    X = np.random.RandomState(0).randn(150, n_features)
    y = table(task, 150)[1]
    model.set_params(tol=0.0, alpha=params.get("alpha", "auto")).fit(X, y)
    assert model.n_iter_ <= epochs
    if params["solver"] == "gd":
        assert model.n_iter_ == epochs


@pytest.mark.parametrize(
    ("n_samples", "batches"),
    [(150, [150]), (200, [200]), (201, [101, 100]), (401, [134, 134, 133])],
)
def test_batches_have_200_rows_at_most(
    fitted, n_samples, batches, monkeypatch, on_the_page
):
    seen, compute = [], Objective.batch_value_and_gradient

    def counted(objective, X, Y, weight, ws):
        seen.append(len(Y))
        return compute(objective, X, Y, weight, ws)

    monkeypatch.setattr(Objective, "batch_value_and_gradient", counted)
    fitted(n_samples, solver="adam", max_iter=1, alpha=1.0)
    assert seen == batches


@pytest.mark.parametrize(
    ("solver", "constant", "peak", "wide"),
    [("sgd", 0.1, 0.1, 0.1), ("adam", 0.001, 0.02, 0.01), ("adamw", 0.001, 0.02, 0.01)],
)
@of_labels
def test_learning_rates(task, fitted, solver, constant, peak, wide, monkeypatch):
    """In Adam twentyfold where a cosine takes the rate to 0 again, tenfold if wide."""
    given = {"solver": solver, "batch_size": 10}
    given |= {} if solver == "adamw" else {"alpha": 1.0}
    model = fitted(100, learning_rate="constant", **given)
    assert_allclose(model.history_["learning_rate"], constant)
    for most in (peak, wide):
        model = fitted(100, max_iter=100, **given)
        rates = model.history_["learning_rate"]
        assert 0.99 * most < rates.max() <= most
        assert rates[-1] < 0.01 * most
        monkeypatch.setattr(defaults, "MANY_ROWS", 100)
    part = task.network((2,), solver=solver)
    part.partial_fit(*table(task, 9), **task.first(np.arange(2)))
    assert_allclose(part.history_["learning_rate"], constant)


@of_numbers
@pytest.mark.parametrize("solver", ["gd", "sgd"])
def test_learning_rates_of_numbers(fitted, solver):
    """Lower: the second derivative of a squared error is up to four times as large."""
    most = {"gd": 0.05, "sgd": 0.02}[solver]
    model = fitted(100, solver=solver, learning_rate="constant", max_iter=2)
    assert_allclose(model.history_["learning_rate"], most)
    if solver == "sgd":
        rates = fitted(100, solver=solver, max_iter=30).history_["learning_rate"]
        assert 0.9 * most < rates.max() <= most


@tasks(NUMBERS, ROBUST, QUANTILES)
@pytest.mark.parametrize("solver", ["gd", "sgd", "adam", "adamw"])
@pytest.mark.parametrize("hidden", [(100,), (50, 50)])
def test_no_default_rate_diverges_on_numbers(task, solver, hidden):
    """A wide first layer is the hardest."""
    X, y = make_friedman1(300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = task.network(hidden, solver=solver, random_state=0).fit(X, y)
    assert np.isfinite(model.loss_curve_).all()
    assert model.score(X, y) > 0.5


@of_labels
def test_learning_rate_of_gradient_descent(fitted):
    model = fitted(50, solver="gd", max_iter=2)
    assert_allclose(model.history_["learning_rate"], 0.5)


def test_a_cosine_is_the_default_of_the_optimizers_alone(task):
    for solver in (*OPTIMIZERS, "gd", "lbfgs"):
        plan = make_plan(task.network(solver=solver), 150, 803)
        assert plan.schedule == ("cosine" if solver in OPTIMIZERS else "constant")
        params = task.network(solver=solver)
        plan = make_plan(params, 150, 803, incremental=True)
        assert plan.schedule == "constant"
        assert plan.max_iter == 1


def test_precision_and_tolerance(task):
    for solver in (*OPTIMIZERS, "gd", "lbfgs", "gauss_newton"):
        plan = make_plan(task.network(solver=solver), 150, 803)
        assert plan.dtype == ("float32" if solver in OPTIMIZERS else "float64")
        assert plan.tol == (0.0 if solver == "gd" else 1e-4)


def test_early_stopping_where_rows_are_given(task):
    for validated in True, False:
        plan = make_plan(task.network(), 150, 803, validated=validated)
        assert plan.early_stopping is validated


# Both sides of the border


@pytest.mark.parametrize("n_samples", [2, 5, 19, 20, 99, 100, 149, 150])
@of_labels
def test_defaults_warn_of_nothing(border, task, n_samples, monkeypatch):
    """On rows that there is something to learn from, of any number."""
    monkeypatch.setattr(defaults, "WIDE", (16, 8))
    X, _ = table(task, n_samples)
    y = np.r_[0, 1, X[2:, 0] > 0]
    X[:2, 0] = -1, 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = task.network(random_state=0).fit(X, y)
    assert model.score(X, y) > 0.85
    assert_array_equal(model.predict(X[:2]), y[:2])
