"""scikit-learn's contract: its own checks, its tools around a network, threads."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    parametrize_with_checks,
)
from tasks import LABELS, NUMBERS, every_task, of_numbers

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def failing(reason, *checks):
    return {f"check_{check}": reason for check in checks}


WEIGHTS = [f"sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]
BATCHES = failing(
    "a row given k times falls into other batches than one row of weight k", *WEIGHTS
)
MULTILABEL = [
    f"classifiers_multilabel_{rest}"
    for rest in (
        "representation_invariance",
        "output_format_predict",
        "output_format_predict_proba",
        "output_format_decision_function",
    )
]

STOPS_EARLY = failing(
    "the drawn validation rows depend on the number of rows", *WEIGHTS
) | failing(
    "partial_fit has no epochs to stop among and refuses early_stopping=True",
    "fit_score_takes_y",
    "estimators_partial_fit_n_features",
    "n_features_in_after_fitting",
)

GD = {"solver": "gd", "max_iter": 100, "learning_rate_init": 0.5, "alpha": 1.0}

CONFIGURATIONS = [
    (ScratchMLPClassifier(), {}),
    (ScratchMLPClassifier(10, **GD), {}),
    (ScratchMLPClassifier(solver="sgd"), BATCHES),
    (
        ScratchMLPClassifier(10, solver="sgd", learning_rate="adaptive", alpha=1.0),
        BATCHES,
    ),
    (ScratchMLPClassifier(solver="adam"), BATCHES),
    (ScratchMLPClassifier(10, solver="adamw"), BATCHES),
    (
        ScratchMLPClassifier(
            10, solver="adam", dropout=0.2, max_grad_norm=1.0, alpha=1.0
        ),
        BATCHES,
    ),
    (ScratchMLPClassifier(5, solver="lbfgs", alpha=1.0, max_iter=50), {}),
    (ScratchMLPClassifier(3, "tanh", solver="gauss_newton", max_iter=50), {}),
    (ScratchMLPClassifier((6, 5, 4), ("gelu", "relu", "tanh"), **GD), {}),
    (ScratchMLPClassifier((), alpha=1.0), {}),
    (ScratchMLPClassifier(5, "logistic"), {}),
    (ScratchMLPClassifier(5, alpha=1.0, standardize=False, max_iter=100), {}),
    (ScratchMLPClassifier(5, alpha=1.0, dtype="float32"), {}),
    (
        ScratchMLPClassifier(
            5, "tanh", alpha=1.0, label_smoothing=0.1, max_iter=500, tol=1e-9
        ),
        {},
    ),
    (
        ScratchMLPClassifier(
            10, alpha=1.0, early_stopping=True, validation_fraction=0.5
        ),
        STOPS_EARLY,
    ),
    (
        ScratchMLPClassifier(5, alpha=1.0, warm_start=True, max_iter=200),
        failing(
            "a second fit goes on from the first",
            "classifiers_multilabel_representation_invariance",
            "supervised_y_2d",
        ),
    ),
    (
        ScratchMLPClassifier(5, alpha=1.0, class_weight="balanced", max_iter=50),
        failing("several labels a row have no class to weigh", *MULTILABEL),
    ),
]
# Of solvers, what the network for numbers has of its own: one of a kind.
CONFIGURATIONS += [
    (ScratchMLPRegressor(), {}),
    (ScratchMLPRegressor(loss="huber"), {}),
    (ScratchMLPRegressor(loss="quantile", quantile=0.9), {}),
    (
        ScratchMLPRegressor(loss="poisson"),
        failing("its y is below 0, whatever the tags say", "regressor_multioutput"),
    ),
    (ScratchMLPRegressor(10, **GD), {}),
    (ScratchMLPRegressor(10, solver="adam", alpha=1.0), BATCHES),
    (ScratchMLPRegressor(5, solver="lbfgs", alpha=1.0, max_iter=50), {}),
    (ScratchMLPRegressor(3, "tanh", solver="gauss_newton", max_iter=50), {}),
    (ScratchMLPRegressor((), alpha=1.0), {}),
    (ScratchMLPRegressor(5, alpha=1.0, standardize=False, max_iter=100), {}),
    (ScratchMLPRegressor(5, alpha=1.0, dtype="float32"), {}),
    (
        ScratchMLPRegressor(
            10, alpha=1.0, early_stopping=True, validation_fraction=0.5
        ),
        STOPS_EARLY,
    ),
    (
        ScratchMLPRegressor(5, alpha=1.0, warm_start=True, max_iter=200),
        failing("a second fit goes on from the first", "supervised_y_2d"),
    ),
]
FAILING = {repr(estimator): failures for estimator, failures in CONFIGURATIONS}


@parametrize_with_checks(
    [estimator for estimator, _ in CONFIGURATIONS],
    expected_failed_checks=lambda estimator: FAILING[repr(estimator)],
)
def test_contract(estimator, check):
    check(estimator)


def test_the_default_is_excused_from_nothing(task):
    assert FAILING[repr(task.network())] == {}


@pytest.mark.parametrize(
    "check",
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
    ],
)
@pytest.mark.parametrize("solver", ["auto", "adam"])
def test_further_checks(task, check, solver):
    check(task.of_one.__name__, task.network(5, solver=solver))


# Copies


@pytest.fixture(scope="module")
def fitted(iris, task):
    X, labels = iris
    y = np.array(["a", "b", "c"])[labels] if task is LABELS else task.y(labels)
    return task.network(8, random_state=0).fit(X, y)


def test_clone_keeps_every_parameter_and_nothing_else(task, fitted):
    odd = {
        "hidden_layer_sizes": (3, 4),
        "activation": ("tanh", "relu"),
        "n_iter_no_change": np.inf,
        "scoring": task.score_scorer,
    }
    if task is LABELS:
        odd["class_weight"] = {"a": 2.0}
    else:
        odd |= {"loss": "quantile", "quantile": 0.25, "huber_threshold": 2.0}
    model = clone(clone(fitted).set_params(**odd))
    assert vars(model).keys() == task.network().get_params().keys()
    assert {name: model.get_params()[name] for name in odd} == odd
    assert model.random_state == 0


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_predicts_the_same_bits(task, fitted, iris, protocol):
    copy = pickle.loads(pickle.dumps(fitted, protocol))
    assert_array_equal(task.answers(copy, iris[0]), task.answers(fitted, iris[0]))
    assert_array_equal(copy.predict(iris[0]), fitted.predict(iris[0]))
    assert copy.get_params() == fitted.get_params()


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib_predicts_the_same_bits(task, fitted, iris, tmp_path, mmap_mode):
    joblib.dump(fitted, tmp_path / "model.joblib")
    copy = joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)
    assert_array_equal(task.answers(copy, iris[0]), task.answers(fitted, iris[0]))


# scikit-learn's tools

SHUFFLED = KFold(3, shuffle=True, random_state=0)


def test_pipeline_and_grid_search(task, moons):
    X, y = moons[0], task.y(moons[1])
    step = task.of_one.__name__.lower()
    network = task.network(activation="tanh", random_state=0)
    grid = {
        f"{step}__hidden_layer_sizes": [(), (8,)],
        f"{step}__alpha": [0.1, 1e3],
    }
    pipeline = make_pipeline(StandardScaler(), network)
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_[f"{step}__alpha"] == 0.1
    assert search.best_params_[f"{step}__hidden_layer_sizes"] == (8,)
    assert search.best_score_ > (0.9 if task is LABELS else 0.7)


@of_numbers
def test_cross_validation_of_numbers(task, iris):
    X, y = iris[0], task.y(iris[1])
    model = task.network(8, random_state=0)
    scoring = ["r2", "neg_mean_absolute_error"]
    scores = cross_validate(model, X, y, cv=SHUFFLED, scoring=scoring)
    assert scores["test_r2"].min() > 0.85
    assert cross_val_predict(model, X, y, cv=SHUFFLED).shape == (150,)


def test_cross_validation(iris):
    X, y = iris
    model = ScratchMLPClassifier(8, random_state=0)
    scores = cross_validate(model, X, y, cv=3, scoring=["accuracy", "neg_log_loss"])
    assert scores["test_accuracy"].min() > 0.9
    probabilities = cross_val_predict(model, X, y, cv=3, method="predict_proba")
    assert probabilities.shape == (150, 3)
    logits = cross_val_predict(model, X, y, cv=3, method="decision_function")
    assert_array_equal(logits.argmax(axis=1), probabilities.argmax(axis=1))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration(iris, method, n_classes):
    known = CalibratedClassifierCV._parameter_constraints["method"][0].options
    if method not in known:
        pytest.skip("this scikit-learn has no temperature scaling")
    X, y = iris[0][iris[1] < n_classes], iris[1][iris[1] < n_classes]
    model = ScratchMLPClassifier(5, random_state=0)
    calibrated = CalibratedClassifierCV(model, method=method, cv=3).fit(X, y)
    probabilities = calibrated.predict_proba(X)
    assert probabilities.shape == (len(X), n_classes)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert calibrated.score(X, y) > 0.9


@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_voting(iris, voting):
    X, y = iris
    labels = np.array(["a", "b", "c"])[y]
    members = [
        ("network", ScratchMLPClassifier(5, random_state=0)),
        ("line", LogisticRegression()),
    ]
    vote = VotingClassifier(members, voting=voting).fit(X, labels)
    assert vote.score(X, labels) > 0.9
    if voting == "soft":
        mean = (
            vote.named_estimators_["network"].predict_proba(X)
            + vote.named_estimators_["line"].predict_proba(X)
        ) / 2
        assert_allclose(vote.predict_proba(X), mean)


def test_voting_and_stacking_of_numbers(iris):
    X, y = iris[0], NUMBERS.y(iris[1])
    members = [("network", NUMBERS.network(5, random_state=0)), ("line", Ridge())]
    vote = VotingRegressor(members).fit(X, y)
    each = [member.predict(X) for member in vote.estimators_]
    assert_allclose(vote.predict(X), np.mean(each, axis=0))
    final = NUMBERS.network((), alpha=1.0, random_state=0)
    stack = StackingRegressor(members, final, cv=SHUFFLED).fit(X, y)
    assert stack.score(X, y) > 0.9
    assert stack.final_estimator_.n_features_in_ == 2


def test_stacking(moons):
    members = [
        ("wide", ScratchMLPClassifier(8, "tanh", alpha=0.1, random_state=0)),
        ("none", ScratchMLPClassifier((), random_state=0)),
    ]
    final = ScratchMLPClassifier((), random_state=0)
    stack = StackingClassifier(members, final, cv=3).fit(*moons)
    assert stack.score(*moons) > 0.85
    assert stack.final_estimator_.n_features_in_ == 2


# DataFrames


def test_dataframe_names_are_kept(task, iris):
    X, y = iris[0], task.y(iris[1])
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = task.network(3, random_state=0).fit(frame, pd.Series(y))
    assert_array_equal(model.feature_names_in_, ["a", "b", "c", "d"])
    assert model.n_features_in_ == 4
    on_array = task.network(3, random_state=0).fit(X, y)
    assert not hasattr(on_array, "feature_names_in_")
    assert_array_equal(task.answers(model, frame), task.answers(on_array, X))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c", "d"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


def test_refit_on_an_array_forgets_the_names(task, iris):
    X, y = iris[0], task.y(iris[1])
    model = task.network(3).fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert not hasattr(model.fit(X, y), "feature_names_in_")


# Same seed, same bits


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd", "batch_size": 32},
        {"solver": "adam", "batch_size": 32, "dropout": 0.3},
        {"solver": "adamw", "early_stopping": True},
        {"solver": "gauss_newton", "hidden_layer_sizes": 3, "activation": "tanh"},
    ],
)
@pytest.mark.parametrize("state", [7, "instance"])
def test_same_seed_same_bits(task, moons, parameters, state):
    X, y = moons[0], task.y(moons[1])

    def model():
        seed = np.random.RandomState(3) if state == "instance" else state
        return task.network(random_state=seed, **parameters).fit(X, y)

    first, second = model(), model()
    for a, b in zip(first.coefs_, second.coefs_, strict=True):
        assert_array_equal(a, b)
    for a, b in zip(first.intercepts_, second.intercepts_, strict=True):
        assert_array_equal(a, b)
    assert_array_equal(first.loss_curve_, second.loss_curve_)
    other = task.network(random_state=8, **parameters).fit(X, y)
    assert not np.array_equal(other.coefs_[0], first.coefs_[0])


def test_fit_leaves_the_global_random_state_alone(task, moons):
    shared = np.random.mtrand._rand
    before = pickle.dumps(shared)
    model = task.network(solver="adam", dropout=0.1, random_state=0)
    model.fit(moons[0], task.y(moons[1]))
    assert pickle.dumps(shared) == before


# Threads


@every_task
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_threads_on_one_model_give_the_serial_answer(task, iris, container):
    X, y = iris[0], task.y(iris[1])
    model = task.network((30, 20), max_iter=20, random_state=0).fit(X, y)
    answers = partial(task.answers, model)
    rng = np.random.RandomState(0)
    parts = [container(rng.randn(n, 4)) for n in rng.randint(1, 3000, 40)]
    serial = [answers(part) for part in parts]
    with ThreadPoolExecutor(16) as threads:
        together = list(threads.map(answers, parts))
        gradients = list(threads.map(model.input_gradients, parts[:10]))
    for one, other in zip(serial, together, strict=True):
        assert_array_equal(one, other)
    for one, part in zip(gradients, parts):
        assert_array_equal(one, model.input_gradients(part))


def test_threads_each_fitting_their_own_model_give_the_serial_answer(task, moons):
    X, y = moons[0], task.y(moons[1])

    def fit(seed):
        return task.network(5, solver="adam", random_state=seed).fit(X, y)

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(fit, range(8)))
    for seed, model in enumerate(together):
        assert_array_equal(model.coefs_[0], fit(seed).coefs_[0])
