"""A training on a part of the rows, and a last step on all of them.

The rows that are held out tell the temperature of a network that was trained to its
end. What they could still teach, the last sixth of the epochs brings in, at a small
rate; a second training from the start would take all of them again.
"""

from dataclasses import dataclass, replace

from ..objective import Objective
from ..signals import Outcome
from .base import Solver
from .gradient_descent import GradientDescent

SHARE = 1 / 6  # of the epochs
RATE = 0.1  # of the rate


@dataclass(frozen=True)
class LastStep(Solver):
    """Gradient descent on some of the rows, then on all of the objective's.

    Parameters
    ----------
    solver : GradientDescent
        Its epochs, two at least, are divided among the two.
    part : Objective
        Of the same network, over some of the rows.
    on_part_trained : callable
        Called without arguments in between.

    Attributes
    ----------
    solver, part, on_part_trained
        As given.
    """

    stochastic = True
    reports_before_step = True

    solver: GradientDescent
    part: Objective
    on_part_trained: object

    @property
    def _n_last(self):
        """Epochs of the last step."""
        return max(1, round(SHARE * self.solver.max_iter))

    def rows_seen(self, objective, n_epochs):
        """Return how many rows so many epochs visit; see `Solver.rows_seen`."""
        n_first = min(n_epochs, self.solver.max_iter - self._n_last)
        n_last = n_epochs - n_first
        return n_first * self.part.n_samples + n_last * objective.n_samples

    def init(self, objective):
        """Return the state before the first epoch."""
        return {"step": 0, "inner": self.solver.init(objective)}

    def run(self, objective, state, on_epoch, random_state=None):
        """Descend on the part, then on all; see `Solver.run`."""
        inner = state["inner"]
        if "signal" in state:
            inner["signal"] = state.pop("signal")
        n_first = self.solver.max_iter - self._n_last
        if state["step"] == 0:
            first = replace(self.solver, max_iter=n_first)
            outcome = first.run(self.part, inner, on_epoch, random_state)
            if outcome is Outcome.STOPPED:
                return outcome
            self.on_part_trained()
            state["step"] = 1
            inner |= {"epoch": 0, "updates": 0}
        last = replace(self.solver, max_iter=self._n_last)
        if last.schedule.planned:
            last = replace(last, rate=RATE * last.rate)
        return last.run(objective, inner, on_epoch, random_state)
