"""What code written for ``MLPClassifier`` and ``MLPRegressor`` finds here."""

import inspect
import re
from functools import partial
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from tasks import LABELS, NUMBERS, TASKS, of_labels, of_numbers

from sklearn_scratchnn import ScratchMLPClassifier

try:
    from sklearn.neural_network.tests import test_mlp
except ImportError:  # a distribution may leave them out
    test_mlp = None

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

THEIRS = {LABELS: MLPClassifier, NUMBERS: MLPRegressor}


def parameters(estimator):
    return inspect.signature(estimator).parameters


@pytest.fixture
def moons(moons, task):
    return moons[0], task.y(moons[1])


@pytest.fixture(params=["theirs", "ours"])
def estimator(request, task):
    return task.of_one if request.param == "ours" else THEIRS[task]

# Whoever sets a parameter finds it; what stands where nobody set it is ours to choose.
OTHER_DEFAULTS = {
    "hidden_layer_sizes",
    "solver",
    "alpha",
    "learning_rate",
    "learning_rate_init",
    "max_iter",
    "tol",
    "early_stopping",
}


@pytest.mark.parametrize(
    "task, name",
    [(task, name) for task in TASKS for name in parameters(THEIRS[task])],
    indirect=["task"],
)
def test_every_constructor_parameter_exists(task, name):
    theirs, ours = parameters(THEIRS[task]), parameters(task.of_one)
    assert name in ours
    if name in OTHER_DEFAULTS:
        assert ours[name].default == "auto"
    else:
        assert ours[name].default == theirs[name].default
    # The layers come first, also where a loss is theirs.
    assert name in ("activation", "loss") or ours[name].kind == theirs[name].kind


VALUES = {
    "hidden_layer_sizes": [5, (5,), [5, 4], np.array([5, 4]), ()],
    "activation": ["identity", "logistic", "tanh", "relu"],
    "solver": ["lbfgs", "sgd", "adam"],
    "alpha": [0, 0.0001, 1],
    "batch_size": ["auto", 1, 50, 10_000],
    "learning_rate": ["constant", "invscaling", "adaptive"],
    "learning_rate_init": [0.001, 1],
    "power_t": [0.5, 0],
    "max_iter": [1, 3],
    "shuffle": [True, False],
    "random_state": [None, 0, np.random.RandomState(0)],
    "tol": [1e-4, 0.0],
    "verbose": [False, True, 0, 10],
    "warm_start": [False, True],
    "momentum": [0, 0.9, 1.0],
    "nesterovs_momentum": [True, False],
    "early_stopping": [False, True],
    "validation_fraction": [0.1, 0.5],
    "beta_1": [0, 0.9],
    "beta_2": [0, 0.999],
    "epsilon": [1e-8],
    "n_iter_no_change": [1, 10, np.inf],
    "max_fun": [1, 15000],
}
VALUES_OF_LOSS = ["squared_error", "poisson"]


def test_values_are_tried_for_every_parameter(task):
    assert VALUES.keys() == parameters(THEIRS[task]).keys() - {"loss"}


@of_numbers
@pytest.mark.parametrize("loss", VALUES_OF_LOSS)
def test_the_same_losses_are_taken(estimator, loss, moons):
    if "loss" not in parameters(MLPRegressor):
        pytest.skip("this scikit-learn's has one loss")
    model = estimator(loss=loss, max_iter=2).fit(*moons)
    assert model.predict(moons[0]).shape == (200,)
    assert model.out_activation_ == ("exp" if loss == "poisson" else "identity")


@pytest.mark.parametrize(
    "name, value",
    [(name, value) for name, values in VALUES.items() for value in values],
    ids=lambda value: re.sub(r"\W+", " ", str(value)),
)
def test_the_same_values_are_taken(estimator, name, value, moons):
    given = {"solver": "sgd", "hidden_layer_sizes": 5, "max_iter": 2} | {name: value}
    model = estimator(**given).fit(*moons)
    assert model.predict(moons[0]).shape == (200,)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_order_of_arguments(task, method):
    ours = parameters(getattr(task.of_one, method))
    positional = [n for n, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    classes = ["classes"] if (task, method) == (LABELS, "partial_fit") else []
    assert positional == ["self", "X", "y", "sample_weight", *classes]
    theirs = parameters(getattr(THEIRS[task], method))
    assert [name for name in positional if name in theirs] == list(theirs)


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_every_fitted_attribute_exists(task, solver, early_stopping, moons):
    given = {"solver": solver, "hidden_layer_sizes": (5, 4), "max_iter": 5}
    given["early_stopping"] = early_stopping
    theirs = THEIRS[task](random_state=0, **given).fit(*moons)
    ours = task.of_one(random_state=0, **given).fit(*moons)
    public = {name for name in vars(theirs) if re.fullmatch(r"[a-z]\w*_|t_", name)}
    assert {"coefs_", "loss_", "n_iter_", "t_", "n_outputs_"} <= public
    assert public <= vars(ours).keys()
    for name in ("n_features_in_", "n_layers_"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.n_layers_ == 4
    if task is LABELS:
        assert_array_equal(ours.classes_, theirs.classes_)
    for W, V in zip(ours.coefs_[:-1], theirs.coefs_[:-1], strict=True):
        assert W.shape == V.shape
    assert len(ours.intercepts_) == len(theirs.intercepts_) == 3
    assert ours.n_iter_ <= 5
    n_trained = {True: 180, False: 200}[early_stopping]
    assert ours.t_ == ours.n_iter_ * n_trained
    assert len(ours.loss_curve_) == ours.n_iter_
    assert ours.loss_ == ours.loss_curve_[-1]
    assert ours.best_loss_ == min(ours.loss_curve_)
    if early_stopping:
        assert len(ours.validation_scores_) == ours.n_iter_
        assert ours.best_validation_score_ == max(ours.validation_scores_)
    else:
        assert ours.validation_scores_ is None
        assert ours.best_validation_score_ is None


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_three_classes_have_the_same_attributes(solver, iris):
    X, y = iris
    theirs = MLPClassifier(4, solver=solver, max_iter=3).fit(X, y)
    ours = ScratchMLPClassifier(4, solver=solver, max_iter=3).fit(X, y)
    assert ours.out_activation_ == theirs.out_activation_ == "softmax"
    assert ours.n_outputs_ == theirs.n_outputs_ == 3
    assert [W.shape for W in ours.coefs_] == [W.shape for W in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]


def test_several_labels_have_the_same_attributes(iris):
    X, y = iris
    Y = np.c_[y == 0, y > 0, X[:, 0] > 0].astype(int)
    theirs = MLPClassifier(4, max_iter=3, random_state=0).fit(X, Y)
    ours = ScratchMLPClassifier(4, max_iter=3, random_state=0).fit(X, Y)
    assert ours.out_activation_ == theirs.out_activation_ == "logistic"
    assert ours.n_outputs_ == theirs.n_outputs_ == 3
    assert_array_equal(ours.classes_, theirs.classes_)
    assert ours.predict(X).shape == theirs.predict(X).shape
    assert ours.predict_proba(X).shape == theirs.predict_proba(X).shape


@of_labels
def test_two_outputs_for_two_classes(moons):
    """The article's choice: `MLPClassifier` has one."""
    ours = ScratchMLPClassifier(4, max_iter=3).fit(*moons)
    theirs = MLPClassifier(4, max_iter=3).fit(*moons)
    assert (theirs.n_outputs_, theirs.out_activation_) == (1, "logistic")
    assert (ours.n_outputs_, ours.out_activation_) == (2, "softmax")
    logits = ours.decision_function(moons[0])
    assert logits.shape == (200,)
    p = ours.predict_proba(moons[0])
    assert_allclose(logits, np.log(p[:, 1] / p[:, 0]), rtol=1e-5, atol=1e-6)
    assert_array_equal(ours.predict(moons[0]), (logits > 0).astype(int))


def test_log_probabilities(iris):
    X, y = iris
    model = ScratchMLPClassifier(4, random_state=0).fit(X, y)
    assert_allclose(
        model.predict_log_proba(X), np.log(model.predict_proba(X)), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@of_labels
def test_partial_fit_takes_their_calls(solver, moons):
    X, y = moons
    for estimator in (MLPClassifier, ScratchMLPClassifier):
        model = estimator(4, solver=solver, random_state=0)
        with pytest.raises(ValueError, match="classes must be passed on the first"):
            model.partial_fit(X, y)
        model.partial_fit(X[:50], y[:50], classes=[0, 1])
        model.partial_fit(X[50:], y[50:])
        model.partial_fit(X, y, classes=np.array([0, 1]))
        with pytest.raises(ValueError, match="classes=.* is not the same as on"):
            model.partial_fit(X, y, classes=[0, 2])
        assert model.score(X, y) > 0.4


@of_labels
def test_partial_fit_takes_weights_third(moons):
    X, y = moons
    third = ScratchMLPClassifier(4, solver="sgd", random_state=0)
    named = ScratchMLPClassifier(4, solver="sgd", random_state=0)
    weights = np.linspace(0, 2, len(y))
    third.partial_fit(X, y, weights, [0, 1])
    named.partial_fit(X, y, classes=[0, 1], sample_weight=weights)
    assert_array_equal(third.coefs_[0], named.coefs_[0])


@of_numbers
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_takes_their_calls_for_numbers(solver, estimator, moons):
    X, y = moons
    given = {"hidden_layer_sizes": 8, "learning_rate_init": 0.02, "random_state": 0}
    model = estimator(solver=solver, **given)
    model.partial_fit(X[:50], y[:50]).partial_fit(X[50:], y[50:])
    for _ in range(100):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.3


@of_numbers
@pytest.mark.parametrize("loss", VALUES_OF_LOSS)
def test_several_columns_have_the_same_attributes(loss, moons):
    if "loss" not in parameters(MLPRegressor):
        pytest.skip("this scikit-learn's has one loss")
    X, y = moons
    Y = np.c_[y, y[::-1], y + 1]
    given = {"hidden_layer_sizes": 4, "loss": loss, "max_iter": 3}
    theirs, ours = (each(**given).fit(X, Y) for each in (MLPRegressor, NUMBERS.of_one))
    assert ours.out_activation_ == theirs.out_activation_
    assert ours.n_outputs_ == theirs.n_outputs_ == 3
    assert [W.shape for W in ours.coefs_] == [W.shape for W in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    assert ours.predict(X).shape == theirs.predict(X).shape == Y.shape


def test_partial_fit_is_hidden_from_full_batch_solvers(estimator):
    if estimator is MLPRegressor:
        pytest.skip("it raises where the method is called")
    assert not hasattr(estimator(solver="lbfgs"), "partial_fit")
    assert hasattr(estimator(solver="adam"), "partial_fit")
    with pytest.raises(AttributeError, match="lbfgs is not stochastic|no attribute"):
        estimator(solver="lbfgs").partial_fit(None, None)


def test_partial_fit_refuses_early_stopping(task, estimator, moons):
    model = estimator(solver="adam", early_stopping=True)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        model.partial_fit(*moons, **task.first(moons[1]))


@of_labels
def test_warm_start_refuses_other_classes(estimator, iris):
    X, y = iris
    model = estimator(4, solver="sgd", max_iter=2, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has"):
        model.fit(X, y + 1)


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_too_few_iterations_warn_of_it(estimator, solver, moons):
    given = {"hidden_layer_sizes": 5, "learning_rate": "constant", "alpha": 1}
    model = estimator(solver=solver, max_iter=2, **given)
    with pytest.warns(ConvergenceWarning, match=r"[Ii]terations|max_iter"):
        model.fit(*moons)


# What is printed


def lines(text, pattern):
    return re.findall(pattern, text, re.MULTILINE)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_both_print_an_iteration_and_its_loss(task, solver, moons, capsys):
    for estimator in (THEIRS[task], task.of_one):
        model = estimator(hidden_layer_sizes=4, solver=solver, max_iter=3, verbose=2)
        model.fit(*moons)
        printed = lines(capsys.readouterr().out, r"^Iteration (\d+), loss = ([\d.]+)$")
        assert [int(n) for n, _ in printed] == [1, 2, 3]
        assert_allclose([float(x) for _, x in printed], model.loss_curve_, atol=1e-8)


@pytest.mark.parametrize("solver", ["gd", "adamw", "lbfgs", "gauss_newton"])
def test_every_solver_prints(task, solver, moons, capsys):
    model = task.network(3, "tanh", solver=solver, max_iter=4, verbose=2)
    model.fit(*moons)
    printed = lines(capsys.readouterr().out, r"^Iteration (\d+), loss = ([\d.]+)$")
    assert [int(n) for n, _ in printed] == list(range(1, model.n_iter_ + 1))
    assert_allclose([float(x) for _, x in printed], model.loss_curve_, atol=1e-8)


def test_validation_scores_are_printed(moons, task, capsys):
    for estimator in (THEIRS[task], task.of_one):
        given = {"solver": "adam", "max_iter": 3, "verbose": 2, "early_stopping": True}
        model = estimator(hidden_layer_sizes=4, **given).fit(*moons)
        printed = lines(capsys.readouterr().out, r"^Validation score: (-?[\d.]+)")
        scores = [float(score) for score in printed]
        assert_allclose(scores, model.validation_scores_, atol=1e-6)


def test_verbose_1_is_throttled_but_prints_first_and_last(moons, task, capsys):
    model = task.network(2, solver="gd", max_iter=2000, verbose=True)
    model.fit(*moons)
    printed = lines(capsys.readouterr().out, r"^Iteration (\d+), ")
    assert len(printed) < 1000
    assert printed[0] == "1"
    assert printed[-1] == "2000"
    assert len(set(printed)) == len(printed)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_both_say_why_training_stops(moons, task, capsys, early_stopping):
    judged = "Validation score" if early_stopping else "Training loss"
    given = {"solver": "adam", "verbose": 2, "early_stopping": early_stopping}
    given |= {"hidden_layer_sizes": 4, "random_state": 0}
    for estimator in (THEIRS[task], task.of_one):
        model = estimator(tol=10.0, n_iter_no_change=2, **given)
        if estimator is task.of_one:
            # Though the passes between the first and the last come too fast to print.
            model.set_params(learning_rate="constant", verbose=1)
        model.fit(*moons)
        printed = capsys.readouterr().out
        assert f"\n{judged} did not improve more than tol=10.000000 for" in printed
        passes, why = printed.split("did not improve")
        assert f"Iteration {model.n_iter_}," in passes
        assert "Stopping" in why
    assert why.startswith(" more than tol=10.000000 for more than 2 consecutive epoch")


def test_both_say_that_the_rate_is_lowered(moons, task, capsys):
    given = {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.01}
    given |= {"tol": 10.0, "n_iter_no_change": 2, "verbose": 2}
    for estimator in (THEIRS[task], task.of_one):
        estimator(hidden_layer_sizes=4, random_state=0, **given).fit(*moons)
        printed = capsys.readouterr().out
        rates = lines(printed, r"Setting learning rate to ([\d.e-]+)$")
        assert_allclose([float(rate) for rate in rates[:2]], [0.002, 0.0004])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_ends_are_named(moons, task, capsys):
    ends = {
        "converged": {"solver": "lbfgs", "tol": 0.1},
        "the loss or a weight is no longer finite": {
            "solver": "sgd", "learning_rate_init": 1e6, "standardize": False,
        },
        "reached max_fun evaluations of the loss": {"solver": "lbfgs", "max_fun": 3},
        None: {"solver": "adam", "max_iter": 2},
    }
    for end, given in ends.items():
        task.network(4, verbose=1, random_state=0, **given).fit(*moons)
        printed = lines(capsys.readouterr().out, r"^Stopping: (.*)\.$")
        assert printed == [end] * (end is not None)


def test_silence_is_the_default(moons, task, capsys):
    task.network(3).fit(*moons)
    given = {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1}
    task.network(3, solver="sgd", **given).fit(*moons)
    assert capsys.readouterr() == ("", "")


# Their own tests, with our class in the place of theirs, and their defaults said

LOOKS_INSIDE = re.compile(r"\w\._[a-z]")
EXCUSED = {
    "test_early_stopping": "ours has arrays where theirs has lists",
    "test_nonfinite_params": "columns of any size are standardised, and learnt from",
    "test_minimum_input_sample_size": "one row held out is enough for a loss",
    "test_mlp_loading_from_joblib_partial_fit": "a constant column has no weight",
    "test_lbfgs_classification_maxfun": "with two outputs it has converged by then",
    "test_predict_proba_multilabel": "logarithms come from logits, to the last digit",
    "test_early_stopping_stratified": "a class of one row is trained on",
    "test_preserve_feature_names": "one class alone is refused",
}


def cases_of(test):
    """Return the arguments that a test of theirs is parametrised with."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.args]
    marks = [mark for mark in marks if mark.name == "parametrize"]
    names = [[name.strip() for name in mark.args[0].split(",")] for mark in marks]
    for values in product(*(mark.args[1] for mark in marks)):
        yield {
            name: value
            for several, given in zip(names, values)
            for name, value in zip(several, given if len(several) > 1 else [given])
        }


def their_tests():
    """Yield each test that names one of the classes, with that class's task."""
    tests = vars(test_mlp) if test_mlp else {}
    tests = {name: f for name, f in tests.items() if name.startswith("test_")}
    for (task, theirs), (name, test) in product(THEIRS.items(), tests.items()):
        source = inspect.getsource(test)
        named = theirs.__name__ in source or "Estimator" in source
        if named and not LOOKS_INSIDE.search(source):
            yield task, name


def is_excused(task, name):
    of_labels = name == "test_preserve_feature_names" and task is NUMBERS
    return name in EXCUSED and not of_labels


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "task, name",
    [
        pytest.param(
            *(task, name),
            id=f"{task.name}-{name}",
            marks=pytest.mark.xfail(
                is_excused(task, name), reason=EXCUSED.get(name, ""), strict=True
            ),
        )
        for task, name in their_tests()
    ],
    indirect=["task"],
)
def test_their_own_test(task, name, monkeypatch, request):
    theirs, test = THEIRS[task], getattr(test_mlp, name)
    given = {name: p.default for name, p in parameters(theirs).items()}
    ours = partial(task.of_one, **given)
    monkeypatch.setattr(test_mlp, theirs.__name__, ours)
    others, tried = {*THEIRS.values()} - {theirs}, 0
    for arguments in cases_of(test):
        if others & {*filter(inspect.isclass, arguments.values())}:
            continue
        arguments = {k: ours if v is theirs else v for k, v in arguments.items()}
        for fixture in parameters(test).keys() - arguments.keys():
            seeded = fixture == "global_random_seed"
            arguments[fixture] = 0 if seeded else request.getfixturevalue(fixture)
        test(**arguments)
        tried += 1
    assert tried
