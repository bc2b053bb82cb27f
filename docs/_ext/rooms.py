"""The table of the package's modules: ``.. rooms::``.

The floors are those that ``tests/test_structure.py`` holds the imports to; what each
module is for, its docstring's first line says.
"""

import ast
from pathlib import Path

from registries import Table

ROOT = Path(__file__).parents[2]


def floors():
    """Return the floors from the ground up, each a list of names of modules."""
    tree = ast.parse((ROOT / "tests" / "test_structure.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "ROOMS":
            return [floor.split() for floor in ast.literal_eval(node.value)]
    raise LookupError("tests/test_structure.py has no ROOMS")


def purpose(module):
    """Return the first line of a module's docstring."""
    source = (ROOT / "sklearn_scratchnn" / f"{module}.py").read_text("utf-8")
    line = ast.get_docstring(ast.parse(source)).splitlines()[0]
    return line.replace("|W|", "W").replace("`", "``").replace("````", "``")


def rooms():
    """Yield the rows of the table, the top floor first."""
    yield "Floor", "Module", "What it holds"
    plan = floors()
    for number, floor in reversed(list(enumerate(plan))):
        for i, module in enumerate(floor):
            yield str(number) if i == 0 else "", f"``{module}.py``", purpose(module)


class Rooms(Table):
    """``.. rooms::``."""

    def run(self):
        """Return the table."""
        return self.parse(rooms())


def setup(app):
    """Register the directive."""
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
