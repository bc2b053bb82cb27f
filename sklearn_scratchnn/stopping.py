"""When to stop, and which parameters to keep."""

import numpy as np


class Patience:
    """Counts the epochs since a score last rose by more than ``tol``.

    Parameters
    ----------
    tol : float
        In units of the score.
    n_epochs : int or inf
        More epochs than these without such a rise are a plateau.
    """

    def __init__(self, tol, n_epochs):
        self.tol, self.n_epochs = tol, n_epochs
        self.best = -np.inf
        self.count = 0

    def plateau(self, score):
        """Take note of an epoch's score; return whether it ends a plateau.

        The count starts again after a plateau.
        """
        self.count = 0 if score > self.best + self.tol else self.count + 1
        self.best = max(self.best, score)
        if self.count <= self.n_epochs:
            return False
        self.count = 0
        return True


class Best:
    """Keeps a copy of the parameters that had the best score.

    Parameters
    ----------
    theta : ndarray of shape (n_parameters,)
        The parameters in training.
    """

    def __init__(self, theta):
        self.score = -np.inf
        self.epoch = None
        self.theta = theta.copy()

    def offer(self, score, epoch, theta):
        """Copy ``theta`` if its score is the best so far."""
        if score > self.score:
            self.score, self.epoch = score, epoch
            np.copyto(self.theta, theta)
