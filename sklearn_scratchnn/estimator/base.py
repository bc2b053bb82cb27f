"""The base class of the estimators: how `fit` and `partial_fit` go, for any of them."""

from contextlib import contextmanager

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from .._compat import CallbackSupportMixin
from ..training.optimizers import OPTIMIZERS
from ..training.state import TrainingState
from .callback_observer import callback_observer
from .fitting import Fit
from .persistence import PersistenceMixin
from .planning import FittedLayers
from .prediction import PredictionMixin
from .reading import check_same_shape, read, read_part


class NetworkEstimator(
    CallbackSupportMixin, PersistenceMixin, PredictionMixin, BaseEstimator
):
    """What the estimators share.

    One of them adds its parameters, its docstring, and three answers: what a y may be
    and which loss suits it, in `_read_y` (the loss says how it is encoded), and what
    its methods that predict return.

    What is carried from one call to the next lies in ``_training_state``, a
    `TrainingState`, or is a fitted attribute.
    """

    def _read_y(self, y):
        """Return an array y as it is checked, and the `Loss` that suits it."""
        raise NotImplementedError

    def _fit(self, X, y, sample_weight, X_val, y_val, sample_weight_val):
        """Fit to all the rows; see `ScratchMLPClassifier.fit`."""
        with unchanged_on_error(self, "coefs_"):
            resumed = self._take_state("resume")
            warm = self.warm_start and hasattr(self, "coefs_")
            sample, held_out = read(
                self,
                X,
                y,
                sample_weight,
                X_val,
                y_val,
                sample_weight_val,
                fitted=warm,
                class_weight=getattr(self, "class_weight", None),
                categorical_features=self.categorical_features,
            )
            callbacks = callback_observer(self, X, y, sample_weight)
            self._fit_to(sample, held_out, warm, resumed, callbacks)
        return self

    def _fit_to(self, sample, held_out, warm, resumed, callbacks, make_fit=Fit):
        """Fit to rows that were read."""
        if warm:
            check_same_shape(self)
        start = self._fitted_layers() if warm else None
        random_state = check_random_state(self.random_state)
        if resumed:
            random_state.set_state(resumed.begin)
            start = resumed.start
        fit = make_fit(
            self,
            sample,
            held_out,
            random_state,
            start=start,
            state=resumed,
            callbacks=callbacks,
        )
        self._run(fit)

    def _partial_fit(self, X, y, sample_weight, classes=None):
        """Make one epoch over the rows; see `ScratchMLPClassifier.partial_fit`."""
        self._check_one_epoch_is_enough()
        with unchanged_on_error(self, "coefs_"):
            state = self._take_state("partial_fit")
            start = self._fitted_layers() if hasattr(self, "coefs_") else None
            units = state and state.target_scale
            sample = read_part(self, X, y, sample_weight, classes, units)
            random_state = state and state.random_state
            if random_state is None:
                random_state = check_random_state(self.random_state)
            with _random_state_unchanged_on_error(random_state):
                fit = Fit(
                    self,
                    sample,
                    None,
                    random_state,
                    start=start,
                    state=state,
                    incremental=True,
                    callbacks=callback_observer(self, X, y, sample_weight),
                )
                run = self._run(fit)
            self._training_state = fit.state_for_partial_fit(run)
        return self

    def _check_one_epoch_is_enough(self):
        state = getattr(self, "_training_state", None)
        if state is not None and state.purpose == "resume":
            raise ValueError(
                "An estimator from Checkpoint.resume goes on with fit, not partial_fit."
            )
        for name, value in (("early_stopping", True), ("learning_rate", "cosine")):
            if getattr(self, name) == value:
                raise ValueError(
                    f"partial_fit does not support {name}={value}: it makes one epoch, "
                    "and cannot know how many are to come."
                )

    def _check_stochastic(self):
        if self.solver not in OPTIMIZERS and self.solver != "auto":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    def _take_state(self, purpose):
        """Remove and return the state that is for a call, or None.

        What an interrupted first call left is forgotten here: this call begins anew.
        """
        state = vars(self).pop("_training_state", None)
        if state is None:
            return None
        for name in state.attributes:
            vars(self).pop(name, None)
        return state if state.purpose == purpose else None

    def _fitted_layers(self):
        return FittedLayers(
            self.coefs_,
            self.intercepts_,
            self.alpha_,
            self.solver_,
            self.bin_edges_,
            self.penalty_factors_,
            self.temperature_,
        )

    def _run(self, fit):
        """Run a fit and expose the result, also where the user interrupts it."""
        try:
            run = fit.run()
        except BaseException as error:
            vars(self).pop("_training_state", None)  # of the training that has ended
            if isinstance(error, KeyboardInterrupt):
                self._keep_interrupted(fit, getattr(error, "training", None))
            raise
        vars(self).pop("_training_state", None)
        fit.expose(run)
        return run

    def _keep_interrupted(self, fit, run):
        """Set the attributes of an interrupted fit, unless an earlier model stands.

        It stands in `partial_fit`, and where no epoch of `fit` was finished. Without
        one, what these two leave can predict, and the next call begins anew: the same
        calls then give the same weights.
        """
        if run is None or run.choice.alpha is None:  # not even one alpha was tried
            return
        unfinished = fit.incremental or len(run.history) == 0
        if unfinished and hasattr(self, "coefs_"):
            return
        attributes = fit.attributes.of(run, run.theta)
        vars(self).update(attributes)
        if unfinished:
            self._training_state = TrainingState(
                "forget", attributes=tuple(attributes)
            )


@contextmanager
def _random_state_unchanged_on_error(random_state):
    """Put a random state back as it was if an error or the user ends the block."""
    before = random_state.get_state(legacy=False)
    try:
        yield
    except BaseException:
        random_state.set_state(before)
        raise


@contextmanager
def unchanged_on_error(estimator, result):
    """Put the attributes back as they were if an error ends the block.

    An interruption of the training itself leaves the best parameters so far.

    Parameters
    ----------
    estimator : estimator
    result : str
        The attribute that a training sets.
    """
    before = vars(estimator).copy()
    try:
        yield
    except BaseException as error:
        now = vars(estimator).get(result)
        trained = now is not None and now is not before.get(result)
        if isinstance(error, KeyboardInterrupt) and trained:
            raise
        # What scikit-learn's callbacks put there, their tear-down still needs.
        kept = {k: v for k, v in vars(estimator).items() if "_callback" in k}
        vars(estimator).clear()
        vars(estimator).update(before | kept)
        raise
