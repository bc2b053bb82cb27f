"""The ensembles: the mean of a few unlike networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy
from sklearn.base import ClassifierMixin, RegressorMixin

from ._typing import Rows
from .classifier import ScratchMLPClassifier
from .displays.notebook import EnsembleNotebookMixin
from .estimator.ensemble import NetworkEnsemble
from .network.losses import loss_with_link
from .regressor import ScratchMLPRegressor

if TYPE_CHECKING:
    from ._typing import fit_context as _fit_context
    from ._typing import with_callbacks
else:
    from ._compat import _fit_context, with_callbacks


class ScratchMLPEnsembleClassifier(
    EnsembleNotebookMixin, ClassifierMixin, NetworkEnsemble
):
    """The mean of the probabilities of a few networks that differ.

    Networks that differ are wrong in different places, so the mean of their
    probabilities is wrong less often, and how far they are apart says where it may be
    [1]_, [2]_. The members differ in their random state, which draws the first weights
    and the rows that the penalty is chosen on, and in how they read a numeric column.
    All see all rows: a mean over rows drawn with replacement would make weights and
    copies of a row two things.

    Parameters
    ----------
    estimator : ScratchMLPClassifier, default=None
        The network that the members are clones of; None for one at its defaults.
        ``set_params(estimator__alpha=1.0)``, and so a search over
        ``estimator__alpha``, puts such a one in place of None.

    n_estimators : int, default=2
        Members. Fitting takes as many times as long, and less is gained by each.

    encodings : "auto", str or sequence of str, default="auto"
        ``numeric_encoding`` of the members, taken in turn; it wins over the
        estimator's own. "auto" leaves that of an estimator that names one. Else the
        first member is as the single network is, and so are the others, but below
        10,000 distinct rows every second one is "piecewise", or from 2,500 on, where
        the single network has bins, "linear". Of a sparse X, or of more than 100
        columns that would be cut, all are as the single network is.

    n_jobs : int, default=None
        Members that are trained at the same time, in threads, as of joblib. It changes
        no digit of the result: BLAS is held at one thread while members are trained,
        also where this is None, which is one member after the other. So are they where
        rows times parameters are below a million, and threads would wait.

    random_state : int, RandomState instance or None, default=None
        The first member takes it as it is (a copy of an instance), the others take
        numbers drawn from it, in place of the estimator's own.

    verbose : bool or int, default=False
        Whether to print a line when a member is trained.

    warm_start : bool, default=False
        Whether `fit` keeps the members that there are, and adds those that
        ``n_estimators`` asks for besides.

    Attributes
    ----------
    estimators_ : list of ScratchMLPClassifier
        The members, fitted.

    member_weights_ : ndarray of shape (n_estimators,)
        The weight of each member in the mean, of sum 1. It falls with the square of
        the held-out loss that the member's penalty was chosen by, or, under early
        stopping by the loss, that its best epoch had; all are alike where the loss of
        one is not known.

    classes_ : ndarray of shape (n_outputs,)
        Class labels; for several labels a row, the numbers of the columns of y.

    n_outputs_ : int
        One for each class or label.

    out_activation_ : {"softmax", "logistic"}

    is_categorical_ : ndarray of bool of shape (n_features_in_,) or None
        All five, for all members: as of `ScratchMLPClassifier`.

    categories_ : list of ndarray of object or None

    has_missing_ : ndarray of bool of shape (n_features_in_,) or None

    has_rare_ : ndarray of bool of shape (n_features_in_,) or None

    column_means_ : ndarray of shape (n_features_in_,)

    feature_importances_ : ndarray of shape (n_features_in_,)
        The mean of the members', weighted.

    history_ : dict of ndarray
        The histories of all members in one table: "member", counted from 0, and the
        columns of `ScratchMLPClassifier.history_` that all have.

    n_features_in_ : int

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names.

    See Also
    --------
    ScratchMLPClassifier : One network.

    Notes
    -----
    The first member equals the single network of the same ``random_state``: to the bit
    where BLAS has one thread, else to rounding. The mutual information of `doubt` is
    that of [3]_.

    References
    ----------
    .. [1] Lars Kai Hansen, Peter Salamon (1990). Neural Network Ensembles.
    .. [2] Balaji Lakshminarayanan, Alexander Pritzel, Charles Blundell (2017). Simple
       and Scalable Predictive Uncertainty Estimation using Deep Ensembles.
    .. [3] Stefan Depeweg, Jose Miguel Hernandez-Lobato, Finale Doshi-Velez, Steffen
       Udluft (2018). Decomposition of Uncertainty in Bayesian Deep Learning, eq. 5.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_scratchnn import ScratchMLPEnsembleClassifier
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> model = ScratchMLPEnsembleClassifier(random_state=0).fit(X, y)
    >>> model.predict(X[:3])
    array([0, 1, 1])
    >>> [member.bin_edges_ is not None for member in model.estimators_]
    [False, True]
    """

    classes_: np.ndarray

    _member_class = ScratchMLPClassifier
    _parameter_constraints: ClassVar[dict[str, Any]] = (
        NetworkEnsemble._parameter_constraints
        | {"estimator": [ScratchMLPClassifier, None]}
    )

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
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
        """Fit the members to rows X and labels y.

        An interruption leaves the members that are trained by then, and of one in
        training the best parameters so far.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), default=None
        X_val, y_val : as X and y, default=None
            Held-out rows, the same ones for all members.
        sample_weight_val : array-like of shape (n_val,), default=None
            All as in `ScratchMLPClassifier.fit`.

        Returns
        -------
        self : ScratchMLPEnsembleClassifier
            The fitted ensemble.

        Raises
        ------
        ValueError, TypeError
            If an argument or a parameter cannot be used. The text names it, and the
            member where it is about one; the ensemble stays as it was.

        Warns
        -----
        ConvergenceWarning
            If the result of a member is not to be trusted.
        UserWarning
            If a parameter is set that the solver does not read, or if a warm start has
            no member to add.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)

    def predict(self, X: Rows) -> np.ndarray:
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Of the largest mean probability; for several labels a row, 1 where it is
            above one half.
        """
        loss, logits = self._logits(X)
        return loss.decode(loss.decide(logits), self.classes_)

    def predict_proba(self, X: Rows) -> np.ndarray:
        """Return the mean of the members' probabilities.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_outputs)
            Weighted by ``member_weights_``.
        """
        loss, logits = self._logits(X)
        return loss.probabilities(logits)

    def predict_log_proba(self, X: Rows) -> np.ndarray:
        """Return the logarithm of `predict_proba`, computed from the logits: finite.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_outputs)
            Natural logarithms.
        """
        loss, logits = self._logits(X)
        return loss.log_probabilities(logits)

    def decision_function(self, X: Rows) -> np.ndarray:
        """Return logits whose probabilities are `predict_proba`.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples, n_outputs), or (n_samples,)
            For two classes one column, the log-odds of the second.
        """
        loss, logits = self._logits(X)
        return loss.decision(logits)

    def members_proba(self, X: Rows) -> np.ndarray:
        """Return the probabilities of each member.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_members, n_samples, n_outputs)
            Also of members of weight 0.
        """
        return self._outputs_of_members(X, "probabilities")[1]

    def doubt(
        self,
        X: Rows,
        measure: Literal["mutual_information", "std"] = "mutual_information",
    ) -> np.ndarray:
        """Return how far the members are apart about each row.

        It is large where training rows do not say what the answer is, and small where
        all members agree, also where they agree that the classes are mixed.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        measure : {"mutual_information", "std"}, default="mutual_information"
            "mutual_information" between the answer and the member: the entropy of the
            mean less the mean of the entropies, in nats. "std" is the standard
            deviation over the members of the probability of the predicted class, or
            of each label.

        Returns
        -------
        doubt : ndarray of shape (n_samples,) or (n_samples, n_labels)
            At least 0; with one member 0.

        Raises
        ------
        ValueError
            If ``measure`` is neither choice.
        """
        if not (isinstance(measure, str) and measure in ("mutual_information", "std")):
            raise ValueError(
                f"measure must be 'mutual_information' or 'std'; got {measure!r}."
            )
        p = self.members_proba(X).astype(np.float64)
        if loss_with_link(self.out_activation_).outputs_are_columns:
            p = np.stack([1 - p, p], axis=-1)  # each label's absence and presence
        weights = self.member_weights_
        mean = np.tensordot(weights, p, axes=1)
        if measure == "std":
            predicted = np.expand_dims(mean.argmax(axis=-1), -1)
            apart = np.take_along_axis(p - mean, predicted[np.newaxis], axis=-1)
            return np.sqrt(np.tensordot(weights, np.square(apart[..., 0]), axes=1))
        entropies = -xlogy(p, p).sum(axis=-1)
        information = -xlogy(mean, mean).sum(axis=-1)
        information -= np.tensordot(weights, entropies, axes=1)
        return np.maximum(information, 0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class ScratchMLPEnsembleRegressor(
    EnsembleNotebookMixin, RegressorMixin, NetworkEnsemble
):
    """The mean of the predictions of a few networks that differ.

    As `ScratchMLPEnsembleClassifier`, for numbers: networks that differ are wrong in
    different places, so their mean is wrong less often, and how far they are apart says
    where it may be [1]_, [2]_. All see all rows, and y in the same units.

    Parameters
    ----------
    estimator : ScratchMLPRegressor, default=None
        The network that the members are clones of; None for one at its defaults.
        ``set_params(estimator__alpha=1.0)``, and so a search over
        ``estimator__alpha``, puts such a one in place of None.

    n_estimators : int, default=2
        Members. Fitting takes as many times as long, and less is gained by each.

    encodings : "auto", str or sequence of str, default="auto"
        ``numeric_encoding`` of the members, taken in turn; it wins over the
        estimator's own. "auto" is that of the estimator for all: what is worse alone
        makes a mean of numbers worse.

    n_jobs : int, default=None
        Members that are trained at the same time, in threads, as of joblib. It changes
        no digit of the result: BLAS is held at one thread while members are trained,
        also where this is None, which is one member after the other. So are they where
        rows times parameters are below a million, and threads would wait.

    random_state : int, RandomState instance or None, default=None
        The first member takes it as it is (a copy of an instance), the others take
        numbers drawn from it, in place of the estimator's own.

    verbose : bool or int, default=False
        Whether to print a line when a member is trained.

    warm_start : bool, default=False
        Whether `fit` keeps the members that there are, and adds those that
        ``n_estimators`` asks for besides.

    Attributes
    ----------
    estimators_ : list of ScratchMLPRegressor
        The members, fitted.

    member_weights_ : ndarray of shape (n_estimators,)
        The weight of each member in the mean, of sum 1. It falls with the square of
        the held-out loss that the member's penalty was chosen by, or, under early
        stopping by the loss, that its best epoch had; all are alike where the loss of
        one is not known.

    n_outputs_ : int
        One for each column of y.

    out_activation_ : {"identity", "exp"}

    is_categorical_ : ndarray of bool of shape (n_features_in_,) or None
        All five, for all members: as of `ScratchMLPRegressor`.

    categories_ : list of ndarray of object or None

    has_missing_ : ndarray of bool of shape (n_features_in_,) or None

    has_rare_ : ndarray of bool of shape (n_features_in_,) or None

    column_means_ : ndarray of shape (n_features_in_,)

    feature_importances_ : ndarray of shape (n_features_in_,)
        The mean of the members', weighted.

    history_ : dict of ndarray
        The histories of all members in one table: "member", counted from 0, and the
        columns of `ScratchMLPRegressor.history_` that all have.

    n_features_in_ : int

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Where X has names.

    See Also
    --------
    ScratchMLPRegressor : One network.

    Notes
    -----
    The first member equals the single network of the same ``random_state``: to the bit
    where BLAS has one thread, else to rounding.

    References
    ----------
    .. [1] Lars Kai Hansen, Peter Salamon (1990). Neural Network Ensembles.
    .. [2] Balaji Lakshminarayanan, Alexander Pritzel, Charles Blundell (2017). Simple
       and Scalable Predictive Uncertainty Estimation using Deep Ensembles.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_scratchnn import ScratchMLPEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ScratchMLPEnsembleRegressor(random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape, model.doubt(X[:2]).shape
    ((2,), (2,))
    """

    _member_class = ScratchMLPRegressor
    _parameter_constraints: ClassVar[dict[str, Any]] = (
        NetworkEnsemble._parameter_constraints
        | {"estimator": [ScratchMLPRegressor, None]}
    )

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
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
        """Fit the members to rows X and numbers y.

        An interruption leaves the members that are trained by then, and of one in
        training the best parameters so far.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
        X_val, y_val : as X and y, default=None
            Held-out rows, the same ones for all members.
        sample_weight_val : array-like of shape (n_val,), default=None
            All as in `ScratchMLPRegressor.fit`.

        Returns
        -------
        self : ScratchMLPEnsembleRegressor
            The fitted ensemble.

        Raises
        ------
        ValueError, TypeError
            If an argument or a parameter cannot be used. The text names it, and the
            member where it is about one; the ensemble stays as it was.

        Warns
        -----
        ConvergenceWarning
            If the result of a member is not to be trusted.
        UserWarning
            If a parameter is set that the solver does not read, or if a warm start has
            no member to add.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)

    def predict(self, X: Rows) -> np.ndarray:
        """Predict the numbers of each row: the mean of the members' predictions.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Weighted by ``member_weights_``.
        """
        loss, logits = self._logits(X)
        return loss.decode(loss.decide(logits), None)

    def members_predict(self, X: Rows) -> np.ndarray:
        """Return the predictions of each member.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_members, n_samples) or (n_members, n_samples, n_targets)
            Also of members of weight 0.
        """
        loss, numbers = self._outputs_of_members(X, "probabilities")
        return np.stack([loss.decode(codes, None) for codes in numbers])

    def doubt(self, X: Rows) -> np.ndarray:
        """Return how far the members are apart about each row, in units of y.

        The standard deviation of their predictions: large where training rows do not
        say what the answer is. It is no interval for y, whose own noise all members
        leave out alike; ``loss="quantile"`` gives one.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        doubt : ndarray of shape (n_samples,) or (n_samples, n_targets)
            At least 0, by the members' weights; with one member 0.
        """
        y, weights = self.members_predict(X).astype(np.float64), self.member_weights_
        apart = y - np.tensordot(weights, y, axes=1)
        largest = np.abs(apart).max(axis=0)  # whose square may leave the range
        apart /= np.where(largest > 0, largest, 1)
        return largest * np.sqrt(np.tensordot(weights, np.square(apart), axes=1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags = self._template().__sklearn_tags__().target_tags
        return tags
