"""The recipes for data larger than memory, in a process that may not have more."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tasks import LABELS

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "large_data.rst"
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does"),
    pytest.mark.skipif(not PAGE.exists(), reason="an sdist does not carry docs"),
]

# What the imports and a first fit need is not counted.
BEFORE = """
import resource
import warnings
import numpy as np
from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor

warnings.simplefilter("ignore")
few = np.random.RandomState(0).randn(100, 3).astype(np.float32)
for solver in ("adam", "lbfgs"):
    for network in (ScratchMLPClassifier, ScratchMLPRegressor):
        model = network((3,), solver=solver, max_iter=1)
        model.fit(few, few[:, 0] > 0).score(few, few[:, 0] > 0)

def in_use(kind):
    with open("/proc/self/status") as file:
        sizes = dict(line.split(":", 1) for line in file)
    return 1024 * int(sizes[kind].split()[0])

def limit(what, kind, allowed):
    resource.setrlimit(what, (in_use(kind) + allowed,) * 2)

def is_too_large(n_bytes):
    try:
        np.ones(n_bytes, np.uint8)
    except MemoryError:
        return True
    return False
"""


def recipe(name, task):
    """Return a code block of the documentation's page, by the comment above it.

    For numbers with the class, and without the labels, that the page has.
    """
    pattern = rf"^\.\. recipe: {name}\n\n\.\. code-block:: python\n\n((?: +.*\n|\n)+)"
    (code,) = re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    if task is not LABELS:
        code = code.replace("Classifier", "Regressor")
        code = code.replace(", classes=[False, True]", "")
    return textwrap.dedent(code)


def run(*parts, folder):
    """Run Python in a process of its own and return what it printed."""
    code = "\n".join([BEFORE, *(textwrap.dedent(part) for part in parts)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_memory_map_larger_than_memory(tmp_path, task, solver):
    # Rows of class 0 are zeros that were never written: the file is sparse on disk.
    make_file = """
    X = np.lib.format.open_memmap(
        "rows.npy", mode="w+", dtype=np.float32, shape=(200_000, 256)
    )
    X[:20_000, :8] = np.random.RandomState(0).uniform(1, 3, size=(20_000, 8))
    y = np.zeros(200_000, np.int8)
    y[:20_000] = 1
    np.save("labels.npy", y)
    size = X.nbytes
    del X, y
    limit(resource.RLIMIT_DATA, "VmData", 80_000_000)
    assert is_too_large(size)
    """
    code = recipe("memory map", task).replace('"adam"', f"{solver!r}, alpha=0.1")
    show = "print(X.nbytes, model.n_iter_, model.score(X, y))"
    try:
        shown = run(make_file, code, show, folder=tmp_path)
    finally:
        (tmp_path / "rows.npy").unlink(missing_ok=True)
    size, n_passes, accuracy = shown.split()[-3:]
    assert int(size) > 2 * 80_000_000
    assert int(n_passes) == 3
    assert float(accuracy) > (0.95 if task is LABELS else 0.8)


def test_a_stream_larger_than_memory(tmp_path, task):
    make_chunks = """
    size = 0

    def chunks():
        global size
        rng = np.random.default_rng(0)
        for _ in range(30):
            X = rng.normal(5, 2, size=(20_000, 50))
            size += X.nbytes
            yield X, X[:, 0] > X[:, 1]

    limit(resource.RLIMIT_AS, "VmSize", 60_000_000)
    assert is_too_large(2 * 60_000_000)
    """
    show = "print(size, model.t_, model.score(X, y))"
    size, n_rows, accuracy = run(
        make_chunks, recipe("stream", task), show, folder=tmp_path
    ).split()[-3:]
    assert int(size) > 2 * 60_000_000
    assert int(n_rows) == 30 * 20_000
    assert float(accuracy) > (0.95 if task is LABELS else 0.7)


def test_predictions_need_one_block_of_rows(tmp_path, task):
    code = f"""
    X = few.repeat(2000, axis=0)
    model = {task.of_one.__name__}((100, 100), max_iter=1).fit(few, few[:, 0] > 0)
    limit(resource.RLIMIT_DATA, "VmData", 40_000_000)
    assert is_too_large(4 * 100 * len(X))
    print(len(model.predict(X)))
    """
    assert run(code, folder=tmp_path).split()[-1] == "200000"
