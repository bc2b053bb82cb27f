"""The generalised Gauss-Newton matrix of an objective, for small networks."""

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
    G = objective.penalty_curvature()
    gradients = np.empty((objective.block_rows, len(G)), objective.dtype)
    for X, _, weight, ws in objective.blocks():
        p = loss.probabilities(network.forward(X, ws)).copy()
        for j, root in enumerate(loss.curvature_roots(p)):
            if j:
                network.forward(X, ws)  # `row_gradients` spent the last one
            np.multiply(root, np.sqrt(weight), out=ws.output.delta)
            J = row_gradients(network, ws, gradients[: ws.n_rows])
            G += J.T @ J
    return value, G


def row_gradients(network, ws, out):
    """Write each row's own dC/dtheta into ``out``: B1 and B2 before the sum over rows.

    Parameters
    ----------
    network : Network
    ws : Workspace
        Holds a forward pass, and delta_L; spent.
    out : ndarray of shape (B, n_parameters)

    Returns
    -------
    ndarray of shape (B, n_parameters)
        The array ``out``.
    """
    B, bias = out.shape
    start = sum(W.size for W in network.weights)
    for l in range(len(network.weights) - 1, -1, -1):
        fan_in, fan_out = network.weights[l].shape
        bias, start = bias - fan_out, start - fan_in * fan_out
        rows = out[:, start : start + fan_in * fan_out].reshape(B, fan_in, fan_out)
        a, delta = np.asarray(ws.layers[l].input), ws.layers[l].delta
        np.einsum("bi,bj->bij", a, delta, out=rows)                     # B1
        out[:, bias : bias + fan_out] = delta                           # B2
        if l > 0:
            network.backward_to(l - 1, ws)                              # B3, B4
    return out
