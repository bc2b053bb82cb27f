"""The learning rate as a function of the number of updates made.

`SCHEDULES` at the end names the classes.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass


class Schedule(ABC):
    """A learning-rate schedule.

    Attributes
    ----------
    name : str
    planned : bool
        Whether the schedule needs the planned number of updates; training then runs
        as planned unless a validation score stops it.
    """

    name = ""
    planned = False

    @abstractmethod
    def rate(self, initial, t, n_updates):
        """Return the rate of update ``t`` (from 0) of ``n_updates`` planned ones."""

    def after_plateau(self, rate):
        """Return the initial rate to go on with when training stalls; None to stop."""
        return None


@dataclass(frozen=True)
class Constant(Schedule):
    """rate = initial."""

    name = "constant"

    def rate(self, initial, t, n_updates):
        """Return ``initial``."""
        return initial


@dataclass(frozen=True)
class InvScaling(Schedule):
    """rate = initial / (t + 1)^power_t (Robbins and Monro, 1951, for power_t = 1)."""

    power_t: float = 0.5

    name = "invscaling"

    def rate(self, initial, t, n_updates):
        """Return ``initial / (t + 1) ** power_t``."""
        return initial / (t + 1) ** self.power_t


@dataclass(frozen=True)
class Adaptive(Schedule):
    """Constant until training stalls, then a fifth, until 1e-6."""

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


SCHEDULES = {s.name: s for s in (Constant, InvScaling, Adaptive, Cosine)}
