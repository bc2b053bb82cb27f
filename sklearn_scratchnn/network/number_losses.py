"""Losses of numbers: the mean, counts, robust means and quantiles.

Targets Y are numbers in units of their own, see `Loss.unit_of`: so are the losses.
"""

from dataclasses import dataclass

import numpy as np

from .loss import Loss, log_of_mean

NORMAL_IQR = 1.349  # between the quartiles of a normal distribution of variance 1
SMOOTHED = 0.05  # half the width within which a quantile's loss is bent


def distribution(column, weights=None):
    """Return the distinct values of a column, sorted, and their sums of weights.

    Parameters
    ----------
    column : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,), default=None
        None where all rows count alike.

    Returns
    -------
    values, masses : ndarray of shape (n_values,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.number_losses import distribution
    >>> [part.tolist() for part in distribution(np.array([2.0, 1.0, 2.0]))]
    [[1.0, 2.0], [1, 2]]
    """
    if weights is None:
        return np.unique(column, return_counts=True)
    values, which = np.unique(column, return_inverse=True)
    return values, np.bincount(which, weights)


def quantile_of(values, masses, level):
    """Return the least value that has a share of the mass at or below it.

    Parameters
    ----------
    values, masses : ndarray of shape (n_values,)
        From `distribution`.
    level : float in [0, 1]
        The share.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.number_losses import quantile_of
    >>> float(quantile_of(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 2]), 0.5))
    2.0
    """
    below = np.cumsum(masses)
    place = np.searchsorted(below, level * below[-1])
    return values[min(place, len(values) - 1)]


def _mean_and_deviation(values, masses):
    """Return the mean and the standard deviation of a distribution."""
    mean = np.average(values, weights=masses)
    return mean, np.sqrt(np.average(np.square(values - mean), weights=masses))


def _robust_scale(values, masses):
    """Return a standard deviation that a quarter of outliers cannot widen.

    That of a normal distribution with the same quartiles. Where these are equal, the
    ordinary one.
    """
    low, high = (quantile_of(values, masses, level) for level in (0.25, 0.75))
    if high > low:
        return (high - low) / NORMAL_IQR
    return _mean_and_deviation(values, masses)[1]


class NumberLoss(Loss):
    """What the losses of numbers share: one output for each column of y.

    Examples
    --------
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> from sklearn_scratchnn.network.number_losses import NumberLoss
    >>> [name for name, loss in LOSSES.items() if isinstance(loss, NumberLoss)]
    ['squared_error', 'poisson', 'huber', 'quantile']
    """

    out_activation = "identity"
    kind_of_y = "numbers"
    predicts_numbers = True

    def outputs_of(self, y):
        """The numbers of the columns."""
        return np.arange(1 if y.ndim == 1 else y.shape[1])

    def encode(self, y, outputs):
        """The numbers themselves, (n_samples, K)."""
        return y.reshape(len(y), -1)

    def decode(self, codes, outputs):
        """One number a row, or a column for each output where there are several."""
        return codes[:, 0] if codes.shape[1] == 1 else codes

    def decide(self, z):
        """The predicted numbers."""
        return self.probabilities(z.copy())

    def strata(self, codes):
        """None: there are no classes."""
        return None

    def target_table(self, n_outputs, label_smoothing):
        """None: the codes are the targets."""
        return None

    def constant_loss(self, codes, weights, n_outputs, label_smoothing=0.0):
        """The loss of the constant that y is measured from, summed over the outputs."""
        columns = [self.unit_of(*distribution(Y, weights)) for Y in codes.T]
        center, scale = np.array(columns).T
        zeros = np.zeros((1, n_outputs))
        _, z = self.to_unit(zeros, zeros[0], center, scale)
        losses = self.row_losses(np.tile(z, (len(codes), 1)), codes)
        return np.average(losses, weights=weights)

    def to_unit(self, W, b, center, scale):
        """Multiply by the scale; the center goes to the biases."""
        return W * scale, b * scale + center

    def probabilities(self, z):
        """The numbers are the logits."""
        return z

    def logits_of_mean(self, logits, weights):
        """Return the weighted mean."""
        return np.tensordot(weights.astype(logits.dtype), logits, axes=1)

    def output_seed(self, k, of):
        """Prediction: e_k."""

        def of_prediction(z):
            z.fill(0)
            z[:, k] = 1

        return of_prediction


class SquaredError(NumberLoss):
    """C = sum_k (z_k - Y_k)^2 / 2, hence dC/dz = z - Y.

    What is predicted is the mean of y. Its second derivative is 1, so that Gauss-Newton
    is the method of Levenberg (1944) and Marquardt (1963).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import SquaredError
    >>> z, Y = np.array([[1.0], [4.0]]), np.array([[0.0], [2.0]])  # two rows
    >>> SquaredError().row_losses(z, Y)
    array([0.5, 2. ])
    """

    name = "squared_error"

    def unit_of(self, values, masses):
        """Mean and standard deviation."""
        return _mean_and_deviation(values, masses)

    def value_and_delta(self, z, Y, weight, delta, row):
        """Return sum_b w_b C_b; delta becomes w (z - Y)."""
        np.subtract(z, Y, out=delta)                            # L3  dC/dz = z - Y
        np.vecdot(delta, delta, out=row[:, 0])                  # L2  2 C
        row *= weight
        delta *= weight
        return 0.5 * float(row.sum())

    def row_losses(self, z, Y):
        """Return sum_k (z_k - Y_k)^2 / 2."""
        return 0.5 * np.square(z - Y).sum(axis=1)

    def curvature_roots(self, p):
        """Yield e_j."""
        for j in range(p.shape[1]):
            root = np.zeros_like(p)
            root[:, j] = 1
            yield root


class PoissonLoss(NumberLoss):
    """C = sum_k [m_k - Y_k + Y_k log(Y_k / m_k)], m = exp(z), hence dC/dz = m - Y.

    Half the deviance of a Poisson distribution of mean m, for counts and rates.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import PoissonLoss
    >>> z, Y = np.log([[2.0], [2.0]]), np.array([[2.0], [0.0]])  # two rows
    >>> PoissonLoss().row_losses(z, Y)
    array([0., 2.])
    """

    name = "poisson"
    out_activation = "exp"
    kind_of_y = "numbers of 0 or more"
    least_y = 0.0

    def unit_of(self, values, masses):
        """0 and the mean: a logarithm has no other zero."""
        mean = np.average(values, weights=masses)
        return 0.0, max(mean, np.finfo(np.float64).tiny)

    def to_unit(self, W, b, center, scale):
        """Add the logarithm of the scale to the biases."""
        return W.copy(), b + np.log(scale)

    def value_and_delta(self, z, Y, weight, delta, row):
        """Return sum_b w_b C_b; delta becomes w (m - Y)."""
        np.subtract(z, z, out=delta)  # 0, or NaN where z is infinite: no loss hides it
        np.minimum(z, _largest_log(z) / 2, out=z)  # whose square is finite, too
        z += delta
        np.exp(z, out=delta)                                    # L1  m = exp(z)
        delta -= Y                                              # L3  dC/dz = m - Y
        z *= Y
        for z_k, Y_k in zip(z.T, Y.T):
            entropy = _log(Y_k, out=row[:, 0])
            entropy *= Y_k
            z_k -= entropy
        np.subtract(delta, z, out=z)                            # L2  C
        z.sum(axis=1, keepdims=True, out=row)
        row *= weight
        delta *= weight
        return float(row.sum())

    def row_losses(self, z, Y):
        """Return sum_k [m_k - Y_k + Y_k (log Y_k - z_k)]."""
        np.minimum(z, _largest_log(z), out=z)
        return np.sum(np.exp(z) - Y + Y * (_log(Y) - z), axis=1)

    def curvature_roots(self, p):
        """Yield sqrt(m_j) e_j."""
        for j in range(p.shape[1]):
            root = np.zeros_like(p)
            root[:, j] = np.sqrt(p[:, j])
            yield root

    def probabilities(self, z):
        """Exp, in place; at most the largest number that there is."""
        np.minimum(z, _largest_log(z), out=z)
        return np.exp(z, out=z)

    def logits_of_mean(self, logits, weights):
        """Log sum_m w_m exp(z_m)."""
        return log_of_mean(logits, weights)

    def output_seed(self, k, of):
        """Prediction: m_k e_k."""

        def of_prediction(z):
            m_k = self.probabilities(z)[:, k].copy()
            z.fill(0)
            z[:, k] = m_k

        return of_prediction


def _largest_log(z):
    """Return a number whose exponential has room in the dtype of z."""
    largest = np.log(np.finfo(z.dtype).max)
    return np.nextafter(largest, np.zeros_like(largest))


def _log(Y, out=None):
    """Return log Y; of 0 a finite number, which 0 is to be multiplied by."""
    out = np.maximum(Y, np.finfo(Y.dtype).tiny, out=out)
    return np.log(out, out=out)


@dataclass(frozen=True)
class HuberLoss(NumberLoss):
    """C = sum_k h(z_k - Y_k); h(r) = r^2 / 2 up to |r| = t, from there t |r| - t^2 / 2.

    So dC/dz = z - Y, at most t in size: no row, however far off, pulls harder (Huber,
    1964).

    Parameters
    ----------
    huber_threshold : float, default=0.5
        The t, in units of the spread of y: its quartiles are 1.349 apart.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import HuberLoss
    >>> z, Y = np.array([[1.0], [9.0]]), np.array([[0.0], [0.0]])  # two rows
    >>> HuberLoss(huber_threshold=1.0).row_losses(z, Y)
    array([0.5, 8.5])
    """

    huber_threshold: float = 0.5

    name = "huber"

    def unit_of(self, values, masses):
        """Median, and what the quartiles' distance is for a normal distribution."""
        return quantile_of(values, masses, 0.5), _robust_scale(values, masses)

    def value_and_delta(self, z, Y, weight, delta, row):
        """Return sum_b w_b C_b; delta becomes w (z - Y), clipped."""
        t = self.huber_threshold
        z -= Y                                                  #     r
        np.clip(z, -t, t, out=delta)                            # L3  dC/dz = clip(r)
        z *= 2
        z -= delta
        np.vecdot(delta, z, out=row[:, 0])                      # L2  2 C
        row *= weight
        delta *= weight
        return 0.5 * float(row.sum())

    def row_losses(self, z, Y):
        """Return sum_k c_k (r_k - c_k / 2), with c the clipped r = z - Y."""
        r = z - Y
        c = np.clip(r, -self.huber_threshold, self.huber_threshold)
        return np.sum(c * (r - c / 2), axis=1)


@dataclass(frozen=True)
class QuantileLoss(NumberLoss):
    """C = sum_k max(q u_k, (q - 1) u_k) with u = Y - z, bent at 0: dC/dz is s(-u) - q.

    The pinball loss (Koenker and Bassett, 1978). Its derivative jumps at 0, where half
    of the rows may lie. Averaged over shifts of u of at most h = `SMOOTHED` it rises
    there along a line, s(r) = (r / h + 1) / 2 between 0 and 1, and all shares stay as
    they are to second order in h (Fernandes, Guerre and Horta, 2021; He et al., 2023).

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
        The q: the share of y that is to lie below the prediction.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import QuantileLoss
    >>> z, Y = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])  # above, and below
    >>> QuantileLoss(quantile=0.75).row_losses(z, Y)
    array([0.25, 0.75])
    """

    quantile: float = 0.5

    name = "quantile"

    def unit_of(self, values, masses):
        """The quantile, and what the quartiles' distance is for a normal one."""
        center = quantile_of(values, masses, self.quantile)
        return center, _robust_scale(values, masses)

    def value_and_delta(self, z, Y, weight, delta, row):
        """Return sum_b w_b C_b; delta becomes w (s - q).

        With c = h (2 s - 1), which is r clipped to h, and a = h (1 - 2 q).
        """
        h, a = SMOOTHED, SMOOTHED * (1 - 2 * self.quantile)
        z -= Y                                                  #     r = -u
        np.clip(z, -h, h, out=delta)                            #     c
        z *= 2
        z -= delta
        z += a
        delta += a
        np.vecdot(delta, z, out=row[:, 0])
        row += z.shape[1] * (h * h - a * a)                     # L2  4 h C
        row *= weight
        delta *= weight
        delta /= 2 * h                                          # L3  dC/dz = s - q
        return float(row.sum()) / (4 * h)

    def row_losses(self, z, Y):
        """Return sum_k [(s_k - q) r_k + h s_k (1 - s_k)], r = z - Y."""
        r = z - Y
        s = np.clip((r / SMOOTHED + 1) / 2, 0, 1)
        return np.sum((s - self.quantile) * r + SMOOTHED * (s - s * s), axis=1)
