"""One call of ``fit`` or ``partial_fit``, from checked data to fitted attributes."""

import copy
import warnings
from contextlib import suppress
from dataclasses import replace
from numbers import Real

import numpy as np

from .._compat import has_callbacks, takes_weights
from ..data.inputs import split
from ..data.standardize import Standardizer
from ..network.parameters import ParameterVector, initialize
from ..training.alpha_path import HELD_OUT, PASSES, AlphaPath
from ..training.stopping import Patience
from ..training.threads import blas_threads
from ..training.training import Training
from .assembly import (
    Dropout,
    activation_names,
    check_combination,
    check_curvature,
    check_magnitudes,
    hidden_sizes,
    make_network,
    make_objective,
    make_solver,
)
from .defaults import make_plan

MOST_IN_FLOAT32 = 1e18  # about the root of its largest number
# Of |mean| |W|, which a unit's bias takes away again: what is left has the rounding of
# both, some 1e-3, where units bend at 1.
MOST_OFFSET_IN_FLOAT32 = 1e4
UNWEIGHTED = (
    "scoring={!r} takes no sample_weight: it judges the validation rows as if they "
    "counted alike. Name a scorer that takes weights, or 'loss'."
)
UNJUDGED = (
    "scoring={!r} cannot judge the validation rows. They may lack a class, which "
    "scoring='loss' does not mind. The scorer says: {}"
)


class Fit:
    """The parts of one training, made from an estimator's parameters and its data.

    Parameters
    ----------
    params : ScratchMLPClassifier
        Only read.
    sample : Sample
    classes : ndarray of shape (n_outputs,)
    random_state : numpy.random.RandomState
        Draws the weights, then the split, then what the training draws.
    held_out : Sample or None
        From ``X_val`` and ``y_val``.
    start : tuple of (coefs, intercepts, alpha) or None
        Fitted layers to start from, for raw inputs, and the penalty they had.
    carried : dict or None
        What an earlier ``partial_fit`` left, empty at its first call; None in ``fit``.
    """

    def __init__(
        self, params, sample, classes, random_state, held_out, start=None, carried=None
    ):
        self.params, self.classes, self.random_state = params, classes, random_state
        self.start, self.carried = start, carried
        check_magnitudes(params)
        # For `snapshot`; it takes as long as a pass over a few hundred rows.
        begin = random_state.get_state(legacy=False) if has_callbacks(params) else None
        self._initial_random_state = begin
        hidden = hidden_sizes(params.hidden_layer_sizes)
        self.activations = activation_names(params.activation, len(hidden))
        self.layer_sizes = (sample.X.shape[1], *hidden, len(classes))
        multilabel = sample.codes.ndim == 2
        loss = "logistic_cross_entropy" if multilabel else "softmax_cross_entropy"
        self.alpha_path = None
        self.plan = self._make_plan(sample, held_out, loss)
        self.parameters = ParameterVector(self.layer_sizes, self.plan.dtype)
        self.network = make_network(self.parameters, self.activations, loss)
        if start is None:
            initialize(
                self.parameters, self.network.activations, params.init, random_state
            )
        if self.plan.early_stopping and held_out is None:
            sample, held_out = split(sample, params.validation_fraction, random_state)
        self.sample, self.held_out = sample, held_out
        self.standardizer = self._make_standardizer()
        if start is not None:
            self._start_from(*start[:2])
        self.training = self._make_training()
        self.state = self._begin_or_go_on()

    def _begin_or_go_on(self):
        """Return the solver's state; the rule's own begins anew with another rule."""
        state = self.training.solver.init(self.training.objective)
        if not self.carried:
            return state
        carried = copy.deepcopy(self.carried["state"])
        same = self.carried.get("solver", self.plan.solver) == self.plan.solver
        if not same or carried["rule"].keys() != state["rule"].keys():
            carried |= {"rule": state["rule"], "rate_factor": 1.0}
        if self.carried.get("rate", self.plan.rate) != self.plan.rate:
            carried["rate_factor"] = 1.0
        return carried

    def _make_plan(self, sample, held_out, loss):
        n_parameters = sum(
            (fan_in + 1) * fan_out
            for fan_in, fan_out in zip(self.layer_sizes[:-1], self.layer_sizes[1:])
        )
        if n_parameters > np.iinfo(np.intp).max // 8:
            raise ValueError(
                f"hidden_layer_sizes={self.params.hidden_layer_sizes!r} makes "
                f"{n_parameters} parameters, more than an array can hold."
            )
        plan = make_plan(
            self.params,
            sample.n_samples,
            n_parameters,
            validated=held_out is not None,
            incremental=self.carried is not None,
            pathless=self.start is not None or sample.rarest_class() < 3,
        )
        check_combination(self.params, plan)
        if plan.solver == "gauss_newton":
            check_curvature(n_parameters, self.activations, loss)
        if self.start is not None and self.params.alpha == "auto":
            return replace(plan, alpha=self._earlier_alpha(plan, sample.n_samples))
        return plan

    def _earlier_alpha(self, plan, n_samples):
        """Return the penalty that the fitted layers had, in ``partial_fit`` per row."""
        alpha = self.start[2]
        if self.carried is None:
            return alpha
        if "alpha_per_row" in self.carried:
            return self.carried["alpha_per_row"] * n_samples
        passes, rows = self._earlier("n_iter_", 0), self._earlier("t_", 0)
        return alpha * n_samples * passes / rows if rows else plan.alpha

    def _make_standardizer(self):
        if not self.params.standardize:
            return None
        if self.carried and "mean" in self.carried:
            return Standardizer(self.carried["mean"], self.carried["scale"])
        sample = self.sample
        standardizer = Standardizer.from_rows(
            sample.X,
            sample.of_subset(sample.weights),
            sample.subset,
            robust=self.params.standardize == "robust",
        )
        if self.start is not None:
            # Of a column that is constant now the fitted weights may know more.
            standardizer.constant = None
        return standardizer

    @np.errstate(all="ignore")
    def _start_from(self, coefs, intercepts):
        """Express fitted layers, which take raw inputs, in standardised ones."""
        W, b = coefs[0], intercepts[0]
        if self.standardizer is not None:
            W, b = self.standardizer.unfold(W, b)
        self.parameters.assign([W, *coefs[1:]], [b, *intercepts[1:]])

    def _make_training(self):
        params, plan, sample = self.params, self.plan, self.sample
        dropout = Dropout(params.dropout, self.random_state) if params.dropout else None
        alpha = 0.0 if plan.solver == "adamw" else plan.alpha or 0.0
        objective = self._make_objective(
            sample, alpha / sample.total_weight, plan.batch_size, dropout
        )
        validation = None
        if self.held_out is not None:
            validation = self._make_validation()
        return Training(
            objective,
            make_solver(plan, params, self.random_state),
            self._make_patience(),
            validation,
            keep_best=plan.early_stopping,
            verbose=params.verbose,
            first_epoch=self._earlier("n_iter_", 0),
        )

    def _make_patience(self):
        """Return who judges when training stalls, or None where nobody does."""
        plan, n_epochs = self.plan, self.params.n_iter_no_change
        if self.carried is not None:
            if plan.schedule != "adaptive":
                return None
            patience = Patience(plan.tol, n_epochs)
            if self.carried.get("patience"):
                patience.best, patience.count = self.carried["patience"]
            return patience
        stalls = plan.batch_size is not None and plan.schedule != "cosine"
        if plan.early_stopping or stalls or plan.schedule == "adaptive":
            return Patience(plan.tol, n_epochs)
        return None

    def _make_objective(self, sample, penalty=0.0, block=None, dropout=None):
        smoothing = self.params.label_smoothing
        return make_objective(
            self.network,
            self.parameters,
            sample,
            self.standardizer,
            penalty,
            block,
            dropout,
            smoothing,
        )

    def _choose_alpha(self):
        """Choose the penalty on held-out rows; training goes on from there."""
        sample, held_out = self.sample, self.held_out
        if held_out is None:
            sample, held_out = split(sample, HELD_OUT, self.random_state)
        plan = replace(self.plan, max_iter=PASSES)
        path = AlphaPath(
            self._make_objective(sample),
            self._make_objective(held_out),
            make_solver(plan, self.params, self.random_state),
            sample.total_weight,
        )
        with np.errstate(all="ignore"):
            try:
                path.walk()
            finally:
                self._set_alpha(path.alpha, path.table())

    def _set_alpha(self, alpha, path):
        self.plan, self.alpha_path = replace(self.plan, alpha=alpha), path
        self.training.objective.penalty = alpha / self.sample.total_weight

    def _make_validation(self):
        """Return a function of no arguments: loss and score on the held-out rows."""
        held_out, scoring = self.held_out, self.params.scoring
        objective = make_objective(
            self.network, self.parameters, held_out, self.standardizer
        )
        if scoring == "loss":

            def validation():
                loss = float(objective.value())
                return loss, -loss

            return validation
        from sklearn.metrics import check_scoring

        scorer = check_scoring(self.params, scoring=scoring)
        rows = slice(None) if held_out.subset is None else held_out.subset
        X, y = held_out.X[rows], held_out.y[rows]
        weights = held_out.of_subset(held_out.weights)
        weighted = {} if weights is None else {"sample_weight": weights}
        if weighted and not takes_weights(scorer):
            weighted = {}
            if held_out.given_weights is not None:
                warnings.warn(UNWEIGHTED.format(scoring), UserWarning, stacklevel=6)

        def validation():
            loss = float(objective.value())
            if not np.isfinite(loss):
                return loss, np.nan
            fitted = self.fitted_copy(self.parameters.theta)
            vars(fitted).pop("feature_names_in_", None)  # X is an array by now
            try:
                score = scorer(fitted, X, y, **weighted)
            except ValueError as error:
                raise ValueError(UNJUDGED.format(scoring, error)) from error
            return loss, _as_score(score, scoring)

        return validation

    def run(self, observe=None):
        """Train; a KeyboardInterrupt goes on after the best parameters were kept."""
        self.training.observe = observe
        self.state["resumable"] = observe is not None
        with blas_threads(self.training.objective):
            if self.plan.alpha is None:
                self._choose_alpha()
            self.training.run(self.state)

    def snapshot(self):
        """Return all that another process needs to go on after the last pass.

        With the random state of the beginning, the same calls draw the same weights and
        the same split; with the present one, training goes on.
        """
        dropout = self.training.objective.draw_mask
        return {
            "made_for": self._made_for(),
            "begin": self._initial_random_state,
            "start": self.start,
            "now": self.random_state.get_state(legacy=False),
            "dropout": dropout and dropout.generator.bit_generator.state,
            "training": self.training.snapshot(self.state),
            "chosen_alpha": self.alpha_path and (self.plan.alpha, self.alpha_path),
        }

    def restore(self, snapshot):
        """Go on from a `snapshot` of a fit that began with the same data."""
        for name, now in self._made_for().items():
            then = snapshot["made_for"][name]
            if now != then:
                raise ValueError(
                    f"The checkpoint is of a fit with {name} {then}, and this one has "
                    f"{now}: resume with the parameters and the data of the first."
                )
        self.state = self.training.restore(snapshot["training"])
        self.random_state.set_state(snapshot["now"])
        if snapshot["chosen_alpha"]:
            self._set_alpha(*snapshot["chosen_alpha"])
        if snapshot["dropout"]:
            generator = self.training.objective.draw_mask.generator
            generator.bit_generator.state = snapshot["dropout"]

    def _made_for(self):
        """Return what a fit must have in common with the one that it resumes."""
        return {
            "layer sizes": self.layer_sizes,
            "activations": self.activations,
            "output": self.network.loss.out_activation,
            "standardize": self.params.standardize,
            "solver": self.plan.solver,
            "dtype": np.dtype(self.plan.dtype).name,
            "held-out rows": self.held_out.n_samples if self.held_out else 0,
            "training rows": self.sample.n_samples,
        }

    def to_carry(self):
        """Return what the next ``partial_fit`` goes on with.

        Where this call's updates were taken back, or left infinite moments, that is
        what it went on with itself: later calls would diverge too, or stand still.
        """
        training, state, patience = self.training, self.state, self.training.patience
        whole = training.result() is training.theta and not training.taken_back
        if not (whole and all(np.isfinite(v).all() for v in state["rule"].values())):
            if self.carried:
                return self.carried
            state, patience = training.solver.init(training.objective), None
        state = {**state, "epoch": 0}
        carried = {
            "random_state": self.random_state,
            "state": state,
            "solver": self.plan.solver,
            "rate": self.plan.rate,
            "alpha_per_row": self.plan.alpha / self.sample.n_samples,
            "patience": patience and (patience.best, patience.count),
        }
        if self.standardizer is not None:
            carried["mean"] = self.standardizer.mean
            carried["scale"] = self.standardizer.scale
        return carried

    def fitted_copy(self, theta):
        """Return a copy of the estimator, fitted with the parameters ``theta``."""
        fitted = copy.copy(self.params)
        vars(fitted).update(self.attributes(theta, copy=False))
        return fitted

    @np.errstate(all="ignore")
    def attributes(self, theta, copy=True):
        """Return the fitted attributes for the parameters ``theta``, as new arrays.

        Without ``copy`` the curves are the training's own, read-only: to ask after
        every pass costs the same however many there were.
        """
        coefs, intercepts = self._raw_layers(theta)
        return {
            "classes_": self.classes,
            "coefs_": coefs,
            "intercepts_": intercepts,
            "n_layers_": len(self.layer_sizes),
            "n_outputs_": len(self.classes),
            "out_activation_": self.network.loss.out_activation,
            "activations_": self.activations,
            "solver_": self.plan.solver,
            "alpha_": self.plan.alpha,
            "alpha_path_": self.alpha_path,
            **self._curves(copy),
        }

    def _raw_layers(self, theta):
        """Return new arrays of the layers for raw inputs.

        They are float32 where X is, unless columns are so small, or weights so large,
        that a product of two would leave its range, or columns are so far from 0 that
        the rounding of what their mean adds would show.
        """
        layers = ParameterVector(self.layer_sizes, theta.dtype)
        np.copyto(layers.theta, theta)
        coefs, intercepts = list(layers.weights), list(layers.biases)
        offset = 0.0
        if self.standardizer is not None:
            coefs[0], intercepts[0] = self.standardizer.fold(coefs[0], intercepts[0])
            offset = (np.abs(self.standardizer.mean) @ np.abs(coefs[0])).max()
        largest = max(np.abs(a).max() for a in coefs + intercepts)
        fits = largest <= MOST_IN_FLOAT32 and offset <= MOST_OFFSET_IN_FLOAT32
        dtype = self.sample.X.dtype
        narrow = dtype.kind == "f" and dtype.itemsize <= 4
        raw = np.float32 if narrow and fits else np.float64
        return [W.astype(raw) for W in coefs], [b.astype(raw) for b in intercepts]

    def _present_loss(self):
        """Return the objective where no pass was made: the start was the end."""
        with np.errstate(all="ignore"):
            return float(self.training.objective.value())

    def _earlier(self, name, otherwise):
        """Return a fitted attribute that ``partial_fit`` goes on from."""
        if self.carried is None:
            return otherwise
        return getattr(self.params, name, otherwise)

    def _curves(self, copy):
        """Return what follows from the history; the curves are its own arrays."""
        history, earlier = self.training.history.arrays(), self._earlier("history_", {})
        n_passes = len(history["epoch"])
        if earlier:
            # A fit may have had held-out rows, which `partial_fit` has not.
            unknown = np.full(n_passes, np.nan)
            history = {
                name: np.concatenate([values, history.get(name, unknown)])
                for name, values in earlier.items()
            }
        elif copy:
            history = {name: values.copy() for name, values in history.items()}
        losses, scores = history["loss"], history.get("validation_score")
        loss = losses[-1].item() if len(losses) else self._present_loss()
        best = self.training.best
        best_score = self._earlier("best_validation_score_", None)
        return {
            "history_": history,
            "loss_curve_": losses,
            "loss_": loss,
            "best_loss_": self._best_loss(loss),
            "validation_scores_": scores,
            "best_validation_score_": best.score if best else best_score,
            "n_iter_": len(losses),
            "t_": self._earlier("t_", 0) + n_passes * self.sample.n_samples,
        }

    def _best_loss(self, otherwise):
        """Return the lowest finite loss of all passes."""
        best = np.fmin(-self.training.lowest.score, self._earlier("best_loss_", np.inf))
        return best.item() if np.isfinite(best) else otherwise


def _as_score(value, scoring):
    """Return what a scorer gave as a float; it must be one number."""
    if hasattr(value, "item"):
        with suppress(ValueError):
            value = value.item()
    if not isinstance(value, Real):
        raise TypeError(f"scoring={scoring!r} must give one number; it gave {value!r}.")
    return float(value)
