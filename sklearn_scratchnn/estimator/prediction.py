"""Predictions: the forward pass over blocks of rows, with fitted layers."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._typing import Integral, Rows
from ..core.passes import compile_pass
from ..data.checks import check_X
from ..data.columns import Columns
from ..data.row_source import row_source
from ..data.rows import DenseRows, SparseRows, TableRows
from ..data.table import Table
from ..data.table_encoding import make_encoding
from ..network.losses import loss_with_link
from ..network.network import network_of_layers
from ..network.workspace import rows_of_a_block


class Predictor:
    """The network of fitted layers; each call has buffers of its own.

    Parameters
    ----------
    coefs, intercepts : list of ndarray
        Layers for the inputs that ``encoding`` makes.
    activations : sequence of str
        One name per hidden layer.
    out_activation : str
    X : ndarray, CSR matrix or Table of shape (n_samples, n_features)
    encoding : PiecewiseEncoding or TableEncoding, default=None
        None for rows that are inputs.
    dtype : dtype, default=None
        What is computed: float32 where X and ``coefs`` are, else float64. Rows that
        leave the range of float32 are computed again in float64, with their block;
        those that leave that of float64 are an error.
    """

    def __init__(
        self,
        coefs,
        intercepts,
        activations,
        out_activation,
        X,
        encoding=None,
        dtype=None,
    ):
        if dtype is None:
            wider = np.result_type(X.dtype, *coefs)
            dtype = np.float32 if wider == np.float32 else np.float64
        dtype = np.dtype(dtype)
        self._layers, self._X = (coefs, intercepts, activations, out_activation), X
        self._encoding = encoding
        self.loss = loss_with_link(out_activation)
        self.network = network_of_layers(
            [W.astype(dtype, copy=False) for W in coefs],
            [b.astype(dtype, copy=False) for b in intercepts],
            activations,
            self.loss,
        )
        self.n_samples, self.dtype = X.shape[0], dtype
        sizes = self.network.layer_sizes
        self._block_rows = rows_of_a_block(sizes, dtype, self.n_samples)
        if encoding is not None and not isinstance(X, Table | np.ndarray):
            raise ValueError(
                "X is sparse, but the network was fitted on a dense X with "
                "numeric_encoding='piecewise'; give X.toarray()."
            )

    @cached_property
    def _rows(self):
        """The rows as the page reads them."""
        given = self._X, None, None, self.dtype, self._block_rows
        if isinstance(self._X, Table):
            return TableRows(*given, self._encoding)
        if isinstance(self._X, np.ndarray):
            return DenseRows(*given, self._encoding)
        return SparseRows(*given)

    def _blocks(self, backward=False):
        """Yield slice, network and workspace, after the forward pass, of each block."""
        workspace = self.network.workspace(self._block_rows, backward)
        for start in range(0, self.n_samples, self._block_rows):
            stop = min(start + self._block_rows, self.n_samples)
            ws = workspace.head(stop - start)
            X = self._rows.block(start, stop)
            logits = self.network.forward(X, ws)
            if not math.isfinite(logits.sum()):
                if self.dtype == np.float32:
                    yield from self._blocks_in_float64(start, stop, backward)
                    continue
                self._check_finite(logits, start, stop)
            yield slice(start, stop), self.network, ws

    def _blocks_in_float64(self, start, stop, backward):
        X = self._X[start:stop]
        wider = Predictor(*self._layers, X, self._encoding, np.float64)
        for block, network, ws in wider._blocks(backward):
            yield slice(start + block.start, start + block.stop), network, ws

    def _check_finite(self, logits, start, stop):
        """Raise an error that names the inputs, where outputs are no numbers."""
        if not np.isfinite(logits).all():
            largest = abs(self._X[start:stop]).max()
            raise ValueError(
                f"The values of X, up to {largest:.3g}, are too large for this "
                "network: its outputs leave the range of float64."
            )

    def _compiled_outputs(self, linked=False):
        """Return all logits, or what the loss's link makes of them, from the core.

        Returns
        -------
        ndarray of shape (n_samples, K) or None
            None where the core does not compute them, or a logit is not finite.
        """
        rows = row_source(self._X, self._encoding)
        compiled = compile_pass(self.network, rows, block_rows=self._block_rows)
        if compiled is None:
            return None
        out = np.empty((self.n_samples, self.network.layer_sizes[-1]), self.dtype)
        return out if compiled.outputs(out, linked=linked) else None

    @np.errstate(all="ignore")
    def outputs(self, link=None):
        """Return logits, (n_samples, K), or what a method of the loss makes of them.

        The link is "probabilities", "log_probabilities" or None.
        """
        out = self._compiled_outputs(linked=link == "probabilities")
        if out is not None:
            logarithms = link == "log_probabilities"
            return self.loss.log_probabilities(out) if logarithms else out
        out = np.empty((self.n_samples, self.network.layer_sizes[-1]), self.dtype)
        link = link and getattr(self.loss, link)
        for block, _, ws in self._blocks():
            values = ws.logits if link is None else link(ws.logits)
            if values.dtype != out.dtype and _leaves(out.dtype, values):
                out = out.astype(values.dtype)
            out[block] = values
        return out

    @np.errstate(all="ignore")
    def decisions(self):
        """Return the code that each row's logits speak for, as ``Loss.decide``."""
        logits = self._compiled_outputs()
        if logits is not None:
            return self.loss.decide(logits)
        return np.concatenate(
            [self.loss.decide(ws.logits) for _, _, ws in self._blocks()]
        )

    @np.errstate(all="ignore")
    def hidden(self, layer):
        """Return the activations of a hidden layer, (n_samples, n_units)."""
        n_units = self.network.layer_sizes[1:-1][layer]
        out = np.empty((self.n_samples, n_units), self.dtype)
        for block, _, ws in self._blocks():
            out[block] = ws.hidden[layer].a
        return out

    @np.errstate(all="ignore")
    def input_gradients(self, seed):
        """Return the derivative of a function of the logits, (n_samples, D).

        ``seed`` turns logits of shape (B, K) into the function's derivative in them, in
        place.
        """
        n_features = getattr(self._encoding, "n_features", self._X.shape[1])
        out = np.empty((self.n_samples, n_features), self.dtype)
        for block, network, ws in self._blocks(backward=True):
            np.copyto(ws.output.delta, ws.logits)
            seed(ws.output.delta)
            gradients = network.input_gradients(ws)
            if self._encoding is not None:
                gradients = self._encoding.gradients(self._X[block], gradients)
            out[block] = gradients
        return out


def _leaves(dtype, values):
    """Whether numbers are too large for a dtype."""
    return np.abs(values).max() > np.finfo(dtype).max


def encoding_of(estimator, X=None, columns=None):
    """Return what turns rows into the inputs of a fitted estimator.

    Parameters
    ----------
    estimator : estimator
    X : ndarray, CSR matrix or Table, default=None
        Rows that were checked. None for what training rows with all that the estimator
        has seen would be.
    columns : Columns, default=None
        Of the estimator, where they are at hand.

    Returns
    -------
    PiecewiseEncoding, TableEncoding or None
        None where rows are inputs.
    """
    columns = columns or Columns.of(estimator)
    table = isinstance(X, Table) or (X is None and not columns.are_numbers)
    return make_encoding(columns, estimator.bin_edges_, table)


class PredictionMixin:
    """What every fitted network answers; reads fitted attributes alone."""

    coefs_: list[np.ndarray]
    bin_edges_: list[np.ndarray] | None
    n_features_in_: int

    @property
    def encoded_feature_names_(self) -> np.ndarray:
        """The names of the first layer's inputs."""
        encoding = encoding_of(self)
        columns = [f"x{j}" for j in range(self.n_features_in_)]
        names = list(getattr(self, "feature_names_in_", columns))
        if encoding is None:
            return np.array(names, dtype=object)
        return encoding.names(names)

    def __sklearn_is_fitted__(self):
        """Whether there is a network; scikit-learn would look at every attribute."""
        return "coefs_" in vars(self)

    def _predictor(self, X):
        check_is_fitted(self)
        columns = Columns.of(self)
        return self._predictor_of(check_X(self, X, columns), columns)

    def _predictor_of(self, X, columns):
        """Return the predictor for rows that were checked."""
        return Predictor(
            self.coefs_,
            self.intercepts_,
            self.activations_,
            self.out_activation_,
            X,
            encoding_of(self, X, columns),
        )

    def hidden_activations(self, X: Rows, layer: int = -1) -> np.ndarray:
        """Return what the units of a hidden layer put out for each row.

        Parameters
        ----------
        X : {array-like, DataFrame, sparse matrix} of shape (n_samples, n_features)
        layer : int, default=-1
            Which hidden layer, from 0; -1 is the last.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_units)
            After the activation function.

        Raises
        ------
        ValueError
            If the network has no such hidden layer.
        """
        predictor = self._predictor(X)
        n_hidden = len(self.coefs_) - 1
        if not (isinstance(layer, Integral) and -n_hidden <= layer < n_hidden):
            raise ValueError(
                f"layer={layer!r} does not exist: there are {n_hidden} hidden layers."
            )
        return predictor.hidden(layer)
