"""`ScratchMLPRegressor`: its parameters, and what a regressor answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from ._typing import Integral, Rows
from .data.targets import check_numbers
from .displays.notebook import NotebookMixin
from .estimator.base import NetworkEstimator
from .estimator.constraints import CONSTRAINTS, OF_NUMBERS
from .estimator.parameter_checks import loss_of
from .network.loss import Loss
from .network.losses import LOSSES

if TYPE_CHECKING:
    from ._typing import available_if, with_callbacks
    from ._typing import fit_context as _fit_context
else:
    from sklearn.utils.metaestimators import available_if

    from ._compat import _fit_context, with_callbacks


class ScratchMLPRegressor(NotebookMixin, RegressorMixin, NetworkEstimator):
    """A multi-layer perceptron for numbers, trained by backpropagation in NumPy.

    The network of `ScratchMLPClassifier` [1]_, with an output for each column of y and
    a loss of numbers. It minimises the mean weighted loss, summed over the outputs,
    plus ``alpha / (2 n) |W|^2`` with n the sum of the sample weights. Inputs and y are
    standardised inside, so that neither needs a scaler, and the fitted layers handed
    out for both as they came.

    Parameters
    ----------
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        Units of each hidden layer; ``()`` is ridge regression. "auto" is (50,), and
        (128, 128) in the minibatch solvers from 2,500 distinct rows on. A warm start
        keeps the layers there are.

    activation : str or sequence of str, default="relu"
        One of "identity", "tanh", "logistic", "relu", "leaky_relu", "elu", "selu",
        "gelu", "silu", "softplus"; or a sequence with one name per hidden layer, which
        must then be given.

    loss : str, default="squared_error"
        What is predicted, and how an error counts:

        - "squared_error": the mean;
        - "poisson": the mean of counts, rates or amounts of 0 or more, as the
          exponential of an output; half the Poisson deviance;
        - "huber": a mean that outliers do not pull: squared up to
          ``huber_threshold``, from there linear [4]_;
        - "quantile": the ``quantile`` of y, by the pinball loss [5]_, bent within a
          20th of y's spread around 0.

    solver : str, default="auto"
        - "gd": gradient descent on the full batch at a fixed rate;
        - "sgd": minibatches, with (Nesterov's) momentum;
        - "adam": Kingma and Ba (2015);
        - "adamw": Adam with decoupled decay, Loshchilov and Hutter (2019);
        - "lbfgs": SciPy's limited-memory BFGS on the full batch;
        - "gauss_newton": damped Gauss-Newton, for at most some 2,900 parameters and
          activations without a kink (not "relu", "leaky_relu", "selu"), under
          "squared_error" (then the method of Levenberg and Marquardt) and "poisson";
        - "auto": see Notes.

    alpha : float or "auto", default="auto"
        The L2 penalty on the weights, whatever the batch; biases are free. It is the
        ``alpha`` of ``Ridge``, and of a Poisson loss n over the mean of y times that of
        ``PoissonRegressor``. "auto" chooses it on held-out rows, see Notes; below 20
        distinct rows it is 1, in `partial_fit` n / 3000 for its n rows. Not used by
        "adamw".

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
        "auto" is 0.05 for "gd", 0.02 for "sgd", and for "adam" and "adamw" 0.001; under
        a cosine 0.02, from 2,500 distinct rows on 0.01.

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
        Share of the rows held out by ``early_stopping=True``.

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
        The most bins of a column; "auto" is 64 in the minibatch solvers from 2,500
        distinct rows on, else 4. A value that holds more than its share of the weight
        is an edge of its own, and the others share what is left by their weighted
        quantiles. Of more than 200,000 rows as many are looked at, at equal distances.

    adaptive_penalty : bool or "auto", default="auto"
        Whether each column gets a penalty of its own, where ``alpha`` is chosen, the
        inputs are standardised, and there are 100 distinct rows. With r_j the norm of
        the weights of column j in a first network, over the largest and at least 0.001,
        it minimises the loss plus ``alpha / (2 n) (sum_j |W_j|^2 / r_j^2 + ...)``, the
        dots standing for the other layers, r scaled to a mean square of 1: the adaptive
        ridge [3]_. All bins of a column share one r; each category has its own. Where
        every r is above a half, all columns count, and keep one penalty. "auto" is
        False: where numbers are few, it makes as many tables worse as better.

    dropout : float in [0, 1) or "auto", default="auto"
        Share of the hidden units that each batch switches off in training. Not for
        "lbfgs" and "gauss_newton". "auto" is 0.

    max_grad_norm : float or None, default=None
        Longer gradients are shortened to it. Not for "lbfgs" and "gauss_newton".

    weight_decay : float, default=0.01
        Decoupled decay of "adamw" per unit of learning rate; not for the others.

    warmup_fraction : float in [0, 1), default=0.05
        Of "cosine".

    scoring : str or callable, default="loss"
        What early stopping goes by: "loss", or a scorer as in ``cross_val_score``.

    huber_threshold : float, default=0.5
        Of "huber": where an error begins to count linearly, in units of y's spread, a
        standard deviation that follows from the quartiles of y.

    quantile : float in (0, 1), default=0.5
        Of "quantile": the share of y below the prediction.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights, for inputs as they come, or behind the encoding: the first layer reads
        `encoded_feature_names_`, the last gives y as it came (of "poisson" its
        logarithm). float32 where X is (and none is above 1e18, nor y or a column far
        from 0 for its spread), else float64.

    intercepts_ : list of ndarray of shape (fan_out,)
        Biases, likewise.

    loss_ : float
        The last entry of ``loss_curve_``. All losses are of y in units of its own,
        ``target_scale_``.

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
        One for each column of y.

    target_center_, target_scale_ : ndarray of shape (n_outputs_,)
        What y is measured from, and in, see Notes.

    out_activation_ : {"identity", "exp"}

    activations_ : tuple of str
        One name per hidden layer.

    solver_ : str
        What ``solver`` came to.

    alpha_ : float
        The penalty that was applied; 0 under "adamw", which has none.

    alpha_path_ : dict of ndarray or None
        "alpha" and "validation_loss" of the alphas that were tried, the largest first;
        None where ``alpha`` was given, or followed from the number of rows.

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
    ScratchMLPClassifier : For labels.
    sklearn.neural_network.MLPRegressor : The one of scikit-learn.
    sklearn.linear_model.RidgeCV : No hidden layer, alpha chosen by folds.

    Notes
    -----
    y is trained on as ``(y - target_center_) / target_scale_``, each column: mean and
    standard deviation for "squared_error", median or the quantile and a standard
    deviation that follows from the quartiles for "huber" and "quantile", 0 and the mean
    for "poisson". So another unit of y changes nothing but the unit of the predictions.
    `partial_fit` keeps what `fit`, or the rows of its first call, say. A column of y
    that is one number is predicted as that number ("poisson": to rounding).

    Counts that vary by a few percent around a large mean are better learnt under
    "squared_error": in units of their mean there is next to nothing to see.

    "auto" asks the numbers of rows, features and outputs alone, as of
    `ScratchMLPClassifier`: a full batch of L-BFGS below 2,500 distinct rows, where rows
    times parameters are few; else minibatches of Adam under a cosine.

    ``alpha="auto"`` holds some of the distinct rows out: a third for "lbfgs" and
    "gauss_newton", else a fifth; below 100 rows each tenth in turn. "lbfgs" and
    "gauss_newton" train on the others along a path of falling alphas, from 30 on, which
    ends where two in a row are worse than the best, at 0.001 at the latest; below 100
    rows from 100 to 0.03. They go on with all rows. The other solvers make short
    trainings with alphas from 100 to 0.3, from 10 outward, and begin anew. Which alpha
    is taken, and what does not depend on order and weights of the rows, is as of
    `ScratchMLPClassifier`.

    Of several columns of y one network predicts all, from the same hidden units, with
    one alpha.

    References
    ----------
    .. [1] Denny Britz (2015). Implementing a Neural Network from Scratch in Python.
    .. [2] Yury Gorishniy, Ivan Rubachev, Artem Babenko (2022). On Embeddings for
       Numerical Features in Tabular Deep Learning, sec. 3.2.
    .. [3] Yves Grandvalet (1998). Least Absolute Shrinkage is Equivalent to Quadratic
       Penalization.
    .. [4] Peter Huber (1964). Robust Estimation of a Location Parameter.
    .. [5] Roger Koenker, Gilbert Bassett (1978). Regression Quantiles.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_scratchnn import ScratchMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ScratchMLPRegressor((10,), alpha=30.0, random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    >>> bool(model.score(X, y) > 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS | OF_NUMBERS

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
    target_center_: np.ndarray
    target_scale_: np.ndarray
    out_activation_: str
    activations_: tuple[str, ...]
    solver_: str
    alpha_: float
    alpha_path_: dict[str, np.ndarray] | None
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
        loss: str = "squared_error",
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
        categorical_features: Sequence[Any]
        | np.ndarray
        | Literal["from_dtype"]
        | None = "from_dtype",
        numeric_encoding: Literal["auto", "linear", "piecewise"] = "auto",
        n_bins: int | Literal["auto"] = "auto",
        adaptive_penalty: bool | Literal["auto"] = "auto",
        dropout: float | Literal["auto"] = "auto",
        max_grad_norm: float | None = None,
        weight_decay: float = 0.01,
        warmup_fraction: float = 0.05,
        scoring: str | Callable[..., float] = "loss",
        huber_threshold: float = 0.5,
        quantile: float = 0.5,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
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
        self.categorical_features = categorical_features
        self.numeric_encoding = numeric_encoding
        self.n_bins = n_bins
        self.adaptive_penalty = adaptive_penalty
        self.dropout = dropout
        self.max_grad_norm = max_grad_norm
        self.weight_decay = weight_decay
        self.warmup_fraction = warmup_fraction
        self.scoring = scoring
        self.huber_threshold = huber_threshold
        self.quantile = quantile

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
        """Fit the network to rows X and numbers y.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
            Numbers of any real dtype; in a DataFrame of pandas or polars texts and
            categories, too, see ``categorical_features``. A missing number (NaN, None,
            NA) is the column's mean, and where training rows lack some, an input says
            so; a sparse X can have none. All is encoded and standardised a block at a
            time; CSC becomes CSR, and an array that is not C-ordered is copied once.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Finite numbers; at least 0 for "poisson".
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0. A weight of k counts as k rows, 0 as none. Of a rate, such as
            claims a year, the exposure: the years.
        X_val, y_val : as X and y, default=None
            Held-out rows, on which loss and score of each epoch are measured.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the held-out rows.

        Returns
        -------
        self : ScratchMLPRegressor
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
    ) -> Self:
        """Make one epoch over the given rows, going on from the last call.

        Random state, optimizer state, counters and history carry on, also through a
        pickle between two calls; a changed learning rate is honoured. The rows of the
        first call fix the categories, the means, the bins, and the standardisation, of
        y too. After `fit`, training goes on from the fitted layers.
        A call of a few rows is an update of full size from their noise: gather rows
        until there are some hundred.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        self : ScratchMLPRegressor
            The network, one epoch further.

        Raises
        ------
        AttributeError
            If ``solver`` has no minibatches.
        ValueError
            For another architecture, another number of features or targets, a cosine
            schedule, which plans its end, or early stopping.
        """
        return self._partial_fit(X, y, sample_weight)

    def _read_y(self, y: np.ndarray) -> tuple[np.ndarray, Loss]:
        """One number a row, or a column for each target."""
        loss = loss_of(self)
        return check_numbers(y, loss), loss

    def predict(self, X: Rows) -> np.ndarray:
        """Predict the numbers of each row.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            In the units of the y of `fit`. In float32 where both X and ``coefs_`` are,
            else in float64.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        return predictor.loss.decode(predictor.outputs("probabilities"), None)

    def input_gradients(self, X: Rows, target: int = 0) -> np.ndarray:
        """Return the derivative of a prediction with respect to each feature.

        The same backpropagation that trained the network, taken one product further: to
        X itself.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        target : int, default=0
            The column of y.

        Returns
        -------
        gradients : ndarray of shape (n_samples, n_features)
            In units of y per unit of the raw feature. NaN where there is no derivative:
            in categorical columns, and where a number is missing.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        predictor = self._predictor(X)
        n_targets = self.n_outputs_
        if not (isinstance(target, Integral) and 0 <= target < n_targets):
            raise ValueError(
                f"target={target!r} does not exist: y has {n_targets} columns, counted "
                "from 0."
            )
        return predictor.input_gradients(
            predictor.loss.output_seed(target, "prediction")
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else None
        tags.target_tags.positive_only = loss is not None and loss.least_y >= 0
        return tags
