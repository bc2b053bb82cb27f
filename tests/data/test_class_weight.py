"""``class_weight``: factors on the sample weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def rare():
    """Two clouds that overlap; one row of twenty is of the second."""
    rng = np.random.RandomState(0)
    y = (np.arange(400) % 20 == 0).astype(int)
    return rng.randn(400, 2) + 1.5 * y[:, np.newaxis], y


def network(solver="lbfgs", **parameters):
    given = {"hidden_layer_sizes": 4, "activation": "tanh", "max_iter": 20}
    given |= {"random_state": 0, "dtype": "float64"} | parameters
    if solver != "adamw":
        given = {"alpha": 1.0} | given
    return ScratchMLPClassifier(solver=solver, **given)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 7.0}, {1: 3.0}])
def test_it_is_a_sample_weight(rare, solver, class_weight):
    X, y = rare
    model = network(solver, class_weight=class_weight).fit(X, y)
    same = network(solver).fit(X, y, compute_sample_weight(class_weight, y))
    assert_allclose(model.predict_proba(X), same.predict_proba(X), rtol=1e-5)
    assert_allclose(model.loss_curve_, same.loss_curve_, rtol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_balanced_finds_the_rare_class(rare, solver):
    X, y = rare
    plain = network(solver, max_iter=200).fit(X, y)
    balanced = network(solver, max_iter=200, class_weight="balanced").fit(X, y)
    assert balanced_accuracy_score(y, plain.predict(X)) < 0.7
    assert balanced_accuracy_score(y, balanced.predict(X)) > 0.8


def test_balanced_is_that_of_scikit_learn(iris):
    X, y = iris[0][:110], iris[1][:110]
    factors = compute_class_weight("balanced", classes=np.arange(3), y=y)
    balanced = network(class_weight="balanced").fit(X, y)
    given = network(class_weight=dict(enumerate(factors))).fit(X, y)
    assert_allclose(balanced.coefs_[0], given.coefs_[0], rtol=1e-6)


def test_balanced_counts_the_sample_weights(rare):
    """k copies of a row weigh as a row of weight k."""
    X, y = rare
    weights = np.random.RandomState(0).randint(0, 4, len(y))
    weighted = network(class_weight="balanced").fit(X, y, weights)
    X_copies, y_copies = X.repeat(weights, axis=0), y.repeat(weights)
    copies = network(class_weight="balanced").fit(X_copies, y_copies)
    assert_allclose(weighted.predict_proba(X), copies.predict_proba(X), rtol=1e-4)


def test_equal_factors_on_balanced_classes_change_nothing(iris):
    model = network().fit(*iris)
    balanced = network(class_weight="balanced").fit(*iris)
    assert_allclose(balanced.coefs_[0], model.coefs_[0], rtol=1e-9)


def test_string_labels(rare):
    X, y = rare
    names = np.array(["common", "rare"])[y]
    model = network(class_weight={"rare": 5.0, "common": 1.0}).fit(X, names)
    same = network(class_weight={0: 1.0, 1: 5.0}).fit(X, y)
    assert_array_equal(model.predict_proba(X), same.predict_proba(X))


def test_a_class_of_factor_zero_is_known_but_not_learnt(iris):
    X, y = iris
    model = network(class_weight={1: 0.0}, max_iter=100).fit(X, y)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert set(model.predict(X)) == {0, 2}
    without = network(max_iter=100).fit(X[y != 1], y[y != 1])
    assert_array_equal(model.predict(X[y != 1]), without.predict(X[y != 1]))


def test_held_out_rows_weigh_by_class_where_they_are_taken_from_X(rare):
    X, y = rare
    seen = []

    def scorer(estimator, X_val, y_val, sample_weight=None):
        seen.append((y_val, sample_weight))
        return 0.0

    model = network(class_weight={0: 1.0, 1: 5.0}, early_stopping=True, max_iter=1)
    model.set_params(scoring=scorer).fit(X, y)
    y_val, weights = seen[0]
    assert_allclose(weights, np.where(y_val == 1, 5.0, 1.0))
    model.fit(X, y, X_val=X[:50], y_val=y[:50])
    assert seen[-1][1] is None


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_weights_whose_sum_is_not_finite(rare, solver):
    model = network(solver=solver, class_weight=dict.fromkeys(range(3), 1e308))
    with pytest.raises(ValueError, match="class_weight is too large"):
        model.fit(*rare)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 4.0}])
def test_a_plain_scorer_goes_with_class_weight(rare, class_weight):
    """One that knows no weights, as every function of estimator, X and y."""

    def accuracy(estimator, X_val, y_val):
        return float((estimator.predict(X_val) == y_val).mean())

    model = network(class_weight=class_weight, early_stopping=True, scoring=accuracy)
    assert 0 <= model.fit(*rare).best_validation_score_ <= 1


def test_names_of_classes_that_a_fold_happens_to_miss(iris):
    """All classes of these rows are named, so that the others are no misspelling."""
    X, y = iris
    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    model = network(class_weight=weights).fit(X[y < 2], y[y < 2])
    assert_array_equal(model.classes_, [0, 1])


@pytest.mark.parametrize(
    "class_weight, message",
    [
        ({"rare": 5.0}, r"class_weight names classes that are not in y: \['rare'\]"),
        ({0: 1.0, 2: 5.0}, r"not in y: \[2\]"),
        ({0: 1.0, 1: -1.0}, "class_weight must be finite and >= 0"),
        ({0: 1.0, 1: np.inf}, "class_weight must be finite and >= 0"),
        ({0: 1.0, 1: "much"}, "class_weight must be finite and >= 0"),
        ({0: 1.0, 1: None}, "class_weight must be finite and >= 0"),
        ({0: 1.0, 1: 0.0}, "class_weight leaves rows of one class only"),
        ("even", "The 'class_weight' parameter"),
        ([1.0, 2.0], "The 'class_weight' parameter"),
    ],
)
def test_what_is_refused(rare, class_weight, message):
    with pytest.raises(ValueError, match=message):
        network(class_weight=class_weight).fit(*rare)


def test_several_labels_have_no_class_to_weigh(rare):
    X, y = rare
    with pytest.raises(ValueError, match="class_weight needs one label a row"):
        network(class_weight="balanced").fit(X, np.c_[y, 1 - y])


def test_in_a_search(rare):
    grid = {"class_weight": [None, "balanced", {0: 1.0, 1: 30.0}]}
    model = network("adam", max_iter=100, dtype="float32")
    search = GridSearchCV(model, grid, cv=3, scoring="balanced_accuracy").fit(*rare)
    assert search.best_params_["class_weight"] is not None
    assert cross_val_score(search.best_estimator_, *rare, cv=3).min() > 0.5


def test_weights_of_zero_for_every_row_that_is_there(iris):
    """As a chunk of a stream may be."""
    X, y = iris
    model = ScratchMLPClassifier(3, solver="adam", class_weight={0: 0, 1: 1, 2: 1})
    model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="class_weight is zero for the class of every"):
        model.partial_fit(X[y == 0], y[y == 0])
