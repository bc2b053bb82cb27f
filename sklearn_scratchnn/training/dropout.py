"""Masks for dropout."""

import numpy as np


class DropoutMasks:
    """Draws inverted dropout masks: 0, or 1 / (1 - rate) (Srivastava et al., 2014).

    Parameters
    ----------
    rate : float in [0, 1)
        The share of units that a mask switches off.
    random_state : numpy.random.RandomState
        Seeds the masks' own generator.
    """

    def __init__(self, rate, random_state):
        self.rate = rate
        self.generator = np.random.default_rng(random_state.randint(2**31))

    def __call__(self, mask):
        """Fill ``mask``, in place, and return it."""
        self.generator.random(dtype=mask.dtype, out=mask)
        np.greater_equal(mask, self.rate, out=mask)
        mask *= 1 / (1 - self.rate)
        return mask
