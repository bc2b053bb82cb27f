"""`ScratchMLPClassifier`: validate, encode, build the parts, run, expose the result."""

import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels

from ._compat import (
    CallbackSupportMixin,
    _fit_context,
    has_callbacks,
    with_callbacks,
)
from .data.inputs import check_weights, check_X_y, find_classes, make_sample
from .displays.notebook import NotebookMixin
from .estimator.assembly import activation_names, hidden_sizes
from .estimator.constraints import CONSTRAINTS
from .estimator.fitted import FittedNetwork
from .estimator.fitting import Fit
from .estimator.tasks import EpochTasks
from .estimator.verdict import warn_about
from .training.optimizers import OPTIMIZERS


class ScratchMLPClassifier(
    CallbackSupportMixin, NotebookMixin, FittedNetwork, ClassifierMixin, BaseEstimator
):
    """A multi-layer perceptron, trained by backpropagation written by hand in NumPy.

    It minimises the mean weighted cross-entropy of a softmax over the classes, one
    output each, plus ``alpha / (2 n) |W|^2`` with n the sum of the sample weights; for
    an indicator matrix y, the summed cross-entropy of one logistic output a label.
    Inputs are standardised inside, and the fitted layers handed out for inputs as they
    came.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer; ``()`` is multinomial logistic regression.

    activation : str or sequence of str, default="relu"
        One of "identity", "tanh", "logistic", "relu", "leaky_relu", "elu", "selu",
        "gelu", "silu", "softplus"; or a sequence with one name per hidden layer.

    solver : str, default="auto"
        - "gd": gradient descent on the full batch at a fixed rate;
        - "sgd": minibatches, with (Nesterov's) momentum;
        - "adam": Kingma and Ba (2015);
        - "adamw": Adam with decoupled decay, Loshchilov and Hutter (2019);
        - "lbfgs": SciPy's limited-memory BFGS on the full batch;
        - "gauss_newton": damped Gauss-Newton, for at most some 2,900 parameters and
          activations without a kink (not "relu", "leaky_relu", "selu");
        - "auto": see Notes.

    alpha : float or "auto", default="auto"
        Strength of the L2 penalty on the weights, that is ``1 / C`` of
        ``LogisticRegression``, whatever the batch; biases are free. "auto" chooses it
        on held-out rows where L-BFGS is the solver; elsewhere it is 1, in the minibatch
        solvers n / 3000 from there up to 10, in `partial_fit` n / 3000 for its n rows:
        see Notes. Not used by "adamw".

    batch_size : int or "auto", default="auto"
        Rows of a minibatch.

    learning_rate : str, default="auto"
        - "constant";
        - "invscaling": ``learning_rate_init / (t + 1) ** power_t`` at update t;
        - "adaptive": constant until training stalls, then a fifth, and so on;
        - "cosine": a linear rise over ``warmup_fraction`` of the planned updates, then
          half a cosine down to 0;
        - "auto": "cosine" in the minibatch solvers, "constant" in "gd" and in
          `partial_fit`.

    learning_rate_init : float or "auto", default="auto"
        Initial or highest learning rate per update, on the gradient of the mean loss.
        "auto" is 0.5 for "gd", 0.1 for "sgd", and for "adam" and "adamw" 0.001, or
        0.02 under a cosine.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_iter : int or "auto", default="auto"
        Passes over the rows at most. With "auto" or under a cosine their end is the
        plan; else reaching it is a `ConvergenceWarning`.

    shuffle : bool, default=True
        Whether each pass of a minibatch solver visits the rows in a new order.

    random_state : int, RandomState instance or None, default=None
        Draws the weights, the held-out rows, the order of rows and dropout.

    tol : float or "auto", default="auto"
        Least improvement that counts, for patience in the minibatch solvers, in units
        of the loss or score; least gradient (its norm, for "lbfgs" its largest entry)
        in the full-batch ones. "auto" is 0 for "gd", else 1e-4.

    verbose : bool or int, default=False
        1 prints passes, at most ten a second besides those at which training stalls; 2
        prints every pass. Both say when a rate is lowered, and why training ends before
        its last pass.

    warm_start : bool, default=False
        Whether `fit` starts from the fitted layers.

    momentum : float in [0, 1], default=0.9
        Of "sgd".

    nesterovs_momentum : bool, default=True
        Of "sgd".

    early_stopping : bool or "auto", default="auto"
        Whether to end when the score on held-out rows stops improving, and to keep the
        parameters that had the best. The rows are ``X_val`` of `fit`, else
        ``validation_fraction`` of X. "auto" is True where ``X_val`` is given.

    validation_fraction : float in [0, 1), default=0.1
        Share of the rows held out by ``early_stopping=True``; stratified, with at least
        a row of each class.

    beta_1 : float in [0, 1), default=0.9
        Decay of Adam's first moment.

    beta_2 : float in [0, 1), default=0.999
        Decay of Adam's second moment.

    epsilon : float, default=1e-8
        Of Adam.

    n_iter_no_change : int or inf, default=10
        Patience: more passes than these without an improvement of ``tol`` end a
        training with held-out rows, or a minibatch training without a cosine.

    max_fun : int, default=15000
        Evaluations of the loss by "lbfgs" at most.

    init : str, default="auto"
        "lecun_normal", "glorot_uniform" or "he_normal"; "auto" is what suits each
        layer's activation. Biases start at 0.

    standardize : bool or "robust", default="robust"
        Whether training sees (x - mean) / scale of every column, both weighted. With
        True the scale is the standard deviation, as of ``StandardScaler``. "robust"
        divides a column of two values, such as a category's indicator, by their
        distance, and one whose kurtosis k is above the normal distribution's 3 by a
        standard deviation widened by (k / 3)^(1/4). Sparse X stays sparse. The penalty
        is on the weights for such columns.

    dtype : {"auto", "float32", "float64"}, default="auto"
        Precision of the training; "auto" is float32 in the minibatch solvers, whose
        gradients are noisier than its rounding, and float64 in the others.

    class_weight : dict, "balanced" or None, default=None
        Factors on the weights of X's rows; "balanced" gives all classes the same sum.
        They count for rows that `fit` holds out of X, and not for ``X_val``.

    dropout : float in [0, 1), default=0.0
        Share of the hidden units that each batch switches off in training. Not for
        "lbfgs" and "gauss_newton".

    label_smoothing : float in [0, 1), default=0.0
        Share of each target that is spread evenly over the classes.

    max_grad_norm : float or None, default=None
        Longer gradients are shortened to it. Not for "lbfgs" and "gauss_newton".

    weight_decay : float, default=0.01
        Decoupled decay of "adamw" per unit of learning rate; not for the others.

    warmup_fraction : float in [0, 1), default=0.05
        Of "cosine".

    scoring : str or callable, default="loss"
        What early stopping judges: "loss", or a scorer as in ``cross_val_score``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_outputs,)
        Class labels; for several labels a row, the numbers of the columns of y.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights, for raw inputs: float32 where X is (and none is above 1e18, nor a
        column far from 0 for its spread), else float64.

    intercepts_ : list of ndarray of shape (fan_out,)
        Biases.

    loss_ : float
        The last entry of ``loss_curve_``.

    best_loss_ : float
        The least.

    loss_curve_ : ndarray of shape (n_iter_,)
        Objective of each pass. "gd" and the minibatch solvers give it as the gradients
        saw it, before each update, so that entry i of "gd" is the loss that pass i
        starts from; "lbfgs" and "gauss_newton" after the pass.

    validation_scores_ : ndarray of shape (n_iter_,) or None
        Score on the held-out rows after each pass; minus the loss for
        ``scoring="loss"``. None without held-out rows.

    best_validation_score_ : float or None
        The highest. `partial_fit` leaves that of an earlier `fit` as it was.

    history_ : dict of ndarray of shape (n_iter_,)
        "epoch", "loss", "learning_rate", "gradient_norm", "seconds"; where there are
        held-out rows also "validation_loss" and "validation_score", which are NaN
        in passes that `partial_fit` adds.

    n_iter_ : int
        Passes made.

    t_ : int
        Rows seen, each as often as it was.

    n_layers_ : int
        Layers, inputs and outputs included.

    n_outputs_ : int
        One for each class or label.

    out_activation_ : {"softmax", "logistic"}

    activations_ : tuple of str
        One name per hidden layer.

    solver_ : str
        What ``solver`` came to.

    alpha_ : float
        What ``alpha`` came to.

    alpha_path_ : dict of ndarray or None
        "alpha" and "validation_loss" of the strengths that were tried; None where
        ``alpha`` was given.

    n_features_in_ : int

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined when X has feature names that are all strings.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : The one of scikit-learn.
    sklearn.linear_model.LogisticRegressionCV : No hidden layer, alpha chosen by folds.

    Notes
    -----
    "auto" asks the numbers of rows, features and classes alone: a full batch of L-BFGS
    in float64 where rows times parameters are few, else minibatches of Adam in float32
    under a cosine, of fewer passes the more rows there are. Dropout, clipping or a
    schedule, where one is set, asks for Adam too.

    Where L-BFGS is the solver, `fit` starts without fitted layers, and there are 100
    rows and three of each class, ``alpha="auto"`` holds a third of the rows out
    (stratified), walks down a path of falling strengths on the others, and goes on with
    all rows from the strongest penalty that is as good as the best within the error of
    the held-out loss.

    References
    ----------
    Denny Britz (2015). Implementing a Neural Network from Scratch in Python.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> model = ScratchMLPClassifier((10,), alpha=0.1, random_state=0).fit(X, y)
    >>> model.predict(X[:3])
    array([0, 1, 1])
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    _parameter_constraints = CONSTRAINTS

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
        standardize="robust",
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

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Any real dtype. It is converted and standardised a block at a time; CSC
            becomes CSR, and an array that is not C-ordered is copied once.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels of any type, of two classes or more; or an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0. A weight of k counts as k rows, 0 as none.
        X_val, y_val : as X and y, default=None
            Held-out rows, on which loss and score of each pass are measured.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the held-out rows.

        Returns
        -------
        self : ScratchMLPClassifier
            The fitted network.

        Raises
        ------
        ValueError, TypeError
            Where an argument or a parameter will not do; it is named, and the estimator
            stays as it was.

        Warns
        -----
        ConvergenceWarning
            Where the result is not to be trusted; the text names a remedy.
        """
        with _unchanged_on_error(self):
            self._forget_interrupted()
            again = self.warm_start and hasattr(self, "coefs_")
            X, y = check_X_y(self, X, y, reset=not again)
            weights = check_weights(sample_weight, X)
            classes = find_classes(y, weights)
            if again:
                self._check_kind(y, self.out_activation_ == "logistic")
                self._check_same_shape(classes)
            sample = make_sample(X, y, classes, weights, self.class_weight)
            held_out = self._held_out(
                sample, classes, X_val, y_val, sample_weight_val
            )
            start = self._fitted_start() if again else None
            random_state = check_random_state(self.random_state)
            snapshot = vars(self).pop("_resume", None)
            if snapshot:
                random_state.set_state(snapshot["begin"])
                start = snapshot["start"]
            fit = Fit(self, sample, classes, random_state, held_out, start)
            if snapshot:
                fit.restore(snapshot)
            vars(self).pop("_incremental", None)
            self._train(fit, X, y, sample_weight)
        return self

    @available_if(lambda self: self._check_stochastic())
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Make one pass over the given rows, going on from the last call.

        Random state, optimizer state, counters and history carry on, also through a
        pickle between two calls; a changed learning rate is honoured. The rows of the
        first call fix the standardisation. After `fit`, training goes on from the
        fitted layers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Need not hold every class.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes of all calls; needed at the first.

        Returns
        -------
        self : ScratchMLPClassifier
            The network, one pass further.

        Raises
        ------
        AttributeError
            If ``solver`` has no minibatches.
        ValueError
            For another architecture, unknown classes, another number of features, a
            cosine schedule, which plans its end, or early stopping.
        """
        if hasattr(self, "_resume"):
            raise ValueError(
                "An estimator from Checkpoint.resume goes on with fit, not partial_fit."
            )
        for name, value in (("early_stopping", True), ("learning_rate", "cosine")):
            if getattr(self, name) == value:
                raise ValueError(
                    f"partial_fit does not support {name}={value}: it makes one pass, "
                    "and cannot know how many are to come."
                )
        with _unchanged_on_error(self):
            self._forget_interrupted()
            first = not hasattr(self, "coefs_")
            carried = dict(getattr(self, "_incremental", {}))
            X, y = check_X_y(self, X, y, reset=first)
            known = self._known_classes(y, classes)
            self._check_same_shape(known)
            sample = make_sample(X, y, known, sample_weight, self.class_weight)
            random_state = carried.get("random_state")
            if random_state is None:
                random_state = check_random_state(self.random_state)
            start = None if first else self._fitted_start()
            with _random_state_unchanged_on_error(random_state):
                fit = Fit(self, sample, known, random_state, None, start, carried)
                self._train(fit, X, y, sample_weight)
            self._incremental = fit.to_carry()
        return self

    def _fitted_start(self):
        return self.coefs_, self.intercepts_, self.alpha_

    def _forget_interrupted(self):
        """Delete what a training left that was interrupted before it counts as one."""
        for name in vars(self).pop("_interrupted", ()):
            delattr(self, name)

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
            self._check_kind(y, self.out_activation_ == "logistic")
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
        known = unique_labels(classes)
        if y.ndim == 2 and not np.array_equal(known, np.arange(y.shape[1])):
            raise ValueError(
                f"classes={classes!r} do not fit y, an indicator matrix: they are its "
                f"columns' numbers, 0 to {y.shape[1] - 1}."
            )
        if y.ndim == 1 and len(known) < 2:
            raise ValueError(
                f"classes={classes!r} holds one class only; a classifier needs at "
                "least 2 classes."
            )
        return known

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

    @staticmethod
    def _check_kind(y, multilabel, name="y"):
        """Raise ValueError for one label a row where several were, or the reverse."""
        if (y.ndim == 2) != multilabel:
            kinds = ("one label a row", "an indicator matrix, several labels a row")
            raise ValueError(
                f"{name} holds {kinds[y.ndim == 2]}; the model was made for "
                f"{kinds[multilabel]}."
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
        self._check_kind(y_val, sample.codes.ndim == 2, "y_val")
        if X_val.shape[0] == sample.X.shape[0]:
            warnings.warn(
                "X_val has exactly as many rows as X. Inside cross-validation, "
                "scikit-learn takes such an array for one that belongs to the rows of "
                "X, and hands over its training rows only. Give X_val another number "
                "of rows.",
                UserWarning,
                stacklevel=4,
            )
        return make_sample(X_val, y_val, classes, sample_weight_val, name="y_val")

    def _train(self, fit, X, y, sample_weight):
        """Run a fit; set its attributes, also when the user interrupts it."""
        tasks = None
        if has_callbacks(self):
            if fit.carried is None:
                self._training_snapshot = fit.snapshot
            weighted = {} if sample_weight is None else {"sample_weight": sample_weight}
            tasks = EpochTasks(self, fit, X, y, weighted)
        try:
            fit.run(tasks and tasks.on_epoch)
            if tasks:
                tasks.end()
        except KeyboardInterrupt:
            self._keep_what_was_learnt(fit)
            raise
        finally:
            vars(self).pop("_training_snapshot", None)
        vars(self).update(fit.attributes(fit.parameters.theta))
        warn_about(fit)

    def _keep_what_was_learnt(self, fit):
        """Set the attributes of an interrupted fit, unless an earlier model stands.

        It stands in `partial_fit`, and where no pass of `fit` was finished. Without
        one, what these two leave can predict, and the next call begins anew: the same
        calls then give the same weights.
        """
        unfinished = fit.carried is not None or not fit.training.history
        if unfinished and hasattr(self, "coefs_"):
            return
        if fit.plan.alpha is None:  # not even the first strength was tried
            return
        attributes = fit.attributes(fit.parameters.theta)
        vars(self).update(attributes)
        if unfinished:
            self._interrupted = tuple(attributes)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags


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
def _unchanged_on_error(estimator):
    """Put the attributes back as they were if an error ends the block.

    An interruption of the training itself leaves what was learnt.
    """
    before = vars(estimator).copy()
    try:
        yield
    except BaseException as error:
        coefs = vars(estimator).get("coefs_")
        learnt = coefs is not None and coefs is not before.get("coefs_")
        if isinstance(error, KeyboardInterrupt) and learnt:
            raise
        # What scikit-learn's callbacks put there, their tear-down still needs.
        kept = {k: v for k, v in vars(estimator).items() if "_callback" in k}
        vars(estimator).clear()
        vars(estimator).update(before | kept)
        raise
