"""The public signatures are typed, a user's type checker reads them, and they are true.

That the code agrees with its types, ``python -m mypy`` checks, as ``mypy.ini`` has it.
"""

import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest

import sklearn_scratchnn
from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn._compat import Interval, Options, StrOptions

# With an ``__all__``; of other modules, the names that docs/reference lists.
PUBLIC = ["", ".core", ".plotting", ".callbacks", ".deploy"]
MORE = {
    ".network.gradient_check": ["GradientCheck", "check_gradient"],
    ".displays.notebook": ["caption"],
}


def is_ours(function):
    return inspect.unwrap(function).__module__.startswith(sklearn_scratchnn.__name__)


def functions_of(name, part):
    """Yield a public function, or a class's constructor, methods and properties."""
    if not inspect.isclass(part):
        if callable(part):
            yield name, part
        return
    for member in dir(part):
        function = getattr(part, member)
        function = function.fget if isinstance(function, property) else function
        is_public = member == "__init__" or not member.startswith("_")
        if is_public and callable(function) and is_ours(function):
            yield f"{name}.{member}", function


def public_functions():
    """Return a dict: the full names without the package's, and the functions."""
    found = {}
    for place in [*PUBLIC, *MORE]:
        module = importlib.import_module(sklearn_scratchnn.__name__ + place)
        for name in MORE.get(place) or module.__all__:
            full_name = f"{place}.{name}".removeprefix(".")
            found.update(functions_of(full_name, getattr(module, name)))
    return found


FUNCTIONS = public_functions()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_signature_is_typed(name):
    signature = inspect.signature(FUNCTIONS[name])
    untyped = [
        p.name
        for p in signature.parameters.values()
        if p.annotation is p.empty and p.name != "self"
    ]
    assert untyped == []
    assert signature.return_annotation is not signature.empty


def test_all_that_is_public_was_found():
    """What the test above rests on."""
    assert {
        "ScratchMLPClassifier.__init__",
        "ScratchMLPClassifier.partial_fit",
        "ScratchMLPClassifier.hidden_activations",
        "ScratchMLPRegressor.partial_fit",
        "ScratchMLPRegressor.input_gradients",
        "ScratchMLPEnsembleClassifier.members_proba",
        "ScratchMLPEnsembleRegressor.members_predict",
        "plotting.NetworkDisplay.from_estimator",
        "callbacks.Checkpoint.load",
        "callbacks.EarlyStopping.setup",
        "deploy.register_onnx",
        "core.compiled",
        "show_versions",
        "network.gradient_check.GradientCheck.__init__",
        "network.gradient_check.GradientCheck.relative_error",
        "displays.notebook.caption",
    } <= set(FUNCTIONS)
    assert not {name for name in FUNCTIONS if name.endswith((".score", "_request"))}


# A line that is wrong names mypy's codes for it.
PROGRAM = """
from typing import assert_type

import numpy as np
from scipy.sparse import csr_array
from sklearn.model_selection import GridSearchCV

from sklearn_scratchnn import (
    ScratchMLPClassifier,
    ScratchMLPEnsembleRegressor,
    ScratchMLPRegressor,
    __version__,
    show_versions,
)
from sklearn_scratchnn.callbacks import Checkpoint, EarlyStopping, ValidationMonitor
from sklearn_scratchnn.core import status
from sklearn_scratchnn.deploy import SKOPS_TRUSTED_TYPES, register_onnx
from sklearn_scratchnn.displays.notebook import caption
from sklearn_scratchnn.network.gradient_check import check_gradient
from sklearn_scratchnn.plotting import (
    NetworkDisplay,
    ReliabilityDisplay,
    TrainingCurveDisplay,
)

X, y = np.eye(4), ["a", "b", "a", "b"]
model = ScratchMLPClassifier((5,), alpha=1, tol="auto", class_weight={"a": 2, "b": 1})
assert_type(model.fit(X.tolist(), y, X_val=csr_array(X), y_val=y), ScratchMLPClassifier)
assert_type(model.partial_fit(X, y, classes=["a", "b"]), ScratchMLPClassifier)
assert_type(model.predict_proba(X), np.ndarray)
assert_type(model.hidden_activations(X, layer=0), np.ndarray)
assert_type(model.input_gradients(X, "b", of="probability"), np.ndarray)
assert_type(model.coefs_, list[np.ndarray])
assert_type(model.alpha_path_, dict[str, np.ndarray] | None)
counts = ScratchMLPRegressor(loss="poisson", quantile=0.9, huber_threshold=1)
assert_type(counts.fit(X, [0, 1, 2, 0], X_val=X, y_val=X[0]), ScratchMLPRegressor)
assert_type(counts.partial_fit(X, [0.5, 1, 2, 0], [1, 1, 1, 1]), ScratchMLPRegressor)
assert_type(counts.predict(X), np.ndarray)
assert_type(counts.input_gradients(X, target=0), np.ndarray)
several = ScratchMLPEnsembleRegressor(counts, n_estimators=3).fit(X, X)
assert_type(several, ScratchMLPEnsembleRegressor)
assert_type(several.doubt(X), np.ndarray)
assert_type(several.members_predict(X), np.ndarray)
search = GridSearchCV(model, {"alpha": [0.1, 1.0], "dtype": ["float32"]}).fit(X, y)
assert_type(NetworkDisplay.from_estimator(search, X, cmap="bwr"), NetworkDisplay)
display = ReliabilityDisplay.from_estimator(model, X, y, strategy="quantile", lw=1)
assert_type(display.plot(name="model").expected_calibration_error, float)
TrainingCurveDisplay.from_logs({"a": [model.history_]}, band=None).lines_[0].get_label()
checkpoint = Checkpoint("model.ckpt", every=2)
model.set_callbacks(checkpoint, EarlyStopping(X, y, patience=3))
ValidationMonitor(X, y, scoring=["accuracy"]).get_logs(select="all")
Checkpoint.load(checkpoint.path).predict(X)
assert_type(caption(model) + __version__, str)
assert_type(status(), str)
show_versions()
assert_type(SKOPS_TRUSTED_TYPES, list[str])
register_onnx()
assert_type(check_gradient(object(), step=1e-6).relative_error, float)

ScratchMLPClassifier(max_iter="many", typo=1)  # wrong: arg-type call-arg
ScratchMLPClassifier((5,), "tanh", "adam")  # wrong: call-arg
ScratchMLPClassifier("five")  # wrong: arg-type
ScratchMLPClassifier(dtype="float16", early_stopping=None)  # wrong: arg-type arg-type
model.fit(X, y, weights=[1, 1, 1, 1])  # wrong: call-arg
model.fit(None, y).predict_proba()  # wrong: arg-type call-arg
model.input_gradients(X, of="loss")  # wrong: arg-type
model.n_iter_.shape  # wrong: attr-defined
ScratchMLPRegressor(loss=None, class_weight="balanced")  # wrong: arg-type call-arg
ScratchMLPRegressor(quantile="median")  # wrong: arg-type
counts.partial_fit(X, y, classes=[0, 1])  # wrong: call-arg
several.doubt(X, measure="std")  # wrong: call-arg
NetworkDisplay.from_estimator(model, kind="picture")  # wrong: arg-type
TrainingCurveDisplay.from_estimator(model, x="hours")  # wrong: arg-type
Checkpoint(3)  # wrong: arg-type
EarlyStopping(X, y, patience="long")  # wrong: arg-type
caption("model")  # wrong: arg-type
check_gradient(object(), 3, "small").analytic  # wrong: arg-type
"""


def test_mypy_reads_the_types_of_the_installed_package(tmp_path, request):
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    # For mypy a package on PYTHONPATH is an installed one: it wants a py.typed.
    installed_in = str(Path(sklearn_scratchnn.__file__).parents[1])
    options = ["--config-file=", "--strict", "--ignore-missing-imports"]
    cache = request.config.cache.mkdir("mypy")
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *options, f"--cache-dir={cache}", program.name],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": installed_in, "MYPYPATH": ""},
        capture_output=True,
        text=True,
    )
    reported, wanted = {}, {}
    for line, code in re.findall(r":(\d+): error: .*\[([\w-]+)\]", result.stdout):
        reported.setdefault(int(line), []).append(code)
    for line, text in enumerate(PROGRAM.splitlines(), 1):
        if codes := text.partition("# wrong: ")[2]:
            wanted[line] = codes.split()
    reported = {line: sorted(codes) for line, codes in reported.items()}
    assert reported == wanted, result.stdout + result.stderr


ESTIMATORS = [ScratchMLPClassifier, ScratchMLPRegressor]
CONSTRAINTS = {cls: cls._parameter_constraints for cls in ESTIMATORS}
HINTS = {cls: get_type_hints(cls.__init__) for cls in ESTIMATORS}
A_VALUE_OF_EACH_KIND = {
    None: [None],
    "boolean": [True],
    "verbose": [True, 2],
    "random_state": [None, 0, np.random.RandomState(0)],
    "array-like": [["relu"], (5,)],
    dict: [{"a": 1}],
    str: ["a scorer's name"],
    callable: [max],
}


def values_for(constraint):
    """Return values that a constraint allows: one of each kind, and every word."""
    if isinstance(constraint, Options | StrOptions):
        return list(constraint.options)
    if isinstance(constraint, Interval):
        return [1] if constraint.type is Integral else [1, 0.5]
    return A_VALUE_OF_EACH_KIND[constraint]


def allows(hint, value):
    """Whether a type checker would take a value for a parameter, items unseen."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(allows(part, value) for part in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if origin is Callable:
        return callable(value)
    if hint is float:
        return isinstance(value, float | int)
    return isinstance(value, origin or hint)


def words(hint):
    """Return the words that a type spells out."""
    if get_origin(hint) is Literal:
        return {*get_args(hint)}
    return set().union(*map(words, get_args(hint)))


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, name) for cls in ESTIMATORS for name in CONSTRAINTS[cls]]
)
def test_types_of_parameters_agree_with_their_constraints(cls, name):
    constraints, hint = CONSTRAINTS[cls][name], HINTS[cls][name]
    allowed = [v for constraint in constraints for v in values_for(constraint)]
    refused = [value for value in allowed if not allows(hint, value)]
    assert refused == []
    assert allows(hint, None) == (None in allowed)
    assert words(hint) <= {value for value in allowed if isinstance(value, str)}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_types_agree_with_constraints_on_the_names_of_parameters(cls):
    assert set(HINTS[cls]) == {*CONSTRAINTS[cls], "return"}
