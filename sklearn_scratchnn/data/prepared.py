"""The rows that a network is trained on, and those held out, prepared once."""

from dataclasses import dataclass, replace

from .sample import SORTED_BYTES, Sample
from .standardize import Standardizer


@dataclass(frozen=True)
class PreparedData:
    """What `fit_network` trains on.

    Parameters
    ----------
    train : Sample
    held_out : Sample, default=None
        Rows on which every epoch is measured; None for none.
    n_copies : int, default=0
        Rows to train on that are another one's copies, and joined with it.

    See Also
    --------
    prepare : Makes one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.prepared import PreparedData
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> X, y = load_iris(return_X_y=True)
    >>> data = PreparedData(make_sample(X, y, LOSSES["softmax_cross_entropy"]))
    >>> data.train.n_samples, data.held_out
    (150, None)
    """

    train: Sample
    held_out: Sample | None = None
    n_copies: int = 0

    @property
    def standardizer(self):
        """How the rows are scaled; None for not at all."""
        return self.train.standardizer

    def scaled_by(self, standardizer):
        """Return the same rows, scaled in another way.

        Parameters
        ----------
        standardizer : Standardizer or None

        Returns
        -------
        PreparedData
            Over the same arrays.
        """
        held_out = self.held_out
        if held_out is not None:
            held_out = held_out.with_inputs(standardizer=standardizer)
        train = self.train.with_inputs(standardizer=standardizer)
        return replace(self, train=train, held_out=held_out)


def prepare(
    sample,
    held_out=None,
    *,
    fraction=None,
    random_state=None,
    standardize=True,
    scaling=None,
    factors=None,
    joins=False,
):
    """Hold rows out, and scale by what is seen of the others.

    Parameters
    ----------
    sample : Sample
    held_out : Sample, default=None
        The caller's own held-out rows.
    fraction : float, default=None
        The share of ``sample`` that is held out where there are none; None for none.
    random_state : numpy.random.RandomState, default=None
        Draws them.
    standardize : bool or "robust", default=True
        As of `ScratchMLPClassifier`.
    scaling : tuple, default=None
        The arguments of the `Standardizer` of an earlier call, to be used again.
    factors : ndarray of shape (n_inputs,), default=None
        That the columns are multiplied by, where there is no ``scaling``.
    joins : bool, default=False
        Whether copies of a row are trained on as one of their weight: on the full
        batch the same but for rounding, which `joined` spares.

    Returns
    -------
    PreparedData
        Over the same arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_scratchnn.data.prepared import prepare
    >>> from sklearn_scratchnn.data.sample import make_sample
    >>> from sklearn_scratchnn.network.losses import LOSSES
    >>> X, y = load_iris(return_X_y=True)
    >>> sample = make_sample(X, y, LOSSES["softmax_cross_entropy"])
    >>> data = prepare(sample, fraction=0.2, random_state=np.random.RandomState(0))
    >>> data.train.n_samples, data.held_out.n_samples
    (120, 30)
    """
    if held_out is None and fraction is not None:
        sample, held_out = sample.split(fraction, random_state)
    n_rows = sample.n_samples
    if joins:
        sample = joined(sample)
    standardizer = None
    if standardize and scaling is not None:
        standardizer = Standardizer(*scaling)
    elif standardize:
        robust = standardize == "robust"
        standardizer = sample.once(("scale", robust), lambda: sample.measured(robust))
        if factors is not None:
            standardizer = standardizer.stretched(factors)
    data = PreparedData(sample, held_out, n_rows - sample.n_samples)
    return data.scaled_by(standardizer)


def joined(sample):
    """Return the distinct rows, in a fixed order, where there are copies or weights.

    So weights and copies train the same network to the last digit. Training makes of a
    rounding what it likes, the more the longer it goes on.

    Parameters
    ----------
    sample : Sample

    Returns
    -------
    Sample
        Of the same sum of weights; the same sample, if it has neither, or is large.
    """
    numbers = sample.X if sample.is_dense else sample.X.data
    if numbers.nbytes > SORTED_BYTES:
        return sample
    rows = sample.once("joined", sample.distinct)
    alike = sample.weights is None and rows.n_samples == sample.n_samples
    return sample if alike else rows
