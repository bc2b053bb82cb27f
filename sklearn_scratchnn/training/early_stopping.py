"""Early stopping: whether a score still rises, and the parameters that had the best."""

import numpy as np


class Patience:
    """Counts the epochs since a score last rose by more than ``tol``.

    Parameters
    ----------
    tol : float
        In units of the score.
    n_epochs : int or inf
        More epochs than these without such a rise are a plateau.

    Examples
    --------
    >>> from sklearn_scratchnn.training.early_stopping import Patience
    >>> patience = Patience(tol=0.01, n_epochs=1)
    >>> [patience.plateau(score) for score in (0.5, 0.6, 0.6, 0.605, 0.7)]
    [False, False, False, True, False]
    """

    def __init__(self, tol, n_epochs):
        self.tol, self.n_epochs = tol, n_epochs
        self.best = -np.inf
        self.count = 0

    def plateau(self, score):
        """Take note of an epoch's score; return whether it ends a plateau.

        The count starts again after a plateau.

        Parameters
        ----------
        score : float
            Greater is better.

        Returns
        -------
        bool
            Whether patience is at its end.
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

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.training.early_stopping import Best
    >>> theta = np.array([1.0, 2.0])
    >>> best = Best(theta)
    >>> for score in (0.5, 0.7, 0.6):
    ...     theta += 1.0
    ...     best.offer(score, theta)
    >>> best.score, best.theta
    (0.7, array([3., 4.]))
    """

    def __init__(self, theta):
        self.score = -np.inf
        self.theta = theta.copy()

    @property
    def found(self):
        """Whether any score was better than none: not where all were NaN."""
        return self.score > -np.inf

    def offer(self, score, theta):
        """Copy ``theta`` if its score is the best so far.

        Parameters
        ----------
        score : float
            Greater is better.
        theta : ndarray of shape (n_parameters,)
        """
        if score > self.score:
            self.score = score
            self.theta[:] = theta
