"""Neural networks for scikit-learn, written by hand in NumPy."""

from ._show_versions import show_versions
from .classifier import ScratchMLPClassifier
from .ensemble import ScratchMLPEnsembleClassifier, ScratchMLPEnsembleRegressor
from .regressor import ScratchMLPRegressor
from .version import VERSION

__all__ = [
    "ScratchMLPClassifier",
    "ScratchMLPEnsembleClassifier",
    "ScratchMLPEnsembleRegressor",
    "ScratchMLPRegressor",
    "__version__",
    "show_versions",
]
__version__ = VERSION
