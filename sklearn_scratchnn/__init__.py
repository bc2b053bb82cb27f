"""A neural network classifier for scikit-learn, written by hand in NumPy."""

from .classifier import ScratchMLPClassifier
from .ensemble import ScratchMLPEnsembleClassifier
from .version import VERSION

__all__ = [
    "ScratchMLPClassifier",
    "ScratchMLPEnsembleClassifier",
    "__version__",
]
__version__ = VERSION
