"""The learning rate as a function of the number of updates made.

`SCHEDULES` at the end names the classes.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace


class Schedule(ABC):
    """A learning-rate schedule.

    Attributes
    ----------
    name : str
    planned : bool
        Whether the schedule needs the planned number of updates; training then runs
        as planned unless a validation score stops it.

    Examples
    --------
    A schedule of one's own:

    >>> from sklearn_scratchnn.training.schedules import Schedule
    >>> class Halving(Schedule):
    ...     def rate(self, initial, t, n_updates):
    ...         return initial / 2**t
    >>> [Halving().rate(1.0, t, 3) for t in range(3)]
    [1.0, 0.5, 0.25]
    """

    name = ""
    planned = False

    @abstractmethod
    def rate(self, initial, t, n_updates):
        """Return the rate of an update.

        Parameters
        ----------
        initial : float
            The initial, or highest, rate.
        t : int
            Updates made before.
        n_updates : int
            Updates planned.

        Returns
        -------
        float
            More than 0.
        """

    def after_plateau(self, rate):
        """Return the initial rate to go on with after a plateau.

        Parameters
        ----------
        rate : float
            The initial rate until now.

        Returns
        -------
        float or None
            None ends the training.
        """
        return None

    def shortened(self, share):
        """Return the schedule for a share of the updates.

        Parameters
        ----------
        share : float
            More than 0, at most 1.

        Returns
        -------
        Schedule
            Itself, where nothing depends on how many are planned.
        """
        return self


@dataclass(frozen=True)
class Constant(Schedule):
    """The rate stays: rate = initial.

    Examples
    --------
    >>> from sklearn_scratchnn.training.schedules import Constant
    >>> [Constant().rate(0.1, t, n_updates=3) for t in range(3)]
    [0.1, 0.1, 0.1]
    """

    name = "constant"

    def rate(self, initial, t, n_updates):
        """Return ``initial``."""
        return initial


@dataclass(frozen=True)
class InvScaling(Schedule):
    """The rate is initial / (t + 1)^power_t (Robbins and Monro, 1951, for power_t = 1).

    Parameters
    ----------
    power_t : float, default=0.5
        The higher, the sooner it falls.

    Examples
    --------
    >>> from sklearn_scratchnn.training.schedules import InvScaling
    >>> [InvScaling(power_t=1).rate(12.0, t, n_updates=4) for t in range(4)]
    [12.0, 6.0, 4.0, 3.0]
    """

    power_t: float = 0.5

    name = "invscaling"

    def rate(self, initial, t, n_updates):
        """Return ``initial / (t + 1) ** power_t``."""
        return initial * float(t + 1) ** -self.power_t


@dataclass(frozen=True)
class Adaptive(Schedule):
    """Constant until a plateau, then a fifth, until 1e-6.

    Examples
    --------
    >>> from sklearn_scratchnn.training.schedules import Adaptive
    >>> Adaptive().after_plateau(0.5), Adaptive().after_plateau(1e-6)
    (0.1, None)
    """

    name = "adaptive"

    def rate(self, initial, t, n_updates):
        """Return ``initial``."""
        return initial

    def after_plateau(self, rate):
        """Return ``rate / 5``, or None at 1e-6 or less."""
        return rate / 5 if rate > 1e-6 else None


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from initial to 0 (Loshchilov and Hutter, 2017, eq. 5), warmed up.

    The first ``warmup_fraction`` of the updates rise linearly to the initial rate
    (Goyal et al., 2017, sec. 2.2).

    Parameters
    ----------
    warmup_fraction : float in [0, 1), default=0.05
        Share of the planned updates.

    Examples
    --------
    >>> from sklearn_scratchnn.training.schedules import Cosine
    >>> cosine = Cosine(warmup_fraction=0.4)
    >>> [round(cosine.rate(1.0, t, n_updates=10), 2) for t in range(10)]
    [0.25, 0.5, 0.75, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05]
    """

    warmup_fraction: float = 0.05

    name = "cosine"
    planned = True

    def rate(self, initial, t, n_updates):
        """Return the rate of update t; that of the last update is just above 0."""
        warmup = self.warmup_fraction * n_updates
        if t + 1 < warmup:
            return initial * (t + 1) / warmup
        done = (t - warmup + 1) / (n_updates - warmup + 1)
        return initial * 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))

    def shortened(self, share):
        """Return a cosine that warms up by as many updates, at most half of them."""
        warmup = max(self.warmup_fraction, min(self.warmup_fraction / share, 0.5))
        return replace(self, warmup_fraction=warmup)


SCHEDULES = {s.name: s for s in (Constant, InvScaling, Adaptive, Cosine)}
