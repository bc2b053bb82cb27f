"""The networks against other people's, and against themselves under other names."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from tasks import LABELS, QUANTILES, ROBUST, every_task, of_labels

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.standardize import Standardizer
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.solvers.registry import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FULL_BATCH = [name for name in SOLVERS if name not in OPTIMIZERS]
full_batch = pytest.mark.parametrize("solver", FULL_BATCH)
kinds = pytest.mark.parametrize(
    "kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"]
)


@pytest.fixture
def iris(iris, task):
    return iris[0], task.y(iris[1])


@pytest.fixture
def cancer(task):
    """Thirty features of widely different scales."""
    X, labels = load_breast_cancer(return_X_y=True)
    return X, task.y(labels)


def assert_same_layers(ours, theirs, rtol=1e-9, atol=1e-10):
    for a, b in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert_allclose(a, b, rtol=rtol, atol=atol)


# LogisticRegression -----------------------------------------------------------------


@of_labels
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("alpha", [0.1, 10.0])
@pytest.mark.parametrize("weighted", [False, True])
@kinds
def test_without_hidden_layers_it_is_logistic_regression(
    iris, n_classes, alpha, weighted, kind
):
    """C = 1 / alpha.

    For two classes C = 2 / alpha: LogisticRegression has one column of weights w there,
    and ours are two, w / 2 and -w / 2 at the optimum, of half the squared length.
    """
    X, y = iris
    C = 1 / alpha
    if n_classes == 2:
        X, y, C = X[y > 0], y[y > 0], 2 / alpha
    weights = np.random.RandomState(0).rand(len(X)) * 3 if weighted else None
    ours = ScratchMLPClassifier(
        (), solver="lbfgs", alpha=alpha, standardize=False, tol=1e-8, max_iter=1000
    ).fit(kind(X), y, sample_weight=weights)
    theirs = LogisticRegression(C=C, tol=1e-8, max_iter=1000)
    theirs.fit(X, y, sample_weight=weights)
    probabilities = theirs.predict_proba(X)
    assert_allclose(ours.predict_proba(kind(X)), probabilities, atol=1e-4)
    assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-2)


@of_labels
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_finds_the_one_optimum(iris, solver):
    """Without hidden layers the objective is convex; noisy labels bound its optimum."""
    X, y = PCA(whiten=True).fit_transform(iris[0]), iris[1]
    rng = np.random.RandomState(0)
    y = np.where(rng.rand(len(X)) < 0.3, rng.randint(3, size=len(X)), y)
    settings = {"max_iter": 3000}
    if solver in OPTIMIZERS:
        settings = {"max_iter": 200, "batch_size": 15}
    ours = ScratchMLPClassifier(
        (), solver=solver, alpha=0, weight_decay=0, random_state=0, **settings
    ).fit(X, y)
    theirs = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(X, y)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=5e-3)


# MLPClassifier ----------------------------------------------------------------------


def with_layers_of(model, X, y):
    """Return an MLPClassifier that has the weights and biases of ``model``."""
    sizes = [W.shape[1] for W in model.coefs_[:-1]]
    theirs = MLPClassifier(sizes, model.activations_[0], max_iter=1).fit(X, y)
    theirs.coefs_ = [W.copy() for W in model.coefs_]
    theirs.intercepts_ = [b.copy() for b in model.intercepts_]
    return theirs


@of_labels
@pytest.mark.parametrize("activation", ["identity", "tanh", "logistic", "relu"])
@pytest.mark.parametrize("hidden", [(4,), (5, 4, 3)])
def test_weights_copied_into_mlp_classifier(iris, activation, hidden):
    """Three classes: the same probabilities and decisions."""
    X, y = iris
    ours = ScratchMLPClassifier(hidden, activation, max_iter=20, random_state=0)
    ours.fit(X, y)
    theirs = with_layers_of(ours, X, y)
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.out_activation_ == theirs.out_activation_
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)
    assert_array_equal(ours.predict(X), theirs.predict(X))


def test_labels_copied_into_mlp_classifier():
    X, Y = make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    ours = ScratchMLPClassifier(5, "tanh", max_iter=20, random_state=0).fit(X, Y)
    theirs = with_layers_of(ours, X, Y)
    assert ours.out_activation_ == theirs.out_activation_
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)
    assert_array_equal(ours.predict(X), theirs.predict(X))


# Weights ----------------------------------------------------------------------------


@pytest.fixture
def few_passes(task):
    def make(solver, **settings):
        alpha = 0.0 if solver == "adamw" else 1.0
        settings = {"alpha": alpha, "standardize": True} | settings
        given = {"max_iter": 8, "random_state": 0} | settings
        return task.network(4, "tanh", solver=solver, **given)

    return make


@full_batch
@pytest.mark.parametrize("standardize", [False, True, "robust"])
def test_weight_k_equals_k_copies(iris, few_passes, solver, standardize):
    """To rounding, in any number of passes; the means and scales of the inputs too."""
    X, y = iris
    X = 3 * X + 1
    k = np.random.RandomState(0).randint(1, 4, len(X))
    weighted = few_passes(solver, standardize=standardize).fit(X, y, sample_weight=k)
    copies = few_passes(solver, standardize=standardize)
    copies.fit(np.repeat(X, k, axis=0), np.repeat(y, k))
    assert_same_layers(weighted, copies, rtol=1e-6, atol=1e-7)
    assert_allclose(weighted.loss_curve_, copies.loss_curve_, rtol=1e-8)


@every_task
@full_batch
@kinds
def test_weights_and_copies_give_the_same_bits(iris, task, solver, kind):
    """In any order of the rows: no rounding is there that long trainings could grow."""
    X, y = iris
    k = np.random.RandomState(0).randint(0, 4, len(X))
    order = np.random.RandomState(1).permutation(len(X))
    activation = "tanh" if solver == "gauss_newton" else "relu"
    if solver == "gauss_newton" and task in (ROBUST, QUANTILES):
        pytest.skip("these have no second derivative")
    given = {"solver": solver, "alpha": 0.1, "max_iter": 60, "random_state": 0}
    weighted, copies = (task.network(5, activation, **given) for _ in range(2))
    weighted.fit(kind(X[order]), y[order], sample_weight=k[order])
    copies.fit(kind(np.repeat(X, k, axis=0)), np.repeat(y, k))
    assert_same_layers(weighted, copies, rtol=0, atol=0)
    assert_array_equal(weighted.loss_curve_, copies.loss_curve_)
    assert copies.t_ == copies.n_iter_ * k.sum()


@full_batch
def test_all_weights_times_a_constant(iris, few_passes, solver):
    """With alpha times the same too, nothing changes."""
    X, y = iris
    w = np.random.RandomState(0).rand(len(X))
    one = few_passes(solver, alpha=1.0).fit(X, y, sample_weight=w)
    three = few_passes(solver, alpha=3.0).fit(X, y, sample_weight=3 * w)
    assert_same_layers(one, three, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
@kinds
def test_weight_zero_equals_absence(iris, few_passes, solver, kind):
    """For the minibatches too: the bits are those of a fit without the row."""
    X, y = iris
    X = 3 * X + 1
    w = np.arange(len(X)) % 3.0
    X[w == 0] *= 1e6
    settings = {"batch_size": 16} if solver in OPTIMIZERS else {}
    with_zeros = few_passes(solver, **settings).fit(kind(X), y, sample_weight=w)
    without = few_passes(solver, **settings)
    without.fit(kind(X[w > 0]), y[w > 0], sample_weight=w[w > 0])
    assert_same_layers(with_zeros, without)
    assert_allclose(with_zeros.loss_curve_, without.loss_curve_, rtol=1e-12)
    assert with_zeros.t_ == without.t_


@of_labels
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 1: 0.5}])
def test_class_weight_is_a_sample_weight(iris, few_passes, solver, class_weight):
    X, y = iris[0][:120], iris[1][:120]
    w = np.random.RandomState(0).randint(1, 4, len(X)).astype(float)
    both = few_passes(solver, class_weight=class_weight).fit(X, y, sample_weight=w)
    if class_weight == "balanced":
        mass = np.bincount(y, w)
        factors = w.sum() / (3 * mass[y])
    else:
        factors = compute_sample_weight(class_weight | {2: 1.0}, y)
    product = few_passes(solver).fit(X, y, sample_weight=w * factors)
    assert_same_layers(both, product, rtol=1e-5, atol=1e-6)


# Symmetries -------------------------------------------------------------------------


def continued(model, X, y, coefs, intercepts):
    """Return the model, trained on from other layers."""
    model = clone(model).set_params(warm_start=True).fit(X, y)
    model.coefs_ = [W.copy() for W in coefs]
    model.intercepts_ = [b.copy() for b in intercepts]
    return model.fit(X, y)


@of_labels
@pytest.mark.parametrize(
    ("solver", "activation"),
    [
        (solver, name)
        for solver in ("gd", "adam", "gauss_newton")
        for name, f in ACTIVATIONS.items()
        if f.smooth or solver != "gauss_newton"
    ],
)
def test_permuted_classes_permute_the_outputs(iris, few_passes, solver, activation):
    """From weights permuted alike, training goes the same way."""
    X, y = iris
    order = np.array([2, 0, 1])
    first = few_passes(solver, dtype="float64").set_params(activation=activation)
    first.fit(X, y)
    plain = continued(first, X, y, first.coefs_, first.intercepts_)
    *Ws, W = first.coefs_
    *bs, b = first.intercepts_
    renamed = continued(
        first, X, np.argsort(order)[y], [*Ws, W[:, order]], [*bs, b[order]]
    )
    P = plain.predict_proba(X)
    assert not np.allclose(P, first.predict_proba(X), atol=1e-3)
    assert_allclose(renamed.predict_proba(X), P[:, order], rtol=1e-5, atol=1e-7)
    assert_allclose(renamed.loss_curve_, plain.loss_curve_, rtol=1e-7)


@kinds
@pytest.mark.parametrize("solver", ["gd", "adam", "gauss_newton"])
def test_shuffled_features_permute_the_first_layer(
    iris, task, few_passes, solver, kind
):
    X, y = iris
    X = X * [1, 2, 3, 4] + [4, 3, 2, 1]
    order = np.array([3, 1, 0, 2])
    first = few_passes(solver, dtype="float64").fit(X, y)
    plain = continued(first, kind(X), y, first.coefs_, first.intercepts_)
    W, *Ws = first.coefs_
    layers = [W[order], *Ws], first.intercepts_
    shuffled = continued(first, kind(X[:, order]), y, *layers)
    assert not np.allclose(plain.coefs_[0], W, rtol=1e-3)
    assert_allclose(shuffled.coefs_[0], plain.coefs_[0][order], rtol=1e-5, atol=1e-7)
    answers = task.answers(shuffled, X[:, order])
    assert_allclose(answers, task.answers(plain, X), rtol=1e-6)


# Standardisation --------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
def test_standardize_is_idempotent_behind_a_scaler(cancer, few_passes, solver):
    """On, off or twice: behind a StandardScaler the bits are the same."""
    X, y = cancer
    scaled = StandardScaler().fit_transform(X)
    on = few_passes(solver).fit(scaled, y)
    off = few_passes(solver, standardize=False).fit(scaled, y)
    assert_same_layers(on, off, rtol=0, atol=0)


@pytest.mark.parametrize("weighted", [False, True])
@kinds
def test_the_robust_scale_is_the_same_behind_a_scaler(
    cancer, task, few_passes, weighted, kind
):
    """It follows a column's scale and origin, as do two-valued and heavy tails."""
    X, y = cancer
    X = np.column_stack([X, X[:, 0] > X[:, 0].mean(), np.exp(X[:, 1])])
    w = np.random.RandomState(0).rand(len(X)) if weighted else None
    scaled = StandardScaler().fit_transform(X)
    raw = few_passes("gd", standardize="robust").fit(kind(X), y, sample_weight=w)
    behind = few_passes("gd", standardize="robust").fit(scaled, y, sample_weight=w)
    expected = task.answers(behind, scaled)
    assert_allclose(task.answers(raw, kind(X)), expected, rtol=1e-6)
    plain = few_passes("gd").fit(scaled, y, sample_weight=w)
    plain = task.answers(plain, scaled)
    assert np.abs(plain - expected).max() > 1e-3


@pytest.mark.parametrize("weighted", [False, True])
@kinds
def test_standardize_is_a_scaler_inside(cancer, task, few_passes, weighted, kind):
    """Raw inputs give what a StandardScaler in front gives; sparse ones too."""
    X, y = cancer
    w = np.random.RandomState(0).rand(len(X)) if weighted else None
    scaler = StandardScaler().fit(X, sample_weight=w)
    behind = few_passes("gd").fit(scaler.transform(X), y, sample_weight=w)
    inside = few_passes("gd").fit(kind(X), y, sample_weight=w)
    expected = task.answers(behind, scaler.transform(X))
    assert_allclose(task.answers(inside, kind(X)), expected, rtol=1e-8)
    raw = behind.coefs_[0] / scaler.scale_[:, np.newaxis]
    assert_allclose(inside.coefs_[0], raw, rtol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("part", [False, True], ids=["all rows", "some rows"])
@kinds
def test_moments(weighted, part, kind):
    """Weighted mean and standard deviation, in blocks of 64 rows, the fewest."""
    rng = np.random.RandomState(0)
    X = rng.randn(200, 6) * (rng.rand(200, 6) < 0.5) * 10.0 ** np.arange(-3, 3)
    X += [0, 5, 0, 0, -700, 0]
    X[:, 5] = 3.0
    subset = rng.permutation(200)[:150] if part else None
    rows = X if subset is None else X[subset]
    w = rng.rand(len(rows)) if weighted else None
    standardizer = Standardizer.from_rows(kind(X), w, subset, block_bytes=1)
    mean = np.average(rows, axis=0, weights=w)
    scale = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=w))
    scale[5] = 1.0
    assert_allclose((standardizer.mean - mean) / scale, 0, atol=1e-12)
    assert_allclose(standardizer.scale, scale, rtol=1e-12)
    assert not standardizer.is_identity


@pytest.mark.parametrize("size", [1e-160, 1e-30, 1e30, 1e160])
@kinds
def test_moments_of_extreme_columns(size, kind):
    """Neither squares that overflow nor squares that vanish."""
    X = size * np.random.RandomState(0).rand(40, 2)
    standardizer = Standardizer.from_rows(kind(X))
    assert_allclose(standardizer.mean, X.mean(axis=0), rtol=1e-12)
    assert_allclose(standardizer.scale, (X / size).std(axis=0) * size, rtol=1e-12)


def test_fold_and_unfold_undo_each_other():
    rng = np.random.RandomState(0)
    standardizer = Standardizer(rng.randn(4), rng.rand(4) + 0.5)
    W, b, X = rng.randn(4, 3), rng.randn(3), rng.randn(5, 4)
    raw_W, raw_b = standardizer.fold(W, b)
    inside = (X - standardizer.mean) / standardizer.scale @ W + b
    assert_allclose(X @ raw_W + raw_b, inside, rtol=1e-12)
    for ours, theirs in zip(standardizer.unfold(raw_W, raw_b), (W, b)):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


# The same weights in torch -----------------------------------------------------------


def test_weights_are_those_of_a_sequential_of_torch(iris, task):
    """By the names and transposes that the documentation hands over."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    X, y = iris
    model = task.network((5, 4), "gelu", dtype="float64", random_state=0)
    model.fit(X, y)
    weights = {}
    for l, (W, b) in enumerate(zip(model.coefs_, model.intercepts_)):
        weights[f"{2 * l}.weight"] = torch.tensor(W.T.copy())
        weights[f"{2 * l}.bias"] = torch.tensor(b)
    gelu = nn.GELU(approximate="tanh")
    layers = nn.Linear(4, 5), gelu, nn.Linear(5, 4), gelu
    layers += (nn.Linear(4, model.n_outputs_),)
    module = nn.Sequential(*layers).double()
    module.load_state_dict(weights)
    z = module(torch.tensor(X)).detach()
    expected = torch.softmax(z, 1) if task is LABELS else z[:, 0]
    assert_allclose(expected.numpy(), task.answers(model, X), rtol=1e-10)
