"""The generalised Gauss-Newton matrix of the objective, for small networks."""

import numpy as np

MAX_BYTES = 2**26


def max_parameters(dtype):
    """Return how many parameters a curvature matrix of `MAX_BYTES` has room for."""
    return int((MAX_BYTES / np.dtype(dtype).itemsize) ** 0.5)


def curvature(objective):
    """Return C(theta) and its Gauss-Newton matrix; write the gradient.

    G = sum_i w_i J_i^T (d2C_i/dz2) J_i + alpha/n on the weights, with J_i = dz_i/dtheta
    (Schraudolph, 2002, sec. 3). The curvature of the loss in its logits is exact; what
    is left out is the curvature of the network, so that G is never negative.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    value : float
    G : ndarray of shape (n_parameters, n_parameters)
    """
    network, loss = objective.network, objective.network.loss
    value = objective.value_and_gradient()
    n = len(objective.theta)
    G = np.zeros((n, n), objective.dtype)
    G.flat[: objective.n_weights * (n + 1) : n + 1] = objective.penalty
    row_gradients = np.empty((objective.block_rows, n), objective.dtype)
    for X, _, weight, ws in objective.blocks():
        p = loss.probabilities(network.forward(X, ws)).copy()
        for j, root in enumerate(loss.curvature_roots(p)):
            if j:
                network.forward(X, ws)  # `row_gradients` spent the last one
            np.multiply(root, np.sqrt(weight), out=ws.logits)
            J = network.row_gradients(X, ws, row_gradients[: len(weight)])
            G += J.T @ J
    return value, G
