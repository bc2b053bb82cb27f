"""Whether there is a compiled core to use; without one, NumPy computes the same."""

import os
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from .digest import digest, sources

FOLDER = Path(__file__).parent
EXTENSION = f"{__package__}._core"


@cache
def _load():
    """Return the extension module or None, and `status`; a warning is given once."""
    try:
        module = import_module(EXTENSION)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == EXTENSION:
            return None, "no: not built"
        warnings.warn(
            f"The compiled core cannot be loaded: {error}. NumPy computes instead.",
            RuntimeWarning,
            stacklevel=3,
        )
        return None, "no: cannot be loaded"
    if sources(FOLDER) and digest(FOLDER) != module.DIGEST:
        warnings.warn(
            "The compiled core is older than its sources, and NumPy computes instead. "
            "Build it again in the checkout: pip install -e .",
            RuntimeWarning,
            stacklevel=3,
        )
        return None, "no: older than its sources"
    return module, f"yes ({Path(str(module.__file__)).name})"


def _is_off():
    return os.environ.get("SCRATCHNN_CORE") == "0"


def compiled() -> ModuleType | None:
    """Return the compiled core, or None where NumPy is to compute.

    The first call imports the core, and warns if it is there but cannot be used. The
    environment variable ``SCRATCHNN_CORE=0`` turns it off, from the next call on.

    Returns
    -------
    module or None
        None where the core was not built, is turned off, cannot be loaded, or is older
        than its sources, as after a change in an editable checkout.

    Warns
    -----
    RuntimeWarning
        Once a process, if the core cannot be loaded or is older than its sources.

    Examples
    --------
    >>> from sklearn_scratchnn.core import compiled
    >>> core = compiled()
    >>> core is None or len(core.DIGEST) == 16
    True
    """
    return None if _is_off() else _load()[0]


def status() -> str:
    """Return in words whether the compiled core is used, and if not, why.

    Returns
    -------
    str
        "yes", with the name of the core's file; or "no", with the reason.

    Examples
    --------
    >>> from sklearn_scratchnn.core import status
    >>> status().startswith(("yes", "no: "))
    True
    """
    return "no: turned off by SCRATCHNN_CORE=0" if _is_off() else _load()[1]
