"""Failures that explain themselves: the warnings, and the models that are left."""

import math
import warnings
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from tasks import (
    COUNTS,
    LABELS,
    NUMBERS,
    QUANTILES,
    ROBUST,
    every_task,
    of_labels,
    tasks,
)

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.sample import Sample
from sklearn_scratchnn.data.standardize import Standardizer
from sklearn_scratchnn.estimator.convergence import _alternates
from sklearn_scratchnn.network.network import Network
from sklearn_scratchnn.training.objective import Objective
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.solvers.registry import SOLVERS


@pytest.fixture
def moons(moons, task):
    return moons[0], task.y(moons[1])


@pytest.fixture
def network(task):
    def make(solver="adam", **parameters):
        given = {"hidden_layer_sizes": 6, "max_iter": 40, "random_state": 0}
        given["alpha"] = 1.0
        if solver == "adamw":
            given.pop("alpha")
        if solver == "gauss_newton":
            given["activation"] = "gelu"
        return task.network(solver=solver, **(given | parameters))

    return make


def texts(model, *data, **given):
    """Fit; return what `ConvergenceWarning` said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", ".* has no use (under solver|with alpha)=")
        model.fit(*data, **given)
    assert all(w.category is ConvergenceWarning for w in caught), caught
    return [str(w.message) for w in caught]


def assert_whole(model, X):
    """Whether a model is fitted and finite throughout."""
    if hasattr(model, "classes_"):
        assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert np.isfinite(model.predict(X)).all()
    assert all(np.isfinite(a).all() for a in model.coefs_ + model.intercepts_)
    assert model.n_iter_ == len(model.loss_curve_)


# Divergence


@every_task
@pytest.mark.parametrize("solver", ["gd", *OPTIMIZERS])
@pytest.mark.parametrize("rate", [1e6, 1e30])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_any_rate_leaves_a_finite_model(
    moons, network, solver, rate, early_stopping, activation
):
    model = network(solver, learning_rate_init=rate, learning_rate="constant")
    model.set_params(early_stopping=early_stopping, activation=activation)
    texts(model, *moons)
    assert_whole(model, moons[0])


@pytest.mark.parametrize("solver", ["gd", "sgd"])
def test_divergence_ends_the_training_at_once_and_says_so(moons, network, solver):
    given = {"learning_rate_init": 1e6, "learning_rate": "constant"}
    model = network(solver, standardize=False, **given)
    (text,) = texts(model, *moons)
    n = model.n_iter_
    assert n < 40
    assert not math.isfinite(model.loss_curve_[-1])
    assert np.isfinite(model.loss_curve_[:-1]).all()
    assert f"non-finite in epoch {n}, at a learning rate of 1e+06" in text
    for remedy in ("learning_rate_init", "max_grad_norm", "standardize"):
        assert remedy in text
    assert_whole(model, moons[0])
    (text,) = texts(network(solver, **given), *moons)
    assert "standardize" not in text  # as it is done


def test_the_best_finite_parameters_are_kept(moons, network):
    """Those the lowest loss was measured at; here, the first."""
    given = {"learning_rate": "constant", "standardize": False, "dtype": "float64"}
    model = network("gd", learning_rate_init=1e6, **given)
    texts(model, *moons)
    kept = model.loss_curve_[:-1].argmin()
    assert kept == 0
    initial = network("gd", learning_rate_init=1e-300, max_iter=1, **given)
    texts(initial, *moons)
    assert_array_equal(model.coefs_[0], initial.coefs_[0])
    assert model.best_loss_ == model.loss_curve_[kept]


def test_the_remedies_work(moons, task, network):
    given = {"learning_rate": "constant", "max_iter": 100, "activation": "tanh"}
    high = network("sgd", learning_rate_init=1e6, **given)
    assert "non-finite" in texts(high, *moons)[0]
    lower = network("sgd", learning_rate_init=0.1, **given)
    clipped = network("sgd", learning_rate_init=0.3, max_grad_norm=1.0, **given)
    for model in (lower, clipped):
        assert not any("non-finite" in text for text in texts(model, *moons))
        assert model.score(*moons) > (0.8 if task is LABELS else 0.6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", [1e30, 1e150, 1e200, 1e300])
def test_raw_inputs_of_any_size(moons, task, network, solver, size):
    """Not standardised on purpose: a finite model, and a warning with the remedy."""
    X, y = moons[0] * size, moons[1]
    model = network(solver, standardize=False, max_iter=5)
    said = texts(model, X, y)
    assert_whole(model, X)
    least = 0.6 if task is LABELS else 0.1
    assert any("standardize" in text for text in said) or model.score(X, y) > least


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e-30, 1e30, 1e150])
def test_standardised_inputs_of_any_size(moons, task, network, solver, size):
    model = network(solver, max_iter=100, activation="tanh")
    texts(model, moons[0] * size, moons[1])
    score = model.score(moons[0] * size, moons[1])
    assert score > (0.75 if task is LABELS else 0.5)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("standardize", [True, "robust"])
def test_a_column_wider_than_float64_is_refused(
    moons, task, network, kind, standardize
):
    X, y = moons
    model = network(standardize=standardize).fit(X, y)
    before = task.answers(model, X)
    wide = np.c_[X[:, 0], np.resize([-1.7e308, 1.6e308, 1.7e308], len(X))]
    for fit in (model.fit, partial(clone(model).partial_fit, **task.first(y))):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", module="sklearn_scratchnn")
            with pytest.raises(ValueError, match="Column 1 of X is too wide .* divide"):
                fit(kind(wide), y)
    assert_array_equal(task.answers(model, X), before)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("standardize", [False, "robust"])
def test_rows_whose_outputs_leave_float64_are_refused(
    moons, task, network, kind, standardize
):
    """Rather than probabilities that are no numbers."""
    X, y = moons[0] * 1e-3, moons[1]
    model = network("lbfgs", standardize=standardize, alpha=1e-9).fit(X, y)
    large = kind(np.r_[X, [[1.7e308, 1.7e308]]])
    ask = [model.predict, model.input_gradients]
    if task is LABELS:
        ask += [model.predict_proba, model.predict_log_proba, model.decision_function]
    told = r"values of X.* 1\.7e\+308, are too large"
    for method in ask:
        with pytest.raises(ValueError, match=told):
            method(large)
        assert np.isfinite(method(kind(X))).all()


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("size", [1e-305, 1e-310, 5e-324])
def test_a_column_of_next_to_nothing_is_as_good_as_constant(
    moons, network, kind, solver, size
):
    """A weight for it could be infinite."""
    X, y = moons
    model = network(solver, max_iter=20)
    texts(model, kind(np.c_[X, X[:, 0] * size]), y)
    assert_whole(model, kind(np.c_[X, X[:, 0]]))
    assert not model.coefs_[0][2].any()


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("dtype, epsilon", [("float32", 1e-45), ("float64", 5e-324)])
def test_a_weight_that_is_lost_ends_the_training(
    task, network, dtype, epsilon, early_stopping
):
    """Each row has a column of its own: once it was seen, no loss looks at its weight.

    The next row's gradient there is zero, and so is Adam's root of its square: the step
    is the momentum of the row before over next to nothing.
    """
    X, y = sparse.eye_array(40, format="csr"), task.y(np.arange(40) % 2)
    given = {"beta_2": 0, "epsilon": epsilon, "batch_size": 1, "activation": "tanh"}
    given |= {"early_stopping": early_stopping, "standardize": False, "dtype": dtype}
    model = network(alpha=0, learning_rate="constant", **given)
    (text,) = texts(model, X, y)
    assert "a weight became non-finite in epoch 1," in text
    assert np.isfinite(model.history_["loss"]).all()
    assert_whole(model, X)


def test_weights_that_are_rounded_to_nothing_choose_no_alpha(moons, task):
    """Rows of such weights have losses all the same; 0 / 0 is none."""
    for dtype, tiny in (("float32", 1e-46), ("float64", 5e-324)):
        w = np.where(np.arange(len(moons[0])) % 2, tiny, 1.0)
        model = task.network(5, solver="lbfgs", dtype=dtype, random_state=0)
        model.fit(*moons, w)
        assert np.isfinite(model.alpha_path_["validation_loss"]).all()


@pytest.mark.filterwarnings("error:::sklearn_scratchnn")
@of_labels
def test_nothing_is_said_of_what_is_met_on_the_way(moons, task):
    """No bare RuntimeWarning, where the result is whole."""
    rows = sparse.csr_matrix([[0, 1e150], [0.0, 0], [1, 0]])
    weights = [1, 1e-80, 1e-80]
    ScratchMLPClassifier(solver="adam", max_iter=2).fit(rows, [0, 1, 0], weights)
    generator = np.random.RandomState(np.random.PCG64(0))
    model = ScratchMLPClassifier(3, random_state=generator)
    model.partial_fit(*moons, **task.first(moons[1]))
    zeros = np.where(moons[1] == 0, 1e-320, 1e5)
    zeros[:30] = 0
    with pytest.raises(ValueError, match="class_weight is too large"):
        ScratchMLPClassifier(class_weight="balanced").fit(*moons, zeros)


# Training that ended too soon


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "gauss_newton", *OPTIMIZERS])
def test_too_few_passes(moons, network, solver):
    """The warning says how far the loss still fell, and what to change to what."""
    model = network(solver, max_iter=4, learning_rate="constant", activation="tanh")
    if solver in OPTIMIZERS:
        model.set_params(learning_rate_init=0.01)
    (text,) = texts(model, *moons)
    assert "max_iter=4" in text
    fell = model.loss_curve_[0] - model.loss_curve_[-1]
    assert f"over the last 3 of them the loss still fell by {fell:.3g}" in text
    assert f"to {model.loss_:.6g}" in text
    assert "Raise max_iter to 8" in text
    if solver in OPTIMIZERS:
        assert "cosine" in text
    elif solver == "gd":
        rate = 2 * model.history_["learning_rate"][0]
        assert f"raise learning_rate_init to {rate:g}, or use solver='lbfgs'" in text
    else:
        assert text.endswith(", or raise tol above 0.0001.")


@pytest.mark.parametrize("max_iter", [np.int8(100), np.uint8(200), True])
def test_limits_are_named_as_plain_numbers(moons, network, max_iter):
    model = network("gd", max_iter=max_iter, learning_rate_init=1e-3)
    (text,) = texts(model, *moons)
    assert f"(max_iter={int(max_iter)})" in text
    assert f"Raise max_iter to {2 * int(max_iter)}," in text


def test_a_loss_that_rose_asks_for_a_lower_rate(moons, network):
    model = network("gd", max_iter=3, learning_rate_init=1000.0, standardize=False)
    (text,) = texts(model, *moons)
    rise = model.loss_curve_[-1] - model.loss_curve_[0]
    assert rise > 0
    assert f"the loss rose by {rise:.3g}, to" in text
    assert "lower learning_rate_init to 500," in text


@pytest.mark.parametrize("solver", ["lbfgs", "gauss_newton", "adam"])
def test_one_pass_alone(moons, network, solver):
    model = network(solver, max_iter=1, learning_rate="constant")
    (text,) = texts(model, *moons)
    assert "max_iter=1" in text
    assert "last 0" not in text


def test_too_few_evaluations(moons, network):
    """The limit that was met is the one to raise."""
    (text,) = texts(network("lbfgs", max_fun=1), *moons)
    assert "1 epoch (max_fun=1)" in text
    assert "Raise max_fun to 2," in text
    for max_iter in (40, "auto"):
        (text,) = texts(network("lbfgs", max_fun=6, max_iter=max_iter), *moons)
        assert "(max_fun=6)" in text
        assert "Raise max_fun to 12," in text


@pytest.mark.parametrize("solver", [*OPTIMIZERS, "lbfgs"])
def test_a_training_that_ends_as_planned_is_silent(moons, network, solver):
    model = network(solver, max_iter="auto", activation="tanh", hidden_layer_sizes=3)
    assert texts(model, *moons) == []
    cosine = network("adam", max_iter=150, learning_rate="cosine")
    assert texts(cosine.set_params(learning_rate_init=0.05), *moons) == []


def test_a_training_that_converged_is_silent(moons, network):
    model = network("sgd", learning_rate="constant", max_iter=2000, tol=1e-3)
    assert texts(model, *moons) == []
    assert model.n_iter_ < 2000


@of_labels
def test_a_rate_at_the_edge_of_stability(moons, article):
    model = ScratchMLPClassifier(**article | {"max_iter": 4000})
    (text,) = texts(model, *moons)
    low, high = sorted(model.loss_curve_[-2:])
    assert f"alternates between {low:.6f} and {high:.6f}" in text
    assert "Halve learning_rate_init" in text
    half = model.set_params(learning_rate_init=1.0)
    assert not any("alternates" in text for text in texts(half, *moons))


# Nothing was learnt


def no_better(said):
    return any("no better than predicting the" in text for text in said)


@pytest.mark.parametrize("standardize", [False, "robust"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_constant_prediction_is_not_silent(moons, network, solver, standardize):
    """A y that X says nothing about, and a penalty that leaves only biases."""
    y = np.random.RandomState(0).permutation(moons[1])
    given = {"standardize": standardize, "max_iter": 300, "learning_rate_init": 1e-3}
    if solver == "adamw":
        given |= {"learning_rate_init": 1e-30, "max_iter": 40}
    else:
        given["alpha"] = 1e5
    said = texts(network(solver, **given), moons[0], y)
    assert no_better(said)
    # What is done already is not advised.
    assert ("standardize='robust'" in said[-1]) == (not standardize)


@tasks(NUMBERS, COUNTS)
def test_a_constant_prediction_of_numbers_is_told_in_their_words(task, moons):
    y = np.random.RandomState(0).permutation(moons[1])
    model = task.network((3,), alpha=1e9, random_state=0)
    (text,) = texts(model, moons[0], y)
    assert "no better than predicting the same number for every row" in text
    assert "class" not in text


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_what_learnt_something_is_not_blamed(moons, network, solver, weighted):
    X, y = moons
    weights = np.where(y == 1, 30.0, 1.0) if weighted else None
    model = network(solver, max_iter=400, learning_rate_init=0.1, activation="tanh")
    assert not no_better(texts(model, X, y, weights))


@pytest.mark.parametrize("parameters", [{"label_smoothing": 0.2}, {"dropout": 0.6}])
@pytest.mark.parametrize("several", [False, True])
@of_labels
def test_a_loss_that_is_raised_on_purpose_is_not_blamed(network, parameters, several):
    """One row of twenty is of the second class: the frequencies' loss is low."""
    rng = np.random.RandomState(0)
    y = (np.arange(400) % 20 == 0).astype(int)
    X = rng.randn(400, 2) + 8 * y[:, np.newaxis]
    target = np.c_[y, 1 - y] if several else y
    model = network("adam", max_iter=300, hidden_layer_sizes=20, **parameters)
    said = texts(model, X, target)
    assert model.score(X, target) > 0.99
    assert not no_better(said)


@pytest.mark.parametrize("solver", ["gauss_newton", "adam"])
@of_labels
def test_what_is_kept_is_judged_and_not_the_last_pass(network, solver):
    """Labels by chance, learnt by heart: the best by validation is no good."""
    rng = np.random.RandomState(0)
    X, y = rng.randn(300, 10), rng.randint(0, 2, 300)
    rate = {"learning_rate_init": 0.05} if solver == "adam" else {}
    model = network(solver, hidden_layer_sizes=60, alpha=0.0, **rate)
    held_out = {"X_val": rng.randn(250, 10), "y_val": rng.randint(0, 2, 250)}
    said = texts(model, X, y, **held_out)
    p = model.predict_proba(X)[np.arange(300), y]
    shares = np.bincount(y) / 300
    worse = -np.log(p).mean() >= (1 - 1e-4) * -np.sum(shares * np.log(shares))
    assert any("no better than predicting" in text for text in said) == worse
    assert model.loss_curve_[-1] < 0.6


@of_labels
def test_a_score_that_is_never_a_number_keeps_the_last_pass(moons, network):
    X, y = moons
    one_class = {"X_val": X[y == 0][:30], "y_val": y[y == 0][:30]}
    scoring = make_scorer(lambda y, p: np.nan)
    model = network(scoring=scoring, learning_rate_init=0.05)
    (text,) = texts(model, X, y, **one_class)
    assert text.startswith("No epoch had a validation score")
    assert model.score(X, y) > 0.8
    assert model.loss_ < 0.6


@of_labels
def test_labels_that_are_all_alike_have_nothing_to_learn(moons, network):
    assert texts(network("lbfgs"), moons[0], np.ones((200, 2), int)) == []


# The user's own interruption


class Interrupt:
    """Raises KeyboardInterrupt in the n-th call of a method."""

    def __init__(self, monkeypatch, owner, name, n):
        self.method, self.left = getattr(owner, name), n
        monkeypatch.setenv("SCRATCHNN_CORE", "0")  # the page's methods are called
        monkeypatch.setattr(owner, name, self.wrapped())

    def wrapped(self):
        def method(*args, **kwargs):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return self.method(*args, **kwargs)

        return method


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n", [1, 2, 15])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_interruption_leaves_a_fitted_model_and_goes_on(
    moons, network, solver, n, early_stopping, monkeypatch
):
    model = network(solver, early_stopping=early_stopping, max_iter=80)
    if solver in OPTIMIZERS:
        model.set_params(batch_size=25)
    with monkeypatch.context() as patch:
        Interrupt(patch, Network, "backward", n)
        with pytest.raises(KeyboardInterrupt), warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(*moons)
    assert_whole(model, moons[0])
    assert model.n_iter_ < 80
    if model.n_iter_ == 0:
        assert model.loss_curve_.shape == (0,)


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "gauss_newton", "adam"])
def test_what_is_left_is_the_best_so_far(
    moons, network, solver, monkeypatch, on_the_page
):
    """Not the parameters that the interrupted pass happened to be trying."""
    given = {"activation": "tanh", "dtype": "float64", "standardize": False}
    model = network(solver, learning_rate="constant", max_iter=30, **given)
    with monkeypatch.context() as patch:
        Interrupt(patch, Objective, "penalty_value", 25)
        with pytest.raises(KeyboardInterrupt):
            model.fit(*moons)
    assert 0 < model.n_iter_ < 30
    lowest = int(model.loss_curve_.argmin())
    n = lowest + (solver in ("lbfgs", "gauss_newton"))
    assert n > 0
    short = network(solver, learning_rate="constant", max_iter=n, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short.fit(*moons)
    assert_allclose(model.coefs_[0], short.coefs_[0], rtol=1e-10)


@of_labels
def test_the_best_by_validation_is_left_under_early_stopping(
    moons, network, monkeypatch
):
    X, y = moons
    held_out = {"X_val": X[:50], "y_val": 1 - y[:50]}
    model = network("gd", learning_rate_init=0.1, max_iter=30)
    Interrupt(monkeypatch, Network, "backward", 12)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, **held_out)
    assert model.n_iter_ == 11
    p = model.predict_proba(X[:50])[np.arange(50), 1 - y[:50]]
    assert_allclose(np.log(p).mean(), model.validation_scores_.max(), rtol=1e-6)
    assert model.validation_scores_.argmax() < 10


@pytest.mark.parametrize("fitted", [True, False])
def test_an_interruption_before_the_first_pass_changes_nothing(
    moons, network, fitted, monkeypatch
):
    """Of a fit to another number of columns."""
    model = network("adam", max_iter=3)
    if fitted:
        model.fit(*moons)
    before = vars(model).copy()
    Interrupt(monkeypatch, Standardizer, "from_rows", 1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(np.eye(50)[:, :5], np.arange(50) % 3)
    assert vars(model) == before
    if fitted:
        assert_whole(model, moons[0])


@pytest.mark.parametrize("solver", ["gd", *OPTIMIZERS])
def test_an_interruption_within_the_first_pass_leaves_the_earlier_model(
    moons, network, solver, monkeypatch
):
    model = network(solver, alpha=0.0, early_stopping=True, learning_rate="constant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(*moons)
    before = vars(model).copy()
    Interrupt(monkeypatch, Objective, "value", 1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*moons)
    assert vars(model) == before


def interrupted_on_the_path(model, moons, monkeypatch, n):
    """Fit; interrupt at the n-th evaluation of the loss."""
    with monkeypatch.context() as patch:
        Interrupt(patch, Network, "value_and_gradient", n)
        with pytest.raises(KeyboardInterrupt):
            model.fit(*moons)
    return model


def test_an_interruption_while_alpha_is_chosen_leaves_the_best_so_far(
    task, monkeypatch
):
    """Of the alphas that were tried to their end; before, the latest epoch."""
    X, labels = make_moons(530, noise=0.20, random_state=0)
    moons = X, task.y(labels)
    new, left = task.network(5, random_state=0), {}
    for n in range(1, 60, 3):
        model = interrupted_on_the_path(clone(new), moons, monkeypatch, n)
        if model.n_iter_:
            break
        assert_whole(model, moons[0])
        tried = model.alpha_path_["alpha"].tolist()
        assert model.alpha_ in (tried or [30.0])
        loss = task.loss(model, *moons)
        left.setdefault(len(tried), []).append(loss)
    start, *_, latest = left.pop(0)
    assert latest < start
    assert left.keys() >= {1, 2}
    assert all(len(set(losses)) == 1 and losses[0] < start for losses in left.values())


@pytest.mark.parametrize("n", [2, 40])
def test_an_interruption_while_alpha_is_chosen_leaves_an_earlier_model(
    moons, task, monkeypatch, n
):
    model = task.network(5, random_state=0).fit(*moons)
    before = vars(model).copy()
    assert vars(interrupted_on_the_path(model, moons, monkeypatch, n)) == before


@pytest.mark.parametrize("n", [3, 40])
def test_a_warm_fit_begins_anew_where_alpha_was_being_chosen(
    moons, task, monkeypatch, n
):
    fresh = task.network(5, random_state=0).fit(*moons)
    model = task.network(5, random_state=0, warm_start=True)
    interrupted_on_the_path(model, moons, monkeypatch, n).fit(*moons)
    assert_array_equal(model.coefs_[0], fresh.coefs_[0])
    assert model.fit(*moons).alpha_ == fresh.alpha_
    assert model.alpha_path_ is None


@pytest.mark.parametrize("solver", ["lbfgs", "gauss_newton"])
def test_a_warm_fit_without_a_finite_start_says_so(moons, network, solver):
    X, y = moons
    model = network(solver, warm_start=True)
    texts(model, X, y)
    (text,) = texts(model, X * 1e200, y)
    assert "not finite before the first epoch" in text
    assert model.n_iter_ == 0


def test_a_last_step_that_is_taken_back_is_told(moons, network, capsys):
    given = {"solver": "adamw", "batch_size": 200, "learning_rate": "constant"}
    model = network(**given, max_iter=1, learning_rate_init=1e200, dtype="float64")
    (text,) = texts(model.set_params(verbose=1), *moons)
    assert "non-finite in epoch 1, at a learning rate of 1e+200" in text
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line == "Stopping: the loss or a weight is no longer finite."
    assert_whole(model, moons[0])


def test_an_interruption_before_anything_was_tried_changes_nothing(
    moons, task, monkeypatch
):
    model = task.network(5, random_state=0)
    before = vars(model).copy()
    Interrupt(monkeypatch, Sample, "folds", 1)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*moons)
    assert vars(model) == before


def test_after_an_interruption_the_model_can_be_fitted_again(
    moons, network, monkeypatch
):
    model = network("adam")
    with monkeypatch.context() as patch:
        Interrupt(patch, Network, "backward", 5)
        with pytest.raises(KeyboardInterrupt):
            model.fit(*moons)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fresh = network("adam").fit(*moons)
        assert_array_equal(model.fit(*moons).coefs_[0], fresh.coefs_[0])


def test_an_interrupted_fit_forgets_what_partial_fit_left(
    moons, task, network, monkeypatch
):
    model = network("adam").partial_fit(*moons, **task.first(moons[1]))
    Interrupt(monkeypatch, Network, "backward", 5)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*moons)
    assert not hasattr(model, "_training_state")


def test_an_interruption_ends_a_search(moons, network, monkeypatch):
    search = GridSearchCV(network("adam"), {"alpha": [0.1, 1.0]}, cv=2)
    Interrupt(monkeypatch, Network, "backward", 45)
    with pytest.raises(KeyboardInterrupt):
        search.fit(*moons)


@pytest.mark.parametrize("solver", SOLVERS)
def test_another_error_leaves_the_model_as_it_was(
    moons, network, solver, monkeypatch, on_the_page
):
    model = network(solver)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(*moons)
    before = vars(model).copy()

    def broken(*args, **kwargs):
        raise MemoryError("no room")

    monkeypatch.setattr(Network, "backward", broken)
    with pytest.raises(MemoryError, match="no room"):
        model.fit(moons[0] * 3, moons[1])
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


@pytest.mark.parametrize(
    ("losses", "alternates"),
    [
        ([1.0, 0.9] * 15, True),
        ([1.0 / (i + 1) for i in range(30)], False),
        ([1.0, 0.9] * 10 + [0.8 - 0.01 * i for i in range(10)], False),
        ([1.0, 0.9] * 9, False),
    ],
    ids=["two-step cycle", "falls", "fell in the end", "too few to say"],
)
def test_a_cycle_is_every_one_of_the_last_losses_by_turns(losses, alternates):
    assert _alternates(losses) == alternates


@tasks(ROBUST, QUANTILES)
def test_outliers_are_no_reason_to_doubt(task):
    """What they add to the loss, no network can take off."""
    rng = np.random.RandomState(1)
    X = rng.randn(300, 3)
    y = 2 * X[:, 0] + np.sin(X[:, 1])
    y[rng.rand(300) < 0.03] = 1e6
    model = task.network((8,), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    usual = y < 1e6
    assert np.corrcoef(model.predict(X)[usual], y[usual])[0, 1] > 0.98
