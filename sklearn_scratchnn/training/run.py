"""A training as it runs: solver, objective and observers joined."""

import copy
import math
from dataclasses import replace
from time import perf_counter

import numpy as np

from .history import History
from .observers import (
    BestScore,
    Divergence,
    Epoch,
    LowestLoss,
    PlateauStop,
    Progress,
    Recorder,
)
from .penalty_search.temperature import best_temperature
from .signals import Signal
from .solvers.last_step import LastStep
from .state import TrainingState

LARGE = 1e6  # parameters of this size are looked at twice


class TrainingRun:
    """One run of a solver, observed.

    Parameters
    ----------
    objective : Objective
        Its parameters are trained in place.
    solver : Solver
    random_state : numpy.random.RandomState, default=None
        Draws the order of the rows; not needed by solvers of the full batch.
    choice : Choice, default=None
        The penalty, and what was chosen with it.
    standardizer : Standardizer, default=None
        How the rows are scaled.
    held_out : HeldOutScore, default=None
        Measures held-out rows after every epoch; None where there are none.
    keep_best : bool, default=False
        Whether the parameters with the best validation score are the result.
    patience : tuple of (tol, n_epochs), default=None
        As of `PlateauStop`; None for no end at a plateau.
    verbose : int, default=0
        As of `Progress`.
    observers : sequence of Observer, default=()
        Asked last.
    first_epoch : int, default=0
        Epochs made before, which the numbers go on from.

    Attributes
    ----------
    history : History
    choice, standardizer
        As given.
    outcome : Outcome or None
        Why it ended. None while running, and after an interruption.
    restored : bool
        Whether the last step left the finite numbers, unseen by any loss, and better
        parameters were put back.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.network import make_network
    >>> from sklearn_scratchnn.training.objective import Objective
    >>> from sklearn_scratchnn.training.run import TrainingRun
    >>> from sklearn_scratchnn.training.solvers.lbfgs import LBFGS
    >>> X, y = load_iris(return_X_y=True)
    >>> network = make_network((4, 3), [], "softmax_cross_entropy")
    >>> objective = Objective(network, make_sample(X, y, network.loss), penalty=0.01)
    >>> run = TrainingRun(objective, LBFGS(200, 1000, tol=1e-3))
    >>> run.train()
    >>> run.outcome.name
    'CONVERGED'
    >>> losses = run.history.column("loss")
    >>> losses[-1] < losses[0]
    True
    """

    def __init__(
        self,
        objective,
        solver,
        random_state=None,
        *,
        choice=None,
        standardizer=None,
        held_out=None,
        keep_best=False,
        patience=None,
        verbose=0,
        observers=(),
        first_epoch=0,
    ):
        self.objective, self.solver = objective, solver
        self.network, self.theta = objective.network, objective.theta
        self.random_state, self.held_out = random_state, held_out
        self.keep_best = keep_best and held_out is not None
        self.choice, self.standardizer = choice, standardizer
        self.outcome, self.restored, self.signal = None, False, Signal.CONTINUE
        self.epoch = first_epoch
        self._newest = self.theta
        self._started = perf_counter()
        self._recorder = Recorder(History(validated=held_out is not None))
        self._divergence, self.lowest = Divergence(), LowestLoss(self.theta)
        plateau = None if patience is None else PlateauStop(*patience)
        self._progress = Progress(verbose, plateau) if verbose else None
        self.best = BestScore(self.theta) if held_out is not None else None
        self._resumable = any(observer.asks_for_state for observer in observers)
        asked = (
            held_out,
            self._recorder,
            self._divergence,
            self.lowest,
            self.best,
            plateau,
            self._progress,
            *observers,
        )
        self.observers = [observer for observer in asked if observer is not None]
        self.solver_state = solver.init(objective)
        self.solver_state["resumable"] = self._resumable

    def solve_part_first(self, part, held_out):
        """Train on a part of the rows, calibrate on the others, and end on all.

        Parameters
        ----------
        part, held_out : Objective
            Of the same network.
        """
        self.solver = LastStep(self.solver, part, lambda: self.calibrate(held_out))
        self.solver_state = self.solver.init(self.objective)

    def calibrate(self, held_out):
        """Set the temperature to the best for some rows.

        Parameters
        ----------
        held_out : Objective
            Of the same network.
        """
        with np.errstate(all="ignore"):
            outputs = held_out.outputs()
            temperature = best_temperature(self.network.loss, *outputs)
        self.choice = replace(self.choice, temperature=temperature)

    @property
    def history(self):
        """What the recorder wrote."""
        return self._recorder.history

    @property
    def diverged(self):
        """Whether the loss or a weight left the finite numbers."""
        return self._divergence.found

    def train(self):
        """Run the solver; leave the result in the network's parameters.

        A KeyboardInterrupt goes on after the best parameters so far were put there.
        """
        if len(self.history) == 0:
            self.lowest.start_from(self.theta)
        finished = False
        try:
            with np.errstate(all="ignore"):
                self.outcome = self.solver.run(
                    self.objective, self.solver_state, self.on_epoch, self.random_state
                )
            finished = True
        finally:
            self._restore_best(finished)

    def count_start_as_candidate(self):
        """Let the parameters that training starts from be the best, if they are."""
        if self.keep_best and len(self.history) == 0:
            with np.errstate(all="ignore"):
                _, score = self.held_out.measure(self)
            self.best.offer(score, self.theta)

    def on_epoch(self, loss, rate, gradient_norm):
        """Ask the observers; return the strongest answer.

        Parameters
        ----------
        loss : float
            The objective, penalty included.
        rate : float
            Learning rate per update.
        gradient_norm : float

        Returns
        -------
        Signal
            For the solver.
        """
        self.epoch += 1
        self.signal = Signal.CONTINUE
        seconds = perf_counter() - self._started
        epoch = Epoch(self.epoch, loss, rate, gradient_norm, seconds)
        for observer in self.observers:
            signal = observer.on_epoch(epoch, self)
            if signal is Signal.STOP:
                return signal
            if signal is not Signal.CONTINUE:
                self.signal = epoch.signal = signal
        return epoch.signal

    def result(self):
        """Return the parameters as they would be if training ended now.

        Returns
        -------
        ndarray of shape (n_parameters,)
            No copy. Finite ones: those of the lowest loss, where training diverged.
        """
        if self.keep_best and self.best.found:
            return self.best.theta
        if self.diverged or not self._is_finite():
            return self.lowest.theta
        return self.theta

    def _is_finite(self):
        """Whether parameters and loss are; the last step's loss was not seen."""
        largest = np.abs(self.theta).max()
        if largest < LARGE:
            return True
        with np.errstate(all="ignore"):
            return math.isfinite(largest) and math.isfinite(self.objective.value())

    def _restore_best(self, finished):
        result = self.result()
        self.restored = len(self.history) > 0 and result is self.lowest.theta
        if result is self.theta and not finished:
            result = self.lowest.theta
        if self.keep_best and self._resumable:
            self._newest = self.theta.copy()
        np.copyto(self.theta, result)
        if self._progress is not None:
            self._progress.end(self)

    def state(self):
        """Return all that this training needs to go on after an epoch.

        Returns
        -------
        TrainingState
            A deep copy, for `restore`.
        """
        masks = self.objective.draw_mask
        signal = Signal.STOP if self.diverged else self.signal
        return copy.deepcopy(
            TrainingState(
                purpose="resume",
                solver=self.solver_state | {"signal": signal},
                random_state=self.random_state.get_state(legacy=False),
                observers={"run": {"epoch": self.epoch}, **self.carried()},
                theta=self._newest,
                masks=masks and masks.generator.bit_generator.state,
                seconds=perf_counter() - self._started,
                choice=self.choice,
            )
        )

    def carried(self):
        """Return what each observer carries.

        Returns
        -------
        dict of dict
            By the names of the observers' classes, then of their attributes. No copies.
        """
        return {
            type(observer).__name__: {
                name: getattr(observer, name) for name in observer.carried
            }
            for observer in self.observers
            if observer.carried
        }

    def restore(self, state):
        """Go on from what an earlier training left.

        Parameters
        ----------
        state : TrainingState
            Left as it is.
        """
        state = copy.deepcopy(state)
        self.solver_state = state.solver | {"resumable": self._resumable}
        vars(self).update(state.observers.pop("run", {}))
        for observer in self.observers:
            vars(observer).update(state.observers.get(type(observer).__name__, {}))
        if state.theta is not None:
            np.copyto(self.theta, state.theta)
        if state.masks:
            self.objective.draw_mask.generator.bit_generator.state = state.masks
        if isinstance(state.random_state, dict):
            self.random_state.set_state(state.random_state)
        self._started = perf_counter() - state.seconds
