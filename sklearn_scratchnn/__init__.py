"""A neural network classifier for scikit-learn, written by hand in NumPy."""

from .classifier import ScratchMLPClassifier
from .version import VERSION

__all__ = ["ScratchMLPClassifier", "__version__"]
__version__ = VERSION
