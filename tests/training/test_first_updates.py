"""Ten passes of each full-batch solver against a computation written out here.

The loss of a small network is written out once more; its gradient, and the derivative
of its logits, come from a step into the complex plane, exact to rounding (Squire and
Trapp, 1998). The minibatch solvers' rules have `test_optimizers.py`.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.schedules import SCHEDULES
from sklearn_scratchnn.training.signals import Signal
from sklearn_scratchnn.training.solvers.registry import SOLVERS

D, H, K, ALPHA = 4, 5, 3, 0.3
N_WEIGHTS = (D + K) * H
PASSES = 10


@pytest.fixture
def rows(rows_for):
    return rows_for("softmax_cross_entropy", n_samples=30, n_outputs=K)


def split(theta):
    """Return W1, W2, b1, b2."""
    ends = np.cumsum([D * H, H * K, H])
    W1, W2, b1, b2 = np.split(theta, ends)
    return W1.reshape(D, H), W2.reshape(H, K), b1, b2


def logits(theta, X):
    W1, W2, b1, b2 = split(theta)
    return np.tanh(X @ W1 + b1) @ W2 + b2


def loss(theta, X, y):
    z = logits(theta, X)
    rows = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]
    return (rows.sum() + ALPHA / 2 * np.sum(theta[:N_WEIGHTS] ** 2)) / len(y)


def derivative(f, theta, h=1e-30):
    """Return df/dtheta, theta's axis first."""
    directions = np.eye(len(theta))
    return np.array([np.imag(f(theta + 1j * h * e)) / h for e in directions])


def gradient(theta, X, y):
    return derivative(lambda t: loss(t, X, y), theta)


def walk(solver, objective):
    """Return theta at the start and after each of ten passes."""
    thetas = [objective.theta.copy()]

    def on_epoch(*reported):
        thetas.append(objective.theta.copy())
        return Signal.CONTINUE

    solver.run(objective, solver.init(objective), on_epoch)
    assert len(thetas) == PASSES + 1
    return np.array(thetas)


def test_the_loss_written_out_is_the_objective(objective_of, rows):
    objective = objective_of(("tanh",), data=rows, alpha=ALPHA)
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
def test_gradient_descent(objective_of, rows, most):
    """theta <- theta - rate g; a longer g is shortened (Pascanu et al., 2013)."""
    objective = objective_of(("tanh",), data=rows, alpha=ALPHA)
    thetas = walk(descent(most), objective)
    theta, shortened = thetas[0], 0
    for after in thetas[1:]:
        g = gradient(theta, *rows)
        if most is not None and np.linalg.norm(g) > most:
            g, shortened = g * most / np.linalg.norm(g), shortened + 1
        theta = theta - 0.5 * g
        assert_allclose(after, theta, rtol=1e-10, atol=1e-13)
    assert shortened > 0 or most is None


def test_gradient_descent_against_torch(objective_of, rows):
    torch = pytest.importorskip("torch")
    objective = objective_of(("tanh",), data=rows, alpha=ALPHA)
    thetas = walk(descent(), objective)
    X, y = torch.from_numpy(rows[0]), torch.from_numpy(rows[1])
    parts = [torch.tensor(part, requires_grad=True) for part in split(thetas[0])]
    rule = torch.optim.SGD(parts, 0.5)
    W1, W2, b1, b2 = parts
    for after in thetas[1:]:
        rule.zero_grad()
        z = torch.tanh(X @ W1 + b1) @ W2 + b2
        squares = (W1**2).sum() + (W2**2).sum()
        penalty = ALPHA / (2 * len(y)) * squares
        (torch.nn.functional.cross_entropy(z, y) + penalty).backward()
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


def test_lbfgs(objective_of, rows):
    """Each step is along the direction, and as long as Wolfe's conditions ask.

    Those of Moré and Thuente's search in SciPy: c_1 = 1e-3, c_2 = 0.9.
    """
    objective = objective_of(("tanh",), data=rows, alpha=ALPHA)
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


def gauss_newton_matrix(theta, X):
    """Return the mean of J^T (diag p - p p^T) J over the rows, plus the penalty's."""
    J = derivative(lambda t: logits(t, X), theta)
    p = np.exp(logits(theta, X))
    p /= p.sum(axis=1, keepdims=True)
    G = sum(
        J[:, i] @ (np.diag(p[i]) - np.outer(p[i], p[i])) @ J[:, i].T
        for i in range(len(X))
    )
    G += np.diag(ALPHA * (np.arange(len(theta)) < N_WEIGHTS))
    return G / len(X)


def test_gauss_newton(objective_of, rows):
    """Levenberg's damping by Nielsen's rule (1999, eq. 2.4), from 1e-3 max(diag G)."""
    objective = objective_of(("tanh",), data=rows, alpha=ALPHA)
    thetas = walk(SOLVERS["gauss_newton"](max_iter=PASSES, tol=0.0), objective)
    theta, nu, refused = thetas[0], 2.0, 0
    mu = 1e-3 * gauss_newton_matrix(theta, rows[0]).diagonal().max()
    for after in thetas[1:]:
        g, G = gradient(theta, *rows), gauss_newton_matrix(theta, rows[0])
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
