"""The page: what stands in the network is what forward and backward use."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.network import (
    dropout,
    dropout_backward,
    linear,
    linear_backward,
    linear_backward_input,
    make_network,
    network_of_layers,
)
from sklearn_scratchnn.network.parameters import ParameterVector
from sklearn_scratchnn.network.sparse import CentredRows
from sklearn_scratchnn.network.workspace import Workspace, rows_of_a_block

RNG = np.random.RandomState(0)
X = RNG.randn(7, 4)
TARGETS = {
    "softmax": np.eye(3)[[0, 1, 2, 0, 1, 2, 0]],
    "logistic": RNG.randint(2, size=(7, 3)),
    "identity": RNG.randn(7, 3),
    "exp": RNG.randint(4, size=(7, 3)),
}


def network(activations=("tanh", "relu"), loss="softmax_cross_entropy"):
    made = make_network((4, *(5, 6)[: len(activations)], 3), activations, loss)
    theta = made.parameters.theta
    theta[:] = np.random.RandomState(1).randn(len(theta))
    return made


def gradient_of(made, Y):
    ws, gradient = made.workspace(7), ParameterVector(made.layer_sizes)
    value = made.value_and_gradient(X, Y.astype(float), 1 / 7, ws, gradient)
    return value, gradient


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_another_array_in_place_of_the_weights_is_used_by_both_passes(loss, layer):
    """Nothing is bound beforehand: forward and backward read the same list."""
    Y = TARGETS[loss.out_activation]
    replaced, expected = network(loss=loss.name), network(loss=loss.name)
    other = np.random.RandomState(2).randn(*replaced.weights[layer].shape)
    replaced.weights[layer] = other
    replaced.biases[layer] = other[0].copy()
    expected.weights[layer][:] = other
    expected.biases[layer][:] = other[0]
    (value, gradient), (wanted, wanted_gradient) = (
        gradient_of(made, Y) for made in (replaced, expected)
    )
    assert value == wanted
    assert_array_equal(gradient.theta, wanted_gradient.theta)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))]
)
def test_a_copy_reads_its_own_vector(copied):
    network = make_network((3, 4, 2), ["tanh"], "softmax_cross_entropy")
    network.parameters.theta[:] = np.arange(len(network.parameters.theta))
    twin = copied(network)
    assert_array_equal(twin.weights[1], network.weights[1])
    twin.parameters.theta += 1
    assert_array_equal(twin.weights[1], network.weights[1] + 1)
    assert_array_equal(twin.biases[0], network.biases[0] + 1)


def test_forward_is_the_equations():
    """z = a W + b, a = f(z), row by row."""
    made = network()
    a = np.tanh(X @ made.weights[0] + made.biases[0])
    a = np.maximum(a @ made.weights[1] + made.biases[1], 0)
    z = a @ made.weights[2] + made.biases[2]
    ws = made.workspace(7)
    assert_allclose(made.forward(X, ws), z, rtol=1e-12)
    assert made.forward(X, ws) is ws.logits
    one = made.workspace(1, backward=False)
    assert_allclose(
        [made.forward(row[None], one)[0].copy() for row in X], z, rtol=1e-12
    )


def test_linear_and_its_backward():
    """Against the definitions, sum by sum."""
    W, b, delta = RNG.randn(4, 3), RNG.randn(3), RNG.randn(7, 3)
    z = linear(X, W, b, out=np.empty((7, 3)))
    expected = [
        [sum(x[j] * W[j, i] for j in range(4)) + b[i] for i in range(3)] for x in X
    ]
    assert_allclose(z, expected, rtol=1e-12)
    dW, db = np.empty((4, 3)), np.empty(3)
    linear_backward(delta, X, dW, db)
    sums = [
        [sum(X[k, j] * delta[k, i] for k in range(7)) for i in range(3)]
        for j in range(4)
    ]
    assert_allclose(dW, sums, rtol=1e-12)
    assert_allclose(db, [sum(delta[:, i]) for i in range(3)], rtol=1e-12)
    below = linear_backward_input(delta, W, out=np.empty((7, 4)))
    sums = [
        [sum(delta[k, i] * W[j, i] for i in range(3)) for j in range(4)]
        for k in range(7)
    ]
    assert_allclose(below, sums, rtol=1e-12)


def test_dropout_and_its_backward():
    mask = np.where(RNG.rand(7, 4) < 0.5, 0, 2.0)
    assert_array_equal(dropout(X, mask, out=np.empty((7, 4))), X * mask)
    delta = np.ones((7, 4))
    assert dropout_backward(delta, mask) is delta
    assert_array_equal(delta, mask)


@pytest.mark.parametrize("shift", [None, RNG.randn(4)], ids=["as it is", "centred"])
def test_sparse_rows_multiply_as_dense_ones(shift):
    S = sparse.random(7, 4, density=0.4, format="csr", random_state=0)
    rows = CentredRows(S, shift)
    dense = S.toarray() - (0 if shift is None else shift)
    W, delta = RNG.randn(4, 3), RNG.randn(7, 3)
    assert_allclose(rows.dot(W, out=np.empty((7, 3))), dense @ W, atol=1e-12)
    assert_allclose(
        rows.T.dot(delta, out=np.empty((4, 3))), dense.T @ delta, atol=1e-12
    )
    assert_allclose(np.asarray(rows), dense, atol=1e-15)
    assert np.asarray(rows, np.float32).dtype == np.float32


def test_a_network_of_layers_reads_them():
    made = network()
    names = [f.name for f in made.activations]
    other = network_of_layers(made.weights, made.biases, names, made.loss)
    assert other.layer_sizes == made.layer_sizes
    assert other.weights[0] is made.weights[0]
    expected = made.forward(X, made.workspace(7))
    assert_array_equal(other.forward(X, other.workspace(7, backward=False)), expected)


# The workspace


def test_a_workspace_knows_neither_network_nor_loss():
    ws = Workspace((4, 5, 6, 3), np.float32, 7, dropout=True)
    for layer, units in zip(ws.layers, (5, 6, 3), strict=True):
        for array in vars(layer).values():
            assert isinstance(array, np.ndarray)
            assert array.shape == (7, units)
            assert array.dtype == np.float32
            assert array.flags.c_contiguous
    assert set(vars(ws)) == {
        "n_rows",
        "_arrays",
        "_heads",
        "layers",
        "hidden",
        "output",
        "logits",
        "row",
    }


def test_the_head_of_a_workspace_is_its_memory():
    ws = Workspace((4, 5, 3), np.float64, 7)
    head = ws.head(3)
    assert head.n_rows == 3
    assert head.logits.base is ws.logits
    assert head.layers[0].a.shape == (3, 5)
    assert head.row.shape == (3, 1)
    assert ws.head(7) is ws


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_workspace_is_used_again(activation):
    """What one batch leaves reaches no other: also not a smaller or a larger one."""
    made = network((activation, activation))
    Y, ws = TARGETS["softmax"], made.workspace(7)
    expected = gradient_of(made, Y)
    for n in (7, 3, 7):
        gradient = ParameterVector(made.layer_sizes)
        made.value_and_gradient(X[:n], Y[:n], 1 / n, ws.head(n), gradient)
    assert_array_equal(gradient.theta, expected[1].theta)


def test_a_block_fits_the_cache():
    assert rows_of_a_block((4, 5, 3), np.float64, 20) == 20
    rows = rows_of_a_block((100, 100, 10), np.float64, 10**6)
    assert 64 <= rows < 2000
    assert rows_of_a_block((100, 100, 10), np.float32, 10**6) in (
        2 * rows,
        2 * rows + 1,
    )
    assert rows_of_a_block((10**6, 100, 10), np.float64, 10**6) == 64
