"""The types that skops must trust."""

from ..classifier import ScratchMLPClassifier
from ..ensemble import ScratchMLPEnsembleClassifier, ScratchMLPEnsembleRegressor
from ..regressor import ScratchMLPRegressor
from ..training.state import TrainingState

_TYPES = (
    ScratchMLPClassifier,
    ScratchMLPEnsembleClassifier,
    ScratchMLPEnsembleRegressor,
    ScratchMLPRegressor,
    TrainingState,
)
SKOPS_TRUSTED_TYPES = [f"{cls.__module__}.{cls.__qualname__}" for cls in _TYPES]
"""This package's classes, for the ``trusted`` argument of ``skops.io.load``."""
