"""`ReliabilityDisplay`: whether predicted probabilities come true, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_is_fitted

from .._typing import Rows
from ..data.checks import check_weights
from .figures import axes_or_new

if TYPE_CHECKING:
    from .._typing import Axes, Line2D, PathCollection

MANY = 10  # curves, above which matplotlib's colours would repeat


@dataclass(frozen=True)
class ReliabilityCurve:
    """The bins of a reliability curve that hold rows.

    Attributes
    ----------
    prob_pred, prob_true : ndarray of shape (n_filled_bins,)
        Mean prediction, and share of rows in which it came true.
    mass : ndarray of shape (n_filled_bins,)
        Share of the rows' weight in each bin.
    """

    prob_pred: np.ndarray
    prob_true: np.ndarray
    mass: np.ndarray

    @property
    def calibration_error(self) -> float:
        """Mean distance of prediction and outcome (Naeini et al., 2015, eq. 2)."""
        return float(self.mass @ np.abs(self.prob_true - self.prob_pred))


def reliability_curve(
    came_true: np.ndarray,
    prob: np.ndarray,
    *,
    sample_weight: np.ndarray | None = None,
    n_bins: int = 10,
    strategy: Literal["uniform", "quantile"],
) -> ReliabilityCurve:
    """Return the `ReliabilityCurve` of one event.

    Parameters
    ----------
    came_true : ndarray of bool of shape (n_samples,)
    prob : ndarray of float of shape (n_samples,)
        Predicted probability of the event.
    sample_weight : ndarray of shape (n_samples,), default=None
    n_bins : int, default=10
    strategy : {"uniform", "quantile"}
        Bins of one width, or of one number of rows.
    """
    share = np.linspace(0, 1, n_bins + 1)
    edges = share if strategy == "uniform" else np.quantile(prob, share)
    bins = np.searchsorted(edges[1:-1], prob)
    weight = np.ones(len(prob)) if sample_weight is None else sample_weight
    mass = np.bincount(bins, weight, n_bins)
    filled = mass > 0
    return ReliabilityCurve(
        np.bincount(bins, weight * prob, n_bins)[filled] / mass[filled],
        np.bincount(bins, weight * came_true, n_bins)[filled] / mass[filled],
        mass[filled] / mass.sum(),
    )


class ReliabilityDisplay:
    """Predicted probabilities against the frequencies with which they come true.

    What `sklearn.calibration.CalibrationDisplay` is for two classes, for any number of
    them, and for several labels a row. Make one with `from_estimator` or
    `from_predictions`.

    Parameters
    ----------
    curves : dict of str to ReliabilityCurve
        One for each class drawn, or a single one of the top label.
    kind : {"one_vs_rest", "top_label"}, default="one_vs_rest"
        What the curves are of.
    estimator_name : str, default=None
        Stands before the labels in the legend.

    Attributes
    ----------
    expected_calibration_error : float
        The mean over the curves of the mean distance of prediction and outcome. Of the
        top label it is the usual ECE (Guo et al., 2017); of all classes the classwise
        ECE (Kull et al., 2019).
    lines_ : list of matplotlib.lines.Line2D
    points_ : list of matplotlib.collections.PathCollection
        The bins; the area of a point grows with the rows in it.
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    References
    ----------
    .. [1] M. P. Naeini, G. Cooper, M. Hauskrecht: Obtaining Well Calibrated
       Probabilities Using Bayesian Binning, AAAI 2015.
    .. [2] C. Guo, G. Pleiss, Y. Sun, K. Weinberger: On Calibration of Modern Neural
       Networks, ICML 2017.
    .. [3] M. Kull et al.: Beyond temperature scaling, NeurIPS 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.plotting import ReliabilityDisplay
    >>> X, X_test, y, y_test = train_test_split(
    ...     *load_digits(return_X_y=True), random_state=0)
    >>> model = ScratchMLPClassifier((20,), random_state=0).fit(X, y)
    >>> display = ReliabilityDisplay.from_estimator(model, X_test, y_test)
    >>> len(display.lines_)
    10
    >>> display.expected_calibration_error < 0.05
    True
    """

    lines_: list[Line2D]
    points_: list[PathCollection]
    ax_: Axes
    figure_: Any  # a Figure, or a SubFigure

    def __init__(
        self,
        curves: dict[str, ReliabilityCurve],
        *,
        kind: Literal["one_vs_rest", "top_label"] = "one_vs_rest",
        estimator_name: str | None = None,
    ) -> None:
        self.curves = curves
        self.kind = kind
        self.estimator_name = estimator_name

    @property
    def expected_calibration_error(self) -> float:
        """The mean of the curves' calibration errors."""
        return float(np.mean([c.calibration_error for c in self.curves.values()]))

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Rows,
        y: Rows,
        *,
        sample_weight: ArrayLike | None = None,
        kind: Literal["one_vs_rest", "top_label"] = "one_vs_rest",
        pos_label: Any = None,
        n_bins: int = 10,
        strategy: Literal["uniform", "quantile"] = "uniform",
        name: str | None = None,
        ref_line: bool = True,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw how well a classifier's probabilities hold on given rows.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with ``predict_proba``, or a pipeline or search of one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The true labels, or zeros and ones for several labels a row.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts.
        kind : {"one_vs_rest", "top_label"}, default="one_vs_rest"
            What the curves are of, as in `from_predictions`.
        pos_label : label, default=None
            Draw the curve of this class alone.
        n_bins : int, default=10
            Bins of the probability; empty ones are left out.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of one width, or of one number of rows.
        name : str, default=None
            None is the estimator's class, where there is one curve.
        ref_line : bool, default=True
            Whether to draw the diagonal, on which perfect probabilities lie.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        **kwargs : dict
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : ReliabilityDisplay
            What was drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the estimator gives no probabilities, as no regressor does; and as in
            `from_predictions`.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                "ReliabilityDisplay draws probabilities of classes, and "
                f"{type(estimator).__name__} has no predict_proba. Of a regressor, "
                "PredictionErrorDisplay of scikit-learn draws predictions against y."
            )
        one_curve = kind == "top_label" or pos_label is not None
        if name is None and (one_curve or len(estimator.classes_) == 2):
            name = type(estimator).__name__
        return cls.from_predictions(
            y,
            estimator.predict_proba(X),
            classes=estimator.classes_,
            sample_weight=sample_weight,
            kind=kind,
            pos_label=pos_label,
            n_bins=n_bins,
            strategy=strategy,
            name=name,
            ref_line=ref_line,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Rows,
        y_prob: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        kind: Literal["one_vs_rest", "top_label"] = "one_vs_rest",
        pos_label: Any = None,
        n_bins: int = 10,
        strategy: Literal["uniform", "quantile"] = "uniform",
        name: str | None = None,
        ref_line: bool = True,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw how well predicted probabilities hold.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
            The true labels, or zeros and ones for several labels a row.
        y_prob : array-like of shape (n_samples, n_classes) or (n_samples,)
            One column a class or label. A single column is of the second of two
            classes.
        classes : array-like of shape (n_classes,), default=None
            The labels of the columns. None is the sorted labels of ``y_true``.
        sample_weight : array-like of shape (n_samples,), default=None
            What each row counts.
        kind : {"one_vs_rest", "top_label"}, default="one_vs_rest"
            A curve for each class against all others, of two classes the second one's
            alone; or one curve of the probability of the predicted class.
        pos_label : label, default=None
            Draw the curve of this class alone.
        n_bins : int, default=10
            Bins of the probability; empty ones are left out.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of one width, or of one number of rows.
        name : str, default=None
            Stands before the labels in the legend.
        ref_line : bool, default=True
            Whether to draw the diagonal, on which perfect probabilities lie.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        **kwargs : dict
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : ReliabilityDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the shapes do not fit each other, a probability is outside of [0, 1], a
            label is not in ``classes``, or a choice is not among those above.
        """
        _check_choices(kind, strategy, n_bins)
        y_true = y_true.toarray() if hasattr(y_true, "toarray") else np.asarray(y_true)
        exclusive = type_of_target(y_true) != "multilabel-indicator"
        truth, prob, labels = _check_predictions(y_true, y_prob, classes, exclusive)
        weights = check_weights(sample_weight, prob)
        if kind == "top_label":
            events = [_top_label(truth, prob, exclusive)]
        else:
            events = _one_vs_rest(truth, prob, labels, pos_label, exclusive)
        curves = {
            str(label): reliability_curve(
                event,
                p,
                sample_weight=weights,
                n_bins=n_bins,
                strategy=strategy,
            )
            for label, event, p in events
        }
        display = cls(curves, kind=kind, estimator_name=name)
        return display.plot(ax, ref_line=ref_line, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        ref_line: bool = True,
        **kwargs: Any,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        name : str, default=None
            Stands before the labels in the legend; None is ``estimator_name``.
        ref_line : bool, default=True
            Whether to draw the diagonal, on which perfect probabilities lie.
        **kwargs : dict
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : ReliabilityDisplay
            This object.
        """
        ax = axes_or_new(ax, "ReliabilityDisplay")
        self.ax_, self.figure_ = ax, ax.figure
        name = self.estimator_name if name is None else name
        reference = "Perfectly calibrated"
        if ref_line and reference not in ax.get_legend_handles_labels()[1]:
            ax.plot([0, 1], [0, 1], ":", color="gray", label=reference)
        self.lines_, self.points_ = [], []
        for i, (label, curve) in enumerate(self.curves.items()):
            style = {"label": self._label(label, curve, name)}
            if len(self.curves) > 1:
                style["linewidth"] = 1
            if len(self.curves) > MANY:
                style["color"] = self._colour(i)
            x, y = curve.prob_pred, curve.prob_true
            (line,) = ax.plot(x, y, **style | kwargs)
            points = ax.scatter(x, y, 200 * curve.mass + 4, color=line.get_color())
            self.lines_.append(line)
            self.points_.append(points)
        top = self.kind == "top_label"
        ax.set_xlabel(f"Mean {'confidence' if top else 'predicted probability'}")
        ax.set_ylabel("Accuracy" if top else "Fraction of positives")
        self._add_legend()
        return self

    def _label(self, label, curve, name):
        alone = len(self.curves) == 1
        words = [name] if alone and name else [name, label]
        text = " ".join(filter(None, words))
        return f"{text} (ECE = {curve.calibration_error:.3f})"

    def _colour(self, i):
        import matplotlib as mpl

        return mpl.colormaps["viridis"](0.9 * i / (len(self.curves) - 1))

    def _add_legend(self):
        many = len(self.lines_) > MANY
        title = None
        if len(self.lines_) > 1:
            title = f"mean ECE = {self.expected_calibration_error:.3f}"
        self.ax_.legend(title=title, fontsize="small", ncols=2 if many else 1)


def _check_choices(kind, strategy, n_bins):
    if kind not in ("one_vs_rest", "top_label"):
        raise ValueError(f"kind must be 'one_vs_rest' or 'top_label'; got {kind!r}.")
    if strategy not in ("uniform", "quantile"):
        raise ValueError(f"strategy must be 'uniform' or 'quantile'; got {strategy!r}.")
    if not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins must be a whole number, 1 or more; got {n_bins!r}.")


def _check_predictions(y_true, y_prob, classes, exclusive):
    """Return outcomes and probabilities, both (n_samples, n_classes), and labels."""
    prob = check_array(y_prob, ensure_2d=False, dtype=[np.float64, np.float32])
    if prob.min() < 0 or prob.max() > 1:
        raise ValueError("y_prob has values outside of [0, 1].")
    if prob.ndim == 1 or prob.shape[1] == 1:
        prob = np.column_stack([1 - prob.ravel(), prob.ravel()])
    check_consistent_length(y_true, prob)
    if exclusive:
        y_true = column_or_1d(y_true)
        labels = np.unique(y_true) if classes is None else np.asarray(classes)
        unknown = np.setdiff1d(y_true, labels)
        if len(unknown):
            raise ValueError(f"y_true has labels that are not in classes: {unknown}.")
        truth = y_true[:, np.newaxis] == labels
    else:
        labels = np.arange(y_true.shape[1]) if classes is None else np.asarray(classes)
        truth = y_true != 0
    if not len(labels) == prob.shape[1] == truth.shape[1]:
        raise ValueError(
            f"y_prob has {prob.shape[1]} columns for {len(labels)} classes, "
            f"{labels.tolist()}; give classes= in the order of the columns."
        )
    return truth, prob, labels


def _top_label(truth, prob, exclusive):
    """Return label, outcomes and probabilities of the predicted classes."""
    if not exclusive:
        raise ValueError("kind='top_label' needs one label a row; use 'one_vs_rest'.")
    rows, winners = np.arange(len(prob)), prob.argmax(axis=1)
    return "top label", truth[rows, winners], prob[rows, winners]


def _one_vs_rest(truth, prob, labels, pos_label, exclusive):
    """Return label, outcomes and probabilities of each class that is to be drawn."""
    if pos_label is not None:
        drawn = np.flatnonzero(labels == pos_label)
        if not len(drawn):
            raise ValueError(f"pos_label={pos_label!r} is not in {labels.tolist()}.")
    else:
        drawn = [1] if exclusive and len(labels) == 2 else range(len(labels))
    return [(labels[k], truth[:, k], prob[:, k]) for k in drawn]
