"""The table of the package's rooms and files: ``.. rooms::``.

The rooms are those that ``tests/project/test_structure.py`` holds the imports to. What
each room and each file is for, its docstring's first line says.
"""

import ast
from pathlib import Path

from registries import Table

ROOT = Path(__file__).parents[2]


def plan():
    """Return a dict of the rooms, from the ground up, and the files of each."""
    path = ROOT / "tests" / "project" / "test_structure.py"
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "ROOMS":
            floors = ast.literal_eval(node.value)
            return {room: " ".join(floors[room]).split() for room in floors}
    raise LookupError("tests/project/test_structure.py has no ROOMS")


def purpose(path):
    """Return the first line of a module's docstring."""
    source = (ROOT / "sklearn_scratchnn" / path).read_text("utf-8")
    line = ast.get_docstring(ast.parse(source)).splitlines()[0]
    return line.replace("|W|", "W").replace("`", "``").replace("````", "``")


def rooms():
    """Yield the rows of the table, the top room first."""
    yield "Room", "File", "What it holds"
    for room, names in reversed(plan().items()):
        in_the_package_itself = room in ("ground", "public")
        folder = "" if in_the_package_itself else f"{room}/"
        if folder:
            yield f"``{folder}``", "", purpose(f"{folder}__init__.py")
        for name in names:
            path = folder + name.replace(".", "/") + ".py"
            yield "", f"``{path.removeprefix(folder)}``", purpose(path)


class Rooms(Table):
    """``.. rooms::``."""

    def run(self):
        """Return the table."""
        return self.parse(rooms())


def setup(app):
    """Register the directive."""
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
