"""The epochs of a training as tasks of scikit-learn's callbacks (1.9 and later)."""

from copy import copy, deepcopy
from threading import Lock

from .._compat import has_callbacks
from ..training.observers import Observer
from ..training.signals import Signal


def callback_observer(estimator, X, y, sample_weight):
    """Return a `CallbackObserver`, or None where no callbacks are set."""
    if not has_callbacks(estimator):
        return None
    return CallbackObserver(estimator, X, y, sample_weight)


class CallbackObserver(Observer):
    """Reports one task an epoch to the estimator's callbacks.

    Parameters
    ----------
    estimator : estimator
    X, y : array-like
        The training data, as the callbacks shall see it.
    sample_weight : array-like or None
    """

    def __init__(self, estimator, X, y, sample_weight):
        weighted = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator = estimator
        self.data = {"X": X, "y": y, "metadata": weighted}
        self.model = self.context = None

    def begin(self, model, max_iter):
        """Report the beginning of the fit.

        Parameters
        ----------
        model : Fit
            Knows the fitted attributes.
        max_iter : int
        """
        self.model, self.context = model, self._context(max_iter)
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def _context(self, max_iter):
        return self.estimator._init_callback_context(max_subtasks=max_iter)

    def on_epoch(self, epoch, run):
        """Report an epoch; stop where a callback asks for it.

        Begin and end are reported together at the end, as by scikit-learn's own L-BFGS:
        only the solver knows whether another epoch will begin.
        """
        self._make_resumable(run)
        task = self.context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        stop = task.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self._attributes(run),
        )
        return Signal.STOP if stop else Signal.CONTINUE

    def end(self, run):
        """Report the end of the fit."""
        self._make_resumable(run)
        self.context.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self._attributes(run),
        )

    def _make_resumable(self, run):
        """Let a checkpoint ask for the state of the training."""
        self.model.make_resumable(run)

    def _attributes(self, run):
        now = self.model.attributes.of(run, run.result(), copy=False)
        if self.model.incremental:
            now["_training_state"] = deepcopy(self.model.state_for_partial_fit(run))
        return now


def ensemble_observer(estimator, X, y, sample_weight, n_members):
    """Return an `EnsembleObserver`, or None where no callbacks are set."""
    if not has_callbacks(estimator):
        return None
    return EnsembleObserver(estimator, X, y, sample_weight, n_members)


class EnsembleObserver:
    """Reports the fit of an ensemble, with a task for each member.

    Parameters
    ----------
    estimator : estimator
        The ensemble.
    X, y : array-like
        The training data, as the callbacks shall see it.
    sample_weight : array-like or None
    n_members : int
    """

    def __init__(self, estimator, X, y, sample_weight, n_members):
        self._observed = CallbackObserver(estimator, X, y, sample_weight)
        self.context = estimator._init_callback_context(
            max_subtasks=n_members, sequential_subtasks=False
        )
        self._lock = Lock()
        self.context.call_on_fit_task_begin(estimator=estimator, **self._observed.data)

    def of_member(self, number):
        """Return the observer of a member's training."""
        return MemberObserver(self._observed, self.context, number, self._lock)

    def end(self, attributes):
        """Report the end of the fit.

        Parameters
        ----------
        attributes : dict
            The ensemble's fitted ones.
        """
        estimator, data = self._observed.estimator, self._observed.data
        self.context.call_on_fit_task_end(
            estimator=estimator, **data, reconstruction_attributes=attributes
        )


class MemberObserver(CallbackObserver):
    """Reports the training of one member to the ensemble's callbacks.

    Members may train side by side; callbacks are called one at a time. What they see as
    fitted during a training is an ensemble of this one member.

    Parameters
    ----------
    observed : CallbackObserver
        Of the ensemble.
    parent : CallbackContext
        Of the ensemble's fit.
    number : int
        Of the member.
    lock : Lock
    """

    asks_for_state = False

    def __init__(self, observed, parent, number, lock):
        self.estimator, self.data = observed.estimator, observed.data
        self.model = self.context = None
        self._parent, self._number, self._lock = parent, number, lock

    def begin(self, model, max_iter):
        """Report the beginning of the member's training."""
        with self._lock:
            super().begin(model, max_iter)

    def _context(self, max_iter):
        return self._parent.subcontext("member", self._number, max_subtasks=max_iter)

    def on_epoch(self, epoch, run):
        """Report an epoch; stop the member's training where a callback asks for it."""
        with self._lock:
            return super().on_epoch(epoch, run)

    def end(self, run):
        """Report the end of the member's training."""
        with self._lock:
            super().end(run)

    def _make_resumable(self, run):
        pass  # an ensemble's fit is begun anew

    def _attributes(self, run):
        member = copy(self.model.estimator)
        vars(member).update(self.model.attributes.of(run, run.result(), copy=False))
        return self.estimator._fitted_by([member])
