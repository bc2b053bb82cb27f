"""`ScratchMLPClassifier`: validate, encode, build the parts, run, expose the result."""

import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from ._compat import (
    CallbackSupportMixin,
    Interval,
    Options,
    StrOptions,
    _fit_context,
    with_callbacks,
)
from .activations import ACTIVATIONS
from .assembly import activation_names, hidden_sizes
from .fitting import Fit
from .inputs import check_X_y, check_weights, encode, find_classes, make_sample
from .notebook import NotebookMixin
from .optimizers import OPTIMIZERS
from .parameters import INITIALIZERS
from .prediction import Predictor
from .schedules import SCHEDULES
from .solvers import SOLVERS
from .tasks import EpochTasks
from .verdict import warn_about
from .version import VERSION


def _major(version):
    return int(version.split(".")[0])


def _or_auto(*constraints):
    return [StrOptions({"auto"}), *constraints]


def _names(registry, *more):
    return StrOptions({*registry, *more})


class ScratchMLPClassifier(
    CallbackSupportMixin, NotebookMixin, ClassifierMixin, BaseEstimator
):
    """A multi-layer perceptron, trained by backpropagation written by hand in NumPy.

    TODO
    """

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [_names(ACTIVATIONS), "array-like"],
        "solver": [_names(SOLVERS, "auto")],
        "alpha": _or_auto(Interval(Real, 0, None, closed="left")),
        "batch_size": _or_auto(Interval(Integral, 1, None, closed="left")),
        "learning_rate": [_names(SCHEDULES, "auto")],
        "learning_rate_init": _or_auto(Interval(Real, 0, None, closed="neither")),
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": _or_auto(Interval(Integral, 1, None, closed="left")),
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": _or_auto(Interval(Real, 0, None, closed="left")),
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": _or_auto("boolean"),
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "init": [_names(INITIALIZERS, "auto")],
        "standardize": ["boolean"],
        "dtype": [StrOptions({"auto", "float32", "float64"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "warmup_fraction": [Interval(Real, 0, 1, closed="left")],
        "scoring": [str, callable],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="auto",
        alpha="auto",
        batch_size="auto",
        learning_rate="auto",
        learning_rate_init="auto",
        power_t=0.5,
        max_iter="auto",
        shuffle=True,
        random_state=None,
        tol="auto",
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping="auto",
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        init="auto",
        standardize=True,
        dtype="auto",
        class_weight=None,
        dropout=0.0,
        label_smoothing=0.0,
        max_grad_norm=None,
        weight_decay=0.01,
        warmup_fraction=0.05,
        scoring="loss",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.init = init
        self.standardize = standardize
        self.dtype = dtype
        self.class_weight = class_weight
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.max_grad_norm = max_grad_norm
        self.weight_decay = weight_decay
        self.warmup_fraction = warmup_fraction
        self.scoring = scoring

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the network to rows X and labels y.

        TODO
        """
        with _unchanged_on_error(self):
            again = self.warm_start and hasattr(self, "coefs_")
            X, y = check_X_y(self, X, y, reset=not again)
            weights = check_weights(sample_weight, X)
            classes = find_classes(y, weights)
            if again:
                self._check_same_shape(classes)
            sample = make_sample(X, y, classes, weights, self.class_weight)
            held_out = self._held_out(
                sample, classes, X_val, y_val, sample_weight_val
            )
            start = (self.coefs_, self.intercepts_) if again else None
            random_state = check_random_state(self.random_state)
            snapshot = vars(self).pop("_resume", None)
            if snapshot:
                random_state.set_state(snapshot["begin"])
            fit = Fit(self, sample, classes, random_state, held_out, start)
            if snapshot:
                fit.restore(snapshot)
            self._train(fit, X, y, sample_weight)
            vars(self).pop("_incremental", None)
        return self

    @available_if(lambda self: self._check_stochastic())
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Make one pass over the given rows, going on from the last call.

        TODO
        """
        if self.early_stopping is True:
            raise ValueError("partial_fit does not support early_stopping=True")
        with _unchanged_on_error(self):
            first = not hasattr(self, "coefs_")
            carried = getattr(self, "_incremental", {})
            X, y = check_X_y(self, X, y, reset=first)
            known = self._known_classes(y, classes)
            self._check_same_shape(known)
            sample = make_sample(X, y, known, sample_weight, self.class_weight)
            random_state = carried.get("random_state")
            if random_state is None:
                random_state = check_random_state(self.random_state)
            start = None if first else (self.coefs_, self.intercepts_)
            fit = Fit(self, sample, known, random_state, None, start, carried)
            self._train(fit, X, y, sample_weight)
            self._incremental = fit.to_carry()
        return self

    def _check_stochastic(self):
        if self.solver not in OPTIMIZERS and self.solver != "auto":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. "
                f"{self.solver} is not stochastic."
            )
        return True

    def _known_classes(self, y, classes):
        """Return the classes of all calls; ``classes`` is needed at the first."""
        if hasattr(self, "coefs_"):
            if classes is not None and not np.array_equal(
                self.classes_, unique_labels(classes)
            ):
                raise ValueError(
                    f"classes={classes!r} is not the same as on the last call to "
                    f"partial_fit, {self.classes_!r}."
                )
            return self.classes_
        if classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return np.arange(y.shape[1]) if y.ndim == 2 else unique_labels(classes)

    def _check_same_shape(self, classes):
        """Raise ValueError where the fitted layers cannot go on."""
        if not hasattr(self, "coefs_"):
            return
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has "
                f"{classes}."
            )
        sizes = hidden_sizes(self.hidden_layer_sizes)
        fitted = tuple(W.shape[1] for W in self.coefs_[:-1])
        names = activation_names(self.activation, len(sizes))
        for name, now, then in (
            ("hidden_layer_sizes", sizes, fitted),
            ("activation", names, self.activations_),
        ):
            if now != then:
                raise ValueError(
                    f"{name} is now {now}, but the fitted network has {then}: training "
                    "cannot go on with another architecture. Clone the estimator, or "
                    "set warm_start=False and call fit."
                )

    def _held_out(self, sample, classes, X_val, y_val, sample_weight_val):
        """Return the caller's own validation sample, or None."""
        if X_val is None and y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val is given without X_val and y_val.")
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val must be given together.")
        X_val, y_val = check_X_y(self, X_val, y_val, reset=False, name="_val")
        if X_val.shape[0] == sample.X.shape[0]:
            warnings.warn(
                "X_val has exactly as many rows as X. Inside cross-validation, "
                "scikit-learn takes such an array for one that belongs to the rows of X "
                "and hands over its training rows only. Give X_val another number of "
                "rows.",
                UserWarning,
                stacklevel=4,
            )
        return make_sample(X_val, y_val, classes, sample_weight_val, name="y_val")

    def _train(self, fit, X, y, sample_weight):
        """Run a fit; set its attributes, also when the user interrupts it."""
        tasks = None
        if getattr(self, "_skl_callbacks", None):
            self._training_snapshot = fit.snapshot
            weighted = {} if sample_weight is None else {"sample_weight": sample_weight}
            tasks = EpochTasks(self, fit, X, y, weighted)
        try:
            fit.run(tasks and tasks.on_epoch)
            if tasks:
                tasks.end()
        except KeyboardInterrupt:
            vars(self).update(fit.attributes(fit.parameters.theta))
            raise
        finally:
            vars(self).pop("_training_snapshot", None)
        vars(self).update(fit.attributes(fit.parameters.theta))
        warn_about(fit)

    def _predictor(self, X):
        check_is_fitted(self)
        X = validate_data(
            self,
            X,
            accept_sparse=["csr", "csc"],
            dtype="numeric",
            reset=False,
        )
        if sparse.issparse(X):
            X = X.tocsr()
        return Predictor(
            self.coefs_, self.intercepts_, self.activations_, self.out_activation_, X
        )

    def predict(self, X):
        """Predict the class of each row."""
        predictor = self._predictor(X)
        if self.out_activation_ == "softmax":
            return self.classes_[predictor.winners()]
        return (predictor.outputs() > 0).astype(int)

    def predict_proba(self, X):
        """TODO."""
        predictor = self._predictor(X)
        return predictor.outputs(predictor.network.loss.probabilities)

    def predict_log_proba(self, X):
        """TODO."""
        predictor = self._predictor(X)
        return predictor.outputs(predictor.network.loss.log_probabilities)

    def decision_function(self, X):
        """TODO."""
        logits = self._predictor(X).outputs()
        if self.out_activation_ == "softmax" and len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def hidden_activations(self, X, layer=-1):
        """Return what the units of a hidden layer put out for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        layer : int, default=-1
            Which hidden layer, from 0; -1 is the last.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_units)

        Raises
        ------
        ValueError
            If the network has no such hidden layer.
        """
        predictor = self._predictor(X)
        n_hidden = len(self.coefs_) - 1
        if not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"layer={layer} does not exist: the network has {n_hidden} hidden layers."
            )
        return predictor.hidden(layer)

    def input_gradients(self, X, target=None, of="logit"):
        """Return the derivative of an output with respect to each feature.

        The same backpropagation that trained the network, taken one product further: to
        X itself. For ``of="logit"`` and two classes it is the derivative of
        `decision_function`, turned to the target's side.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        target : label or int, default=None
            The class, or for several labels a row the label's column; None for the last
            of ``classes_``.
        of : {"logit", "probability"}, default="logit"

        Returns
        -------
        gradients : ndarray of shape (n_samples, n_features)
            In units of the output per unit of the raw feature.

        Raises
        ------
        ValueError
            If ``target`` is not in ``classes_`` or ``of`` is neither choice.
        """
        if of not in ("logit", "probability"):
            raise ValueError(f"of must be 'logit' or 'probability'; got {of!r}.")
        predictor = self._predictor(X)
        k = len(self.classes_) - 1
        if target is not None:
            k = encode(np.atleast_1d(target), self.classes_, "target").item()
        return predictor.input_gradients(predictor.network.loss.output_seed(k, of))

    def __getstate__(self):
        state = {**super().__getstate__(), "_scratchnn_version": VERSION}
        state.pop("_training_snapshot", None)
        return state

    def __setstate__(self, state):
        written_by = state.pop("_scratchnn_version", None)
        if written_by is None or _major(written_by) > _major(VERSION):
            raise ValueError(
                "This model was saved by sklearn-scratchnn "
                f"{written_by or '(no version stored)'}, which {VERSION} cannot read. "
                "Load it with that version, or fit it again."
            )
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags


@contextmanager
def _unchanged_on_error(estimator):
    """Put the attributes back as they were if an error ends the block."""
    before = vars(estimator).copy()
    try:
        yield
    except Exception:
        # What scikit-learn's callbacks put there, their tear-down still needs.
        kept = {k: v for k, v in vars(estimator).items() if "_callback" in k}
        vars(estimator).clear()
        vars(estimator).update(before | kept)
        raise
