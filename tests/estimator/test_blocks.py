"""Blocks of rows change no result; memory does not grow; threads are given back."""

import gc
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from tasks import LABELS, every_task
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_scratchnn.network import workspace
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.workspace import Workspace
from sklearn_scratchnn.training import objective, threads
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

kinds = pytest.mark.parametrize(
    "kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"]
)


# Results ----------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("solver", SOLVERS)
def test_block_size_changes_no_fit(monkeypatch, iris, task, solver, kind):
    """One block of 150 rows, and blocks of 64, the fewest: equal to rounding."""
    X, y = kind(3 * iris[0] + 1), task.y(iris[1])
    alpha = 0.0 if solver == "adamw" else 1.0
    model = task.network(
        (6, 5), "tanh", solver=solver, alpha=alpha, max_iter=5, random_state=0
    )
    sizes, fits = [], []
    for n_bytes in (2**30, 1):
        monkeypatch.setattr(workspace, "BLOCK_BYTES", n_bytes)
        sizes.append(workspace.rows_of_a_block((4, 6, 5, 3), np.float64, 150))
        fits.append(task.network(**model.get_params()).fit(X, y))
    assert sizes == [150, 64]
    layers = [fit.coefs_ + fit.intercepts_ for fit in fits]
    for whole, blocks in zip(*layers, strict=True):
        assert_allclose(blocks, whole, rtol=1e-7, atol=1e-9)
    assert_allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("block", [1, 5, 11, 12, 100])
def test_block_size_changes_no_gradient(objective_of, activation, block):
    """Down to single rows; with a last block that is smaller than the rest."""
    weights = np.arange(1.0, 13)
    settings = {"sample_weight": weights, "standardize": True, "alpha": 0.3}
    whole = objective_of((activation, activation), **settings)
    blocks = objective_of((activation, activation), block=block, **settings)
    assert len(list(blocks.blocks())) == -(-12 // block)
    value = whole.value_and_gradient()
    for _ in range(2):
        assert_allclose(blocks.value_and_gradient(), value, rtol=1e-13)
        gradient = blocks.gradient.theta
        assert_allclose(gradient, whole.gradient.theta, rtol=1e-10, atol=1e-14)
        assert_allclose(blocks.value(), value, rtol=1e-13)


@every_task
@kinds
def test_block_size_changes_no_prediction(monkeypatch, iris, task, kind):
    X, y = kind(iris[0]), task.y(iris[1])
    model = task.network(6, max_iter=5, random_state=0).fit(X, y)
    methods = [model.predict, model.hidden_activations, model.input_gradients]
    if task is LABELS:
        methods += [
            model.predict_proba,
            model.predict_log_proba,
            model.decision_function,
        ]
    monkeypatch.setattr(workspace, "BLOCK_BYTES", 2**30)
    whole = [method(X) for method in methods]
    monkeypatch.setattr(workspace, "BLOCK_BYTES", 1)
    for expected, method in zip(whole, methods):
        assert_allclose(method(X), expected, rtol=1e-12, atol=1e-14)


# Memory -----------------------------------------------------------------------------


def peak_bytes(function):
    """Return the most that was allocated during a call, the second of two."""
    function()
    gc.collect()
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def many_rows(loss, n_samples):
    rng = np.random.RandomState(0)
    X = rng.randn(n_samples, 6)
    X[:, ::2] = 0
    if LOSSES[loss].out_activation == "logistic":
        return X, rng.randint(2, size=(n_samples, 3))
    return X, np.arange(n_samples) % 3


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_full_batch_step_allocates_no_row(objective_of, activation, loss):
    """Less than half a number a row, with all 20,000 rows in one block.

    What there is are NumPy's buffers of 8192 numbers.
    """
    n = 20_000
    objective = objective_of(
        (activation,), loss, data=many_rows(loss, n), block=n, alpha=1.0
    )
    assert peak_bytes(objective.value_and_gradient) < 4 * n
    assert peak_bytes(objective.value) < 4 * n


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
def test_blocks_take_the_memory_of_one(objective_of, loss, is_sparse):
    """Forty blocks of 500 rows: less than a byte a row above four blocks."""

    def peak(n):
        objective = objective_of(
            ("tanh",),
            loss,
            data=many_rows(loss, n),
            block=500,
            alpha=1.0,
            standardize=True,
            is_sparse=is_sparse,
            sample_weight=np.arange(1.0, n + 1),
        )
        return peak_bytes(objective.value_and_gradient)

    assert peak(20_000) - peak(2_000) < 18_000


def keep_little(monkeypatch):
    """Let blocks be small, and few of them kept: their most does not grow with rows."""
    monkeypatch.setattr(workspace, "BLOCK_BYTES", 2**18)
    monkeypatch.setattr(objective, "KEPT_BYTES", 2**18)


def bytes_per_row(task, model, kind=np.asarray):
    """Return by how much the peak of a fit grows with each row of two features.

    Both fits are on the same side of every border of the plan.
    """

    def peak(n):
        X, y = kind(np.random.RandomState(0).randn(n, 2)), task.y(np.arange(n) % 2)
        return peak_bytes(lambda: model.fit(X, y))

    return (peak(16_000) - peak(6_000)) / 10_000


@kinds
@pytest.mark.parametrize("solver", SOLVERS)
def test_memory_of_a_fit_does_not_grow_with_rows_times_width(
    monkeypatch, task, solver, kind
):
    """A row costs less than its fifty hidden units would, 200 bytes in float32.

    What does grow is a few numbers a row: its label, its code, its place in the order;
    for sparse rows, the entries' share in the moments.
    """
    keep_little(monkeypatch)
    settings = {"batch_size": 100} if solver in OPTIMIZERS else {}
    alpha = 0.0 if solver == "adamw" else 1.0
    settings |= {"solver": solver, "alpha": alpha, "max_iter": 1, "random_state": 0}
    model = task.network(50, "silu", **settings)
    assert bytes_per_row(task, model, kind) < 150


def test_memory_of_a_default_fit_does_not_grow_with_rows_times_width(monkeypatch, task):
    """Neither where alpha is chosen on held-out rows."""
    keep_little(monkeypatch)
    model = task.network(50, max_iter=1, random_state=0)
    assert bytes_per_row(task, model) < 150


def test_memory_of_a_prediction_does_not_grow_with_rows_times_width(moons, task):
    model = task.network(100, max_iter=2, random_state=0)
    model.fit(moons[0], task.y(moons[1]))

    def peak(n):
        X = np.random.RandomState(0).randn(n, 2)
        return peak_bytes(lambda: task.answers(model, X))

    assert (peak(40_000) - peak(10_000)) / 30_000 < 40


@pytest.mark.parametrize("method", ["fit", "predict", "answers"])
def test_buffers_are_freed_at_once(moons, task, method):
    """Not by the garbage collector, some calls later: nothing in them is a cycle."""
    X, y = moons[0], task.y(moons[1])
    model = task.network(4, solver="adam", max_iter=2).fit(X, y)
    gc.collect()
    gc.disable()
    try:
        if method == "answers":
            task.answers(model, X)
        else:
            getattr(model, method)(*((X, y) if method == "fit" else (X,)))
        left = [o for o in gc.get_objects() if isinstance(o, Workspace)]
    finally:
        gc.enable()
    assert left == []


# Threads ----------------------------------------------------------------------------


def blas_threads():
    libraries = threadpool_info()
    return [lib["num_threads"] for lib in libraries if lib["user_api"] == "blas"]


class Spy:
    """A scorer that writes down how many threads BLAS has while it is called."""

    def __init__(self, fails=False):
        self.seen, self.fails = [], fails

    def __call__(self, model, X, y):
        self.seen.append(blas_threads())
        if self.fails:
            raise RuntimeError("scorer")
        return model.score(X, y)


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_threads_are_limited_and_given_back(monkeypatch, moons, task, small, fails):
    """One thread inside where products are small, as many as before otherwise."""
    if not small:
        monkeypatch.setattr(threads, "MIN_WORK", 0)
    spy = Spy(fails)
    model = task.network(
        3, alpha=1.0, max_iter=2, early_stopping=True, scoring=spy, random_state=0
    )
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert set(before) == {2}
        try:
            model.fit(moons[0], task.y(moons[1]))
        except RuntimeError:
            assert fails
        assert_array_equal(blas_threads(), before)
    assert spy.seen
    for inside in spy.seen:
        assert_array_equal(inside, 1 if small else 2)


@pytest.mark.parametrize("small", [True, False])
def test_threads_are_never_raised(monkeypatch, moons, task, small):
    if not small:
        monkeypatch.setattr(threads, "MIN_WORK", 0)
    spy = Spy()
    model = task.network(
        3, alpha=1.0, max_iter=2, early_stopping=True, scoring=spy, random_state=0
    )
    with threadpool_limits(1, user_api="blas"):
        model.fit(moons[0], task.y(moons[1]))
        assert set(blas_threads()) == {1}
    assert spy.seen
    assert np.all(np.array(spy.seen) == 1)
