"""The page that can be touched: its points, its starts, and the losses Python finds.

``.. touch:: full`` or ``.. touch:: small`` is the place of the network that
``_static/touch.js`` draws and trains. What stands in the directive is shown where no
script runs. ``.. touch-stop:: NAME`` is the text of a guided stop; the link
``#stop=NAME`` leads to it, and the script sets its controls.
"""

import json
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import Directive
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from sklearn_scratchnn import ScratchMLPClassifier

N_STARTS, MOST_UNITS, N_PASSES = 8, 50, 500


def article(**changes):
    """Return a classifier with the article's settings."""
    settings = {
        "hidden_layer_sizes": 3,
        "activation": "tanh",
        "solver": "gd",
        "learning_rate_init": 2.0,
        "alpha": 0.01,
        "init": "lecun_normal",
        "standardize": False,
        "random_state": 0,
    }
    return ScratchMLPClassifier(**settings | changes)


def exported():
    """Return what the page starts from.

    Returns
    -------
    dict
        ``X`` and ``y``, the article's points; ``X_fresh`` and ``y_fresh``, rounded, for
        the accuracy on points that no training sees; ``draws``, the standard normals of
        a few random states, which `lecun_normal` scales, of which each number of hidden
        units takes as many as it needs; ``losses`` of the first epochs.
    """
    X, y = make_moons(200, noise=0.20, random_state=0)
    X_fresh, y_fresh = make_moons(1000, noise=0.20, random_state=1)
    draws = [np.random.RandomState(i).randn(4 * MOST_UNITS) for i in range(N_STARTS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 500 are not the end
        model = article(max_iter=N_PASSES).fit(X, y)
    return {
        "X": X.ravel().tolist(),
        "y": y.tolist(),
        "X_fresh": X_fresh.ravel().round(3).tolist(),
        "y_fresh": y_fresh.tolist(),
        "draws": [start.tolist() for start in draws],
        "losses": model.loss_curve_.tolist(),
    }


def write(app):
    """Write the numbers as a script: a page that is opened as a file may not fetch."""
    if app.builder.format == "html":
        path = Path(app.outdir, "_static", "touch_data.js")
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = json.dumps(exported(), separators=(",", ":"))
        path.write_text(f"window.touchData = {numbers};\n", encoding="utf-8")


class Touch(Directive):
    """The place of the network; its content is for readers without scripts."""

    required_arguments = 1
    has_content = True

    def run(self):
        """Return the place."""
        place = nodes.container(classes=["touch", f"touch-{self.arguments[0]}"])
        fallback = nodes.container(classes=["touch-fallback"])
        self.state.nested_parse(self.content, self.content_offset, fallback)
        place += fallback
        return [place]


class Stop(Directive):
    """A guided stop: its name, its title, and what to look for."""

    required_arguments = 1
    option_spec: ClassVar[dict] = {"title": str}
    has_content = True

    def run(self):
        """Return the stop, which can be linked to."""
        name, title = self.arguments[0], self.options["title"]
        stop = nodes.container(classes=["touch-stop"], ids=[f"stop={name}"])
        link = nodes.reference("", title, refuri=f"#stop={name}")
        stop += nodes.paragraph("", "", link, classes=["touch-title"])
        self.state.nested_parse(self.content, self.content_offset, stop)
        return [stop]


def load(app, pagename, templatename, context, doctree):
    """Let the pages that have such a place load the scripts, and no others."""
    places = doctree.findall(nodes.container) if doctree else ()
    if any("touch" in place["classes"] for place in places):
        app.add_css_file("touch.css")
        app.add_js_file("touch_data.js", loading_method="defer")
        app.add_js_file("touch.js", loading_method="defer")


def setup(app):
    """Register the directives."""
    app.add_directive("touch", Touch)
    app.add_directive("touch-stop", Stop)
    app.connect("builder-inited", write)
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
