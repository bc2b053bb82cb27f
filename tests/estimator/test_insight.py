"""What the hidden units put out, and how outputs change with the features."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import LabelBinarizer
from tasks import LABELS, OF_NUMBERS
from test_activations import FORMULAS

from sklearn_scratchnn.network.activations import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
KINDS = ["binary", "multiclass", "multilabel"]
OF_A_LOSS = {task.of_a_loss: task for task in OF_NUMBERS}
several_too = pytest.mark.parametrize("n_columns", [1, 2])


def data(kind, n_features=5):
    """Return X in columns of unlike units, about a third of it zeros, and y."""
    rng = np.random.RandomState(4)
    X = (3 + rng.randn(120, n_features)) * (rng.rand(120, n_features) < 0.7)
    z = (X - X.mean(axis=0)) @ rng.randn(n_features, 3)
    Y = (z + rng.randn(*z.shape) > 0).astype(int)
    X = X * np.logspace(-1, 1, n_features)
    y = np.array(["b", "c", "a"])[Y[:, 0] + Y[:, 1]]
    numbers = 10 * np.logaddexp(0, z[:, :2])
    known = {"binary": y == "c", "multiclass": y, "multilabel": Y, "numbers": numbers}
    return X, known[kind]


def network(hidden=(6, 4), activation="tanh", task=LABELS, **params):
    params = {"alpha": 0.03, "max_iter": 30, "random_state": 0} | params
    return task.network(hidden, activation, **params)


def output(model, of, k):
    """Return the function of X whose derivative `input_gradients` is."""
    if of == "probability":
        return lambda X: model.predict_proba(X)[:, k]
    if model.out_activation_ == "logistic":
        return lambda X: model.decision_function(X)[:, k]
    if len(model.classes_) == 2:
        return lambda X: (2 * k - 1) * model.decision_function(X)

    def against_the_others(X):
        z = model.decision_function(X)
        return z[:, k] - np.delete(z, k, axis=1).mean(axis=1)

    return against_the_others


def finite_differences(function, X, step=1e-5):
    """Return central differences, (n_samples, n_features)."""
    steps = step * X.std(axis=0)
    columns = []
    for d, h in enumerate(steps):
        shift = np.zeros(X.shape[1])
        shift[d] = h
        columns.append((function(X + shift) - function(X - shift)) / (2 * h))
    return np.column_stack(columns)


# input_gradients


@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_differences(kind, of):
    X, y = data(kind)
    model = network().fit(X, y)
    for k, target in enumerate(model.classes_):
        expected = finite_differences(output(model, of, k), X)
        got = model.input_gradients(X, target, of=of)
        assert got.shape == X.shape
        assert np.abs(expected).max(axis=0).min() > 1e-4
        assert_allclose(got, expected, rtol=1e-6, atol=1e-8)


@several_too
@pytest.mark.parametrize("loss", OF_A_LOSS)
def test_gradients_of_numbers_are_finite_differences(loss, n_columns):
    """Of the prediction itself: of a Poisson loss behind the exponential."""
    X, Y = data("numbers")
    y = Y[:, 0] if n_columns == 1 else Y
    model = network(task=OF_A_LOSS[loss]).fit(X, y)
    for k in range(n_columns):
        expected = finite_differences(column_of(model, k), X)
        got = model.input_gradients(X, k)
        assert got.shape == X.shape
        assert np.abs(expected).max(axis=0).min() > 1e-3
        assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    assert_array_equal(model.input_gradients(X), model.input_gradients(X, target=0))
    got = model.input_gradients(sparse.csr_matrix(X))
    assert_allclose(got, model.input_gradients(X), rtol=1e-9, atol=1e-12)
    assert_gradients_refuse(model, X, n_columns)


def column_of(model, k):
    """Return the prediction of a column of y, as a function of X."""
    return lambda X: model.predict(X).reshape(len(X), -1)[:, k]


def assert_gradients_refuse(model, X, n_columns):
    for target in (n_columns, -1, 0.0, "a", None, [0]):
        told = rf"target=.* does not exist: y has {n_columns} columns, counted from 0"
        with pytest.raises(ValueError, match=told):
            model.input_gradients(X, target)


@pytest.mark.parametrize("loss", OF_A_LOSS)
def test_gradients_of_a_line_are_its_coefficients(loss):
    X, Y = data("numbers")
    model = network((), task=OF_A_LOSS[loss]).fit(X, Y)
    for k in range(2):
        line = np.broadcast_to(model.coefs_[0][:, k], X.shape)
        if loss == "poisson":
            line = line * model.predict(X)[:, [k]]
        assert_allclose(model.input_gradients(X, k), line, rtol=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_for_every_activation(activation):
    X, y = data("multiclass")
    X = X + np.random.RandomState(0).uniform(0.01, 0.02, X.shape)
    model = network(activation=activation).fit(X, y)
    got = model.input_gradients(X, "a", of="probability")
    expected = finite_differences(output(model, "probability", 0), X, step=1e-6)
    assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_sparse_rows(kind, of):
    X, y = data(kind)
    model = network().fit(X, y)
    expected = model.input_gradients(X, of=of)
    for kind in (sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array):
        got = model.input_gradients(kind(X), of=of)
        assert isinstance(got, np.ndarray)
        assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_gradients_default_to_the_last_class():
    X, y = data("multiclass")
    model = network().fit(X, y)
    assert_array_equal(model.input_gradients(X), model.input_gradients(X, "c", "logit"))


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_gradients_of_the_classes_cancel(kind):
    X, y = data(kind)
    model = network().fit(X, y)
    for of in ("logit", "probability"):
        total = sum(model.input_gradients(X, target, of) for target in model.classes_)
        assert_allclose(total, 0, atol=1e-12)


def test_gradients_without_hidden_layers_are_the_coefficients():
    X, y = data("binary")
    y = LabelBinarizer().fit_transform(y).ravel()
    model = network((), alpha=1.0, solver="lbfgs", max_iter=2000, tol=1e-10)
    model.set_params(standardize=False).fit(X, y)
    got = model.input_gradients(X)
    assert_allclose(got, np.broadcast_to(got[0], X.shape))
    # Two outputs share the penalty of a difference: alpha is 2 / C for one.
    peer = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(X, y)
    assert_allclose(got[0], peer.coef_[0], rtol=1e-4)


def test_gradients_over_many_blocks_of_rows():
    X, y = data("multiclass")
    model = network((300,)).fit(X, y)
    many = np.tile(X, (40, 1))
    got = model.input_gradients(many)
    assert_allclose(got[-len(X) :], model.input_gradients(X), rtol=1e-9, atol=1e-13)


def test_gradients_leave_the_model_and_the_rows():
    X, y = data("multiclass")
    model = network(activation="gelu").fit(X, y)
    before, p = X.copy(), model.predict_proba(X)
    model.input_gradients(X, of="probability")
    assert_array_equal(X, before)
    assert_array_equal(model.predict_proba(X), p)


def test_gradients_of_float32_rows():
    X, y = data("multiclass")
    model = network(dtype="float32").fit(X.astype(np.float32), y)
    got = model.input_gradients(X.astype(np.float32))
    assert got.dtype == np.float32
    expected = finite_differences(output(model, "logit", 2), X)
    assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"target": "z"}, "target has classes that the model does not know"),
        ({"of": "loss"}, "of must be 'logit' or 'probability'"),
    ],
)
def test_gradients_refuse(arguments, message):
    X, y = data("multiclass")
    model = network().fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.input_gradients(X, **arguments)


def test_insight_needs_a_fitted_model(task):
    X, _ = data("binary")
    with pytest.raises(NotFittedError):
        network(task=task).input_gradients(X)
    with pytest.raises(NotFittedError):
        network(task=task).hidden_activations(X)


# hidden_activations


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_hidden_activations_follow_the_formula(activation):
    X, y = data("multiclass")
    model = network((6, 4, 3), (activation, "tanh", activation)).fit(X, y)
    a = X
    assert activation in FORMULAS, f"write {activation} out in test_activations.py"
    for l, name in enumerate(model.activations_):
        expected = FORMULAS[name](a @ model.coefs_[l] + model.intercepts_[l])
        a = model.hidden_activations(X, layer=l)
        assert_allclose(a, expected, rtol=1e-10, atol=1e-10)
        assert_array_equal(a, model.hidden_activations(X, layer=l - 3))
    assert_array_equal(a, model.hidden_activations(X))


@pytest.mark.parametrize("loss", OF_A_LOSS)
def test_hidden_activations_lead_to_the_prediction(loss):
    X, Y = data("numbers")
    model = network(task=OF_A_LOSS[loss]).fit(X, Y)
    out = model.hidden_activations(X) @ model.coefs_[-1] + model.intercepts_[-1]
    expected = np.exp(out) if loss == "poisson" else out
    assert_allclose(model.predict(X), expected, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_activations_lead_to_the_logits(kind):
    X, y = data(kind)
    model = network().fit(X, y)
    logits = model.hidden_activations(X) @ model.coefs_[-1] + model.intercepts_[-1]
    if kind == "binary":
        logits = logits[:, 1] - logits[:, 0]
    assert_allclose(model.decision_function(X), logits, atol=1e-12)


def test_hidden_activations_of_sparse_rows_and_many_blocks():
    X, y = data("binary")
    model = network((300, 4)).fit(X, y)
    many = np.tile(X, (40, 1))
    got = model.hidden_activations(sparse.csr_matrix(many), layer=0)
    assert got.shape == (len(many), 300)
    expected = np.tanh(many @ model.coefs_[0] + model.intercepts_[0])
    assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize(
    "hidden, layer", [((3, 2), 2), ((3, 2), -3), ((), 0), ((), -1)]
)
def test_hidden_activations_refuse_a_layer_that_is_not_there(hidden, layer):
    X, y = data("binary")
    model = network(hidden).fit(X, y)
    with pytest.raises(ValueError, match=f"{len(hidden)} hidden layers"):
        model.hidden_activations(X, layer=layer)
