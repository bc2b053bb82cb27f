"""Every solver keeps the contract of `Solver.run`; the article's minimum; refusals."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn.estimator.parameter_checks import parameters_read_by
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.curvature import max_parameters
from sklearn_scratchnn.network.losses import LOSSES, Loss, SoftmaxCrossEntropy
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.schedules import SCHEDULES
from sklearn_scratchnn.training.signals import Outcome, Signal
from sklearn_scratchnn.training.solvers import gauss_newton
from sklearn_scratchnn.training.solvers.registry import SOLVERS

FULL_BATCH = [name for name in SOLVERS if name not in OPTIMIZERS]
PAIRS = [  # of solvers and the losses that they suit
    (name, loss)
    for name in SOLVERS
    for loss in LOSSES
    if name != "gauss_newton" or LOSSES[loss].has_curvature
]

solvers = pytest.mark.parametrize("name", SOLVERS)
full_batch = pytest.mark.parametrize("name", FULL_BATCH)
losses = pytest.mark.parametrize("loss", LOSSES)
solvers_of_losses = pytest.mark.parametrize(("name", "loss"), PAIRS)
unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def descent(optimizer, **settings):
    """Return a `GradientDescent` of constant rate over minibatches of four."""
    return SOLVERS["gd"](
        **{
            "optimizer": optimizer,
            "schedule": SCHEDULES["constant"](),
            "rate": 0.05,
            "batch_size": 4,
            "max_iter": 6,
            "tol": 0.0,
        }
        | settings
    )


def solver_of(name, max_iter=6, rate=0.05):
    """Return a solver that has much left to do after ``max_iter`` passes."""
    if name == "lbfgs":
        return SOLVERS[name](max_iter=max_iter, max_fun=1000, tol=0.0)
    if name == "gauss_newton":
        return SOLVERS[name](max_iter=max_iter, tol=0.0)
    if name == "gd":
        plain = OPTIMIZERS["sgd"](momentum=0.0)
        return descent(plain, batch_size=None, max_iter=max_iter, rate=rate)
    return descent(OPTIMIZERS[name](), max_iter=max_iter, rate=rate)


def watched(
    solver, objective, signal=lambda n: Signal.CONTINUE, state=None, random_state=None
):
    """Run; return the outcome, the reports, and theta after each of them."""
    reports, thetas = [], []

    def on_epoch(loss, rate, gradient_norm):
        reports.append((float(loss), rate, float(gradient_norm)))
        thetas.append(objective.theta.copy())
        return signal(len(reports))

    state = solver.init(objective) if state is None else state
    random_state = random_state or np.random.RandomState(0)
    outcome = solver.run(objective, state, on_epoch, random_state)
    return outcome, reports, thetas


def value_and_norm(objective, theta):
    objective.theta[:] = theta
    value = objective.value_and_gradient()
    return value, np.linalg.norm(objective.gradient.theta)


# The contract -----------------------------------------------------------------------


@solvers_of_losses
def test_one_report_a_pass(objective_of, name, loss):
    solver, objective = solver_of(name), objective_of(("tanh",), loss, alpha=0.1)
    outcome, reports, thetas = watched(solver, objective)
    assert outcome is Outcome.EXHAUSTED
    assert len(reports) == 6
    assert all(np.any(a != b) for a, b in pairwise(thetas))
    assert_array_equal(objective.theta, thetas[-1])


@pytest.mark.parametrize(
    ("name", "loss"), [pair for pair in PAIRS if pair[0] in FULL_BATCH]
)
@pytest.mark.parametrize("block", [None, 5], ids=["whole", "blocks"])
def test_reports_are_of_the_parameters_they_name(objective_of, name, loss, block):
    """Loss and gradient norm before the pass's step, or after it: the solver says."""
    settings = {"loss": loss, "alpha": 0.1, "block": block}
    solver, objective = solver_of(name), objective_of(("tanh",), **settings)
    start = objective.theta.copy()
    _, reports, thetas = watched(solver, objective)
    fresh = objective_of(("tanh",), **settings)
    if solver.reports_before_step:
        thetas = [start, *thetas[:-1]]
    for (loss, _, norm), theta in zip(reports, thetas, strict=True):
        assert_allclose((loss, norm), value_and_norm(fresh, theta), rtol=1e-9)


@solvers
def test_stop_stops(objective_of, name):
    solver, objective = solver_of(name), objective_of(("tanh",), alpha=0.1)
    state = solver.init(objective)
    stop_at_2 = [Signal.CONTINUE, Signal.STOP].__getitem__
    outcome, reports, thetas = watched(
        solver, objective, lambda n: stop_at_2(n - 1), state
    )
    assert outcome is Outcome.STOPPED
    assert len(reports) == state["epoch"] == 2
    assert_allclose(objective.theta, thetas[-1], rtol=1e-15)


@solvers
def test_plateau_converges(objective_of, name):
    objective = objective_of(("tanh",), alpha=0.1)
    plateau = Signal.REDUCE_LEARNING_RATE
    outcome, reports, _ = watched(solver_of(name), objective, lambda n: plateau)
    assert outcome is Outcome.CONVERGED
    assert len(reports) == 1


@solvers
def test_exceptions_go_through(objective_of, name):
    """Such as the user's interrupt."""

    def interrupt(n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched(solver_of(name), objective_of(("tanh",)), interrupt)


@solvers_of_losses
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # of steps taken back
def test_the_loss_falls(objective_of, name, loss):
    """At each pass for the two that see to it."""
    objective = objective_of(("tanh", "gelu"), loss, alpha=0.1)
    start = objective.theta.copy()
    _, reports, thetas = watched(solver_of(name, max_iter=15, rate=0.01), objective)
    fresh = objective_of(("tanh", "gelu"), loss, alpha=0.1)
    before, _ = value_and_norm(fresh, start)
    assert value_and_norm(fresh, thetas[-1])[0] < before
    if name in ("lbfgs", "gauss_newton"):
        assert np.all(np.diff([loss for loss, *_ in reports]) < 0)


@full_batch
def test_a_minimum_ends_the_run(objective_of, name):
    """Where the gradient is as small as tol, nothing is left to do."""
    objective = objective_of((), alpha=1.0)
    watched(solver_of("gauss_newton", max_iter=100), objective)
    assert value_and_norm(objective, objective.theta)[1] < 1e-8
    tolerant = {
        "lbfgs": lambda: SOLVERS["lbfgs"](max_iter=50, max_fun=1000, tol=1e-6),
        "gauss_newton": lambda: SOLVERS["gauss_newton"](max_iter=50, tol=1e-6),
        "gd": lambda: descent(OPTIMIZERS["sgd"](), batch_size=None, tol=1e-6),
    }
    outcome, reports, _ = watched(tolerant[name](), objective)
    assert outcome is Outcome.CONVERGED
    assert len(reports) <= 1


@pytest.mark.parametrize("name", ["gd", *OPTIMIZERS])
def test_descent_goes_on_from_its_state(objective_of, name):
    """Two runs of three passes are one run of six."""
    whole, parts = objective_of(("tanh",)), objective_of(("tanh",))
    watched(solver_of(name, max_iter=6), whole)
    solver = solver_of(name, max_iter=6)
    state = solver.init(parts)
    stop_at_3, draws = {3: Signal.STOP}, np.random.RandomState(0)
    watched(solver, parts, lambda n: stop_at_3.get(n, Signal.CONTINUE), state, draws)
    outcome, reports, _ = watched(solver, parts, state=state, random_state=draws)
    assert outcome is Outcome.EXHAUSTED
    assert len(reports) == 3
    assert_array_equal(parts.theta, whole.theta)


# Minibatches ------------------------------------------------------------------------


@losses
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True])
def test_minibatch_gradients_add_up(objective_of, loss, is_sparse, weighted):
    """Three batches of four rows, steps too short to matter: the gradient of all."""
    settings = {
        "alpha": 0.3,
        "is_sparse": is_sparse,
        "standardize": True,
        "sample_weight": np.arange(1.0, 13) if weighted else None,
    }
    objective = objective_of(("tanh",), loss, **settings)
    start = objective.theta.copy()
    rate = 1e-6
    solver = descent(OPTIMIZERS["sgd"](momentum=0.0), rate=rate, max_iter=1)
    _, [(reported, *_)], _ = watched(solver, objective)
    steps = (start - objective.theta) / rate
    value, _ = value_and_norm(objective, start)
    assert_allclose(reported, value, rtol=1e-4)
    gradient = objective.gradient.theta
    assert_allclose(steps / 3, gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max())


def test_every_row_is_seen_once_a_pass(objective_of, on_the_page):
    """Shuffled or not, and with a last batch that is smaller than the rest."""
    objective = objective_of(())
    objective.theta[:] = 0
    seen = []
    batches = objective.batches

    def spy(order, batch_size):
        seen.append(order)
        yield from batches(order, batch_size)

    objective.batches = spy
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    for shuffle in (False, True):
        watched(descent(plain, batch_size=5, max_iter=3, shuffle=shuffle), objective)
    plain, shuffled = seen[:3], seen[3:]
    for order in plain:
        assert_array_equal(order, np.arange(12))
    for order in shuffled:
        assert_array_equal(np.sort(order), np.arange(12))
    assert len({tuple(order) for order in shuffled}) == 3


def test_one_batch_of_everything_is_gradient_descent(objective_of):
    """To rounding, as the rows come in another order."""
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    batch, full = objective_of(("tanh",)), objective_of(("tanh",))
    _, batch_reports, _ = watched(descent(plain, batch_size=12), batch)
    _, full_reports, _ = watched(descent(plain, batch_size=None), full)
    assert_allclose(batch_reports, full_reports, rtol=1e-11)
    assert_allclose(batch.theta, full.theta, rtol=1e-10)


@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("standardize", [False, True])
def test_the_full_batch_after_minibatches(objective_of, is_sparse, standardize):
    """What minibatches leave in the buffers does not reach a later full batch."""
    settings = {"is_sparse": is_sparse, "standardize": standardize}
    used, fresh = (objective_of(("tanh",), **settings) for _ in range(2))
    used.value()
    watched(descent(OPTIMIZERS["sgd"]()), used)
    fresh.theta[:] = used.theta
    assert_allclose(used.value(), fresh.value(), rtol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 4], ids=["full", "minibatch"])
def test_max_grad_norm_bounds_each_step(objective_of, batch_size):
    """A longer gradient is cut to the norm, a shorter one left; its report is uncut."""
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    settings = {"batch_size": batch_size, "max_iter": 1, "rate": 1.0, "shuffle": False}
    reports, steps = {}, {}
    for bound in (None, 0.01, 1e6):
        objective = objective_of(("tanh",))
        start = objective.theta.copy()
        solver = descent(plain, max_grad_norm=bound, **settings)
        _, reports[bound], _ = watched(solver, objective)
        steps[bound] = objective.theta - start
    n_updates = 1 if batch_size is None else 3
    assert np.linalg.norm(steps[None]) > 0.1
    assert 0.002 * n_updates < np.linalg.norm(steps[0.01]) <= 0.01 * n_updates + 1e-12
    assert_array_equal(steps[1e6], steps[None])
    assert reports[0.01][0][2] == reports[None][0][2] > 0.1
    if batch_size is None:
        assert_allclose(steps[0.01], steps[None] * 0.01 / reports[None][0][2])


def test_gauss_newton_converges_quadratically_on_a_convex_objective(objective_of):
    """A handful of steps, where the curvature is exact."""
    objective = objective_of((), alpha=1.0)
    solver = SOLVERS["gauss_newton"](max_iter=50, tol=1e-10)
    outcome, reports, _ = watched(solver, objective)
    assert outcome is Outcome.CONVERGED
    assert len(reports) < 20
    assert reports[-1][2] < 1e-8


def least_squares(objective, alpha):
    """Return weights and intercepts by the normal equations."""
    (X, Y, w, _), *_ = objective.blocks()
    A = np.column_stack([X, np.ones(len(X))])
    w = np.broadcast_to(w, (len(X), 1))
    ridge = alpha / objective.total_weight * np.diag([*np.ones(X.shape[1]), 0])
    return np.linalg.solve(A.T @ (w * A) + ridge, A.T @ (w * Y))


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_gauss_newton_on_the_squared_error_is_levenberg_marquardt(
    objective_of, alpha, weighted
):
    """Without a hidden layer the undamped step ends at the least squares, of one go.

    The damped one is as far from it as the damping says: two steps leave next to
    nothing.
    """
    weight = np.arange(1.0, 13) if weighted else None
    settings = {"loss": "squared_error", "alpha": alpha, "sample_weight": weight}
    expected = least_squares(objective_of((), **settings), alpha)
    for damping, n_steps, within in ((0.0, 1, 1e-10), (None, 1, 0.02), (None, 2, 1e-4)):
        objective = objective_of((), **settings)
        solver = SOLVERS["gauss_newton"](max_iter=n_steps, tol=0.0)
        state = solver.init(objective)
        if damping is not None:
            state["damping"] = damping
        watched(solver, objective, state=state)
        found = np.vstack([objective.network.weights[0], objective.network.biases[0]])
        error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        assert error < within


# The article's minimum --------------------------------------------------------------

LOW = 0.0680  # where the article's own 20,000 passes end at 0.0708


def lowest_losses(moons, article, **settings):
    settings = article | {"max_iter": "auto"} | settings
    return np.array(
        [
            ScratchMLPClassifier(**settings | {"random_state": seed}).fit(*moons).loss_
            for seed in range(10)
        ]
    )


@unfinished
def test_gauss_newton_finds_the_articles_minimum(moons, article):
    """From at least nine seeds of ten."""
    losses = lowest_losses(moons, article, solver="gauss_newton")
    assert np.sum(losses <= LOW) >= 9


@unfinished
def test_lbfgs_finds_the_articles_minimum(moons, article):
    """From most seeds."""
    losses = lowest_losses(moons, article, solver="lbfgs")
    assert np.sum(losses <= LOW) >= 7


@pytest.mark.parametrize(("hidden", "pairs"), [((), 6), ((2,), 12), ((5,), 20)])
def test_lbfgs_keeps_no_more_pairs_than_parameters(moons, monkeypatch, hidden, pairs):
    asked, minimize = [], scipy.optimize.minimize

    def spy(*args, options, **keywords):
        asked.append(options["maxcor"])
        return minimize(*args, options=options, **keywords)

    monkeypatch.setattr(scipy.optimize, "minimize", spy)
    ScratchMLPClassifier(hidden, solver="lbfgs", alpha=0.1).fit(*moons)
    assert asked == [pairs]


# Refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lbfgs", "gauss_newton"])
@pytest.mark.parametrize(
    "setting",
    [
        {"dropout": 0.1},
        {"max_grad_norm": 1.0},
        {"learning_rate": "cosine"},
        {"learning_rate": "adaptive"},
    ],
    ids=str,
)
def test_settings_without_use_are_ignored_with_a_warning(moons, name, setting):
    """They change nothing."""
    (parameter,) = setting
    given = {"activation": "tanh", "max_iter": 3, "random_state": 0}
    model = ScratchMLPClassifier(3, solver=name, **given, **setting)
    with pytest.warns(UserWarning, match=f"{parameter}=.* has no use .*{name}"):
        model.fit(*moons)
    plain = ScratchMLPClassifier(3, solver=name, **given).fit(*moons)
    assert_array_equal(model.coefs_[0], plain.coefs_[0])


@solvers
@unfinished
def test_every_setting_without_use_is_warned_of(moons, name):
    """By one rule; those that are at their default, or switched off, are not."""
    other_than_default = {
        "alpha": 0.5,
        "batch_size": 50,
        "learning_rate": "invscaling",
        "learning_rate_init": 0.01,
        "power_t": 0.7,
        "shuffle": False,
        "momentum": 0.5,
        "nesterovs_momentum": False,
        "beta_1": 0.8,
        "beta_2": 0.99,
        "epsilon": 1e-7,
        "n_iter_no_change": 5,
        "max_fun": 100,
        "dropout": 0.1,
        "max_grad_norm": 1.0,
        "weight_decay": 0.1,
        "warmup_fraction": 0.1,
    }
    read = parameters_read_by(name)
    assert set().union(*map(parameters_read_by, SOLVERS)) == {
        *other_than_default,
        *({"tol", "max_iter"} & read),
    }
    model = ScratchMLPClassifier(3, "tanh", solver=name, **other_than_default)
    model.set_params(max_iter=2, early_stopping=False)
    with pytest.warns(UserWarning, match="has no use") as caught:
        model.fit(*moons)
    texts = [str(w.message) for w in caught if "has no use" in str(w.message)]
    warned = {text.split("=")[0] for text in texts}
    assert warned == set(other_than_default) - read


@pytest.mark.parametrize("schedule", ["invscaling", "adaptive", "cosine"])
def test_auto_comes_to_a_solver_that_keeps_the_schedule(moons, schedule):
    model = ScratchMLPClassifier(3, learning_rate=schedule, max_iter=3)
    assert model.fit(*moons).solver_ == "adam"


def test_adamw_takes_no_penalty(moons):
    """And says so: ``alpha_`` is what was applied."""
    given = {"solver": "adamw", "max_iter": 3, "random_state": 0}
    model = ScratchMLPClassifier(3, alpha=0.5, **given)
    with pytest.warns(UserWarning, match="alpha=0.5 has no use .*'adamw'"):
        model.fit(*moons)
    plain = ScratchMLPClassifier(3, **given).fit(*moons)
    assert model.alpha_ == plain.alpha_ == 0.0
    assert_array_equal(model.coefs_[0], plain.coefs_[0])


@unfinished
def test_a_grid_over_solver_and_alpha_runs(moons):
    """It stopped where a solver has no use for alpha."""
    grid = {"solver": ["lbfgs", "adamw", "adam"], "alpha": [0.1, 1.0]}
    search = GridSearchCV(ScratchMLPClassifier(3, max_iter=3), grid, cv=2)
    with pytest.warns(UserWarning, match="alpha=.* has no use"):
        search.set_params(error_score="raise").fit(*moons)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("solver", ["auto", *(s for s in SOLVERS if s != "adamw")])
def test_other_solvers_take_no_weight_decay(moons, solver):
    model = ScratchMLPClassifier(3, "tanh", solver=solver, weight_decay=0.5)
    with pytest.warns(UserWarning, match="weight_decay=0.5 has no use .*'adamw'"):
        model.fit(*moons)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(weight_decay=0, max_iter=2).fit(*moons)


def test_gauss_newton_survives_a_matrix_that_rounding_leaves_singular(
    objective_of, monkeypatch
):
    """Ten copies of each column, units that are off, single precision.

    Whether Cholesky fails there depends on the processor: here it fails twice at least.
    """
    calls, solve = [], gauss_newton.solve_positive

    def solve_from_the_third_on(A, b):
        calls.append(A[0, 0])
        return solve(A, b) if len(calls) > 2 else None

    monkeypatch.setattr(gauss_newton, "solve_positive", solve_from_the_third_on)
    X, y = make_moons(60, noise=0.2, random_state=2)
    data = np.hstack([X] * 10), y
    objective = objective_of(("relu", "relu"), data=data, dtype=np.float32)
    before = objective.value()
    outcome, reports, _ = watched(solver_of("gauss_newton", max_iter=300), objective)
    assert calls[0] < calls[1] < calls[2]
    assert outcome is Outcome.CONVERGED
    assert reports[-1][0] < before
    assert np.isfinite(objective.theta).all()


def test_gauss_newton_ends_where_there_is_no_gradient():
    """Rows that are all alike, as many of each class, and no penalty."""
    model = ScratchMLPClassifier(3, "tanh", solver="gauss_newton", alpha=0.0)
    model.fit(np.ones((4, 2)), [0, 1, 0, 1])
    assert_allclose(model.predict_proba(np.ones((1, 2))), 0.5)


def test_gauss_newton_refuses_large_networks(moons):
    """By its number of parameters, which the message names beside the limit."""
    most = max_parameters(np.float64)
    units = (most - 2) // 5 + 1
    message = f"at most {most} parameters.*{5 * units + 2}"
    with pytest.raises(ValueError, match=message):
        ScratchMLPClassifier(units, solver="gauss_newton").fit(*moons)
    assert 8 * most**2 <= 2**26 < 8 * (most + 1) ** 2


@pytest.mark.parametrize("name", [n for n, f in ACTIVATIONS.items() if not f.smooth])
def test_gauss_newton_refuses_kinks(moons, name):
    message = f"gauss_newton.*activation='{name}'.*'tanh'.*solver='lbfgs'"
    model = ScratchMLPClassifier((3, 2), ["tanh", name], solver="gauss_newton")
    with pytest.raises(ValueError, match=message) as refused:
        model.fit(*moons)
    *_, advised = str(refused.value).split("Choose")
    assert f"'{name}'" not in advised
    assert not hasattr(model, "coefs_")
    model.set_params(hidden_layer_sizes=(), activation=name).fit(*moons)
    assert model.score(*moons) > 0.8


@pytest.mark.parametrize("loss", [n for n, f in LOSSES.items() if not f.has_curvature])
def test_gauss_newton_refuses_a_loss_that_is_straight_in_places(moons, loss):
    given = {"solver": "gauss_newton", "loss": loss, "alpha": 0.1}
    model = ScratchMLPRegressor(3, "tanh", **given)
    with pytest.raises(ValueError, match=f"gauss_newton.*'{loss}'.*solver='lbfgs'"):
        model.fit(*moons)
    assert not hasattr(model, "coefs_")
    assert model.set_params(solver="lbfgs").fit(*moons).score(*moons) > 0.5


def test_gauss_newton_refuses_a_loss_without_curvature(moons, monkeypatch):
    class Plain(SoftmaxCrossEntropy):
        curvature_roots = Loss.curvature_roots

    monkeypatch.setitem(LOSSES, "softmax_cross_entropy", Plain())
    model = ScratchMLPClassifier(3, "tanh", solver="gauss_newton", alpha=0.1)
    with pytest.raises(ValueError, match="gauss_newton.*loss.*curvature_roots"):
        model.fit(*moons)
    assert model.set_params(solver="lbfgs").fit(*moons).score(*moons) > 0.8
