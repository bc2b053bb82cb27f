"""A fit over the blocks of a cluster: the same steps, with sums made elsewhere."""

from typing import ClassVar

import numpy as np

from ..estimator.fitting import Fit
from ..training.penalty_search.search import PenaltySearch
from .blocks import ROWS_AT_HAND
from .objective import ClusterObjective


class ClusterSearch(PenaltySearch):
    """Chooses the penalty on the rows at hand.

    Parameters
    ----------
    network : Network
    data : PreparedData
        Of `ClusterSample`.
    settings : Settings
    random_state : numpy.random.RandomState
        All as of `PenaltySearch`.
    """

    def __init__(self, network, data, settings, random_state):
        super().__init__(network, data, settings, random_state)
        self._data = data
        if data.held_out is not None:
            self._parts = [(self._rows, data.held_out.at_hand())]

    def objectives(self, objective, standardizer):
        """Return the objectives of a part of all blocks, and of the rows held out."""
        sample = self._data.train.with_inputs(standardizer=standardizer)
        fraction = min(1 / 5, ROWS_AT_HAND / sample.n_samples)
        random_state = np.random.RandomState(self._seed)
        train, held_out = sample.split(fraction, random_state)
        part = ClusterObjective(
            self.network,
            train,
            objective.penalty * sample.total_weight / train.total_weight,
            block_rows=self.settings.solver.batch_size,
            draw_mask=objective.draw_mask,
            label_smoothing=self.settings.label_smoothing,
        )
        return part, ClusterObjective(self.network, held_out)


class ClusterFit(Fit):
    """One training over the blocks of a cluster; see `Fit`.

    Copies of a row are not looked for, which would bring rows together.
    """

    joins_copies = False
    makers: ClassVar[dict] = {
        "make_objective": ClusterObjective,
        "make_search": ClusterSearch,
    }
