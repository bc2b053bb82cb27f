"""The pieces that need no cluster: the tree, distributions, shares, held-out rows."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_scratchnn.cluster.blocks import Selection, rows_to_hold_out
from sklearn_scratchnn.cluster.distribution import Distribution, groups_for
from sklearn_scratchnn.cluster.scores import add_r2, r2_of, r2_sums
from sklearn_scratchnn.cluster.tree import fold
from sklearn_scratchnn.cluster.workers import shares_of
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.losses import LOSSES


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 7, 16, 21])
def test_the_sum_is_the_same_whoever_holds_what(n_blocks):
    rng = np.random.default_rng(0)
    leaves = {(0, i): x for i, x in enumerate(10.0 ** rng.uniform(-9, 9, n_blocks))}

    def add(a, b):
        return a + b

    ((node, whole),) = fold(leaves, n_blocks, add).items()
    assert node[1] == 0
    for n_workers in (1, 2, 5):
        for _ in range(20):
            holder = rng.integers(n_workers, size=n_blocks)
            nodes = {}
            for worker in range(n_workers):
                own = {(0, i): leaves[0, i] for i in np.flatnonzero(holder == worker)}
                nodes |= fold(own, n_blocks, add)
            (total,) = fold(nodes, n_blocks, add).values()
            assert total == whole  # to the bit


def test_a_worker_returns_complete_subtrees_alone():
    leaves = {(0, i): 1 for i in (0, 1, 2, 3, 5, 6)}
    nodes = fold(leaves, 7, lambda a, b: a + b)
    assert nodes == {(2, 0): 4, (0, 5): 1, (1, 3): 1}


def test_few_values_are_kept_exactly():
    rng = np.random.default_rng(0)
    x = np.append(rng.integers(40, size=300).astype(float), [np.nan] * 5)
    w = rng.integers(1, 4, size=305)
    halves = [Distribution.of(x[i::2], w[i::2], 10) for i in (0, 1)]
    whole = halves[0] + halves[1]
    values, which = np.unique(x[:300], return_inverse=True)
    assert_array_equal(whole.values, values)
    assert_allclose(whole.masses, np.bincount(which, w[:300]))


@pytest.mark.parametrize("most", [20, 100])
def test_ranks_of_many_values_are_as_close_as_is_said(most):
    rng = np.random.default_rng(0)
    x = np.append(rng.standard_normal(20_000), np.full(2_000, 0.3))
    rng.shuffle(x)
    parts = [Distribution.of(part, None, most) for part in np.array_split(x, 8)]
    while len(parts) > 1:
        parts = [a + b for a, b in zip(parts[::2], parts[1::2])]
    (whole,) = parts
    assert len(whole.values) <= 4 * most
    assert whole.masses.sum() == len(x)
    assert whole.values[0] == x.min()
    assert whole.values[-1] == x.max()
    steps = 4  # once for each part, and at each of three sums
    for q in np.linspace(0.05, 0.95, 19):
        found = whole.values[np.searchsorted(np.cumsum(whole.masses), q * len(x))]
        low, high = np.mean(x < found), np.mean(x <= found)
        assert low - 2 * steps / most <= q <= high + 2 * steps / most
    at = whole.values == 0.3
    assert whole.masses[at] >= 2000, "a heavy value stands alone"


def test_groups_keep_the_mean():
    x = np.random.default_rng(0).lognormal(size=5000)
    found = Distribution.of(x, None, 50, at_mean=True)
    assert len(found.values) <= 200
    assert_allclose(np.average(found.values, weights=found.masses), x.mean())


def test_columns_share_the_room_for_groups():
    assert groups_for(1) == 16_384
    assert groups_for(100) == 5242
    assert groups_for(10_000) == 1024


def test_shares_of_workers():
    assert shares_of(["a", "b", "a"], ["a", "b"]) == {"a": [0, 2], "b": [1]}
    assert shares_of(["a", None], ["a"]) == {"a": [0], None: [1]}
    assert shares_of(["gone", "a"], ["a"]) == {None: [0], "a": [1]}
    assert shares_of(["a"] * 4, ["a", "b", "c"]) == {"a": [0], "b": [2, 3], "c": [1]}
    assert shares_of(["a"], ["a", "b"]) == {"a": [0]}


def test_rows_held_out_of_a_block():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [50, 23, 3]))
    sample = make_sample(np.eye(76), y, LOSSES["softmax_cross_entropy"])
    n_held = np.array([[9, 9, 9], [10, 5, 0]])
    held = Selection(0, n_held, held_out=True)
    inside, others = held.of(sample, 1), held.other().of(sample, 1)
    assert sorted([*inside.subset, *others.subset]) == list(range(76))
    assert_array_equal(np.bincount(y[inside.subset], minlength=3), [10, 5, 0])
    again = Selection(0, n_held, held_out=True)
    assert again == held
    assert_array_equal(inside.subset, again.of(sample, 1).subset)
    other_seed = Selection(1, n_held, held_out=True).of(sample, 1)
    assert not np.array_equal(inside.subset, other_seed.subset)
    # Of a part, a part.
    third = Selection(1, np.array([[0] * 3, [20, 9, 1]]), held_out=True).of(others, 1)
    assert set(third.subset) < set(others.subset)
    assert_array_equal(np.bincount(y[third.subset]), [20, 9, 1])


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.3, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_many_small_blocks_hold_out_their_share(fraction, seed):
    """And each class is on both sides, however few rows it has."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 20, (500, 5))
    counts[:, 1:4] = 0
    counts[7, 1], counts[[3, 400], 2], counts[[0, 1, 499], 3] = 1, 1, 2
    n_held = rows_to_hold_out(counts, fraction, np.random.RandomState(seed))
    assert (0 <= n_held).all()
    assert (n_held <= counts).all()
    totals, sizes = n_held.sum(axis=0), counts.sum(axis=0)
    assert totals[1] == 0
    assert totals[2] == 1
    assert 1 <= totals[3] <= 5
    assert (np.abs(totals - fraction * sizes)[[0, 4]] <= 0.5).all()
    assert (np.abs(n_held - fraction * counts)[:, [0, 4]] < 1.0 + 1e-6).all()


def test_shares_of_more_rows_than_64_bits_count_pairs_of():
    counts = np.full((10, 1), 10**10)
    n_held = rows_to_hold_out(counts, 0.5, np.random.RandomState(0))
    assert_array_equal(n_held, counts // 2)


def test_r2_of_parts_is_that_of_all():
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(0)
    y = 1e6 + rng.standard_normal((30, 2))
    predicted, weights = y + rng.standard_normal((30, 2)), rng.random(30)

    class Model:
        def predict(self, X):
            return predicted[X]

        n_outputs_ = 2

    parts = [np.arange(0, 4), np.arange(4, 4), np.arange(4, 30)]
    sums = [r2_sums(Model(), i, p, y[p], weights[p]) for i, p in enumerate(parts)]
    total = add_r2(add_r2(sums[0], sums[1]), sums[2])
    expected = r2_score(y, predicted, sample_weight=weights, multioutput="raw_values")
    assert_allclose(r2_of(total), expected, rtol=1e-6)


def test_r2_where_it_is_not_a_ratio():
    zeros, nan = np.zeros(3), np.nan
    sums = 2, 1.0, zeros, np.array([0.0, 0.0, nan]), np.array([0.0, 1.0, nan])
    assert_array_equal(r2_of(sums), [1.0, 0.0, nan])
    with pytest.warns(UndefinedMetricWarning, match="less than two rows"):
        assert_array_equal(r2_of((1, *sums[1:])), [nan] * 3)
