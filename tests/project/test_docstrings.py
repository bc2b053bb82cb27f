"""The docstrings of every public name are numpydoc, whole, and have an example.

Public is what docs/reference/index.rst lists, and the public methods and properties
that this package defines there. Left out where numpydoc is not installed.
"""

import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "index.rst"
if not REFERENCE.is_file():
    pytest.skip("an sdist does not carry docs/", allow_module_level=True)
validate = pytest.importorskip("numpydoc.validate").validate

NOT_FOLLOWED = {
    "GL01",  # the summary stands beside the opening quotes, as PEP 257 has it
    "GL02",  # one line is enough for what one line says
    "ES01",  # a summary that says all needs no second paragraph
    "SA01",  # "See Also" is for names that a reader would not find otherwise
    "RT02",  # what is returned has a name where that helps, as in scikit-learn
    "PR07",  # ``n_rows : int`` says all: a name and a type may do without more
}
OF_METHODS = {
    "EX01",  # the class's example shows its methods at work
}
IN_THE_BASE = {  # a method that overrides one of the same arguments has no sections of
    "PR01",  # its own: what goes in
    "RT01",  # and what comes out are the base's promise, which is checked there;
    "YD01",  # its docstring says what it does
}


def names_in(text):
    """Return the full names that a page's ``autosummary`` lists name."""
    names, module, listing = [], "", False
    for line in text.splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif line and not line.startswith(" "):
            listing = line.startswith(".. autosummary::")
        elif listing and (found := re.fullmatch(r" +([\w.]+)", line)):
            names.append(f"{module}.{found[1]}")
    return names


def get(name):
    """Return what a full name stands for."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def full_name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def is_ours(cls):
    return cls.__module__.startswith("sklearn_scratchnn.")


def members(cls):
    """Yield name and defining class of each public method and property of ours."""
    for name in dir(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        is_property = isinstance(vars(owner).get(name), property)
        if not is_ours(owner) or name.startswith("_"):
            continue
        if is_property or callable(getattr(cls, name)):
            yield name, owner


def overridden(cls, name, owner):
    """Return our topmost class with this method and these arguments, or None."""

    def arguments(base):
        method = inspect.getattr_static(base, name)
        if inspect.isfunction(method):
            return [p.name for p in inspect.signature(method).parameters.values()]
        return None

    own = arguments(owner)
    same = [
        base
        for base in owner.__mro__[1:]
        if is_ours(base) and name in vars(base) and own and arguments(base) == own
    ]
    return same[-1] if same else None


@cache
def cases():
    """Return a dict: full names, and the checks that are not asked of each."""
    found = {}
    for listed in names_in(REFERENCE.read_text(encoding="utf-8")):
        part = get(listed)
        if not callable(part):
            continue
        found[listed] = NOT_FOLLOWED
        for name, owner in members(part) if inspect.isclass(part) else ():
            left_out = NOT_FOLLOWED | OF_METHODS
            if base := overridden(part, name, owner):
                found.setdefault(f"{full_name(base)}.{name}", left_out)
                left_out = left_out | IN_THE_BASE
            found.setdefault(f"{listed}.{name}", left_out)
    return found


@pytest.mark.parametrize("name", cases())
def test_docstring(name):
    errors = validate(name)["errors"]
    assert [error for error in errors if error[0] not in cases()[name]] == []


def test_all_that_is_public_was_found():
    """What the tests above rest on."""
    for name in (
        "sklearn_scratchnn.ScratchMLPClassifier",
        "sklearn_scratchnn.ScratchMLPClassifier.fit",
        "sklearn_scratchnn.ScratchMLPClassifier.predict",
        "sklearn_scratchnn.plotting.NetworkDisplay.from_estimator",
        "sklearn_scratchnn.network.gradient_check.GradientCheck.relative_error",
        "sklearn_scratchnn.callbacks.Checkpoint.load",
        "sklearn_scratchnn.deploy.register_onnx",
        "sklearn_scratchnn.data.sample.Sample.only",
    ):
        assert name in cases()
    assert cases()["sklearn_scratchnn.training.optimizers.SGD.step"] > IN_THE_BASE
    for name in (
        "training.optimizers.Optimizer.step",
        "callbacks.EarlyStopping.on_fit_task_end",
    ):
        assert not cases()[f"sklearn_scratchnn.{name}"] & IN_THE_BASE


PUBLIC = ["", ".core", ".plotting", ".callbacks", ".deploy"]
PUBLIC += [".network.gradient_check", ".dask"]


@pytest.mark.parametrize("module", PUBLIC)
def test_reference_lists_what_a_public_module_offers(module):
    """Its ``__all__``, or what it defines without an underscore."""
    part = importlib.import_module(f"sklearn_scratchnn{module}")
    own = [
        n for n, v in vars(part).items() if full_name_of(v).startswith(part.__name__)
    ]
    names = getattr(part, "__all__", own)
    listed = names_in(REFERENCE.read_text(encoding="utf-8"))
    assert names
    for name in names:
        assert name.startswith("_") or f"{part.__name__}.{name}" in listed


def full_name_of(value):
    """Return the full name of a class or a function, else nothing."""
    return full_name(value) if hasattr(value, "__qualname__") else ""


@pytest.mark.parametrize(
    "registry",
    [
        "network.losses.LOSSES",
        "training.optimizers.OPTIMIZERS",
        "training.schedules.SCHEDULES",
        "training.solvers.registry.SOLVERS",
    ],
)
def test_reference_lists_the_classes_of_the_registries(registry):
    listed = names_in(REFERENCE.read_text(encoding="utf-8"))
    for entry in get(f"sklearn_scratchnn.{registry}").values():
        cls = entry if inspect.isclass(entry) else type(entry)
        assert full_name(cls) in listed


@pytest.mark.parametrize(
    ("parameter", "registry"),
    [
        ("activation", "network.activations.ACTIVATIONS"),
        ("solver", "training.solvers.registry.SOLVERS"),
        ("learning_rate", "training.schedules.SCHEDULES"),
        ("init", "network.parameters.INITIALIZERS"),
    ],
)
def test_classifier_names_what_its_parameters_may_be(parameter, registry):
    doc = inspect.getdoc(get("sklearn_scratchnn.ScratchMLPClassifier"))
    described = re.search(rf"^{parameter} : .*\n((?:    .*\n|\n)+)", doc, re.MULTILINE)
    for name in get(f"sklearn_scratchnn.{registry}"):
        assert f'"{name}"' in described[1]
