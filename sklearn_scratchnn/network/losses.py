"""Losses on logits: each owns its link, its derivative, and what an output means.

Here are those of labels; those of numbers are in ``number_losses.py``. `LOSSES` at the
end names all.
"""

import numpy as np

from .activations import logistic
from .loss import Loss, log_of_mean
from .number_losses import HuberLoss, PoissonLoss, QuantileLoss, SquaredError

FEW_OUTPUTS = 4


def over_outputs(ufunc, z, out):
    """Reduce each row of z to one number, its maximum or sum, in ``out``, (B, 1).

    NumPy reduces along a short axis row by row, some 50 ns each. Of few columns it is
    quicker to take two at a time, whole.
    """
    if z.shape[1] > FEW_OUTPUTS:
        return ufunc.reduce(z, axis=1, keepdims=True, out=out)
    reduced, columns = out[:, 0], z.T
    ufunc(columns[0], columns[1], out=reduced)
    for column in columns[2:]:
        ufunc(reduced, column, out=reduced)
    return out


def _entropy(p):
    """Return -sum p log p."""
    return -np.sum(p * np.log(np.where(p > 0, p, 1.0)))


class SoftmaxCrossEntropy(Loss):
    """C = -sum_k Y_k log p_k with p = softmax(z), hence dC/dz = p - Y.

    For one label a row. The maximum of the logits is subtracted first, which changes no
    probability and keeps exp from overflowing (Goodfellow et al., 2016, sec. 4.1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import SoftmaxCrossEntropy
    >>> z = np.log([[1.0, 3.0], [5.0, 5.0]])  # two rows, two classes
    >>> SoftmaxCrossEntropy().probabilities(z)
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """

    name = "softmax_cross_entropy"
    out_activation = "softmax"
    kind_of_y = "one label a row"
    least_outputs = 2
    outputs_are_columns = False

    def outputs_of(self, y):
        """The labels that occur."""
        return np.unique(y)

    def encode(self, y, outputs):
        """Each label's index among the outputs, (n_samples,)."""
        codes = np.searchsorted(outputs, y).astype(np.int32)
        return np.minimum(codes, len(outputs) - 1, out=codes)

    def decode(self, codes, outputs):
        """The label of each index."""
        return outputs[codes]

    def decide(self, z):
        """The index of the largest logit; of two, NumPy compares columns faster."""
        if z.shape[1] == 2:
            return (z[:, 1] > z[:, 0]).astype(np.intp)
        return z.argmax(axis=1)

    def strata(self, codes):
        """The classes."""
        return codes

    def target_table(self, n_outputs, label_smoothing):
        """Row k is the target of class k (Szegedy et al., 2016, sec. 7)."""
        table = np.full((n_outputs, n_outputs), label_smoothing / n_outputs)
        np.fill_diagonal(table, 1 - label_smoothing + label_smoothing / n_outputs)
        return table

    def constant_loss(self, codes, weights, n_outputs, label_smoothing=0.0):
        """The entropy of the classes' frequencies, smoothed as the targets are."""
        mass = np.bincount(codes, weights, n_outputs)
        p = mass / mass.sum()
        return _entropy((1 - label_smoothing) * p + label_smoothing / n_outputs)

    def value_and_delta(self, z, Y, weight, delta, row):
        """Return sum_b w_b C_b; delta becomes w (p - Y)."""
        z -= over_outputs(np.maximum, z, out=row)
        np.exp(z, out=delta)
        delta /= over_outputs(np.add, delta, out=row)           # L1  p = softmax(z)
        z -= np.log(row, out=row)                               #     log p
        np.vecdot(Y, z, out=row[:, 0])                          # L2  -C = sum Y log p
        row *= weight
        delta -= Y                                              # L3  dC/dz = p - Y
        delta *= weight
        return -float(row.sum())

    def row_losses(self, z, Y):
        """Return -sum_k Y_k log p_k."""
        return -np.vecdot(Y, self.log_probabilities(z))

    def curvature_roots(self, p):
        """Yield the K - 1 columns of the Cholesky factor of diag(p) - p p^T.

        Column j is sqrt(p_j s / (p_j + s)) (e_j - p_{>j} / s), with s the sum of the
        p_k behind j (Tanabe and Sagae, 1992, theorem 1).
        """
        tails = np.cumsum(p[:, ::-1], axis=1)[:, ::-1]
        tails = np.maximum(tails, np.finfo(p.dtype).tiny)
        for j in range(p.shape[1] - 1):
            root, s = np.zeros_like(p), tails[:, j + 1]
            root[:, j] = np.sqrt(p[:, j] * (s / tails[:, j]))
            root[:, j + 1 :] = -(p[:, j + 1 :].T / s * root[:, j]).T
            yield root

    def probabilities(self, z):
        """Softmax of each row, in place."""
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        return z

    def log_probabilities(self, z):
        """Log-softmax of each row, in place."""
        z -= z.max(axis=1, keepdims=True)
        z -= np.log(np.sum(np.exp(z), axis=1, keepdims=True))
        return z

    def logits_of_mean(self, logits, weights):
        """Log p with p = sum_m w_m softmax(z_m)."""
        return log_of_mean([self.log_probabilities(z) for z in logits], weights)

    def decision(self, z):
        """For two classes the log-odds of the second."""
        return z[:, 1] - z[:, 0] if z.shape[1] == 2 else z

    def output_seed(self, k, of):
        """Logit: e_k less the other classes' mean, as only differences matter.

        Probability: p_k (e_k - p).
        """

        def of_logit(z):
            z.fill(-1 / (z.shape[1] - 1))
            z[:, k] = 1

        def of_probability(z):
            p = self.probabilities(z)
            p_k = p[:, k].copy()
            p *= -p_k[:, np.newaxis]
            p[:, k] += p_k

        return of_logit if of == "logit" else of_probability


class LogisticCrossEntropy(Loss):
    """C = -sum_k [Y_k log p_k + (1 - Y_k) log(1 - p_k)], p = s(z), hence dC/dz = p - Y.

    For several labels at once: one yes or no an output, summed over the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import LogisticCrossEntropy
    >>> z = np.log([[1.0, 3.0]])  # one row, two labels
    >>> LogisticCrossEntropy().probabilities(z).round(2)
    array([[0.5 , 0.75]])
    """

    name = "logistic_cross_entropy"
    out_activation = "logistic"
    kind_of_y = "an indicator matrix, several labels a row"

    def outputs_of(self, y):
        """The numbers of the columns."""
        return np.arange(y.shape[1])

    def encode(self, y, outputs):
        """Absence 0 or presence 1 of each label, (n_samples, K)."""
        return np.ascontiguousarray(y != 0, dtype=np.uint8)

    def decode(self, codes, outputs):
        """Return zeros and ones."""
        return codes.astype(int)

    def decide(self, z):
        """Whether a logit is positive, and its probability above one half."""
        return z > 0

    def strata(self, codes):
        """None: a row has several labels."""
        return None

    def target_table(self, n_outputs, label_smoothing):
        """Absent and present, each drawn towards one half by the smoothing."""
        return np.array([label_smoothing / 2, 1 - label_smoothing / 2])

    def constant_loss(self, codes, weights, n_outputs, label_smoothing=0.0):
        """The sum of the labels' entropies, smoothed as the targets are."""
        p = np.average(codes, axis=0, weights=weights)
        p = (1 - label_smoothing) * p + label_smoothing / 2
        return _entropy(p) + _entropy(1 - p)

    def value_and_delta(self, z, Y, weight, delta, row):
        """Return sum_b w_b C_b, C = sum_k (softplus z_k - Y_k z_k); delta: w (p - Y).

        Softplus, log(1 + exp z), is -log(1 - p); log p is z less than that.
        """
        np.logaddexp(z, 0, out=delta)
        delta.sum(axis=1, keepdims=True, out=row)
        row *= weight
        value = float(row.sum())
        np.vecdot(Y, z, out=row[:, 0])
        row *= weight
        value -= float(row.sum())                               # L2  C
        logistic(z, out=delta)                                  # L1  p = s(z)
        delta -= Y                                              # L3  dC/dz = p - Y
        delta *= weight
        return value

    def row_losses(self, z, Y):
        """Return sum_k (softplus(z_k) - Y_k z_k)."""
        return np.sum(np.logaddexp(z, 0) - Y * z, axis=1)

    def curvature_roots(self, p):
        """Yield sqrt(p_j (1 - p_j)) e_j."""
        for j in range(p.shape[1]):
            root = np.zeros_like(p)
            root[:, j] = np.sqrt(p[:, j] * (1 - p[:, j]))
            yield root

    def probabilities(self, z):
        """Logistic function, in place, as exp(log p): small p keep their digits."""
        return np.exp(self.log_probabilities(z), out=z)

    def log_probabilities(self, z):
        """Turn z into -softplus(-z) in place."""
        np.negative(z, out=z)
        np.logaddexp(z, 0, out=z)
        return np.negative(z, out=z)

    def logits_of_mean(self, logits, weights):
        """Log p - log(1 - p) with p = sum_m w_m s(z_m), without 1 - p."""
        absent = [self.log_probabilities(-z) for z in logits]
        present = [self.log_probabilities(z) for z in logits]
        return log_of_mean(present, weights) - log_of_mean(absent, weights)

    def output_seed(self, k, of):
        """Logit: e_k. Probability: p_k (1 - p_k) e_k."""

        def of_logit(z):
            z.fill(0)
            z[:, k] = 1

        def of_probability(z):
            p_k = self.probabilities(z)[:, k]
            slope = p_k * (1 - p_k)
            z.fill(0)
            z[:, k] = slope

        return of_logit if of == "logit" else of_probability


LOSSES = {
    loss.name: loss
    for loss in (
        SoftmaxCrossEntropy(),
        LogisticCrossEntropy(),
        SquaredError(),
        PoissonLoss(),
        HuberLoss(),
        QuantileLoss(),
    )
}


def loss_with_link(out_activation):
    """Return a loss whose link has a name: losses with one link predict alike."""
    return next(f for f in LOSSES.values() if f.out_activation == out_activation)
