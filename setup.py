"""The build of the compiled core, which an install may do without.

All else stands in ``setup.cfg``. Read from the environment, each if it is "1":
``SCRATCHNN_REQUIRE_CORE`` (a build without the core fails), ``SCRATCHNN_WERROR`` (so
does a compiler's warning) and ``SCRATCHNN_SANITIZE`` (the core checks itself).
"""

import os
import runpy
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext  # Cython's, where there is one
from setuptools.errors import CompileError

try:
    from Cython.Compiler.Errors import CompileError as CythonError
except ImportError:
    CythonError = None

FOLDER = "sklearn_scratchnn/core"
REQUIRED, WERROR, SANITIZE = (
    os.environ.get(f"SCRATCHNN_{name}") == "1"
    for name in ("REQUIRE_CORE", "WERROR", "SANITIZE")
)
# A free-threaded Python has no limited API.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

FLAGS = ["-std=gnu99", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
if SANITIZE:
    SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    FLAGS += ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
else:
    SANITIZERS = []
    FLAGS += ["-O3", "-g0"]
if WERROR:
    FLAGS += ["-Wall", "-Wextra", "-Werror"]


def core():
    """Return the core, as setuptools wants it."""
    read = runpy.run_path(f"{FOLDER}/digest.py")
    macros = [("SCRATCHNN_DIGEST", f'"{read["digest"](FOLDER)}"')]
    if LIMITED:
        macros.append(("Py_LIMITED_API", "0x030B0000"))
    if SANITIZE:  # which does not go together with a choice at load time
        macros.append(("SCRATCHNN_NO_CLONES", "1"))
    paths = [path.as_posix() for path in read["sources"](FOLDER)]
    return Extension(
        "sklearn_scratchnn.core._core",
        [path for path in paths if path.endswith((".pyx", ".c"))],
        depends=[path for path in paths if path.endswith(".h")],
        include_dirs=[FOLDER],
        define_macros=macros,
        py_limited_api=LIMITED,
        optional=not REQUIRED,
    )


class BuildCore(build_ext):
    """Builds the core anew, or leaves it out, and nothing of an earlier build."""

    def initialize_options(self):
        """Write Cython's output among the temporary files."""
        super().initialize_options()
        self.force = True
        self.cython_c_in_temp = True

    def run(self):
        """Build, and forget what could not be built: then this is a pure package."""
        folder = Path(self.build_lib, FOLDER)
        for left in folder.glob("_core.*"):
            left.unlink()
        super().run()
        if not any(folder.glob("_core.*")):
            self.extensions = self.distribution.ext_modules = []

    def build_extension(self, ext):
        """Add the compiler's flags; Cython's errors count as the compiler's."""
        if self.compiler.compiler_type == "msvc":
            ext.extra_compile_args = ["/O2", "/fp:precise"]
        else:
            ext.extra_compile_args, ext.extra_link_args = FLAGS, SANITIZERS
        try:
            super().build_extension(ext)
        except CythonError as error:
            raise CompileError(str(error)) from error


class Wheel(bdist_wheel):
    """Has the tag of what was built: without the core, that of a pure package."""

    def run_command(self, command):
        """Run a command; after the build it is known whether there is a core."""
        super().run_command(command)
        if command == "build":
            self.root_is_pure = not self.distribution.has_ext_modules()


if CythonError is None and REQUIRED:
    raise SystemExit("SCRATCHNN_REQUIRE_CORE=1, and Cython is not installed")
setup(
    ext_modules=[core()] if CythonError else [],
    cmdclass={"build_ext": BuildCore, "bdist_wheel": Wheel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
