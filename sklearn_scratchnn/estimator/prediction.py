"""Prediction: the forward pass over blocks of rows, with fitted layers."""

import math

import numpy as np

from ..data.rows import DenseRows, SparseRows
from ..network.activations import ACTIVATIONS
from ..network.losses import LOSSES
from ..network.network import Network
from .assembly import block_rows


class Predictor:
    """The network of fitted layers; each call has buffers of its own.

    Parameters
    ----------
    coefs, intercepts : list of ndarray
        Layers for raw inputs.
    activations : sequence of str
        One name per hidden layer.
    out_activation : str
    X : ndarray or CSR matrix of shape (n_samples, n_features)
    dtype : dtype, default=None
        What is computed: float32 where X and ``coefs`` are, else float64. Rows that
        leave the range of float32 are computed again in float64, with their block;
        those that leave that of float64 are an error.
    """

    def __init__(self, coefs, intercepts, activations, out_activation, X, dtype=None):
        if dtype is None:
            wider = np.result_type(X.dtype, *coefs)
            dtype = np.float32 if wider == np.float32 else np.float64
        dtype = np.dtype(dtype)
        self._layers, self._X = (coefs, intercepts, activations, out_activation), X
        loss = next(l for l in LOSSES.values() if l.out_activation == out_activation)
        self.network = Network(
            [W.astype(dtype, copy=False) for W in coefs],
            [b.astype(dtype, copy=False) for b in intercepts],
            [ACTIVATIONS[name] for name in activations],
            loss,
        )
        self.n_samples, self.dtype = X.shape[0], dtype
        self._block_rows = block_rows(self.network.layer_sizes, dtype, self.n_samples)
        kind = DenseRows if isinstance(X, np.ndarray) else SparseRows
        self._rows = kind(X, None, None, dtype, self._block_rows)

    def _blocks(self, backward=False):
        """Yield slice, rows and workspace, after the forward pass, of each block."""
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
            yield slice(start, stop), X, ws

    def _blocks_in_float64(self, start, stop, backward):
        wider = Predictor(*self._layers, self._X[start:stop], np.float64)
        for block, X, ws in wider._blocks(backward):
            yield slice(start + block.start, start + block.stop), X, ws

    def _check_finite(self, logits, start, stop):
        """Raise an error that names the inputs, where outputs are no numbers."""
        if not np.isfinite(logits).all():
            largest = abs(self._X[start:stop]).max()
            raise ValueError(
                f"The values of X, up to {largest:.3g}, are too large for this "
                "network: its outputs leave the range of float64."
            )

    @np.errstate(all="ignore")
    def outputs(self, link=None):
        """Return logits, (n_samples, K), or what ``link`` turns their columns into."""
        out = np.empty((self.n_samples, len(self.network.biases[-1])), self.dtype)
        for block, _, ws in self._blocks():
            values = ws.logits if link is None else link(ws.logits)
            if values.dtype != out.dtype and _leaves(out.dtype, values):
                out = out.astype(values.dtype)
            out[block] = values.T
        return out

    @np.errstate(all="ignore")
    def winners(self):
        """Return the index of the largest logit of each row."""
        out = np.empty(self.n_samples, np.intp)
        for block, _, ws in self._blocks():
            out[block] = ws.logits.argmax(axis=0)
        return out

    @np.errstate(all="ignore")
    def hidden(self, layer):
        """Return the activations of a hidden layer, (n_samples, n_units)."""
        n_units = self.network.layer_sizes[1:-1][layer]
        out = np.empty((self.n_samples, n_units), self.dtype)
        for block, _, ws in self._blocks():
            out[block] = ws.outputs[layer].T
        return out

    @np.errstate(all="ignore")
    def input_gradients(self, seed):
        """Return the derivative of a function of the logits, (n_samples, D).

        ``seed`` turns logits of shape (K, B) into the function's derivative in them, in
        place.
        """
        out = np.empty((self.n_samples, self.network.layer_sizes[0]), self.dtype)
        for block, _, ws in self._blocks(backward=True):
            seed(ws.logits)
            out[block] = ws.network.input_gradients(ws).T
        return out


def _leaves(dtype, values):
    """Whether numbers are too large for a dtype."""
    return np.abs(values).max() > np.finfo(dtype).max
