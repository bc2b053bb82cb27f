"""Pickles: what is stored of an estimator, and what of an earlier version is read."""

import inspect
from dataclasses import fields

import numpy as np

from ..data.columns import Columns
from ..training.state import TrainingState
from ..version import VERSION

# Attributes that are columns of history_, and not pickled a second time.
CURVES = {"loss_curve_": "loss", "validation_scores_": "validation_score"}


# What is true of models of versions that took neither categories nor gaps, and of those
# that had no encoding, relevances and temperature either.
NUMBERS = dict.fromkeys(field.name for field in fields(Columns))
LINEAR = {"bin_edges_": None, "penalty_factors_": None, "temperature_": 1.0}


def _major(version):
    return int(version.split(".")[0])


def _numbers(history):
    """Return the numbers of the epochs, as a history has them: not pickled."""
    return np.arange(1, len(history["loss"]) + 1)


class PersistenceMixin:
    """Stores each array once, and the version that wrote it."""

    def __copy__(self):
        """Share all attributes."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        return twin

    def __sklearn_clone__(self):
        """Return an unfitted estimator; what is to be resumed goes along.

        A checkpoint's state is not a result of `fit` but what `fit` begins with. So a
        clone of what `Checkpoint.resume` returned resumes too, and refuses other rows,
        such as those of a fold.
        """
        twin = super().__sklearn_clone__()
        state = getattr(self, "_training_state", None)
        if isinstance(state, TrainingState) and state.purpose == "resume":
            twin._training_state = state
        return twin

    def __getstate__(self):
        state = {**super().__getstate__(), "_scratchnn_version": VERSION}
        if not isinstance(state.get("_training_state"), TrainingState):
            state.pop("_training_state", None)  # of a training that still runs
        history = state.get("history_", {})
        for name, column in CURVES.items():
            if name in state and state[name] is history.get(column):
                del state[name]
        numbered = "coefs_" in state and "epoch" in history
        if numbered and np.array_equal(history["epoch"], _numbers(history)):
            state["history_"] = {c: a for c, a in history.items() if c != "epoch"}
        return state

    def __setstate__(self, state):
        written_by = state.pop("_scratchnn_version", None)
        if written_by is None or _major(written_by) > _major(VERSION):
            raise ValueError(
                "This model was saved by sklearn-scratchnn "
                f"{written_by or '(no version stored)'}, which {VERSION} cannot read. "
                "Load it with that version, or fit it again."
            )
        # What 0.1 kept for partial_fit: the next call begins with a fresh optimizer.
        state.pop("_incremental", None)
        parameters = inspect.signature(type(self)).parameters
        state = {name: p.default for name, p in parameters.items()} | state
        if "coefs_" in state:
            state = LINEAR | NUMBERS | state
            history = state["history_"]
            if "epoch" not in history:
                history = state["history_"] = {"epoch": _numbers(history), **history}
            curves = {name: history.get(column) for name, column in CURVES.items()}
            state = curves | state
        if "estimators_" in state:
            state = NUMBERS | state
        super().__setstate__(state)
