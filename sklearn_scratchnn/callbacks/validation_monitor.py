"""`ValidationMonitor`: a log of scores on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from .._typing import Rows
from .base import Callback, NamedScores

if TYPE_CHECKING:
    from .._typing import CallbackContext


class ValidationMonitor(Callback):
    """Logs scores on held-out rows after every task of a fit, such as an epoch.

    What `sklearn.callback.ScoringMonitor` is for the training rows. Needs
    scikit-learn 1.9. In a search or an ensemble with worker processes the scores come
    back to the callback in the main process.

    Parameters
    ----------
    X_val : array-like of shape (n_samples, n_features)
        As the estimator's own ``predict`` takes it: inside a pipeline, what the steps
        before it would hand on.
    y_val : array-like of shape (n_samples,) or (n_samples, n_outputs)
    scoring : str, callable, list, tuple, dict or None, default=None
        One or several scores, as `sklearn.metrics.check_scoring` takes them. None is
        the estimator's own ``score``.
    sample_weight_val : array-like of shape (n_samples,), default=None

    Raises
    ------
    ImportError
        If scikit-learn is older than 1.9.

    See Also
    --------
    EarlyStopping : Ends a fit by such a score.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_scratchnn.callbacks import ValidationMonitor
    >>> X, X_val, y, y_val = train_test_split(
    ...     *load_iris(return_X_y=True), random_state=0)
    >>> monitor = ValidationMonitor(X_val, y_val, scoring="neg_log_loss")
    >>> _ = LogisticRegression().set_callbacks(monitor).fit(X, y)
    >>> scores = [row["neg_log_loss"] for row in monitor.get_logs().data]
    >>> scores[-1] > scores[1]
    True
    """

    def __init__(
        self,
        X_val: Rows,
        y_val: Rows,
        scoring: str
        | Callable[..., Any]
        | list[str]
        | tuple[str, ...]
        | dict[str, Any]
        | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> None:
        try:
            from sklearn.callback import ScoringMonitor
        except ImportError as error:
            raise ImportError(
                "ValidationMonitor needs sklearn.callback, which comes with "
                "scikit-learn 1.9; on older versions verbose=True shows the scores."
            ) from error
        self.X_val, self.y_val, self.scoring = X_val, y_val, scoring
        self.sample_weight_val = sample_weight_val
        self._monitor = ScoringMonitor(scoring=NamedScores(scoring))

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        if "_monitor" in state:
            state["_monitor_state"] = state.pop("_monitor").__getstate__()
        return state

    def __getattr__(self, name: str) -> Any:
        """Build the monitor at its first use: it opens a channel to the main process.

        A scheduler that only passes the callback on must not open one.
        """
        if name != "_monitor" or "_monitor_state" not in vars(self):
            raise AttributeError(name)
        from sklearn.callback import ScoringMonitor

        self._monitor = ScoringMonitor.__new__(ScoringMonitor)
        self._monitor.__setstate__(vars(self).pop("_monitor_state"))
        return self._monitor

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin a fit of ``estimator``."""
        self._monitor.setup(estimator, context)

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """End a fit of ``estimator``, however it ended."""
        self._monitor.teardown(estimator, context)

    def on_fit_task_end(
        self,
        estimator: Any,
        context: CallbackContext,
        *,
        fitted_estimator: Any = None,
    ) -> None:
        """Log the scores of a task that gives a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the task.
        fitted_estimator : estimator, default=None
            As if the fit had ended here; None where the task gives none.
        """
        weight = self.sample_weight_val
        self._monitor.on_fit_task_end(
            estimator,
            context,
            X=self.X_val,
            y=self.y_val,
            fitted_estimator=fitted_estimator,
            metadata=None if weight is None else {"sample_weight": weight},
        )

    def get_logs(
        self,
        select: Literal["most_recent", "all"] = "most_recent",
        include_lineage: bool = False,
    ) -> Any:
        """Return the scores logged so far.

        Parameters
        ----------
        select : {"most_recent", "all"}, default="most_recent"
            Which runs: a run is a fit of the outermost estimator.
        include_lineage : bool, default=False
            Whether to add a row for each task above a scored one.

        Returns
        -------
        sklearn.callback.ScoringMonitorLog or list of them
            Its ``data`` is a list of dicts, one a task, with the task's place and its
            scores; ``data_as_pandas`` is the same as a DataFrame.

        Raises
        ------
        ValueError
            If nothing was logged yet.
        """
        return self._monitor.get_logs(select=select, include_lineage=include_lineage)
