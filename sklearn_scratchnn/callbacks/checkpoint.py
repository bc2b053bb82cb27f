"""`Checkpoint`: the newest state of a fit in a file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sklearn.base import clone

from .._compat import without_callbacks
from .._typing import Integral
from .base import Callback, is_whole_fit

if TYPE_CHECKING:
    from .._typing import CallbackContext

HEADER = b"sklearn_scratchnn checkpoint 3\n"


class Checkpoint(Callback):
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

    A file of a network of this package holds a few times its parameters, and the
    optimizer's state. Under ``solver="lbfgs"`` it grows with the epochs: SciPy keeps
    its memory of them to itself, so a resumed fit repeats its way from the start,
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

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        if not (isinstance(every, Integral) and every >= 1):
            raise ValueError(f"every must be 1 or more, got {every!r}.")
        self.path, self.every = Path(path), every

    def on_fit_task_end(
        self,
        estimator: Any,
        context: CallbackContext,
        *,
        fitted_estimator: Any = None,
    ) -> None:
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
        if not is_whole_fit(context) and (context.task_id + 1) % self.every:
            return
        live: Any = getattr(estimator, "_training_state", None)
        snapshot = live.snapshot() if hasattr(live, "snapshot") else None
        fitted = without_callbacks(fitted_estimator)
        if getattr(fitted, "_training_state", None) is live:
            vars(fitted).pop("_training_state", None)
        content = {"estimator": fitted, "snapshot": snapshot}
        _replace_file(self.path, HEADER + pickle.dumps(content))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Any:
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
    def resume(path: str | os.PathLike[str]) -> Any:
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
            threads are the same. Under other settings, or with other data, it raises a
            ValueError that names them; a larger ``max_iter`` is allowed. A clone goes
            on too. A callback that is set anew begins anew: `EarlyStopping` with all
            its patience. The estimator's own ``early_stopping`` goes on where it was.

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
        estimator._training_state = snapshot
        return estimator


def _replace_file(path: Path, content: bytes) -> None:
    """Write bytes to ``path`` so that it holds the old or the new ones at any time."""
    temporary = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """Have a folder's entries outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    content = Path(path).read_bytes()
    if not content.startswith(HEADER):
        raise ValueError(f"{path} was not written by this version of Checkpoint.")
    try:
        return pickle.loads(memoryview(content)[len(HEADER) :])
    except (EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is not whole: {error}.") from error
