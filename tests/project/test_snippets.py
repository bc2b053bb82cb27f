"""Every block of code of README.md, of the documentation and of its fellows is checked.

Python blocks run. Those of one page run in order and share their names, as a reader
would paste them. A block that needs an optional package says so in a comment above it,
``<!-- requires: torch -->`` in Markdown or ``.. requires: torch`` in reStructuredText,
and is left out where the package is not installed. The ``plot`` directives of the
documentation run when it is built.

A line for the shell is one of a job of ``.ci/run``, which runs it; or it runs a script
or pytest, and is run here: `run_line` tells how.
"""

import doctest
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"_build", "auto_examples", "generated"}

MARKDOWN_BLOCK = re.compile(
    r"(?:^<!-- requires: (?P<requires>[\w., ]+) -->\n)?"
    r"^(?P<indent> *)```(?:python|\{code-block\} python)\n"
    r"(?P<code>.*?)"
    r"^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
RST_BLOCK = re.compile(
    r"(?:^ *\.\. requires: (?P<requires>[\w., ]+)\n\n)?"
    r"^(?P<indent> *)\.\. code-block:: +python\n"
    r"(?:(?P=indent) +:.*\n)*"
    r"\n"
    r"(?P<code>(?:(?P=indent) +.*(?:\n|\Z)|\s*\n)+)",
    re.MULTILINE,
)
JOB = re.compile(r"^<!-- job: ([\w-]+) -->$", re.MULTILINE)
JOB_BLOCK = re.compile(
    r"^<!-- job: [\w-]+ -->\n```bash\n.*?^```$", re.MULTILINE | re.DOTALL
)
SHELL_BLOCKS = [
    re.compile(r"^```(?:bash|console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL),
    re.compile(
        r"^ *\.\. code-block:: (?:bash|console|sh)\n\n((?: +.*\n|\n)+)", re.MULTILINE
    ),
    re.compile(r"(?:^\n|\A)((?:^    (?:pip|python) .*\n)+)", re.MULTILINE),
    re.compile(r"`((?:\w+=\w+ |taskset \S+ \d )*python benchmarks/[^`]+)`"),
]
OTHER_BLOCKS = {"text", "python", "bash", "console", "sh", "none"}


@dataclass(frozen=True)
class Snippet:
    """One block: its source, the line it starts on, the packages it needs."""

    code: str
    line: int
    requires: tuple[str, ...]

    def missing(self):
        return [name for name in self.requires if not importlib.util.find_spec(name)]


def find_snippets(text, suffix):
    """Return the Python blocks of a page, in order."""
    pattern = MARKDOWN_BLOCK if suffix == ".md" else RST_BLOCK
    return [
        Snippet(
            code=textwrap.dedent(match["code"]),
            line=text.count("\n", 0, match.start("code")) + 1,
            requires=tuple(re.findall(r"[\w.]+", match["requires"] or "")),
        )
        for match in pattern.finditer(text)
    ]


def run_snippet(snippet, path, namespace):
    """Run one block in `namespace`; an error's traceback names the page's own line."""
    if snippet.code.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(
            snippet.code, namespace, path.name, str(path), snippet.line - 1
        )
        flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
        runner = doctest.DebugRunner(optionflags=flags, verbose=False)
        runner.run(test, clear_globs=False)
        namespace.update(test.globs)
    else:
        source = "\n" * (snippet.line - 1) + snippet.code
        exec(compile(source, str(path), "exec"), namespace)


def texts():
    """Return a dict: the pages that are written by hand, and what they say."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    paths.append(ROOT / "benchmarks" / "README.md")
    for suffix in ("*.md", "*.rst"):
        paths += sorted((ROOT / "docs").rglob(suffix))
    return {
        path: path.read_text(encoding="utf-8")
        for path in paths
        if path.is_file() and not GENERATED & set(path.relative_to(ROOT).parts)
    }


def pages():
    """Return the pages that hold a Python block."""
    return [path for path, text in texts().items() if find_snippets(text, path.suffix)]


def command_of(line):
    """Return a line without comment, folder, and what it says of threads and cores."""
    line = re.sub(r"\s+#.*", "", line.strip())
    return re.sub(r"^(\w+=\w+ |taskset \S+ \d )*(\.venv/bin/)?", "", line)


def lines_of_jobs():
    """Return every line of every job of ``.ci/run``."""
    blocks = [block for text in texts().values() for block in JOB_BLOCK.findall(text)]
    return {command_of(line) for block in blocks for line in block.splitlines()}


def shell_lines():
    """Return the commands of all pages that no job of ``.ci/run`` has."""
    blocks = [
        match[1]
        for text in texts().values()
        for pattern in SHELL_BLOCKS
        for match in pattern.finditer(text)
    ]
    lines = {command_of(line) for line in "\n".join(blocks).splitlines()}
    return sorted(lines - lines_of_jobs() - {""})


def run_line(line, folder):
    """Run a script of ``benchmarks/``, on its smallest data, or some tests.

    A benchmark writes into ``folder``, where DIR is a folder with a table, and BASE and
    HEAD are checkouts.
    """
    words = shlex.split(line)
    assert words[0] == "python", f"no job has {line}"
    command = [sys.executable, *words[1:]]
    if words[1:3] == ["-m", "pytest"]:
        folder = ROOT
    else:
        shutil.copytree(ROOT / "benchmarks", folder / "benchmarks")
        write_table(folder / "DIR")
        for checkout in ("BASE", "HEAD"):
            package = "sklearn_scratchnn"
            shutil.copytree(ROOT / package, folder / checkout / package)
        command.append("--quick")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_table(folder):
    """Write a table as `benchmarks/tabular.py` reads them: texts, numbers, gaps."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"text": rng.choice(["y", "n"], 60), "x": rng.normal(size=60)})
    table["target"] = np.where(table.x + rng.normal(size=60) > 0, "yes", "no")
    table.loc[::7, "text"] = None
    table.loc[::9, "x"] = np.nan
    folder.mkdir()
    table.to_csv(folder / "vote.csv.gz", index=False)


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_page_runs(path, tmp_path, monkeypatch, mlflow_store):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    if importlib.util.find_spec("matplotlib"):
        import matplotlib

        matplotlib.use("Agg")
    snippets = find_snippets(path.read_text(encoding="utf-8"), path.suffix)
    runnable = [snippet for snippet in snippets if not snippet.missing()]
    if not runnable:
        missing = {name for snippet in snippets for name in snippet.missing()}
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")
    namespace = {"__name__": "__main__"}
    for snippet in runnable:
        run_snippet(snippet, path, namespace)


@pytest.mark.parametrize("line", shell_lines())
def test_line_for_the_shell(line, tmp_path):
    if "benchmarks/" in line and not (ROOT / "benchmarks").is_dir():
        pytest.skip("an sdist does not carry benchmarks/")
    if "callbacks.py" in line and not importlib.util.find_spec("sklearn.callback"):
        pytest.skip("scikit-learn before 1.9 has no callbacks")
    out = run_line(line, tmp_path)
    assert " left out" not in out
    assert "| ---" in out or " passed" in out


@pytest.mark.parametrize(
    "line",
    [
        "pip install -e '.[examples,nonesuch]'",
        "python -m pytest tests/test_nonesuch.py",
        "python benchmarks/imports.py --nonesuch",
        "rm -rf build",
    ],
)
def test_wrong_lines_are_found(line, tmp_path):
    with pytest.raises(AssertionError):
        run_line(line, tmp_path)


def test_no_other_kind_of_block_goes_unchecked():
    for path, text in texts().items():
        kinds = re.findall(r"^ *(?:```|\.\. code-block:: )(\w+)$", text, re.MULTILINE)
        assert set(kinds) <= OTHER_BLOCKS, path
        assert not re.search(r"^(?! *\.\. ).*::$", text, re.MULTILINE), path


def test_readme_has_snippets():
    assert ROOT / "README.md" in pages()


def test_blocks_are_found():
    markdown = "a\n```python\nx = 1\n```\n```text\nno\n```\n"
    markdown += "<!-- requires: torch, jax -->\n```python\ny = 2\n```\n"
    assert find_snippets(markdown, ".md") == [
        Snippet("x = 1\n", 3, ()),
        Snippet("y = 2\n", 10, ("torch", "jax")),
    ]
    rst = "a\n\n.. requires: torch, sklearn.callback\n\n.. code-block:: python\n"
    rst += "   :caption: c\n\n   x = 1\n\n   y = 2\n\nb\n\n"
    rst += ".. code-block:: text\n\n   no\n"
    (snippet,) = find_snippets(rst, ".rst")
    assert snippet.code.strip() == "x = 1\n\ny = 2"
    assert (snippet.line, snippet.requires) == (8, ("torch", "sklearn.callback"))


def test_failing_blocks_fail(tmp_path):
    page = tmp_path / "page.md"
    with pytest.raises(ZeroDivisionError):
        run_snippet(Snippet("1 / 0\n", 7, ()), page, {})
    with pytest.raises(doctest.DocTestFailure):
        run_snippet(Snippet(">>> 1 + 1\n3\n", 7, ()), page, {})


def test_documented_jobs_are_the_jobs_of_ci():
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("an sdist does not carry .ci/run")
    documented = [
        name
        for page in ("README.md", "CONTRIBUTING.md")
        for name in JOB.findall((ROOT / page).read_text(encoding="utf-8"))
    ]
    run = re.findall(r"\brun ([\w-]+)(?:;|$)", script.read_text(), re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == set(run)
