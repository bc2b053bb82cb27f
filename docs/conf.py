"""How the pages are built: ``python -m sphinx -W -b html docs docs/_build/html``.

Nothing is fetched from the network, neither while building nor by the pages.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("SCRATCHNN_PICTURES", tempfile.mkdtemp(prefix="pictures"))

from matplotlib import animation  # noqa: E402

from sklearn_scratchnn import __version__  # noqa: E402

project = "sklearn-scratchnn"
author = "sklearn-scratchnn developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "matplotlib.sphinxext.plot_directive",
    "jobs",
    "mathml",
    "registries",
    "rooms",
    "touch",
]
exclude_patterns = ["_build", "_ext", "generated/backreferences"]
templates_path = ["_templates"]
default_role = "py:obj"
toc_object_entries = False

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"/_",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_scratchnn",),
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "matplotlib_animations": True,
    "download_all_examples": False,
}

plot_formats = [("png", 130)]
plot_html_show_formats = plot_html_show_source_link = False

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-scratchnn"
html_static_path = ["_static"]
html_css_files = ["scratchnn.css"]
html_favicon = html_logo = "_static/logo.svg"
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {
    "logo": {"text": "sklearn-scratchnn"},
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "learn/code": [],
        "learn/touch": [],
    },
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# The icons of a film's buttons would come from elsewhere; the theme has them.
animation.JS_INCLUDE = re.sub(r"<link[^>]*>", "", animation.JS_INCLUDE)

html_sidebars = {"index": [], "architecture": [], "benchmarks": [], "changelog": []}


def plain(app, what, name, obj, options, lines):
    """Keep reStructuredText from reading ``n_iter_`` as a link and ``|W|`` as a name.

    Links within scikit-learn's own documentation, in inherited docstrings, become text.
    """
    inherited = (getattr(obj, "__module__", None) or "").startswith("sklearn.")
    for i, line in enumerate(lines):
        if inherited:
            line = re.sub(r":(?:ref|term):`([^`<]*?)(?: <[^`]*)?`", r"\1", line)
        if "`" not in line:
            line = re.sub(r"\|(\w)\|", r"\|\1\|", line)
        lines[i] = re.sub(r"(?<![`\w])(\w+)_(?=[,)])", r"\1\\_", line)


def setup(app):
    """Connect to Sphinx, after numpydoc."""
    app.connect("autodoc-process-docstring", plain, priority=900)
