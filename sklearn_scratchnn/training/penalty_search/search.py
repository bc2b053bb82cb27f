"""``alpha="auto"``: what is chosen on held-out rows before a network is trained.

How large a penalty should be depends on how noisy the labels are, and that does not
follow from the numbers of rows and features. So some of the distinct rows are held out,
and the network is trained on the others with several alphas: along a path where the
solver allows it, else in short runs. Few rows held out would judge by chance: each part
is held out in turn, thirds along a path below `THIRDS_ROWS` rows, and tenths below
`FEW_ROWS`.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..objective import Objective
from .candidates import Candidates
from .path import ALPHAS, alphas_for, part_units, tie_limit, walk
from .relevance import relevances
from .short_runs import ALPHAS as SHORT_ALPHAS
from .short_runs import outward, rows_of_short_runs, short_runs

FEW_ROWS, TENTHS = 100, 10
THIRDS_ROWS = 500
SELECT_WITHIN_SE, FEW_WITHIN_SE = 0.7, 1.5
ALIKE = 0.5  # of the largest relevance: columns above it need no penalty of their own
ALPHA = 1.0  # where no row can be held out


@dataclass
class Choice:
    """What a search has chosen so far.

    Parameters
    ----------
    alpha : float or None, default=None
        None before the first was tried to its end.
    table : dict or None, default=None
        The alphas that were tried, see ``Candidates.table``.
    temperature : float, default=1.0
        That the logits are to be divided by.
    factors : ndarray of shape (n_inputs,), default=None
        That the standardised inputs are multiplied by; None for none.
    """

    alpha: float | None = None
    table: dict | None = None
    temperature: float = 1.0
    factors: np.ndarray | None = None


class PenaltySearch:
    """Chooses the penalty, and leaves the parameters that training goes on from.

    Parameters
    ----------
    network : Network
        Its parameters are where each training begins, and are changed.
    data : PreparedData
        Its held-out rows are those that are judged by, where there are any.
    settings : Settings
    random_state : numpy.random.RandomState
        Draws the rows that are held out, and the order of minibatches.

    Attributes
    ----------
    choice : Choice
    """

    def __init__(self, network, data, settings, random_state):
        self.network, self.settings = network, settings
        self.on_path = settings.solver.monotone
        self._first = network.parameters.theta.copy()
        self._rows = rows = data.train.distinct()
        self._divided = data.held_out is None
        if data.held_out is not None:
            self._parts = [(rows, data.held_out)]
        elif rows.n_samples < FEW_ROWS:
            self._parts = list(rows.folds(TENTHS, random_state))
        elif self._takes_turns(rows.n_samples):
            self._parts = list(rows.folds(3, random_state))
        else:
            folds = rows.folds(3 if self.on_path else 5, random_state)
            self._parts = [next(folds)]
        # Where each class has one row, none can be held out.
        self._parts = [parts for parts in self._parts if parts[1].n_samples]
        self._random_state, self._seed = random_state, random_state.randint(2**31)
        self._alphas = SHORT_ALPHAS[:1] + ALPHAS
        if self._parts and len(self._parts) < TENTHS:
            weight = self._parts[0][0].total_weight
            self._alphas = alphas_for(weight, self._may_end_early)
        ends_anywhere = self.on_path and len(self._parts) == 1
        self.choice = Choice()
        if ends_anywhere:
            none_yet = Candidates(network.loss).table()
            self.choice = Choice(self._alphas[0], none_yet)
        elif not self._parts:
            self.choice = Choice(ALPHA)

    def _takes_turns(self, n_samples):
        """Whether each third is held out in turn, which takes three paths."""
        several = self.on_path and not self.settings.single_path
        return several and n_samples < THIRDS_ROWS

    @property
    def _may_end_early(self):
        """Whether a path ends where it gets worse; several must try the same alphas."""
        return self.on_path and self.settings.single_path and len(self._parts) == 1

    @property
    def _begins_on_all_rows(self):
        """Whether training begins on a path over its own rows, not over a part."""
        return self.on_path and (len(self._parts) > 1 or not self._divided)

    @property
    def part_is_trained_first(self):
        """Whether the training itself begins without the held-out rows."""
        return (
            self.settings.calibrate
            and self.settings.solver.stochastic
            and self.settings.solver.max_iter > 1
            and self._divided
            and len(self._parts) == 1
        )

    def objectives(self, objective, standardizer):
        """Return the objectives of the part to train on, and of the part held out.

        Parameters
        ----------
        objective : Objective
            Over all rows, with the chosen penalty.
        standardizer : Standardizer or None
            How all rows are scaled.

        Returns
        -------
        part, held_out : Objective
        """
        network = self.network
        train, held_out = (
            part.with_inputs(standardizer=standardizer) for part in self._parts[0]
        )
        train = self._for_minibatches(train)
        part = Objective(
            network,
            train,
            objective.penalty * self._rows.total_weight / train.total_weight,
            block_rows=self.settings.solver.batch_size,
            draw_mask=objective.draw_mask,
            label_smoothing=self.settings.label_smoothing,
        )
        return part, Objective(network, held_out)

    def run(self):
        """Choose. A KeyboardInterrupt leaves what was chosen until then."""
        if not self._parts:
            return
        with np.errstate(all="ignore"):
            self._search()
            if self.settings.adaptive:
                self._search_adaptively()
        if not self.on_path:
            np.copyto(self.network.parameters.theta, self._first)

    def _search(self):
        """Try all alphas; set the choice, and the parameters it came to."""
        theta = self.network.parameters.theta
        candidates = Candidates(
            self.network.loss,
            len(self._parts),
            self.settings.calibrate,
            tie_limit(self._rows.total_weight),
            FEW_WITHIN_SE if len(self._parts) == TENTHS else SELECT_WITHIN_SE,
        )
        trained = {}
        try:
            for train, held_out in self._parts:
                self._try_alphas(train, held_out, candidates, trained)
        finally:
            if candidates.tried:
                chosen = candidates.chosen()
                self.choice = replace(
                    self.choice,
                    alpha=chosen.alpha,
                    table=candidates.table(),
                    temperature=chosen.temperature,
                )
                if trained:
                    np.copyto(theta, trained[chosen.alpha])
        if self._begins_on_all_rows:
            self._begin(trained)

    def _begin(self, trained):
        """Be on all rows where a path is before the chosen alpha.

        The training with it may then take more than the epochs of a path.
        """
        parameters = self.network.parameters
        above = [alpha for alpha in self._alphas if alpha > self.choice.alpha]
        np.copyto(parameters.theta, self._first)
        if above and self._divided:
            walk(self.network, self._rows, self.settings, above, lambda alpha: None)
        elif above:
            np.copyto(parameters.theta, trained[above[-1]])
        if above:
            part_units(parameters, self._first)

    def _try_alphas(self, train, held_out, candidates, trained):
        network, smoothing = self.network, self.settings.label_smoothing
        theta = network.parameters.theta
        judged = Objective(network, held_out, label_smoothing=smoothing)

        def judge(alpha):
            candidates.add(alpha, judged.outputs())
            if self.on_path or self.settings.adaptive:
                trained[alpha] = theta.copy()
            return self._may_end_early and candidates.is_past_the_best()

        np.copyto(theta, self._first)
        if self.on_path:
            walk(network, train, self.settings, self._alphas, judge)
            return
        train, share = rows_of_short_runs(train, self._random_state)
        train, alphas = self._for_minibatches(train), SHORT_ALPHAS
        if len(self._parts) == 1:
            alphas = outward(candidates.loss_of)
        short_runs(network, train, self.settings, alphas, judge, self._seed, share)

    def _for_minibatches(self, sample):
        """Return the rows so that none outweighs a batch; unshuffled, as they came."""
        sample = sample.evened()
        if self.settings.solver.shuffle:
            return sample
        return sample.only(np.sort(sample.subset))

    def _search_adaptively(self):
        """Search again under penalties that follow from the network as it is."""
        theta = self.network.parameters.theta
        choice, start = self.choice, theta.copy()
        if self._begins_on_all_rows:
            chosen = [choice.alpha]
            walk(self.network, self._rows, self.settings, chosen, lambda alpha: None)
        encoding = self._rows.encoding
        factors = relevances(
            self.network.weights[0], encoding and encoding.group_of_input
        )
        if factors.min() > ALIKE * factors.max():
            np.copyto(theta, start)
            return
        self._adapt(factors)
        try:
            self._search()
        except KeyboardInterrupt:
            if self.choice.table is choice.table:  # none was tried to its end
                self.choice = choice
                np.copyto(theta, start)
            raise

    def _adapt(self, factors):
        """Scale each input."""
        self.choice = replace(self.choice, factors=factors)
        standardizer = self._rows.standardizer.stretched(factors)
        self._rows = self._rows.with_inputs(standardizer=standardizer)
        self._parts = [
            tuple(part.with_inputs(standardizer=standardizer) for part in parts)
            for parts in self._parts
        ]
