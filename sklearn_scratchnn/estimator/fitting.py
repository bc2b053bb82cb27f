"""One call of `fit` or `partial_fit`: resolve the plan, prepare, train, expose."""

from dataclasses import astuple
from typing import ClassVar

import numpy as np

from ..data.prepared import prepare
from ..network.activations import ACTIVATIONS
from ..network.network import Network
from ..network.parameters import ParameterVector, initialize
from ..training.fit_network import fit_network
from ..training.state import TrainingState
from .architecture import n_parameters
from .attributes import FittedAttributes
from .convergence import doubts_of, warn_of_convergence
from .parameter_checks import check_gauss_newton
from .planning import resolve_plan
from .resuming import LiveTraining, fingerprint_of, settings_of, take_up
from .scoring import make_score
from .settings import make_settings


class Fit:
    """One training, from a checked sample to fitted attributes.

    Parameters
    ----------
    estimator : estimator
        Whose parameters say how; it is changed by `run` alone.
    sample : Sample
    held_out : Sample or None
        The caller's own held-out rows.
    random_state : numpy.random.RandomState
        Draws the weights, then the split, then what the training draws.
    start : FittedLayers, default=None
        What to start from.
    state : TrainingState, default=None
        What an earlier call left.
    incremental : bool, default=False
        Whether this is `partial_fit`.
    callbacks : CallbackObserver, default=None
        None where there are none.
    observers : sequence of Observer, default=()
        Asked before the callbacks.
    """

    joins_copies = True
    makers: ClassVar[dict] = {}  # for `fit_network`, where rows lie elsewhere

    def __init__(
        self,
        estimator,
        sample,
        held_out,
        random_state,
        *,
        start=None,
        state=None,
        incremental=False,
        callbacks=None,
        observers=(),
    ):
        self.estimator, self.incremental, self.start = estimator, incremental, start
        self.random_state, self.callbacks = random_state, callbacks
        self.observers = (*observers, callbacks) if callbacks else observers
        self.given_state, self._data_print = state, None
        self._begin = random_state.get_state(legacy=False) if callbacks else None

        self.plan, activations = resolve_plan(
            estimator, sample, held_out, start, state, incremental
        )
        sample, held_out = self._encode(sample, held_out)
        layer_sizes = (sample.n_inputs, *self.plan.hidden, len(sample.classes))
        if self.plan.solver == "gauss_newton":
            check_gauss_newton(n_parameters(layer_sizes), activations, sample.loss)
        parameters = ParameterVector(layer_sizes, self.plan.dtype)
        functions = [ACTIVATIONS[name] for name in activations]
        self.network = Network(parameters, functions, sample.loss)
        if start is None:
            # Before rows are held out: so a seed draws the same weights either way.
            initialize(
                self.network.parameters,
                self.network.activations,
                estimator.init,
                random_state,
            )
        holds_out = self.plan.early_stopping
        self.data = prepare(
            sample,
            held_out,
            fraction=estimator.validation_fraction if holds_out else None,
            random_state=random_state,
            standardize=estimator.standardize,
            scaling=state.scaling if state else None,
            factors=start.factors if start else None,
            joins=self.joins_copies and self._full_batch,
        )
        self.attributes = FittedAttributes(
            estimator, self.plan, self.data, activations, incremental
        )
        if start is not None:
            self.attributes.start_from(self.network, start)
        self.state = state
        if state is not None:
            self.state = take_up(
                state, estimator, self.plan, self.network, self.data
            )

    @property
    def _full_batch(self):
        """Whether each update sees all the rows, whole."""
        return self.plan.batch_size is None and not self.plan.dropout

    def _encode(self, sample, held_out):
        """Return the samples with the encoding of the plan, or of the fitted layers.

        Edges are found before rows are held out: they see no labels.
        """
        if self.plan.encoding == "linear":
            return sample, held_out
        for name, rows in (("X", sample), ("X_val", held_out)):
            if rows is not None and not rows.is_dense:
                raise ValueError(
                    f"{name} is sparse, and cannot be cut into bins: the network has "
                    "numeric_encoding='piecewise'. Use numeric_encoding='linear', or "
                    f"{name}.toarray()."
                )
        if self.start is not None:
            sample = sample.encoded(sample.columns, self.start.edges)
        else:
            sample = sample.in_bins(self.plan.n_bins)
        if held_out is not None:
            held_out = held_out.encoded(sample.columns, sample.encoding.edges)
        return sample, held_out

    # Training ----------------------------------------------------------------------

    def run(self):
        """Train; return the `TrainingRun`."""
        if self.callbacks:
            self.callbacks.begin(self, self.plan.max_iter)
        score = None
        if self.data.held_out is not None:
            score = make_score(
                self.estimator, self.data.held_out, self.attributes.fitted_copy
            )
        earlier = getattr(self.estimator, "n_iter_", 0) if self.incremental else 0
        run = fit_network(
            self.network,
            self.data,
            make_settings(
                self.plan,
                self.estimator,
                self.incremental,
                temperature=self.start.temperature if self.start else 1.0,
            ),
            start=self.network.parameters,
            state=self.state,
            random_state=self.random_state,
            observers=self.observers,
            score=score,
            start_is_candidate=self.start is not None,
            first_epoch=earlier,
            **self.makers,
        )
        if self.callbacks:
            try:
                self.callbacks.end(run)
            except KeyboardInterrupt as interruption:
                interruption.training = run
                raise
        return run

    # After training ----------------------------------------------------------------

    def expose(self, run):
        """Set the fitted attributes, and warn where they are not to be trusted."""
        vars(self.estimator).update(self.attributes.of(run, run.theta))
        warn_of_convergence(doubts_of(run, self))

    def make_resumable(self, run):
        """Let a `Checkpoint` ask the estimator for the state of this training."""
        if not self.incremental:
            self.estimator._training_state = LiveTraining(run, self._belongs_to)

    def _belongs_to(self):
        if self._data_print is None:
            self._data_print = fingerprint_of(self.data)
        settings = settings_of(self.estimator, self.plan, self.network, self.data)
        return {
            "settings": settings | {"max_iter": self.plan.max_iter},
            "data": self._data_print,
            "begin": self._begin,
            "start": self.start,
        }

    def state_for_partial_fit(self, run):
        """Return what the next `partial_fit` goes on with.

        Where this call's updates were taken back, or left infinite moments, that is
        what it went on with itself: later calls would diverge too, or stand still.
        """
        solver, observers = run.solver_state, run.carried()
        whole = run.result() is run.theta and not run.restored
        moments = solver["optimizer"].values()
        if not (whole and all(np.isfinite(value).all() for value in moments)):
            if self.given_state is not None:
                return self.given_state
            solver, observers = run.solver.init(run.objective), {}
        penalised = self.plan.solver != "adamw"
        scaled, units = self.data.standardizer, self.data.train.target_scale
        return TrainingState(
            purpose="partial_fit",
            solver={**solver, "epoch": 0},
            random_state=self.random_state,
            observers={n: v for n, v in observers.items() if n == "PlateauStop"},
            settings={"solver": self.plan.solver, "rate": self.plan.rate},
            alpha=run.choice.alpha / self.data.train.n_samples if penalised else None,
            scaling=scaled and (scaled.mean, scaled.scale, None, scaled.factors),
            target_scale=units and astuple(units),
        )
