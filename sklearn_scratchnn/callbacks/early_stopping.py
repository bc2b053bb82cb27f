"""`EarlyStopping`: an end once a score on held-out rows has ceased to rise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from .._typing import Real, Rows
from ..training.early_stopping import Patience
from .base import Callback, NamedScores, is_whole_fit

if TYPE_CHECKING:
    from .._typing import CallbackContext


class EarlyStopping(Callback):
    """Asks a fit to stop once a score on held-out rows has ceased to rise.

    The estimator keeps what it keeps when asked to stop: a network of this package its
    best parameters where it validates itself, otherwise the newest. An estimator may
    not listen: ``LogisticRegression`` does not in scikit-learn 1.9.

    Parameters
    ----------
    X_val : array-like of shape (n_samples, n_features)
        As the estimator's own ``predict`` takes it.
    y_val : array-like of shape (n_samples,) or (n_samples, n_outputs)
    scoring : str, callable or None, default=None
        One score, greater is better. None is the estimator's own ``score``; for a
        classifier, ``"neg_log_loss"`` sees progress that the accuracy does not.
    patience : int, default=10
        In epochs: more than these in a row without a rise end the fit.
    tol : float, default=1e-4
        A rise is more than this above the best so far, in units of the score.
    sample_weight_val : array-like of shape (n_samples,), default=None

    Raises
    ------
    ValueError
        If ``patience`` or ``tol`` is negative, or ``scoring`` gives several scores.

    See Also
    --------
    ValidationMonitor : Logs such scores.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.callbacks import EarlyStopping
    >>> X, y = make_moons(300, noise=0.2, random_state=0)
    >>> stop = EarlyStopping(X[200:], y[200:], scoring="neg_log_loss", patience=3)
    >>> model = ScratchMLPClassifier(
    ...     solver="adam", max_iter=1000, early_stopping=False, random_state=0)
    >>> model.set_callbacks(stop).fit(X[:200], y[:200]).n_iter_ < 1000
    True
    """

    def __init__(
        self,
        X_val: Rows,
        y_val: Rows,
        scoring: str | Callable[..., float] | None = None,
        patience: int = 10,
        tol: float = 1e-4,
        sample_weight_val: ArrayLike | None = None,
    ) -> None:
        for name, value in [("patience", patience), ("tol", tol)]:
            if not (isinstance(value, Real) and value >= 0):
                raise ValueError(f"{name} must be 0 or more, got {value!r}.")
        self.X_val, self.y_val, self.scoring = X_val, y_val, scoring
        self.patience, self.tol = patience, tol
        self.sample_weight_val = sample_weight_val
        self._levels: dict[Any, dict[Any, Patience]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the fits in progress, which a copy has no part in."""
        return {**self.__dict__, "_levels": {}}

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin a fit of ``estimator``, with all patience."""
        self._levels[estimator] = {}

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """End a fit of ``estimator``, however it ended."""
        self._levels.pop(estimator, None)

    def on_fit_task_end(
        self,
        estimator: Any,
        context: CallbackContext,
        *,
        fitted_estimator: Any = None,
    ) -> bool:
        """Return whether the iterations that this task is one of should end.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the task.
        fitted_estimator : estimator, default=None
            As if the fit had ended here; None where the task gives none.

        Returns
        -------
        bool
            A true answer asks to go no further.
        """
        if fitted_estimator is None or is_whole_fit(context):
            return False
        levels = self._levels[estimator]
        if context.parent not in levels:
            levels[context.parent] = Patience(self.tol, self.patience)
        return levels[context.parent].plateau(self._score(fitted_estimator))

    def _score(self, fitted_estimator: Any) -> float:
        weight = self.sample_weight_val
        metadata = {} if weight is None else {"sample_weight": weight}
        scorer = NamedScores(self.scoring)
        scores = scorer(fitted_estimator, self.X_val, self.y_val, **metadata)
        if len(scores) != 1:
            raise ValueError(
                f"EarlyStopping goes by one score, but scoring gave {sorted(scores)}."
            )
        return next(iter(scores.values()))
