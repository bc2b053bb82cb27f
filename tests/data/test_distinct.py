"""Copies, weights and the order of the rows: what is chosen does not depend on them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.distinct import distinct_rows, keys_of_sparse
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.data.split import fold_weights
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.training.penalty_search import path

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = [np.asarray, sparse.csr_matrix]


def sample_of(X, y, weights=None):
    several = np.ndim(y) == 2
    name = "logistic_cross_entropy" if several else "softmax_cross_entropy"
    return make_sample(X, y, LOSSES[name], None, weights)


def total(sample):
    """Return X, y and weight of each row that takes part, sorted by X and y."""
    X = sample.X if isinstance(sample.X, np.ndarray) else sample.X.toarray()
    rows = np.arange(len(X)) if sample.subset is None else sample.subset
    weights = np.ones(len(X)) if sample.weights is None else sample.weights
    table = np.column_stack([X[rows], sample.y[rows], weights[rows]])
    return table[np.lexsort(table.T[::-1])]


# Distinct rows


@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("n_values", [1, 2, 4, 1000])
def test_distinct_rows_are_those_of_numpy(n_features, n_values):
    X = np.random.RandomState(0).randint(n_values, size=(60, n_features)) / 7
    order, first = distinct_rows(X.T, np.arange(60))
    values, counts = np.unique(X, axis=0, return_counts=True)
    assert_array_equal(X[order[first]], values)
    assert_array_equal(np.diff([*first, 60]), counts)
    assert_array_equal(X[order], np.repeat(values, counts, axis=0))
    assert_array_equal(np.sort(order), np.arange(60))


def test_distinct_rows_of_some():
    X = np.random.RandomState(0).randint(3, size=(60, 2))
    some = np.random.RandomState(1).permutation(60)[:25]
    order, first = distinct_rows(X.T, some)
    assert_array_equal(np.sort(order), np.sort(some))
    assert_array_equal(X[order[first]], np.unique(X[some], axis=0))


def test_no_more_than_one_column_is_read_in_vain():
    def columns():
        yield np.array([3, 1, 2, 1])
        yield np.array([0, 5, 0, 4])
        yield np.zeros(4)
        raise AssertionError

    order, first = distinct_rows(columns(), np.arange(4))
    assert_array_equal(order, [3, 1, 2, 0])
    assert_array_equal(first, np.arange(4))


def test_zeros_of_both_signs_are_equal():
    X = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 1.0]])
    assert len(distinct_rows(X.T, np.arange(3))[1]) == 1
    assert len(set(keys_of_sparse(sparse.csr_matrix(X)))) == 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_keys_of_sparse_rows_are_alike_where_the_rows_are(dtype):
    X = np.random.RandomState(0).randint(-1, 3, (200, 4)).astype(dtype)
    keys = keys_of_sparse(sparse.csr_matrix(X))
    _, by_rows = np.unique(X, axis=0, return_inverse=True)
    _, by_keys = np.unique(keys, return_inverse=True)
    pairs = np.unique(np.c_[by_rows.ravel(), by_keys.ravel()], axis=0)
    assert len(pairs) == by_rows.max() + 1 == by_keys.max() + 1


def test_a_stored_zero_is_no_other_row():
    X = sparse.csr_matrix(([0.0, 5.0, 5.0], [0, 1, 1], [0, 2, 3]), (2, 3))
    assert len(set(keys_of_sparse(X))) == 1


# Of a sample


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_pairs_are_one_row_of_the_sum_of_their_weights(kind, several, weighted):
    rng = np.random.RandomState(0)
    X, y = rng.randint(3, size=(80, 2)) * 1.0, rng.randint(2, size=80)
    y = np.c_[y, rng.randint(2, size=80)] if several else y
    weights = rng.randint(4, size=80) * 1.0 if weighted else np.ones(80)
    found = sample_of(kind(X), y, weights if weighted else None).distinct()
    taken = weights > 0
    pairs, inverse = np.unique(np.c_[X, y][taken], axis=0, return_inverse=True)
    sums = np.bincount(inverse.ravel(), weights[taken])
    assert found.n_samples == len(pairs)
    assert_array_equal(total(found), np.c_[pairs, sums])
    assert found.total_weight == weights.sum()


def test_rows_that_are_distinct_have_no_weights():
    X = np.random.RandomState(0).randn(20, 2)
    found = sample_of(X, np.arange(20) % 2).distinct()
    assert found.weights is None
    assert found.n_samples == 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_distinct_rows_is_their_own(kind):
    rng = np.random.RandomState(0)
    X, y = rng.randint(4, size=(50, 3)) * 1.0, rng.randint(2, size=50)
    i = rng.permutation(50)
    one = sample_of(kind(X), y).distinct()
    other = sample_of(kind(X[i]), y[i]).distinct()
    assert_array_equal(X[one.subset], X[i][other.subset])
    assert_array_equal(y[one.subset], y[i][other.subset])
    weights = one.weights[one.subset], other.weights[other.subset]
    assert_array_equal(*weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_folds_share_all_the_weight(weighted):
    rng = np.random.RandomState(0)
    X, y = rng.randn(40, 2), np.arange(40) % 2
    weights = rng.randint(1, 9, 40) * 1.0 if weighted else None
    sample = sample_of(X, y, weights)
    held = []
    for train, held_out in sample.folds(3, np.random.RandomState(0)):
        assert train.total_weight + held_out.total_weight == sample.total_weight
        given = np.ones(40) if held_out.weights is None else held_out.weights
        held.append(np.bincount(held_out.subset, given[held_out.subset], 40))
        assert (held[-1] <= (1 if weights is None else weights)).all()
    light = np.ones(40, bool) if weights is None else weights < 3
    whole = np.ones(40) if weights is None else weights
    assert_array_equal(np.sum(held, axis=0)[light], whole[light])
    for parts in held:
        assert_array_equal(parts[~light], np.floor(whole[~light] / 3))


def test_class_weights_are_divided_as_the_rows_are():
    """A row that stands for one is drawn whole, however much it weighs."""
    X, y = np.arange(30.0)[:, np.newaxis], np.arange(30) % 2
    loss = LOSSES["softmax_cross_entropy"]
    sample = make_sample(X, y, loss, None, None, {0: 1.0, 1: 50.0})
    for train, held_out in sample.folds(3, np.random.RandomState(0)):
        assert train.n_samples == 20
        assert held_out.n_samples == 10
        assert_array_equal(np.unique(held_out.weights[held_out.subset]), [1, 50])


def test_no_row_outweighs_a_minibatch():
    weights = np.r_[np.ones(10), 40.0, 0.5]
    sample = sample_of(np.arange(12.0)[:, np.newaxis], np.arange(12) % 2, weights)
    evened = sample.evened()
    assert evened.total_weight == sample.total_weight
    parts = evened.weights[evened.subset]
    assert parts.max() < 1.5 * weights.mean()
    assert evened.n_samples <= 24
    assert_array_equal(np.bincount(evened.subset, parts), weights)


# Rows held out


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_a_heavy_row_gives_its_share_to_each_fold(n_folds):
    weights = np.array([1, 2, 3, 5, 8, 30, 1.5, 4.5, *np.ones(20)])
    folds = list(fold_weights(weights, None, n_folds, np.random.RandomState(0)))
    heavy = weights >= n_folds
    for held in folds:
        assert_array_equal(held[heavy], np.floor(weights[heavy] / n_folds))
    assert_array_equal(np.sum(folds, axis=0)[~heavy], weights[~heavy])
    assert len(folds) == n_folds


@pytest.mark.parametrize("factor", [3 * (1 / 3), 0.1 * 30, 1 - 1e-12])
def test_rounding_takes_no_row_away(factor):
    weights = np.full(6, 3.0) * factor / max(1.0, np.rint(factor))
    (held, *_) = fold_weights(weights, None, 3, np.random.RandomState(0))
    assert_array_equal(held, 1)


@pytest.mark.parametrize("n_folds", [3, 5])
def test_classes_have_their_share_of_each_fold(n_folds):
    strata = np.repeat([0, 1, 2], [60, 30, 13])
    weights = np.ones(103)
    for held in fold_weights(weights, strata, n_folds, np.random.RandomState(0)):
        counts = np.bincount(strata, held)
        assert (abs(counts - np.bincount(strata) / n_folds) <= 1).all()


def test_the_only_row_of_a_class_is_not_held_out():
    strata = np.r_[np.arange(20) % 2, 2, 3]
    folds = list(fold_weights(np.ones(22), strata, 3, np.random.RandomState(0)))
    assert_array_equal(np.sum(folds, axis=0), [1] * 20 + [0, 0])


def test_the_only_row_of_a_class_among_those_that_take_part_is_not_held_out():
    """Also where other rows of the class are there, which take no part."""
    y = np.arange(40) % 2
    y[[7, 30]] = 2
    sample = sample_of(np.arange(40.0)[:, None], y).only(np.arange(20))
    for train, held_out in sample.folds(3, np.random.RandomState(0)):
        assert 7 in train.subset
        assert 7 not in held_out.subset


def test_where_rows_are_few_they_are_held_out_all_the_same():
    """A class of fewer rows than folds is in some of them."""
    strata = np.r_[np.zeros(9, int), 1, 1]
    folds = list(fold_weights(np.ones(11), strata, 5, np.random.RandomState(0)))
    assert_array_equal(np.sum(folds, axis=0), 1)
    strata = np.repeat(np.arange(6), 2)
    folds = list(fold_weights(np.ones(12), strata, 5, np.random.RandomState(0)))
    assert_array_equal(np.sum(folds, axis=0), 1)


# Of a fit


@pytest.fixture
def short_path(monkeypatch):
    """Let each alpha have three epochs: what is chosen is looked at, not how well."""
    monkeypatch.setattr(path, "EPOCHS", 3)


def table(n, several=False, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, 3).round(1)
    y = (X[:, 0] * X[:, 1] + 0.7 * rng.randn(n) > 0).astype(int)
    return X, np.c_[y, X[:, 2] > 0].astype(int) if several else y


def network(random_state=0, **params):
    given = {"hidden_layer_sizes": (3,), "activation": "tanh"}
    return ScratchMLPClassifier(random_state=random_state, **given | params)


def three_ways(n, random_state, kind=np.asarray, several=False, **params):
    """Return fits to weighted rows, to as many copies, and to these in disorder."""
    X, y = table(n, several)
    k = np.random.RandomState(random_state).randint(1, 5, n)
    copies, labels = X.repeat(k, axis=0), y.repeat(k, axis=0)
    i = np.random.RandomState(random_state + 1).permutation(len(copies))
    ways = (X, y, k), (copies, labels), (copies[i], labels[i])
    return [
        network(random_state, **params).fit(kind(rows), *others)
        for rows, *others in ways
    ]


def assert_same_choices(models):
    """The alpha to the bit; the losses as near as the scales of the columns are."""
    first, *others = models
    assert first.alpha_path_ is not None
    for other in others:
        assert other.alpha_ == first.alpha_
        assert_array_equal(other.alpha_path_["alpha"], first.alpha_path_["alpha"])
        losses = (model.alpha_path_["validation_loss"] for model in (other, first))
        assert_allclose(*losses, rtol=1e-4)
        assert_allclose(other.temperature_, first.temperature_, rtol=1e-4)


@pytest.mark.parametrize("random_state", range(10))
@pytest.mark.parametrize("n", [60, 130])
def test_copies_weights_and_order_make_the_same_choices(n, random_state, short_path):
    """In folds below 100 rows, in a split above."""
    assert_same_choices(three_ways(n, random_state, calibrate=True))


@pytest.mark.parametrize("n", [60, 130])
@pytest.mark.parametrize(
    ("kind", "several"),
    [(sparse.csr_matrix, False), (np.asarray, True), (sparse.csr_matrix, True)],
)
def test_so_do_sparse_rows_and_several_labels(n, kind, several, short_path):
    assert_same_choices(three_ways(n, 0, kind, several))


MINIBATCHES = {"solver": "adam", "max_iter": 8, "adaptive_penalty": True, "n_bins": 4}


@pytest.mark.parametrize("n", [60, 130])
@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
def test_so_do_minibatches(n, encoding):
    """Of these the training itself is another in another order, and its temperature."""
    given = MINIBATCHES | {"batch_size": 16, "dtype": "float64"}
    assert_same_choices(three_ways(n, 0, numeric_encoding=encoding, **given))


@pytest.mark.parametrize("n", [60, 130])
def test_so_do_minibatches_of_all_rows(n):
    assert_same_choices(three_ways(n, 0, dtype="float64", **MINIBATCHES))


@pytest.mark.parametrize("n", [60, 130])
def test_the_choices_are_the_same_to_the_bit(n, short_path):
    first, *others = three_ways(n, 0)
    for other in others:
        losses = other.alpha_path_["validation_loss"]
        assert_array_equal(losses, first.alpha_path_["validation_loss"])
        assert_array_equal(other.penalty_factors_, first.penalty_factors_)


@pytest.mark.parametrize("random_state", range(10))
@pytest.mark.parametrize("n", [60, 130])
def test_probabilities_agree_where_the_penalty_is_1_or_more(
    n, random_state, short_path, monkeypatch
):
    """Of weaker ones rounding may end in another minimum."""
    monkeypatch.setattr(path, "ALPHAS", (10.0, 3.0, 1.0))
    X, _ = table(n)
    first, *others = (
        model.predict_proba(X) for model in three_ways(n, random_state, max_iter=100)
    )
    for other in others:
        assert_allclose(other, first, atol=1e-6)


@pytest.mark.parametrize("n", [19, 20])
@pytest.mark.parametrize("factor", [1, 7])
def test_alpha_is_1_below_20_distinct_rows(n, factor, short_path):
    X, y = table(n)
    copies, labels = X.repeat(factor, axis=0), y.repeat(factor)
    ways = (copies, labels), (X, y, np.full(n, factor))
    for model in (network().fit(*way) for way in ways):
        assert (model.alpha_path_ is None) == (n < 20)
        assert n >= 20 or model.alpha_ == 1.0


def test_rows_of_weight_zero_are_not_counted(short_path):
    X, y = table(40)
    weights = np.arange(40) < 19
    assert network().fit(X, y, weights * 1.0).alpha_path_ is None


@pytest.mark.parametrize(("n", "solver"), [(149, "lbfgs"), (150, "adam")])
def test_the_plan_counts_distinct_rows(n, solver, monkeypatch):
    """Solver, width, encoding: whether they come as weights or as copies."""
    monkeypatch.setattr("sklearn_scratchnn.estimator.defaults.MANY_ROWS", 150)
    monkeypatch.setattr("sklearn_scratchnn.estimator.defaults.WIDE", (4, 3))
    X, y = np.random.RandomState(0).randn(n, 2), np.arange(n) % 2
    ways = (X, y), (X, y, np.full(n, 2.0)), (np.r_[X, X], np.r_[y, y])
    for way in ways:
        model = ScratchMLPClassifier(alpha=1.0, max_iter=1, random_state=0).fit(*way)
        assert model.solver_ == solver
        assert (model.bin_edges_ is not None) == (solver == "adam")
        assert len(model.coefs_) == (3 if solver == "adam" else 2)


def test_the_same_x_with_another_y_is_another_row(short_path):
    X = np.arange(10.0)[:, np.newaxis]
    twice, y = np.r_[X, X], np.r_[np.zeros(10), np.ones(10)]
    assert network().fit(twice, y).alpha_path_ is not None
    y = np.r_[np.arange(10) % 2, np.arange(10) % 2]
    assert network().fit(twice, y).alpha_path_ is None


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_class_of_one_row_stays_in_the_part_that_is_trained_on(solver):
    X, y = table(30)
    model = network(solver=solver, max_iter=2).fit(X, np.r_[y[:29], 2])
    assert model.predict_proba(X).shape == (30, 3)
    assert np.isfinite(model.alpha_path_["validation_loss"]).all()


@pytest.mark.filterwarnings("ignore:The number of unique classes")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_where_every_class_has_one_row_there_is_nothing_to_choose_on(solver):
    X, _ = table(30)
    model = network(solver=solver, max_iter=2).fit(X, np.arange(30))
    assert model.alpha_ == 1.0
