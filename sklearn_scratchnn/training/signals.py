"""The signals that a solver obeys, and the outcomes that it reports."""

from enum import Enum


class Signal(Enum):
    """How a solver goes on after an epoch."""

    CONTINUE = 0
    REDUCE_LEARNING_RATE = 1
    STOP = 2


class Outcome(Enum):
    """Why a solver returned."""

    CONVERGED = "converged"
    STOPPED = "a callback asked for it"
    EXHAUSTED = "reached the planned number of epochs"
    OUT_OF_EVALUATIONS = "reached max_fun evaluations of the loss"
    LINE_SEARCH_FAILED = "found no further descent"
