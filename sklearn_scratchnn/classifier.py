"""`ScratchMLPClassifier`: its parameters, and what a classifier answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin

from ._typing import Rows
from .data.targets import check_labels, index_of
from .displays.notebook import NotebookMixin
from .estimator.base import NetworkEstimator
from .estimator.constraints import CONSTRAINTS, OF_LABELS
from .network.losses import LOSSES, Loss

if TYPE_CHECKING:
    from ._typing import available_if, with_callbacks
    from ._typing import fit_context as _fit_context
else:
    from sklearn.utils.metaestimators import available_if

    from ._compat import _fit_context, with_callbacks


class ScratchMLPClassifier(NotebookMixin, ClassifierMixin, NetworkEstimator):
    """A multi-layer perceptron, trained by backpropagation written by hand in NumPy.

    The network is that of a tutorial [1]_, for any number of layers and classes. It
    minimises the mean weighted cross-entropy of a softmax over the classes, one
    output each, plus ``alpha / (2 n) |W|^2`` with n the sum of the sample weights; for
    an indicator matrix y, the summed cross-entropy of one logistic output a label.
    Inputs are standardised inside, and the fitted layers handed out for inputs as they
    came, or as `numeric_encoding` makes them.

    Parameters
    ----------
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        Units of each hidden layer; ``()`` is multinomial logistic regression. "auto" is
        (100,), and (256, 128) in the minibatch solvers from 2,500 distinct rows on. A
        warm start keeps the layers there are.

    activation : str or sequence of str, default="relu"
        One of "identity", "tanh", "logistic", "relu", "leaky_relu", "elu", "selu",
        "gelu", "silu", "softplus"; or a sequence with one name per hidden layer, which
        must then be given.

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
        The L2 penalty on the weights, that is ``1 / C`` of ``LogisticRegression``,
        whatever the batch; biases are free. "auto" chooses it on held-out rows, see
        Notes; below 20 distinct rows it is 1, in `partial_fit` n / 3000 for its n rows.
        Not used by "adamw".

    batch_size : int or "auto", default="auto"
        Rows of a minibatch at most; "auto" is 200. An epoch has as few batches as that
        allows, and none has two rows more than another.

    learning_rate : str, default="auto"
        - "constant";
        - "invscaling": ``learning_rate_init / (t + 1) ** power_t`` at update t;
        - "adaptive": constant until a plateau, then a fifth, and so on;
        - "cosine": a linear rise over ``warmup_fraction`` of the planned updates, then
          half a cosine down to 0;
        - "auto": "cosine" in the minibatch solvers, "constant" in "gd" and in
          `partial_fit`.

    learning_rate_init : float or "auto", default="auto"
        Initial or highest learning rate per update, on the gradient of the mean loss.
        "auto" is 0.5 for "gd", 0.1 for "sgd", and for "adam" and "adamw" 0.001; under a
        cosine 0.02, from 2,500 distinct rows on 0.01.

    power_t : float, default=0.5
        Exponent of "invscaling".

    max_iter : int or "auto", default="auto"
        Epochs at most: visits of all rows. With "auto" or under a cosine training is
        planned to end there; else reaching it gives a `ConvergenceWarning`.

    shuffle : bool, default=True
        Whether each epoch of a minibatch solver visits the rows in a new order.

    random_state : int, RandomState instance or None, default=None
        Draws the weights, the held-out rows, the order of rows and dropout.

    tol : float or "auto", default="auto"
        Least improvement that counts, for patience in the minibatch solvers, in units
        of the loss or score; least gradient (its norm, for "lbfgs" its largest entry)
        in the full-batch ones. "auto" is 0 for "gd", else 1e-4.

    verbose : bool or int, default=False
        1 prints epochs, at most ten a second besides those that end a plateau; 2 prints
        every epoch. Both say when a rate is lowered, and why training ends before its
        last epoch.

    warm_start : bool, default=False
        Whether `fit` starts from the fitted layers. Under early stopping these are a
        candidate for the best: the fit never ends worse on its held-out rows.

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
        Patience: more epochs than these without an improvement of ``tol`` are a
        plateau. It ends a training with held-out rows, or a minibatch training without
        a cosine.

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

    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns hold categories. "from_dtype" are those of a pandas or polars
        DataFrame that are of a categorical dtype, or hold texts; None is none; else a
        mask of the columns, their indices, or their names. Each category has an input
        of 0 and 1. Those of fewer than 5 rows, by weight, are rare, as are all but the
        1,000 most frequent of a column: these share one input. A category that training
        rows did not have counts as rare, and where none is rare all inputs of its
        column are 0. A missing value is a category of its own.

    numeric_encoding : {"auto", "linear", "piecewise"}, default="auto"
        What the first layer reads of a column. "linear" is the column itself.
        "piecewise" is the column and, beside it, ``n_bins`` inputs or fewer, one for
        each of its bins: ``clip((x - e_{t-1}) / (e_t - e_{t-1}), 0, 1)`` [2]_. A column
        of three values or fewer has no bins. "auto" is "piecewise" in the minibatch
        solvers from 2,500 distinct rows on, where X is dense and no more than 100
        columns have more values than that; else, and in `partial_fit`, "linear". A
        sparse X cannot be "piecewise". Not for categories.

    n_bins : int or "auto", default="auto"
        The most bins of a column; "auto" is 16 in the minibatch solvers from 2,500
        distinct rows on, 24 from 20,000 on, else 4. A value that holds more than its
        share of the weight is an edge of its own, and the others share what is left by
        their weighted quantiles. Of more than 200,000 rows as many are looked at, at
        equal distances.

    adaptive_penalty : bool or "auto", default="auto"
        Whether each column gets a penalty of its own, where ``alpha`` is chosen, the
        inputs are standardised, and there are 100 distinct rows. With r_j the norm of
        the weights of column j in a first network, over the largest and at least 0.001,
        it minimises the loss plus ``alpha / (2 n) (sum_j |W_j|^2 / r_j^2 + ...)``, the
        dots standing for the other layers, r scaled to a mean square of 1: the adaptive
        ridge [3]_. All bins of a column share one r; each category has its own. Where
        every r is above a half, all columns count, and keep one penalty. "auto" is True
        for "lbfgs" and "gauss_newton", unless columns are cut into bins.

    calibrate : bool or "auto", default="auto"
        Whether the logits are divided by a temperature [4]_, where ``alpha`` is chosen:
        alphas are compared after the one that suits each best [5]_, and that of the
        trained network is folded into its last layer. It changes no decision. "auto" is
        True in the minibatch solvers from 2,500 distinct rows on.

    dropout : float in [0, 1) or "auto", default="auto"
        Share of the hidden units that each batch switches off in training. Not for
        "lbfgs" and "gauss_newton". "auto" is 0.2 in the minibatch solvers from 2,500
        distinct rows on, 0.1 from 20,000 on, else and in `partial_fit` 0.

    label_smoothing : float in [0, 1), default=0.0
        Share of each target that is spread evenly over the classes.

    max_grad_norm : float or None, default=None
        Longer gradients are shortened to it. Not for "lbfgs" and "gauss_newton".

    weight_decay : float, default=0.01
        Decoupled decay of "adamw" per unit of learning rate; not for the others.

    warmup_fraction : float in [0, 1), default=0.05
        Of "cosine".

    scoring : str or callable, default="loss"
        What early stopping goes by: "loss", or a scorer as in ``cross_val_score``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_outputs,)
        Class labels; for several labels a row, the numbers of the columns of y.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights, for inputs as they come, or behind the encoding: the first layer reads
        `encoded_feature_names_`. float32 where X is (and none is above 1e18, nor a
        column far from 0 for its spread), else float64.

    intercepts_ : list of ndarray of shape (fan_out,)
        Biases.

    loss_ : float
        The last entry of ``loss_curve_``.

    best_loss_ : float
        The least.

    loss_curve_ : ndarray of shape (n_iter_,)
        Objective of each epoch. "gd" and the minibatch solvers give it as the gradients
        saw it, before each update, so that entry i of "gd" is the loss that epoch i
        starts from; "lbfgs" and "gauss_newton" after the epoch.

    validation_scores_ : ndarray of shape (n_iter_,) or None
        Score on the held-out rows after each epoch; minus the loss for
        ``scoring="loss"``. None without held-out rows.

    best_validation_score_ : float or None
        The highest, a warm start's included. `partial_fit` leaves that of an earlier
        `fit` as it was.

    history_ : dict of ndarray of shape (n_iter_,)
        "epoch", "loss", "learning_rate", "gradient_norm", "seconds"; where there are
        held-out rows also "validation_loss" and "validation_score", which are NaN
        in epochs that `partial_fit` adds.

    n_iter_ : int
        Epochs made.

    t_ : int
        Rows seen in these epochs, each as often as it was. Those of the short trainings
        that choose alpha do not count: their parameters are not in ``history_`` either.

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
        The penalty that was applied; 0 under "adamw", which has none.

    alpha_path_ : dict of ndarray or None
        "alpha" and "validation_loss" of the alphas that were tried, the largest first;
        None where ``alpha`` was given, or followed from the number of rows.

    temperature_ : float
        What the last layer was divided by; 1 for nothing. One number for all outputs.

    bin_edges_ : list of ndarray or None
        The edges of each column's bins, of an array without entries where it has none;
        None for a linear encoding.

    encoded_feature_names_ : ndarray of object of shape (n_inputs,)
        What the first layer reads: the columns of numbers; "column in [low, high]" of
        each bin; "column is missing"; of each categorical column "column=category",
        "column is missing" and "column is rare".

    is_categorical_ : ndarray of bool of shape (n_features_in_,) or None
        Which columns hold categories; None for none.

    categories_ : list of ndarray of object or None
        The categories of each column that have an input of their own, sorted; of a
        column of numbers none. None where all columns are numbers.

    has_missing_ : ndarray of bool of shape (n_features_in_,) or None
        Columns with an input for missing values; None for none.

    has_rare_ : ndarray of bool of shape (n_features_in_,) or None
        Columns with an input for rare categories. None where all columns are numbers.

    column_means_ : ndarray of shape (n_features_in_,)
        The weighted means of the training rows, which stand for a missing number. NaN
        for a categorical column, and one without any value, which is ignored.

    penalty_factors_ : ndarray of shape (n_inputs,) or None
        The factors r of ``adaptive_penalty``; None where all columns are penalised
        alike.

    feature_importances_ : ndarray of shape (n_features_in_,)
        How strongly the first layer reads each column of X: the norm of the weights of
        its inputs, in units of their scale, divided by the sum over all columns. How
        much worse predictions become without a column is another question:
        `sklearn.inspection.permutation_importance` answers it.

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
    in float64 below 2,500 rows, where rows times parameters are few; else minibatches
    of Adam in float32 under a cosine, of fewer epochs the more rows there are. Dropout,
    clipping or a schedule, where one is set, asks for Adam too. Rows are distinct ones
    of positive weight: copies of rows, and weights, change none of these.

    ``alpha="auto"`` holds some of the distinct rows out (stratified): a third for
    "lbfgs" and "gauss_newton", below 500 rows each third in turn, else a fifth; below
    100 rows each tenth in turn. A row of weight k, or k equal rows, are divided where k
    is the number of parts, 3, 5 or 10, or more. "lbfgs" and "gauss_newton" train on the
    others along a path of falling alphas, 30 to 0.03, and go on with all rows. The
    other solvers make short trainings with alphas from 100 to 0.3, from 10 outward, and
    begin anew; where a temperature is wanted, all but the last sixth of the epochs
    leave the held-out rows out, to find it on them. Of the alphas that are as good as
    the best within 0.7 standard errors of the held-out loss (1.5 below 100 rows) the
    largest is taken, but one above 10 and above a ninth of the rows only where all are.
    ``X_val``, or the rows of early stopping, stand in for held-out rows where there are
    some. `fit` with a warm start chooses nothing, and goes on with the alpha,
    temperature, encoding and factors that it finds.

    Choices do not depend on the order of the rows, nor on whether a row has weight k or
    stands there k times (of a sparse X, rows are compared by a number of 64 bits). Nor
    does the result under a full batch, to rounding, which weak penalties multiply.
    Under minibatches, order and copies change which rows a batch holds.

    A parameter that the solver does not read is ignored, with a warning that names it
    and the solvers that read it.

    References
    ----------
    .. [1] Denny Britz (2015). Implementing a Neural Network from Scratch in Python.
    .. [2] Yury Gorishniy, Ivan Rubachev, Artem Babenko (2022). On Embeddings for
       Numerical Features in Tabular Deep Learning, sec. 3.2.
    .. [3] Yves Grandvalet (1998). Least Absolute Shrinkage is Equivalent to Quadratic
       Penalization.
    .. [4] Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Weinberger (2017). On Calibration of
       Modern Neural Networks, sec. 4.2.
    .. [5] Eugene Berta, David Holzmueller, Michael Jordan, Francis Bach (2025).
       Rethinking Early Stopping: Refine, Then Calibrate.

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

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS | OF_LABELS

    classes_: np.ndarray
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    loss_: float
    best_loss_: float
    loss_curve_: np.ndarray
    validation_scores_: np.ndarray | None
    best_validation_score_: float | None
    history_: dict[str, np.ndarray]
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    activations_: tuple[str, ...]
    solver_: str
    alpha_: float
    alpha_path_: dict[str, np.ndarray] | None
    temperature_: float
    bin_edges_: list[np.ndarray] | None
    is_categorical_: np.ndarray | None
    categories_: list[np.ndarray] | None
    has_missing_: np.ndarray | None
    has_rare_: np.ndarray | None
    column_means_: np.ndarray
    penalty_factors_: np.ndarray | None
    feature_importances_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] | np.ndarray | Literal["auto"] = "auto",
        activation: str | Sequence[str] = "relu",
        *,
        solver: str = "auto",
        alpha: float | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str = "auto",
        learning_rate_init: float | Literal["auto"] = "auto",
        power_t: float = 0.5,
        max_iter: int | Literal["auto"] = "auto",
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float | Literal["auto"] = "auto",
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int | float = 10,
        max_fun: int = 15000,
        init: str = "auto",
        standardize: bool | Literal["robust"] = "robust",
        dtype: Literal["auto", "float32", "float64"] = "auto",
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        categorical_features: Sequence[Any]
        | np.ndarray
        | Literal["from_dtype"]
        | None = "from_dtype",
        numeric_encoding: Literal["auto", "linear", "piecewise"] = "auto",
        n_bins: int | Literal["auto"] = "auto",
        adaptive_penalty: bool | Literal["auto"] = "auto",
        calibrate: bool | Literal["auto"] = "auto",
        dropout: float | Literal["auto"] = "auto",
        label_smoothing: float = 0.0,
        max_grad_norm: float | None = None,
        weight_decay: float = 0.01,
        warmup_fraction: float = 0.05,
        scoring: str | Callable[..., float] = "loss",
    ) -> None:
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
        self.categorical_features = categorical_features
        self.numeric_encoding = numeric_encoding
        self.n_bins = n_bins
        self.adaptive_penalty = adaptive_penalty
        self.calibrate = calibrate
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
        X: Rows,
        y: Rows,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Rows | None = None,
        y_val: Rows | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to rows X and labels y.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
            Numbers of any real dtype; in a DataFrame of pandas or polars texts and
            categories, too, see ``categorical_features``. A missing number (NaN, None,
            NA) is the column's mean, and where training rows lack some, an input says
            so; a sparse X can have none. All is encoded and standardised a block at a
            time; CSC becomes CSR, and an array that is not C-ordered is copied once.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels of any type, of two classes or more; or an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0. A weight of k counts as k rows, 0 as none.
        X_val, y_val : as X and y, default=None
            Held-out rows, on which loss and score of each epoch are measured.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the held-out rows.

        Returns
        -------
        self : ScratchMLPClassifier
            The fitted network.

        Raises
        ------
        ValueError, TypeError
            If an argument or a parameter cannot be used. The text names it, and the
            estimator stays as it was.

        Warns
        -----
        ConvergenceWarning
            If the result is not to be trusted. The text names a remedy.
        UserWarning
            If a parameter is set that the solver does not read, or a column has no
            value.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)

    @available_if(lambda self: self._check_stochastic())
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Rows,
        y: Rows,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Make one epoch over the given rows, going on from the last call.

        Random state, optimizer state, counters and history carry on, also through a
        pickle between two calls; a changed learning rate is honoured. The rows of the
        first call fix the categories, the means, the standardisation and the bins.
        After `fit`, training goes on from the fitted layers, before their temperature.
        A call of a few rows is an update of full size from their noise: gather rows
        until there are some hundred.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Need not hold every class.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes of all calls; needed at the first.

        Returns
        -------
        self : ScratchMLPClassifier
            The network, one epoch further.

        Raises
        ------
        AttributeError
            If ``solver`` has no minibatches.
        ValueError
            For another architecture, unknown classes, another number of features, a
            cosine schedule, which plans its end, or early stopping.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def _read_y(self, y: np.ndarray) -> tuple[np.ndarray, Loss]:
        """One label a row, or an indicator matrix with a column a label."""
        y = check_labels(y)
        several = y.ndim == 2
        name = "logistic_cross_entropy" if several else "softmax_cross_entropy"
        return y, LOSSES[name]

    def predict(self, X: Rows) -> np.ndarray:
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,) or (n_samples, n_labels)
            For several labels a row, 1 where a probability is above one half.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        return predictor.loss.decode(predictor.decisions(), self.classes_)

    def predict_proba(self, X: Rows) -> np.ndarray:
        """Return the probability of each class or label.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_outputs)
            In float32 where both X and ``coefs_`` are, else in float64.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        return predictor.outputs("probabilities")

    def predict_log_proba(self, X: Rows) -> np.ndarray:
        """Return the logarithm of `predict_proba`, computed from the logits: finite.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_outputs)
            In the precision of `predict_proba`, or in float64 where float32 cannot hold
            them.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        return predictor.outputs("log_probabilities")

    def decision_function(self, X: Rows) -> np.ndarray:
        """Return the logits.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples, n_outputs), or (n_samples,)
            For two classes one column, the log-odds of the second. In the precision of
            `predict_log_proba`.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        return predictor.loss.decision(predictor.outputs())

    def input_gradients(
        self,
        X: Rows,
        target: Any = None,
        of: Literal["logit", "probability"] = "logit",
    ) -> np.ndarray:
        """Return the derivative of an output with respect to each feature.

        The same backpropagation that trained the network, taken one product further: to
        X itself. For ``of="logit"`` and two classes it is the derivative of
        `decision_function`, turned to the target's side.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        target : label or int, default=None
            The class, or for several labels a row the label's column; None for the last
            of ``classes_``.
        of : {"logit", "probability"}, default="logit"

        Returns
        -------
        gradients : ndarray of shape (n_samples, n_features)
            In units of the output per unit of the raw feature. NaN where there is no
            derivative: in categorical columns, and where a number is missing.

        Raises
        ------
        ValueError
            If ``target`` is not one of ``classes_`` or ``of`` is neither choice.
        """
        if not (isinstance(of, str) and of in ("logit", "probability")):
            raise ValueError(f"of must be 'logit' or 'probability'; got {of!r}.")
        predictor = self._predictor(X)
        k = len(self.classes_) - 1
        if np.ndim(target) > 0:
            raise ValueError(f"target must be one label; got {target!r}.")
        if target is not None:
            k = index_of(target, self.classes_, "target")
        return predictor.input_gradients(predictor.loss.output_seed(k, of))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_label = True
        return tags
