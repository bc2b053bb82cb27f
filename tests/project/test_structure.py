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

# Each room with its files from the ground up: a file knows those of the floors below
# its own, and the rooms that its room knows. "" is the package's own folder.
ROOMS = {
    "ground": ["version _compat _typing"],
    "network": [
        "activations sparse parameters workspace gradient_check curvature loss",
        "number_losses",
        "losses",
        "network",
    ],
    "core": ["digest", "switch", "passes"],
    "training": [
        "blas dropout early_stopping history schedules signals state threads",
        "objective optimizers observers solvers.base",
        "solvers.gradient_descent solvers.lbfgs solvers.gauss_newton",
        "penalty_search.temperature penalty_search.relevance solvers.last_step",
        "penalty_search.candidates penalty_search.path",
        "penalty_search.short_runs",
        "solvers.registry penalty_search.search",
        "run",
        "fit_network",
    ],
    "data": [
        "distinct encoding frames split standardize table target_scale targets rows",
        "row_source",
        "column_checks means",
        "columns",
        "checks table_encoding",
        "sample",
        "prepared",
        "learn",
    ],
    "estimator": [
        "caller architecture constraints attributes prediction persistence",
        "callback_observer convergence defaults parameter_checks reading scoring",
        "settings",
        "planning resuming",
        "fitting",
        "members",
        "base",
        "ensemble",
    ],
    "cluster": [
        "collections distribution tree",
        "facts",
        "blocks",
        "passes scores",
        "workers",
        "objective",
        "sample",
        "fitting",
        "estimator",
    ],
    "displays": [
        "curves figures",
        "importance_display network_display reliability_display training_display",
        "notebook",
    ],
    "callbacks": ["base", "checkpoint early_stopping validation_monitor"],
    "deploy": ["onnx_graph skops", "onnx"],
    "public": [
        "_show_versions classifier regressor plotting",
        "ensemble",
        "__init__ dask",
    ],
}
KNOWS = {
    "ground": [],
    "network": [],
    "core": ["network"],
    "training": ["network", "core"],
    "data": ["network"],
    "estimator": ["network", "core", "training", "data"],
    "cluster": ["network", "training", "data", "estimator"],
    "displays": ["data", "estimator"],
    "callbacks": ["training"],
    "deploy": ["network", "training", "estimator", "public"],
    "public": ["network", "core", "data", "estimator", "cluster", "displays"],
}
FLOOR = {
    (room, name): i
    for room, floors in ROOMS.items()
    for i, floor in enumerate(floors)
    for name in floor.split()
}
IN_THE_PACKAGE_ITSELF = {
    name: room for room, name in FLOOR if room in ("ground", "public")
}

WITHOUT_SCIKIT_LEARN = {"network", "core", "training"}
REQUIRED = {"numpy", "scipy", "sklearn", "threadpoolctl", "joblib"}


@dataclass(frozen=True)
class Import:
    """One imported module or name."""

    module: str
    name: str
    line: int
    at_top: bool


def _run_later(tree):
    """Yield what no import of the module runs: functions, and what types alone need."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from node.body


def read_imports(source):
    """Return what a module imports; ``from . import x`` counts as of the module x."""
    tree = ast.parse(source)
    inside = {id(node) for part in _run_later(tree) for node in ast.walk(part)}
    found = []
    for node in ast.walk(tree):
        at_top = id(node) not in inside
        if isinstance(node, ast.Import):
            found += [Import(a.name, "", node.lineno, at_top) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [Import(module, a.name, node.lineno, at_top) for a in node.names]
    return found


def place(path):
    """Return the room and the name of a file of the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if len(parts) == 1:
        return IN_THE_PACKAGE_ITSELF.get(parts[0], "nowhere"), parts[0]
    return parts[0], ".".join(parts[1:])


MODULES = {
    place(path): read_imports(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py" or path.parent == PACKAGE
}
modules = pytest.mark.parametrize("module", MODULES, ids="/".join)


def within_package(imported, here=("public", "")):
    """Return the place of the package's module that is imported, or None."""
    room, name = here
    folder = [] if room in ("ground", "public") else [room, *name.split(".")[:-1]]
    dots = len(imported.module) - len(imported.module.lstrip("."))
    parts = [part for part in imported.module.lstrip(".").split(".") if part]
    if dots:
        parts = folder[: len(folder) - dots + 1] + parts
    elif parts[0] == PACKAGE.name:
        parts = parts[1:]
    else:
        return None
    if not (PACKAGE.joinpath(*parts).with_suffix(".py")).exists():
        parts.append(imported.name)  # from a folder a module was taken
    if len(parts) == 1:
        return IN_THE_PACKAGE_ITSELF.get(parts[0], "nowhere"), parts[0]
    return parts[0], ".".join(parts[1:])


def outside_package(imported):
    """Return the top name of a module from elsewhere, or None."""
    top = imported.module.split(".")[0]
    return None if top in ("", PACKAGE.name) else top


@modules
def test_module_has_a_place(module):
    assert module in FLOOR, f"give {module} a place in ROOMS"


@modules
def test_imports_run_downward(module):
    """Also those inside functions."""
    room, name = module
    for imported in MODULES[module]:
        lower = within_package(imported, module)
        if lower is None or lower[0] == "ground":
            continue
        where = f"{room}/{name}.py, line {imported.line}"
        assert lower in FLOOR, f"{where}: give {lower} a place in ROOMS"
        if lower[0] == room:
            assert FLOOR[lower] < FLOOR[module], f"{where}: {lower} is not below it"
        else:
            assert lower[0] in KNOWS[room], f"{where}: {room} knows no {lower[0]}"


@modules
def test_scikit_learn_is_known_to_few(module):
    knows = any(outside_package(i) == "sklearn" for i in MODULES[module])
    assert not (knows and module[0] in WITHOUT_SCIKIT_LEARN)


@modules
def test_private_names_of_scikit_learn_come_through_one_door(module):
    """A private name, or one from a private module."""
    if module == ("ground", "_compat"):
        return
    for imported in MODULES[module]:
        if outside_package(imported) == "sklearn":
            parts = [*imported.module.split("."), imported.name]
            assert not any(part.startswith("_") for part in parts), imported


@modules
def test_private_names_stay_in_their_module(module):
    """No module reaches for another's private names."""
    for imported in MODULES[module]:
        if within_package(imported, module) not in (None, ("ground", "_compat")):
            assert not imported.name.startswith("_"), imported


@modules
def test_scipy_optimize_is_used_by_the_solvers_alone(module):
    """And imported when used, as it is slow to load."""
    for imported in MODULES[module]:
        if f"{imported.module}.{imported.name}".startswith("scipy.optimize"):
            assert module[0] == "training", imported
            assert module[1].startswith("solvers."), imported
            assert not imported.at_top, imported


@modules
def test_what_is_not_required_is_imported_when_used(module):
    """matplotlib, ONNX and the like; at the top stand only the requirements."""
    for imported in MODULES[module]:
        outside = outside_package(imported)
        if outside is None or outside in sys.stdlib_module_names:
            continue
        assert outside in REQUIRED or not imported.at_top, imported


def test_the_network_is_numpy_alone():
    for module, imports in MODULES.items():
        if module[0] == "network":
            others = {outside_package(imported) for imported in imports} - {None}
            assert others - set(sys.stdlib_module_names) <= {"numpy"}, module


def test_the_core_is_numpy_and_scipy_alone():
    for module, imports in MODULES.items():
        if module[0] == "core":
            others = {outside_package(imported) for imported in imports} - {None}
            others -= set(sys.stdlib_module_names)
            assert others <= {"numpy", "scipy"}, module


def test_the_digest_can_be_read_by_the_build():
    """Before the package is there: it imports the standard library alone."""
    for imported in MODULES["core", "digest"]:
        assert outside_package(imported) in sys.stdlib_module_names, imported


@modules
def test_no_other_library_learns(module):
    """Forward and backward are written here: no autograd, no other network."""
    learners = {"torch", "jax", "tensorflow", "autograd"}
    for imported in MODULES[module]:
        assert outside_package(imported) not in learners, imported
        assert not imported.module.startswith("sklearn.neural_network"), imported


def test_the_reader_of_imports():
    """What the tests above rest on."""
    source = """
import numpy as np
from scipy import optimize
from . import activations
from .network import Network, _private
from ..training.solvers import lbfgs
from .._compat import Options
from sklearn_scratchnn.network.losses import LOSSES

def f():
    from sklearn.utils._x import y
"""
    found = read_imports(source)
    here = "network", "curvature"
    assert [within_package(i, here) for i in found if i.at_top] == [
        None,
        None,
        ("network", "activations"),
        ("network", "network"),
        ("network", "network"),
        ("training", "solvers.lbfgs"),
        ("ground", "_compat"),
        ("network", "losses"),
    ]
    assert [outside_package(i) for i in found if outside_package(i)] == [
        "numpy",
        "scipy",
        "sklearn",
    ]
    assert [i.module for i in found if not i.at_top] == ["sklearn.utils._x"]
