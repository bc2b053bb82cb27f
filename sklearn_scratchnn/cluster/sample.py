"""The rows of a cluster, in the form that a fit asks: few at hand, all elsewhere."""

from dataclasses import dataclass, fields, replace

import numpy as np

from ..data.columns import with_means
from ..data.encoding import find_edges
from ..data.sample import Sample, check_total
from ..data.standardize import Standardizer, moments_of
from ..data.table import Table
from ..data.target_scale import TargetScale
from ..data.targets import class_factors
from . import passes
from .blocks import Selection, code_block, rows_at_hand, rows_to_hold_out
from .distribution import groups_for
from .passes import Part
from .tree import add_parts


@dataclass
class ClusterSample(Sample):
    """Rows on a cluster, some of which are at hand.

    Its arrays are those of the rows at hand: all of few rows, else rows at equal
    distances in every block. Sums and counts are those of all rows.

    Parameters
    ----------
    blocks : Blocks, default=None
        Of `Block`.
    selections : tuple of Selection, default=()
        Which of their rows.
    sizes : ndarray of int of shape (n_blocks,), default=None
        Rows of each block.
    weight_of_all : float, default=0.0
    class_masses : ndarray of shape (n_classes,), default=None
        The weight of each class; None where rows are not of one class.
    target_distributions : list of Distribution, default=None
        Of each column of numbers.
    local_steps : int, default=1
        Updates on a worker's own rows between two means.
    """

    blocks: object = None
    selections: tuple = ()
    sizes: np.ndarray | None = None
    weight_of_all: float = 0.0
    class_masses: np.ndarray | None = None
    target_distributions: list | None = None
    local_steps: int = 1

    @property
    def part(self):
        """Which rows of every block, and how they are encoded and scaled."""
        edges = self.encoding and self.encoding.edges
        return Part(self.selections, self.columns, edges, self.standardizer)

    @property
    def n_samples(self):
        """Number of rows."""
        return int(self.sizes.sum())

    @property
    def total_weight(self):
        """Sum of the weights."""
        return self.weight_of_all

    @property
    def n_distinct(self):
        """Number of rows: copies are not looked for."""
        return self.n_samples

    def at_hand(self):
        """Return the rows at hand as a sample of their own.

        Returns
        -------
        Sample
        """
        names = [f.name for f in fields(Sample) if f.init]
        return Sample(**{name: getattr(self, name) for name in names})

    def distinct(self):
        """Return the distinct rows of those at hand."""
        return self.at_hand().distinct()

    def constant_loss(self, label_smoothing=0.0):
        """Return the least loss of a constant; see `Sample.constant_loss`."""
        if self.class_masses is not None:
            codes, weights = np.arange(len(self.classes)), self.class_masses
        elif self.target_distributions and len(self.target_distributions) == 1:
            (targets,) = self.target_distributions
            codes = self.target_scale.inside(targets.values[:, np.newaxis])
            weights = targets.masses
        else:
            return self.at_hand().constant_loss(label_smoothing)
        n_outputs = len(self.classes)
        return self.loss.constant_loss(codes, weights, n_outputs, label_smoothing)

    def split(self, fraction, random_state):
        """Return a part to train on and a part held out, stratified by the classes.

        Parameters
        ----------
        fraction : float
            The share that is held out.
        random_state : numpy.random.RandomState

        Returns
        -------
        train, held_out : ClusterSample

        Raises
        ------
        ValueError
            If there are too few rows.
        """
        n_groups = 1 if self.class_masses is None else len(self.classes)
        part = Part(self.selections)
        counts = self.blocks.collect(passes.group_sizes, part, n_groups)
        n_held = rows_to_hold_out(np.array(counts), fraction, random_state)
        if not n_held.any():
            raise ValueError(
                f"{fraction:g} of {self.n_samples} rows cannot be held out: no class "
                "has two rows. Give more rows, or early_stopping=False."
            )
        held = Selection(random_state.randint(2**31), n_held, True)
        return self.selected(held.other()), self.selected(held)

    def selected(self, selection):
        """Return a part of every block.

        Parameters
        ----------
        selection : Selection

        Returns
        -------
        ClusterSample
        """
        part = replace(self, selections=(*self.selections, selection), X=None)
        return part.with_rows()

    def with_rows(self):
        """Return the sample with what is counted, and with rows at hand."""
        part = Part(self.selections, self.columns)
        counted = self.blocks.collect(passes.size, part)
        sizes, weights = (np.array(values) for values in zip(*counted))
        sample = replace(self, sizes=sizes, weight_of_all=float(weights.sum()))
        rows = self.blocks.collect(passes.some_rows, part, rows_at_hand(sizes))
        rows = [block for block in rows if block is not None]
        if not rows:
            return sample
        X, codes, weights, given = (_joined(parts) for parts in zip(*rows))
        arrays = {"X": X, "y": codes, "codes": codes, "weights": weights}
        return replace(sample, given_weights=given, **arrays)

    def _cut(self, n_bins):
        """Return the rows with edges that follow from all rows."""
        part = Part(self.selections, self.columns)
        table = isinstance(self.X, Table)
        places = self.columns.numeric() if table else np.arange(self.X.shape[1])
        most = groups_for(len(places))
        found = self.blocks.sum(passes.distributions, part, most, add=passes.add_each)
        edges = [np.array([])] * (
            len(self.columns.column_means_) if table else len(places)
        )
        for j, column in zip(places, found):
            edges[j] = find_edges(column.values, column.masses, n_bins)
            with np.errstate(over="ignore"):
                if not np.isfinite(np.diff(edges[j])).all():
                    raise ValueError(
                        f"Column {j} of X is too wide for numeric_encoding='piecewise':"
                        " divide it by a constant."
                    )
        return self.encoded(self.columns, edges)

    def measured(self, robust=False):
        """Return how the inputs of all rows are standardised."""
        edges = self.encoding and self.encoding.edges
        part, weight = Part(self.selections, self.columns, edges), self.total_weight
        blocks = self.blocks
        first = blocks.sum(passes.first_inputs, part, add=passes.first_of)
        extent = blocks.sum(passes.extent, part, weight, first, add=passes.add_known)
        powers = blocks.sum(passes.powers, part, weight, extent, add=passes.add_known)
        with np.errstate(over="ignore", invalid="ignore"):
            moments = moments_of(extent, powers)
        return Standardizer.of_moments(moments, robust, self.encoding)

    def digests(self, digest):
        """Return digests of X, y and the weights of all blocks."""
        part = Part(self.selections)
        blocks = self.blocks.collect(passes.digest, part, digest)
        return [" ".join(prints) for prints in zip(*filter(None, blocks))]

    def means(self):
        """Return the weighted mean of the known numbers of each column.

        Returns
        -------
        ndarray of float64 of shape (n_numbers,)
        """
        part, blocks = Part(self.selections), self.blocks
        first = blocks.sum(passes.numbers_of_first, part, add=passes.first_of)
        sums, weights = blocks.sum(passes.known_sums, part, first, add=add_parts)
        with np.errstate(over="ignore", invalid="ignore"):
            return first + sums / weights


def _joined(parts):
    """Return the rows of all blocks in one array or table, or None."""
    if parts[0] is None:
        return None
    if isinstance(parts[0], Table):
        numbers = np.concatenate([part.numbers for part in parts])
        codes = None
        if parts[0].codes is not None:
            codes = np.concatenate([part.codes for part in parts])
        return Table(numbers, codes)
    return np.concatenate(parts)


def make_cluster_sample(raw, facts, columns, class_weight, local_steps):
    """Return the sample of all rows.

    Parameters
    ----------
    raw : Blocks
        Of `RawBlock`.
    facts : Facts
        Of all blocks.
    columns : Columns
        As they were learnt, the means 0; or of an earlier fit.
    class_weight : dict, "balanced" or None
    local_steps : int

    Returns
    -------
    ClusterSample
        Encoded, but for bins.
    """
    loss, factors, masses, units = facts.loss, None, facts.masses, None
    classes = facts.classes()
    if loss.predicts_numbers:
        numbers = [(column.values, column.masses) for column in facts.targets]
        units = TargetScale.of_columns(numbers, loss)
    elif class_weight is not None:
        known = None if masses is None else np.arange(len(classes))
        with np.errstate(over="ignore", invalid="ignore"):
            factors = class_factors(class_weight, classes, known, masses)
            masses = masses * factors
            check_total(masses.sum())
    as_table = facts.columns is not None or not columns.are_numbers
    blocks = raw.map(code_block, columns, loss, classes, factors, units, as_table)
    return ClusterSample(
        X=None,
        y=None,
        loss=loss,
        classes=classes,
        codes=None,
        columns=columns,
        target_scale=units,
        blocks=blocks,
        class_masses=masses,
        target_distributions=facts.targets,
        local_steps=local_steps,
    )


def ready(sample, learns_means):
    """Return the sample with means, where it is a table, and with rows at hand.

    Parameters
    ----------
    sample : ClusterSample
    learns_means : bool

    Returns
    -------
    ClusterSample
    """
    if learns_means and sample.columns.column_means_ is not None:
        sample = replace(sample, columns=with_means(sample.columns, sample.means()))
    sample = sample.with_rows()
    return sample.encoded(sample.columns)
