"""Callbacks that scikit-learn lacks: validation scores, early stopping, checkpoints.

They follow the protocol of `sklearn.callback` (scikit-learn 1.9 or later) and work on
every estimator that reports its iterations with a fitted estimator, such as
`ScratchMLPClassifier` and ``LogisticRegression(solver="lbfgs")``: set them with
``set_callbacks`` on the estimator that iterates, also where it stands inside a pipeline
or a search. One callback may serve many clones at once.
"""

import os
import pickle
from numbers import Integral, Real
from pathlib import Path
from uuid import uuid4

from sklearn.base import clone
from sklearn.metrics import check_scoring

from ._compat import without_callbacks
from .training.stopping import Patience

HEADER = b"sklearn_scratchnn checkpoint 2\n"


class _Callback:
    """The protocol's hooks; each does nothing."""

    def setup(self, estimator, context):
        """Begin a fit of ``estimator``.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """

    def teardown(self, estimator, context):
        """End a fit of ``estimator``, however it ended.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the fit.
        """

    def on_fit_task_begin(self, estimator, context):
        """Begin a task of the fit, such as an epoch.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the task.
        """

    def on_fit_task_end(self, estimator, context):
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


class _Scorer:
    """Scores a fitted estimator; the answer is a dict whatever ``scoring`` is.

    Parameters
    ----------
    scoring : str, callable, list, tuple, dict or None
        As `sklearn.metrics.check_scoring` takes it.
    """

    def __init__(self, scoring):
        self.scoring = scoring

    def __call__(self, estimator, X, y, **metadata):
        """Return a dict of scores, each under its name; ``score`` where it has none."""
        scores = check_scoring(estimator, self.scoring)(estimator, X, y, **metadata)
        if isinstance(scores, dict):
            return scores
        return {self.scoring if isinstance(self.scoring, str) else "score": scores}


def _is_whole_fit(context):
    """Return whether a task is the whole fit of the estimator with the callback."""
    return context.parent is None or context.source_estimator_name is not None


class ValidationMonitor(_Callback):
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

    def __init__(self, X_val, y_val, scoring=None, sample_weight_val=None):
        try:
            from sklearn.callback import ScoringMonitor
        except ImportError as error:
            raise ImportError(
                "ValidationMonitor needs sklearn.callback, which comes with "
                "scikit-learn 1.9; on older versions verbose=True shows the scores."
            ) from error
        self.X_val, self.y_val, self.scoring = X_val, y_val, scoring
        self.sample_weight_val = sample_weight_val
        self._monitor = ScoringMonitor(scoring=_Scorer(scoring))

    def __getstate__(self):
        state = vars(self).copy()
        if "_monitor" in state:
            state["_monitor_state"] = state.pop("_monitor").__getstate__()
        return state

    def __getattr__(self, name):
        """Build the monitor at its first use: it opens a channel to the main process.

        A scheduler that only passes the callback on must not open one.
        """
        if name != "_monitor" or "_monitor_state" not in vars(self):
            raise AttributeError(name)
        from sklearn.callback import ScoringMonitor

        self._monitor = ScoringMonitor.__new__(ScoringMonitor)
        self._monitor.__setstate__(vars(self).pop("_monitor_state"))
        return self._monitor

    def setup(self, estimator, context):
        """Begin a fit of ``estimator``."""
        self._monitor.setup(estimator, context)

    def teardown(self, estimator, context):
        """End a fit of ``estimator``, however it ended."""
        self._monitor.teardown(estimator, context)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
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

    def get_logs(self, select="most_recent", include_lineage=False):
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


class EarlyStopping(_Callback):
    """Asks a fit to stop once a score on held-out rows has ceased to rise.

    The estimator keeps what it keeps when asked to stop: `ScratchMLPClassifier` its
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
        X_val,
        y_val,
        scoring=None,
        patience=10,
        tol=1e-4,
        sample_weight_val=None,
    ):
        for name, value in [("patience", patience), ("tol", tol)]:
            if not (isinstance(value, Real) and value >= 0):
                raise ValueError(f"{name} must be 0 or more, got {value!r}.")
        self.X_val, self.y_val, self.scoring = X_val, y_val, scoring
        self.patience, self.tol = patience, tol
        self.sample_weight_val = sample_weight_val
        self._levels = {}

    def __getstate__(self):
        """Leave out the fits in progress, which a copy has no part in."""
        return {**self.__dict__, "_levels": {}}

    def setup(self, estimator, context):
        """Begin a fit of ``estimator``, with all patience."""
        self._levels[estimator] = {}

    def teardown(self, estimator, context):
        """End a fit of ``estimator``, however it ended."""
        self._levels.pop(estimator, None)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
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
        if fitted_estimator is None or _is_whole_fit(context):
            return False
        levels = self._levels[estimator]
        if context.parent not in levels:
            levels[context.parent] = Patience(self.tol, self.patience)
        return levels[context.parent].plateau(self._score(fitted_estimator))

    def _score(self, fitted_estimator):
        weight = self.sample_weight_val
        metadata = {} if weight is None else {"sample_weight": weight}
        scorer = _Scorer(self.scoring)
        scores = scorer(fitted_estimator, self.X_val, self.y_val, **metadata)
        if len(scores) != 1:
            raise ValueError(
                f"EarlyStopping judges by one score, scoring gave {sorted(scores)}."
            )
        return next(iter(scores.values()))


class Checkpoint(_Callback):
    """Keeps the newest state of a fit in a file, from which a killed fit is resumed.

    The file is replaced as a whole, whenever the process dies: a reader finds the old
    state or the new. Estimators are stored without their callbacks. A fit killed while
    it writes leaves a file named ``path`` plus ``.tmp`` endings, good for nothing.

    Parameters
    ----------
    path : str or os.PathLike
        The file; its folder must exist. One fit at a time should write to it: give each
        candidate of a search that is to be resumed its own.
    every : int, default=1
        In epochs: how often to write. The end of the fit is always written.

    Raises
    ------
    ValueError
        If ``every`` is less than 1.

    Notes
    -----
    The file is a pickle: open none that you do not trust.

    A file of a `ScratchMLPClassifier` holds a few times its parameters, and the
    optimizer's state. Under ``solver="lbfgs"`` it grows with the passes: SciPy keeps
    its memory of them to itself, so a resumed fit walks its way again from the start,
    for which the file has the loss and the gradient of every evaluation, up to 64 MiB;
    what would be more is computed again. With thousands of parameters, let ``every``
    be 10 or more.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_scratchnn.callbacks import Checkpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression(max_iter=1000)
    >>> with TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(f"{folder}/iris.ckpt", every=10)
    ...     _ = model.set_callbacks(checkpoint).fit(X, y)
    ...     newest = Checkpoint.load(checkpoint.path)
    >>> bool((newest.coef_ == model.coef_).all())
    True
    """

    def __init__(self, path, every=1):
        if not (isinstance(every, Integral) and every >= 1):
            raise ValueError(f"every must be 1 or more, got {every!r}.")
        self.path, self.every = Path(path), every

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """Write the file, where the epoch is due or the fit ended.

        Parameters
        ----------
        estimator : estimator
            That is fitted.
        context : sklearn.callback.CallbackContext
            Of the task.
        fitted_estimator : estimator, default=None
            As if the fit had ended here; None where the task gives none.
        """
        if fitted_estimator is None:
            return
        if not _is_whole_fit(context) and (context.task_id + 1) % self.every:
            return
        take_snapshot = getattr(estimator, "_training_snapshot", None)
        fitted = without_callbacks(fitted_estimator)
        vars(fitted).pop("_training_snapshot", None)
        snapshot = None if take_snapshot is None else take_snapshot()
        content = {"estimator": fitted, "snapshot": snapshot}
        _replace_file(self.path, HEADER + pickle.dumps(content))

    @staticmethod
    def load(path):
        """Return the fitted estimator of a file, as if its fit had ended there.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        estimator
            Fitted, without its callbacks. ``partial_fit`` goes on from there.

        Raises
        ------
        ValueError
            If the file is not a checkpoint.
        """
        return _read_file(path)["estimator"]

    @staticmethod
    def resume(path):
        """Return an estimator whose next fit goes on from where a file was written.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        estimator
            Not fitted, and without callbacks, which may be set anew. Its ``fit`` with
            the arguments of the first one ends with the weights that the first would
            have ended with, to the bit where NumPy, SciPy and the number of BLAS
            threads are the same. A callback that is set anew begins anew:
            `EarlyStopping` with all its patience. The estimator's own
            ``early_stopping`` goes on where it was.

        Raises
        ------
        ValueError
            If the file is not a checkpoint, or of an estimator that cannot go on.
        """
        content = _read_file(path)
        estimator, snapshot = clone(content["estimator"]), content["snapshot"]
        if snapshot is None:
            raise ValueError(
                f"{type(estimator).__name__} does not say how to go on with a fit. "
                "Checkpoint.load gives its newest fitted state."
            )
        estimator._resume = snapshot
        return estimator


def _replace_file(path, content):
    """Write bytes to ``path`` so that it holds the old or the new ones at any time."""
    temporary = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        _sync_folder(path.parent)


def _sync_folder(path):
    """Have a folder's entries outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_file(path):
    content = Path(path).read_bytes()
    if not content.startswith(HEADER):
        raise ValueError(f"{path} was not written by this version of Checkpoint.")
    try:
        return pickle.loads(memoryview(content)[len(HEADER) :])
    except (EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is not whole: {error}.") from error
