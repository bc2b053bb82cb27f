"""The members of an ensemble: unlike networks, trained on the same rows."""

import copy
from contextlib import contextmanager
from threading import Condition

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..data.encoding import count_numeric
from ..training.observers import Observer
from ..training.signals import Signal
from ..training.threads import one_blas_thread
from .convergence import doubts_of, warn_of_convergence
from .defaults import BINNED_FEATURES, MANY_ROWS
from .fitting import Fit

ENCODINGS = ("auto", "linear", "piecewise")
TELLING_ROWS = 10_000  # tell how a column bends
SHARED_WORK = 1e6  # rows times parameters, below which members take turns
POWER = 2  # of the held-out loss, by which a member counts less


def seeds_of(random_state, n_members):
    """Return the random state of each member: none is shared, or drawn from later.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        The first member's own, or a copy of the instance, which is then advanced. The
        others' are drawn from it: of an int the same ones however many there are.
    n_members : int

    Returns
    -------
    list of int
        The first may be a RandomState instance.
    """
    draw = check_random_state(random_state)
    first = random_state
    if random_state is None:
        first = draw.randint(2**31)
    elif draw is random_state:
        first, draw = copy.deepcopy(random_state), copy.deepcopy(random_state)
        random_state.randint(2**31)
    return [first, *(draw.randint(2**31) for _ in range(n_members - 1))]


def check_encodings(encodings):
    """Return what ``encodings`` names, in a tuple; None for "auto".

    Raises
    ------
    ValueError
        If a name is none of `ENCODINGS`.
    """
    if isinstance(encodings, str):
        return None if encodings == "auto" else (encodings,)
    names = tuple(encodings)
    for name in names:
        if not (isinstance(name, str) and name in ENCODINGS):
            raise ValueError(
                f"encodings must be 'auto' or a sequence of names among {ENCODINGS}; "
                f"got {name!r} in it."
            )
    if not names:
        raise ValueError("encodings must name one encoding at least; got none.")
    return names


def automatic_encodings(own, sample, held_out):
    """Return the encodings that members take in turn.

    Below `MANY_ROWS` the default's and "piecewise", then the default's, which is that
    in a wide network, and "linear". From `TELLING_ROWS` on the default's alone: one
    that reads columns as they are is too often far worse there. So too where rows are
    sparse, or more columns than `BINNED_FEATURES` would be cut; and for numbers, where
    the other encoding is far worse sooner.

    Parameters
    ----------
    own : str
        That of the estimator that members are copies of; one that is given stays.
    sample, held_out : Sample
        The second may be None.

    Returns
    -------
    tuple of str
    """
    parts = [part for part in (sample, held_out) if part is not None]
    dense = all(part.is_dense for part in parts)
    if own != "auto" or not dense or sample.loss.predicts_numbers:
        return (own,)
    n_samples = sample.n_distinct
    dear = count_numeric(sample.numeric_columns(), BINNED_FEATURES) > BINNED_FEATURES
    if n_samples >= TELLING_ROWS or dear:
        return ("auto",)
    return ("auto", "linear" if n_samples >= MANY_ROWS else "piecewise")


def make_members(template, encodings, seeds, first, like):
    """Return unfitted members.

    Parameters
    ----------
    template : ScratchMLPClassifier
        Of which they are clones.
    encodings : tuple of str
        Taken in turn.
    seeds : list
        From `seeds_of`.
    first : int
        Members that there are already.
    like : estimator
        Whose names and number of features they take.

    Returns
    -------
    list of ScratchMLPClassifier
    """
    members = []
    for i in range(first, len(seeds)):
        member = clone(template)
        member.set_params(
            numeric_encoding=encodings[i % len(encodings)],
            random_state=seeds[i],
            verbose=False,
            warm_start=False,
        )
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(like, name):
                setattr(member, name, getattr(like, name))
        members.append(member)
    return members


class Halt(Observer):
    """Ends the trainings of all members when one of them was ended from outside."""

    asks_for_state = False

    def __init__(self):
        self.asked, self._n_running, self._changed = False, 0, Condition()

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        self.__init__()

    @contextmanager
    def running(self):
        """Count a training while the block runs."""
        with self._changed:
            self._n_running += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_running -= 1
                self._changed.notify_all()

    def ask(self):
        """Let every training end after its epoch, and none begin."""
        self.asked = True

    def wait(self):
        """Wait until none runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_running == 0)

    def on_epoch(self, epoch, run):
        """Stop, if that is asked for."""
        return Signal.STOP if self.asked else Signal.CONTINUE


class MemberFit:
    """The training of one member, which may run in another thread or process.

    Parameters
    ----------
    number : int
        Of the member.
    member : ScratchMLPClassifier
    data : tuple of Sample
        The rows to train on, and those held out or None.
    halt : Halt
    callbacks : MemberObserver, default=None
    make_fit : type, default=Fit

    Attributes
    ----------
    result : tuple of (dict, str) or None
        Fitted attributes, and doubts of them; None while it is not trained.
    """

    def __init__(self, number, member, data, halt, callbacks=None, make_fit=Fit):
        self.number, self.member, self.halt = number, member, halt
        self.result = None
        with self._named():
            self.fit = make_fit(
                member,
                *data,
                check_random_state(member.random_state),
                callbacks=callbacks,
                observers=(halt,),
            )

    def train(self):
        """Train; return ``result``. A KeyboardInterrupt keeps what there is by then."""
        if self.halt.asked:
            return None
        with self.halt.running():
            return self._train()

    def _train(self):
        try:
            with one_blas_thread(), self._named():
                run = self.fit.run()
            attributes = self.fit.attributes.of(run, run.theta)
            doubts = "" if self.halt.asked else doubts_of(run, self.fit)
            self.result = attributes, doubts
        except BaseException as error:
            self.halt.ask()
            run = getattr(error, "training", None)
            if run is not None and run.choice.alpha is not None and len(run.history):
                self.result = self.fit.attributes.of(run, run.theta), ""
            raise
        return self.result

    def expose(self):
        """Return the member with its fitted attributes, and warn where it is due."""
        attributes, doubts = self.result
        vars(self.member).update(attributes)
        if doubts:
            warn_of_convergence(f"Member {self.number}: {doubts}")
        return self.member

    @contextmanager
    def _named(self):
        """Name the member in a ValueError or TypeError."""
        try:
            yield
        except (ValueError, TypeError) as error:
            member = self.member
            name = (
                f"Member {self.number} (numeric_encoding={member.numeric_encoding!r}, "
                f"random_state={member.random_state!r})"
            )
            if type(error) not in (ValueError, TypeError):
                error.add_note(name)
                raise
            raise type(error)(f"{name}: {error}") from error


def train_all(fits, n_jobs, verbose=False):
    """Train members side by side.

    Parameters
    ----------
    fits : list of MemberFit
        Whose results are set.
    n_jobs : int or None
        As of joblib. Threads, unless the caller's joblib backend says
        otherwise and no callbacks are to be called.
    verbose : bool or int, default=False
        Whether to print a line when a member is trained.
    """
    if not fits:
        return
    threads = {"prefer": "threads"}
    if any(fit.fit.callbacks for fit in fits):
        threads = {"require": "sharedmem"}
    try:
        with one_blas_thread():
            train = Parallel(n_jobs, return_as="generator", **threads)
            for fit, result in zip(fits, train(delayed(f.train)() for f in fits)):
                fit.result = result
                if verbose:
                    print(f"Member {fit.number} of {fits[-1].number + 1} is trained.")
    except BaseException:
        fits[0].halt.ask()
        fits[0].halt.wait()
        raise


def jobs_for(fits, n_jobs):
    """Return ``n_jobs``, or 1 where a pass over the rows is too short to share.

    Between two products Python holds the interpreter, and threads wait for each other.

    Parameters
    ----------
    fits : list of MemberFit
    n_jobs : int or None

    Returns
    -------
    int or None
    """
    work = max(
        (
            member.fit.data.train.n_samples * len(member.fit.network.parameters.theta)
            for member in fits
        ),
        default=0,
    )
    return n_jobs if work >= SHARED_WORK else 1


def held_out_loss(member):
    """Return a member's loss on rows held out, or None where none is known.

    Parameters
    ----------
    member : ScratchMLPClassifier
        Fitted.

    Returns
    -------
    float or None
        Under early stopping that of its best epoch, else that which alpha was chosen
        by.
    """
    if member.best_validation_score_ is not None and member.scoring == "loss":
        return -member.best_validation_score_
    path = member.alpha_path_
    if path is None:
        return None
    return path["validation_loss"][list(path["alpha"]).index(member.alpha_)].item()


def weights_of(members):
    """Return the weight of each member in the mean.

    It falls with the square of the held-out loss: a member whose loss is 1.4 times
    another's counts half as much, and one that is far worse next to nothing.

    Parameters
    ----------
    members : list of ScratchMLPClassifier
        Fitted.

    Returns
    -------
    ndarray of shape (n_members,)
        Of sum 1; all alike where a loss is not known, or none is finite.
    """
    losses = [held_out_loss(member) for member in members]
    weights = np.ones(len(members))
    if None not in losses and np.isfinite(losses).any():
        losses = np.where(np.isfinite(losses), losses, np.inf)
        losses = np.maximum(losses, np.finfo(float).tiny)
        weights = (losses.min() / losses) ** POWER
    return weights / weights.sum()


def history_of(members):
    """Return the histories of all members in one table, the member's number in it.

    Parameters
    ----------
    members : list of ScratchMLPClassifier
        Fitted.

    Returns
    -------
    dict of ndarray of shape (n_epochs of all,)
        "member", counted from 0, and the columns that all have.
    """
    histories = [member.history_ for member in members]
    columns = [name for name in histories[0] if all(name in h for h in histories)]
    numbers = [np.full(len(h["epoch"]), i) for i, h in enumerate(histories)]
    return {
        "member": np.concatenate(numbers),
        **{name: np.concatenate([h[name] for h in histories]) for name in columns},
    }
