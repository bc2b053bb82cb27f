"""What a test of any network must know of it: its class, its y, and what it answers.

A test that takes the fixture ``task`` runs once for labels and once for numbers; see
`conftest.py`. What is said of labels or of numbers alone names its task.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import log_loss

from sklearn_scratchnn import (
    ScratchMLPClassifier,
    ScratchMLPEnsembleClassifier,
    ScratchMLPEnsembleRegressor,
    ScratchMLPRegressor,
)


class Task:
    """A kind of y, and the two estimators for it."""

    of_one = of_many = None

    def network(self, *args, **params):
        """Return a network."""
        return self.of_one(*args, **params)

    def ensemble(self, *args, **params):
        """Return an ensemble of such networks."""
        return self.of_many(*args, **params)


@dataclass(frozen=True)
class Labels(Task):
    """One label a row, or an indicator matrix."""

    name: str = "labels"
    of_one = ScratchMLPClassifier
    of_many = ScratchMLPEnsembleClassifier
    low_loss = 0.6
    loss_scorer = "neg_log_loss"
    score_scorer = "accuracy"

    def y(self, labels):
        """Return y: whole numbers from 0 on as they are."""
        return labels

    def other_y(self, y):
        """Return another y of the same kind."""
        return y.max() - y

    def several(self, labels):
        """Return a y of several columns."""
        return np.eye(labels.max() + 1, dtype=int)[labels]

    def first(self, y):
        """Return what the first call of `partial_fit` needs besides X and y."""
        return {"classes": np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)}

    def answers(self, model, X):
        """Return the numbers that say all about the fitted function."""
        return model.predict_proba(X)

    def members(self, ensemble, X):
        """Return such numbers of each member."""
        return ensemble.members_proba(X)

    def loss(self, model, X, y, y_train=None):
        """Return the mean loss, as early stopping sees it."""
        return log_loss(y, model.predict_proba(X), labels=model.classes_)


@dataclass(frozen=True)
class Numbers(Task):
    """One number a row, or several."""

    name: str = "numbers"
    of_a_loss: str = "squared_error"
    of_one = ScratchMLPRegressor
    of_many = ScratchMLPEnsembleRegressor
    low_loss = 0.4
    loss_scorer = "neg_mean_squared_error"
    score_scorer = "r2"

    def network(self, *args, **params):
        return super().network(*args, **{"loss": self.of_a_loss} | params)

    def ensemble(self, estimator=None, *args, **params):
        if estimator is None and self.of_a_loss != "squared_error":
            estimator = self.network()
        return self.of_many(estimator, *args, **params)

    def y(self, labels):
        """Return positive numbers that follow the labels, each row's another."""
        noise = np.random.RandomState(0).uniform(-1, 1, len(labels))
        return 3.0 + 2.0 * labels + 0.3 * noise

    def other_y(self, y):
        return 2.0 + y.max() - y

    def several(self, labels):
        y = self.y(labels)
        return np.column_stack([y, 1.0 + y[::-1]])

    def first(self, y):
        return {}

    def answers(self, model, X):
        return model.predict(X)

    def members(self, ensemble, X):
        return ensemble.members_predict(X)

    def loss(self, model, X, y, y_train=None):
        """Return half the squared error in units of the training rows' deviation."""
        apart = (y - model.predict(X)) / np.std(y if y_train is None else y_train)
        return 0.5 * np.mean(np.square(apart))


LABELS, NUMBERS = Labels(), Numbers()
COUNTS = Numbers("counts", "poisson")
ROBUST, QUANTILES = Numbers("robust", "huber"), Numbers("quantiles", "quantile")
OF_NUMBERS = [NUMBERS, COUNTS, ROBUST, QUANTILES]
TASKS = [LABELS, NUMBERS]
EVERY_TASK = [LABELS, *OF_NUMBERS]


def tasks(*some):
    """Return a mark: the fixture ``task`` is one of these."""
    return pytest.mark.parametrize(
        "task", some, ids=[task.name for task in some], indirect=True
    )


of_labels, of_numbers = tasks(LABELS), tasks(NUMBERS)
every_task = tasks(*EVERY_TASK)
