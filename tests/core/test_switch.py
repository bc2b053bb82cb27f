"""The switch of the compiled core, which may be there or not."""

import os
import sys
from types import ModuleType

import pytest

from sklearn_scratchnn.core import compiled, status, switch
from sklearn_scratchnn.core.digest import digest, sources


@pytest.fixture
def fresh(monkeypatch):
    """Let the core be looked for again, in this test alone."""
    monkeypatch.delenv("SCRATCHNN_CORE", raising=False)
    switch._load.cache_clear()
    yield monkeypatch
    switch._load.cache_clear()


def stand_in(monkeypatch, **names):
    """Let a module take the core's place."""
    module = ModuleType(switch.EXTENSION)
    module.__file__ = "somewhere/_core.abi3.so"
    vars(module).update(names)
    monkeypatch.setitem(sys.modules, switch.EXTENSION, module)
    return module


def source_folder(tmp_path, monkeypatch, text="int core;\n"):
    """Let a folder with one source be that of the core."""
    (tmp_path / "core.c").write_text(text)
    monkeypatch.setattr(switch, "FOLDER", tmp_path)


def test_the_core_is_there_where_it_has_to_be():
    """CI builds it so, and then every test of this folder means something."""
    if os.environ.get("SCRATCHNN_REQUIRE_CORE") != "1" or switch._is_off():
        pytest.skip("SCRATCHNN_REQUIRE_CORE is not set")
    assert compiled() is not None
    assert status().startswith("yes (_core.")


def test_the_environment_turns_it_off(fresh, tmp_path):
    source_folder(tmp_path, fresh)
    module = stand_in(fresh, DIGEST=digest(tmp_path))
    assert compiled() is module
    assert status() == "yes (_core.abi3.so)"
    fresh.setenv("SCRATCHNN_CORE", "0")
    assert compiled() is None
    assert status() == "no: turned off by SCRATCHNN_CORE=0"
    fresh.setenv("SCRATCHNN_CORE", "1")
    assert compiled() is module


def test_turned_off_it_is_not_even_imported(fresh, tmp_path):
    source_folder(tmp_path, fresh)
    stand_in(fresh, DIGEST="of other sources")
    fresh.setenv("SCRATCHNN_CORE", "0")
    assert compiled() is None  # without a warning


def test_older_than_its_sources(fresh, tmp_path):
    source_folder(tmp_path, fresh)
    stand_in(fresh, DIGEST="of other sources")
    with pytest.warns(RuntimeWarning, match=r"older .* pip install -e \.") as told:
        assert compiled() is None
    assert [warning.filename for warning in told] == [__file__]
    assert compiled() is None  # and the warning comes once
    assert status() == "no: older than its sources"


def test_without_sources_nothing_is_compared(fresh, tmp_path):
    fresh.setattr(switch, "FOLDER", tmp_path)
    module = stand_in(fresh, DIGEST="of sources that were not installed")
    assert compiled() is module


def test_not_built(fresh):
    fresh.setattr(switch, "EXTENSION", "sklearn_scratchnn.core._nonesuch")
    assert compiled() is None
    assert status() == "no: not built"


@pytest.mark.parametrize(
    "error",
    [
        ImportError("undefined symbol: dgemm", name="sklearn_scratchnn.core._core"),
        ModuleNotFoundError("No module named 'scipy'", name="scipy"),
    ],
)
def test_what_cannot_be_loaded(fresh, error):
    def fail(name):
        raise error

    fresh.setattr(switch, "import_module", fail)
    with pytest.warns(RuntimeWarning, match=f"cannot be loaded: {error}"):
        assert compiled() is None
    assert status() == "no: cannot be loaded"


def test_digest(tmp_path):
    (tmp_path / "b.c").write_bytes(b"int b;\n")
    (tmp_path / "a.pyx").write_bytes(b"a = 1\n")
    (tmp_path / "b.o").write_bytes(b"compiled")
    (tmp_path / "_core.c").write_bytes(b"written by Cython")
    assert [path.name for path in sources(tmp_path)] == ["a.pyx", "b.c"]
    before = digest(tmp_path)
    assert len(before) == 16
    (tmp_path / "b.c").write_bytes(b"int b;\r\n")
    (tmp_path / "b.o").unlink()
    assert digest(tmp_path) == before  # neither ends of lines nor what is no source
    (tmp_path / "b.c").rename(tmp_path / "c.c")
    renamed = digest(tmp_path)
    (tmp_path / "d.h").touch()
    assert len({before, renamed, digest(tmp_path)}) == 3
