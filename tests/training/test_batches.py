"""An epoch visits every row exactly once, however the rows divide into batches."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import log_loss

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.rows import DenseRows, Subset, Targets
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.optimizers import OPTIMIZERS

losses = pytest.mark.parametrize("loss", LOSSES)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def visited(monkeypatch, on_the_page):
    """Return lists of the rows that were taken, of X and of the targets."""
    taken = {DenseRows: [], Targets: []}
    for cls, rows in taken.items():

        def take(self, indices, rows=rows, original=cls.take):
            rows.append(np.array(indices))
            return original(self, indices)

        monkeypatch.setattr(cls, "take", take)
    return taken[DenseRows], taken[Targets]


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize("n_samples", [9, 10, 11, 20, 21, 29])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_once_an_epoch(visited, task, solver, n_samples, shuffle):
    """Batches of ten at most, of equal size: none has two rows more than another."""
    X = np.random.RandomState(0).randn(n_samples, 2)
    y = task.y(np.arange(n_samples) % 2)
    given = {"solver": solver, "shuffle": shuffle, "batch_size": 10, "random_state": 0}
    task.network((2,), alpha=1.0, max_iter=3, **given).fit(X, y)
    sizes = {9: [9], 10: [10], 11: [6, 5], 20: [10, 10], 21: [7] * 3, 29: [10, 10, 9]}
    for rows in visited:
        assert [len(r) for r in rows] == sizes[n_samples] * 3
        epochs = np.concatenate(rows).reshape(3, n_samples)
        assert_array_equal(np.sort(epochs), np.tile(np.arange(n_samples), (3, 1)))
        assert np.any(epochs[0] != epochs[1]) == shuffle
    assert_array_equal(np.concatenate(visited[0]), np.concatenate(visited[1]))


@losses
def test_targets_are_those_of_the_rows_of_a_batch(objective_of, rows_for, loss):
    """Labels as rows of a table, or the numbers themselves; also of a block."""
    X, y = rows_for(loss)
    Y = y if y.ndim == 2 else np.eye(3)[y]
    objective = objective_of((), loss, sample_weight=np.arange(12.0), block=4)
    order = np.random.RandomState(0).permutation(11)
    for parts, rows in (
        (objective.blocks(), np.arange(1, 12)),  # the first has no weight
        (objective.batches(order, 3), order + 1),
    ):
        parts = [(np.array(X), np.array(Y)) for X, Y, *_ in parts]
        found_X, found_Y = map(np.concatenate, zip(*parts, strict=True))
        assert_array_equal(found_X, X[rows])
        assert_array_equal(found_Y, Y[rows])


@pytest.mark.parametrize("n_samples", [10, 11])
def test_every_row_of_a_subset_once(n_samples, visited, task):
    """Where rows of weight zero, or held-out ones, take no part."""
    X = np.random.RandomState(0).randn(3 * n_samples, 2)
    y = task.y(np.arange(3 * n_samples) // 3 % 2)
    weights = (np.arange(3 * n_samples) % 3 == 0).astype(float)
    given = {"solver": "sgd", "batch_size": 5, "random_state": 0}
    task.network((2,), alpha=1.0, max_iter=2, **given).fit(X, y, weights)
    expected = np.arange(0, 3 * n_samples, 3)
    for rows in visited:
        epochs = np.concatenate(rows)[: 2 * n_samples].reshape(2, n_samples)
        assert_array_equal(np.sort(epochs), [expected, expected])


@pytest.mark.parametrize("block", [4, 5, 11, 12])
def test_every_row_once_in_the_blocks(objective_of, block):
    objective = objective_of(("tanh",), block=block)
    X = np.concatenate([np.array(X) for X, *_ in objective.blocks()])
    assert_array_equal(X, objective.rows.X)
    n_rows = [ws.n_rows for *_, ws in objective.blocks()]
    assert sum(n_rows) == 12
    assert max(n_rows) == min(block, 12)


def test_a_subset_takes_its_own_rows(objective_of):
    rows = Subset(objective_of(()).rows, np.array([7, 2, 5]))
    X = rows.base.X
    assert_array_equal(rows.take(np.array([2, 0])), X[[5, 7]])
    assert_array_equal(rows.block(1, 3), X[[2, 5]])


def test_the_weights_of_a_batch_are_of_mean_one_over_its_rows(objective_of):
    """So that a batch's loss is a mean; of all blocks they sum to 1."""
    weight = np.arange(12.0)
    objective = objective_of((), sample_weight=weight, block=4)
    batches = objective.batches(np.arange(11)[::-1], 3)
    mean_one = (weight[1:] / weight[1:].mean())[::-1]
    parts = [mean_one[:4], mean_one[4:8], mean_one[8:]]
    for (_, _, found, _), part in zip(batches, parts, strict=True):
        np.testing.assert_allclose(found[:, 0], part / len(part))
    total = sum(w.sum() for _, _, w, _ in objective.blocks())
    np.testing.assert_allclose(total, 1)


@losses
def test_a_batch_is_a_part_of_the_same_sum(objective_of, loss):
    """The gradients of batches, weighed by their rows, sum to the full batch's."""
    whole, parts = objective_of(("tanh",), loss), objective_of(("tanh",), loss, block=5)
    value = whole.value_and_gradient()
    summed, gradient = 0.0, np.zeros_like(whole.theta)
    for X, Y, weight, ws in parts.batches(np.arange(12), 3):
        summed += Objective.batch_value_and_gradient(parts, X, Y, weight, ws) * len(Y)
        gradient += parts.gradient.theta * len(Y)
    np.testing.assert_allclose(summed / 12, value, rtol=1e-12)
    gradient /= 12
    np.testing.assert_allclose(gradient, whole.gradient.theta, rtol=1e-10, atol=1e-14)


def noisy_rows(n, seed):
    """Return the first n of 225 rows of ten columns; 15 % of the labels are wrong."""
    rng = np.random.RandomState(seed)
    X = rng.randn(225, 10)
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 0) ^ (rng.rand(225) < 0.15)
    return X[:n], y[:n]


@pytest.mark.parametrize(("solver", "rate"), [("adam", 0.05), ("sgd", 0.3)])
def test_rows_that_batches_leave_over_do_not_raise_the_training_loss(solver, rate):
    """A last batch of one row of 50 raised it by a half, under SGD eightfold."""
    given = {"batch_size": 50, "max_iter": 20, "alpha": 0.0, "solver": solver}
    given["learning_rate_init"] = rate

    def mean_loss(n):
        losses = []
        for seed in range(5):
            X, y = noisy_rows(n, seed)
            model = ScratchMLPClassifier((32,), random_state=seed, **given).fit(X, y)
            losses.append(log_loss(y, model.predict_proba(X)))
        return np.mean(losses)

    whole = mean_loss(200)
    for n in (201, 202, 225):
        assert mean_loss(n) < 1.15 * whole
