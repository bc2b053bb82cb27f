"""From a network in training to the fitted attributes of an estimator."""

import copy
from dataclasses import fields, replace

import numpy as np

from ..training.penalty_search.relevance import column_norms

MOST_IN_FLOAT32 = 1e18  # about the root of its largest number
# Of |mean| |W|, which a unit's bias takes away again: what is left has the rounding of
# both, some 1e-3, where units bend at 1.
MOST_OFFSET_IN_FLOAT32 = 1e4


class FittedAttributes:
    """What an estimator exposes of a training, at its end or after any epoch.

    Parameters
    ----------
    estimator : estimator
        Only read.
    plan : Plan
    data : PreparedData
    activations : tuple of str
    incremental : bool
        Whether history and counters go on from those that the estimator has.
    """

    def __init__(self, estimator, plan, data, activations, incremental):
        self.estimator, self.plan, self.data = estimator, plan, data
        self.activations, self.incremental = activations, incremental
        if incremental and data.train.target_scale is not None:
            data.train.target_scale.open()

    @np.errstate(all="ignore")
    def start_from(self, network, start):
        """Express fitted layers in standardised inputs, before their temperature.

        Of a column that is constant now the fitted weights may know more: they stay.
        """
        coefs, intercepts = list(start.coefs), list(start.intercepts)
        coefs[-1] = coefs[-1] * start.temperature
        intercepts[-1] = intercepts[-1] * start.temperature
        loss, units = network.loss, self.data.train.target_scale
        if units is not None:
            units.open()
            coefs[-1], intercepts[-1] = units.unfold(loss, coefs[-1], intercepts[-1])
        standardizer = self.data.standardizer
        if standardizer is not None:
            standardizer.constant = None
            coefs[0], intercepts[0] = standardizer.unfold(coefs[0], intercepts[0])
        network.parameters.assign(coefs, intercepts)

    def fitted_copy(self, run):
        """Return a copy of the estimator, fitted with the present parameters."""
        fitted = copy.copy(self.estimator)
        vars(fitted).update(self.of(run, run.theta, copy=False))
        return fitted

    @np.errstate(all="ignore")
    def of(self, run, theta, copy=True):
        """Return the fitted attributes for the parameters ``theta``, as new arrays.

        Without ``copy`` the curves are the training's own, read-only: to ask after
        every epoch costs the same however many there were.
        """
        sample = self.data.train
        coefs, intercepts = self._raw_layers(run, theta)
        encoding, standardizer = self._encoding, run.standardizer
        return {
            **self._outputs(sample),
            "coefs_": coefs,
            "intercepts_": intercepts,
            "n_layers_": len(run.network.layer_sizes),
            "n_outputs_": len(sample.classes),
            "out_activation_": sample.loss.out_activation,
            "activations_": self.activations,
            "solver_": self.plan.solver,
            "alpha_": run.choice.alpha,
            "alpha_path_": run.choice.table,
            "temperature_": run.choice.temperature,
            "bin_edges_": encoding and encoding.edges,
            **self._columns(),
            "penalty_factors_": standardizer and standardizer.factors,
            "feature_importances_": self._importances(run, theta),
            **self._curves(run, copy),
        }

    def _outputs(self, sample):
        """Return the classes, or the units of numbers."""
        if sample.target_scale is None:
            return {"classes_": sample.classes}
        center, scale = sample.target_scale.of_y()
        return {"target_center_": center, "target_scale_": scale}

    def _importances(self, run, theta):
        """Return the norms of the first layer's weights by column, their sum 1.

        In units of the columns as they are scaled.
        """
        W, encoding = run.network.parameters.like(theta).weights[0], self._encoding
        if run.standardizer is not None and run.standardizer.factors is not None:
            W = W * run.standardizer.factors[:, np.newaxis]
        columns = encoding and encoding.column_of_input
        norms = column_norms(W, columns, self.estimator.n_features_in_)
        total = norms.sum()
        if not 0 < total < np.inf:
            return np.full(len(norms), 1 / len(norms))
        return norms / total

    def _columns(self):
        """Return what was learnt of the columns, by the names of the attributes.

        Of numbers without gaps the means are those that the inputs were centred by.
        """
        columns = self.data.train.columns
        if columns.column_means_ is None:
            columns = replace(columns, column_means_=self._means())
        return {field.name: getattr(columns, field.name) for field in fields(columns)}

    def _means(self):
        sample, standardizer = self.data.train, self.data.standardizer
        if standardizer is None:
            return sample.once("means", sample.means)
        return standardizer.mean[: sample.X.shape[1]]

    @property
    def _encoding(self):
        return self.data.train.encoding

    def _raw_layers(self, run, theta):
        """Return new arrays of the layers for X and y before scaling, calibrated.

        They are float32 where X is, unless columns are so small, or weights so large,
        that a product of two would leave its range, or columns or y are so far from 0
        that the rounding of what their mean adds would show.
        """
        layers, standardizer = run.network.parameters.like(theta), run.standardizer
        coefs, intercepts = layers.weights, layers.biases
        if run.choice.temperature != 1:
            coefs[-1] = coefs[-1] / run.choice.temperature
            intercepts[-1] = intercepts[-1] / run.choice.temperature
        sizes, offset = [], 0.0
        if standardizer is not None:
            coefs[0], intercepts[0] = standardizer.fold(coefs[0], intercepts[0])
            offset = (np.abs(standardizer.mean) @ np.abs(coefs[0])).max()
        units = self.data.train.target_scale
        if units is not None:
            last = coefs[-1], intercepts[-1]
            coefs[-1], intercepts[-1] = units.fold(run.network.loss, *last)
            center, scale = units.of_y()
            sizes.append(1 / scale)
            offset = max(offset, np.abs(center / scale).max())
        largest = max(np.abs(a).max() for a in coefs + intercepts + sizes)
        fits = largest <= MOST_IN_FLOAT32 and offset <= MOST_OFFSET_IN_FLOAT32
        dtype = self.data.train.X.dtype
        narrow = dtype.kind == "f" and dtype.itemsize <= 4
        raw = np.float32 if narrow and fits else np.float64
        return [W.astype(raw) for W in coefs], [b.astype(raw) for b in intercepts]

    def _curves(self, run, copy):
        """Return what follows from the history; the curves are its own arrays."""
        history, earlier = run.history.arrays(), self._earlier("history_", {})
        n_epochs = len(history["epoch"])
        if earlier:
            # A fit may have had held-out rows, which `partial_fit` has not.
            unknown = np.full(n_epochs, np.nan)
            history = {
                name: np.concatenate([values, history.get(name, unknown)])
                for name, values in earlier.items()
            }
        elif copy:
            history = {name: values.copy() for name, values in history.items()}
        losses, scores = history["loss"], history.get("validation_score")
        loss = losses[-1].item() if len(losses) else float(run.objective.value())
        best_score = self._earlier("best_validation_score_", None)
        if run.best is not None:
            best_score = run.best.score
        return {
            "history_": history,
            "loss_curve_": losses,
            "loss_": loss,
            "best_loss_": self._best_loss(run, loss),
            "validation_scores_": scores,
            "best_validation_score_": best_score,
            "n_iter_": len(losses),
            "t_": self._earlier("t_", 0)
            + run.solver.rows_seen(run.objective, n_epochs)
            + n_epochs * self.data.n_copies,
        }

    def _best_loss(self, run, otherwise):
        """Return the lowest finite loss of all epochs."""
        best = np.fmin(run.lowest.loss, self._earlier("best_loss_", np.inf))
        return best.item() if np.isfinite(best) else otherwise

    def _earlier(self, name, otherwise):
        """Return a fitted attribute that `partial_fit` goes on from."""
        if not self.incremental:
            return otherwise
        return getattr(self.estimator, name, otherwise)
