"""``partial_fit``: what carries on from call to call, and what is refused."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import learning_curve
from tasks import COUNTS, LABELS, NUMBERS, OF_NUMBERS, of_labels, of_numbers, tasks

from sklearn_scratchnn.data.standardize import Standardizer
from sklearn_scratchnn.network.network import Network
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.run import TrainingRun

SOLVERS = list(OPTIMIZERS)


@pytest.fixture
def iris(iris, task):
    return iris[0], task.y(iris[1])


@pytest.fixture
def network(task):
    def make(solver="adam", **parameters):
        given = {"hidden_layer_sizes": 6, "batch_size": 32, "learning_rate": "constant"}
        given |= {"learning_rate_init": 0.02, "random_state": 0} | parameters
        given = {"standardize": True} | given
        return task.network(solver=solver, **given)

    return make


def layers(model):
    return [*model.coefs_, *model.intercepts_]


def assert_same_bits(model, other):
    for a, b in zip(layers(model), layers(other), strict=True):
        assert_array_equal(a, b)


def first(model, y):
    """Return what the first call needs besides X and y."""
    return LABELS.first(y) if isinstance(model, LABELS.of_one) else {}


def passes(model, X, y, n):
    for _ in range(n):
        model.partial_fit(X, y, **first(model, y))
    return model


# What carries on


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
def test_calls_on_the_same_rows_are_the_passes_of_a_fit(
    iris, network, solver, learning_rate
):
    """Random state, optimizer state and the count of updates, all at once."""
    settings = {"learning_rate": learning_rate, "standardize": False}
    if solver != "adamw":
        settings["alpha"] = 1.0
    model = passes(network(solver, **settings), *iris, 5)
    whole = network(solver, max_iter=5, **settings).fit(*iris)
    assert_same_bits(model, whole)
    assert_array_equal(model.loss_curve_, whole.loss_curve_)
    assert_array_equal(model.history_["learning_rate"], whole.history_["learning_rate"])
    assert (model.n_iter_, model.t_) == (whole.n_iter_, whole.t_) == (5, 750)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0, 1000])
def test_standardised_calls_are_the_passes_of_a_fit(iris, network, dtype, offset):
    """Folding and unfolding between the calls costs rounding, not learning."""
    X, y = (iris[0] + offset).astype(dtype), iris[1]
    model = passes(network(alpha=1.0), X, y, 20)
    whole = network(alpha=1.0, max_iter=20).fit(X, y)
    rtol = 0.03 if dtype == np.float32 else 1e-3
    assert_allclose(model.loss_curve_, whole.loss_curve_, rtol=rtol)


def test_counters_and_history_go_on(iris, task, network):
    X, y = iris
    model = network()
    model.partial_fit(X[:40], y[:40], **task.first(y))
    model.partial_fit(X[40:], y[40:])
    model.partial_fit(X, y)
    assert model.n_iter_ == 3
    assert model.t_ == 300
    assert_array_equal(model.history_["epoch"], [1, 2, 3])
    assert {len(column) for column in model.history_.values()} == {3}
    assert model.loss_curve_[-1] == model.loss_
    assert model.best_loss_ == model.loss_curve_.min()


def test_the_validation_curves_of_a_fit_are_kept(iris, network):
    """Later passes, which have no held-out rows, leave them without a number."""
    X, y = iris
    model = network(max_iter=3).fit(X, y, X_val=X[::2], y_val=y[::2])
    then, best = model.validation_scores_, model.best_validation_score_
    model.partial_fit(X, y).partial_fit(X, y)
    assert {len(column) for column in model.history_.values()} == {5}
    assert_array_equal(model.validation_scores_, [*then, np.nan, np.nan])
    assert_array_equal(np.isnan(model.history_["validation_loss"]), [0, 0, 0, 1, 1])
    assert model.best_validation_score_ == best
    assert np.isfinite(model.loss_curve_).all()
    model.fit(X, y)
    assert model.validation_scores_ is None
    assert model.best_validation_score_ is None


def test_printed_iterations_go_on(iris, network, capsys):
    model = network(verbose=2)
    passes(model, *iris, 3)
    printed = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["Iteration 1", "Iteration 2", "Iteration 3"]


def test_every_call_shuffles_anew(iris, network):
    """`MLPClassifier` with an integer seed visits the rows alike in every call."""
    X, y = iris
    orders = []

    class Spy(np.random.RandomState):
        def permutation(self, n):
            orders.append(super().permutation(n))
            return orders[-1]

    passes(network(random_state=Spy(0)), X, y, 3)
    assert len(orders) == 3
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[1], orders[2])


def test_dropout_draws_anew_in_every_call(iris, network):
    X, y = iris
    model = network("sgd", dropout=0.5, shuffle=False, learning_rate_init=1e-12)
    passes(model, X, y, 3)
    assert len(np.unique(model.loss_curve_)) == 3


def test_the_first_call_fixes_the_standardisation(iris, task, network):
    X, y = iris
    first, later = X[:75] * 3 + 7, X[75:] * 50 - 900
    model = network(dtype="float64")
    model.partial_fit(first, y[:75], **task.first(y)).partial_fit(later, y[75:])
    mean, scale = first.mean(axis=0), first.std(axis=0)
    plain = network(dtype="float64", standardize=False)
    plain.partial_fit((first - mean) / scale, y[:75], **task.first(y))
    plain.partial_fit((later - mean) / scale, y[75:])
    wanted = task.answers(plain, (later - mean) / scale)
    assert_allclose(task.answers(model, later), wanted, rtol=1e-6)


def unit_of(task, y):
    """Return what a network measures y from, and in."""
    if task is NUMBERS:
        return y.mean(), y.std()
    if task is COUNTS:
        return 0.0, y.mean()
    low, median, high = np.quantile(y, [0.25, 0.5, 0.75], method="inverted_cdf")
    return median, (high - low) / 1.349


@tasks(*OF_NUMBERS)
def test_the_first_call_fixes_the_unit_of_y(iris, task, network):
    """Later numbers, of whatever spread, are measured in it."""
    X, y = iris
    rows = np.random.RandomState(0).permutation(150)
    first, later = rows[:75], rows[75:]
    model, other = network(dtype="float64"), network(dtype="float64")
    model.partial_fit(X[first], y[first]).partial_fit(X[later], 3 * y[later])
    center, scale = unit_of(task, y[first])
    inside = (y[first] - center) / scale, (3 * y[later] - center) / scale
    other.partial_fit(X[first], inside[0]).partial_fit(X[later], inside[1])
    assert_allclose(model.predict(X), center + scale * other.predict(X), rtol=1e-9)
    assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("standardize", [True, "robust"])
@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_columns_that_are_constant_now_keep_their_weights(
    iris, network, method, standardize, container
):
    """Of a later call on few rows, after a fit and where ``fit`` starts warm."""
    X, y = container(iris[0]), iris[1]
    model = network(standardize=standardize, warm_start=True, max_iter=50)
    model = model.set_params(dtype="float64").fit(X, y)
    before, score = layers(model), model.score(X, y)
    model.set_params(learning_rate_init=1e-12, max_iter=1)
    X_now, y_now = container(iris[0][[0, 50, 100]] * [1, 0, 0, 1]), y[[0, 50, 100]]
    getattr(model, method)(X_now, y_now)
    for now, then in zip(layers(model), before, strict=True):
        assert_allclose(now, then, rtol=1e-7, atol=1e-7)
    assert_allclose(model.score(X, y), score, rtol=1e-9)


@pytest.mark.parametrize("n_rows", [1, 10, 60])
def test_the_automatic_penalty_does_not_depend_on_the_chunk(
    iris, task, network, n_rows
):
    X, y = iris
    rows = np.random.RandomState(0).permutation(len(X))[:n_rows]
    model = network().partial_fit(X[rows], y[rows], **task.first(y))
    assert model.alpha_ / n_rows == pytest.approx(1 / 3000)
    model.partial_fit(X, y)
    assert model.alpha_ / len(X) == pytest.approx(1 / 3000)


def test_after_a_fit_the_penalty_is_as_strong_per_row(iris, network):
    X, y = iris
    model = network("auto", batch_size="auto", learning_rate="auto").fit(X, y)
    per_row = model.alpha_ / len(X)
    for n_rows in (1, 50, 2):
        model.partial_fit(X[:n_rows], y[:n_rows])
        assert model.alpha_ / n_rows == pytest.approx(per_row)


def test_one_row_at_a_time_is_learnt_from(iris, task, network):
    X, y = iris
    model = network(standardize=False)
    for i in np.random.RandomState(0).permutation(np.tile(np.arange(150), 5)):
        model.partial_fit(X[i : i + 1], y[i : i + 1], **task.first(y))
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("pickled", [False, True])
def test_an_adaptive_rate_falls_where_calls_no_longer_improve(
    iris, task, network, pickled
):
    model = network("sgd", learning_rate="adaptive", tol=10.0, n_iter_no_change=2)
    for _ in range(8):
        model.partial_fit(*iris, **task.first(iris[1]))
        model = pickle.loads(pickle.dumps(model)) if pickled else model
    rates = 0.02 / np.array([1, 1, 1, 1, 5, 5, 5, 25])
    assert_allclose(model.history_["learning_rate"], rates)
    model.set_params(learning_rate_init=0.5).partial_fit(*iris)
    assert model.history_["learning_rate"][-1] == 0.5


@of_labels
def test_one_class_alone_is_refused(iris, network):
    X, y = iris
    with pytest.raises(ValueError, match="classes=.* holds one class only"):
        network().partial_fit(X, 0 * y, classes=[0])


@pytest.mark.parametrize("classes", [[0, 1], ["a", "b", "c"]])
@of_labels
def test_classes_of_an_indicator_matrix_are_its_columns(iris, network, classes):
    X, y = iris
    with pytest.raises(ValueError, match="classes=.* do not fit y"):
        network().partial_fit(X, np.eye(3)[y], classes=classes)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_changed_learning_rate_is_honoured(iris, network, solver):
    model = passes(network(solver), *iris, 2)
    before = [a.copy() for a in layers(model)]
    model.set_params(learning_rate_init=1e-30).partial_fit(*iris)
    assert model.history_["learning_rate"][-1] == 1e-30
    if solver != "sgd":
        for a, b in zip(layers(model), before, strict=True):
            assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    model.set_params(learning_rate_init=0.05)
    model.partial_fit(*iris)
    assert model.history_["learning_rate"][-1] == 0.05
    assert not np.allclose(model.coefs_[0], before[0], rtol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 1e4},
        {"batch_size": 10},
        {"momentum": 0.0},
        {"nesterovs_momentum": False},
        {"shuffle": False},
        {"dropout": 0.5},
        {"max_grad_norm": 1e-3},
        {"learning_rate": "invscaling"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_changed_parameters_are_honoured(iris, network, change):
    assert_honoured(network, iris, change)


@of_labels
@pytest.mark.parametrize(
    "change",
    [{"label_smoothing": 0.5}, {"class_weight": {0: 5.0, 1: 1.0, 2: 1.0}}],
    ids=lambda change: next(iter(change)),
)
def test_changed_parameters_of_labels_are_honoured(iris, network, change):
    assert_honoured(network, iris, change)


@of_numbers
@pytest.mark.parametrize("change", [{"loss": "quantile", "quantile": 0.9}])
def test_changed_parameters_of_numbers_are_honoured(iris, network, change):
    assert_honoured(network, iris, change)


def assert_honoured(network, iris, change):
    model = passes(network("sgd"), *iris, 2)
    other = copy.deepcopy(model).set_params(**change)
    model.partial_fit(*iris)
    other.partial_fit(*iris)
    assert not np.array_equal(model.coefs_[0], other.coefs_[0])
    assert np.isfinite(other.loss_)


@pytest.mark.parametrize(
    "first, then",
    [
        ({"solver": "adam"}, {"solver": "sgd"}),
        ({"solver": "sgd"}, {"solver": "adam"}),
        ({"solver": "sgd", "momentum": 0.0}, {"momentum": 0.9}),
        ({"standardize": False}, {"standardize": True}),
        ({"standardize": True}, {"standardize": False}),
        ({"dtype": "float32"}, {"dtype": "float64"}),
        ({"dtype": "float64"}, {"dtype": "float32"}),
        ({"solver": "adam"}, {"solver": "adamw"}),
    ],
    ids=lambda change: " ".join(f"{k}={v}" for k, v in change.items()),
)
def test_changes_of_what_is_carried(iris, network, first, then):
    """They are refused by name, or training goes on and improves."""
    model = passes(network(**first), *iris, 5)
    loss, name = model.loss_, next(iter(then))
    model.set_params(**then)
    try:
        passes(model, *iris, 10)
    except ValueError as error:
        assert name in str(error)
    else:
        assert model.loss_ < loss


@of_labels
def test_chunks_need_not_hold_every_class(iris, network):
    X, y = iris
    model = network()
    for _ in range(30):
        for k in (0, 1, 2):
            model.partial_fit(X[y == k], y[y == k], classes=[0, 1, 2])
    assert_array_equal(model.classes_, [0, 1, 2])
    assert model.score(X, y) > 0.6


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 2.0, 2: 3.0}])
@of_labels
def test_chunks_of_one_class_with_class_weight(iris, network, class_weight):
    X, y = iris
    model = network(class_weight=class_weight)
    for k in (0, 1, 2):
        model.partial_fit(X[y == k], y[y == k], classes=[0, 1, 2])
    assert np.isfinite(model.loss_)


@of_labels
def test_string_labels_and_unsorted_classes(iris, network):
    X, y = iris
    names = np.array(["ant", "bee", "cow"])
    model = network().partial_fit(X[:9], names[y[:9]], classes=["cow", "ant", "bee"])
    passes_on = model.partial_fit(X, names[y], classes=["bee", "cow", "ant"])
    assert_array_equal(passes_on.classes_, names)


@tasks(*OF_NUMBERS)
def test_several_columns_of_numbers(iris, task, network):
    X, labels = iris[0], np.arange(150) // 50
    Y = task.several(labels)
    model = network()
    for _ in range(40):
        model.partial_fit(X, Y)
    assert model.predict(X).shape == (150, 2)
    assert model.score(X, Y) > 0.85


@of_labels
def test_several_labels(iris, network):
    X, y = iris
    Y = np.c_[y == 0, y > 0, X[:, 0] > 0].astype(int)
    model = network()
    for _ in range(40):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert model.out_activation_ == "logistic"
    assert (model.predict(X) == Y).mean() > 0.8


def test_sparse_and_dense_chunks_mix(iris, task, network):
    X, y = iris
    mixed, dense = network(dtype="float64"), network(dtype="float64")
    for chunk in (sparse.csr_matrix(X), X, sparse.csc_matrix(X)):
        mixed.partial_fit(chunk, y, **task.first(y))
        dense.partial_fit(X, y, **task.first(y))
    assert_allclose(mixed.coefs_[0], dense.coefs_[0], rtol=1e-6)


def test_max_iter_and_patience_do_not_matter_nor_warn(iris, network):
    model = network(max_iter=50, n_iter_no_change=1, tol=100.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        passes(model, *iris, 5)
    assert model.n_iter_ == 5


def test_auto_settles_on_a_minibatch_solver(iris, task):
    model = passes(task.network(4), *iris, 1)
    assert model.solver_ in OPTIMIZERS
    assert model.n_iter_ == 1


# fit before, fit after


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["auto", "adam"])
def test_it_goes_on_from_a_fit(iris, task, network, solver):
    X, y = iris
    model = network(solver, learning_rate="auto", batch_size="auto").fit(X, y)
    before, n_iter = task.answers(model, X), model.n_iter_
    model.set_params(learning_rate_init=1e-30).partial_fit(X[:60] * 2, y[:60])
    assert_allclose(task.answers(model, X), before, rtol=1e-3, atol=1e-5)
    assert model.n_iter_ == n_iter + 1
    assert len(model.loss_curve_) == n_iter + 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fit_begins_again(iris, network):
    X, y = iris
    model = network(max_iter=3)
    fresh = clone(model).fit(X, y)
    passes(model, X * 9, y, 4)
    assert_same_bits(model.fit(X, y), fresh)
    assert model.n_iter_ == 3
    assert vars(model).keys() == vars(fresh).keys()


def test_a_clone_forgets(iris, network):
    model = passes(network(), *iris, 4)
    assert_same_bits(passes(clone(model), *iris, 1), passes(network(), *iris, 1))


# Pickles and interruptions


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("between", [through_pickle, copy.deepcopy])
def test_a_pickle_between_the_calls_changes_no_bit(
    iris, network, solver, dropout, between
):
    given = {"dropout": dropout, "random_state": np.random.RandomState(5)}
    straight = passes(network(solver, **copy.deepcopy(given)), *iris, 6)
    model = network(solver, **given)
    for _ in range(6):
        model = between(passes(model, *iris, 1))
    assert_same_bits(model, straight)
    assert_array_equal(model.loss_curve_, straight.loss_curve_)


def test_an_interrupted_sequence_resumes_from_its_pickle(task, network):
    X, labels = load_digits(return_X_y=True)
    y = task.y(labels)
    chunks = np.array_split(np.arange(len(X)), 9)
    straight = network()
    for rows in chunks:
        straight.partial_fit(X[rows], y[rows], **task.first(y))
    model, saved = network(), None
    for rows in chunks[:4]:
        model.partial_fit(X[rows], y[rows], **task.first(y))
        saved = pickle.dumps(model)
    del model
    resumed = pickle.loads(saved)
    for rows in chunks[4:]:
        resumed.partial_fit(X[rows], y[rows])
    assert_same_bits(resumed, straight)


def failing_at(monkeypatch, n, error):
    """Let the n-th backward pass from now on raise ``error``."""
    backward, calls = Network.backward, iter(range(1, n + 1))

    def counted(*args, **kwargs):
        if next(calls) == n:
            monkeypatch.setattr(Network, "backward", backward)
            raise error
        return backward(*args, **kwargs)

    monkeypatch.setenv("SCRATCHNN_CORE", "0")
    monkeypatch.setattr(Network, "backward", counted)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.usefixtures("on_the_page")
def test_an_error_inside_a_pass_leaves_everything_as_it_was(
    iris, network, monkeypatch, solver
):
    """Weights, random state, optimizer state: as if the call had not been."""
    straight = passes(network(solver), *iris, 3)
    model = passes(network(solver), *iris, 2)
    failing_at(monkeypatch, 3, RuntimeError("in the third batch"))
    with pytest.raises(RuntimeError, match="third batch"):
        model.partial_fit(*iris)
    assert model.n_iter_ == 2
    assert_same_bits(model.partial_fit(*iris), straight)


@pytest.mark.parametrize("n_before", [0, 2])
@pytest.mark.usefixtures("on_the_page")
def test_an_interruption_inside_a_pass_leaves_a_model_that_goes_on(
    iris, task, network, monkeypatch, n_before
):
    X, y = iris
    model = passes(network(), X, y, n_before)
    failing_at(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, **task.first(y))
    assert np.isfinite(task.answers(model, X)).all()
    passes(model, X, y, 30)
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("n_before", [0, 2])
@pytest.mark.usefixtures("on_the_page")
def test_an_interrupted_call_made_again_changes_no_bit(
    iris, task, network, monkeypatch, solver, dropout, n_before
):
    X, y = iris
    model = passes(network(solver, dropout=dropout), X, y, n_before)
    straight = passes(copy.deepcopy(model), X, y, 2)
    before = pickle.dumps(model)
    failing_at(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, **task.first(y))
    if n_before:
        assert pickle.dumps(model) == before
    model = passes(through_pickle(model), X, y, 2)
    assert_same_bits(model, straight)
    assert vars(model).keys() == vars(straight).keys()
    for name in ("n_iter_", "t_", "loss_", "best_loss_"):
        assert getattr(model, name) == getattr(straight, name)


def interrupted_after_the_pass(model, X, y, monkeypatch):
    """Call ``partial_fit``; interrupt it where the pass is written down already."""
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "_restore_best", interrupt)
        with pytest.raises(KeyboardInterrupt):
            passes(model, X, y, 1)
    return model


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


def test_a_fitted_model_stands_when_its_first_partial_fit_is_interrupted(
    iris, network, monkeypatch
):
    X, y = iris
    model = network(max_iter=20, alpha=1.0).fit(X, y)
    straight = passes(copy.deepcopy(model), X, y, 1)
    before = pickle.dumps(model)
    interrupted_after_the_pass(model, X, y, monkeypatch)
    assert pickle.dumps(model) == before
    assert_same_bits(passes(model, X, y, 1), straight)


def test_a_second_interruption_loses_nothing(iris, task, network, monkeypatch):
    """Where it comes before the training."""
    X, y = iris
    model = interrupted_after_the_pass(network(), X, y, monkeypatch)
    before = pickle.dumps(model)
    monkeypatch.setattr(Standardizer, "from_rows", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X[:, :3], y, **task.first(y))
    assert pickle.dumps(model) == before


@of_labels
def test_after_an_interrupted_first_call_all_begins_anew(iris, network, monkeypatch):
    """Counters, classes and architecture too."""
    X, y = iris
    model = interrupted_after_the_pass(network(), X, y, monkeypatch)
    assert np.isfinite(model.predict_proba(X)).all()
    model.set_params(hidden_layer_sizes=4).partial_fit(X[:, :3], y, classes=range(5))
    straight = network(hidden_layer_sizes=4).partial_fit(X[:, :3], y, classes=range(5))
    assert_same_bits(model, straight)
    assert model.n_iter_ == 1


# Divergence


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("lost", ["rate", "rows"])
@pytest.mark.parametrize("n_before", [0, 3])
@pytest.mark.parametrize("batch_size", [32, 150])
def test_a_call_that_diverged_is_as_if_it_had_not_been(
    iris, network, solver, lost, n_before, batch_size
):
    """Optimizer state included: a lower rate, or good rows, and it goes on.

    Where a call is one update, its loss is finite, and the one after is not.
    """
    X, y = iris
    given = {"shuffle": False, "standardize": False, "learning_rate": "invscaling"}
    model = network(solver, batch_size=batch_size, **given)
    model = passes(model, X, y, n_before)
    straight = passes(copy.deepcopy(model), X, y, 20)
    rate, size = (1e30, 1.0) if lost == "rate" else (0.02, 1e200)
    with pytest.warns(ConvergenceWarning, match="non-finite"):
        passes(model.set_params(learning_rate_init=rate), X * size, y, 1)
    model = through_pickle(model.set_params(learning_rate_init=0.02))
    assert_same_bits(passes(model, X, y, 20), straight)
    assert model.n_iter_ == n_before + 21


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("batch_size", [32, 150])
@pytest.mark.parametrize("n_before", [0, 8])
def test_a_diverged_call_counts_for_no_patience_and_no_other_rule(
    iris, network, solver, batch_size, n_before
):
    X, y = iris
    given = {"shuffle": False, "standardize": False, "learning_rate": "adaptive"}
    model = network(tol=0.5, n_iter_no_change=2, batch_size=batch_size, **given)
    model = passes(model, X, y, n_before)
    if n_before:
        assert model._training_state.solver["rate_factor"] < 1
    straight = passes(copy.deepcopy(model), X, y, 8)
    passes(model.set_params(solver=solver, learning_rate_init=1e30), X, y, 1)
    model.set_params(solver="adam", learning_rate_init=0.02)
    assert_same_bits(passes(model, X, y, 8), straight)
    rates = model.history_["learning_rate"]
    expected = straight.history_["learning_rate"][n_before:]
    assert_array_equal(rates[n_before + 1 :], expected)


@pytest.mark.parametrize("solver", ["adam", "adamw"])
def test_moments_without_bounds_are_not_carried(iris, network, solver):
    """A step over their root would be zero for ever, and nobody would be told."""
    X, y = iris
    model = passes(network(solver, standardize=False), X, y, 1)
    passes(model, X * 1e22, y, 1)
    before = model.coefs_[0].copy()
    assert np.isfinite(model._training_state.solver["optimizer"]["v"]).all()
    assert (passes(model, X, y, 1).coefs_[0] != before).all()


# What is refused


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden_layer_sizes": 7}, r"hidden_layer_sizes is now \(7,\), .* has \(6,\)"),
        ({"hidden_layer_sizes": (6, 6)}, r"hidden_layer_sizes is now \(6, 6\)"),
        ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes is now \(\)"),
        ({"activation": "tanh"}, r"activation is now \('tanh',\), .* has \('relu',\)"),
        ({"learning_rate": "cosine"}, "learning_rate=cosine"),
        ({"early_stopping": True}, "early_stopping=True"),
    ],
)
def test_changed_parameters_are_refused_by_name(iris, network, change, message):
    model = passes(network(), *iris, 2).set_params(**change)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*iris)
    assert pickle.dumps(model) == before


def bad_calls(X, y):
    return {
        "width": ((X[:, :3], y), "X has 3 features, but .* is expecting 4"),
        "inf": ((X * np.inf, y), "Column 0 of X contains infinity"),
        "no rows": ((X[:0], y[:0]), r"0 sample\(s\)"),
        "weights": ((X, y, -np.ones(len(y))), "sample_weight"),
    }


def bad_calls_of_labels(X, y):
    return {
        "unseen class": ((X, y + 1), r"y has classes that .* does not know: \[3\]"),
        "other classes": ((X, y, None, [0, 1]), r"classes=\[0, 1\] is not the same"),
        "more classes": ((X, y, None, [0, 1, 2, 3]), "is not the same"),
        "indicator": ((X, np.eye(3, dtype=int)[y]), "y "),
    }


def bad_calls_of_numbers(X, y):
    return {
        "gap": ((X, np.where(y > 6, np.nan, y)), "y contains NaN"),
        "several columns": ((X, np.c_[y, y]), "y has 2 columns, .* fitted with 1"),
        "texts": ((X, y.astype(str)), "y must hold numbers"),
    }


@pytest.mark.parametrize("name", bad_calls(np.zeros((2, 4)), np.zeros(2, int)))
def test_bad_calls_are_refused_and_change_nothing(iris, network, name):
    assert_refused(network, iris, *bad_calls(*iris)[name])


@of_labels
@pytest.mark.parametrize("name", bad_calls_of_labels(None, np.zeros(2, int)))
def test_bad_labels_are_refused_and_change_nothing(iris, network, name):
    assert_refused(network, iris, *bad_calls_of_labels(*iris)[name])


@of_numbers
@pytest.mark.parametrize("name", bad_calls_of_numbers(None, np.zeros(2)))
def test_bad_numbers_are_refused_and_change_nothing(iris, network, name):
    assert_refused(network, iris, *bad_calls_of_numbers(*iris)[name])


def assert_refused(network, iris, arguments, message):
    straight = passes(network(), *iris, 3)
    model = passes(network(), *iris, 2)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(*arguments)
    assert pickle.dumps(model) == before
    assert_same_bits(model.partial_fit(*iris), straight)


@of_labels
def test_a_first_call_that_fails_leaves_nothing(iris, network):
    X, y = iris
    model = network()
    with pytest.raises(ValueError, match=r"does not know: \[2\]"):
        model.partial_fit(X, y, classes=[0, 1])
    assert vars(model).keys() == model.get_params().keys()


# scikit-learn's own use


def test_learning_curve(iris, network):
    X, y = iris
    given = {"train_sizes": [0.3, 0.6, 1.0], "shuffle": True, "random_state": 0}
    sizes, _, scores = learning_curve(
        network(), X, y, cv=3, exploit_incremental_learning=True, **given
    )
    assert_array_equal(sizes, [30, 60, 100])
    assert np.isfinite(scores).all()


# The unit of y


@tasks(*OF_NUMBERS)
@pytest.mark.parametrize("origin", [2000.0, 1e9])
def test_after_fit_one_row_changes_no_unit(task, origin):
    """Which has no spread of its own."""
    X = np.random.RandomState(0).randn(200, 3)
    y = origin * (task is not COUNTS) + np.exp(X[:, 0])
    model = task.network((8,), solver="adam", random_state=0).fit(X, y)
    before, units = model.predict(X), (model.target_center_, model.target_scale_)
    model.partial_fit(X[:1], y[:1])
    assert_array_equal((model.target_center_, model.target_scale_), units)
    assert np.abs(model.predict(X) - before).max() < 0.2 * np.std(y)


@tasks(COUNTS)
def test_a_stream_may_begin_with_zeros(task):
    X = np.random.RandomState(0).randn(300, 2)
    y = np.exp(X[:, 0])
    model = task.network((8,), solver="adam", learning_rate_init=0.02, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X[:10], np.zeros(10))
        for _ in range(200):
            model.partial_fit(X, y)
    assert model.score(X, y) > 0.9
