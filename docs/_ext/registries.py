"""Tables of the documentation that are read from the code, so that they are complete.

``.. registry:: activations`` writes a table of a registry's entries, and
``.. solver-parameters::`` one of the constructor's parameters that each solver reads.
"""

import inspect
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

import sklearn_scratchnn
from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.estimator.defaults import auto_rate
from sklearn_scratchnn.estimator.parameter_checks import parameters_read_by
from sklearn_scratchnn.network.activations import ACTIVATIONS
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.parameters import INITIALIZERS
from sklearn_scratchnn.training.optimizers import OPTIMIZERS
from sklearn_scratchnn.training.schedules import SCHEDULES
from sklearn_scratchnn.training.solvers.registry import SOLVERS


def first_line(part):
    """Return the docstring's first line, as literal text where it is a formula."""
    line = inspect.getdoc(part).splitlines()[0].rstrip(".")
    return line.replace("*", r"\*").replace("|", r"\|").replace("`", "``")


def settings(part):
    """Return a dataclass's own settings and their defaults as text."""
    if not is_dataclass(part):
        return ""
    return ", ".join(
        f"``{f.name}={f.default!r}``" for f in fields(part) if f.default is not MISSING
    )


def yes(value):
    """Return a table's mark."""
    return "yes" if value else ""


def activations():
    """One row an activation."""
    initializer = 'Initialiser under ``init="auto"``'
    yield "Name", "Function", initializer, "Derivative from", "For ``gauss_newton``"
    for name, f in ACTIVATIONS.items():
        needs = "input z" if f.keeps_input else "output a"
        row = f"``{name}``", first_line(f), f"``{f.initializer}``", needs
        yield *row, yes(f.smooth)


def losses(of_numbers=False):
    """One row a loss of labels."""
    yield "Name", "Loss", "``out_activation_``", "For ``gauss_newton``"
    for name, loss in LOSSES.items():
        if loss.predicts_numbers == of_numbers:
            row = f"``{name}``", first_line(loss), f"``{loss.out_activation}``"
            yield *row, yes(loss.has_curvature)


def number_losses():
    """One row a loss of numbers."""
    rows = losses(of_numbers=True)
    yield *next(rows), "Settings"
    for row in rows:
        yield *row, settings(LOSSES[row[0].strip("`")])


def optimizers():
    """One row an optimizer."""
    yield "Name", "Step", '``"auto"`` rate', "under a cosine", "Settings"
    for name, optimizer in OPTIMIZERS.items():
        rates = auto_rate(name, "constant"), auto_rate(name, "cosine")
        shown = (f"{rate:g}" for rate in rates)
        yield f"``{name}``", first_line(optimizer), *shown, settings(optimizer)


def schedules():
    """One row a schedule."""
    yield "Name", "Rate", "Knows the planned number of updates", "Settings"
    for name, schedule in SCHEDULES.items():
        planned = yes(schedule.planned)
        yield f"``{name}``", first_line(schedule), planned, settings(schedule)


def initializers():
    """One row an initialiser."""
    yield "Name", "Draws"
    for name, draw in INITIALIZERS.items():
        yield f"``{name}``", first_line(draw)


def solvers():
    """One row a solver."""
    yield "Name", "Class", "What it does"
    for name, solver in SOLVERS.items():
        line = first_line(OPTIMIZERS.get(name, solver))
        if name == "gd":
            line = "Batch gradient descent: one update an epoch, without momentum"
        yield f"``{name}``", f"``{solver.__name__}``", line


REGISTRIES = {
    f.__name__: f
    for f in (
        activations,
        losses,
        number_losses,
        optimizers,
        schedules,
        initializers,
        solvers,
    )
}


def solver_parameters():
    """One row a parameter that not every solver reads."""
    known = list(inspect.signature(ScratchMLPClassifier).parameters)
    known.remove("random_state")  # it draws the weights under every solver
    read = {name: parameters_read_by(name) for name in SOLVERS}
    yield "Parameter", *(f"``{name}``" for name in SOLVERS)
    for parameter in known:
        marks = [parameter in read[name] for name in SOLVERS]
        if any(marks) and not all(marks):
            yield f"``{parameter}``", *map(yes, marks)


def table(rows):
    """Return the lines of a ``list-table``."""
    lines = [".. list-table::", "   :header-rows: 1", "   :class: registry", ""]
    for row in rows:
        for i, cell in enumerate(row):
            lines.append(f"   {'* -' if i == 0 else '  -'} {cell}".rstrip())
    return lines


class Table(Directive):
    """Parses generated lines in place."""

    def parse(self, rows):
        """Return the nodes of a table; a changed module calls for a new one."""
        node, env = nodes.Element(), self.state.document.settings.env
        for path in Path(sklearn_scratchnn.__file__).parent.rglob("*.py"):
            env.note_dependency(str(path))
        lines = StringList(table(rows), source="registries.py")
        self.state.nested_parse(lines, self.content_offset, node)
        return node.children


class Registry(Table):
    """``.. registry:: NAME``."""

    required_arguments = 1

    def run(self):
        """Return the table."""
        return self.parse(REGISTRIES[self.arguments[0]]())


class SolverParameters(Table):
    """``.. solver-parameters::``."""

    def run(self):
        """Return the table."""
        return self.parse(solver_parameters())


def setup(app):
    """Register both directives."""
    app.add_directive("registry", Registry)
    app.add_directive("solver-parameters", SolverParameters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
