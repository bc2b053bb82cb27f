"""The ensemble: the mean of its members, the contract, threads, all that one has."""

import copy
import os
import pickle
import subprocess
import sys
import threading
import warnings

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import logsumexp
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_moons, make_multilabel_classification
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from tasks import (
    COUNTS,
    LABELS,
    NUMBERS,
    OF_NUMBERS,
    every_task,
    of_labels,
    of_numbers,
    tasks,
)
from threadpoolctl import threadpool_info

from sklearn_scratchnn import (
    ScratchMLPClassifier,
    ScratchMLPEnsembleClassifier,
    ScratchMLPEnsembleRegressor,
)
from sklearn_scratchnn.displays.notebook import caption
from sklearn_scratchnn.estimator import members as members_module
from sklearn_scratchnn.estimator.members import held_out_loss, seeds_of, weights_of
from sklearn_scratchnn.plotting import (
    FeatureImportanceDisplay,
    NetworkDisplay,
    ReliabilityDisplay,
    TrainingCurveDisplay,
)
from sklearn_scratchnn.training.threads import one_blas_thread

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# A few epochs of few units: what is tested here is the mean, not the network.
def small(task, **params):
    return task.network((8,), **{"alpha": 1.0, "max_iter": 20} | params)


def quick(task, **params):
    return small(task, **{"solver": "adam", "max_iter": 3} | params)


@pytest.fixture
def ensemble(task):
    def make(estimator=None, n_estimators=3, **params):
        estimator = small(task) if estimator is None else estimator
        return task.ensemble(estimator, n_estimators, **{"random_state": 0} | params)

    return make


@pytest.fixture
def moons(task):
    X, labels = make_moons(120, noise=0.25, random_state=0)
    return X, task.y(labels)


@pytest.fixture(scope="module")
def labels():
    return make_multilabel_classification(80, 6, n_classes=3, random_state=0)


def assert_same(one, other, X):
    task = LABELS if hasattr(one, "classes_") else NUMBERS
    assert_array_equal(task.members(one, X), task.members(other, X))
    assert_array_equal(task.answers(one, X), task.answers(other, X))


# scikit-learn's contract


@parametrize_with_checks(
    [
        ScratchMLPEnsembleClassifier(n_estimators=2),
        ScratchMLPEnsembleRegressor(n_estimators=2),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_loss_of_the_members_says_what_y_may_be():
    model = COUNTS.ensemble()
    assert get_tags(model).target_tags.positive_only
    assert not get_tags(NUMBERS.ensemble()).target_tags.positive_only
    with pytest.raises(ValueError, match="loss='poisson' is for numbers of 0 or more"):
        model.fit(np.eye(4), [1.0, 2.0, -1.0, 0.0])


@of_numbers
def test_it_serves_scikit_learns_tools_for_numbers(moons, ensemble):
    X, y = moons
    piped = make_pipeline(StandardScaler(), ensemble())
    shuffled = KFold(3, shuffle=True, random_state=0)
    assert cross_val_score(piped, X, y, cv=shuffled).mean() > 0.5
    stack = StackingRegressor([("a", ensemble()), ("b", Ridge())], cv=3)
    assert stack.fit(X, y).score(X, y) > 0.6


@of_labels
def test_it_serves_scikit_learns_tools(moons, ensemble):
    X, y = moons
    piped = make_pipeline(StandardScaler(), ensemble())
    assert cross_val_score(piped, X, y, cv=3).mean() > 0.8
    calibrated = CalibratedClassifierCV(ensemble(), ensemble=False, cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.8
    stack = StackingClassifier([("a", ensemble()), ("b", LogisticRegression())], cv=3)
    assert stack.fit(X, y).score(X, y) > 0.8


# The mean


@of_labels
def test_probabilities_are_the_mean_of_the_members(moons, ensemble):
    X, y = moons
    model = ensemble().fit(X, y)
    each = [member.predict_proba(X) for member in model.estimators_]
    assert_array_equal(model.members_proba(X), each)
    assert_allclose(model.member_weights_, 1 / 3)  # alpha is given
    p = np.mean(each, axis=0)
    assert_allclose(model.predict_proba(X), p, rtol=1e-12)
    assert_allclose(model.predict_log_proba(X), np.log(p), rtol=1e-9, atol=1e-12)
    assert_allclose(model.decision_function(X), np.log(p[:, 1] / p[:, 0]), rtol=1e-9)
    assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])


@tasks(*OF_NUMBERS)
def test_numbers_are_the_mean_of_the_members(moons, ensemble):
    """Of a Poisson loss the mean of the numbers, not of their logarithms."""
    X, y = moons
    for target in (y, np.column_stack([y, 1e6 * y[::-1]])):
        model = ensemble().fit(X, target)
        each = np.array([member.predict(X) for member in model.estimators_])
        assert_array_equal(model.members_predict(X), each)
        assert_allclose(model.predict(X), each.mean(axis=0), rtol=1e-12)
        assert model.predict(X).shape == target.shape
        assert_allclose(model.doubt(X), each.std(axis=0), rtol=1e-9)


@every_task
def test_weights_weigh(moons, task, ensemble):
    X, y = moons
    model = ensemble().fit(X, y)
    model.member_weights_ = np.array([0.5, 0.0, 0.5])
    first, _, last = task.members(model, X)
    assert_allclose(task.answers(model, X), (first + last) / 2, rtol=1e-12)


@tasks(*OF_NUMBERS)
def test_doubt_of_numbers_by_its_formula(moons, ensemble):
    """The weighted standard deviation of the members, in units of y."""
    X, y = moons
    model = ensemble().fit(X, 1e3 * y)
    weights = model.member_weights_ = np.array([0.2, 0.3, 0.5])
    each = model.members_predict(X)
    mean = np.average(each, axis=0, weights=weights)
    variance = np.average((each - mean) ** 2, axis=0, weights=weights)
    assert_allclose(model.doubt(X), np.sqrt(variance), rtol=1e-9)
    assert model.doubt(X).max() > 1


@of_labels
def test_several_labels(ensemble, labels):
    X, y = labels
    model = ensemble().fit(X, y)
    p = np.mean([member.predict_proba(X) for member in model.estimators_], axis=0)
    assert_allclose(model.predict_proba(X), p, rtol=1e-12)
    assert_allclose(model.decision_function(X), np.log(p / (1 - p)), rtol=1e-6)
    assert_array_equal(model.predict(X), p > 0.5)
    assert model.doubt(X).shape == model.doubt(X, "std").shape == y.shape


@of_labels
def test_logarithms_are_finite_where_probabilities_are_none(moons, ensemble):
    X, y = moons
    model = ensemble().fit(X, y)
    for member in model.estimators_:
        member.coefs_[-1] *= 1e4
    z = np.array([member.decision_function(X) for member in model.estimators_])
    expected = logsumexp(-np.logaddexp(0, -z), axis=0) - np.log(3)
    assert model.predict_proba(X).min() == 0
    assert_allclose(model.predict_log_proba(X)[:, 1], expected, rtol=1e-9, atol=1e-9)


@of_labels
def test_permuted_classes_permute_the_answers(moons, ensemble):
    """Of members that have one minimum: first weights do not permute."""
    X, y = moons
    convex = ScratchMLPClassifier((), alpha=1.0, tol=1e-9)
    one, other = (ensemble(convex).fit(X, classes) for classes in (y, 1 - y))
    assert_allclose(one.predict_proba(X), other.predict_proba(X)[:, ::-1], atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(
    n_estimators=st.integers(1, 4),
    encodings=st.sampled_from(["auto", ("piecewise",), ("linear", "piecewise")]),
    random_state=st.integers(0, 99),
    n_jobs=st.sampled_from([None, 1, 2]),
    weighted=st.booleans(),
)
def test_any_ensemble_answers(
    task, n_estimators, encodings, random_state, n_jobs, weighted
):
    X, labels = make_moons(40, noise=0.2, random_state=random_state)
    y = task.y(labels)
    model = task.ensemble(
        small(task),
        n_estimators=n_estimators,
        encodings=encodings,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    model.fit(X, y, np.arange(1.0, 41) if weighted else None)
    assert len(model.estimators_) == n_estimators
    answers = task.answers(model, X)
    assert np.isfinite(answers).all()
    if task is LABELS:
        assert_allclose(answers.sum(axis=1), 1)
        assert np.all(np.isfinite(model.predict_log_proba(X)))
    assert_allclose(model.feature_importances_.sum(), 1)
    assert model.doubt(X).min() >= 0
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(task.answers(twin, X), answers)


# How members differ


def test_one_member_is_the_single_network(moons, task):
    X, y = moons
    single = task.network(random_state=3).fit(X, y)
    model = task.ensemble(random_state=3).fit(X, y)
    assert_array_equal(model.estimators_[0].coefs_[0], single.coefs_[0])
    alone = task.ensemble(n_estimators=1, random_state=3).fit(X, y)
    assert_allclose(task.answers(alone, X), task.answers(single, X), rtol=1e-12)
    assert_array_equal(alone.predict(X), single.predict(X))
    assert_array_equal(alone.doubt(X), 0)


def test_a_random_state_instance_is_the_first_members(moons, task, ensemble):
    X, y = moons
    single = small(task, random_state=np.random.RandomState(5)).fit(X, y)
    model = ensemble(random_state=np.random.RandomState(5)).fit(X, y)
    assert_array_equal(model.estimators_[0].coefs_[0], single.coefs_[0])


def test_a_random_state_instance_goes_on(moons, task, ensemble):
    """By the same step for any backend, so that a second fit is another one."""
    answers = []
    for backend in "threading", "loky":
        random_state = np.random.RandomState(5)
        model = ensemble(quick(task), n_jobs=2, random_state=random_state)
        with pytest.MonkeyPatch.context() as patch, joblib.parallel_config(backend):
            patch.setattr(members_module, "SHARED_WORK", 0)
            answers += [task.answers(model.fit(*moons), moons[0]) for _ in range(2)]
    assert_array_equal(answers[:2], answers[2:])
    assert np.abs(answers[0] - answers[1]).max() > 1e-3


def test_the_global_random_state_seeds_members_one_by_one(
    moons, task, ensemble, monkeypatch
):
    monkeypatch.setattr(members_module, "SHARED_WORK", 0)
    answers = []
    for n_jobs in 1, 2:
        np.random.seed(0)  # noqa: NPY002
        model = ensemble(quick(task), n_jobs=n_jobs, random_state=None)
        answers.append(task.answers(model.fit(*moons), moons[0]))
    assert_array_equal(*answers)


def test_seeds_are_the_same_ones_however_many():
    assert seeds_of(7, 2) == seeds_of(7, 5)[:2]
    assert seeds_of(7, 5)[0] == 7
    assert len(set(seeds_of(7, 5))) == 5
    assert len(set(seeds_of(None, 3))) == 3


def encodings_of(model):
    edges = [member.bin_edges_ for member in model.estimators_]
    return ["linear" if each is None else "piecewise" for each in edges]


@of_labels
def test_encodings_alternate(moons, task, ensemble):
    X, y = moons
    by_turns = ["linear", "piecewise", "linear", "piecewise"]
    assert encodings_of(ensemble(n_estimators=4).fit(X, y)) == by_turns
    assert encodings_of(ensemble().fit(sparse.csr_array(X), y)) == ["linear"] * 3
    held_out = {"X_val": sparse.csr_array(X[80:]), "y_val": y[80:]}
    model = ensemble(quick(task)).fit(X[:80], y[:80], **held_out)
    assert encodings_of(model) == ["linear"] * 3
    wide = np.random.RandomState(0).randn(120, 101)
    assert encodings_of(ensemble().fit(wide, y)) == ["linear"] * 3
    assert encodings_of(ensemble(encodings="piecewise").fit(X, y)) == ["piecewise"] * 3
    binned = small(task).set_params(numeric_encoding="piecewise")
    assert encodings_of(ensemble(binned).fit(X, y)) == ["piecewise"] * 3


@pytest.mark.parametrize(
    ("n", "second"), [(2499, "piecewise"), (2500, "linear"), (10_000, "piecewise")]
)
@of_labels
def test_encodings_of_many_rows(task, ensemble, n, second):
    X = np.random.RandomState(0).randn(n, 2)
    y = task.y((X[:, 0] > 0).astype(int))
    one_epoch = task.network((4,), solver="adam", alpha=1.0, max_iter=1)
    model = ensemble(one_epoch).fit(X, y)
    first = "linear" if n < 2500 else "piecewise"
    assert encodings_of(model) == [first, second, first]


@of_numbers
@pytest.mark.parametrize("n", [120, 2500])
def test_members_for_numbers_read_columns_as_one_network(task, ensemble, n):
    X = np.random.RandomState(0).randn(n, 2)
    one_epoch = task.network((4,), solver="adam", alpha=1.0, max_iter=1)
    model = ensemble(one_epoch).fit(X, X[:, 0])
    assert encodings_of(model) == ["linear" if n < 2500 else "piecewise"] * 3


def test_given_encodings_win_over_the_estimators(moons, task, ensemble):
    X, y = moons
    binned = small(task).set_params(numeric_encoding="piecewise")
    model = ensemble(binned, encodings=("linear", "piecewise")).fit(X, y)
    assert encodings_of(model) == ["linear", "piecewise", "linear"]


def test_the_weight_of_a_member_falls_with_its_held_out_loss(moons, task, ensemble):
    X, y = moons
    model = ensemble(task.network((8,))).fit(X, y)
    losses = [held_out_loss(member) for member in model.estimators_]
    for member, loss in zip(model.estimators_, losses):
        i = member.alpha_path_["alpha"].tolist().index(member.alpha_)
        assert loss == member.alpha_path_["validation_loss"][i]
    shares = np.power(losses, -2.0)
    assert_allclose(model.member_weights_, shares / shares.sum())
    for member, loss in zip(model.estimators_, (0.1, 0.2, np.inf)):
        member.alpha_path_["validation_loss"][:] = loss
    assert_allclose(weights_of(model.estimators_), [4 / 5, 1 / 5, 0])
    model.estimators_[2].alpha_path_["validation_loss"][:] = np.nan
    assert_allclose(weights_of(model.estimators_[::-1]), [0, 1 / 5, 4 / 5])
    model.estimators_[0].alpha_path_["validation_loss"][:] = 0.0
    assert_allclose(weights_of(model.estimators_), [1, 0, 0])
    model.estimators_[2].alpha_path_ = None
    assert_allclose(weights_of(model.estimators_), 1 / 3)


def test_early_stopping_judges_members_too(moons, task, ensemble):
    X, y = moons
    model = ensemble(quick(task, early_stopping=True)).fit(X, y)
    scores = [member.best_validation_score_ for member in model.estimators_]
    assert [held_out_loss(m) for m in model.estimators_] == [-score for score in scores]


# Rows, weights and copies


def test_weights_are_copies_where_members_are_exact(moons, task, ensemble):
    X, y = moons
    weights = np.random.RandomState(0).randint(0, 4, size=len(y))
    weighted = ensemble().fit(X, y, weights)
    copies = ensemble().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert_allclose(task.answers(weighted, X), task.answers(copies, X), atol=1e-6)


def test_the_order_of_the_rows_changes_nothing(moons, task, ensemble):
    X, y = moons
    order = np.random.RandomState(0).permutation(len(y))
    one, other = ensemble().fit(X, y), ensemble().fit(X[order], y[order])
    assert_allclose(task.answers(one, X), task.answers(other, X), atol=1e-6)


@of_labels
def test_class_weight_is_the_estimators(moons, task, ensemble):
    X, y = moons
    weighted = ensemble(small(task, class_weight={0: 1, 1: 3})).fit(X, y)
    by_hand = ensemble().fit(X, y, np.where(y == 1, 3.0, 1.0))
    assert_allclose(weighted.predict_proba(X), by_hand.predict_proba(X), rtol=1e-9)


def test_held_out_rows_are_those_of_all_members(moons, task, ensemble):
    X, y = moons
    model = ensemble(quick(task)).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    for member in model.estimators_:
        assert len(member.validation_scores_) == member.n_iter_
    assert "validation_loss" in model.history_


def test_sparse_rows(moons, task, ensemble):
    X, y = moons
    model = ensemble().fit(sparse.csr_array(X), y)
    assert_allclose(task.answers(model, X), task.answers(model, sparse.csr_array(X)))


def test_rows_are_prepared_once(ensemble, monkeypatch, moons):
    """Checks, the order of the rows, and bins; each scale once for each encoding."""
    from sklearn_scratchnn.data import sample

    calls = []

    def counted(owner, name):
        original = getattr(owner, name)

        def call(*args, **kwargs):
            calls.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    counted(sample, "distinct_rows")
    counted(sample, "edges_of_columns")
    counted(sample.Sample, "measured")
    ensemble(n_estimators=4, encodings=("linear", "piecewise")).fit(*moons)
    once = ["distinct_rows", "edges_of_columns"]
    assert sorted(calls) == [*once, "measured", "measured"]


# Threads and processes


@pytest.mark.parametrize("network", [small, quick], ids=["lbfgs", "adam"])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_no_bit_depends_on_how_members_are_spread(
    task, ensemble, network, backend, moons, monkeypatch
):
    X, y = moons
    monkeypatch.setattr(members_module, "SHARED_WORK", 0)
    one = ensemble(network(task)).fit(X, y)
    with joblib.parallel_config(backend=backend):
        assert_same(ensemble(network(task), n_jobs=2).fit(X, y), one, X)


@pytest.mark.parametrize(("n", "side_by_side"), [(300, False), (3000, True)])
def test_short_trainings_take_turns(task, ensemble, n, side_by_side):
    X = np.random.RandomState(0).randn(n, 4)
    estimator = task.network((100,), solver="adam", alpha=1.0, max_iter=1)
    names = set()
    train = members_module.MemberFit.train

    def noted(self):
        names.add(threading.current_thread().name)
        return train(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members_module.MemberFit, "train", noted)
        ensemble(estimator, n_jobs=2).fit(X, task.y((X[:, 0] > 0).astype(int)))
    assert ("MainThread" not in names) == side_by_side


IN_TWO_THREADS = """
import numpy as np
from sklearn.datasets import make_classification
from threadpoolctl import threadpool_info
from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPEnsembleClassifier

def threads():
    return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]

X, y = make_classification(3000, 40, random_state=0)
single = ScratchMLPClassifier((300, 100), solver="adam", alpha=1.0, max_iter=2)
before, answers = threads(), []
for n_jobs in None, 2, 3:
    model = ScratchMLPEnsembleClassifier(single, 3, n_jobs=n_jobs, random_state=0)
    answers.append(model.fit(X, y).predict_proba(X))
    assert threads() == before, "after fit"
assert all(np.array_equal(answers[0], other) for other in answers[1:])
model.estimator.set_params(hidden_layer_sizes=(5,), activation=("relu", "tanh"))
try:
    model.fit(X, y)
except ValueError as error:
    assert threads() == before, "after an error"
print(before)
"""


def test_blas_has_one_thread_in_training_and_as_many_as_before_after_it():
    """In a process that begins with two."""
    two = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", IN_TWO_THREADS],
        env=os.environ | two,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[" in done.stdout


TWO_THREADS_OF_THE_USER = """
import threading
from sklearn.datasets import make_moons
from threadpoolctl import threadpool_info
from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPEnsembleClassifier

def threads():
    return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]

X, y = make_moons(120, noise=0.25, random_state=0)
settings = dict(solver="adam", alpha=1.0, max_iter=2, early_stopping=True)
begun, other_begun, ended = (threading.Event() for _ in range(3))
seen, before = [], threads()

def score_of_main(*_):
    begun.set()
    other_begun.wait(10)
    return 1.0

def score_of_other(*_):
    other_begun.set()
    ended.wait(10)
    seen.append(threads())
    return 1.0

def fit_ensemble():
    begun.wait(10)
    network = ScratchMLPClassifier((20,), scoring=score_of_other, **settings)
    ScratchMLPEnsembleClassifier(network, 2, random_state=0).fit(X, y)

other = threading.Thread(target=fit_ensemble)
other.start()
ScratchMLPClassifier((20,), scoring=score_of_main, **settings).fit(X, y)
ended.set()
other.join()
assert all(set(each) == {1} for each in seen), seen
assert threads() == before, threads()
"""


def test_a_fit_that_ends_first_leaves_blas_to_the_ensemble():
    two = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", TWO_THREADS_OF_THE_USER],
        env=os.environ | two,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_overlapping_holders_of_blas_give_back_what_the_first_found():
    def threads():
        return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]

    before = threads()
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(threads()) == {1}
    second.__exit__(None, None, None)
    assert threads() == before


# Parameters


def test_nested_parameters_in_a_search(moons, task, ensemble):
    X, y = moons
    grid = {"estimator__alpha": [0.1, 10.0], "estimator__max_iter": [5]}
    for own in (None, small(task)):
        model = task.ensemble(own, n_estimators=2, random_state=0)
        search = GridSearchCV(model, grid, cv=2).fit(X, y)
        best = search.best_estimator_
        assert best.estimators_[1].alpha_ == search.best_params_["estimator__alpha"]
        assert model.estimator is own
    with_none = {"estimator": [None], **grid}
    best = GridSearchCV(ensemble(), with_none, cv=2).fit(X, y).best_score_
    assert best > (0.8 if task is LABELS else 0.4)


def test_fit_never_changes_the_estimator(moons, task, ensemble):
    model = task.ensemble(n_estimators=1).fit(*moons)
    assert model.estimator is None
    own = small(task)
    before = own.get_params()
    ensemble(own).fit(*moons)
    assert own.get_params() == before
    assert not hasattr(own, "coefs_")


def test_set_params_puts_a_network_in_place_of_none(task):
    model = task.ensemble().set_params(estimator__alpha=2.0)
    assert type(model.estimator) is task.of_one
    assert model.estimator.alpha == 2.0
    model = task.ensemble()
    with pytest.raises(ValueError, match="alfa"):
        model.set_params(estimator__alfa=2.0)
    assert model.estimator is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": LogisticRegression()}, "estimator"),
        ({"n_estimators": 0}, "n_estimators"),
        ({"encodings": ("linear", "curved")}, "curved"),
        ({"encodings": ()}, "encodings"),
        ({"estimator__alpha": -1}, "alpha"),
        ({"encodings": {"linear", "piecewise"}}, "encodings"),
        ({"n_jobs": 1.5}, "n_jobs"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_what_cannot_be_used_is_named(task, params, message, moons):
    model = task.ensemble(n_estimators=1, random_state=0)
    model.fit(*moons)
    expected = task.answers(model, moons[0])
    with pytest.raises((ValueError, TypeError), match=message):
        model.set_params(**params).fit(*moons)
    assert_array_equal(task.answers(model, moons[0]), expected)


def test_members_are_of_the_ensembles_kind(moons, task):
    other = NUMBERS if task is LABELS else LABELS
    with pytest.raises(ValueError, match="The 'estimator' parameter of"):
        task.ensemble(other.network()).fit(*moons)


@of_labels
def test_an_unknown_measure_is_named(moons, ensemble):
    model = ensemble(n_estimators=1).fit(*moons)
    with pytest.raises(ValueError, match="measure"):
        model.doubt(moons[0], "variance")


def test_a_member_that_fails_names_itself(moons, ensemble):
    X, y = moons
    model = ensemble(n_estimators=2, encodings=("linear", "piecewise"))
    with pytest.raises(ValueError, match=r"Member 1 \(numeric_encoding='piecewise'"):
        model.fit(sparse.csr_array(X), y)
    assert not hasattr(model, "estimators_")


def test_a_members_warning_names_it_and_the_callers_line(
    moons, task, ensemble, monkeypatch
):
    X, y = moons
    monkeypatch.setattr(members_module, "SHARED_WORK", 0)
    short = small(task, solver="lbfgs", max_iter=2)
    with pytest.warns(ConvergenceWarning, match="Member 0: ") as caught:
        ensemble(short, n_jobs=2).fit(X, y)
    assert [str(w.message)[:9] for w in caught] == [f"Member {i}:" for i in range(3)]
    assert {w.filename for w in caught} == {__file__}


# Warm start, interruption, pickles


def test_warm_start_adds_members(moons, task, ensemble):
    X, y = moons
    model = ensemble(n_estimators=1, warm_start=True).fit(X, y)
    first = model.estimators_[0]
    model.set_params(n_estimators=3).fit(X, y)
    assert model.estimators_[0] is first
    assert_same(model, ensemble().fit(X, y), X)
    with pytest.warns(UserWarning, match="n_estimators"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="n_estimators=2"):
        model.set_params(n_estimators=2).fit(X, y)
    other = y + 1 if task is LABELS else np.column_stack([y, y])
    with pytest.raises(ValueError, match="same classes|as many columns"):
        model.set_params(n_estimators=4).fit(X, other)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_interruption_leaves_what_is_trained(
    task, ensemble, n_jobs, moons, monkeypatch
):
    X, y = moons
    train = members_module.MemberFit.train

    def interrupted(self):
        if self.number == 2:
            raise KeyboardInterrupt
        return train(self)

    monkeypatch.setattr(members_module, "SHARED_WORK", 0)
    monkeypatch.setattr(members_module.MemberFit, "train", interrupted)
    model = ensemble(n_jobs=n_jobs)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert 1 <= len(model.estimators_) <= 2
    assert len(task.answers(model, X)) == 120


def test_an_interruption_waits_for_members_in_training(
    moons, task, ensemble, monkeypatch
):
    """Side by side, the others end after their epoch and are kept."""
    pytest.importorskip("sklearn.callback")
    from sklearn_scratchnn.callbacks.base import Callback

    monkeypatch.setattr(members_module, "SHARED_WORK", 0)
    under_way = threading.Event()

    class Interrupt(Callback):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and context.parent.task_id == 1:
                under_way.wait(10)
                raise KeyboardInterrupt
            if context.task_name == "epoch" and context.task_id == 1:
                under_way.set()

    long = quick(task).set_params(max_iter=100_000)
    model = ensemble(long, n_estimators=2, n_jobs=2).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        model.fit(*moons)
    assert 1 <= model.estimators_[0].n_iter_ < 100_000
    names = [thread.name for thread in threading.enumerate()]
    assert model.predict(moons[0]).shape == (120,), names


def test_an_interrupted_member_keeps_its_best_so_far(moons, task, ensemble):
    pytest.importorskip("sklearn.callback")
    from sklearn_scratchnn.callbacks.base import Callback

    class Interrupt(Callback):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and context.parent.task_id == 1:
                raise KeyboardInterrupt

    model = ensemble(quick(task)).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        model.fit(*moons)
    assert [member.n_iter_ for member in model.estimators_] == [3, 1]
    assert model.predict(moons[0]).shape == (120,)


def test_nothing_trained_leaves_nothing(moons, task, ensemble, monkeypatch):
    X, y = moons

    def interrupted(self):
        raise KeyboardInterrupt

    model = ensemble(n_estimators=1).fit(X, y)
    expected = task.answers(model, X)
    monkeypatch.setattr(members_module.MemberFit, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert_array_equal(task.answers(model, X), expected)


def test_copies_and_pickles(moons, ensemble):
    X, y = moons
    model = ensemble().fit(X, y)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_same(twin, model, X)
        assert_array_equal(twin.history_["member"], model.history_["member"])
    assert not hasattr(clone(model), "estimators_")


# What it tells


def test_histories_in_one_table(moons, ensemble):
    model = ensemble().fit(*moons)
    for i, member in enumerate(model.estimators_):
        of_member = model.history_["member"] == i
        assert_array_equal(model.history_["loss"][of_member], member.loss_curve_)
    assert len({len(column) for column in model.history_.values()}) == 1


def test_importances_are_the_weighted_mean(moons, ensemble):
    model = ensemble().fit(*moons)
    each = [member.feature_importances_ for member in model.estimators_]
    assert_allclose(model.feature_importances_, np.mean(each, axis=0))


@of_labels
def test_doubt_by_its_formulas(moons, ensemble):
    X, y = moons
    model = ensemble().fit(X, y)
    p = model.members_proba(X)
    mean = p.mean(axis=0)
    between = (p * np.log(p / mean)).sum(axis=2).mean(axis=0)
    assert_allclose(model.doubt(X), between, rtol=1e-6, atol=1e-12)
    predicted = p[:, np.arange(len(X)), mean.argmax(axis=1)]
    assert_allclose(model.doubt(X, "std"), predicted.std(axis=0), rtol=1e-9)


@of_labels
def test_doubt_of_labels_by_its_formulas(ensemble, labels):
    X, y = labels
    model = ensemble().fit(X, y)
    p = model.members_proba(X)
    mean = p.mean(axis=0)
    q, other = 1 - p, 1 - mean
    between = (p * np.log(p / mean) + q * np.log(q / other)).mean(axis=0)
    assert_allclose(model.doubt(X), between, rtol=1e-6, atol=1e-12)
    assert_allclose(model.doubt(X, "std"), p.std(axis=0), rtol=1e-9)


def test_rows_unlike_those_of_training_are_in_doubt(task):
    X, labels = make_moons(200, noise=0.1, random_state=0)
    model = task.ensemble(random_state=0).fit(X, task.y(labels))
    between = X.mean(axis=0) + [[-3.0, 3.0], [4.0, 3.0], [-3.0, -3.0]]
    times = 10 if task is LABELS else 4
    assert model.doubt(between).max() > times * np.median(model.doubt(X))


def test_names_of_columns_reach_the_members(moons, ensemble):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(moons[0], columns=["east", "north"])
    model = ensemble().fit(X, moons[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X)
        for member in model.estimators_:
            assert_array_equal(member.feature_names_in_, ["east", "north"])
            member.predict(X)


def test_html_shows_the_members(moons, task, ensemble):
    model = ensemble()
    assert task.of_many.__name__ in model._repr_html_()
    html = model.fit(*moons)._repr_html_()
    for member in model.estimators_:
        assert caption(member) in html


@of_labels
def test_displays(moons, ensemble):
    pytest.importorskip("matplotlib").use("Agg")
    X, y = moons
    model = ensemble().fit(X, y)
    curves = TrainingCurveDisplay.from_estimator(model)
    names = [line.get_label() for line in curves.lines_]
    assert names == ["member 0", "member 1", "member 2"]
    assert_array_equal(curves.lines_[1].get_ydata(), model.estimators_[1].loss_curve_)
    assert len(FeatureImportanceDisplay.from_estimator(model).bars_) == 2
    ReliabilityDisplay.from_estimator(model, X, y)
    NetworkDisplay.from_estimator(model.estimators_[0])
    with pytest.raises(ValueError, match="estimators_"):
        NetworkDisplay.from_estimator(model)


def test_verbose_says_when_a_member_is_trained(moons, ensemble, capsys):
    ensemble(verbose=True).fit(*moons)
    lines = [f"Member {i} of 3 is trained." for i in range(3)]
    assert capsys.readouterr().out.splitlines() == lines


# Callbacks and routing


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_callbacks_see_each_member_and_its_epochs(
    task, ensemble, n_jobs, moons, monkeypatch
):
    monkeypatch.setattr(members_module, "SHARED_WORK", 0)
    callback = pytest.importorskip("sklearn.callback")
    X, y = moons
    monitor = callback.ScoringMonitor(scoring=task.loss_scorer)
    model = ensemble(quick(task), n_jobs=n_jobs).set_callbacks(monitor).fit(X, y)
    rows = monitor.get_logs().data
    epochs = [row for row in rows if row["task_name"] == "epoch"]
    assert len(epochs) == 3 * 3
    (whole,) = [row for row in rows if row["task_name"] == "fit"]
    score = get_scorer(task.loss_scorer)(model, X, y)
    assert_allclose(whole[task.loss_scorer], score, rtol=1e-6)
    assert_same(model, ensemble(quick(task)).fit(X, y), X)


def test_a_callback_stops_each_member_by_itself(moons, task, ensemble):
    pytest.importorskip("sklearn.callback")
    from sklearn_scratchnn.callbacks import EarlyStopping

    X, y = moons
    rows = X[80:], y[80:]
    stop = EarlyStopping(*rows, scoring=task.loss_scorer, patience=1, tol=100.0)
    long = quick(task).set_params(max_iter=50)
    model = ensemble(long).set_callbacks(stop).fit(X[:80], y[:80])
    assert [member.n_iter_ for member in model.estimators_] == [3, 3, 3]


def test_one_progress_bar(moons, task, ensemble, capsys, monkeypatch):
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "200")  # which rich keeps, for later tests as well
    ensemble(quick(task)).set_callbacks(callback.ProgressBar()).fit(*moons)
    assert "member" in capsys.readouterr().out


def test_weights_are_routed(moons, task, ensemble):
    X, y = moons
    weights = np.arange(1.0, 121)
    expected = task.answers(ensemble().fit(X, y, weights), X)
    with config_context(enable_metadata_routing=True):
        model = ensemble().set_fit_request(sample_weight=True)
        piped = make_pipeline(model).fit(X, y, sample_weight=weights)
    assert_array_equal(task.answers(piped, X), expected)


# Deployment


@pytest.mark.parametrize("case", ["two classes", "three classes", "labels", "left out"])
@of_labels
def test_onnx_is_one_graph(ensemble, case, moons, labels):
    pytest.importorskip("skl2onnx")
    ort = pytest.importorskip("onnxruntime")
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    from sklearn_scratchnn.deploy import register_onnx

    register_onnx()
    X, y = {"three classes": load_iris(return_X_y=True), "labels": labels}.get(
        case, moons
    )
    model = ensemble().fit(X, y)
    if case == "left out":
        model.member_weights_ = np.array([0.0, 1.0, 0.0])
    for kind, tolerance in ((np.float32, 1e-5), (np.float64, 1e-9)):
        rows = X.astype(kind)
        inputs = [("X", DoubleTensorType([None, X.shape[1]]))]
        given = {"initial_types": inputs} if kind is np.float64 else {}
        graph = to_onnx(model, rows, options={"zipmap": False}, **given)
        session = ort.InferenceSession(graph.SerializeToString())
        decided, p = session.run(None, {session.get_inputs()[0].name: rows})
        assert_allclose(p, model.predict_proba(rows), atol=tolerance)
        assert_array_equal(decided, model.predict(rows))


def test_skops_files(moons, ensemble, tmp_path):
    io = pytest.importorskip("skops.io")
    from sklearn_scratchnn.deploy import SKOPS_TRUSTED_TYPES

    model = ensemble().fit(*moons)
    io.dump(model, tmp_path / "model.skops")
    loaded = io.load(tmp_path / "model.skops", trusted=SKOPS_TRUSTED_TYPES)
    assert_same(loaded, model, moons[0])


@of_numbers
def test_a_warm_start_keeps_to_one_loss(task, moons):
    X, y = moons
    model = task.ensemble(task.network((3,), alpha=1.0), 1, warm_start=True).fit(X, y)
    model.set_params(n_estimators=2, estimator__loss="huber")
    with pytest.raises(ValueError, match="loss is now 'huber', but the members"):
        model.fit(X, y)
    assert len(model.estimators_) == 1


@of_numbers
@pytest.mark.parametrize("factor", [2.0**600, 2.0**-600])
def test_doubt_stays_in_range(task, moons, factor):
    X, y = moons
    model = task.ensemble(task.network((3,), alpha=1.0), random_state=0)
    expected, found = (model.fit(X, z).doubt(X) for z in (y, y * factor))
    assert_allclose(found / factor, expected, rtol=1e-6)
    assert expected.max() > 0
