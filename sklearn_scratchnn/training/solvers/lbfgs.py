"""L-BFGS, SciPy's, on the full batch."""

import math
from dataclasses import dataclass
from itertools import count

import numpy as np

from ..blas import dot
from ..signals import Outcome, Signal
from .base import Solver

LBFGS_PAIRS = 20  # with SciPy's 10, small networks often need more epochs
JOURNAL_BYTES = 2**26  # a file of that size is still written in a fraction of a second


@dataclass(frozen=True)
class LBFGS(Solver):
    """Limited-memory BFGS (Liu and Nocedal, 1989) as SciPy has it.

    SciPy computes in float64 whatever the objective's dtype. It keeps its memory of the
    earlier epochs to itself, but from the same start, with the same values and
    gradients, it walks the same way: an interrupted run is made again from its start,
    and says nothing of the epochs that it reported before. For that a state that is
    ``"resumable"`` has a journal of what was computed, up to `JOURNAL_BYTES`; what
    comes after is computed again.

    Parameters
    ----------
    max_iter : int
        Epochs at most.
    max_fun : int
        Evaluations of the objective at most.
    tol : float
        A gradient whose largest entry is no more than this ends the run.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> from sklearn_scratchnn.training.signals import Signal
    >>> from sklearn_scratchnn.training.solvers.lbfgs import LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_network((4, 3), [], "softmax_cross_entropy")
    >>> objective = Objective(network, make_sample(X, y, network.loss), penalty=0.01)
    >>> solver = LBFGS(max_iter=200, max_fun=1000, tol=1e-3)
    >>> state = solver.init(objective)
    >>> solver.run(objective, state, lambda loss, rate, norm: Signal.CONTINUE).name
    'CONVERGED'
    >>> bool(objective.value() < np.log(3))
    True
    """

    monotone = True

    max_iter: int
    max_fun: int
    tol: float

    def init(self, objective):
        """Return the state before the first epoch."""
        return {"epoch": 0, "resumable": False, "journal": [], "outcome": None}

    def run(self, objective, state, on_epoch, random_state=None):
        """Minimise; see `Solver.run`. Losses and gradients are those after an epoch."""
        from scipy.optimize import minimize

        theta, gradient = objective.theta, objective.gradient.theta
        signal, epochs = state.pop("signal", Signal.CONTINUE), count(1)
        if (outcome := self._outcome(state, signal)) is not None:
            return outcome

        def report(intermediate_result):
            nonlocal signal
            if next(epochs) <= state["epoch"]:
                return
            theta[:] = intermediate_result["x"]
            state["epoch"] += 1
            norm = math.sqrt(dot(gradient, gradient))
            signal = on_epoch(float(intermediate_result["fun"]), 1.0, norm)
            if signal is not Signal.CONTINUE:
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
        if signal is Signal.CONTINUE:
            full = state["epoch"] >= self.max_iter
            limit = Outcome.EXHAUSTED if full else Outcome.OUT_OF_EVALUATIONS
            ends = Outcome.CONVERGED, limit, Outcome.LINE_SEARCH_FAILED
            state["outcome"] = ends[result.status]
        return self._outcome(state, signal)

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
            # More pairs than parameters say nothing new, and cost time at every epoch.
            "maxcor": min(LBFGS_PAIRS, len(theta)),
        }

    def _outcome(self, state, signal):
        """Return why to end, or None."""
        if signal is Signal.CONTINUE:
            return state["outcome"]
        return Outcome.STOPPED if signal is Signal.STOP else Outcome.CONVERGED
