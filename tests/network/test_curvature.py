"""The Gauss-Newton matrix: the Hessian of a linear model, J^T H J of a network."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_scratchnn.network.curvature import curvature
from sklearn_scratchnn.network.losses import LOSSES

losses = pytest.mark.parametrize(
    "loss", [name for name, loss in LOSSES.items() if loss.has_curvature]
)


def hessian_in_logits(loss, p):
    """Return d2C/dz2 of one row, whose probabilities or numbers are p."""
    matrices = {
        "softmax_cross_entropy": np.diag(p) - np.outer(p, p),
        "logistic_cross_entropy": np.diag(p * (1 - p)),
        "squared_error": np.eye(len(p)),
        "poisson": np.diag(p),
    }
    assert loss in matrices, f"write the curvature of {loss} out in this file"
    return matrices[loss]


def hessian_by_differences(objective, h=1e-5):
    """Return d2C/dtheta2, column by column from the gradient."""
    start, columns = objective.theta.copy(), []
    for e in np.eye(len(start)):
        gradients = []
        for sign in (1, -1):
            objective.theta[:] = start + sign * h * e
            objective.value_and_gradient()
            gradients.append(objective.gradient.theta.copy())
        columns.append((gradients[0] - gradients[1]) / (2 * h))
    objective.theta[:] = start
    return np.column_stack(columns)


@losses
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("is_sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("block", [None, 5], ids=["whole", "blocks"])
def test_curvature_is_the_hessian_of_a_linear_model(
    objective_of, loss, weighted, is_sparse, block
):
    """Without hidden layers nothing is left out; value and gradient come along."""
    objective = objective_of(
        (),
        loss,
        alpha=0.3,
        standardize=True,
        is_sparse=is_sparse,
        block=block,
        sample_weight=np.arange(12.0) if weighted else None,
    )
    value = objective.value_and_gradient()
    gradient = objective.gradient.theta.copy()
    H = hessian_by_differences(objective)
    found, G = curvature(objective)
    assert_allclose(G, H, rtol=1e-7, atol=1e-9)
    assert_allclose(found, value, rtol=1e-14)
    assert_allclose(objective.gradient.theta, gradient, rtol=1e-12, atol=1e-15)


@losses
@pytest.mark.parametrize("activation", ["tanh", "gelu", "relu"])
def test_curvature_of_a_network_is_gauss_newton(objective_of, loss, activation):
    """J^T H J, with J by differences of the logits and H by its formula."""
    objective = objective_of((activation, activation), loss, alpha=0.3)
    start, network, h = objective.theta.copy(), objective.network, 1e-6

    def logits(theta):
        objective.theta[:] = theta
        [(X, _, _, ws)] = objective.blocks()
        return network.forward(X, ws).copy()

    J = np.array(
        [
            (logits(start + h * e) - logits(start - h * e)) / (2 * h)
            for e in np.eye(len(start))
        ]
    )
    p = network.loss.probabilities(logits(start))
    expected = np.zeros((len(start), len(start)))
    for i, p_i in enumerate(p):
        H = hessian_in_logits(loss, p_i)
        expected += J[:, i] @ H @ J[:, i].T / len(p)
    n_weights = objective.n_weights
    expected[range(n_weights), range(n_weights)] += 0.3 / len(p)
    objective.theta[:] = start
    _, G = curvature(objective)
    assert_allclose(G, expected, rtol=1e-6, atol=1e-8)
    assert_allclose(G, G.T, rtol=1e-12, atol=1e-15)
    assert np.linalg.eigvalsh(G).min() > -1e-12


@pytest.mark.parametrize("p", [[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
def test_curvature_roots_of_the_softmax(p):
    """Their squares sum to diag(p) - p p^T, also where probabilities are zero."""
    p = np.array(p)
    loss = LOSSES["softmax_cross_entropy"]
    roots = np.vstack(list(loss.curvature_roots(p[np.newaxis])))
    assert roots.shape == (2, 3)
    assert_allclose(roots.T @ roots, np.diag(p) - np.outer(p, p), atol=1e-15)
