"""The package builds with its compiled core and without, and says which it is.

What is built is a copy of the checkout, by the setuptools and the Cython that are
installed here: nothing is downloaded.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", "77")
pytest.importorskip("Cython")

ROOT = Path(__file__).parents[2]
FILES = ["setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md"]
FILES += ["LICENSE", "sklearn_scratchnn"]
if not all((ROOT / name).exists() for name in FILES):
    pytest.skip("the tests are in no checkout", allow_module_level=True)

LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")
PURE, TAGGED = "*-py3-none-any.whl", "*-cp311-abi3-*.whl" if LIMITED else "*-cp3*.whl"
NO_COMPILER = {"CC": "/nonexistent", "PATH": "/nonexistent"}

compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "").split()
needs_compiler = pytest.mark.skipif(
    not (compiler and shutil.which(compiler[0])), reason="there is no C compiler"
)
hides_compiler = pytest.mark.skipif(
    os.name == "nt", reason="no variable hides the compiler there"
)

STATUS = """
from sklearn_scratchnn.core import compiled, status
print(status())
assert (compiled() is None) == status().startswith("no: ")
"""
FIT = """
from sklearn.datasets import load_iris
from sklearn_scratchnn import ScratchMLPClassifier
X, y = load_iris(return_X_y=True)
assert ScratchMLPClassifier(random_state=0).fit(X, y).score(X, y) > 0.9
"""


def python(code, folder, *options, **env):
    """Run code in a folder that is the first on Python's path."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("SCRATCHNN_")}
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=folder,
        env=own | {"PYTHONPATH": str(folder)} | env,
        capture_output=True,
        text=True,
    )


def copy(folder):
    """Return a folder that has what a build reads, and nothing that was built."""
    folder.mkdir(exist_ok=True)
    for name in FILES:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder)
    built = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    package = "sklearn_scratchnn"
    shutil.copytree(ROOT / package, folder / package, ignore=built)
    return folder


def build(checkout, **env):
    """Build the wheel; return the process, and the wheels that are there."""
    shutil.rmtree(checkout / "dist", ignore_errors=True)
    code = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    done = python(code, checkout, **env)
    done.said = done.stdout + done.stderr
    return done, list((checkout / "dist").glob("*.whl"))


def unpack(wheel, folder):
    """Unpack a wheel; return the names of the files in ``core/``."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return {path.name for path in (folder / "sklearn_scratchnn/core").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return a checkout, its wheel with the core, and what the build said."""
    checkout = copy(tmp_path_factory.mktemp("checkout"))
    done, wheels = build(checkout, SCRATCHNN_REQUIRE_CORE="1")
    assert done.returncode == 0, done.said
    (wheel,) = wheels
    return checkout, wheel, done.said


@needs_compiler
def test_with_a_compiler(built, tmp_path):
    checkout, wheel, said = built
    assert not re.search("warning:.*core|deprecat", said, re.IGNORECASE), said
    assert wheel.match(TAGGED)
    assert wheel.stat().st_size < 1e6
    names = unpack(wheel, tmp_path)
    (extension,) = (name for name in names if not name.endswith(".py"))
    done = python(STATUS + FIT, tmp_path, "-W", "error")
    assert done.stdout == f"yes ({extension})\n", done.stderr
    # Cython's output is not among the sources, where the digest would see it.
    assert not (checkout / "sklearn_scratchnn/core/_core.c").exists()


@needs_compiler
def test_changed_sources_are_told(built, tmp_path):
    """Where they lie beside what was built, as in an editable checkout."""
    checkout, wheel, _ = built
    unpack(wheel, tmp_path)
    core = tmp_path / "sklearn_scratchnn/core"
    shutil.copytree(checkout / "sklearn_scratchnn/core", core, dirs_exist_ok=True)
    done = python(STATUS, tmp_path, "-W", "error")
    assert done.stdout.startswith("yes"), done.stderr
    with (core / "core.c").open("a", encoding="utf-8") as source:
        source.write("/* changed */\n")
    done = python(STATUS + FIT, tmp_path)
    assert done.stdout == "no: older than its sources\n", done.stderr
    assert done.stderr.count("RuntimeWarning: The compiled core is older") == 1
    assert "pip install -e ." in done.stderr


@needs_compiler
def test_turned_off(built, tmp_path):
    _, wheel, _ = built
    unpack(wheel, tmp_path)
    done = python(STATUS + FIT, tmp_path, "-W", "error", SCRATCHNN_CORE="0")
    assert done.stdout == "no: turned off by SCRATCHNN_CORE=0\n", done.stderr


@hides_compiler
def test_without_a_compiler(tmp_path):
    """pip keeps wheels by their tags: this must not pass for the whole thing."""
    done, (wheel,) = build(copy(tmp_path / "checkout"), **NO_COMPILER)
    assert done.returncode == 0, done.said
    assert re.search("warning:.*_core.* failed", done.said)
    assert wheel.match(PURE)
    assert all(name.endswith(".py") for name in unpack(wheel, tmp_path))
    done = python(STATUS + FIT, tmp_path, "-W", "error")
    assert done.stdout == "no: not built\n", done.stderr


@hides_compiler
@needs_compiler
def test_no_core_is_left_of_an_earlier_build(built, tmp_path):
    checkout = shutil.copytree(built[0], tmp_path / "checkout")
    assert list((checkout / "build").rglob("_core.*"))
    _, (wheel,) = build(checkout, **NO_COMPILER)
    assert wheel.match(PURE)
    assert all(name.endswith(".py") for name in unpack(wheel, tmp_path))


@hides_compiler
def test_a_core_that_is_required_has_to_compile(tmp_path):
    env = NO_COMPILER | {"SCRATCHNN_REQUIRE_CORE": "1"}
    done, wheels = build(copy(tmp_path / "checkout"), **env)
    assert done.returncode != 0
    assert wheels == []


def test_the_sdist_has_the_sources(tmp_path):
    checkout = copy(tmp_path / "checkout")
    code = "from setuptools import build_meta; build_meta.build_sdist('dist')"
    done = python(code, checkout)
    (sdist,) = (checkout / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {Path(name).name for name in archive.getnames() if "/core/" in name}
    folder = checkout / "sklearn_scratchnn/core"
    assert {"_core.pyx", "core.c", "digest.py"} <= packed, done.stderr
    assert packed == {path.name for path in folder.iterdir()} - {"__pycache__"}


@pytest.mark.parametrize("required", ["0", "1"])
def test_without_cython(tmp_path, required):
    checkout = copy(tmp_path / "checkout")
    (checkout / "Cython.py").write_text("raise ImportError('hidden')\n")
    done, wheels = build(checkout, SCRATCHNN_REQUIRE_CORE=required)
    if required == "1":
        assert "Cython is not installed" in done.said
        assert wheels == []
    else:
        assert [wheel.match(PURE) for wheel in wheels] == [True], done.said
