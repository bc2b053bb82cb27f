"""What a loss answers: the base class of all in `LOSSES`.

Logits, targets and predictions are of shape (B, K), a row each.
"""

from abc import ABC, abstractmethod

import numpy as np


class Loss(ABC):
    """A loss of logits z against targets Y, its link, and its kind of y.

    Attributes
    ----------
    name : str
    out_activation : str
        Name of the link, as in ``MLPClassifier.out_activation_``.
    kind_of_y : str
        What a y of this loss holds, in words for an error.
    least_outputs : int
        Fewer outputs cannot be trained.
    outputs_are_columns : bool
        Whether there is an output for each column of y, and not for each label.
    predicts_numbers : bool
        Whether y holds numbers, which are measured in units of their own, see
        `unit_of`; else it holds labels.
    least_y : float
        The least that a number may be.

    Examples
    --------
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> LOSSES["softmax_cross_entropy"].out_activation
    'softmax'
    """

    name = ""
    out_activation = ""
    kind_of_y = ""
    least_outputs = 1
    outputs_are_columns = True
    predicts_numbers = False
    least_y = -np.inf

    # What an output means ----------------------------------------------------------

    @abstractmethod
    def outputs_of(self, y):
        """Return what the network has an output for: labels, or columns' numbers.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_columns)

        Returns
        -------
        ndarray of shape (K,)
            Sorted.
        """

    @abstractmethod
    def encode(self, y, outputs):
        """Return y as codes, which `target_table` turns into targets.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_columns)
        outputs : ndarray of shape (K,)
            From `outputs_of`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, K)
            Those of y that are not among the outputs have any code.
        """

    @abstractmethod
    def decode(self, codes, outputs):
        """Return what `predict` returns for the codes of `decide`.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,) or (n_samples, K)
        outputs : ndarray of shape (K,)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, K)
            As the y that was encoded.
        """

    @abstractmethod
    def decide(self, z):
        """Return the code that the logits of each row speak for.

        Parameters
        ----------
        z : ndarray of shape (B, K)

        Returns
        -------
        ndarray of shape (B,) or (B, K)
            See `decode`.
        """

    @abstractmethod
    def strata(self, codes):
        """Return what a split of the rows is stratified by.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,) or (n_samples, K)

        Returns
        -------
        ndarray of int of shape (n_samples,) or None
            The class of each row; None where a row is not of one class.
        """

    @abstractmethod
    def target_table(self, n_outputs, label_smoothing):
        """Return the target of each code.

        Parameters
        ----------
        n_outputs : int
        label_smoothing : float in [0, 1)

        Returns
        -------
        ndarray of shape (n_codes, ...) or None
            ``table[codes]`` are the targets Y, (B, K); None where the codes are.
        """

    @abstractmethod
    def constant_loss(self, codes, weights, n_outputs, label_smoothing=0.0):
        """Return the least mean loss of a prediction that is the same for every row.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,) or (n_samples, K)
        weights : ndarray of shape (n_samples,) or None
        n_outputs : int
        label_smoothing : float, default=0.0

        Returns
        -------
        float
            What a trained network must come below.
        """

    def unit_of(self, values, masses):
        """Return what a column of numbers is measured from, and in.

        Parameters
        ----------
        values : ndarray of shape (n_values,)
            Sorted. Where the loss may shift y, their median is 0.
        masses : ndarray of shape (n_values,)
            Their sums of weights.

        Returns
        -------
        center, scale : float
            The network is trained on ``(y - center) / scale``.
        """
        raise NotImplementedError

    def to_unit(self, W, b, center, scale):
        """Return the last layer for ``center + scale * y`` from that for y.

        Parameters
        ----------
        W : ndarray of shape (fan_in, K)
        b : ndarray of shape (K,)
        center, scale : ndarray of shape (K,)

        Returns
        -------
        W, b : ndarray
            New arrays.
        """
        raise NotImplementedError

    # The loss and its derivative ---------------------------------------------------

    @abstractmethod
    def value_and_delta(self, z, Y, weight, delta, row):
        """Return the weighted loss of a batch; write its derivative into ``delta``.

        Parameters
        ----------
        z : ndarray of shape (B, K)
            Logits; spent.
        Y : ndarray of shape (B, K)
            Targets.
        weight : float or ndarray of shape (B, 1)
            Positive.
        delta : ndarray of shape (B, K)
            Overwritten by dC/dz.
        row : ndarray of shape (B, 1)
            Overwritten by what the method has to keep of a row.

        Returns
        -------
        float
            ``sum_b weight_b C_b``.
        """

    @abstractmethod
    def row_losses(self, z, Y):
        """Return each row's loss.

        Parameters
        ----------
        z : ndarray of shape (B, K)
            Logits; spent.
        Y : ndarray of shape (B, K)
            Targets.

        Returns
        -------
        ndarray of shape (B,)
            Of labels in nats.
        """

    @property
    def has_curvature(self):
        """Whether the class has `curvature_roots`; without, no Gauss-Newton."""
        return type(self).curvature_roots is not Loss.curvature_roots

    def curvature_roots(self, p):
        """Yield S_1, S_2 .. with d2C/dz2 = sum_j S_j^T S_j in each row.

        A loss whose second derivative depends on the targets too, or is not positive,
        has none.

        Parameters
        ----------
        p : ndarray of shape (B, K)
            From `probabilities`.

        Yields
        ------
        ndarray of shape (B, K)
            The next S_j.
        """
        raise NotImplementedError

    # The link ----------------------------------------------------------------------

    @abstractmethod
    def probabilities(self, z):
        """Turn logits into probabilities, or into predicted numbers, in place.

        Parameters
        ----------
        z : ndarray of shape (B, K)

        Returns
        -------
        ndarray of shape (B, K)
            The same array; finite for every finite z.
        """

    def log_probabilities(self, z):
        """Turn logits into log-probabilities of labels, in place.

        Parameters
        ----------
        z : ndarray of shape (B, K)

        Returns
        -------
        ndarray of shape (B, K)
            The same array; finite for every finite z.
        """
        raise NotImplementedError

    def logits_of_mean(self, logits, weights):
        """Return the logits of the mean of several networks' probabilities, or numbers.

        Parameters
        ----------
        logits : ndarray of shape (M, B, K)
            A network's each; spent.
        weights : ndarray of shape (M,)
            Not negative, of sum 1.

        Returns
        -------
        ndarray of shape (B, K)
            A new array.
        """
        raise NotImplementedError

    def decision(self, z):
        """Return the logits as scikit-learn's ``decision_function`` has them.

        Parameters
        ----------
        z : ndarray of shape (B, K)

        Returns
        -------
        ndarray of shape (B, K) or (B,)
            One number a row where one is enough.
        """
        return z

    @abstractmethod
    def output_seed(self, k, of):
        """Return a function that turns logits into the derivative of output k in them.

        Parameters
        ----------
        k : int
        of : {"logit", "probability", "prediction"}
            Labels have the first two, numbers the last.

        Returns
        -------
        callable
            Takes z, of shape (B, K), and changes it in place.
        """


def log_of_mean(logarithms, weights):
    """Return log sum_m w_m exp(l_m).

    Parameters
    ----------
    logarithms : sequence of ndarray
    weights : sequence of float
        Those of 0 leave their logarithm out.

    Returns
    -------
    ndarray
        Of the shape of one of them.
    """
    terms = [l + np.log(w, dtype=l.dtype) for l, w in zip(logarithms, weights) if w > 0]
    return np.logaddexp.reduce(terms)
