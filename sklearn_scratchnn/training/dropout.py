"""Masks for dropout."""

import numpy as np

LEVELS = 2**16  # of a random number: a quarter of what the generator draws at once


class DropoutMasks:
    """Draws inverted dropout masks: 0, or 1 / (1 - rate) (Srivastava et al., 2014).

    Four units share a draw of 64 bits: the rate is rounded to a multiple of 2^-16, and
    the mean of a mask is 1.

    Parameters
    ----------
    rate : float in [0, 1)
        The share of units that a mask switches off.
    random_state : numpy.random.RandomState
        Seeds the masks' own generator.

    Attributes
    ----------
    least : int
        The least of the `LEVELS` numbers for which a unit is kept.
    scale : float
        What a kept unit is multiplied by.
    """

    def __init__(self, rate, random_state):
        self.least = min(int(rate * LEVELS + 0.5), LEVELS - 1)
        self.scale = LEVELS / (LEVELS - self.least)
        self.generator = np.random.default_rng(random_state.randint(2**31))

    def __call__(self, mask):
        """Fill ``mask``, in place, and return it."""
        draws = self.generator.bit_generator.random_raw(-(-mask.size // 4))
        numbers = draws.astype("<u8", copy=False).view("<u2")[: mask.size]
        np.greater_equal(numbers.reshape(mask.shape), self.least, out=mask)
        mask *= self.scale
        return mask
