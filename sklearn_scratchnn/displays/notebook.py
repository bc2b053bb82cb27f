"""What a notebook shows of a network, inside scikit-learn's diagrams.

scikit-learn asks an estimator, also one inside a pipeline or a search, for two things,
both by private names: ``_sk_visual_block_``, of which the caption is always shown, and,
since 1.7, ``_get_params_html``, shown when the box is unfolded. The caption holds the
architecture as text, and the loss as a line of block characters; the unfolded box a
table of the layers, and the curves as SVG, both on a logarithmic scale. Where a name
is gone or an answer raises, scikit-learn draws its plain box.
"""

from __future__ import annotations

import re
from html import escape
from itertools import groupby

import numpy as np
from sklearn.base import is_regressor

from .._compat import visual_block_class
from ..estimator.architecture import activation_names, hidden_sizes
from ..estimator.base import NetworkEstimator

DOCUMENTATION = ""  # where docs/_build/html/generated is served; empty for no links
NOWHERE = "#nowhere"
BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH, HEIGHT, MARGIN = 240, 48, 3  # of the curves, in pixels
MAX_POINTS = 120
COLOURS = ("#1f77b4", "#b8560f")  # of the training loss and the validation loss


class NotebookMixin:
    """Shows architecture and loss in scikit-learn's HTML diagrams.

    A mixin for an estimator with the parameters ``hidden_layer_sizes`` and
    ``activation`` and, once fitted, ``coefs_``, ``intercepts_``, ``activations_``,
    ``out_activation_`` and ``history_``.

    Examples
    --------
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.displays.notebook import caption
    >>> caption(ScratchMLPClassifier((50, 20), activation="tanh"))
    'features → 50 tanh → 20 tanh → classes'
    """

    _doc_link_module = "sklearn_scratchnn"

    @property
    def _doc_link_template(self):
        """The address of a class's page; empty, so no link, where none is served."""
        pages = DOCUMENTATION and f"{DOCUMENTATION}/sklearn_scratchnn."
        return pages and pages + "{estimator_name}.html"

    def _doc_link_url_param_generator(self):
        return {"estimator_name": type(self).__name__}

    def _sk_visual_block_(self):
        """Return scikit-learn's box, with a caption; where this raises, it has none."""
        return visual_block_class()(
            "single",
            self,
            names=type(self).__name__,
            name_details=str(self),
            name_caption=caption(self),
        )

    def _get_params_html(self, *args, **kwargs):
        """Return scikit-learn's table of parameters, with the network above it."""
        table = super()._get_params_html(*args, **kwargs)
        try:
            above, plain = unfolded(self), table._repr_html_inner
            if getattr(table, "doc_link", None) == "":
                # scikit-learn explains no parameter that it cannot link.
                table.doc_link = NOWHERE
            table._repr_html_inner = lambda: above + _unlinked(plain())
        except Exception:  # noqa: BLE001
            pass  # whatever it is, a notebook's output must not fail for it
        return table


class EnsembleNotebookMixin(NotebookMixin):
    """Shows the members of an ensemble side by side, once there are any.

    A mixin for an estimator with ``estimators_``, networks that are shown by
    `NotebookMixin`.
    """

    def _sk_visual_block_(self):
        """Return scikit-learn's box around those of the members."""
        members = getattr(self, "estimators_", None)
        if members is None:
            return visual_block_class()(
                "single", self, names=type(self).__name__, name_details=str(self)
            )
        names = [f"member {i}" for i in range(len(members))]
        return visual_block_class()("parallel", members, names=names)

    def _get_params_html(self, *args, **kwargs):
        """Return scikit-learn's own table."""
        return super(NotebookMixin, self)._get_params_html(*args, **kwargs)


def _unlinked(html):
    """Return a table of parameters without the links to `NOWHERE`."""
    return re.sub(rf'\s(rel="\w*"\s+target="\w*"\s+)?href="{NOWHERE}[^"]*"', "", html)


def caption(estimator: NetworkEstimator) -> str:
    """Return architecture, number of parameters and loss in one line of text.

    Parameters
    ----------
    estimator : ScratchMLPClassifier or ScratchMLPRegressor
        Fitted or not.

    Returns
    -------
    str
        The last two once it is fitted.

    Examples
    --------
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> from sklearn_scratchnn.displays.notebook import caption
    >>> caption(ScratchMLPClassifier((50, 20)))
    'features → 50 relu → 20 relu → classes'
    """
    layers = layers_of(estimator)
    names = [" ".join(filter(None, layer[:2])) for layer in layers]
    counted = [(name, len(list(same))) for name, same in groupby(names)]
    text = " → ".join(f"{n} × {name}" if n > 1 else name for name, n in counted)
    if not hasattr(estimator, "coefs_"):
        return text
    n_parameters = sum(layer[2] for layer in layers)
    losses = estimator.history_["loss"]
    curve = f"loss {blocks(losses)} {losses[-1]:.3g}"
    return f"{text} · {n_parameters:,} parameters · {curve}"


def layers_of(estimator):
    """Return size, activation and number of parameters of each layer.

    Parameters
    ----------
    estimator : ScratchMLPClassifier or ScratchMLPRegressor
        Fitted or not.

    Returns
    -------
    list of tuple of (str, str, int)
        The input comes first; it has no activation and no parameters. Before ``fit``
        the sizes of input and output are words, and all numbers of parameters are 0.
    """
    if hasattr(estimator, "coefs_"):
        coefs, intercepts = estimator.coefs_, estimator.intercepts_
        sizes = [len(coefs[0]), *(len(b) for b in intercepts)]
        names = ["", *estimator.activations_, estimator.out_activation_]
        numbers = [0, *(W.size + b.size for W, b in zip(coefs, intercepts))]
        return list(zip([f"{size:,}" for size in sizes], names, numbers))
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    predicted = "numbers" if is_regressor(estimator) else "classes"
    if hidden is None:
        names = activation_names(estimator.activation, None)
        return [("features", "", 0), ("auto", *names, 0), (predicted, "", 0)]
    names = activation_names(estimator.activation, len(hidden))
    sizes = ["features", *(f"{size:,}" for size in hidden), predicted]
    return [(size, name, 0) for size, name in zip(sizes, ["", *names, ""])]


def blocks(losses, n=8):
    """Return a curve as ``n`` block characters, on a logarithmic scale.

    Examples
    --------
    >>> from sklearn_scratchnn.displays.notebook import blocks
    >>> blocks([128, 64, 32, 16, 8, 4, 2, 1])
    '█▇▆▅▄▃▂▁'
    """
    values = np.log(_thinned(losses, n)[1])
    low, span = values.min(), np.ptp(values) or 1.0
    levels = (values - low) / span * (len(BLOCKS) - 1)
    return "".join(BLOCKS[round(level)] for level in levels)


def _thinned(losses, n):
    """Return the indices of ``n`` losses, evenly spread, and the losses.

    Those without a logarithm are left out.
    """
    losses = np.asarray(losses, dtype=float)
    kept = np.flatnonzero(np.isfinite(losses) & (losses > 0))
    if len(kept) > n:
        kept = kept[np.linspace(0, len(kept) - 1, n).round().astype(int)]
    return kept, losses[kept]


def unfolded(estimator):
    """Return the layers as an HTML table and, once fitted, the loss as SVG.

    Parameters
    ----------
    estimator : ScratchMLPClassifier or ScratchMLPRegressor

    Returns
    -------
    str
    """
    layers = layers_of(estimator)
    kinds = ["input", *["hidden"] * (len(layers) - 2), "output"]
    rows = [
        (kind, size, name, f"{n:,}" if n else "")
        for kind, (size, name, n) in zip(kinds, layers)
    ]
    fitted = hasattr(estimator, "coefs_")
    if fitted:
        rows.append(("all", "", "", f"{sum(layer[2] for layer in layers):,}"))
    head = "".join(f"<th>{name}</th>" for name in ("Layer", "Units", "Activation"))
    head += "<th>Parameters</th>" if fitted else ""
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row[: 3 + fitted])}</tr>"
        for row in rows
    )
    return (
        '<div class="estimator-table scratchnn-network" '
        'style="padding: .5rem; text-align: center">'
        f'<table class="parameters-table"><tbody><tr>{head}</tr>{body}</tbody></table>'
        f"{curves(estimator.history_) if fitted else ''}</div>"
    )


def curves(history):
    """Return the training loss, and the validation loss where there is one, as SVG.

    Parameters
    ----------
    history : dict of array-like
        With "loss" and perhaps "validation_loss".

    Returns
    -------
    str
        A picture whose title says in words what it shows.
    """
    drawn = {
        name: _thinned(history[column], MAX_POINTS)
        for name, column in (("loss", "loss"), ("validation loss", "validation_loss"))
        if column in history
    }
    every = np.log(np.concatenate([losses for _, losses in drawn.values()]))
    low, span = every.min(), np.ptp(every) or 1.0
    last = max(len(history["loss"]) - 1, 1)
    lines, words = [], []
    for colour, (name, (epochs, losses)) in zip(COLOURS, drawn.items()):
        x = MARGIN + epochs / last * (WIDTH - 2 * MARGIN)
        y = HEIGHT - MARGIN - (np.log(losses) - low) / span * (HEIGHT - 2 * MARGIN)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
        style = f'fill="none" stroke="{colour}" stroke-width="1.5"'
        lines.append(f'<polyline points="{points}" {style}/>')
        text = f"{name} {losses[0]:.3g} to {losses[-1]:.3g}"
        words.append(f'<div style="color: {colour}">{text}</div>')
    title = f"{' and '.join(drawn)}, {len(history['loss'])} epochs, logarithmic"
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{title}"><title>{title}</title>{"".join(lines)}</svg>'
        f'<div style="font-size: smaller">{"".join(words)}'
        f"{len(history['loss']):,} epochs</div>"
    )
