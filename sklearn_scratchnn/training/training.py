"""Training: what joins objective, solver, stopping and history.

Data takes this way through a fit: the classifier hands in rows and targets, the solver
walks ``theta`` over the objective, and after every pass `Training.on_epoch` writes the
history, looks at the validation rows, keeps the best parameters and answers.
"""

import copy
import math
from time import perf_counter

import numpy as np

from ..network.backend import dot
from .solvers import GO_ON, PLATEAU, STOP, Outcome
from .stopping import Best

LARGE = 1e6  # parameters of this size are looked at twice
COLUMNS = (
    "epoch",
    "loss",
    "learning_rate",
    "gradient_norm",
    "seconds",
    "validation_loss",
    "validation_score",
)


class History:
    """One row a pass in training, one array a column when somebody asks.

    Columns are epoch (from 1), loss (with penalty), learning_rate (per update),
    gradient_norm, seconds (since the start) and, where there are any, validation_loss
    (without penalty) and validation_score.

    Rows wait in a list until they are asked for, and then move into arrays that have
    room for more: to ask after every pass costs what the new rows cost.

    Parameters
    ----------
    validated : bool
        Whether there are held-out rows.

    Examples
    --------
    >>> from sklearn_scratchnn.training.training import History
    >>> history = History(validated=False)
    >>> history.append((1, 0.7, 0.1, 2.0, 0.01))
    >>> history.append((2, 0.5, 0.1, 1.0, 0.02))
    >>> history.arrays()["loss"]
    array([0.7, 0.5])
    """

    def __init__(self, validated):
        names = [c for c in COLUMNS if validated or "validation" not in c]
        kinds = {"epoch": int}
        self.__setstate__({c: np.empty(0, kinds.get(c, float)) for c in names})

    def __getstate__(self):
        return self.arrays()

    def __setstate__(self, arrays):
        self.names, self._arrays = list(arrays), arrays
        self._n_moved = len(arrays["epoch"])
        # One flat list: the garbage collector would visit a tuple or list per row.
        self._waiting = []

    def __len__(self):
        return self._n_moved + len(self._waiting) // len(self.names)

    def append(self, row):
        """Add a row.

        Parameters
        ----------
        row : tuple of float
            An entry for each of ``names``.
        """
        self._waiting += row

    def column(self, name):
        """Return a column as a list.

        Parameters
        ----------
        name : str

        Returns
        -------
        list of float
            An entry for each pass.
        """
        return self.arrays()[name].tolist()

    def last(self, name):
        """Return the last entry of a column.

        Parameters
        ----------
        name : str

        Returns
        -------
        float
            That of the newest pass.
        """
        return self.arrays()[name][-1].item()

    def arrays(self):
        """Return all columns as arrays.

        Returns
        -------
        dict of ndarray of shape (n_passes,)
            Keys are ``names``. No copies, and read-only; later rows do not change them.
        """
        n, waiting = len(self), self._waiting
        if waiting:
            for i, name in enumerate(self.names):
                self._move(name, waiting[i :: len(self.names)])
            self._n_moved, self._waiting = n, []
        heads = {name: array[:n] for name, array in self._arrays.items()}
        for head in heads.values():
            head.flags.writeable = False
        return heads

    def _move(self, name, entries):
        """Write entries behind those of a column, which doubles where it is full."""
        array, start = self._arrays[name], self._n_moved
        stop = start + len(entries)
        if stop > len(array):
            self._arrays[name] = np.empty(2 * stop, array.dtype)
            self._arrays[name][:start] = array[:start]
        self._arrays[name][start:stop] = entries


class Training:
    """One run of a solver, watched.

    Parameters
    ----------
    objective : Objective
    solver : Solver
    patience : Patience or None
        Judges the validation score, or minus the training loss where there is none.
    validation : callable or None
        Returns ``(loss, score)`` of the current parameters on held-out rows.
    keep_best : bool, default=False
        Whether the parameters with the best validation score are the result.
    observe : callable, default=None
        Called with this object after every pass; a true answer ends the training.
    verbose : int, default=0
        1 prints at most ten passes a second besides those at which training stalls, 2
        or more every pass.
    first_epoch : int, default=0
        Passes made before, which the printed numbers go on from.

    Attributes
    ----------
    history : History
    epoch : int
        Of the newest pass, counted from 1 and from the passes made before.
    outcome : Outcome or None
        None while running, and after an interruption.
    diverged : bool
        Whether the loss or a weight left the finite numbers.
    taken_back : bool
        Whether the last step did, whose loss nobody saw; not carried on by `restore`.
    best : Best or None
        By validation score.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.estimator.assembly import make_network, make_objective
    >>> from sklearn_scratchnn.data.inputs import make_sample
    >>> from sklearn_scratchnn.network.parameters import ParameterVector
    >>> from sklearn_scratchnn.training.solvers import LBFGS
    >>> from sklearn_scratchnn.training.training import Training
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, np.arange(3), None)
    >>> layers = ParameterVector((4, 3))
    >>> network = make_network(layers, [], "softmax_cross_entropy")
    >>> objective = make_objective(network, layers, sample, None, penalty=0.01)
    >>> training = Training(objective, LBFGS(200, 1000, tol=1e-3), patience=None)
    >>> training.run(training.solver.init(objective))
    >>> training.outcome.name
    'CONVERGED'
    >>> losses = training.history.column("loss")
    >>> losses[-1] < losses[0]
    True
    """

    _CARRIED = (
        "epoch",
        "history",
        "patience",
        "best",
        "lowest",
        "_entering",
        "answer",
        "diverged",
    )

    def __init__(
        self,
        objective,
        solver,
        patience,
        validation=None,
        keep_best=False,
        observe=None,
        verbose=0,
        first_epoch=0,
    ):
        self.objective, self.solver = objective, solver
        self.patience, self.validation = patience, validation
        self.observe, self.verbose = observe, int(verbose)
        self.epoch = first_epoch
        self.theta = objective.theta
        self.history = History(validation is not None)
        self.outcome, self.diverged, self.taken_back = None, False, False
        self.answer = GO_ON
        self.best = Best(self.theta) if validation is not None else None
        self.keep_best = keep_best and validation is not None
        self.lowest = Best(self.theta)
        self._entering = self.theta.copy()
        self._newest = self.theta
        self._started = perf_counter()
        self._printed_at, self._printed_epoch = -math.inf, None

    def run(self, state):
        """Run the solver from ``state``; leave the result in ``objective.theta``.

        A KeyboardInterrupt goes on after the best parameters so far were put there.

        Parameters
        ----------
        state : dict
            From the solver's ``init``, or from `restore`.
        """
        if not self.history:
            for kept in (self.lowest.theta, self._entering):
                np.copyto(kept, self.theta)
        finished = False
        try:
            with np.errstate(all="ignore"):
                self.outcome = self.solver.run(self.objective, state, self.on_epoch)
            finished = True
        finally:
            self._settle(finished)

    def on_epoch(self, loss, rate, gradient_norm):
        """Write a pass down, keep what is best, and answer the solver.

        Parameters
        ----------
        loss : float
            The objective, penalty included.
        rate : float
            Learning rate per update.
        gradient_norm : float

        Returns
        -------
        Answer
            `STOP` also where the loss or a weight left the finite numbers.
        """
        if self.verbose and self.answer is PLATEAU:
            print(f"Setting learning rate to {rate:g}")
        held_out = () if self.validation is None else self.validation()
        seconds = perf_counter() - self._started
        self.epoch += 1
        row = (self.epoch, loss, rate, gradient_norm, seconds)
        self.history.append(row + held_out)
        if not (math.isfinite(loss) and self._weights_are_finite()):
            self.diverged, self.answer = True, STOP
            return STOP
        self._keep_lowest(loss)
        score = -loss
        if held_out:
            score = held_out[1]
            self.best.offer(score, self.theta)
        if self.verbose:
            self._print_throttled()
        self.answer = GO_ON
        if self.patience is not None and self.patience.plateau(score):
            self.answer = PLATEAU
            if self.verbose:
                self._print_plateau()
        if self.observe is not None and self.observe(self):
            return STOP
        return self.answer

    def result(self):
        """Return the parameters as they would be if training ended now.

        Returns
        -------
        ndarray of shape (n_parameters,)
            No copy. Finite ones: those of the lowest loss, where training diverged.
        """
        if self.keep_best and self.best.found:
            return self.best.theta
        if self.diverged or not self._is_finite():
            return self.lowest.theta
        return self.theta

    def snapshot(self, state):
        """Return a deep copy of all that this training needs to go on after a pass.

        Parameters
        ----------
        state : dict
            The solver's.

        Returns
        -------
        dict
            For `restore`.
        """
        carried = {name: getattr(self, name) for name in self._CARRIED}
        elapsed = perf_counter() - self._started
        return copy.deepcopy(
            {
                "state": state,
                "training": carried,
                "theta": self._newest,
                "seconds": elapsed,
            }
        )

    def restore(self, snapshot):
        """Take over what `snapshot` returned.

        Parameters
        ----------
        snapshot : dict
            Left as it is.

        Returns
        -------
        dict
            The solver's state, for `run`.
        """
        snapshot = copy.deepcopy(snapshot)
        vars(self).update(snapshot["training"])
        np.copyto(self.theta, snapshot["theta"])
        self._started = perf_counter() - snapshot["seconds"]
        return snapshot["state"] | {"answer": self.answer}

    def _weights_are_finite(self):
        """Whether they are where a loss of theirs that is does not tell.

        A rule with a rate per weight can lose one that no output depends on.
        """
        if not self.solver.stochastic or math.isfinite(dot(self.theta, self.theta)):
            return True
        return bool(np.isfinite(self.theta).all())

    def _keep_lowest(self, loss):
        """Copy parameters: never aliases, which a later pass would change."""
        lowest = self.lowest
        if not self.solver.reports_before_step:
            lowest.offer(-loss, self.theta)
            return
        if -loss > lowest.score:
            lowest.score = -loss
            lowest.theta, self._entering = self._entering, lowest.theta
        self._entering[:] = self.theta

    def _settle(self, finished):
        result = self.result()
        self.taken_back = len(self.history) > 0 and result is self.lowest.theta
        if result is self.theta and not finished:
            result = self.lowest.theta
        if self.keep_best and self.observe is not None:
            self._newest = self.theta.copy()
        np.copyto(self.theta, result)
        if self.verbose:
            self._print()
            self._print_end()

    def _is_finite(self):
        """Whether parameters and loss are; the last step's loss was not seen."""
        largest = np.abs(self.theta).max()
        if largest < LARGE:
            return True
        with np.errstate(all="ignore"):
            return math.isfinite(largest) and math.isfinite(self.objective.value())

    def _print_throttled(self):
        if self.verbose > 1 or perf_counter() - self._printed_at >= 0.1:
            self._print()

    def _print(self):
        """Print the last pass, unless that was done."""
        if not self.history or self.epoch == self._printed_epoch:
            return
        last = self.history.last
        self._printed_at, self._printed_epoch = perf_counter(), self.epoch
        print(f"Iteration {self.epoch}, loss = {last('loss'):.8f}")
        if self.validation is not None:
            print(
                f"Validation score: {last('validation_score'):.6f}, "
                f"validation loss = {last('validation_loss'):.8f}"
            )

    def _print_plateau(self):
        self._print()
        judged = "Training loss" if self.validation is None else "Validation score"
        tol, n_epochs = self.patience.tol, self.patience.n_epochs
        print(
            f"{judged} did not improve more than tol={tol:f} for more than {n_epochs} "
            "consecutive epochs."
        )

    def _print_end(self):
        """Say why training ended, where not because that was its last pass."""
        if self.diverged or self.taken_back:
            print("Stopping: the loss or a weight is no longer finite.")
        elif self.outcome not in (None, Outcome.EXHAUSTED):
            print(f"Stopping: {self.outcome.value}.")
