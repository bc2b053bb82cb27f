"""Callbacks that scikit-learn lacks: validation scores, early stopping, checkpoints.

They follow the protocol of `sklearn.callback` (scikit-learn 1.9 or later) and work on
every estimator that reports its iterations with a fitted estimator, such as
the networks of this package and ``LogisticRegression(solver="lbfgs")``: set them with
``set_callbacks`` on the estimator that iterates, also where it stands inside a pipeline
or a search. One callback may serve many clones at once.
"""

from .checkpoint import Checkpoint
from .early_stopping import EarlyStopping
from .validation_monitor import ValidationMonitor

__all__ = ["Checkpoint", "EarlyStopping", "ValidationMonitor"]
