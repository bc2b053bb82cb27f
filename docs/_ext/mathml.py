r"""Mathematics as MathML, made from LaTeX at build time: pages then need no script.

An equation's ``\tag{F1}`` is set beside it. Where a line of a block begins with an
equals sign, the block is a derivation: its lines are aligned there, and LaTeX's comment
at the end of a line, ``% the chain rule``, is set beside it as the reason.
"""

import re

from docutils import nodes
from latex2mathml.converter import convert

TAG = re.compile(r"\\tag\{(.*?)\}")
REASON = re.compile(r"% *(.*?) *$", re.MULTILINE)
ATTRIBUTES = re.compile(r' xmlns="[^"]*"')
PRIMED = re.compile(r"<msup>(<mi>\w</mi>)<mi>(&#x0203[23];)</mi></msup>")
NAMED = re.compile(r"(\\(?:log|tanh)(?:\^2)?) ")
MARKS = re.compile(r"[,.;:?)]+")


def to_mathml(latex, display):
    """Return one ``<math>`` element; the source is its text alternative."""
    spaced = NAMED.sub(r"\1 \\, ", latex.strip())  # log p, not logp
    source = ATTRIBUTES.sub("", convert(spaced, display=display))
    source = PRIMED.sub(r'\1<mo lspace="0" rspace="0">\2</mo>', source)
    alternative = latex.strip().replace("&", "&amp;").replace("<", "&lt;")
    alternative = alternative.replace('"', "&quot;")
    return source.replace("<math", f'<math alttext="{alternative}"', 1)


def keep_marks(app, doctree, docname):
    """Bind a comma or a full stop to the mathematics before it: no line begins so."""
    for node in list(doctree.findall(nodes.math)):
        position = node.parent.index(node) + 1
        text = node.parent[position] if position < len(node.parent) else ""
        if isinstance(text, nodes.Text) and (marks := MARKS.match(text)):
            node["marks"] = marks[0]
            node.parent[position] = nodes.Text(text[marks.end() :])


def visit_inline(writer, node):
    """Write ``:math:``."""
    math, marks = to_mathml(node.astext(), "inline"), node.get("marks")
    writer.body.append(f'<span class="bound">{math}{marks}</span>' if marks else math)
    raise nodes.SkipNode


def equation(latex):
    """Return one equation, with its tag."""
    tag = TAG.search(latex)
    math = to_mathml(TAG.sub("", latex), "block")
    tag = f'<span class="equation-tag">{tag[1]}</span>' if tag else ""
    return f'<div class="equation" tabindex="0">{math}{tag}</div>\n'


def derivation(lines):
    """Return equations one below another, each with its reason."""
    cells = []
    for line in lines:
        reason = REASON.search(line)
        left, right = REASON.sub("", line).split("=", 1)
        cells.append(f"<div>{to_mathml(left, 'block') if left.strip() else ''}</div>")
        cells.append(f"<div>{to_mathml('=' + right, 'block')}</div>")
        parts = re.split(r"\$(.*?)\$", reason[1] if reason else "")
        parts[1::2] = [to_mathml(part, "inline") for part in parts[1::2]]
        cells.append(f'<div class="reason">{"".join(parts)}</div>')
    return f'<div class="derivation" tabindex="0">{"".join(cells)}</div>\n'


def visit_block(writer, node):
    """Write ``.. math::``; a blank line parts equations, one below another."""
    writer.body += [f'<span id="{anchor}"></span>' for anchor in node["ids"]]
    lines = re.split(r"\n\s*\n", node.astext())
    if any(line.lstrip().startswith("=") for line in lines):
        writer.body.append(derivation(lines))
    else:
        writer.body += map(equation, lines)
    raise nodes.SkipNode


def setup(app):
    """Register the renderer under the name mathml."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("doctree-resolved", keep_marks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
