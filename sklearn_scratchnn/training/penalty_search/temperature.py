"""The temperature of a network: one number that its logits are divided by.

A network that decides well can be too sure of it: its loss on held-out rows then falls
when all logits are divided by a T above 1, and no decision changes (Guo, Pleiss, Sun
and Weinberger, 2017, sec. 4.2). As T divides the last layer's weights and biases, what
is handed out is an ordinary network.
"""

import math

import numpy as np

PRIOR = 0.25  # standard deviation of log T, in place of a few rows more
LARGEST_LOG = 2.0  # of T, either way
HALVINGS = 24


def best_temperature(loss, logits, Y, weights):
    """Return the temperature of the least loss.

    Minimises ``sum_i w_i C(z_i / T) + log(T)^2 / (2 PRIOR^2)``. The loss is convex in
    1 / T, so its derivative in log T changes its sign once; the prior keeps T near 1
    where rows are few.

    Parameters
    ----------
    loss : Loss
    logits : ndarray of shape (n_samples, K)
    Y : ndarray of shape (n_samples, K)
        Targets.
    weights : ndarray of shape (n_samples, 1)
        Whose sum is the number of rows.

    Returns
    -------
    float
        From ``exp(-LARGEST_LOG)`` to ``exp(LARGEST_LOG)``; 1 where logits are not
        finite.

    Examples
    --------
    Logits of 3 for a class that is right in eight rows of ten:

    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> from sklearn_scratchnn.training.penalty_search.temperature import (
    ...     best_temperature)
    >>> logits = np.tile([3.0, 0.0], (100_000, 1))
    >>> Y = np.eye(2)[(np.arange(100_000) % 5 == 0).astype(int)]
    >>> T = best_temperature(
    ...     LOSSES["softmax_cross_entropy"], logits, Y, np.ones((100_000, 1)))
    >>> print(f"{T:.2f} {3.0 / T:.2f} {np.log(0.8 / 0.2):.2f}")
    2.16 1.39 1.39
    """
    if not np.isfinite(logits).all():
        return 1.0
    delta, row = np.empty_like(logits), np.empty((len(logits), 1), logits.dtype)

    def derivative(log_t):
        z = logits * math.exp(-log_t)
        loss.value_and_delta(z.copy(), Y, weights, delta, row)
        return log_t / PRIOR**2 - float(np.vdot(delta, z))

    low, high = -LARGEST_LOG, LARGEST_LOG
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if derivative(middle) > 0:
            high = middle
        else:
            low = middle
    return math.exp(0.5 * (low + high))
