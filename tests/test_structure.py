"""The package's shape, read from its source: imports run one way, and from few places.

A new module fails here until it has its place in `ROOMS`.
"""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import sklearn_scratchnn

PACKAGE = Path(sklearn_scratchnn.__file__).parent

ROOMS = [  # from the ground up; a module knows those of the floors below its own
    "version backend parameters schedules stopping standardize threads tasks "
    "gradient_check curves figures _compat",
    "activations losses optimizers rows inputs",
    "network",
    "objective",
    "curvature",
    "solvers",
    "training assembly verdict alpha_path",
    "defaults prediction notebook constraints",
    "fitting fitted",
    "classifier",
    "callbacks deploy network_display reliability_display training_display",
    "plotting",
    "__init__",
]
FLOOR = {name: i for i, floor in enumerate(ROOMS) for name in floor.split()}

KNOW_SCIKIT_LEARN = {
    "_compat",
    "callbacks",
    "classifier",
    "deploy",
    "figures",
    "fitted",
    "fitting",
    "inputs",
    "network_display",
    "plotting",
    "reliability_display",
    "verdict",
}
REQUIRED = {"numpy", "scipy", "sklearn", "threadpoolctl", "joblib"}


@dataclass(frozen=True)
class Import:
    """One imported module or name."""

    module: str
    name: str
    line: int
    at_top: bool


def read_imports(source):
    """Return what a module imports; ``from . import x`` counts as of the module x."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        at_top = id(node) not in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.append(Import(alias.name, "", node.lineno, at_top))
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                found.append(Import(module, alias.name, node.lineno, at_top))
    return found


MODULES = {
    path.stem: read_imports(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.glob("*.py"))
}
modules = pytest.mark.parametrize("name", MODULES)


def within_package(imported):
    """Return the name of the package's module that is imported, or None."""
    if imported.module == ".":
        return imported.name
    if imported.module.startswith("."):
        return imported.module[1:].split(".")[0]
    top, _, rest = imported.module.partition(".")
    if top == PACKAGE.name:
        return (rest or imported.name).split(".")[0]
    return None


def outside_package(imported):
    """Return the top name of a module from elsewhere, or None."""
    return None if within_package(imported) else imported.module.split(".")[0]


@modules
def test_module_has_a_place(name):
    assert name in FLOOR, f"give {name} a place in ROOMS"


@modules
def test_imports_run_downward(name):
    """Also those inside functions."""
    for imported in MODULES[name]:
        lower = within_package(imported)
        if lower is not None:
            where = f"{name}.py, line {imported.line}"
            assert lower in FLOOR, f"{where}: give {lower} a place in ROOMS"
            assert FLOOR[lower] < FLOOR[name], f"{where}: {lower} is not below {name}"


@modules
def test_scikit_learn_is_known_to_few(name):
    knows = any(outside_package(i) == "sklearn" for i in MODULES[name])
    assert not knows or name in KNOW_SCIKIT_LEARN


@modules
def test_private_names_of_scikit_learn_come_through_one_door(name):
    """A private name, or one from a private module."""
    if name == "_compat":
        return
    for imported in MODULES[name]:
        if outside_package(imported) == "sklearn":
            parts = [*imported.module.split("."), imported.name]
            assert not any(part.startswith("_") for part in parts), imported


@modules
def test_private_names_stay_in_their_module(name):
    """No module reaches for another's private names."""
    for imported in MODULES[name]:
        if within_package(imported) not in (None, "_compat"):
            assert not imported.name.startswith("_"), imported


@modules
def test_scipy_optimize_is_used_by_the_solvers_alone(name):
    """And imported when used, as it is slow to load."""
    for imported in MODULES[name]:
        if f"{imported.module}.{imported.name}".startswith("scipy.optimize"):
            assert name == "solvers", imported
            assert not imported.at_top, imported


@modules
def test_what_is_not_required_is_imported_when_used(name):
    """matplotlib, ONNX and the like; at the top stand only the requirements."""
    for imported in MODULES[name]:
        outside = outside_package(imported)
        if outside is None or outside in sys.stdlib_module_names:
            continue
        assert outside in REQUIRED or not imported.at_top, imported


@modules
def test_no_other_library_learns(name):
    """Forward and backward are written here: no autograd, no other network."""
    learners = {"torch", "jax", "tensorflow", "autograd"}
    for imported in MODULES[name]:
        assert outside_package(imported) not in learners, imported
        assert not imported.module.startswith("sklearn.neural_network"), imported


def test_the_reader_of_imports():
    """What the tests above rest on."""
    source = """
import numpy as np
from scipy import optimize
from . import backend
from .network import Network, _private
from sklearn_scratchnn.losses import LOSSES

def f():
    from sklearn.utils._x import y
"""
    found = read_imports(source)
    assert [within_package(i) for i in found if i.at_top] == [
        None,
        None,
        "backend",
        "network",
        "network",
        "losses",
    ]
    assert [outside_package(i) for i in found if outside_package(i)] == [
        "numpy",
        "scipy",
        "sklearn",
    ]
    assert [i.module for i in found if not i.at_top] == ["sklearn.utils._x"]
