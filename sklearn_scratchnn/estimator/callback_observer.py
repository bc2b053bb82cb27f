"""The epochs of a training as tasks of scikit-learn's callbacks (1.9 and later)."""

from copy import deepcopy

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
        self.model = model
        self.context = self.estimator._init_callback_context(max_subtasks=max_iter)
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch(self, epoch, run):
        """Report an epoch; stop where a callback asks for it.

        Begin and end are reported together at the end, as by scikit-learn's own L-BFGS:
        only the solver knows whether another epoch will begin.
        """
        self.model.make_resumable(run)
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
        self.model.make_resumable(run)
        self.context.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self._attributes(run),
        )

    def _attributes(self, run):
        now = self.model.attributes.of(run, run.result(), copy=False)
        if self.model.incremental:
            now["_training_state"] = deepcopy(self.model.state_for_partial_fit(run))
        return now
