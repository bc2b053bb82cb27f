"""Solvers: each walks theta downhill on an `Objective`, and reports after every pass.

``Solver.run(objective, state, on_epoch)`` calls ``on_epoch`` once a pass and does what
its answer says; history, verbose lines, callbacks, stopping and best parameters all
hang on that call and are the same for every solver. `SOLVERS` at the end names them.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from itertools import count

import numpy as np

from ..network.backend import dot, solve_positive
from ..network.curvature import curvature
from .optimizers import OPTIMIZERS, Optimizer
from .schedules import Schedule

LBFGS_PAIRS = 20  # with SciPy's 10, small networks often need more passes
JOURNAL_BYTES = 2**26  # a file of that size is still written in a fraction of a second


class Answer(Enum):
    """What a solver is told after a pass."""

    GO_ON = 0
    PLATEAU = 1
    STOP = 2


GO_ON, PLATEAU, STOP = Answer


class Outcome(Enum):
    """Why a solver returned."""

    CONVERGED = "converged"
    STOPPED = "a callback asked for it"
    EXHAUSTED = "reached the planned number of passes"
    OUT_OF_EVALUATIONS = "reached max_fun evaluations of the loss"
    STUCK = "found no further descent"


class Solver(ABC):
    """A way to minimise an objective.

    Attributes
    ----------
    stochastic : bool
        Whether updates see minibatches.
    reports_before_step : bool
        Whether the loss reported for a pass is that of the parameters it began with.

    Examples
    --------
    >>> from sklearn_scratchnn.training.solvers import SOLVERS
    >>> sorted(SOLVERS)
    ['adam', 'adamw', 'gauss_newton', 'gd', 'lbfgs', 'sgd']
    """

    stochastic = False
    reports_before_step = False

    def init(self, objective):
        """Return the state before the first pass.

        Parameters
        ----------
        objective : Objective
            That will be minimised.

        Returns
        -------
        dict
            Of arrays and numbers; what `run` goes on from, and changes.
        """
        return {"epoch": 0}

    @abstractmethod
    def run(self, objective, state, on_epoch):
        """Run until told to stop, converged, or out of passes.

        Parameters
        ----------
        objective : Objective
            Its ``theta`` is changed in place.
        state : dict
            From `init`, or as an earlier run left it.
        on_epoch : callable
            ``on_epoch(loss, rate, gradient_norm)`` returns an `Answer`.

        Returns
        -------
        Outcome
            Why it ended.
        """


@dataclass(frozen=True)
class GradientDescent(Solver):
    """Minibatch descent: shuffle, then one update of the rule a batch.

    With ``batch_size=None`` a batch is everything, and a pass is one update of the
    article's batch gradient descent.

    Parameters
    ----------
    rule : Optimizer
    schedule : Schedule
    rate : float
        Initial or highest learning rate per update.
    batch_size : int or None
        None for all the rows.
    max_iter : int
        Passes at most.
    tol : float
        With ``batch_size=None``, a gradient no longer than this ends the run.
    shuffle : bool, default=True
        Whether each pass visits the rows in a new order.
    max_grad_norm : float or None, default=None
        Longer gradients are shortened to it.
    random_state : numpy.random.RandomState, default=None
        Draws the orders; not needed without shuffling.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.estimator.assembly import make_network, make_objective
    >>> from sklearn_scratchnn.data.inputs import make_sample
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> from sklearn_scratchnn.training.optimizers import SGD
    >>> from sklearn_scratchnn.training.schedules import Constant
    >>> from sklearn_scratchnn.training.solvers import GO_ON, GradientDescent
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, np.arange(3), None)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> objective = make_objective(network, layers, sample, None, penalty=0.01)
    >>> solver = GradientDescent(SGD(), Constant(), 0.01, None, max_iter=20, tol=0.0)
    >>> state = solver.init(objective)
    >>> solver.run(objective, state, lambda loss, rate, norm: GO_ON).name
    'EXHAUSTED'
    >>> bool(objective.value() < np.log(3))
    True
    """

    reports_before_step = True

    rule: Optimizer
    schedule: Schedule
    rate: float
    batch_size: int | None
    max_iter: int
    tol: float
    shuffle: bool = True
    max_grad_norm: float | None = None
    random_state: np.random.RandomState | None = None

    @property
    def stochastic(self):
        """Whether a batch is less than everything."""
        return self.batch_size is not None

    def init(self, objective):
        """Return the state before the first pass."""
        return {
            "epoch": 0,
            "updates": 0,
            "rate_factor": 1.0,
            "norm": math.inf,
            "rule": self.rule.init(objective.theta),
        }

    def run(self, objective, state, on_epoch):
        """Descend; see `Solver.run`. The norm is that of a pass's first gradient."""
        one_pass = self._stochastic_pass if self.stochastic else self._full_pass
        answer = state.pop("answer", GO_ON)
        while (outcome := self._outcome(state, answer)) is None:
            loss, rate, state["norm"] = one_pass(objective, state)
            state["epoch"] += 1
            answer = on_epoch(loss, rate, state["norm"])
        return outcome

    def _outcome(self, state, answer):
        """Return why to end after a pass, or None; lower the rate at a plateau."""
        if answer is STOP:
            return Outcome.STOPPED
        if answer is PLATEAU and not self._lower_rate(state):
            return Outcome.CONVERGED
        if self.batch_size is None and state["norm"] <= self.tol:
            return Outcome.CONVERGED
        return Outcome.EXHAUSTED if state["epoch"] >= self.max_iter else None

    def _full_pass(self, objective, state):
        loss = objective.value_and_gradient()
        norm, rate = self._update(objective, state, self.max_iter, measure=True)
        return loss, rate, norm

    def _stochastic_pass(self, objective, state):
        n = objective.n_samples
        order = self.random_state.permutation(n) if self.shuffle else np.arange(n)
        n_updates = self.max_iter * -(-n // self.batch_size)
        loss, norm = 0.0, None
        for X, Y, weight, ws in objective.batches(order, self.batch_size):
            value = objective.batch_value_and_gradient(X, Y, weight, ws)
            loss += value * len(weight)
            if norm is None:
                norm, rate = self._update(objective, state, n_updates, measure=True)
            else:
                self._update(objective, state, n_updates)
        return loss / n + objective.penalty_value(), rate, norm

    def _lower_rate(self, state):
        rate = self.schedule.after_plateau(self.rate * state["rate_factor"])
        if rate is None:
            return False
        state["rate_factor"] = rate / self.rate
        return True

    def _update(self, objective, state, n_updates, measure=False):
        """Make one update; return the gradient's norm, where needed, and the rate."""
        gradient, most, norm = objective.gradient.theta, self.max_grad_norm, None
        rate = self.schedule.rate(
            self.rate * state["rate_factor"], state["updates"], n_updates
        )
        if measure or most is not None:
            norm = math.sqrt(dot(gradient, gradient))
        if most is not None and norm > most:
            gradient *= most / norm
        self.rule.step(
            objective.theta, gradient, state["rule"], rate, objective.n_weights
        )
        state["updates"] += 1
        return norm, rate


@dataclass(frozen=True)
class LBFGS(Solver):
    """Limited-memory BFGS (Liu and Nocedal, 1989) as SciPy has it.

    SciPy computes in float64 whatever the objective's dtype. It keeps its memory of the
    earlier passes to itself, but from the same start, with the same values and
    gradients, it walks the same way: an interrupted run is made again from its start,
    and says nothing of the passes that it reported before. For that a state that is
    ``"resumable"`` has a journal of what was computed, up to `JOURNAL_BYTES`; what
    comes after is computed again.

    Parameters
    ----------
    max_iter : int
        Passes at most.
    max_fun : int
        Evaluations of the objective at most.
    tol : float
        A gradient whose largest entry is no more than this ends the run.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.estimator.assembly import make_network, make_objective
    >>> from sklearn_scratchnn.data.inputs import make_sample
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> from sklearn_scratchnn.training.solvers import GO_ON, LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, np.arange(3), None)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> objective = make_objective(network, layers, sample, None, penalty=0.01)
    >>> solver = LBFGS(max_iter=200, max_fun=1000, tol=1e-3)
    >>> state = solver.init(objective)
    >>> solver.run(objective, state, lambda loss, rate, norm: GO_ON).name
    'CONVERGED'
    >>> bool(objective.value() < np.log(3))
    True
    """

    max_iter: int
    max_fun: int
    tol: float

    def init(self, objective):
        """Return the state before the first pass."""
        return {"epoch": 0, "resumable": False, "journal": [], "outcome": None}

    def run(self, objective, state, on_epoch):
        """Minimise; see `Solver.run`. Losses and gradients are those after the pass."""
        from scipy.optimize import minimize

        theta, gradient = objective.theta, objective.gradient.theta
        answer, passes = state.pop("answer", GO_ON), count(1)
        if (outcome := self._outcome(state, answer)) is not None:
            return outcome

        def report(intermediate_result):
            nonlocal answer
            if next(passes) <= state["epoch"]:
                return
            theta[:] = intermediate_result["x"]
            state["epoch"] += 1
            norm = math.sqrt(dot(gradient, gradient))
            answer = on_epoch(float(intermediate_result["fun"]), 1.0, norm)
            if answer is not GO_ON:
                raise StopIteration

        value, gradient_there = self._evaluators(objective, state)
        result = minimize(
            value,
            state.setdefault("start", theta.astype(np.float64)),
            method="L-BFGS-B",
            jac=gradient_there,
            callback=report,
            options=self._options(theta),
        )
        theta[:] = result.x
        if answer is GO_ON:
            full = state["epoch"] >= self.max_iter
            limit = Outcome.EXHAUSTED if full else Outcome.OUT_OF_EVALUATIONS
            ends = Outcome.CONVERGED, limit, Outcome.STUCK
            state["outcome"] = ends[result.status]
        return self._outcome(state, answer)

    def _evaluators(self, objective, state):
        """Return the value, and the gradient where the value was asked for last.

        Both as functions of theta, and from the journal if they are there. SciPy asks
        for the gradient after the value at the same theta; where one function returns
        both, it first compares the two thetas, in half the time of a small network.
        """
        theta, gradient = objective.theta, objective.gradient.theta
        journal, evaluations = state["journal"], count()
        room = JOURNAL_BYTES // gradient.nbytes if state["resumable"] else 0

        latest = gradient

        def value(x):
            nonlocal latest
            i = next(evaluations)
            if i < len(journal):
                value, entry = journal[i]
                latest = np.frombuffer(entry, gradient.dtype)
                return value
            theta[:] = x
            value, latest = objective.value_and_gradient(), gradient
            if i < room:
                # Bytes, which cannot change: a deep copy of the state shares them.
                journal.append((value, gradient.tobytes()))
            return value

        return value, lambda x: latest.astype(np.float64)

    def _options(self, theta):
        return {
            "maxiter": self.max_iter,
            "maxfun": self.max_fun,
            "gtol": self.tol,
            "ftol": 64 * np.finfo(theta.dtype).eps,
            "maxls": 50,
            # More pairs than parameters say nothing new, and cost time at every pass.
            "maxcor": min(LBFGS_PAIRS, len(theta)),
        }

    def _outcome(self, state, answer):
        """Return why to end, or None."""
        if answer is GO_ON:
            return state["outcome"]
        return Outcome.STOPPED if answer is STOP else Outcome.CONVERGED


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
        Passes at most.
    tol : float
        A gradient no longer than this ends the run.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.estimator.assembly import make_network, make_objective
    >>> from sklearn_scratchnn.data.inputs import make_sample
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> from sklearn_scratchnn.training.solvers import GO_ON, GaussNewton
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, np.arange(3), None)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> objective = make_objective(network, layers, sample, None, penalty=0.01)
    >>> solver = GaussNewton(max_iter=50, tol=1e-3)
    >>> state = solver.init(objective)
    >>> solver.run(objective, state, lambda loss, rate, norm: GO_ON).name
    'CONVERGED'
    >>> bool(objective.value() < np.log(3))
    True
    """

    max_iter: int
    tol: float

    def run(self, objective, state, on_epoch):
        """Minimise; see `Solver.run`. Losses and gradients are those after the pass."""
        theta, gradient = objective.theta, objective.gradient.theta
        loss, G = curvature(objective)
        state.setdefault("damping", 1e-3 * float(G.diagonal().max()))
        answer = state.pop("answer", GO_ON)
        while (outcome := self._outcome(state, answer)) is None:
            if not self._step(objective, state, loss, G):
                return Outcome.CONVERGED
            previous = loss
            loss, G = curvature(objective)
            state["epoch"] += 1
            state["norm"] = math.sqrt(dot(gradient, gradient))
            least = 64 * np.finfo(theta.dtype).eps * abs(loss)
            state["settled"] = bool(previous - loss <= least)
            answer = on_epoch(loss, 1.0, state["norm"])
        return outcome

    def init(self, objective):
        """Return the state before the first pass."""
        return {"epoch": 0, "growth": 2.0, "norm": math.inf, "settled": False}

    def _outcome(self, state, answer):
        """Return why to end after a pass, or None."""
        if answer is STOP:
            return Outcome.STOPPED
        if answer is PLATEAU or state["norm"] <= self.tol or state["settled"]:
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


SOLVERS = {"gd": GradientDescent, "lbfgs": LBFGS, "gauss_newton": GaussNewton}
SOLVERS |= dict.fromkeys(OPTIMIZERS, GradientDescent)
