"""What a fitted network answers: predictions, derivatives, its pickle."""

import zlib
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted, validate_data

from ..data.inputs import NUMBERS, encode
from ..version import VERSION
from .prediction import Predictor

# Attributes that are columns of history_, and not pickled a second time.
CURVES = {"loss_curve_": "loss", "validation_scores_": "validation_score"}


def _major(version):
    return int(version.split(".")[0])


class FittedNetwork:
    """The part of the classifier that only reads fitted attributes."""

    def _predictor(self, X):
        check_is_fitted(self)
        X = validate_data(
            self,
            X,
            accept_sparse=["csr", "csc"],
            dtype=NUMBERS,
            reset=False,
        )
        if sparse.issparse(X):
            X = X.tocsr()
        return Predictor(
            self.coefs_, self.intercepts_, self.activations_, self.out_activation_, X
        )

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,) or (n_samples, n_labels)
            For several labels a row, 1 where a probability is above one half.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        if self.out_activation_ == "softmax":
            return self.classes_[predictor.winners()]
        return (predictor.outputs() > 0).astype(int)

    def predict_proba(self, X):
        """Return the probability of each class or label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_outputs)
            In float32 where both X and ``coefs_`` are, else in float64.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        return predictor.outputs(predictor.network.loss.probabilities)

    def predict_log_proba(self, X):
        """Return the logarithm of `predict_proba`, computed from the logits: finite.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_outputs)
            In the precision of `predict_proba`, or in float64 where float32 cannot hold
            them.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        predictor = self._predictor(X)
        return predictor.outputs(predictor.network.loss.log_probabilities)

    def decision_function(self, X):
        """Return the logits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples, n_outputs), or (n_samples,)
            For two classes one column, the log-odds of the second. In the precision of
            `predict_log_proba`.

        Raises
        ------
        ValueError
            If X is so large that outputs leave the range of float64.
        """
        logits = self._predictor(X).outputs()
        if self.out_activation_ == "softmax" and len(self.classes_) == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def hidden_activations(self, X, layer=-1):
        """Return what the units of a hidden layer put out for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
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

    def input_gradients(self, X, target=None, of="logit"):
        """Return the derivative of an output with respect to each feature.

        The same backpropagation that trained the network, taken one product further: to
        X itself. For ``of="logit"`` and two classes it is the derivative of
        `decision_function`, turned to the target's side.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        target : label or int, default=None
            The class, or for several labels a row the label's column; None for the last
            of ``classes_``.
        of : {"logit", "probability"}, default="logit"

        Returns
        -------
        gradients : ndarray of shape (n_samples, n_features)
            In units of the output per unit of the raw feature.

        Raises
        ------
        ValueError
            If ``target`` is not one of ``classes_`` or ``of`` is neither choice.
        """
        if not (isinstance(of, str) and of in ("logit", "probability")):
            raise ValueError(f"of must be 'logit' or 'probability'; got {of!r}.")
        predictor = self._predictor(X)
        k = len(self.classes_) - 1
        if np.ndim(target) > 0:
            raise ValueError(f"target must be one label; got {target!r}.")
        if target is not None:
            k = encode(np.atleast_1d(target), self.classes_, "target").item()
        return predictor.input_gradients(predictor.network.loss.output_seed(k, of))

    def __copy__(self):
        """Share all attributes; without this, they would be packed and unpacked."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __getstate__(self):
        state = {**super().__getstate__(), "_scratchnn_version": VERSION}
        state.pop("_training_snapshot", None)
        if "history_" in state:
            history = state["history_"]
            for name, column in CURVES.items():
                if state.get(name) is history.get(column):
                    state.pop(name, None)
            state["history_"] = {k: _packed(column) for k, column in history.items()}
        return state

    def __setstate__(self, state):
        written_by = state.pop("_scratchnn_version", None)
        if written_by is None or _major(written_by) > _major(VERSION):
            raise ValueError(
                "This model was saved by sklearn-scratchnn "
                f"{written_by or '(no version stored)'}, which {VERSION} cannot read. "
                "Load it with that version, or fit it again."
            )
        if "history_" in state:
            history = {k: _unpacked(column) for k, column in state["history_"].items()}
            curves = {name: history.get(column) for name, column in CURVES.items()}
            state = curves | state | {"history_": history}
        super().__setstate__(state)


def _packed(column):
    """Return the dtype and, deflated, the bytes of an array of numbers.

    All the first bytes come first, then all the second ones: neighbours in a curve
    share sign, exponent and leading digits (the shuffle filter of HDF5).
    """
    planes = column[:, np.newaxis].copy().view(np.uint8).T
    return column.dtype.str, zlib.compress(planes.tobytes())


def _unpacked(column):
    """Return the array that was `_packed`; an array of an earlier version as it is."""
    if isinstance(column, np.ndarray):
        return column
    dtype, planes = np.dtype(column[0]), zlib.decompress(column[1])
    planes = np.frombuffer(planes, np.uint8).reshape(dtype.itemsize, -1)
    return planes.T.copy().view(dtype).reshape(-1)
