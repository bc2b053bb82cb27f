"""Warnings that name the line of the caller, not one of scikit-learn's or ours."""

import contextlib
import os
import sys
import warnings
from pathlib import Path

import joblib
import sklearn

_FOLDERS = [Path(package.__file__).parent for package in (sklearn, joblib)]
_FOLDERS.append(Path(__file__).parents[1])
BETWEEN = tuple(f"{folder}{os.sep}" for folder in _FOLDERS) + (contextlib.__file__,)


def warn_caller(message, category):
    """Warn at the newest line that is neither of this package nor of scikit-learn.

    `fit` is called through scikit-learn's decorators, and often from its pipelines and
    searches: the line that a user knows is further up. In a worker process there is
    none, and a line of the process's own is named.

    Parameters
    ----------
    message : str
    category : type
        The class of the warning.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
