"""Pictures of trainings, probabilities and networks, as scikit-learn's displays.

Each class has methods ``from_...`` that draw at once, ``plot(ax=None)`` that draws
again, and afterwards ``ax_`` and ``figure_``. matplotlib is imported when something is
drawn.
"""

from .displays.importance_display import FeatureImportanceDisplay
from .displays.network_display import NetworkDisplay
from .displays.reliability_display import ReliabilityDisplay
from .displays.training_display import TrainingCurveDisplay

__all__ = [
    "FeatureImportanceDisplay",
    "NetworkDisplay",
    "ReliabilityDisplay",
    "TrainingCurveDisplay",
]
