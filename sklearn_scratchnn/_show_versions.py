"""What a report of a fault should say of the machine: `show_versions`."""

import sklearn

from .core.switch import status
from .version import VERSION


def show_versions() -> None:
    """Print the package's version, whether its compiled core is used, and the rest.

    The rest is what `sklearn.show_versions` prints: Python, the libraries, and the
    threads that they use.

    Examples
    --------
    >>> from sklearn_scratchnn import show_versions
    >>> show_versions()
    <BLANKLINE>
    sklearn-scratchnn: ...
    compiled core: ...
    <BLANKLINE>
    System:
    ...
    """
    print(f"\nsklearn-scratchnn: {VERSION}\ncompiled core: {status()}")
    sklearn.show_versions()
