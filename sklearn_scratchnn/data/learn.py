"""What training rows say of their columns, and rows read accordingly."""

from dataclasses import replace

from .columns import Columns, RawTable, learn_columns, with_means


def learn(sample):
    """Learn categories, gaps and means of the columns of training rows.

    Parameters
    ----------
    sample : Sample
        As it was made; of a `RawTable`, or of numbers without gaps.

    Returns
    -------
    sample : Sample
        The same rows, encoded. Means of numbers without gaps are left for later.
    without_value : list of int
        Columns that are ignored, as no row that counts has a value there.

    Raises
    ------
    ValueError
        If no column has a value.
    """
    raw = sample.X
    if not isinstance(raw, RawTable):
        return sample.encoded(Columns()), []
    columns, without_value = learn_columns(raw, sample.given_weights, sample.subset)
    if len(without_value) == len(raw.columns):
        raise ValueError("X has no column with a value: all are missing.")
    sample = replace(sample, X=columns.code(raw), columns=columns)
    means = sample.means()
    # A new sample: with other means, rows sort in another order.
    return replace(sample).encoded(with_means(columns, means)), without_value


def apply(columns, sample):
    """Return rows encoded by what was learnt of others.

    Parameters
    ----------
    columns : Columns
    sample : Sample
        As it was made.

    Returns
    -------
    Sample
    """
    if isinstance(sample.X, RawTable):
        sample = replace(sample, X=columns.code(sample.X))
    return sample.encoded(columns)
