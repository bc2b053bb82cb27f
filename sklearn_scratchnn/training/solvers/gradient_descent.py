"""Gradient descent: one update of an optimizer a minibatch, or one for all rows."""

import math
from dataclasses import dataclass

import numpy as np

from ..blas import dot
from ..optimizers import Optimizer
from ..schedules import Schedule
from ..signals import Outcome, Signal
from .base import Solver


@dataclass(frozen=True)
class GradientDescent(Solver):
    """Minibatch descent: shuffle, then one update of the optimizer a batch.

    With ``batch_size=None`` a batch is everything, and an epoch is one update of the
    article's batch gradient descent.

    Parameters
    ----------
    optimizer : Optimizer
    schedule : Schedule
    rate : float
        Initial or highest learning rate per update.
    batch_size : int or None
        None for all the rows.
    max_iter : int
        Epochs at most.
    tol : float
        With ``batch_size=None``, a gradient no longer than this ends the run.
    shuffle : bool, default=True
        Whether each epoch visits the rows in a new order.
    max_grad_norm : float or None, default=None
        Longer gradients are shortened to it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> from sklearn_scratchnn.training.optimizers import SGD
    >>> from sklearn_scratchnn.training.schedules import Constant
    >>> from sklearn_scratchnn.training.signals import Signal
    >>> from sklearn_scratchnn.training.solvers.gradient_descent import GradientDescent
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_network((4, 3), [], "softmax_cross_entropy")
    >>> objective = Objective(network, make_sample(X, y, network.loss), penalty=0.01)
    >>> solver = GradientDescent(SGD(), Constant(), 0.01, None, max_iter=20, tol=0.0)
    >>> state = solver.init(objective)
    >>> solver.run(objective, state, lambda loss, rate, norm: Signal.CONTINUE).name
    'EXHAUSTED'
    >>> bool(objective.value() < np.log(3))
    True
    """

    reports_before_step = True

    optimizer: Optimizer
    schedule: Schedule
    rate: float
    batch_size: int | None
    max_iter: int
    tol: float
    shuffle: bool = True
    max_grad_norm: float | None = None

    @property
    def stochastic(self):
        """Whether a batch is less than everything."""
        return self.batch_size is not None

    def init(self, objective):
        """Return the state before the first epoch."""
        return {
            "epoch": 0,
            "updates": 0,
            "rate_factor": 1.0,
            "norm": math.inf,
            "optimizer": self.optimizer.init(objective.theta),
        }

    def run(self, objective, state, on_epoch, random_state=None):
        """Descend; see `Solver.run`. The norm is that of an epoch's first gradient."""
        signal, optimizer = state.pop("signal", Signal.CONTINUE), state["optimizer"]
        rule = objective.compile_rule(self.optimizer, optimizer)
        while (outcome := self._outcome(state, signal)) is None:
            try:
                loss, rate, norm = self._epoch(objective, state, rule, random_state)
            finally:
                if rule is not None and "t" in optimizer:
                    optimizer["t"] = rule.t
            state["norm"] = norm
            state["epoch"] += 1
            signal = on_epoch(loss, rate, norm)
        return outcome

    def _epoch(self, objective, state, rule, random_state):
        """Return loss, rate and norm of an epoch; in the core where there is a rule."""
        if not self.stochastic:
            return self._full_batch_epoch(objective, state, rule)
        order = objective.order(random_state if self.shuffle else None)
        return self._minibatch_epoch(objective, state, rule, order)

    def _outcome(self, state, signal):
        """Return why to end after an epoch, or None; lower the rate at a plateau."""
        if signal is Signal.STOP:
            return Outcome.STOPPED
        if signal is Signal.REDUCE_LEARNING_RATE and not self._lower_rate(state):
            return Outcome.CONVERGED
        if self.batch_size is None and state["norm"] <= self.tol:
            return Outcome.CONVERGED
        return Outcome.EXHAUSTED if state["epoch"] >= self.max_iter else None

    def _full_batch_epoch(self, objective, state, rule):
        rate, most = self._rate(state, self.max_iter), self.max_grad_norm
        state["updates"] += 1
        if rule is not None:
            loss, norm = objective.descend(rule, rate, most)
            return loss, rate, norm
        loss = objective.value_and_gradient()
        optimizer = self.optimizer, state["optimizer"]
        return loss, rate, _update(objective, *optimizer, rate, most, measure=True)

    def _minibatch_epoch(self, objective, state, rule, order):
        n_batches = -(-len(order) // self.batch_size)
        rates = np.empty(n_batches)
        for i in range(n_batches):
            rates[i] = self._rate(state, self.max_iter * n_batches)
            state["updates"] += 1
        settings = self.optimizer, state["optimizer"], self.max_grad_norm
        loss, norm = make_updates(objective, rule, order, rates, *settings)
        return loss + objective.penalty_value(), float(rates[0]), norm

    def _lower_rate(self, state):
        rate = self.schedule.after_plateau(self.rate * state["rate_factor"])
        if rate is None:
            return False
        state["rate_factor"] = rate / self.rate
        return True

    def _rate(self, state, n_updates):
        """Return the rate of the next update."""
        initial = self.rate * state["rate_factor"]
        return self.schedule.rate(initial, state["updates"], n_updates)


def make_updates(objective, rule, order, rates, optimizer, state, max_norm=None):
    """Update once for each minibatch: in the core where there is a rule.

    Parameters
    ----------
    objective : Objective
    rule : Rule or None
        From `Objective.compile_rule`.
    order : ndarray of int of shape (n_samples,)
        In which the rows are visited.
    rates : ndarray of shape (n_batches,)
    optimizer : Optimizer
    state : dict
        The optimizer's, changed in place.
    max_norm : float or None, default=None
        Longer gradients are shortened to it.

    Returns
    -------
    loss : float
        The mean over the rows, without penalty.
    norm : float
        Of the first gradient.
    """
    if rule is not None:
        return objective.update_batches(rule, order, len(rates), rates, max_norm)
    loss, first_norm = 0.0, None
    batches = objective.batches(order, len(rates))
    for rate, (X, Y, weight, ws) in zip(rates, batches):
        value = objective.batch_value_and_gradient(X, Y, weight, ws)
        loss += value * ws.n_rows
        measure = first_norm is None
        norm = _update(objective, optimizer, state, rate, max_norm, measure)
        first_norm = norm if measure else first_norm
    return loss / len(order), first_norm


def _update(objective, optimizer, state, rate, max_norm, measure):
    """Make one update; return the gradient's norm, where needed."""
    gradient, norm = objective.gradient.theta, None
    if measure or max_norm is not None:
        norm = math.sqrt(dot(gradient, gradient))
    if max_norm is not None and norm > max_norm:
        gradient *= max_norm / norm
    optimizer.step(objective.theta, gradient, state, rate, objective.n_weights)
    return norm
