"""``alpha="auto"``: what is chosen on held-out rows, and what the network is then."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data import sample as sample_module
from sklearn_scratchnn.data.prepared import PreparedData, prepare
from sklearn_scratchnn.data.rows import DenseRows
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.network import make_network
from sklearn_scratchnn.network.parameters import initialize
from sklearn_scratchnn.training.fit_network import Settings, fit_network
from sklearn_scratchnn.training.optimizers import Adam
from sklearn_scratchnn.training.penalty_search import search as search_module
from sklearn_scratchnn.training.penalty_search import short_runs as short
from sklearn_scratchnn.training.penalty_search.candidates import Candidates
from sklearn_scratchnn.training.penalty_search.path import (
    ALPHAS,
    alphas_for,
    tie_limit,
    walk,
)
from sklearn_scratchnn.training.penalty_search.relevance import relevances
from sklearn_scratchnn.training.penalty_search.search import PenaltySearch
from sklearn_scratchnn.training.penalty_search.short_runs import outward, short_runs
from sklearn_scratchnn.training.penalty_search.temperature import best_temperature
from sklearn_scratchnn.training.schedules import Cosine
from sklearn_scratchnn.training.solvers.gradient_descent import GradientDescent
from sklearn_scratchnn.training.solvers.lbfgs import LBFGS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LOSS = LOSSES["softmax_cross_entropy"]
NUMBERS = [loss for loss in LOSSES.values() if loss.predicts_numbers]
losses = pytest.mark.parametrize("loss", [LOSS, *NUMBERS], ids=lambda loss: loss.name)
ON_PATH = LBFGS(max_iter=10, max_fun=1000, tol=1e-4)
IN_BATCHES = GradientDescent(Adam(), Cosine(), 0.02, 32, max_iter=24, tol=1e-4)


def network_for(X, loss=LOSS):
    """Return a network for two classes, or for two columns of numbers."""
    return make_network((X.shape[1], 6, 2), ["relu"], loss.name)


def searched(X, y, solver=ON_PATH, weights=None, held_out=None, loss=LOSS, **settings):
    """Return a search after it was run."""
    random_state = np.random.RandomState(0)
    network = network_for(X, loss)
    sample = make_sample(X, y, loss, None, weights)
    if held_out is not None:
        units = sample.target_scale
        held_out = make_sample(*held_out, loss, sample.classes, target_scale=units)
    data = prepare(sample, held_out)
    initialize(network.parameters, network.activations, "auto", random_state)
    settings = Settings(solver, None, **settings)
    search = PenaltySearch(network, data, settings, random_state)
    search.first = network.parameters.theta.copy()
    search.run()
    return search


def noise(n=200, loss=LOSS):
    rng = np.random.RandomState(1)
    X = rng.randn(n, 5)
    if loss.predicts_numbers:
        return X, rng.gamma(2.0, 1.0, (n, 2))
    return X, rng.randint(2, size=n)


def moons(n=200, noise=0.3, seed=0, loss=LOSS):
    """Return the moons, and which one it is, or two numbers that go by the place."""
    X, y = make_moons(n, noise=noise, random_state=seed)
    if not loss.predicts_numbers:
        return X, y
    means = np.column_stack([1 + y + X[:, 0] ** 2, 3 + np.sin(3 * X[:, 1])])
    rng = np.random.RandomState(seed)
    if loss.least_y == 0:
        return X, rng.poisson(means).astype(float)
    return X, means + noise * rng.randn(n, 2)


def ends(search, parts=None):
    """Return the parameters that each alpha came to, part by part."""
    network, theta = search.network, search.network.parameters.theta
    left, trained = theta.copy(), []
    for train, _ in search._parts if parts is None else parts:
        by_alpha = {}

        def keep(alpha, by_alpha=by_alpha):
            by_alpha[alpha] = theta.copy()

        theta[:] = search.first
        alphas = search.choice.table["alpha"]
        if search.on_path:
            walk(network, train, search.settings, alphas, keep)
        else:
            given = search.settings, alphas, keep, search._seed, 1 / 4
            short_runs(network, train.evened(), *given)
        trained.append(by_alpha)
    theta[:] = left
    return trained


def logits_by_hand(search, sample, theta):
    """Return the outputs of one hidden layer of ReLU for standardised rows."""
    layers = search.network.parameters.like(theta)
    (W1, W2), (b1, b2) = layers.weights, layers.biases
    scale = sample.standardizer
    X = (sample.of_subset(sample.X) - scale.mean) / scale.scale
    return np.maximum(X @ W1 + b1, 0) @ W2 + b2


def row_losses(loss, z, y):
    """Return the loss of each row; of numbers that which has its own tests."""
    if loss.predicts_numbers:
        return loss.row_losses(z.copy(), y)
    log_p = z - logsumexp(z, axis=1, keepdims=True)
    return -log_p[np.arange(len(y)), y]


def losses_by_hand(search):
    """Return the loss of each held-out row under each alpha that was tried."""
    losses, trained = [], ends(search)
    for alpha in search.choice.table["alpha"]:
        of_parts = []
        for (_, held_out), by_alpha in zip(search._parts, trained):
            z = logits_by_hand(search, held_out, by_alpha[alpha])
            y = held_out.of_subset(held_out.codes)
            of_parts.append(row_losses(search.network.loss, z, y))
        losses.append(np.concatenate(of_parts))
    return np.array(losses)


# Which alphas are tried, and which is chosen


@losses
def test_y_that_is_noise_chooses_the_strongest(loss):
    search = searched(*noise(loss=loss), loss=loss)
    assert search.choice.alpha == search.choice.table["alpha"][0]


@losses
def test_y_without_noise_chooses_a_weak_one(loss):
    X, _ = noise(400)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    if loss.predicts_numbers:
        y = np.column_stack([np.exp(X[:, 0]), np.exp(X[:, 1])])
    weak = 1.0 if loss.predicts_numbers else 0.1
    assert searched(X, y, loss=loss).choice.alpha <= weak


def test_the_path_goes_on_to_its_end():
    """However much worse the weaker penalties are."""
    table = searched(*noise()).choice.table
    assert_array_equal(table["alpha"], [a for a in ALPHAS if a <= 133 / 9])
    assert table["validation_loss"][-1] > 1.1 * table["validation_loss"][0]


@pytest.mark.parametrize(
    ("weight", "largest"), [(269, 10.0), (270, 30.0), (89.9, 3.0), (0.1, 0.03)]
)
def test_no_alpha_is_larger_than_a_ninth_of_the_rows(weight, largest):
    """Of those that are trained on; the smallest is there always."""
    alphas = alphas_for(weight)
    assert alphas[0] == largest
    assert alphas == sorted(alphas, reverse=True)
    assert alphas[-1] == ALPHAS[-1] <= 0.03


@pytest.mark.parametrize(("n_columns", "epochs"), [(10, 20), (11, 10)])
def test_an_alpha_gets_more_epochs_where_columns_are_few(n_columns, epochs):
    limits = []

    class Watched(LBFGS):
        def run(self, objective, state, on_epoch, random_state=None):
            limits.append(self.max_iter)
            return super().run(objective, state, on_epoch, random_state)

    rng = np.random.RandomState(0)
    X, y = rng.randn(60, n_columns), rng.randint(2, size=60)
    searched(X, y, Watched(500, 1000, 1e-4))
    assert set(limits) == {epochs}


def test_weights_count_as_rows():
    X, y = noise(120)
    assert searched(X, y).choice.table["alpha"][0] == 3.0
    heavier = searched(X, y, weights=np.full(120, 4.0))
    assert heavier.choice.table["alpha"][0] == 30.0


@losses
@pytest.mark.parametrize("solver", [ON_PATH, IN_BATCHES], ids=["path", "batches"])
@pytest.mark.parametrize("n", [60, 150, 530], ids=["tenths", "thirds", "split"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_table_is_the_mean_loss_on_the_held_out_rows(solver, n, weighted, loss):
    """Of log-losses, or of what counts for numbers, in units of all rows."""
    k = np.random.RandomState(2).randint(1, 6, n) if weighted else np.ones(n)
    search = searched(*moons(n, loss=loss), solver, k if weighted else None, loss=loss)
    losses = losses_by_hand(search)
    weights = [
        np.ones(held_out.n_samples)
        if held_out.weights is None
        else held_out.of_subset(held_out.weights)
        for _, held_out in search._parts
    ]
    expected = np.average(losses, axis=1, weights=np.concatenate(weights))
    assert_allclose(search.choice.table["validation_loss"], expected, rtol=1e-8)
    thirds = 3 if solver is ON_PATH else 1
    assert len(search._parts) == {60: 10, 150: thirds, 530: 1}[n]


@pytest.mark.parametrize("noise", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("n", [60, 150])
@pytest.mark.parametrize(
    "loss", [LOSS, LOSSES["squared_error"]], ids=["labels", "numbers"]
)
def test_the_largest_alpha_that_is_as_good_is_chosen(noise, seed, n, loss):
    """Within 1.5 standard errors below 100 rows, else within 0.7."""
    search = searched(*moons(n, noise, seed, loss), loss=loss)
    losses = losses_by_hand(search)
    best = losses[losses.mean(axis=1).argmin()]
    excess = losses - best
    errors = excess.std(axis=1) / np.sqrt(losses.shape[1])
    within = 1.5 if n < 100 else 0.7
    as_good = search.choice.table["alpha"][excess.mean(axis=1) <= within * errors]
    low = as_good[as_good <= max(10, n / 9)]
    assert search.choice.alpha == (low.max() if len(low) else as_good.min())


@pytest.mark.parametrize(("weight", "limit"), [(20, 10), (90, 10), (900, 100)])
def test_up_to_which_alpha_a_tie_is_for_the_larger_one(weight, limit):
    assert tie_limit(weight) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("limit", "chosen"), [(1000, 100), (100, 100), (30, 30), (10, 30), (0.1, 30)]
)
def test_above_the_limit_a_tie_is_for_the_smaller_one(limit, chosen):
    candidates = Candidates(LOSS, tie_limit=limit)
    Y, weights = np.tile([0.0, 1.0], (50, 1)), np.ones((50, 1))
    spread = np.tile([0.3, -0.3], 25)[:, np.newaxis]
    for alpha, logits in ((100.0, spread), (30.0, -spread), (1.0, spread - 2)):
        candidates.add(alpha, (np.hstack([np.zeros_like(spread), logits]), Y, weights))
    assert candidates.chosen().alpha == chosen


@pytest.mark.parametrize(("excess", "chosen"), [(0.99, 10.0), (1.01, 1.0)])
def test_within_is_counted_in_paired_standard_errors(excess, chosen):
    """Losses whose differences have a standard deviation of 0.01 exactly."""
    candidates = Candidates(LOSS)
    n = 400
    Y, weights = np.tile([0.0, 1.0], (n, 1)), np.ones((n, 1))
    base = np.random.RandomState(0).uniform(0.1, 2, n)
    spread = 0.01 * np.tile([1.0, -1.0], n // 2) + 0.01 * excess / np.sqrt(n)
    for alpha, losses in ((10.0, base + spread), (1.0, base), (0.1, base + 1)):
        log_odds = -np.log(np.expm1(losses))  # of the class that is right
        logits = np.column_stack([np.zeros(n), log_odds])
        candidates.add(alpha, (logits, Y, weights))
    assert candidates.chosen().alpha == chosen


def test_an_alpha_without_a_finite_loss_is_not_chosen():
    candidates = Candidates(LOSS, calibrated=True)
    Y, weights = np.tile([0.0, 1.0], (5, 1)), np.ones((5, 1))
    candidates.add(10.0, (np.full((5, 2), np.nan), Y, weights))
    candidates.add(1.0, (np.zeros((5, 2)), Y, weights))
    assert candidates.chosen().alpha == 1.0
    assert candidates.table()["validation_loss"][0] == np.inf


def test_a_candidate_counts_once_all_its_parts_are_there():
    candidates = Candidates(LOSS, n_parts=2)
    part = np.zeros((5, 2)), np.tile([0.0, 1.0], (5, 1)), np.ones((5, 1))
    candidates.add(1.0, part)
    assert candidates.tried == []
    candidates.add(1.0, part)
    assert len(candidates.tried[0].losses) == 10


@losses
@pytest.mark.parametrize("data", [noise, moons])
def test_the_parameters_are_those_of_the_chosen_alpha(data, loss):
    search = searched(*data(530, loss=loss), loss=loss)
    (trained,) = ends(search)
    theta = search.network.parameters.theta
    assert_array_equal(theta, trained[search.choice.alpha])


@losses
@pytest.mark.parametrize("n", [60, 150])
def test_after_folds_all_rows_are_walked_down_to_before_the_chosen_alpha(n, loss):
    """So the training with the chosen one is no shorter than any other."""
    search = searched(*moons(n, loss=loss), loss=loss)
    assert search._rows.n_samples == n
    above = [alpha for alpha in search._alphas if alpha > search.choice.alpha]
    (trained,) = ends(search, [(search._rows, None)])
    expected = search.first
    if above:
        expected = trained[above[-1]] + 0.3 * search.first
    assert_array_equal(search.network.parameters.theta, expected)


@pytest.mark.parametrize("n", [40, 60])
@pytest.mark.parametrize("n_units", [1, 3])
def test_the_training_that_follows_the_search_has_epochs(n, n_units, task):
    """Also where a few epochs of a path are enough to be at the minimum."""
    X, y = noise(n)
    model = task.network(n_units, random_state=0).fit(X, task.y(y))
    assert model.n_iter_ == len(model.loss_curve_) > 1


@pytest.mark.parametrize("n_units", [1, 3])
@pytest.mark.parametrize("adaptive", [False, True])
def test_it_has_epochs_also_where_rows_are_held_out_by_the_caller(adaptive, n_units):
    """There the rows of the path are those of the training."""
    rng = np.random.RandomState(1)
    X, y = rng.randn(200, 5), np.random.RandomState(1).randint(2, size=200)
    given = {"adaptive_penalty": adaptive, "random_state": 0}
    model = ScratchMLPClassifier(n_units, "tanh", **given)
    model.fit(X[:160], y[:160], X_val=X[160:], y_val=y[160:])
    assert model.n_iter_ == len(model.loss_curve_) > 1


@losses
def test_each_row_is_held_out_once_below_100(loss):
    """Of labels as of numbers, which have no classes to draw evenly from."""
    search = searched(*moons(99, loss=loss), loss=loss)
    held_out = np.concatenate([held_out.subset for _, held_out in search._parts])
    assert_array_equal(np.sort(held_out), np.arange(99))
    for train, held_out in search._parts:
        assert not set(train.subset) & set(held_out.subset)
        assert abs(held_out.n_samples - 99 / 10) <= 1


@losses
def test_the_callers_held_out_rows_are_those_that_are_judged_by(loss):
    X, y = moons(60, loss=loss)
    search = searched(X[:40], y[:40], held_out=(X[40:], y[40:]), loss=loss)
    ((train, held_out),) = search._parts
    assert (train.n_samples, held_out.n_samples) == (40, 20)
    losses = losses_by_hand(search).mean(axis=1)
    assert_allclose(search.choice.table["validation_loss"], losses, rtol=1e-8)


def test_what_an_alpha_starts_from():
    """From where the last one ended, and 0.3 of the first weights besides."""
    starts, reached = [], []

    class Watched(LBFGS):
        def run(self, objective, state, on_epoch, random_state=None):
            starts.append(objective.theta.copy())
            outcome = super().run(objective, state, on_epoch, random_state)
            reached.append(objective.theta.copy())
            return outcome

    search = searched(*moons(530, 0.1), Watched(10, 1000, 1e-4))
    assert len(starts) == len(search.choice.table["alpha"])
    assert_array_equal(starts[0], search.first)
    for end, start in zip(reached, starts[1:]):
        assert_allclose(start, end + 0.3 * starts[0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("random_state", range(3))
def test_the_articles_moons_are_never_parted_by_a_straight_line(random_state):
    """In none of five folds."""
    X, y = make_moons(200, noise=0.20, random_state=0)
    line = LogisticRegression().fit(X, y)
    at_line = log_loss(y, line.predict_proba(X))
    for train, _ in KFold(5, shuffle=True, random_state=random_state).split(X):
        model = ScratchMLPClassifier(random_state=random_state)
        model.fit(X[train], y[train])
        assert log_loss(y, model.predict_proba(X)) < 0.6 * at_line


def test_what_a_fit_tells_of_its_path():
    X, y = moons()
    model = ScratchMLPClassifier(5, random_state=0).fit(X, y)
    assert_array_equal(model.alpha_path_["alpha"], [a for a in ALPHAS if a <= 133 / 9])
    assert len(model.alpha_path_["validation_loss"]) == len(model.alpha_path_["alpha"])
    assert model.alpha_ in model.alpha_path_["alpha"]
    assert ScratchMLPClassifier(5, alpha=1.0).fit(X, y).alpha_path_ is None


# Short runs


@pytest.mark.parametrize(("least", "epochs"), [(0, 6), (1e9, 24)])
def test_short_runs_begin_at_the_same_start_with_the_same_draws(
    monkeypatch, least, epochs
):
    """A quarter of the 24 epochs; all, where there are too few updates."""
    monkeypatch.setattr(short, "LEAST_UPDATES", least)
    starts, orders = [], []

    class Watched(GradientDescent):
        def run(self, objective, state, on_epoch, random_state=None):
            starts.append(objective.theta.copy())
            outcome = super().run(objective, state, on_epoch, random_state)
            assert state["epoch"] == epochs
            return outcome

        def _order(self, n_samples, random_state):
            orders.append(super()._order(n_samples, random_state))
            return orders[-1]

    solver = Watched(**vars(IN_BATCHES))
    search = searched(*moons(), solver)
    n_alphas = len(search.choice.table["alpha"])
    assert len(starts) == n_alphas >= 3
    for start in starts:
        assert_array_equal(start, search.first)
    by_alpha = np.array(orders).reshape(n_alphas, epochs, -1)
    assert (by_alpha == by_alpha[0]).all()
    assert_array_equal(search.network.parameters.theta, search.first)


OUTWARD = {
    100.0: [10, 3, 30, 100],
    30.0: [10, 3, 30, 100],
    10.0: [10, 3, 30],
    3.0: [10, 3, 1],
    1.0: [10, 3, 1, 0.3],
    0.3: [10, 3, 1, 0.3],
}


@pytest.mark.parametrize("best", short.ALPHAS)
def test_alphas_are_tried_outward_while_the_loss_falls(best):
    """From 10: the weaker ones first, the stronger where none of these is better."""
    tried = list(outward(lambda alpha: abs(np.log(alpha / best))))
    assert tried == OUTWARD[best]


def test_a_loss_that_is_no_number_ends_a_side():
    losses = {10.0: 1.0, 3.0: np.inf, 30.0: 0.9, 100.0: np.inf}
    assert list(outward(losses.get)) == [10.0, 3.0, 30.0, 100.0]


def test_of_many_rows_a_quarter_is_tried_for_half_of_the_epochs(monkeypatch):
    monkeypatch.setattr(short, "MANY_ROWS", 100)
    sample = make_sample(*moons(100), LOSS).distinct()
    some, share = short.rows_of_short_runs(sample, np.random.RandomState(0))
    assert (some.n_samples, share) == (25, 1 / 2)
    few = sample.only(sample.subset[:99])
    some, share = short.rows_of_short_runs(few, np.random.RandomState(0))
    assert (some.n_samples, share) == (99, 1 / 4)


@pytest.mark.parametrize("solver", ["adam", "sgd", "gd", "gauss_newton"])
@pytest.mark.parametrize("n", [50, 120])
def test_every_solver_with_a_penalty_chooses_it(solver, n, task):
    given = {"solver": solver, "max_iter": 8, "random_state": 0}
    X, y = moons(n)
    model = task.network((4,), "tanh", **given).fit(X, task.y(y))
    assert model.alpha_ in model.alpha_path_["alpha"]
    assert np.isfinite(model.alpha_path_["validation_loss"]).all()


def test_dropout_is_drawn_in_short_runs_too():
    X, y = moons()
    given = {"solver": "adam", "max_iter": 8, "random_state": 0, "dtype": "float64"}
    plain, dropped = (
        ScratchMLPClassifier((8,), dropout=p, **given).fit(X, y) for p in (0.0, 0.5)
    )
    losses = plain.alpha_path_, dropped.alpha_path_
    assert losses[0]["validation_loss"][0] != losses[1]["validation_loss"][0]
    again = ScratchMLPClassifier((8,), dropout=0.5, **given).fit(X, y)
    found, expected = (m.alpha_path_["validation_loss"] for m in (again, dropped))
    assert_array_equal(found, expected)


# The temperature


def calibration_loss(z, Y, weights, log_t, name="softmax_cross_entropy"):
    """Return the weighted losses at a temperature, and its prior."""
    z = z / np.exp(log_t)
    if name == "softmax_cross_entropy":
        losses = -(Y * log_softmax(z, axis=1)).sum(axis=1)
    else:
        losses = (np.logaddexp(0, z) - Y * z).sum(axis=1)
    return weights @ losses + (log_t / 0.25) ** 2 / 2


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "logistic_cross_entropy"])
@pytest.mark.parametrize("size", [0.1, 1.0, 8.0])
@pytest.mark.parametrize("n", [1, 30, 500])
def test_the_temperature_is_where_a_fine_grid_has_its_least(name, size, n):
    rng = np.random.RandomState(n)
    z = size * rng.randn(n, 3)
    Y = (rng.rand(n, 3) < 0.5) * 1.0
    if name == "softmax_cross_entropy":
        Y = np.eye(3)[rng.randint(3, size=n)]
    weights = rng.rand(n)
    weights /= weights.mean()
    grid = np.linspace(-2, 2, 4001)
    losses = [calibration_loss(z, Y, weights, log_t, name) for log_t in grid]
    found = best_temperature(LOSSES[name], z, Y, weights[:, np.newaxis])
    assert abs(np.log(found) - grid[np.argmin(losses)]) < 0.002


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_temperature_of_outputs_that_are_no_numbers_is_1(value):
    z = np.array([[1.0, 2.0], [value, 0.0]])
    assert best_temperature(LOSS, z, np.eye(2), np.ones((2, 1))) == 1.0


def test_a_weight_of_k_is_k_rows():
    rng = np.random.RandomState(0)
    z, Y = 4 * rng.randn(40, 2), np.eye(2)[rng.randint(2, size=40)]
    k = np.arange(40) % 4
    copies = z.repeat(k, axis=0), Y.repeat(k, axis=0)
    many = best_temperature(LOSS, *copies, np.ones((k.sum(), 1)))
    assert_allclose(best_temperature(LOSS, z, Y, 1.0 * k[:, np.newaxis]), many)


def test_candidates_are_judged_after_the_temperature_that_suits_them():
    rng = np.random.RandomState(0)
    z, Y = 5 * rng.randn(200, 2), np.eye(2)[rng.randint(2, size=200)]
    weights = np.ones(200)
    candidates = Candidates(LOSS, calibrated=True)
    candidates.add(1.0, (z.copy(), Y, weights[:, np.newaxis]))
    found = candidates.chosen()
    best = minimize_scalar(
        lambda log_t: calibration_loss(z, Y, weights, log_t), bounds=(-2, 2)
    )
    assert_allclose(np.log(found.temperature), best.x, atol=1e-4)
    log_p = log_softmax(z / found.temperature, axis=1)
    assert_allclose(found.mean, -(Y * log_p).sum(axis=1).mean(), rtol=1e-10)


@pytest.mark.parametrize("n", [60, 150])
def test_the_path_tells_the_temperature_of_the_chosen_alpha(n):
    search = searched(*moons(n), calibrate=True)
    held_out = [held_out for _, held_out in search._parts]
    thetas = [by_alpha[search.choice.alpha] for by_alpha in ends(search)]
    pairs = zip(held_out, thetas)
    z = np.concatenate([logits_by_hand(search, *pair) for pair in pairs])
    y = np.concatenate([rows.of_subset(rows.codes) for rows in held_out])
    expected = best_temperature(LOSS, z, np.eye(2)[y], np.ones((len(y), 1)))
    assert_allclose(search.choice.temperature, expected, rtol=1e-6)


def calibrated(solver="adam", n=150, **params):
    """Return a fit, its rows, and its outputs before they were divided by anything."""
    given = {"solver": solver, "calibrate": True, "max_iter": 12, "dtype": "float64"}
    model = ScratchMLPClassifier((6,), "tanh", random_state=0, **given | params)
    X, y = moons(n)
    model.fit(X, y)
    hidden = model.hidden_activations(X)
    W, b = model.coefs_[-1] * model.temperature_, model.intercepts_[-1]
    return model, X, y, hidden @ W + b * model.temperature_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("n", [60, 150])
def test_it_is_folded_into_the_output_layer(solver, n):
    model, X, y, raw = calibrated(solver, n)
    assert model.temperature_ != 1
    p = softmax(raw / model.temperature_, axis=1)
    assert_allclose(model.predict_proba(X), p, rtol=1e-10)
    assert_array_equal(model.predict(X), raw.argmax(axis=1))


def test_the_temperature_of_held_out_rows_is_that_found_by_hand():
    X, y = moons(150)
    given = {"solver": "adam", "calibrate": True, "max_iter": 12, "dtype": "float64"}
    model = ScratchMLPClassifier((6,), "tanh", random_state=0, **given)
    model.fit(X[:90], y[:90], X_val=X[90:], y_val=y[90:])
    log_p = model.predict_log_proba(X[90:]) * model.temperature_
    best = minimize_scalar(
        lambda log_t: calibration_loss(log_p, np.eye(2)[y[90:]], np.ones(60), log_t),
        bounds=(-2, 2),
    )
    assert_allclose(np.log(model.temperature_), best.x, atol=1e-4)
    p = softmax(log_p / np.exp(best.x), axis=1)
    assert_allclose(model.predict_proba(X[90:]), p, rtol=1e-3)


def test_the_loss_and_the_curves_are_those_of_training():
    """The last loss of L-BFGS is that of the layers before the temperature."""
    model, X, y, raw = calibrated("lbfgs", standardize=False)
    log_p = log_softmax(raw, axis=1)[np.arange(len(y)), y]
    squares = sum(np.square(W).sum() for W in model.coefs_[:-1])
    squares += np.square(model.coefs_[-1] * model.temperature_).sum()
    penalty = model.alpha_ / (2 * len(y)) * squares
    assert_allclose(model.loss_, -log_p.mean() + penalty, rtol=1e-8)


@pytest.mark.parametrize(
    "params", [{"calibrate": False}, {"alpha": 1.0}, {"calibrate": "auto"}]
)
def test_without_it_the_temperature_is_1(params):
    """Where alpha is given nothing is held out; "auto" is for wide networks."""
    model, X, _, raw = calibrated(**params)
    assert model.temperature_ == 1
    assert_allclose(model.predict_proba(X), softmax(raw, axis=1), rtol=1e-12)


def test_several_labels_have_one_temperature():
    X, y = moons(150)
    Y = np.c_[y, X[:, 0] > 0.5].astype(int)
    given = {"solver": "adam", "max_iter": 12, "random_state": 0}
    model = ScratchMLPClassifier((6,), calibrate=True, **given).fit(X, Y)
    assert isinstance(model.temperature_, float)
    assert model.temperature_ != 1


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_training_goes_on_from_the_layers_before_the_temperature(call):
    """The first loss is theirs; what is handed out keeps the temperature."""
    model, X, y, raw = calibrated()
    temperature, before = model.temperature_, model.predict_proba(X)
    model.set_params(warm_start=True, alpha=0.0, learning_rate_init=1e-30, max_iter=1)
    getattr(model, call)(X, y)
    log_p = log_softmax(raw, axis=1)[np.arange(len(y)), y]
    assert_allclose(model.loss_curve_[-1], -log_p.mean(), rtol=1e-6)
    assert model.temperature_ == temperature != 1
    assert_allclose(model.predict_proba(X), before, rtol=1e-6)


# The relevance of columns


def columns_of_noise(n=150, n_noise=6, seed=0):
    """Return X, whose first two columns alone have to do with y."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 2 + n_noise)
    return X, (X[:, 0] * X[:, 1] + 0.3 * rng.randn(n) > 0).astype(int)


def norms(W):
    return np.sqrt(np.square(W).sum(axis=1))


def test_relevances_are_by_their_formula():
    W = np.random.RandomState(0).randn(4, 3) * [[5.0], [1.0], [1e-6], [0.0]]
    r = np.maximum(norms(W) / norms(W).max(), 1e-3)
    assert_allclose(relevances(W), r / np.sqrt(np.mean(r**2)))
    assert_array_equal(relevances(np.zeros((3, 2))), 1)
    assert_array_equal(relevances(np.full((3, 2), np.nan)), 1)


def test_all_bins_of_a_column_share_one_relevance():
    W, columns = np.arange(10.0).reshape(5, 2), np.array([0, 1, 0, 0, 1])
    r = np.sqrt([(W[columns == j] ** 2).sum() for j in (0, 1)])
    r = (r / r.max())[columns]
    assert_allclose(relevances(W, columns), r / np.sqrt(np.mean(r**2)))


@pytest.mark.parametrize("n", [150, 120])
def test_it_is_fit_then_scale_then_fit(n):
    """Against a pipeline written out: the columns are scaled outside, between two."""
    X, y = columns_of_noise(n)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    first = network_for(X).parameters
    first.theta[:] = np.random.RandomState(3).randn(len(first.theta)) / 3

    def fit(X, **settings):
        data = PreparedData(make_sample(X, y, LOSS))
        if settings["adaptive"]:
            data = prepare(data.train)
        return fit_network(
            network_for(X),
            data,
            Settings(replace(ON_PATH, max_iter=20), alpha=None, **settings),
            start=first,
            random_state=np.random.RandomState(0),
        )

    whole = fit(X, adaptive=True)
    search = PenaltySearch(
        network_for(X),
        prepare(make_sample(X, y, LOSS)),
        Settings(ON_PATH, alpha=None),
        np.random.RandomState(0),
    )
    search._first[:] = first.theta
    search.run()
    chosen = [search.choice.alpha]
    walk(search.network, search._rows, search.settings, chosen, lambda alpha: None)
    r = norms(search.network.weights[0])
    r = np.maximum(r / r.max(), 1e-3)
    scaled = X * r / np.sqrt(np.mean(r**2))
    again = fit(scaled, adaptive=False)
    assert_allclose(whole.choice.factors, scaled[0] / X[0], rtol=1e-6)
    assert again.choice.alpha == whole.choice.alpha
    for name in "alpha", "validation_loss":
        expected = again.choice.table[name]
        assert_allclose(whole.choice.table[name], expected, rtol=1e-4)
    assert_allclose(whole.theta, again.theta, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_columns_of_pure_noise_get_next_to_none(seed, task):
    X, y = columns_of_noise(300, seed=seed)
    y = task.y(y)
    given = {"hidden_layer_sizes": (6,), "random_state": seed}
    model = task.network(adaptive_penalty=True, **given).fit(X, y)
    assert model.feature_importances_[2:].max() < 0.1
    assert model.feature_importances_[:2].min() > 0.3
    plain = task.network(adaptive_penalty=False, **given).fit(X, y)
    assert plain.penalty_factors_ is None
    noise = model.feature_importances_[2:].sum(), plain.feature_importances_[2:].sum()
    assert noise[0] < 0.7 * noise[1]


def test_a_rescaling_of_the_columns_changes_nothing(task):
    X, y = columns_of_noise()
    y = task.y(y)
    rescaled = X * [1024, 1 / 8, 2, 1, 4, 1 / 2, 1, 2] + 1
    given = {"hidden_layer_sizes": (6,), "activation": "tanh", "random_state": 0}
    given["adaptive_penalty"] = True
    one, other = (task.network(**given).fit(rows, y) for rows in (X, rescaled))
    assert one.alpha_ == other.alpha_
    assert_allclose(other.penalty_factors_, one.penalty_factors_, rtol=1e-3)
    assert_allclose(other.feature_importances_, one.feature_importances_, rtol=1e-3)
    found, expected = task.answers(other, rescaled), task.answers(one, X)
    assert_allclose(found, expected, atol=1e-3)


def test_nor_does_a_permutation_of_columns_and_first_weights():
    """With rows held out by the caller: the order of the columns sorts the others."""
    X, y = columns_of_noise(200)
    columns = np.random.RandomState(0).permutation(X.shape[1])
    first = network_for(X).parameters
    first.theta[:] = np.random.RandomState(3).randn(len(first.theta)) / 3
    permuted = network_for(X).parameters
    permuted.theta[:] = first.theta
    permuted.weights[0][:] = first.weights[0][columns]

    def fit(X, start):
        held_out = make_sample(X[130:], y[130:], LOSS)
        return fit_network(
            network_for(X),
            prepare(make_sample(X[:130], y[:130], LOSS), held_out),
            Settings(ON_PATH, alpha=None, adaptive=True),
            start=start,
            random_state=np.random.RandomState(0),
        )

    one, other = fit(X, first), fit(X[:, columns], permuted)
    assert one.choice.alpha == other.choice.alpha
    assert_allclose(other.choice.factors, one.choice.factors[columns], rtol=1e-4)
    W, expected = other.network.weights[0], one.network.weights[0][columns]
    assert_allclose(W, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
def test_importances_are_norms_by_column_of_the_scaled_inputs(
    solver, adaptive, encoding, monkeypatch
):
    """Their sum is 1, one for each column of X as it came."""
    monkeypatch.setattr(search_module, "ALIKE", 1.0)
    X, y = columns_of_noise(120, 2)
    X = X * [1, 10, 100, 1000] + 5
    given = {"solver": solver, "adaptive_penalty": adaptive, "max_iter": 6}
    given |= {"numeric_encoding": encoding, "n_bins": 3, "standardize": True}
    model = ScratchMLPClassifier((4,), random_state=0, **given).fit(X, y)
    inputs, columns = X, np.arange(4)
    if encoding == "piecewise":
        steps = [
            np.clip((X[:, j, None] - e[:-1]) / np.diff(e), 0, 1)
            for j, e in enumerate(model.bin_edges_)
        ]
        inputs = np.column_stack([X, *steps])
        columns = np.r_[columns, np.repeat(columns, 3)]
    squares = np.square(norms(model.coefs_[0]) * inputs.std(axis=0))
    expected = np.sqrt(np.bincount(columns, squares))
    assert_allclose(model.feature_importances_, expected / expected.sum(), rtol=1e-4)
    assert_allclose(model.feature_importances_.sum(), 1)
    if adaptive:
        factors = model.penalty_factors_
        assert_allclose(np.square(factors).mean(), 1)
        assert len(set(factors)) == 4
        assert_array_equal(factors, factors[:4][columns])


@pytest.mark.parametrize(
    "params",
    [{"alpha": 1.0}, {"adaptive_penalty": False}, {"standardize": False}],
    ids=lambda params: next(iter(params)),
)
def test_without_a_choice_columns_have_no_factors(params):
    X, y = columns_of_noise()
    model = ScratchMLPClassifier((4,), random_state=0, max_iter=5, **params).fit(X, y)
    assert model.penalty_factors_ is None
    assert_allclose(model.feature_importances_.sum(), 1)


@pytest.mark.parametrize(("n", "adaptive"), [(99, False), (100, True)])
def test_columns_are_looked_at_from_100_rows_on(n, adaptive):
    X, y = columns_of_noise(n, 1)
    model = ScratchMLPClassifier((3,), random_state=0).fit(X, y)
    assert (model.penalty_factors_ is not None) == adaptive


def test_columns_that_all_count_keep_one_penalty():
    """And there is no second search."""
    X = np.random.RandomState(0).randn(150, 2)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = ScratchMLPClassifier((10,), random_state=0).fit(X, y)
    plain = clone(model).set_params(adaptive_penalty=False).fit(X, y)
    assert model.penalty_factors_ is None
    assert_array_equal(model.coefs_[0], plain.coefs_[0])
    with_noise = clone(model).fit(np.column_stack([X, X[::-1]]), y)
    factors = with_noise.penalty_factors_
    assert factors[2:].max() < 0.5 * factors.max()


def test_factors_are_gone_on_with():
    """By a warm start and by ``partial_fit``: from the same function, of those rows."""
    X, y = columns_of_noise()
    given = {"solver": "adam", "max_iter": 6, "adaptive_penalty": True}
    model = ScratchMLPClassifier((4,), random_state=0, dtype="float64", **given)
    model.fit(X, y).set_params(warm_start=True, learning_rate_init=1e-30)
    factors, before = model.penalty_factors_, model.predict_proba(X)
    importances = model.feature_importances_
    for call in model.fit, model.partial_fit, model.partial_fit:
        call(X, y)
        assert_allclose(model.penalty_factors_, factors)
        assert_allclose(model.feature_importances_, importances, rtol=1e-6)
        assert_allclose(model.predict_proba(X), before, rtol=1e-6)


def test_importances_serve_those_who_select_by_them():
    X, y = columns_of_noise(120, 3)
    model = ScratchMLPClassifier((4,), "tanh", random_state=0)
    selected = SelectFromModel(model).fit(X, y)
    assert_array_equal(selected.get_support(indices=True), [0, 1])
    fast = ScratchMLPClassifier((4,), "tanh", alpha=0.3, max_iter=30, random_state=0)
    chosen = RFE(fast, n_features_to_select=2).fit(X, y)
    assert_array_equal(np.flatnonzero(chosen.support_), [0, 1])


def test_unshuffled_parts_are_read_in_the_order_of_the_rows(monkeypatch, on_the_page):
    """Not in that of the distinct rows, which are sorted by their first column."""
    X, y = moons(300)
    visited, take = [], DenseRows.take

    def watched(self, indices):
        visited.append(indices)
        return take(self, indices)

    monkeypatch.setattr(DenseRows, "take", watched)
    given = {"solver": "adam", "shuffle": False, "calibrate": True, "max_iter": 6}
    ScratchMLPClassifier((3,), batch_size=500, random_state=0, **given).fit(X, y)
    trained = [rows for rows in visited if len(rows) > 60]  # the others are held out
    assert {len(rows) for rows in trained} == {240, 300}
    assert all((np.diff(rows) > 0).all() for rows in trained)


def test_rows_are_sorted_once(monkeypatch):
    sorted_, original = [], sample_module.distinct_rows

    def watched(columns, rows):
        sorted_.append(len(rows))
        return original(columns, rows)

    monkeypatch.setattr(sample_module, "distinct_rows", watched)
    ScratchMLPClassifier((3,), random_state=0).fit(*moons(150))
    assert sorted_ == [150]


@pytest.mark.parametrize("parameter", ["adaptive_penalty", "calibrate"])
def test_what_goes_with_the_choice_of_alpha_is_ignored_without_it(parameter):
    """With a warning, and without one where it is not asked for."""
    X, y = moons()
    model = ScratchMLPClassifier(5, alpha=1, random_state=0, **{parameter: True})
    with pytest.warns(UserWarning, match=f"{parameter}=True has no use with alpha=1"):
        model.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = ScratchMLPClassifier(5, alpha=1, random_state=0, **{parameter: False})
        plain.fit(X, y)
        ScratchMLPClassifier(5, random_state=0, **{parameter: True}).fit(X, y)
    assert_array_equal(model.coefs_[0], plain.coefs_[0])


# A single path


def single(X, y, **settings):
    """Return the search of a single path."""
    loss = LOSSES["squared_error"]
    return searched(X, y, loss=loss, single_path=True, **settings)


def line(n_samples, noise, seed=0):
    """Return rows, and two columns of numbers that bend, with noise."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n_samples, 3)
    y = np.column_stack([np.sin(2 * X[:, 0]) + X[:, 1], np.abs(X[:, 1])])
    return X, y + noise * rng.randn(n_samples, 2)


@pytest.mark.parametrize("n_samples", [150, 600])
def test_a_single_path_holds_one_third_out(n_samples):
    parts = single(*line(n_samples, 1.0))._parts
    assert [part.n_samples for part in parts[0]] == [n_samples * 2 // 3, n_samples // 3]
    assert len(parts) == 1
    several = searched(*line(n_samples, 1.0), loss=LOSSES["squared_error"])
    assert len(several._parts) == (3 if n_samples < 500 else 1)


def test_a_single_path_ends_where_two_alphas_are_worse():
    table = single(*line(300, 2.0)).choice.table
    losses = table["validation_loss"]
    assert losses.argmin() == len(losses) - 3
    assert table["alpha"][-1] > ALPHAS[-1]


def test_a_single_path_goes_on_as_long_as_it_gets_better():
    table = single(*line(300, 0.0)).choice.table
    assert table["alpha"][-1] < ALPHAS[-1]
    assert np.all(np.diff(table["alpha"]) < 0)


def test_all_tenths_of_a_single_path_try_the_same_alphas():
    search = single(*line(60, 2.0))
    assert len(search._parts) == 10
    assert_array_equal(search.choice.table["alpha"], [100.0, *ALPHAS])


@pytest.mark.parametrize(
    ("means", "past"),
    [
        ([1.0], False),
        ([1.0, 2.0], False),
        ([1.0, 2.0, 3.0], True),
        ([2.0, 1.0, 3.0], False),
        ([2.0, 1.0, 3.0, 1.5], True),
        ([3.0, 2.0, 1.0, 0.5], False),
    ],
)
def test_past_the_best(means, past):
    candidates = Candidates(LOSSES["squared_error"])
    one = np.ones((1, 1))
    for i, mean in enumerate(means):
        candidates.add(10.0 - i, (np.sqrt(2 * mean) * one, 0 * one, one))
    assert candidates.is_past_the_best() is past
