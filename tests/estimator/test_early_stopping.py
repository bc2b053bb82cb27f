"""Early stopping: the rows, the score, the patience, the parameters that are kept."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    balanced_accuracy_score,
    d2_absolute_error_score,
    get_scorer,
    make_scorer,
)
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from tasks import OF_NUMBERS, of_labels, of_numbers, tasks

from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def noisy(task):
    """Few rows, many features, wrong labels: a network soon learns by heart."""
    X, labels = make_classification(
        240, 20, n_informative=5, n_classes=3, flip_y=0.3, random_state=0
    )
    y = task.y(labels)
    return X[:80], y[:80], {"X_val": X[80:], "y_val": y[80:]}


@pytest.fixture
def network(task):
    def make(solver="adam", **parameters):
        given = {"hidden_layer_sizes": 12, "activation": "tanh", "max_iter": 60}
        rate = 0.5 if solver == "gd" else 0.05
        given |= {"random_state": 0, "learning_rate_init": rate}
        if solver != "adamw":
            given["alpha"] = 0.0
        return task.network(solver=solver, **(given | parameters))

    return make


@pytest.fixture
def validation_loss(task, noisy):
    def loss(model, held_out):
        return task.loss(model, held_out["X_val"], held_out["y_val"], noisy[1])

    return loss


# The best parameters are kept, by every solver


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_best_parameters_are_kept(noisy, network, validation_loss, solver):
    X, y, held_out = noisy
    model = network(solver).fit(X, y, **held_out)
    scores = model.validation_scores_
    assert model.best_validation_score_ == scores.max() > scores[-1]
    assert_allclose(-validation_loss(model, held_out), scores.max(), rtol=1e-5)
    assert_array_equal(scores, -model.history_["validation_loss"])


@pytest.mark.parametrize("solver", SOLVERS)
def test_patience_is_in_passes_after_the_best(noisy, network, solver):
    X, y, held_out = noisy
    model = network(solver, n_iter_no_change=3, tol=0.0).fit(X, y, **held_out)
    scores = model.validation_scores_
    best = scores.argmax()
    assert len(scores) - 1 - best == 4
    assert model.n_iter_ == len(scores) < 60


@pytest.mark.parametrize("solver", SOLVERS)
def test_endless_patience_keeps_the_best_nonetheless(
    noisy, network, validation_loss, solver
):
    X, y, held_out = noisy
    model = network(solver, n_iter_no_change=np.inf, max_iter=30).fit(X, y, **held_out)
    assert model.n_iter_ > model.validation_scores_.argmax() + 2
    assert_allclose(
        -validation_loss(model, held_out), model.best_validation_score_, rtol=1e-5
    )


def test_tol_is_the_least_rise_that_counts(noisy, network):
    X, y, held_out = noisy
    model = network(n_iter_no_change=5, tol=10.0).fit(X, y, **held_out)
    assert model.n_iter_ == 7


def test_validation_without_early_stopping_only_watches(noisy, network):
    X, y, held_out = noisy
    watched = network(early_stopping=False, max_iter=40).fit(X, y, **held_out)
    alone = network(early_stopping=False, max_iter=40).fit(X, y)
    assert watched.n_iter_ == 40
    assert_array_equal(watched.coefs_[0], alone.coefs_[0])
    assert len(watched.validation_scores_) == 40
    assert alone.validation_scores_ is None
    assert alone.best_validation_score_ is None


def test_auto_stops_early_where_rows_are_given(noisy, network):
    X, y, held_out = noisy
    auto = network(early_stopping="auto")
    given = auto.fit(X, y, **held_out).coefs_[0]
    always = network(early_stopping=True).fit(X, y, **held_out)
    assert_array_equal(always.coefs_[0], given)
    assert auto.fit(X, y).validation_scores_ is None


@pytest.mark.parametrize("solver", SOLVERS)
def test_kept_parameters_are_copies(noisy, network, solver, monkeypatch):
    """Those of the best pass, though training went on in the same memory after it."""
    X, y, held_out = noisy
    model = network(solver, n_iter_no_change=4).fit(X, y, **held_out)
    best = int(model.validation_scores_.argmax()) + 1
    if solver in OPTIMIZERS:
        monkeypatch.setattr(
            "sklearn_scratchnn.training.solvers.gradient_descent.GradientDescent.run",
            _stopping_after(best),
        )
        short = network(solver).fit(X, y, **held_out)
    else:
        short = network(solver, max_iter=best, early_stopping=False).fit(X, y)
    assert_allclose(model.coefs_[0], short.coefs_[0], rtol=1e-5, atol=1e-7)
    assert_allclose(model.intercepts_[1], short.intercepts_[1], rtol=1e-5, atol=1e-7)


def _stopping_after(n):
    from sklearn_scratchnn.training.signals import Signal
    from sklearn_scratchnn.training.solvers.gradient_descent import GradientDescent

    run = GradientDescent.run

    def stopped(self, objective, state, on_epoch, random_state):
        def answered(*record):
            on_epoch(*record)
            return Signal.STOP if state["epoch"] == n else Signal.CONTINUE

        return run(self, objective, state, answered, random_state)

    return stopped


# Rows that are set aside


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@of_labels
def test_the_split_is_stratified_for_any_number_of_classes(
    network, n_classes, monkeypatch
):
    X, y = load_digits(return_X_y=True)
    rare = np.flatnonzero(y == 0)[20:]
    X, y = np.delete(X, rare, axis=0), np.delete(y, rare)
    X, y = X[y < n_classes], y[y < n_classes]
    seen = []

    def scorer(estimator, X_val, y_val):
        seen.append(y_val)
        return 0.0

    model = network(early_stopping=True, scoring=scorer, max_iter=1)
    model.set_params(validation_fraction=0.25).fit(X, y)
    held_out = seen[0]
    assert len(held_out) == int(np.ceil(0.25 * len(y)))
    shares = np.bincount(held_out, minlength=n_classes) / np.bincount(y)
    assert_allclose(shares, 0.25, atol=0.03)


def held_out_of(network, X, y, fraction):
    """Return the labels of the rows that a fit sets aside."""
    seen = []

    def scorer(estimator, X_val, y_val):
        seen.append(y_val)
        return 0.0

    model = network(early_stopping=True, scoring=scorer, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(validation_fraction=fraction).fit(X, y)
    return seen[0]


@pytest.mark.parametrize("fraction", [0.05, 0.9])
@pytest.mark.parametrize("n_each", [2, 3, 5])
@of_labels
def test_each_of_many_classes_is_on_both_sides(network, fraction, n_each):
    """Where a share of the rows has not one for every class, or leaves too few."""
    y = np.repeat(np.arange(50), n_each)
    X = np.random.RandomState(0).randn(len(y), 3)
    counts = np.bincount(held_out_of(network, X, y, fraction), minlength=50)
    if fraction == 0.05:
        assert (counts == 1).all()
    else:
        assert (counts == n_each - 1).all()


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rare_classes_are_on_both_sides_and_lone_rows_are_trained_on(fraction, seed):
    y = np.r_[np.zeros(1000, int), np.repeat(np.arange(1, 10), 2), 10, 11]
    sample = make_sample(np.empty((len(y), 1)), y, LOSSES["softmax_cross_entropy"])
    parts = sample.split(fraction, np.random.RandomState(seed))
    assert_array_equal(np.sort(np.concatenate([p.subset for p in parts])), range(1020))
    train, held_out = (np.bincount(y[p.subset], minlength=12) for p in parts)
    assert_array_equal(train[1:], [1] * 9 + [1, 1])
    assert_array_equal(held_out[1:], [1] * 9 + [0, 0])
    assert abs(held_out[0] - 1000 * fraction) <= 10


@of_labels
def test_classes_of_one_row_each_cannot_be_split(network):
    with pytest.raises(ValueError, match="of 5 rows aside, .* every class has one row"):
        held_out_of(network, np.eye(5), np.arange(5), 0.1)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr"])
@of_labels
def test_a_scorer_that_cannot_judge_is_named(network, scoring):
    """Of four classes, the rows that were set aside hold three."""
    y = np.r_[np.arange(60) % 3, 7]
    model = network(early_stopping=True, scoring=scoring)
    told = f"scoring='{scoring}' cannot score .*'loss' .* says: .*class"
    with pytest.raises(ValueError, match=told):
        model.fit(np.eye(61), y)


def test_rows_of_weight_zero_are_not_set_aside(noisy, network):
    X, y, _ = noisy
    weights = (np.arange(len(y)) % 2).astype(float)
    seen = []

    def scorer(estimator, X_val, y_val, sample_weight=None):
        seen.append(sample_weight)
        return 0.0

    network(early_stopping=True, scoring=scorer, max_iter=1).fit(X, y, weights)
    assert len(seen[0]) == 4
    assert (seen[0] > 0).all()


def test_rows_set_aside_are_not_trained_on(noisy, network):
    """Nor do they bear on the standardisation."""
    X, y, _ = noisy
    seen = []

    def scorer(estimator, X_val, y_val):
        seen.append(X_val)
        return 0.0

    model = network(early_stopping=True, scoring=scorer, max_iter=3).fit(X, y)
    changed = X.copy()
    rows = [np.flatnonzero((X == row).all(axis=1)).item() for row in seen[0]]
    assert len(rows) == 8
    changed[rows] += 1e6
    other = clone(model).fit(changed, y)
    assert_array_equal(other.coefs_[0], model.coefs_[0])
    assert model.t_ == 3 * 72


@of_labels
def test_several_labels_are_split_at_random(noisy, network):
    X, y, _ = noisy
    Y = np.c_[y == 0, y > 0].astype(int)
    model = network(early_stopping=True).fit(X, Y)
    assert len(model.validation_scores_) == model.n_iter_
    assert_allclose(model.validation_scores_, -model.history_["validation_loss"])


# Rows that are given


def test_given_rows_leave_all_of_X_for_training(noisy, network):
    X, y, held_out = noisy
    model = network(early_stopping=True, max_iter=4).fit(X, y, **held_out)
    assert model.t_ == 4 * len(y)


def test_weights_of_the_given_rows(noisy, network):
    """Weight k counts as k rows, 0 as none."""
    X, y, held_out = noisy
    weights = np.arange(160) % 3
    repeated = {name: rows.repeat(weights, axis=0) for name, rows in held_out.items()}
    model = network(max_iter=9, n_iter_no_change=np.inf)
    weighted = clone(model).fit(X, y, **held_out, sample_weight_val=weights)
    again = clone(model).fit(X, y, **repeated)
    assert_allclose(weighted.validation_scores_, again.validation_scores_, rtol=1e-5)
    unweighted = clone(model).fit(X, y, **held_out)
    assert not np.allclose(weighted.validation_scores_, unweighted.validation_scores_)


@pytest.mark.parametrize(
    "container", [sparse.csr_matrix, np.asfortranarray, np.ndarray.tolist]
)
def test_given_rows_in_any_container(noisy, network, container):
    X, y, held_out = noisy
    wanted = network().fit(X, y, **held_out)
    held_out = held_out | {"X_val": container(held_out["X_val"])}
    model = network().fit(X, y, **held_out)
    assert_allclose(model.validation_scores_, wanted.validation_scores_, rtol=1e-5)


@of_labels
def test_given_rows_need_not_hold_every_class(noisy, network):
    X, y, held_out = noisy
    some = held_out["y_val"] > 0
    held_out = {name: rows[some] for name, rows in held_out.items()}
    model = network().fit(X, y, **held_out)
    assert np.isfinite(model.best_validation_score_)


@of_numbers
def test_numbers_are_split_at_random(noisy, network):
    X, y, _ = noisy
    held_out = held_out_of(network, X, y, 0.25)
    assert len(held_out) == 20
    assert set(held_out) < set(y)
    model = network(early_stopping=True).fit(X, np.c_[y, y[::-1]])
    assert len(model.validation_scores_) == model.n_iter_


@tasks(*OF_NUMBERS)
def test_held_out_numbers_are_measured_in_the_unit_of_training(noisy, network):
    """Another unit of all y changes no score; of the held-out y alone it does."""
    X, y, held_out = noisy
    model = network(max_iter=5).fit(X, y, **held_out)
    other = held_out | {"y_val": 1e3 * held_out["y_val"]}
    again = network(max_iter=5).fit(X, 1e3 * y, **other)
    assert_allclose(again.validation_scores_, model.validation_scores_, rtol=1e-4)
    worse = network(max_iter=5).fit(X, y, **other)
    assert worse.best_validation_score_ < 10 * model.best_validation_score_ < 0


@of_labels
def test_string_labels(noisy, network):
    X, y, held_out = noisy
    names = np.array(["ant", "bee", "cow"])
    wanted = network(scoring="accuracy").fit(X, y, **held_out)
    held_out = held_out | {"y_val": names[held_out["y_val"]]}
    model = network(scoring="accuracy").fit(X, names[y], **held_out)
    assert_array_equal(model.validation_scores_, wanted.validation_scores_)


# Any scorer


def own_scorer(estimator, X, y):
    return float((estimator.predict(X) == y).mean())


def own_scorer_of_numbers(estimator, X, y):
    return -np.abs(estimator.predict(X) - y).max()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "scoring",
    [
        "accuracy",
        "neg_log_loss",
        "roc_auc_ovr",
        make_scorer(balanced_accuracy_score),
        own_scorer,
    ],
    ids=["accuracy", "neg_log_loss", "roc_auc_ovr", "object", "function"],
)
@of_labels
def test_any_scorer(noisy, network, scoring, solver):
    assert_judged_by(scoring, network(solver), noisy)


@of_numbers
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "scoring",
    [
        "r2",
        "neg_mean_absolute_error",
        make_scorer(d2_absolute_error_score),
        own_scorer_of_numbers,
    ],
    ids=["r2", "absolute", "object", "function"],
)
def test_any_scorer_of_numbers(noisy, network, scoring, solver):
    assert_judged_by(scoring, network(solver), noisy)


def assert_judged_by(scoring, model, noisy):
    X, y, held_out = noisy
    model.set_params(scoring=scoring, n_iter_no_change=4).fit(X, y, **held_out)
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    score = scorer(model, held_out["X_val"], held_out["y_val"])
    assert_allclose(score, model.best_validation_score_, rtol=1e-6)
    assert model.best_validation_score_ == model.validation_scores_.max()
    assert len(model.history_["validation_loss"]) == model.n_iter_
    assert not np.array_equal(
        model.history_["validation_loss"], -model.history_["validation_score"]
    )


@pytest.mark.parametrize("least", [0, 1], ids=["zeros", "no zero"])
def test_a_scorer_sees_the_weights(noisy, task, network, least):
    X, y, held_out = noisy
    weights = np.arange(160) % 5 + float(least)
    model = network(scoring=task.score_scorer, max_iter=20)
    model.fit(X, y, **held_out, sample_weight_val=weights)
    rows = held_out["X_val"], held_out["y_val"]
    wanted = model.score(*rows, sample_weight=weights)
    assert_allclose(model.best_validation_score_, wanted, rtol=1e-5)
    assert abs(wanted - model.score(*rows)) > 1e-3


def agreement(y_true, y_pred):
    """A metric that takes no weights."""
    return np.mean(y_true == y_pred)


@pytest.mark.parametrize("given", [None, {"a": 1.0}, [1.0], "high"])
def test_a_scorer_must_give_one_number(noisy, network, given):
    X, y, held_out = noisy
    model = network(scoring=lambda model, X, y: given, max_iter=3)
    with pytest.raises(TypeError, match="scoring=.* must give one number; it gave"):
        model.fit(X, y, **held_out)


@pytest.mark.parametrize("kind", [np.float32, np.atleast_1d])
def test_a_scorer_may_give_an_array_of_one_number(noisy, network, kind):
    X, y, held_out = noisy
    model = network(scoring=lambda m, X, y: kind(m.score(X, y)), max_iter=3)
    assert model.fit(X, y, **held_out).validation_scores_.dtype == float


@pytest.mark.parametrize(
    "scoring",
    ["adjusted_rand_score", make_scorer(agreement), lambda m, X, y: m.score(X, y)],
    ids=["named", "made", "plain"],
)
@of_labels
def test_a_scorer_that_takes_no_weights(noisy, network, scoring):
    """It judges the rows as if they counted alike, and says so where that was asked."""
    X, y, held_out = noisy
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        network(scoring=scoring, class_weight="balanced", max_iter=3).fit(
            X, y, **held_out
        )
    model = network(scoring=scoring, max_iter=3)
    with pytest.warns(UserWarning, match="scoring=.* takes no sample_weight"):
        model.fit(X, y, **held_out, sample_weight_val=np.arange(160.0) + 1)
    score = get_scorer(scoring)(model, held_out["X_val"], held_out["y_val"])
    assert_allclose(model.best_validation_score_, score)


@pytest.mark.parametrize("own_rows", [False, True])
def test_a_scorer_is_silent_about_names_of_columns(noisy, task, network, own_rows):
    X, y, held_out = noisy
    held_out = held_out if own_rows else {}
    if own_rows:
        held_out = held_out | {"X_val": pd.DataFrame(held_out["X_val"])}
    frame = pd.DataFrame(X).add_prefix("column ")
    if own_rows:
        held_out["X_val"] = held_out["X_val"].add_prefix("column ")
    model = network(scoring=task.score_scorer, early_stopping=True, max_iter=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(frame, y, **held_out).predict(frame)
    assert list(model.feature_names_in_) == list(frame.columns)


@of_labels
def test_a_scorer_for_several_labels(noisy, network):
    X, y, held_out = noisy
    Y, Y_val = np.eye(3, dtype=int)[y], np.eye(3, dtype=int)[held_out["y_val"]]
    model = network(scoring="f1_macro", n_iter_no_change=3)
    model.fit(X, Y, X_val=held_out["X_val"], y_val=Y_val)
    score = get_scorer("f1_macro")(model, held_out["X_val"], Y_val)
    assert_allclose(model.best_validation_score_, score)


def test_a_scorer_changes_the_estimator_nowhere(noisy, network):
    """It is handed a copy: nothing it does is left on the estimator."""
    X, y, held_out = noisy

    def meddling(estimator, X_val, y_val):
        assert not hasattr(model, "coefs_")
        estimator.left_behind = True
        estimator.coefs_[0][:] = np.nan
        return 0.0

    model = network(scoring=meddling, max_iter=3)
    model.fit(X, y, **held_out)
    assert not hasattr(model, "left_behind")
    assert all(np.isfinite(W).all() for W in model.coefs_)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovr", "accuracy"])
@pytest.mark.parametrize("solver", ["sgd", "gd"])
@pytest.mark.parametrize("rate", [1e6, 1e30])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@of_labels
def test_a_scorer_on_a_training_that_diverges(
    noisy, network, scoring, solver, rate, activation
):
    """It is not asked about parameters that are not finite."""
    X, y, held_out = noisy
    model = network(solver, scoring=scoring, activation=activation, alpha=1.0)
    model.set_params(learning_rate="constant", learning_rate_init=rate)
    model.fit(X, y, **held_out)
    assert np.isfinite(model.predict_proba(X)).all()
    assert not np.isnan(model.best_validation_score_)


@tasks(*OF_NUMBERS)
@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error"])
@pytest.mark.parametrize("solver", ["sgd", "gd"])
@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_a_scorer_of_numbers_on_a_training_that_diverges(
    noisy, network, scoring, solver, rate
):
    X, y, held_out = noisy
    model = network(solver, scoring=scoring, activation="relu", alpha=1.0)
    model.set_params(learning_rate="constant", learning_rate_init=rate)
    model.fit(X, y, **held_out)
    assert np.isfinite(model.predict(X)).all()
    assert not np.isnan(model.best_validation_score_)


def test_the_score_of_a_training_that_diverges_is_that_of_the_best_pass(noisy, network):
    X, y, held_out = noisy
    model = network("sgd", learning_rate_init=1e6, alpha=1.0, learning_rate="constant")
    model.fit(X, y, **held_out)
    assert model.n_iter_ < 60
    finite = model.validation_scores_[np.isfinite(model.validation_scores_)]
    assert model.best_validation_score_ == finite.max(initial=-np.inf)


# The trap: rows that cross-validation takes for its own


def test_as_many_held_out_rows_as_rows_is_warned_of(noisy, network):
    X, y, held_out = noisy
    same = {name: rows[: len(y)] for name, rows in held_out.items()}
    with pytest.warns(UserWarning, match="X_val has exactly as many rows as X"):
        network(max_iter=1).fit(X, y, **same)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "X_val has exactly")
        network(max_iter=30).fit(X, y, **held_out)


def test_the_trap_itself(noisy, network):
    """Given as many held-out rows as rows, a search hands on two thirds of them."""
    X, y, held_out = noisy
    same = {name: rows[: len(y)] for name, rows in held_out.items()}
    counting.n_rows.clear()
    with config_context(enable_metadata_routing=True):
        model = network(max_iter=1, scoring=counting).set_fit_request(
            X_val=True, y_val=True
        )
        with pytest.warns(UserWarning, match="X_val has exactly as many rows as X"):
            cross_validate(model, X, y, cv=5, params=same, error_score="raise")
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "X_val has exactly")
            cross_validate(model, X, y, cv=5, params=held_out, error_score="raise")
    assert counting.n_rows == [64] * 5 + [160] * 5


def counting(estimator, X, y):
    counting.n_rows.append(len(y))
    return 0.0


counting.n_rows = []


# Through a pipeline


@pytest.mark.parametrize("searched", [False, True])
def test_held_out_rows_through_a_pipeline_are_transformed(noisy, network, searched):
    X, y, held_out = noisy
    by_hand = StandardScaler().fit(X)
    wanted = network(standardize=False).fit(
        by_hand.transform(X),
        y,
        X_val=by_hand.transform(held_out["X_val"]),
        y_val=held_out["y_val"],
    )
    with config_context(enable_metadata_routing=True):
        last = network(standardize=False).set_fit_request(X_val=True, y_val=True)
        model = Pipeline(
            [("scale", StandardScaler()), ("network", last)], transform_input=["X_val"]
        )
        if searched:
            model = GridSearchCV(model, {"network__alpha": [0.0]}, cv=3)
        model.fit(X, y, **held_out)
    fitted = model.best_estimator_ if searched else model
    assert_allclose(fitted["network"].validation_scores_, wanted.validation_scores_)
    assert_allclose(fitted["network"].coefs_[0], wanted.coefs_[0])


def test_a_scorer_that_cannot_score_is_named(task):
    """Of labels a class may be missing; numbers have none."""
    X = np.random.RandomState(0).randn(60, 2)
    y = task.y((X[:, 0] > 0).astype(int))
    scoring = "neg_mean_poisson_deviance"
    model = task.network((3,), early_stopping=True, alpha=1.0, scoring=scoring)
    with pytest.raises(ValueError, match="cannot score the validation rows") as told:
        model.fit(X, y - 10 * y.max())
    assert ("lack a class" in str(told.value)) == (task.name == "labels")
