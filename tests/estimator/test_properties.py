"""Whatever parameters and data are drawn: a sound model, or an error with its cause.

Never a hang, a NaN or a bare traceback of NumPy's. About 3000 draws for labels and as
many for numbers, the same in every run; with ``NEW_DRAWS=1`` in the environment they
are new ones, with ``NEW_DRAWS=10`` ten times as many.
"""

import os
import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from tasks import LABELS, NUMBERS, OF_NUMBERS

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn.estimator import defaults
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.parameters import INITIALIZERS
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.penalty_search import path
from sklearn_scratchnn.training.schedules import SCHEDULES
from sklearn_scratchnn.training.solvers.registry import SOLVERS

NAMES = {*ScratchMLPClassifier().get_params(), *ScratchMLPRegressor().get_params()}
NAMES |= {"sample_weight", "X_val", "y_val", "classes="}
FAULTS_OF_DATA = (
    "X ",
    "y ",
    "Input X",
    "Input y",
    "Found array with",
    "Expected 2D array",
    "could not convert string to float",
)


@pytest.fixture(autouse=True, scope="module")
def small_plan():
    """Let "auto" be wide from 60 rows on, of few units on either side; paths short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "EPOCHS", 2)
        patch.setattr(defaults, "MANY_ROWS", 60)
        patch.setattr(defaults, "NARROW", (8,))
        patch.setattr(defaults, "NARROW_OF_NUMBERS", (8,))
        patch.setattr(defaults, "WIDE", (6, 5))
        patch.setattr(defaults, "WIDE_OF_NUMBERS", (6, 5))
        yield


NEW_DRAWS = int(os.environ.get("NEW_DRAWS", "0"))


def draws(n):
    return settings(
        max_examples=n * max(1, NEW_DRAWS),
        deadline=None,
        derandomize=not NEW_DRAWS,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def chance(draw, one_in):
    return draw(st.integers(1, one_in)) == one_in


# Data


CONSTANTS = [0.0, 1.0, -3.5, 1e6, 1e-30, 1e30]
COLUMNS = {
    "plain": lambda rng, n: rng.randn(n),
    "uniform": lambda rng, n: rng.rand(n),
    "whole": lambda rng, n: rng.randint(-3, 4, n).astype(float),
    "constant": lambda rng, n: np.full(n, rng.choice(CONSTANTS)),
    "nearly constant": lambda rng, n: 1.0 + 1e-9 * rng.randn(n),
    "tiny": lambda rng, n: 1e-30 * rng.randn(n),
    "huge": lambda rng, n: 1e30 * rng.randn(n),
    "offset": lambda rng, n: 1e6 + rng.randn(n),
    "one row": lambda rng, n: np.eye(n)[0],
    "outlier": lambda rng, n: np.where(np.arange(n) == n // 2, 1e20, rng.randn(n)),
}


@st.composite
def matrices(draw, n, columns=tuple(COLUMNS)):
    """X with columns of all kinds, some of them twice, dense or sparse."""
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    kinds = draw(st.lists(st.sampled_from(columns), min_size=1, max_size=8))
    X = np.column_stack([COLUMNS[kind](rng, n) for kind in kinds])
    if chance(draw, 4):
        X = X[:, rng.randint(X.shape[1], size=X.shape[1] + 2)]
    if chance(draw, 8):
        X = np.repeat(X, 12, axis=1)
    if chance(draw, 4):
        X = X.astype(np.float32)
    if chance(draw, 3):
        X = sparse.csr_matrix(X * (rng.rand(*X.shape) < 0.7))
    return X


NUMBERS_OF_Y = {
    "plain": lambda rng, n: rng.randn(n),
    "counts": lambda rng, n: rng.poisson(1.5, n),
    "amounts": lambda rng, n: rng.gamma(0.5, 1e4, n) * rng.randint(0, 2, n),
    "truths": lambda rng, n: rng.rand(n) < 0.3,
    "ranks": lambda rng, n: rng.permutation(n),
    "constant": lambda rng, n: np.full(n, rng.choice(CONSTANTS)),
    "nearly constant": lambda rng, n: 1.0 + 1e-9 * rng.randn(n),
    "tiny": lambda rng, n: 1e-30 * rng.rand(n),
    "huge": lambda rng, n: 1e30 * rng.rand(n),
    "offset": lambda rng, n: 1e6 + rng.randn(n),
    "outlier": lambda rng, n: np.where(np.arange(n) == n // 2, 1e12, rng.rand(n)),
}


@st.composite
def numbers(draw, n):
    """Numbers of all kinds, some in several columns."""
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    kinds = st.sampled_from(sorted(NUMBERS_OF_Y))
    if chance(draw, 5):
        several = draw(st.lists(kinds, min_size=2, max_size=4))
        return np.column_stack([NUMBERS_OF_Y[kind](rng, n) for kind in several])
    return NUMBERS_OF_Y[draw(kinds)](rng, n)


@st.composite
def labels(draw, n):
    """Labels of two to n classes, or an indicator matrix."""
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    if chance(draw, 5):
        return rng.randint(0, 2, (n, draw(st.integers(2, 4))))
    n_classes = draw(st.sampled_from([2, 2, 2, 3, 5, n]))
    y = np.arange(n) % n_classes
    if chance(draw, 3):
        y = np.sort(rng.randint(0, n_classes, n) ** 2)
    y = rng.permutation(y)
    return np.array([f"class {k}" for k in y]) if chance(draw, 4) else y


@st.composite
def weights(draw, n):
    kind = draw(st.sampled_from([None, None, "whole", "tiny", "huge", "wide"]))
    rng = np.random.RandomState(draw(st.integers(0, 2**16)))
    return {
        None: None,
        "whole": rng.randint(0, 3, n).astype(float),
        "tiny": 1e-20 * rng.rand(n),
        "huge": 1e20 * rng.rand(n),
        "wide": 10.0 ** rng.uniform(-12, 12, n),
    }[kind]


@st.composite
def data(draw, task, columns=tuple(COLUMNS)):
    n = draw(st.sampled_from([2, 3, 5, 12, 30, 60, 120]))
    y = labels(n) if task is LABELS else numbers(n)
    return draw(matrices(n, columns)), draw(y), draw(weights(n))


# Parameters


OF_LABELS = {
    "class_weight": st.sampled_from(
        [None, "balanced", {0: 1e-30, 1: 1e30}, {0: 1e308, 1: 1e308, 2: 1e308}]
    ),
    "calibrate": st.sampled_from(["auto", True, False]),
    "label_smoothing": st.sampled_from([0.0, 0.1, 0.9]),
    "scoring": st.sampled_from(["loss", "accuracy"]),
}
OF_A_LOSS = {
    "huber_threshold": st.sampled_from([1e-9, 0.5, 1e9]),
    "quantile": st.sampled_from([1e-6, 0.1, 0.5, 0.9]),
    "scoring": st.sampled_from(["loss", "neg_mean_absolute_error"]),
}


@st.composite
def parameters(draw, task):
    hidden = draw(st.sampled_from([(), (1,), (4,), 7, (3, 2), (5, 4, 3), "auto"]))
    n_hidden = len(hidden) if isinstance(hidden, tuple) else 1
    names = st.sampled_from(sorted(ACTIVATIONS))
    activation = draw(names)
    if chance(draw, 3):
        activation = draw(st.lists(names, min_size=n_hidden, max_size=n_hidden))
    chosen = {
        "hidden_layer_sizes": hidden,
        "activation": activation,
        "solver": draw(st.sampled_from(["auto", *SOLVERS])),
        "max_iter": draw(st.integers(1, 8)),
        "random_state": draw(st.integers(0, 99)),
    }
    others = {
        "alpha": st.sampled_from([0.0, 1e-3, 1.0, 1e3, 1e12, "auto"]),
        "batch_size": st.sampled_from([1, 2, 7, 1000, "auto"]),
        "learning_rate": st.sampled_from(["auto", *SCHEDULES]),
        "learning_rate_init": st.sampled_from([1e-12, 1e-3, 0.1, 3.0, 1e6, 1e30]),
        "power_t": st.sampled_from([0.0, 0.5, 3.0, 1000.0]),
        "shuffle": st.booleans(),
        "tol": st.sampled_from([0.0, 1e-3, 1e6, "auto"]),
        "momentum": st.sampled_from([0.0, 0.5, 1.0]),
        "nesterovs_momentum": st.booleans(),
        "early_stopping": st.sampled_from([True, False, "auto"]),
        "validation_fraction": st.sampled_from([0.0, 0.1, 0.5, 0.99]),
        "beta_1": st.sampled_from([0.0, 0.9, 0.999]),
        "beta_2": st.sampled_from([0.0, 0.9, 0.999]),
        "epsilon": st.sampled_from([1e-300, 1e-8, 1.0]),
        "n_iter_no_change": st.sampled_from([1, 3, np.inf]),
        "max_fun": st.sampled_from([1, 2, 30]),
        "init": st.sampled_from(["auto", *INITIALIZERS]),
        "standardize": st.booleans(),
        "dtype": st.sampled_from(["auto", "float32", "float64"]),
        "numeric_encoding": st.sampled_from(["auto", "linear", "piecewise"]),
        "n_bins": st.sampled_from([2, 3, 16, 1000]),
        "adaptive_penalty": st.sampled_from(["auto", True, False]),
        "dropout": st.sampled_from(["auto", 0.0, 0.3, 0.99]),
        "max_grad_norm": st.sampled_from([None, 1e-6, 1.0]),
        "weight_decay": st.sampled_from([0.0, 0.01, 10.0]),
        "warmup_fraction": st.sampled_from([0.0, 0.05, 0.9]),
    } | (OF_LABELS if task is LABELS else OF_A_LOSS)
    if task is not LABELS:
        chosen["loss"] = draw(st.sampled_from([each.of_a_loss for each in OF_NUMBERS]))
    names = st.sets(st.sampled_from(sorted(others)), min_size=2, max_size=8)
    for name in sorted(draw(names)):
        chosen[name] = draw(others[name])
    if chosen.get("weight_decay"):
        chosen["solver"] = "adamw"
    return chosen


# What is held to


def named(error):
    """Whether an error's text names an argument, a parameter or the data's fault."""
    text = str(error)
    return any(name in text for name in NAMES) or text.startswith(FAULTS_OF_DATA)


def fit_or_refuse(method, *arguments, **keywords):
    """Return the model; None where the arguments were refused with their cause."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "X_val has exactly as many rows as X")
        warnings.filterwarnings("ignore", ".* has no use (under|with) .*=")
        warnings.filterwarnings("ignore", "The number of unique classes is greater")
        try:
            return method(*arguments, **keywords)
        except (ValueError, TypeError) as error:
            assert named(error), error
            return None


def assert_probabilities(model, X):
    with np.errstate(all="ignore"):
        p = model.predict_proba(X)
        logs = model.predict_log_proba(X)
        predicted = model.predict(X)
    n_outputs = len(model.classes_)
    assert p.shape == logs.shape == (X.shape[0], n_outputs)
    assert np.isfinite(p).all()
    assert ((p >= 0) & (p <= 1 + 1e-6)).all()
    if model.out_activation_ == "softmax":
        assert_allclose(p.sum(axis=1), 1, atol=1e-5)
        assert set(predicted) <= set(model.classes_)
    assert not np.isnan(logs).any()
    assert (logs <= 1e-6).all()


def assert_numbers(model, X):
    predicted = model.predict(X)
    several = (model.n_outputs_,) if model.n_outputs_ > 1 else ()
    assert predicted.shape == (X.shape[0], *several)
    assert np.isfinite(predicted).all()
    if model.out_activation_ == "exp":
        assert (predicted >= 0).all()
    assert model.temperature_ == 1


def assert_sound(model, X):
    """Finite, and probabilities that are probabilities."""
    if hasattr(model, "classes_"):
        assert_probabilities(model, X)
    else:
        assert_numbers(model, X)
    for a in model.coefs_ + model.intercepts_:
        assert np.isfinite(a).all()
    assert_allclose(model.feature_importances_.sum(), 1)
    assert len(model.feature_importances_) == X.shape[1]
    assert (model.feature_importances_ >= 0).all()
    assert len(model.encoded_feature_names_) == len(model.coefs_[0])
    assert np.exp(-2.001) < model.temperature_ < np.exp(2.001)
    assert model.alpha_path_ is None or model.alpha_ in model.alpha_path_["alpha"]
    assert model.n_iter_ == len(model.loss_curve_)
    assert {len(c) for c in model.history_.values()} == {model.n_iter_}


@draws(1600)
@given(st.data())
def test_any_fit(task, drawn):
    X, y, sample_weight = drawn.draw(data(task))
    model = task.network(**drawn.draw(parameters(task)))
    if fit_or_refuse(model.fit, X, y, sample_weight) is None:
        assert vars(model).keys() == model.get_params().keys()
    else:
        assert_sound(model, X)
        assert np.isfinite(model.loss_curve_[:-1]).all()


@draws(200)
@given(st.data())
def test_any_fit_with_held_out_rows(task, drawn):
    X, y, sample_weight = drawn.draw(data(task))
    n = X.shape[0]
    rows = np.array(drawn.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=9)))
    held_out = {"X_val": X[rows], "y_val": y[rows]}
    held_out["sample_weight_val"] = drawn.draw(weights(len(rows)))
    model = task.network(**drawn.draw(parameters(task)))
    if fit_or_refuse(model.fit, X, y, sample_weight, **held_out) is not None:
        assert_sound(model, X)
        assert len(model.validation_scores_) == model.n_iter_


@draws(200)
@given(st.data(), st.sampled_from(sorted(OPTIMIZERS)), st.integers(1, 4))
def test_any_stream(task, drawn, solver, n_chunks):
    X, y, sample_weight = drawn.draw(data(task))
    chosen = drawn.draw(parameters(task))
    chosen = {k: v for k, v in chosen.items() if k != "early_stopping"}
    model = task.network(**chosen | {"solver": solver})
    for rows in np.array_split(np.arange(X.shape[0]), n_chunks):
        if len(rows) == 0:
            continue
        before = pickle.dumps(model)
        part = None if sample_weight is None else sample_weight[rows]
        given = X[rows], y[rows], part
        if fit_or_refuse(model.partial_fit, *given, **task.first(y)) is None:
            assert pickle.dumps(model) == before
        else:
            assert_sound(model, X)


@draws(200)
@given(st.data())
def test_any_second_fit(task, drawn):
    """From where the first ended, and the first unharmed."""
    X, y, sample_weight = drawn.draw(data(task))
    model = task.network(**drawn.draw(parameters(task)), warm_start=True)
    if fit_or_refuse(model.fit, X, y, sample_weight) is None:
        return
    held = model.coefs_ + model.intercepts_
    kept = [a.copy() for a in held]
    if fit_or_refuse(model.fit, X, y, sample_weight) is not None:
        assert_sound(model, X)
    for a, b in zip(held, kept, strict=True):
        assert_array_equal(a, b)


@draws(200)
@given(st.data())
def test_the_same_seed_gives_the_same_bits(task, drawn):
    columns = "plain", "uniform", "whole", "constant", "offset"
    X, y, sample_weight = drawn.draw(data(task, columns))
    model = task.network(**drawn.draw(parameters(task)))
    if fit_or_refuse(model.fit, X, y, sample_weight) is None:
        return
    again = clone(model)
    fit_or_refuse(again.fit, X, y, sample_weight)
    through = pickle.loads(pickle.dumps(model))
    for a, b, c in zip(model.coefs_, again.coefs_, through.coefs_, strict=True):
        assert_array_equal(a, b)
        assert_array_equal(a, c)


FAULTS = {
    "inf": lambda X: np.where(np.arange(X.size).reshape(X.shape) == 0, -np.inf, X),
    "no rows": lambda X: X[:0],
    "one dimension": lambda X: X[:, 0],
    "width": lambda X: np.c_[X, X],
    "strings": lambda X: X.astype(str).astype(object) + "?",
}


@draws(200)
@given(st.data(), st.sampled_from(sorted(FAULTS)), st.booleans())
def test_a_fault_is_named_and_leaves_a_fitted_model_whole(task, drawn, fault, refit):
    X, y, sample_weight = drawn.draw(data(task))
    X = X.toarray() if sparse.issparse(X) else X
    model = task.network(**drawn.draw(parameters(task)))
    if fit_or_refuse(model.fit, X, y, sample_weight) is None:
        return
    before = pickle.dumps(model)
    bad = FAULTS[fault](X)
    if refit and fault != "width":
        assert fit_or_refuse(model.fit, bad, y[: len(bad)]) is None
    else:
        assert fit_or_refuse(partial(task.answers, model), bad) is None
    assert pickle.dumps(model) == before


# The cases that are known to be hard, each by itself

LEARNT = {LABELS: 0.8, NUMBERS: 0.5}  # of the score


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize(
    "case", ["1000 classes", "one row a class", "one feature", "two rows", "wide"]
)
def test_shapes_at_the_edge(task, solver, case, is_sparse):
    rng = np.random.RandomState(0)
    n, n_features, n_classes = {
        "1000 classes": (2000, 2, 1000),
        "one row a class": (30, 3, 30),
        "one feature": (50, 1, 3),
        "two rows": (2, 3, 2),
        "wide": (10, 500, 2),
    }[case]
    X, y = rng.randn(n, n_features), task.y(np.arange(n) % n_classes)
    X = sparse.csr_matrix(X) if is_sparse else X
    model = task.network(2, "elu", solver=solver, max_iter=2, random_state=0)
    if fit_or_refuse(model.fit, X, y) is None:
        assert solver == "gauss_newton"
        assert (task, case) == (LABELS, "1000 classes")
    else:
        assert_sound(model, X)
        assert model.n_outputs_ == (n_classes if task is LABELS else 1)


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_columns_of_any_size_are_learnt_from(
    moons, task, solver, is_sparse, dtype, size
):
    X, y = moons[0], task.y(moons[1])
    X = (X * [1.0, size]).astype(dtype)
    X = sparse.csr_matrix(X) if is_sparse else X
    model = task.network(8, "tanh", solver=solver, max_iter=60, random_state=0)
    assert fit_or_refuse(model.fit, X, y) is model
    assert_sound(model, X)
    assert model.score(X, y) > LEARNT[task]


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("constant", [0.0, -1.0, 1e4, 1.7e9, 1e-30, 1e30])
def test_a_constant_column_changes_no_prediction(
    moons, task, solver, dtype, is_sparse, constant
):
    """Whatever its value, it must not cost the other columns their digits."""
    X, y = moons[0].astype(dtype), task.y(moons[1])
    wide = np.c_[X, np.full(len(X), constant, dtype)]
    wide = sparse.csr_matrix(wide) if is_sparse else wide
    given = {"solver": solver, "max_iter": 60, "random_state": 0}
    model = task.network(8, "tanh", **given)
    assert fit_or_refuse(model.fit, wide, y) is model
    assert_sound(model, wide)
    assert model.score(wide, y) > LEARNT[task]
    assert task.loss(model, wide, y) < model.loss_curve_[-1] + 0.05


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("offset", [1e8, 1e12])
@pytest.mark.parametrize("constant", [1e30, 1e100, 1e300])
def test_sparse_columns_far_from_zero_are_as_good_as_dense(
    moons, task, solver, offset, constant
):
    """One that varies around an offset, and one that does not vary at all."""
    X, y = moons[0], task.y(moons[1])
    far = np.c_[X[:, 0], X[:, 1] + offset, np.full(len(X), constant)]
    given = {"solver": solver, "max_iter": 5, "random_state": 0}
    given |= {"alpha": 0.0 if solver == "adamw" else 1.0, "numeric_encoding": "linear"}
    dense, as_csr = (
        fit_or_refuse(task.network(8, "tanh", **given).fit, kind(far), y)
        for kind in (np.asarray, sparse.csr_matrix)
    )
    assert_sound(as_csr, sparse.csr_matrix(far))
    assert_allclose(as_csr.loss_curve_, dense.loss_curve_, rtol=1e-4)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix])
def test_sparse_rows_of_nothing_but_zeros(moons, task, kind):
    """All of them; and the rows of one call among others."""
    X, y = moons[0], task.y(moons[1])
    nothing = kind((len(X), 2))
    for solver in SOLVERS:
        model = task.network(3, "tanh", solver=solver, max_iter=2)
        assert fit_or_refuse(model.fit, nothing, y) is model
        assert_sound(model, nothing)
    model = task.network(3)
    for rows in (nothing, kind(X), nothing[:1]):
        assert fit_or_refuse(
            model.partial_fit, rows, y[: rows.shape[0]], **task.first(y)
        )
        assert_sound(model, rows)


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
def test_duplicated_columns(moons, task, solver):
    X, y = np.repeat(moons[0], 10, axis=1), task.y(moons[1])
    model = task.network(8, "tanh", solver=solver, max_iter=60, random_state=0)
    if fit_or_refuse(model.fit, X, y) is not None:
        assert_sound(model, X)
        assert model.score(X, y) > LEARNT[task]


@pytest.mark.parametrize("solver", ["gd", *OPTIMIZERS])
@pytest.mark.parametrize("rate", [1e6, 1e30, 1e300])
@pytest.mark.parametrize("max_iter", [1, 2, 20])
def test_divergence(moons, task, solver, rate, max_iter):
    given = {"learning_rate": "constant", "learning_rate_init": rate}
    model = task.network(5, solver=solver, max_iter=max_iter, **given)
    assert fit_or_refuse(model.fit, moons[0], task.y(moons[1])) is model
    assert_sound(model, moons[0])
