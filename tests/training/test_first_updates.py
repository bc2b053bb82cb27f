"""Ten passes of each full-batch solver against a computation written out here.

The loss of a small network is written out once more; its gradient, and the derivative
of its logits, come from a step into the complex plane, exact to rounding (Squire and
Trapp, 1998). The minibatch solvers' rules have `test_optimizers.py`.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import softmax

from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.schedules import SCHEDULES
from sklearn_scratchnn.training.signals import Signal
from sklearn_scratchnn.training.solvers.registry import SOLVERS

D, H, K, ALPHA = 4, 5, 3, 0.3
N_WEIGHTS = (D + K) * H
PASSES = 10


# The loss of each row, and its second derivative in the logits of one row.
LOSSES = {
    "softmax_cross_entropy": lambda z, y: (
        np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]
    ),
    "squared_error": lambda z, y: ((z - y) ** 2).sum(axis=1) / 2,
    "poisson": lambda z, y: (
        np.exp(z) - y * z + y * np.log(np.maximum(y, 1)) - y
    ).sum(axis=1),
}
CURVATURES = {
    "softmax_cross_entropy": lambda z: (
        np.diag(softmax(z)) - np.outer(softmax(z), softmax(z))
    ),
    "squared_error": lambda z: np.eye(K),
    "poisson": lambda z: np.diag(np.exp(z)),
}


@pytest.fixture(params=LOSSES)
def rows(request, rows_for):
    """Return the name of a loss, X and y."""
    return request.param, *rows_for(request.param, n_samples=30, n_outputs=K)


@pytest.fixture
def objective(objective_of, rows):
    name, *data = rows
    return objective_of(("tanh",), name, data=data, alpha=ALPHA)


def split(theta):
    """Return W1, W2, b1, b2."""
    ends = np.cumsum([D * H, H * K, H])
    W1, W2, b1, b2 = np.split(theta, ends)
    return W1.reshape(D, H), W2.reshape(H, K), b1, b2


def logits(theta, X):
    W1, W2, b1, b2 = split(theta)
    return np.tanh(X @ W1 + b1) @ W2 + b2


def loss(theta, name, X, y):
    rows = LOSSES[name](logits(theta, X), y)
    return (rows.sum() + ALPHA / 2 * np.sum(theta[:N_WEIGHTS] ** 2)) / len(y)


def derivative(f, theta, h=1e-30):
    """Return df/dtheta, theta's axis first."""
    directions = np.eye(len(theta))
    return np.array([np.imag(f(theta + 1j * h * e)) / h for e in directions])


def gradient(theta, *rows):
    return derivative(lambda t: loss(t, *rows), theta)


def walk(solver, objective):
    """Return theta at the start and after each of ten passes."""
    thetas = [objective.theta.copy()]

    def on_epoch(*reported):
        thetas.append(objective.theta.copy())
        return Signal.CONTINUE

    solver.run(objective, solver.init(objective), on_epoch)
    assert len(thetas) == PASSES + 1
    return np.array(thetas)


def test_the_loss_written_out_is_the_objective(objective, rows):
    value = objective.value_and_gradient()
    assert_allclose(loss(objective.theta, *rows), value, rtol=1e-13)
    found = gradient(objective.theta, *rows)
    assert_allclose(found, objective.gradient.theta, rtol=1e-10, atol=1e-15)


def descent(max_grad_norm=None):
    return SOLVERS["gd"](
        optimizer=OPTIMIZERS["sgd"](momentum=0.0),
        schedule=SCHEDULES["constant"](),
        rate=0.5,
        batch_size=None,
        max_iter=PASSES,
        tol=0.0,
        max_grad_norm=max_grad_norm,
    )


@pytest.mark.parametrize("most", [None, 0.2])
def test_gradient_descent(objective, rows, most):
    """theta <- theta - rate g; a longer g is shortened (Pascanu et al., 2013)."""
    thetas = walk(descent(most), objective)
    theta, shortened = thetas[0], 0
    for after in thetas[1:]:
        g = gradient(theta, *rows)
        if most is not None and np.linalg.norm(g) > most:
            g, shortened = g * most / np.linalg.norm(g), shortened + 1
        theta = theta - 0.5 * g
        assert_allclose(after, theta, rtol=1e-10, atol=1e-13)
    assert shortened > 0 or most is None


def torch_loss(name, z, y):
    """Return the mean loss of the rows, less what does not depend on z."""
    from torch.nn import functional

    if name == "softmax_cross_entropy":
        return functional.cross_entropy(z, y)
    if name == "squared_error":
        return functional.mse_loss(z, y) * K / 2
    return functional.poisson_nll_loss(z, y) * K


def test_gradient_descent_against_torch(objective, rows):
    torch = pytest.importorskip("torch")
    thetas = walk(descent(), objective)
    name, *data = rows
    X, y = map(torch.from_numpy, data)
    parts = [torch.tensor(part, requires_grad=True) for part in split(thetas[0])]
    rule = torch.optim.SGD(parts, 0.5)
    W1, W2, b1, b2 = parts
    for after in thetas[1:]:
        rule.zero_grad()
        z = torch.tanh(X @ W1 + b1) @ W2 + b2
        squares = (W1**2).sum() + (W2**2).sum()
        penalty = ALPHA / (2 * len(y)) * squares
        (torch_loss(name, z, y) + penalty).backward()
        rule.step()
        theirs = np.concatenate([part.detach().numpy().ravel() for part in parts])
        assert_allclose(after, theirs, rtol=1e-10, atol=1e-13)


def two_loops(g, pairs):
    """Return the L-BFGS direction (Nocedal and Wright, 2006, algorithm 7.4)."""
    q, shares = g.copy(), []
    for s, y in reversed(pairs):
        shares.append(s @ q / (y @ s))
        q -= shares[-1] * y
    if pairs:
        s, y = pairs[-1]
        q *= s @ y / (y @ y)
    for (s, y), share in zip(pairs, reversed(shares)):
        q += s * (share - y @ q / (y @ s))
    return -q


def test_lbfgs(objective, rows):
    """Each step is along the direction, and as long as Wolfe's conditions ask.

    Those of Moré and Thuente's search in SciPy: c_1 = 1e-3, c_2 = 0.9.
    """
    solver = SOLVERS["lbfgs"](max_iter=PASSES, max_fun=1000, tol=0.0)
    thetas = walk(solver, objective)
    gradients = [gradient(theta, *rows) for theta in thetas]
    losses = [loss(theta, *rows) for theta in thetas]
    pairs = []
    for k, (step, g) in enumerate(zip(np.diff(thetas, axis=0), gradients)):
        direction = two_loops(g, pairs)
        length = np.linalg.norm(step) / np.linalg.norm(direction)
        assert_allclose(step, length * direction, rtol=1e-6, atol=1e-9)
        slope = g @ direction
        assert losses[k + 1] <= losses[k] + 1e-3 * length * slope
        assert abs(gradients[k + 1] @ direction) <= 0.9 * abs(slope)
        pairs.append((step, gradients[k + 1] - g))


def gauss_newton_matrix(theta, name, X):
    """Return the mean of J^T (d2C/dz2) J over the rows, plus the penalty's."""
    J = derivative(lambda t: logits(t, X), theta)
    H = [CURVATURES[name](z) for z in logits(theta, X)]
    G = sum(J[:, i] @ H[i] @ J[:, i].T for i in range(len(X)))
    G += np.diag(ALPHA * (np.arange(len(theta)) < N_WEIGHTS))
    return G / len(X)


def test_gauss_newton(objective, rows):
    """Levenberg's damping by Nielsen's rule (1999, eq. 2.4), from 1e-3 max(diag G)."""
    thetas = walk(SOLVERS["gauss_newton"](max_iter=PASSES, tol=0.0), objective)
    theta, nu, refused = thetas[0], 2.0, 0
    mu = 1e-3 * gauss_newton_matrix(theta, *rows[:2]).diagonal().max()
    for after in thetas[1:]:
        g, G = gradient(theta, *rows), gauss_newton_matrix(theta, *rows[:2])
        while True:
            step = -np.linalg.solve(G + mu * np.eye(len(theta)), g)
            actual = loss(theta, *rows) - loss(theta + step, *rows)
            ratio = actual / (0.5 * step @ (mu * step - g))
            if ratio > 0:
                break
            mu, nu, refused = mu * nu, 2 * nu, refused + 1
        theta = theta + step
        mu, nu = mu * max(1 / 3, 1 - (2 * ratio - 1) ** 3), 2.0
        assert_allclose(after, theta, rtol=1e-6, atol=1e-8)
    assert refused > 0
