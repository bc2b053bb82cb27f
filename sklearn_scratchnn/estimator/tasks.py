"""A training's passes as tasks of scikit-learn's callbacks (1.9 and later)."""

from copy import deepcopy


class EpochTasks:
    """Reports one task a pass to the estimator's callbacks, if it has any.

    Parameters
    ----------
    estimator : ScratchMLPClassifier
    fit : Fit
    X, y : array-like
        The training data, as the callbacks shall see it.
    metadata : dict
    """

    def __init__(self, estimator, fit, X, y, metadata):
        self.estimator, self.fit = estimator, fit
        self.data = {"X": X, "y": y, "metadata": metadata}
        self.context = estimator._init_callback_context(max_subtasks=fit.plan.max_iter)
        self.context.call_on_fit_task_begin(estimator=estimator, **self.data)

    def on_epoch(self, training):
        """Report a pass; return whether a callback asks to stop.

        Begin and end are reported together at the end, as by scikit-learn's own L-BFGS:
        only the solver knows whether another pass will begin.
        """
        task = self.context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return task.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=self._now
        )

    def end(self):
        """Report the end of the fit."""
        self.context.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes=self._now
        )

    def _now(self):
        fit = self.fit
        now = fit.attributes(fit.training.result(), copy=False)
        if fit.carried is not None:
            now["_incremental"] = deepcopy(fit.to_carry())
        return now
