"""What a solver is: it walks theta downhill, and reports after every epoch."""

from abc import ABC, abstractmethod


class Solver(ABC):
    """A way to minimise an objective.

    Attributes
    ----------
    stochastic : bool
        Whether updates see minibatches.
    reports_before_step : bool
        Whether the loss reported for an epoch is that of the parameters it began with.
    monotone : bool
        Whether no epoch raises the loss.

    Examples
    --------
    >>> from sklearn_scratchnn.training.solvers.registry import SOLVERS
    >>> sorted(SOLVERS)
    ['adam', 'adamw', 'gauss_newton', 'gd', 'lbfgs', 'sgd']
    """

    stochastic = False
    reports_before_step = False
    monotone = False

    def init(self, objective):
        """Return the state before the first epoch.

        Parameters
        ----------
        objective : Objective
            That will be minimised.

        Returns
        -------
        dict
            Of arrays and numbers; what `run` goes on from, and changes.
        """
        return {"epoch": 0}

    def rows_seen(self, objective, n_epochs):
        """Return how many rows so many epochs visit, each as often as it was.

        Parameters
        ----------
        objective : Objective
        n_epochs : int

        Returns
        -------
        int
            The first epochs' from the beginning.
        """
        return n_epochs * objective.n_samples

    @abstractmethod
    def run(self, objective, state, on_epoch, random_state=None):
        """Run until told to stop, converged, or out of epochs.

        Parameters
        ----------
        objective : Objective
            Its ``theta`` is changed in place.
        state : dict
            From `init`, or as an earlier run left it.
        on_epoch : callable
            ``on_epoch(loss, rate, gradient_norm)`` returns a `Signal`.
        random_state : numpy.random.RandomState, default=None
            Draws the order of the rows, where the solver is stochastic.

        Returns
        -------
        Outcome
            Why it ended.
        """
