"""The core's sources, and a digest of them that the compiled core carries.

The build runs this file by itself, so it imports nothing of the package.
"""

from hashlib import sha256
from pathlib import Path

SUFFIXES = {".c", ".h", ".pyx"}
OUTPUT = "_core.c"  # what Cython writes, if somebody runs it here by hand


def sources(folder):
    """Return the paths of a folder's sources, sorted; an installed core has none."""
    paths = [path for path in Path(folder).iterdir() if path.suffix in SUFFIXES]
    return sorted(
        (path for path in paths if path.name != OUTPUT), key=lambda path: path.name
    )


def digest(folder):
    """Return 16 digits that tell one version of the sources from another.

    The ends of lines do not count: a checkout on Windows may have its own.
    """
    total = sha256()
    for path in sources(folder):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{path.name} {len(text)}\n".encode() + text)
    return total.hexdigest()[:16]
