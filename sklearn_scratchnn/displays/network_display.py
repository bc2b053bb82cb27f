"""`NetworkDisplay`: a fitted network as circles and lines, or as images of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_regressor
from sklearn.utils.validation import check_array

from .._typing import Integral
from ..data.encoding import PiecewiseEncoding
from .figures import axes_or_new, inner_estimator

if TYPE_CHECKING:
    from .._typing import (
        Axes,
        AxesImage,
        Colorbar,
        Colormap,
        LineCollection,
        PathCollection,
    )

SMALL = 16  # units a layer, up to which circles and lines can be read
SHOWN = 40  # features, up to which a matrix of weights names them
LINKS_OF_CLASSES = ("softmax", "logistic")


class NetworkDisplay:
    """The weights of a fitted network.

    Make one with `from_estimator`. A small network is drawn as a diagram: circles are
    units, lines are weights, blue above zero and red below, the stronger the wider, in
    proportion to the largest of their layer. Several numbers that are predicted have
    units of their own: their lines are in proportion to the largest of each. Of a
    larger network the first layer's weights are drawn, as one image a unit or as a
    matrix.

    Parameters
    ----------
    coefs : list of ndarray of shape (fan_in, fan_out)
        The weights, layer by layer.
    activations : sequence of str
        Of each layer but the first, the output's included.
    feature_names : sequence of str
        One for each feature.
    output_names : sequence of str
        One for each output.
    kind : {"diagram", "images", "matrix"}, default="diagram"
        As of `from_estimator`, "auto" resolved.
    image_shape : tuple of int, default=None
        Rows and columns, for "images".
    weight_label : str, default="weight"
        What the first layer's numbers are.

    Attributes
    ----------
    units_ : list of matplotlib.collections.PathCollection
        One a layer, of a diagram.
    lines_ : list of matplotlib.collections.LineCollection
        One between two layers of a diagram; the weakest weights are drawn first.
    image_ : matplotlib.image.AxesImage
        Of images and of a matrix.
    colorbar_ : matplotlib.colorbar.Colorbar
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.plotting import NetworkDisplay
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> model = ScratchMLPClassifier((3,), activation="tanh", random_state=0)
    >>> display = NetworkDisplay.from_estimator(model.fit(X, y))
    >>> [len(units.get_offsets()) for units in display.units_]
    [2, 3, 2]
    """

    units_: list[PathCollection]
    lines_: list[LineCollection]
    image_: AxesImage
    colorbar_: Colorbar | None
    ax_: Axes
    figure_: Any  # a Figure, or a SubFigure

    def __init__(
        self,
        coefs: Sequence[np.ndarray],
        *,
        activations: Sequence[str],
        feature_names: Sequence[str],
        output_names: Sequence[str],
        kind: Literal["diagram", "images", "matrix"] = "diagram",
        image_shape: tuple[int, int] | None = None,
        weight_label: str = "weight",
    ) -> None:
        self.coefs = coefs
        self.activations = activations
        self.feature_names = feature_names
        self.output_names = output_names
        self.kind = kind
        self.image_shape = image_shape
        self.weight_label = weight_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        kind: Literal["auto", "diagram", "images", "matrix"] = "auto",
        image_shape: tuple[int, int] | None = None,
        n_images: int = 16,
        feature_names: Sequence[str] | None = None,
        class_names: Sequence[str] | None = None,
        cmap: str | Colormap = "RdBu",
        colorbar: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the weights of a fitted network.

        Parameters
        ----------
        estimator : estimator
            A fitted network of this package, ``MLPClassifier`` or ``MLPRegressor``; or
            a pipeline that ends with one, or a search whose best estimator is one.
        X : array-like of shape (n_samples, n_features), default=None
            Rows as the network takes them. If given, each weight of the first layer is
            multiplied by its feature's standard deviation over these rows. Weights are
            for raw features: without this, a feature in millimetres has weights a
            thousandth of those that it would have in metres.
        kind : {"auto", "diagram", "images", "matrix"}, default="auto"
            What is drawn: all layers as circles and lines; or the first layer's
            weights, each unit's in the shape of an image, or all in one matrix. "auto"
            is images where ``image_shape`` is given, otherwise a diagram if no layer
            has more than 16 units, otherwise a matrix.
        image_shape : tuple of int, default=None
            Rows and columns of an image whose pixels are the features.
        n_images : int, default=16
            At most so many images: those of the units with the largest weights to the
            next layer. Without hidden layers there is an image for each output.
        feature_names, class_names : sequence of str, default=None
            None is ``feature_names_in_`` or x0, x1 ..., and ``classes_``. The outputs
            of a regressor are y, or y0, y1 ...; ``class_names`` names them too.
        cmap : str or matplotlib.colors.Colormap, default="RdBu"
            From the most negative weight to the most positive.
        colorbar : bool, default=True
            Whether to explain the colours.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.

        Returns
        -------
        display : NetworkDisplay
            What was drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If it is not one network, names or ``image_shape`` do not fit it, X has
            another number of features, or ``kind`` is none of those above.
        """
        network = inner_estimator(estimator)
        if not hasattr(network, "coefs_"):
            raise ValueError(
                f"{type(network).__name__} is not one network; of an ensemble, give "
                "one of its estimators_."
            )
        coefs = list(network.coefs_)
        n_features, n_outputs = coefs[0].shape[0], coefs[-1].shape[1]
        if X is not None:
            coefs[0] = coefs[0] * _deviations(network, X)
        display = cls(
            coefs,
            activations=_activations(network),
            feature_names=_feature_names(network, feature_names, n_features),
            output_names=_output_names(network, class_names, n_outputs),
            kind=_choose_kind(kind, coefs, image_shape),
            image_shape=image_shape,
            weight_label="weight" if X is None else "weight × standard deviation",
        )
        return display.plot(ax, n_images=n_images, cmap=cmap, colorbar=colorbar)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        n_images: int = 16,
        cmap: str | Colormap = "RdBu",
        colorbar: bool = True,
    ) -> Self:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        n_images : int, default=16
            At most so many images, of the units with the largest weights to the next
            layer.
        cmap : str or matplotlib.colors.Colormap, default="RdBu"
            From the most negative weight to the most positive.
        colorbar : bool, default=True
            Whether to explain the colours.

        Returns
        -------
        display : NetworkDisplay
            This object.
        """
        if not (isinstance(n_images, Integral) and n_images >= 1):
            raise ValueError(f"n_images must be 1 or more; got {n_images!r}.")
        ax = axes_or_new(
            ax, "NetworkDisplay", figsize=self._figure_size(), layout="constrained"
        )
        self.ax_, self.figure_ = ax, ax.figure
        if self.kind == "diagram":
            mappable, label = self._draw_diagram(cmap), "weight / largest of its layer"
            if self._outputs_have_units:
                label += " or number"
        elif self.kind == "images":
            mappable, label = self._draw_images(n_images, cmap), self.weight_label
        else:
            mappable, label = self._draw_matrix(cmap), self.weight_label
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(mappable, ax=ax, label=label)
        return self

    @property
    def _sizes(self):
        return [self.coefs[0].shape[0], *(W.shape[1] for W in self.coefs)]

    def _figure_size(self):
        """Return width and height in inches of a figure that the picture fills."""
        if self.kind != "diagram":
            return 6.4, 4.8
        return 2.5 + 1.8 * len(self.coefs), 1.2 + 0.45 * max(4, *self._sizes)

    @property
    def _outputs_have_units(self):
        """Whether the outputs are several numbers, each in units of its own."""
        return self.activations[-1] == "identity" and self.coefs[-1].shape[1] > 1

    def _strengths(self):
        """Return the weights of each layer in proportion to the largest."""
        strengths = [_in_proportion(W) for W in self.coefs]
        if self._outputs_have_units:
            strengths[-1] = _in_proportion(self.coefs[-1], axis=0)
        return strengths

    def _draw_diagram(self, cmap):
        """Draw units at (layer, height), each layer centred; return the first lines."""
        ax, sizes = self.ax_, self._sizes
        places = [
            np.column_stack([np.full(n, float(l)), (n - 1) / 2 - np.arange(n)])
            for l, n in enumerate(sizes)
        ]
        self.lines_ = [
            ax.add_collection(_lines(strengths, below, above, cmap))
            for strengths, below, above in zip(self._strengths(), places, places[1:])
        ]
        self.units_ = [
            ax.scatter(*place.T, s=160, c="white", edgecolors="black", zorder=2)
            for place in places
        ]
        top = (max(sizes) - 1) / 2
        for l, title in enumerate(["input", *self.activations]):
            ax.text(l, top + 0.7, title, ha="center", va="bottom")
        for names, place, ha, shift in (
            (self.feature_names, places[0], "right", -12),
            (self.output_names, places[-1], "left", 12),
        ):
            for name, xy in zip(names, place):
                ax.annotate(
                    name, xy, (shift, 0), textcoords="offset points", ha=ha, va="center"
                )
        ax.set_xlim(-0.2, len(sizes) - 0.8)
        ax.set_ylim(-top - 0.7, top + 0.7)
        ax.set_axis_off()
        return self.lines_[0]

    def _draw_images(self, n_images, cmap):
        """Draw one mosaic of the units' images, the most influential first."""
        ax, W = self.ax_, self.coefs[0]
        order, names = np.arange(W.shape[1]), self.output_names
        if len(self.coefs) > 1:
            order, names = np.linalg.norm(self.coefs[1], axis=1).argsort()[::-1], None
        order = order[:n_images]
        height, width = self.image_shape
        n_columns = int(np.ceil(np.sqrt(len(order))))
        n_rows = int(np.ceil(len(order) / n_columns))
        gap = max(1, height // 8)
        mosaic = np.full((n_rows * (height + gap), n_columns * (width + gap)), np.nan)
        for i, unit in enumerate(order):
            top, left = np.array(divmod(i, n_columns)) * [height + gap, width + gap]
            mosaic[top : top + height, left : left + width] = W[:, unit].reshape(
                height, width
            )
            if names is not None:
                ax.text(left - 0.5, top - 0.6, names[unit], fontsize="small")
        ax.set_axis_off()
        return self._show(mosaic[:-gap, :-gap], cmap)

    def _draw_matrix(self, cmap):
        """Draw the first layer's weights, one row a feature, one column a unit."""
        ax, W = self.ax_, self.coefs[0]
        image = self._show(W, cmap, aspect="auto")
        last = len(self.coefs) == 1
        output = "Class" if self.activations[-1] in LINKS_OF_CLASSES else "Output"
        ax.set(xlabel=output if last else "Unit of the first hidden layer")
        ax.set(ylabel="Feature")
        if len(W) <= SHOWN:
            ax.set_yticks(range(len(W)), self.feature_names, fontsize="small")
        if last and W.shape[1] <= SHOWN:
            ax.set_xticks(range(W.shape[1]), self.output_names, rotation=90)
        return image

    def _show(self, values, cmap, **options):
        """Draw values as an image whose middle colour is zero."""
        limit = np.nanmax(np.abs(values)) or 1.0
        self.image_ = self.ax_.imshow(
            values, cmap=cmap, vmin=-limit, vmax=limit, **options
        )
        return self.image_


def _in_proportion(W, axis=None):
    """Return weights divided by the size of the largest, or of that of each output."""
    largest = np.abs(W).max(axis=axis)
    return W / np.where(largest > 0, largest, 1)


def _lines(strengths, below, above, cmap):
    """Return the weights between two layers as coloured lines, the weakest first."""
    from matplotlib.collections import LineCollection

    strength = strengths.ravel()
    ends = np.stack(
        [np.repeat(below, len(above), axis=0), np.tile(above, (len(below), 1))], axis=1
    )
    order = np.abs(strength).argsort()
    lines = LineCollection(ends[order], cmap=cmap, clim=(-1, 1), zorder=1)
    lines.set_array(strength[order])
    lines.set_linewidth(0.3 + 3 * np.abs(strength[order]))
    return lines


def _deviations(network, X):
    """Return the standard deviation of each of the first layer's inputs as a column."""
    X = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
    n_inputs, edges = len(network.coefs_[0]), getattr(network, "bin_edges_", None)
    n_features = n_inputs if edges is None else len(edges)
    if X.shape[1] != n_features:
        raise ValueError(f"X has {X.shape[1]} features, but the network {n_features}.")
    if edges is not None:
        X = PiecewiseEncoding(edges).encode(X)
    return np.nanstd(X, axis=0)[:, np.newaxis]


def _choose_kind(kind, coefs, image_shape):
    """Return what is to be drawn, "auto" resolved."""
    n_features = coefs[0].shape[0]
    if kind not in ("auto", "diagram", "images", "matrix"):
        raise ValueError(
            f"kind must be 'auto', 'diagram', 'images' or 'matrix'; got {kind!r}."
        )
    if kind == "auto" and image_shape is None:
        widest = max(n_features, *(W.shape[1] for W in coefs))
        return "diagram" if widest <= SMALL else "matrix"
    if kind in ("auto", "images"):
        if not _is_shape(image_shape) or np.prod(image_shape) != n_features:
            raise ValueError(
                f"image_shape={image_shape} does not hold {n_features} features: give "
                "the rows and columns of an image whose pixels are the features."
            )
        return "images"
    return kind


def _is_shape(image_shape):
    """Whether it is two positive whole numbers."""
    return (
        isinstance(image_shape, (tuple, list))
        and len(image_shape) == 2
        and all(isinstance(n, Integral) and n > 0 for n in image_shape)
    )


def _activations(network):
    """Return the name of each layer's activation but the input's."""
    n_hidden = len(network.coefs_) - 1
    hidden = getattr(network, "activations_", None)
    if hidden is None:
        hidden = (network.activation,) * n_hidden
    return (*hidden, network.out_activation_)


def _feature_names(network, given, n_features):
    if given is None:
        given = getattr(network, "feature_names_in_", None)
        given = getattr(network, "encoded_feature_names_", given)
    if given is None:
        given = [f"x{i}" for i in range(n_features)]
    return _checked(given, n_features, "feature_names")


def _output_names(network, given, n_outputs):
    """Return a name for each output; one output of two classes is the second's."""
    if given is None and is_regressor(network):
        given = ["y"] if n_outputs == 1 else [f"y{k}" for k in range(n_outputs)]
    elif given is None:
        given = [str(label) for label in network.classes_]
        if len(given) == 2 and n_outputs == 1:
            given = given[1:]
    return _checked(given, n_outputs, "class_names")


def _checked(names, n, what):
    if len(names) != n:
        raise ValueError(f"{what} has {len(names)} names for {n} units.")
    return [str(name) for name in names]
