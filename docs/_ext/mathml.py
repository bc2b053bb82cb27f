"""Mathematics as MathML, made from LaTeX at build time: pages then need no script.

An equation's ``\\tag{F1}`` is set beside it.
"""

import re

from docutils import nodes
from latex2mathml.converter import convert

TAG = re.compile(r"\\tag\{(.*?)\}")
ATTRIBUTES = re.compile(r' xmlns="[^"]*"')


def to_mathml(latex, display):
    """Return one ``<math>`` element; the source is its text alternative."""
    source = ATTRIBUTES.sub("", convert(latex.strip(), display=display))
    alternative = latex.strip().replace("&", "&amp;").replace("<", "&lt;")
    alternative = alternative.replace('"', "&quot;")
    return source.replace("<math", f'<math alttext="{alternative}"', 1)


def visit_inline(writer, node):
    """Write ``:math:``."""
    writer.body.append(to_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(writer, node):
    """Write ``.. math::``; a blank line parts equations, one below another."""
    anchors = "".join(f'<span id="{anchor}"></span>' for anchor in node["ids"])
    writer.body.append(anchors)
    for latex in re.split(r"\n\s*\n", node.astext()):
        tag = TAG.search(latex)
        equation = to_mathml(TAG.sub("", latex), "block")
        tag = f'<span class="equation-tag">{tag[1]}</span>' if tag else ""
        writer.body.append(
            f'<div class="equation" tabindex="0">{equation}{tag}</div>\n'
        )
    raise nodes.SkipNode


def setup(app):
    """Register the renderer under the name mathml."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
