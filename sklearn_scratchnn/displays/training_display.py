"""`TrainingCurveDisplay`: what a training did, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from .curves import group_runs, history_of, members_of, positions, stack
from .figures import axes_or_new, inner_estimator

if TYPE_CHECKING:
    from .._typing import Axes, Line2D

MANY = 10  # groups, above which matplotlib's colours would repeat
LINE_STYLES = ("-", "--", ":", "-.")


class TrainingCurveDisplay:
    """Curves over the epochs of one or several trainings.

    Make one with `from_estimator` or `from_logs`. What they take is kept as attributes,
    and `plot` draws it again.

    Parameters
    ----------
    curves : dict
        Keys are ``(group, part)``, strings: groups differ in colour; parts of a group,
        such as "validation", in the line's style. Values are ``(x, values)``, arrays of
        shape (n_epochs,) and (n_runs, n_epochs).
    column : str, default="loss"
        What is drawn, in the words of the history or the log.
    x : {"epoch", "seconds"}, default="epoch"
        What the horizontal axis counts.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        One a curve: the mean over its runs.
    fill_between_ : list of matplotlib collections, or None
        One for each curve of several runs; None without bands.
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over the number of rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.plotting import TrainingCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ScratchMLPClassifier((5,), early_stopping=True, random_state=0)
    >>> display = TrainingCurveDisplay.from_estimator(model.fit(X, y))
    >>> [line.get_label() for line in display.lines_]
    ['training loss', 'validation loss']
    """

    lines_: list[Line2D]
    fill_between_: list[Any] | None
    ax_: Axes
    figure_: Any  # a Figure, or a SubFigure

    def __init__(
        self,
        curves: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]],
        *,
        column: str = "loss",
        x: Literal["epoch", "seconds"] = "epoch",
    ) -> None:
        self.curves = curves
        self.column = column
        self.x = x

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        column: str | None = None,
        x: Literal["epoch", "seconds"] = "epoch",
        name: str | None = None,
        log_scale: bool = False,
        negate_score: bool = False,
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the history of a fitted network.

        Parameters
        ----------
        estimator : estimator
            A fitted network of this package, ``MLPClassifier`` or ``MLPRegressor``; an
            ensemble, of which each member has its curves; or a pipeline that ends with
            one of these, or a search whose best estimator is one.
        column : str, default=None
            A column of ``history_``: "loss", "validation_score", "learning_rate" (per
            update) or "gradient_norm". "loss" draws the training loss, penalty
            included, and the validation loss where there is one, without penalty. None
            is "loss".
        x : {"epoch", "seconds"}, default="epoch"
        name : str, default=None
            Stands before the labels in the legend, to tell several estimators on the
            same axes apart.
        log_scale : bool, default=False
            Whether the vertical axis is logarithmic.
        negate_score : bool, default=False
            Whether to draw minus the values.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        line_kw : dict, default=None
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If it keeps no history, or the history has no such column.
        """
        members = members_of(history_of(inner_estimator(estimator)))
        groups = {
            (", ".join(filter(None, (name, member))), ""): [history]
            for member, history in members.items()
        }
        return cls._from_groups(groups, column, x).plot(
            ax, log_scale=log_scale, negate_score=negate_score, line_kw=line_kw
        )

    @classmethod
    def from_logs(
        cls,
        logs: Any,
        *,
        search: Any = None,
        column: str | None = None,
        x: Literal["epoch", "seconds"] = "epoch",
        band: Literal["std", "range"] | None = "std",
        log_scale: bool = False,
        negate_score: bool = False,
        ax: Axes | None = None,
        line_kw: dict[str, Any] | None = None,
        fill_between_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw histories, or the logs of callbacks, as means and bands.

        Runs of one group, such as folds, are drawn as their mean with a band around it.
        A run that ended earlier than others counts on with its last value.

        Parameters
        ----------
        logs : dict, log, or list or dict of these
            A ``history_``; or what ``get_logs()`` of
            `sklearn.callback.ScoringMonitor` or
            `sklearn_scratchnn.callbacks.ValidationMonitor` returns. A list of these is
            one group. A dict has one group for each of its keys, which label them; of
            logs of one search, such as those of a monitor of training rows and one of
            validation rows, it has one style of line for each.
        search : GridSearchCV or RandomizedSearchCV, default=None
            The fitted search in which the logs were taken: each candidate is a group,
            and its folds are the runs. The refit is left out. None draws all fits of a
            search as one group, and its refit as another.
        column : str, default=None
            A column of the histories or a score of the logs. None is "loss" where there
            is one, else the first score.
        x : {"epoch", "seconds"}, default="epoch"
            Logs know no seconds.
        band : {"std", "range"} or None, default="std"
            One standard deviation to each side of the mean; or from the least to the
            largest run; or no band.
        log_scale : bool, default=False
            Whether the vertical axis is logarithmic.
        negate_score : bool, default=False
            Whether to draw minus the values.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        line_kw : dict, default=None
            For `matplotlib.axes.Axes.plot`.
        fill_between_kw : dict, default=None
            For `matplotlib.axes.Axes.fill_between`.

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If ``logs`` is none of these.
        ValueError
            If the logs hold nothing to draw, lack the column, or are not of ``search``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import cross_validate
        >>> from sklearn_scratchnn import ScratchMLPClassifier
        >>> from sklearn_scratchnn.plotting import TrainingCurveDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> histories = {}
        >>> for alpha in (0.1, 10.0):
        ...     model = ScratchMLPClassifier((5,), alpha=alpha, random_state=0)
        ...     folds = cross_validate(model, X, y, cv=3, return_estimator=True)
        ...     histories[f"{alpha=}"] = [fold.history_ for fold in folds["estimator"]]
        >>> display = TrainingCurveDisplay.from_logs(histories, log_scale=True)
        >>> len(display.lines_), len(display.fill_between_)
        (2, 2)
        """
        return cls._from_groups(group_runs(logs, search), column, x).plot(
            ax,
            band=band,
            log_scale=log_scale,
            negate_score=negate_score,
            line_kw=line_kw,
            fill_between_kw=fill_between_kw,
        )

    @classmethod
    def _from_groups(
        cls,
        groups: dict[tuple[str, str], list[Any]],
        column: str | None,
        x: Literal["epoch", "seconds"],
    ) -> Self:
        runs = [run for runs in groups.values() for run in runs]
        names = [name for name in runs[0] if name != "epoch"] if runs else []
        if not names:
            raise ValueError("logs holds nothing to draw.")
        if column is None:
            column = "loss" if "loss" in names else names[0]
        curves = {}
        for (group, part), runs in groups.items():
            where = positions(runs, x)
            curves[group, part] = where, stack(runs, column)
            if column == "loss" and all("validation_loss" in run for run in runs):
                curves[group, "validation"] = where, stack(runs, "validation_loss")
        return cls(curves, column=column, x=x)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        band: Literal["std", "range"] | None = "std",
        log_scale: bool = False,
        negate_score: bool = False,
        line_kw: dict[str, Any] | None = None,
        fill_between_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        band : {"std", "range"} or None, default="std"
            One standard deviation to each side of the mean; or from the least to the
            largest run; or no band.
        log_scale : bool, default=False
            Whether the vertical axis is logarithmic.
        negate_score : bool, default=False
            Whether to draw minus the values.
        line_kw : dict, default=None
            For `matplotlib.axes.Axes.plot`.
        fill_between_kw : dict, default=None
            For `matplotlib.axes.Axes.fill_between`.

        Returns
        -------
        display : TrainingCurveDisplay
            This object.
        """
        if band not in ("std", "range", None):
            raise ValueError(f"band must be 'std', 'range' or None; got {band!r}.")
        ax = axes_or_new(ax, "TrainingCurveDisplay")
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_ = []
        self.fill_between_ = None if band is None else []
        sign = -1 if negate_score else 1
        for key, (x, values) in self.curves.items():
            line = self._plot_line(key, x, sign * values, line_kw or {})
            if self.fill_between_ is not None and len(values) > 1:
                options = {"alpha": 0.2, "linewidth": 0, "color": line.get_color()}
                low, high = _limits(sign * values, band)
                self.fill_between_.append(
                    ax.fill_between(x, low, high, **options | (fill_between_kw or {}))
                )
        if log_scale:
            ax.set_yscale("log")
        if self.x == "epoch" and ax.get_xscale() == "linear":
            ax.locator_params(axis="x", integer=True)
        ax.set_xlabel(self.x.capitalize())
        ax.set_ylabel(_axis_label(self.column, negate_score))
        if any(not str(line.get_label()).startswith("_") for line in self.lines_):
            ax.legend(fontsize="small" if len(self.lines_) > MANY else None)
        return self

    def _plot_line(self, key, x, values, line_kw):
        style = {"label": self._label(*key), **self._style(*key)}
        if len(x) == 1:
            style["marker"] = "o"
        (line,) = self.ax_.plot(x, values.mean(axis=0), **style | line_kw)
        self.lines_.append(line)
        return line

    def _style(self, group, part):
        """Return the colour of a group and the line style of a part."""
        groups = list(dict.fromkeys(group for group, _ in self.curves))
        parts = list(dict.fromkeys(part for _, part in self.curves))
        if len(groups) == 1:
            return {}
        style = {"linestyle": LINE_STYLES[parts.index(part) % len(LINE_STYLES)]}
        drawn = [key[0] for key in list(self.curves)[: len(self.lines_)]]
        if group in drawn:
            style["color"] = self.lines_[drawn.index(group)].get_color()
        elif len(groups) > MANY:
            import matplotlib as mpl

            position = 0.9 * groups.index(group) / (len(groups) - 1)
            style["color"] = mpl.colormaps["viridis"](position)
        return style

    def _label(self, group, part):
        """Return a curve's label; matplotlib leaves those with "_" out of legends."""
        if group:
            return f"{group}, {part}" if part else group
        if len(self.curves) == 1:
            return "_nolegend_"
        return f"{part or 'training'} {self.column}"


def _limits(values, band):
    """Return the lower and the upper edge of a band."""
    if band == "range":
        return values.min(axis=0), values.max(axis=0)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    return mean - deviation, mean + deviation


def _axis_label(column, negated):
    """Return an axis label: the column's name, and what the sign did to it."""
    if negated:
        column = column[4:] if column.startswith("neg_") else f"minus {column}"
    return column.replace("_", " ").capitalize()
