"""What happens after every epoch: small observers, asked in turn.

`TrainingRun` hands each of them the `Epoch` that ended. An observer may add to it, take
note of it, and answers with a `Signal`. The strongest one reaches the solver; after a
`Signal.STOP` the others are not asked.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from .blas import dot
from .early_stopping import Best, Patience
from .signals import Outcome, Signal


@dataclass
class Epoch:
    """An epoch that ended.

    Parameters
    ----------
    number : int
        From 1; `partial_fit` counts on.
    loss : float
        The objective, penalty included.
    learning_rate : float
        Per update.
    gradient_norm, seconds : float
        The seconds since training began.
    validation_loss, validation_score : float, default=None
        On held-out rows; None where there are none.
    signal : Signal, default=Signal.CONTINUE
        The strongest of the answers so far.

    See Also
    --------
    Observer : Is given one after every epoch.

    Examples
    --------
    >>> from sklearn_scratchnn.training.observers import Epoch
    >>> epoch = Epoch(1, loss=0.7, learning_rate=0.1, gradient_norm=2.0, seconds=0.01)
    >>> epoch.signal.name, epoch.validation_loss
    ('CONTINUE', None)
    """

    number: int
    loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    validation_loss: float | None = None
    validation_score: float | None = None
    signal: Signal = Signal.CONTINUE


class Observer(ABC):
    """Is called after every epoch.

    Attributes
    ----------
    carried : tuple of str
        The attributes that a training which is resumed needs back.
    asks_for_state : bool
        Whether it may ask the run for its state, which then keeps what that needs.

    Examples
    --------
    >>> from sklearn_scratchnn.training.observers import Epoch, Observer
    >>> from sklearn_scratchnn.training.signals import Signal
    >>> class StopBelow(Observer):
    ...     def on_epoch(self, epoch, run):
    ...         return Signal.STOP if epoch.loss < 0.1 else Signal.CONTINUE
    >>> StopBelow().on_epoch(Epoch(1, 0.05, 0.01, 1.0, 0.2), run=None).name
    'STOP'
    """

    carried: tuple[str, ...] = ()
    asks_for_state = True

    @abstractmethod
    def on_epoch(self, epoch, run):
        """Take note of an epoch.

        Parameters
        ----------
        epoch : Epoch
        run : TrainingRun
            Not to be kept: it holds the observers.

        Returns
        -------
        Signal
            What the solver is to do.
        """


class HeldOutScore(Observer):
    """Measures the held-out rows.

    Parameters
    ----------
    objective : Objective
        Over the held-out rows, without penalty.
    score : callable, default=None
        ``score(run)`` is the score of the present parameters; None for minus the loss.
    """

    def __init__(self, objective, score=None):
        self.objective, self.score = objective, score

    def measure(self, run):
        """Return loss and score of the present parameters."""
        loss = float(self.objective.value())
        if self.score is None:
            return loss, -loss
        return loss, self.score(run) if math.isfinite(loss) else math.nan

    def on_epoch(self, epoch, run):
        """Write both into the epoch."""
        epoch.validation_loss, epoch.validation_score = self.measure(run)
        return Signal.CONTINUE


class Recorder(Observer):
    """Writes the history.

    Parameters
    ----------
    history : History
    """

    carried = ("history",)

    def __init__(self, history):
        self.history = history

    def on_epoch(self, epoch, run):
        """Add a row."""
        row = (
            epoch.number,
            epoch.loss,
            epoch.learning_rate,
            epoch.gradient_norm,
            epoch.seconds,
        )
        if epoch.validation_loss is not None:
            row += (epoch.validation_loss, epoch.validation_score)
        self.history.append(row)
        return Signal.CONTINUE


class Divergence(Observer):
    """Ends a training whose loss or weights left the finite numbers."""

    carried = ("found",)

    def __init__(self):
        self.found = False

    def on_epoch(self, epoch, run):
        """Stop where a number is not finite."""
        if math.isfinite(epoch.loss) and self._weights_are_finite(run):
            return Signal.CONTINUE
        self.found = True
        return Signal.STOP

    @staticmethod
    def _weights_are_finite(run):
        """Whether they are where a loss of theirs that is does not tell.

        An optimizer with a rate per weight can lose one that no output depends on.
        """
        theta = run.theta
        if not run.solver.stochastic or math.isfinite(dot(theta, theta)):
            return True
        return bool(np.isfinite(theta).all())


class LowestLoss(Observer):
    """Keeps the parameters that had the lowest training loss.

    Copies, never aliases, which a later epoch would change.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The parameters in training.
    """

    carried = ("best", "_entering")

    def __init__(self, theta):
        self.best, self._entering = Best(theta), theta.copy()

    def start_from(self, theta):
        """Keep the parameters that training starts from until an epoch is better."""
        self.theta[:] = self._entering[:] = theta

    @property
    def theta(self):
        """The parameters; before the first epoch those that training starts from."""
        return self.best.theta

    @property
    def loss(self):
        """Their loss; infinite before the first epoch."""
        return -self.best.score

    def on_epoch(self, epoch, run):
        """Keep the parameters that the reported loss is of."""
        best = self.best
        if not run.solver.reports_before_step:
            best.offer(-epoch.loss, run.theta)
            return Signal.CONTINUE
        if -epoch.loss > best.score:
            best.score = -epoch.loss
            best.theta, self._entering = self._entering, best.theta
        self._entering[:] = run.theta
        return Signal.CONTINUE


class BestScore(Best, Observer):
    """Keeps the parameters that had the best validation score.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The parameters in training.
    """

    carried = ("score", "theta")

    def on_epoch(self, epoch, run):
        """Keep the parameters if they are the best so far."""
        self.offer(epoch.validation_score, run.theta)
        return Signal.CONTINUE


class PlateauStop(Patience, Observer):
    """Asks for a lower learning rate, or an end, when a score has ceased to rise.

    It goes by the validation score, or by minus the training loss where there is none.

    Parameters
    ----------
    tol, n_epochs : float
        As of `Patience`.
    """

    carried = ("best", "count")

    def on_epoch(self, epoch, run):
        """Ask at the end of the patience."""
        score = epoch.validation_score
        if self.plateau(-epoch.loss if score is None else score):
            return Signal.REDUCE_LEARNING_RATE
        return Signal.CONTINUE


class Progress(Observer):
    """Prints what happens.

    Parameters
    ----------
    verbose : int
        1 prints at most ten epochs a second besides those that end a plateau, 2 or more
        every epoch.
    plateau : PlateauStop or None
        Whose plateaus are printed.
    """

    def __init__(self, verbose, plateau):
        self.verbose, self.plateau = verbose, plateau
        self._printed_at, self._waiting, self._reduced = -math.inf, None, False

    def on_epoch(self, epoch, run):
        """Print an epoch, where it is due, and a plateau."""
        if self._reduced:
            print(f"Setting learning rate to {epoch.learning_rate:g}")
        self._waiting = epoch
        self._reduced = epoch.signal is Signal.REDUCE_LEARNING_RATE
        due = self.verbose > 1 or perf_counter() - self._printed_at >= 0.1
        if due or self._reduced:
            self._print_epoch()
        if self._reduced:
            self._print_plateau(epoch)
        return Signal.CONTINUE

    def end(self, run):
        """Print the last epoch, and why training ended where that was not its plan."""
        self._print_epoch()
        if run.diverged or run.restored:
            print("Stopping: the loss or a weight is no longer finite.")
        elif run.outcome not in (None, Outcome.EXHAUSTED):
            print(f"Stopping: {run.outcome.value}.")

    def _print_epoch(self):
        """Print the newest epoch, unless that was done."""
        epoch, self._waiting = self._waiting, None
        if epoch is None:
            return
        self._printed_at = perf_counter()
        print(f"Iteration {epoch.number}, loss = {epoch.loss:.8f}")
        if epoch.validation_loss is not None:
            print(
                f"Validation score: {epoch.validation_score:.6f}, "
                f"validation loss = {epoch.validation_loss:.8f}"
            )

    def _print_plateau(self, epoch):
        measured = "Training loss"
        if epoch.validation_score is not None:
            measured = "Validation score"
        print(
            f"{measured} did not improve more than tol={self.plateau.tol:f} for more "
            f"than {self.plateau.n_epochs} consecutive epochs."
        )
