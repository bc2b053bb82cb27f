"""What each alpha comes to on rows that are held out, and which one is chosen."""

from typing import NamedTuple

import numpy as np

from .temperature import best_temperature

PAST = 2  # alphas in a row that are worse than the best


class Candidate(NamedTuple):
    """What an alpha came to: losses of all held-out rows, their mean, a temperature."""

    alpha: float
    losses: np.ndarray
    mean: float
    temperature: float


class Candidates:
    """Alphas, judged by the same held-out rows.

    Parameters
    ----------
    loss : Loss
    n_parts : int, default=1
        Parts of the rows that are held out in turn. An alpha counts once all its parts
        are there.
    calibrated : bool, default=False
        Whether each is judged after the temperature that suits it best. What a
        temperature can mend later need not decide now (Berta, Holzmueller, Jordan and
        Bach, 2025).
    tie_limit : float, default=inf
        Of the alphas that are as good, the largest up to this limit is taken, or the
        smallest where all are above it.
    within_se : float, default=1.0
        As good is an alpha that is worse than the best by no more than so many standard
        errors of the paired difference (Breiman et al., 1984, sec. 3.4.3).

    Attributes
    ----------
    tried : list of Candidate
        In the order in which they were finished.
    """

    def __init__(
        self, loss, n_parts=1, calibrated=False, tie_limit=np.inf, within_se=1.0
    ):
        self.loss, self.n_parts = loss, n_parts
        self.calibrated, self.tie_limit = calibrated, tie_limit
        self.within_se = within_se
        self.tried, self._parts, self._weights = [], {}, None

    def add(self, alpha, part):
        """Add what an alpha came to on a part of the held-out rows.

        Parameters
        ----------
        alpha : float
        part : tuple of (logits, targets, weights)
            Two of shape (n, K) and one of shape (n, 1), of the next of all ``n_parts``,
            which are the same rows for every alpha.
        """
        parts = self._parts.setdefault(alpha, [])
        parts.append(part)
        if len(parts) < self.n_parts:
            return
        parts = self._parts.pop(alpha)
        if len(parts) > 1:
            parts = [tuple(map(np.concatenate, zip(*parts)))]
        logits, Y, weights = parts[0]
        self._weights = (weights / weights.mean()).astype(logits.dtype)
        temperature = 1.0
        if self.calibrated:
            temperature = best_temperature(self.loss, logits, Y, self._weights)
            logits = logits / temperature
        losses = self.loss.row_losses(logits, Y)
        mean = self._mean(losses)
        mean = mean if np.isfinite(mean) else np.inf
        self.tried.append(Candidate(alpha, losses, mean, temperature))

    def loss_of(self, alpha):
        """Return the mean loss of an alpha that was tried to its end."""
        return next(tried.mean for tried in self.tried if tried.alpha == alpha)

    def is_past_the_best(self):
        """Return whether the latest `PAST` alphas are worse than one before them."""
        means = [tried.mean for tried in self.tried]
        return len(means) - 1 - means.index(min(means)) >= PAST

    def chosen(self):
        """Return the chosen `Candidate`."""
        best = min(self.tried, key=lambda tried: tried.mean)
        as_good = [
            tried
            for tried in self.tried
            if self._standard_errors(tried, best) <= self.within_se
        ]
        as_good.sort(key=lambda tried: tried.alpha)
        below = [tried for tried in as_good if tried.alpha <= self.tie_limit]
        return below[-1] if below else as_good[0]

    def _mean(self, rows):
        return float(np.average(rows, weights=self._weights[:, 0]))

    def _standard_errors(self, tried, best):
        """Return how much worse than the best one is, in paired standard errors."""
        if tried is best:
            return 0.0
        if not np.isfinite(tried.mean):
            return np.inf
        excess = tried.losses - best.losses
        mean = self._mean(excess)
        variance = self._mean(np.square(excess - mean))
        return mean / np.sqrt(variance / len(excess)) if variance > 0 else 0.0

    def table(self):
        """Return "alpha" and "validation_loss" of each alpha tried to its end.

        Returns
        -------
        dict of ndarray
            Of equal lengths, from the largest alpha.
        """
        falling = sorted(self.tried, key=lambda tried: -tried.alpha)
        return {
            "alpha": np.array([tried.alpha for tried in falling]),
            "validation_loss": np.array([tried.mean for tried in falling]),
        }
