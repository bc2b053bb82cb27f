"""`FeatureImportanceDisplay`: which columns the first layer reads most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .figures import axes_or_new, inner_estimator

if TYPE_CHECKING:
    from .._typing import Axes

INCHES_A_BAR = 0.25


class FeatureImportanceDisplay:
    """The largest ``feature_importances_`` of a network, as bars.

    They say how strongly the first layer reads a column. How much worse predictions
    become without it is another question, which
    `sklearn.inspection.permutation_importance` answers.

    Parameters
    ----------
    importances : array-like of shape (n_features,)
        Their sum is 1.
    feature_names : sequence of str, default=None
        None for ``x0``, ``x1`` and so on.

    Attributes
    ----------
    importances : ndarray of shape (n_features,)
    feature_names : list of str
    bars_ : matplotlib.container.BarContainer
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.plotting import FeatureImportanceDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = ScratchMLPClassifier(random_state=0).fit(X, y)
    >>> display = FeatureImportanceDisplay.from_estimator(model)
    >>> len(display.bars_)
    4
    """

    bars_: Any
    ax_: Axes
    figure_: Any

    def __init__(
        self, importances: ArrayLike, *, feature_names: ArrayLike | None = None
    ) -> None:
        self.importances = np.asarray(importances, dtype=float)
        if feature_names is None:
            feature_names = [f"x{j}" for j in range(len(self.importances))]
        self.feature_names = [str(name) for name in np.asarray(feature_names)]
        if len(self.feature_names) != len(self.importances):
            raise ValueError(
                f"feature_names has {len(self.feature_names)} names, for "
                f"{len(self.importances)} importances."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        feature_names: ArrayLike | None = None,
        max_features: int = 20,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the importances of a fitted network.

        Parameters
        ----------
        estimator : estimator
            Fitted; a search or a pipeline that ends in one, too.
        feature_names : sequence of str, default=None
            None for those that it was fitted with.
        max_features : int, default=20
            Columns that are drawn at most.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.

        Returns
        -------
        FeatureImportanceDisplay
        """
        network = inner_estimator(estimator)
        if feature_names is None:
            feature_names = getattr(network, "feature_names_in_", None)
        display = cls(network.feature_importances_, feature_names=feature_names)
        return display.plot(ax, max_features=max_features)

    def plot(self, ax: Axes | None = None, *, max_features: int = 20) -> Self:
        """Draw the largest, the largest on top.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        max_features : int, default=20
            Columns that are drawn at most.

        Returns
        -------
        FeatureImportanceDisplay
            Itself.
        """
        if max_features < 1:
            raise ValueError(f"max_features must be 1 or more; got {max_features!r}.")
        order = np.argsort(-self.importances, kind="stable")[:max_features][::-1]
        height = 1.0 + INCHES_A_BAR * len(order)
        size = {"figsize": (6.4, height), "layout": "constrained"}
        ax = axes_or_new(ax, type(self).__name__, **size)
        names = [self.feature_names[j] for j in order]
        self.bars_ = ax.barh(np.arange(len(order)), self.importances[order])
        ax.set_yticks(np.arange(len(order)), names)
        ax.set(xlabel="share of the first layer's weights", ylabel="feature")
        self.ax_, self.figure_ = ax, ax.figure
        return self
