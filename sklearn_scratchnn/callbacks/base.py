"""The protocol of scikit-learn's callbacks, and what several of ours need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.metrics import check_scoring

if TYPE_CHECKING:
    from .._typing import CallbackContext


class Callback:
    """The protocol's hooks; each does nothing."""

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin a fit of ``estimator``.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """End a fit of ``estimator``, however it ended.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """

    def on_fit_task_begin(self, estimator: Any, context: CallbackContext) -> None:
        """Begin a task of the fit, such as an epoch.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the task.
        """

    def on_fit_task_end(self, estimator: Any, context: CallbackContext) -> bool | None:
        """End a task of the fit.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the task.

        Returns
        -------
        bool or None
            A true answer asks to go no further.
        """


class NamedScores:
    """Scores a fitted estimator; the answer is a dict whatever ``scoring`` is.

    Parameters
    ----------
    scoring : str, callable, list, tuple, dict or None
        As `sklearn.metrics.check_scoring` takes it.
    """

    def __init__(self, scoring: Any) -> None:
        self.scoring = scoring

    def __call__(
        self, estimator: Any, X: Any, y: Any, **metadata: Any
    ) -> dict[str, float]:
        """Return a dict of scores, each under its name; ``score`` where it has none."""
        scores = check_scoring(estimator, self.scoring)(estimator, X, y, **metadata)
        if isinstance(scores, dict):
            return scores
        return {self.scoring if isinstance(self.scoring, str) else "score": scores}


def is_whole_fit(context: CallbackContext) -> bool:
    """Return whether a task is the whole fit of the estimator with the callback."""
    return context.parent is None or context.source_estimator_name is not None
