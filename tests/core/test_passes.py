"""Page against core: the same loss, gradient and updates, and the same networks."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.core.passes import compile_pass
from sklearn_scratchnn.core.switch import compiled
from sklearn_scratchnn.data.prepared import prepare
from sklearn_scratchnn.data.row_source import row_source
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.data.standardize import Standardizer
from sklearn_scratchnn.network.activations import ACTIVATIONS, Tanh
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.network import Network, make_network
from sklearn_scratchnn.network.parameters import ParameterVector
from sklearn_scratchnn.training.dropout import DropoutMasks
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.optimizers import SGD, Adam, AdamW
from sklearn_scratchnn.training.schedules import SCHEDULES, Constant
from sklearn_scratchnn.training.signals import Signal
from sklearn_scratchnn.training.solvers.gradient_descent import GradientDescent

pytestmark = [
    pytest.mark.skipif(compiled() is None, reason="there is no core"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

DTYPES = np.float64, np.float32
RULES = {
    "plain": SGD(momentum=0.0),
    "momentum": SGD(nesterovs_momentum=False),
    "nesterov": SGD(),
    "adam": Adam(),
    "adamw": AdamW(weight_decay=0.3),
}
CURVED = [name for name, loss in LOSSES.items() if loss.has_curvature]
N_ROWS = 57


@pytest.fixture
def page(monkeypatch):
    """Return a function that makes something where there is no core."""

    def make(function, *args, **settings):
        with monkeypatch.context() as context:
            context.setenv("SCRATCHNN_CORE", "0")
            return function(*args, **settings)

    return make


def rounding(dtype):
    """Return the difference that is rounding, of numbers of size 1."""
    return 200 * np.finfo(dtype).eps


def assert_same_gradient(one, other):
    """Assert that two objectives have one value and one gradient."""
    tolerance = rounding(one.dtype)
    assert_allclose(other.value_and_gradient(), one.value_and_gradient(), tolerance)
    g, h = one.gradient.theta, other.gradient.theta
    assert_allclose(h, g, rtol=0, atol=tolerance * max(1, abs(g).max()))


def weights_of(n_rows):
    """Return sample weights."""
    return 0.1 + np.random.RandomState(1).rand(n_rows)


# One batch ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("rows", ["one block", "blocks", "weighted", "single rows"])
def test_value_and_gradient(page, objective_of, activation, loss, dtype, rows):
    data = few_rows(LOSSES[loss])
    settings = {
        "activations": (activation, "tanh"),
        "loss": loss,
        "data": data,
        "dtype": dtype,
        "alpha": 0.3,
        "block": {"one block": None, "single rows": 1}.get(rows, 20),
        "sample_weight": weights_of(N_ROWS) if rows == "weighted" else None,
        "smoothing": 0.1 if rows == "weighted" else 0.0,
    }
    core = objective_of(**settings)
    assert core.compiled is not None
    assert_same_gradient(page(objective_of, **settings), core)


def few_rows(loss, n_rows=N_ROWS):
    """Return four columns and a y with two outputs or three."""
    rng = np.random.RandomState(0)
    X = rng.randn(n_rows, 4)
    if loss.out_activation == "softmax":
        return X, np.arange(n_rows) % 3
    if loss.out_activation == "logistic":
        return X, rng.randint(2, size=(n_rows, 2))
    if loss.least_y == 0:
        return X, rng.poisson(1.5, (n_rows, 2)).astype(float)
    return X, rng.randn(n_rows, 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_outputs(page, objective_of, loss, dtype):
    settings = {"activations": ("tanh",), "loss": loss, "dtype": dtype, "block": 7}
    one, other = page(objective_of, **settings), objective_of(**settings)
    tolerance = rounding(dtype)
    assert_allclose(other.value(), one.value(), tolerance)
    for a, b in zip(one.outputs(), other.outputs()):
        assert_allclose(b, a, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", CURVED)
@pytest.mark.parametrize("activations", [(), ("tanh",), ("gelu", "softplus")])
def test_curvature(page, objective_of, loss, activations, dtype):
    settings = {
        "activations": activations,
        "loss": loss,
        "dtype": dtype,
        "alpha": 0.3,
        "sample_weight": weights_of(10),
        "data": few_rows(LOSSES[loss], 10),
        "block": 4,
    }
    one, other = page(objective_of, **settings), objective_of(**settings)
    (_, G), (_, H) = one.curvature(), other.curvature()
    assert_allclose(H, G, rtol=0, atol=rounding(dtype) * max(1, abs(G).max()))
    assert_allclose(other.gradient.theta, one.gradient.theta, 1e-3, rounding(dtype))


def test_an_infinite_logit_is_not_hidden(objective_of):
    for loss in LOSSES:
        for activation in ACTIVATIONS:
            objective = objective_of((activation,), loss)
            objective.theta[:] = np.nan
            assert np.isnan(objective.value_and_gradient())
            assert np.isnan(objective.gradient.theta).any()


def test_biases_of_many_rows_in_float32(page):
    """A sum of a million floats loses digits; one of each block's does not."""
    n = 2**20
    X = np.random.RandomState(0).randn(n, 1).astype(np.float32)
    y = (np.arange(n) >= n // 2).astype(int)
    network = make_network((1, 2), [], "softmax_cross_entropy", np.float32)
    network.parameters.biases[0][:] = 0.1, -0.1
    sample = make_sample(X, y, network.loss)
    found = []
    for objective in page(Objective, network, sample), Objective(network, sample):
        objective.value_and_gradient()
        found.append(objective.gradient.biases[0].copy())
    assert_allclose(found[1], found[0], rtol=1e-3)


@pytest.mark.parametrize("value", [40.0, 60.0, 80.0, 100.0])
def test_poisson_means_beyond_the_range(page, objective_of, value):
    def make():
        objective = objective_of((), "poisson", dtype=np.float32)
        objective.theta[:] = 0
        objective.network.parameters.biases[0][:] = value
        return objective

    one, other = page(make), make()
    assert_allclose(other.value(), one.value(), rtol=1e-5)
    assert_allclose(other.curvature()[1], one.curvature()[1], rtol=1e-4)


# Rows --------------------------------------------------------------------------------


def matrix(kind, folder):
    """Return the same numbers, laid out in one of many ways."""
    X = np.random.RandomState(0).randint(-50, 50, (N_ROWS, 4)).astype(np.float64)
    if kind == "memory map":
        np.save(folder / "X.npy", X)
        return np.load(folder / "X.npy", mmap_mode="r")
    return {
        "columns": lambda: np.asfortranarray(X),
        "strided": lambda: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
        "reversed": lambda: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
        "bool": lambda: X > 0,
        "unaligned": lambda: np.frombuffer(b"." + X.tobytes(), offset=1).reshape(-1, 4),
    }.get(kind, lambda: X.astype(kind))()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize(
    "kind",
    ["f4", "f8", "i1", "i2", "i4", "i8", "columns", "strided", "reversed", "bool"]
    + ["memory map", "unaligned"],
)
def test_rows(page, tmp_path, kind, standardize, subset, dtype):
    X, y = matrix(kind, tmp_path), np.arange(N_ROWS) % 3
    network = make_network((4, 6, 3), ["tanh"], "softmax_cross_entropy", dtype)
    network.parameters.theta[:] = np.random.RandomState(0).randn(51) / 9
    sample = make_sample(X, y, network.loss)
    sample = prepare(sample, standardize=standardize).train
    if subset:
        sample = sample.split(0.3, np.random.RandomState(0))[0]
    core = Objective(network, sample, block_rows=20)
    assert core.compiled is not None
    assert_same_gradient(page(Objective, network, sample, block_rows=20), core)


def unaligned(array):
    """Return the same numbers, where C must not read them; messages bring such."""
    return np.frombuffer(b"." + array.tobytes(), array.dtype, offset=1)


def test_what_is_unaligned_is_copied(page):
    """Means, scales and the rows that count, which came from another process."""
    X, y = np.random.RandomState(0).randn(N_ROWS, 4), np.arange(N_ROWS) % 3
    network = make_network((4, 3), [], "softmax_cross_entropy")
    sample = make_sample(X, y, network.loss)
    scale = sample.measured()
    scale = Standardizer(unaligned(scale.mean), unaligned(scale.scale))
    sample = sample.only(unaligned(np.arange(5, N_ROWS)))
    sample = sample.with_inputs(standardizer=scale)
    core = Objective(network, sample)
    assert core.compiled is not None
    assert_same_gradient(page(Objective, network, sample), core)


def tables():
    """Return what has bins, gaps and categories, by name."""
    rng = np.random.RandomState(0)
    numbers = rng.randn(N_ROWS, 3)
    frame = pd.DataFrame(numbers, columns=list("abc"))
    frame["few"] = rng.randint(2, size=N_ROWS)  # too few values for bins
    gaps = frame.mask(rng.rand(*frame.shape) < 0.2)
    words = frame.assign(word=rng.choice(["x", "y", "z"], N_ROWS))
    return {
        "numbers": numbers,
        "frame": frame,
        "gaps": gaps,
        "words": words,
        "gaps and words": gaps.assign(word=words["word"].mask(rng.rand(N_ROWS) < 0.3)),
        "words alone": words[["word"]],
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
@pytest.mark.parametrize("hidden", [(), (7,)])
@pytest.mark.parametrize("table", tables())
def test_tables(monkeypatch, table, hidden, encoding, standardize, dtype):
    X, y = tables()[table], np.arange(N_ROWS) % 3
    networks = []
    for core in "01":
        monkeypatch.setenv("SCRATCHNN_CORE", core)
        network = ScratchMLPClassifier(
            hidden,
            solver="adam",
            alpha=0.1,
            batch_size=20,
            max_iter=3,
            dtype=np.dtype(dtype).name,
            activation="tanh",
            numeric_encoding=encoding,
            n_bins=5,
            standardize=standardize,
            early_stopping=False,
            random_state=0,
        )
        networks.append(network.fit(X, y))
    one, other = networks
    for W, V in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_):
        assert_allclose(V, W, rtol=0, atol=rounding(dtype) * max(1, abs(W).max()))
    many = np.tile(X, (3, 1)) if table == "numbers" else pd.concat([X] * 3)
    expected = np.tile(one.predict_proba(X), (3, 1))
    assert_allclose(other.predict_proba(many), expected, 1e-3, rounding(dtype))


# Updates -----------------------------------------------------------------------------


def trained(objective, optimizer, schedule=None, max_grad_norm=None, n_epochs=5):
    """Return theta and the reports of a training, ten updates of two batches."""
    solver = GradientDescent(
        optimizer, schedule or Constant(), 0.05, 30, n_epochs, 0.0, True, max_grad_norm
    )
    reports = []

    def on_epoch(*report):
        reports.append(report)
        return Signal.CONTINUE

    state = solver.init(objective)
    solver.run(objective, state, on_epoch, np.random.RandomState(0))
    return objective.theta.copy(), np.array(reports), state


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("drops", [False, True])
@pytest.mark.parametrize("max_grad_norm", [None, 0.02])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_ten_updates(page, objective_of, rule, dtype, drops, max_grad_norm, alpha):
    def make():
        masks = DropoutMasks(0.3, np.random.RandomState(0)) if drops else None
        return objective_of(
            ("relu", "tanh"),
            data=few_rows(LOSSES["softmax_cross_entropy"]),
            dtype=dtype,
            alpha=alpha,
            block=30,
            sample_weight=weights_of(N_ROWS),
            draw_mask=masks,
        )

    core = make()
    assert core.compiled is not None
    theta, reports, state = trained(page(make), RULES[rule], None, max_grad_norm)
    other, again, state_of_core = trained(core, RULES[rule], None, max_grad_norm)
    tolerance = 20 * rounding(dtype)  # of ten updates
    assert_allclose(other, theta, rtol=0, atol=tolerance)
    assert_allclose(again, reports, tolerance, tolerance)
    assert state_of_core["updates"] == state["updates"] == 10
    for name, values in state["optimizer"].items():
        assert_allclose(state_of_core["optimizer"][name], values, 0.01, tolerance)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules(page, objective_of, schedule):
    def make():
        data = few_rows(LOSSES["softmax_cross_entropy"])
        return objective_of(("tanh",), data=data, block=30)

    one = trained(page(make), Adam(), SCHEDULES[schedule]())
    other = trained(make(), Adam(), SCHEDULES[schedule]())
    assert_allclose(other[0], one[0], rtol=0, atol=1e-12)
    assert_allclose(other[1], one[1], 1e-9)


def test_an_order_of_32_bits(objective_of):
    """Which NumPy draws on Windows."""

    class Windows(np.random.RandomState):
        def permutation(self, n):
            return super().permutation(n).astype(np.int32)

    thetas = []
    for random_state in np.random.RandomState(0), Windows(0):
        data = few_rows(LOSSES["softmax_cross_entropy"])
        objective = objective_of(("tanh",), data=data, block=30)
        solver = GradientDescent(SGD(), Constant(), 0.05, 30, 2, 0.0)
        state = solver.init(objective)
        solver.run(objective, state, lambda *_: Signal.CONTINUE, random_state)
        thetas.append(objective.theta.copy())
    assert_array_equal(*thetas)


@pytest.mark.parametrize("batch_size", [1, 2, 19, 28, 29, 57, 100])
def test_batches_of_any_size(page, objective_of, batch_size):
    def make():
        data = few_rows(LOSSES["softmax_cross_entropy"])
        return objective_of(("tanh",), data=data, block=batch_size)

    thetas = []
    for objective in page(make), make():
        solver = GradientDescent(SGD(), Constant(), 0.05, batch_size, 2, 0.0)
        run = solver.init(objective), lambda *_: Signal.CONTINUE
        solver.run(objective, *run, np.random.RandomState(0))
        thetas.append(objective.theta.copy())
    assert_allclose(*thetas, rtol=0, atol=1e-12)


# What runs on the page ---------------------------------------------------------------


class OwnTanh(Tanh):
    """An activation of the user's own."""


def test_what_the_core_does_not_cover_runs_on_the_page(objective_of):
    assert objective_of(("tanh",), is_sparse=True).compiled is None
    assert objective_of(("tanh",), draw_mask=lambda mask: mask).compiled is None
    objective = objective_of(("tanh",))
    own = Network(objective.network.parameters, [OwnTanh()], objective.network.loss)
    assert compile_pass(own, row_source(np.eye(4)), block_rows=4) is None
    assert compile_pass(own, None, block_rows=4) is None

    class OwnAdam(Adam):
        """An optimizer of the user's own."""

    assert objective.compile_rule(OwnAdam(), Adam().init(objective.theta)) is None


def test_a_rare_input_is_scaled_on_the_page(page):
    """Where its mean is thousands of scales, float32 has no digits for the rest."""
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"x": rng.randn(300)})
    frame["w"] = np.where(frame.index < 6, "a", "b")
    weights = np.where(frame["w"] == "a", 1e-10, 1.0)
    network = ScratchMLPClassifier(
        (4,), solver="adam", alpha=1.0, max_iter=3, standardize=True, random_state=0
    )
    settings = frame, rng.randint(2, size=300), weights
    one = page(network.fit, *settings).predict_proba(frame)
    other = network.fit(*settings).predict_proba(frame)
    assert_allclose(other, one, atol=1e-5)


def test_infinite_logits_are_an_error_for_any_number_of_rows():
    X = np.random.RandomState(0).randn(100, 2)
    given = {"solver": "lbfgs", "standardize": False, "max_iter": 30}
    model = ScratchMLPClassifier((), random_state=0, **given).fit(X, 1 * (X > 0))
    for n_rows in (1, 70):
        for method in (model.predict, model.predict_proba, model.predict_log_proba):
            with pytest.raises(ValueError, match="too large"):
                method(np.full((n_rows, 2), 1.7e308))


# The boundary ------------------------------------------------------------------------


def make_pass(**changed):
    """Return a pass over six rows, some of its arguments changed."""
    vector = ParameterVector((3, 4, 2))
    settings = {
        "parameters": vector,
        "gradient": ParameterVector((3, 4, 2)),
        "activations": ["tanh"],
        "loss": "softmax_cross_entropy",
        "rows": row_source(np.ones((6, 3))),
        "targets": np.zeros(6, np.int32),
        "target_table": np.eye(2),
        "weights": None,
        "block_rows": 6,
    }
    return compiled().Pass(**settings | changed)


@pytest.mark.parametrize(
    "changed, error, match",
    [
        ({"activations": []}, ValueError, "activations"),
        ({"activations": ["step"]}, ValueError, "'step' is no activation"),
        ({"loss": "hinge"}, ValueError, "'hinge' is no loss"),
        ({"gradient": ParameterVector((3, 5, 2))}, ValueError, "gradient"),
        ({"gradient": ParameterVector((3, 4, 2), np.float32)}, TypeError, "gradient"),
        ({"parameters": ParameterVector((3, 4, 2), np.float16)}, TypeError, "float16"),
        ({"rows": row_source(np.ones((6, 2)))}, ValueError, "inputs"),
        ({"rows": row_source(np.ones((6, 3), np.float16))}, TypeError, "X"),
        ({"rows": row_source(np.ones((6, 3), ">f8"))}, TypeError, "X"),
        ({"rows": row_source(np.ones((6, 3)), subset=[6])}, ValueError, "subset"),
        ({"rows": row_source(np.ones((6, 3)), subset=[-1])}, ValueError, "subset"),
        (
            {"rows": row_source(np.ones((6, 3)), None, np.ones(2), np.ones(2))},
            ValueError,
            "mean",
        ),
        ({"targets": np.zeros(5, np.int32)}, ValueError, "targets"),
        ({"targets": np.full(6, 2, np.int32)}, ValueError, "code"),
        ({"targets": np.full(6, -1, np.int32)}, ValueError, "code"),
        ({"targets": np.zeros(6)}, TypeError, "y"),
        ({"target_table": np.eye(3)}, ValueError, "target_table"),
        ({"target_table": np.eye(2, dtype="f4")}, TypeError, "target_table"),
        ({"weights": np.ones(6)}, ValueError, "weights"),
        ({"weights": np.ones((6, 1), np.float32)}, TypeError, "weights"),
        ({"block_rows": 0}, ValueError, "block_rows"),
        ({"block_rows": 7}, ValueError, "block_rows"),
    ],
)
def test_the_boundary_refuses(changed, error, match):
    with pytest.raises(error, match=match):
        make_pass(**changed)


def test_batches_refuse():
    made = make_pass(batches=True, block_rows=3)
    rule = compiled().Rule("sgd")
    order, rates = np.arange(6), np.ones(2)
    assert made.batches(rule, order, 2, rates)[0] > 0
    for bad, error in [
        ((rule, order[:5], 2, rates), ValueError),
        ((rule, order.astype(np.int32), 2, rates), TypeError),
        ((rule, order + 1, 2, rates), ValueError),
        ((rule, order - 1, 2, rates), ValueError),
        ((rule, order, 1, rates[:1]), ValueError),
        ((rule, order, 7, np.ones(7)), ValueError),
        ((rule, order, 2, np.ones(3)), ValueError),
        ((rule, order, 2, [1.0, 1.0]), TypeError),
        ((compiled().Rule("adam"), order, 2, rates), TypeError),
        ((compiled().Rule("sgd", first=np.ones(3)), order, 2, rates), ValueError),
        ((None, order, 2, rates), TypeError),
    ]:
        with pytest.raises(error):
            made.batches(*bad)
    with pytest.raises(ValueError, match="batches"):
        make_pass().batches(rule, order, 2, rates)
    with pytest.raises(ValueError, match="'adagrad' is no rule"):
        compiled().Rule("adagrad")


def test_a_pass_for_predictions_has_no_gradient():
    made = make_pass(gradient=None, targets=None, target_table=None)
    out = np.empty((6, 2))
    made.outputs(out)
    assert_allclose(out, 0)
    for method, *arguments in [
        ("value",),
        ("value_and_gradient",),
        ("outputs", np.empty((6, 3))),
        ("outputs", np.empty((6, 2), np.float32)),
        ("outputs", out, out),
        ("curvature", np.empty((30, 30))),
        ("descend", compiled().Rule("sgd"), 0.1),
    ]:
        with pytest.raises((ValueError, TypeError)):
            getattr(made, method)(*arguments)


def test_a_rule_is_looked_at_by_every_pass():
    """One that another pass refused is not taken as it was before."""
    one = make_pass(batches=True)
    vectors = {"parameters": ParameterVector((3, 5, 2)), "gradient": None}
    vectors["gradient"] = ParameterVector((3, 5, 2))
    other = make_pass(batches=True, **vectors)
    state = np.zeros((2, len(ParameterVector((3, 4, 2)).theta)))
    rule = compiled().Rule("adam", first=state[0], second=state[1])
    order, rates = np.arange(6), np.ones(1)
    for _ in range(2):
        one.batches(rule, order, 1, rates)
        with pytest.raises(ValueError, match="state"):
            other.batches(rule, order, 1, rates)
    with pytest.raises(RuntimeError, match="once"):
        rule.__init__("sgd")
    state.flags.writeable = False
    read_only = compiled().Rule("adam", first=state[0], second=state[1])
    with pytest.raises(ValueError, match="read-only"):
        one.batches(read_only, order, 1, rates)


def test_what_was_not_made_to_its_end_refuses():
    cls = compiled().Pass
    half = cls.__new__(cls)
    for method in (half.value, half.value_and_gradient):
        with pytest.raises(RuntimeError, match="made"):
            method()
    made = make_pass()
    with pytest.raises(RuntimeError, match="once"):
        made.__init__(None, None, [], "huber", None, block_rows=1)
    out = np.empty((6, 2))
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        made.outputs(out)


def resident_bytes():
    """Return what this process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return 4096 * pages


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_nothing_leaks():
    made = make_pass(batches=True)
    rule, order, rates = compiled().Rule("sgd"), np.arange(6), np.zeros(1)
    out = np.empty((6, 2))

    def call(n):
        for _ in range(n):
            made.value_and_gradient()
            made.batches(rule, order, 1, rates)
            made.outputs(out)
        for _ in range(n // 10):
            make_pass()

    call(2000)
    before = resident_bytes()
    call(50_000)
    assert resident_bytes() - before < 2**20


# Whole fits --------------------------------------------------------------------------


SETTINGS = {
    "lbfgs": {"alpha": 1.0},
    "gauss_newton": {"alpha": 1.0, "activation": "tanh", "hidden_layer_sizes": (4,)},
    "gd": {"alpha": 1.0, "max_iter": 200},
    "adam": {"alpha": 1.0, "dtype": "float64"},
    "adamw": {"dtype": "float64", "dropout": 0.2},
    "sgd": {"alpha": 1.0, "dtype": "float64", "early_stopping": True},
}


@pytest.mark.parametrize("solver", SETTINGS)
def test_whole_fits(monkeypatch, task, solver, iris):
    X, y = iris
    y = task.y(y)
    settings = {"solver": solver, "random_state": 0, "activation": "tanh"}
    settings |= {"max_iter": 60} | SETTINGS[solver]

    def fitted(core, X):
        monkeypatch.setenv("SCRATCHNN_CORE", core)
        return task.network(**settings).fit(X, y)

    page, core = fitted("0", X), fitted("1", X)
    shaken = fitted("0", np.nextafter(X, np.inf))
    answers = [
        getattr(n, "predict_proba", n.predict)(X) for n in (page, core, shaken)
    ]
    if abs(answers[2] - answers[0]).max() < 1e-8:
        assert_allclose(answers[1], answers[0], rtol=0, atol=1e-6)
    assert_allclose(core.loss_, page.loss_, rtol=1e-4)


def test_a_checkpointed_state_goes_on_in_either(monkeypatch, objective_of):
    def make():
        data = few_rows(LOSSES["softmax_cross_entropy"])
        return objective_of(("tanh",), data=data, block=30)

    whole = trained(make(), Adam(), n_epochs=6)[0]
    objective = make()
    solver = GradientDescent(Adam(), Constant(), 0.05, 30, 3, 0.0)
    random_state, state = np.random.RandomState(0), solver.init(objective)
    solver.run(objective, state, lambda *_: Signal.CONTINUE, random_state)
    state = copy.deepcopy(state)
    monkeypatch.setenv("SCRATCHNN_CORE", "0")
    other = make()
    other.theta[:] = objective.theta
    longer = GradientDescent(Adam(), Constant(), 0.05, 30, 6, 0.0)
    longer.run(other, state, lambda *_: Signal.CONTINUE, random_state)
    assert_allclose(other.theta, whole, rtol=0, atol=1e-12)
