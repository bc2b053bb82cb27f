"""Damped Gauss-Newton, for small networks on the full batch."""

import math
from dataclasses import dataclass

import numpy as np

from ..blas import dot, solve_positive
from ..signals import Outcome, Signal
from .base import Solver


@dataclass(frozen=True)
class GaussNewton(Solver):
    """Damped Gauss-Newton on the exact curvature of the loss in its logits.

    A step solves (G + mu I) step = -gradient, with the generalised Gauss-Newton matrix
    G of `curvature` (Schraudolph, 2002). The damping mu (Levenberg, 1944; Marquardt,
    1963) follows the ratio of the actual to the predicted fall, as in Nielsen (1999,
    eq. 2.4).

    Parameters
    ----------
    max_iter : int
        Epochs at most.
    tol : float
        A gradient no longer than this ends the run.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> from sklearn_scratchnn.training.signals import Signal
    >>> from sklearn_scratchnn.training.solvers.gauss_newton import GaussNewton
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_network((4, 3), [], "softmax_cross_entropy")
    >>> objective = Objective(network, make_sample(X, y, network.loss), penalty=0.01)
    >>> solver = GaussNewton(max_iter=50, tol=1e-3)
    >>> state = solver.init(objective)
    >>> solver.run(objective, state, lambda loss, rate, norm: Signal.CONTINUE).name
    'CONVERGED'
    >>> bool(objective.value() < np.log(3))
    True
    """

    monotone = True

    max_iter: int
    tol: float

    def run(self, objective, state, on_epoch, random_state=None):
        """Minimise; see `Solver.run`. Losses and gradients are those after an epoch."""
        theta, gradient = objective.theta, objective.gradient.theta
        loss, G = objective.curvature()
        state.setdefault("damping", 1e-3 * float(G.diagonal().max()))
        signal = state.pop("signal", Signal.CONTINUE)
        while (outcome := self._outcome(state, signal)) is None:
            if not self._step(objective, state, loss, G):
                return Outcome.CONVERGED
            previous = loss
            loss, G = objective.curvature()
            state["epoch"] += 1
            state["norm"] = math.sqrt(dot(gradient, gradient))
            least = 64 * np.finfo(theta.dtype).eps * abs(loss)
            state["settled"] = bool(previous - loss <= least)
            signal = on_epoch(loss, 1.0, state["norm"])
        return outcome

    def init(self, objective):
        """Return the state before the first epoch."""
        return {"epoch": 0, "growth": 2.0, "norm": math.inf, "settled": False}

    def _outcome(self, state, signal):
        """Return why to end after an epoch, or None."""
        if signal is Signal.STOP:
            return Outcome.STOPPED
        if signal is Signal.REDUCE_LEARNING_RATE or state["settled"]:
            return Outcome.CONVERGED
        if state["norm"] <= self.tol:
            return Outcome.CONVERGED
        return Outcome.EXHAUSTED if state["epoch"] >= self.max_iter else None

    def _step(self, objective, state, loss, G):
        """Take a step that lowers the loss; return whether there was one."""
        theta, gradient = objective.theta, objective.gradient.theta
        before, largest = theta.copy(), float(G.diagonal().max())
        while True:
            step, predicted = _damped_step(G, gradient, state["damping"])
            if predicted == 0:
                return False
            np.add(before, step, out=theta)
            ratio = (loss - objective.value()) / predicted
            if ratio > 0:
                break
            if not (state["damping"] < 1e12 * largest and predicted > 0):
                np.copyto(theta, before)
                return False
            state["damping"] *= state["growth"]
            state["growth"] *= 2
        least = np.finfo(theta.dtype).eps ** 2 * largest
        factor = max(1 / 3, 1 - (2 * ratio - 1) ** 3)
        state["damping"] = max(least, state["damping"] * factor)
        state["growth"] = 2.0
        return True


def _damped_step(G, gradient, damping):
    """Return the step and the fall in loss that the quadratic model predicts for it.

    Where rounding left the damped matrix not positive definite, the step is zero and
    the prediction infinite: no step keeps that promise, and more damping follows.
    """
    damped = G.copy()
    damped.flat[:: len(G) + 1] += damping
    step = solve_positive(damped, -gradient)
    if step is None:
        return np.zeros_like(gradient), math.inf
    return step, 0.5 * (damping * dot(step, step) - dot(step, gradient))
