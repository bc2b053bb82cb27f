"""Losses on logits: each owns its link (softmax, logistic) and its derivative.

Logits, targets and probabilities are stored as columns, ``z`` of shape (K, B): sums
over the K outputs then run along memory, over B at a time. `LOSSES` at the end names
the classes.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy import (
    add,
    divide,
    exp,
    log,
    logaddexp,
    maximum,
    multiply,
    negative,
    sqrt,
    subtract,
)

from .backend import dot, logistic


class Loss(ABC):
    """A loss of logits z against targets Y, and its link.

    Attributes
    ----------
    name : str
    out_activation : str
        Name of the link, as in ``MLPClassifier.out_activation_``.

    Examples
    --------
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> LOSSES["softmax_cross_entropy"].out_activation
    'softmax'
    """

    name = ""
    out_activation = ""

    @abstractmethod
    def target_table(self, n_outputs, label_smoothing):
        """Return what an encoded label is replaced by, along the last axis.

        Parameters
        ----------
        n_outputs : int
        label_smoothing : float in [0, 1)

        Returns
        -------
        ndarray of shape (n_outputs, n_outputs) or (2,)
            ``table[..., code]`` is the target of a label.
        """

    @abstractmethod
    def value_and_delta(self, z, Y, weight, ws):
        """Return the weighted loss of a batch; turn z into delta = dC/dz in place.

        Parameters
        ----------
        z : ndarray of shape (K, B)
            Logits; overwritten by delta.
        Y : ndarray of shape (K, B)
            Targets times weight.
        weight : ndarray of shape (B,)
            All positive.
        ws : Workspace
            Of which ``columns``, (K, B), and the rows, (B,), are overwritten.

        Returns
        -------
        value : float
            ``sum_b weight_b C_b``.
        """

    @abstractmethod
    def row_losses(self, z, Y):
        """Return each row's loss.

        Parameters
        ----------
        z : ndarray of shape (K, B)
            Logits; spent.
        Y : ndarray of shape (K, B)
            Targets, not weighted.

        Returns
        -------
        ndarray of shape (B,)
            In nats, as all losses.
        """

    @property
    def has_curvature(self):
        """Whether the class has `curvature_roots`; without, no Gauss-Newton."""
        return type(self).curvature_roots is not Loss.curvature_roots

    def curvature_roots(self, p):
        """Yield S_1, S_2 .. with d2C/dz2 = sum_j S_j S_j^T in each row.

        A loss whose second derivative depends on the targets too, or is not positive,
        has none.

        Parameters
        ----------
        p : ndarray of shape (K, B)
            Probabilities.

        Yields
        ------
        ndarray of shape (K, B)
            The next S_j.
        """
        raise NotImplementedError

    @abstractmethod
    def probabilities(self, z):
        """Turn logits into probabilities, in place.

        Parameters
        ----------
        z : ndarray of shape (K, B)

        Returns
        -------
        ndarray of shape (K, B)
            The same array; finite for every finite z.
        """

    @abstractmethod
    def output_seed(self, k, of):
        """Return a function that turns logits into the derivative of output k in them.

        Parameters
        ----------
        k : int
        of : {"logit", "probability"}

        Returns
        -------
        callable
            Takes z, of shape (K, B), and changes it in place.
        """

    @abstractmethod
    def log_probabilities(self, z):
        """Turn logits into log-probabilities, in place.

        Parameters
        ----------
        z : ndarray of shape (K, B)

        Returns
        -------
        ndarray of shape (K, B)
            The same array; finite for every finite z.
        """


class SoftmaxCrossEntropy(Loss):
    """C = -sum_k Y_k log p_k with p = softmax(z), hence dC/dz = p - Y.

    The maximum of the logits is subtracted first, which changes no probability and
    keeps exp from overflowing (Goodfellow et al., 2016, sec. 4.1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import SoftmaxCrossEntropy
    >>> z = np.log([[1.0, 5.0], [3.0, 5.0]])  # two classes, two rows
    >>> SoftmaxCrossEntropy().probabilities(z)
    array([[0.25, 0.5 ],
           [0.75, 0.5 ]])
    """

    name = "softmax_cross_entropy"
    out_activation = "softmax"

    def target_table(self, n_outputs, label_smoothing):
        """Column k is the target of class k (Szegedy et al., 2016, sec. 7)."""
        table = np.full((n_outputs, n_outputs), label_smoothing / n_outputs)
        np.fill_diagonal(table, 1 - label_smoothing + label_smoothing / n_outputs)
        return table

    def value_and_delta(self, z, Y, weight, ws):
        """Return sum_b w_b log sum_k exp z_kb - sum_kb Y_kb z_kb; z becomes w p - Y."""
        row, ones = ws.row, ws.output_ones
        ws.find_largest()
        ws.subtract_row()
        value = dot(Y.ravel(), z.ravel())
        exp(z, z)
        ones.dot(z, row)
        weighted = divide(row, weight, ws.second_row)
        divide(z, weighted, z)                          # L1  w p = w softmax(z)
        log(row, row)
        subtract(z, Y, z)                               # L3  delta = dC/dz = p - Y
        return dot(weight, row) - value                 # L2  C = -sum_k Y_k log p_k

    def row_losses(self, z, Y):
        """Return -sum_k Y_k log p_k."""
        return -np.sum(Y * self.log_probabilities(z), axis=0)

    def curvature_roots(self, p):
        """Yield the K - 1 columns of the Cholesky factor of diag(p) - p p^T.

        Column j is sqrt(p_j s / (p_j + s)) (e_j - p_{>j} / s), with s the sum of the
        p_k behind j (Tanabe and Sagae, 1992, theorem 1).
        """
        tails = np.cumsum(p[::-1], axis=0)[::-1]
        tails = maximum(tails, np.finfo(p.dtype).tiny)
        for j, (p_j, s) in enumerate(zip(p[:-1], tails[1:])):
            root = np.zeros_like(p)
            root[j] = sqrt(p_j * (s / tails[j]))
            multiply(p[j + 1 :] / s, -root[j], out=root[j + 1 :])
            yield root

    def probabilities(self, z):
        """Softmax over axis 0, in place."""
        z -= maximum.reduce(z, 0)
        exp(z, out=z)
        z /= add.reduce(z, 0)
        return z

    def output_seed(self, k, of):
        """Logit: e_k less the other classes' mean, as only differences matter.

        Probability: p_k (e_k - p).
        """

        def of_logit(z):
            z.fill(-1 / (len(z) - 1))
            z[k] = 1

        def of_probability(z):
            p = self.probabilities(z)
            p_k = p[k].copy()
            p *= -p_k
            p[k] += p_k

        return of_logit if of == "logit" else of_probability

    def log_probabilities(self, z):
        """Log-softmax over axis 0, in place."""
        z -= np.amax(z, axis=0)
        z -= log(np.sum(exp(z), axis=0))
        return z


class LogisticCrossEntropy(Loss):
    """C = -sum_k [Y_k log p_k + (1 - Y_k) log(1 - p_k)], p = s(z), hence dC/dz = p - Y.

    For several labels at once: one yes or no an output, summed over the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_scratchnn.network.losses import LogisticCrossEntropy
    >>> z = np.log([[1.0], [3.0]])  # two labels, one row
    >>> LogisticCrossEntropy().probabilities(z).round(2)
    array([[0.5 ],
           [0.75]])
    """

    name = "logistic_cross_entropy"
    out_activation = "logistic"

    def target_table(self, n_outputs, label_smoothing):
        """Absent and present, each drawn towards one half by the smoothing."""
        return np.array([label_smoothing / 2, 1 - label_smoothing / 2])

    def value_and_delta(self, z, Y, weight, ws):
        """Return sum_kb (w_b softplus(z_kb) - Y_kb z_kb); z becomes w p - Y."""
        value = dot(Y.ravel(), z.ravel())
        softplus = logaddexp(z, 0, out=ws.columns)
        softplus *= weight
        logistic(z, z)                                  # L1  p = s(z)
        z *= weight
        z -= Y                                          # L3  delta = dC/dz = p - Y
        return float(add.reduce(softplus, None)) - value    # L2  C

    def row_losses(self, z, Y):
        """Return sum_k (softplus(z_k) - Y_k z_k)."""
        return np.sum(logaddexp(z, 0) - Y * z, axis=0)

    def curvature_roots(self, p):
        """Yield sqrt(p_j (1 - p_j)) e_j."""
        for j, p_j in enumerate(p):
            root = np.zeros_like(p)
            root[j] = sqrt(p_j * (1 - p_j))
            yield root

    def probabilities(self, z):
        """Logistic function, in place, as exp(log p): small p keep their digits."""
        return exp(self.log_probabilities(z), out=z)

    def output_seed(self, k, of):
        """Logit: e_k. Probability: p_k (1 - p_k) e_k."""

        def of_logit(z):
            z.fill(0)
            z[k] = 1

        def of_probability(z):
            p = self.probabilities(z)
            slope = p[k] * (1 - p[k])
            z.fill(0)
            z[k] = slope

        return of_logit if of == "logit" else of_probability

    def log_probabilities(self, z):
        """Turn z into -softplus(-z) in place."""
        negative(z, out=z)
        logaddexp(z, 0, out=z)
        return negative(z, out=z)


LOSSES = {loss.name: loss for loss in (SoftmaxCrossEntropy(), LogisticCrossEntropy())}
