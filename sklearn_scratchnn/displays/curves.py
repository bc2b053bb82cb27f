"""Training histories and callbacks' logs, as groups of runs that a display averages.

A run is a dict of equally long arrays, as ``history_`` is. A group is a list of runs
that differ in their rows or their random state alone, such as the folds of a search.
"""

from collections.abc import Mapping
from numbers import Real

import numpy as np

PLACE = {  # what a log's row says besides its scores
    "task_id_path",
    "parent_task_id_path",
    "estimator_name",
    "task_name",
    "task_id",
    "sequential_subtasks",
}


def history_of(estimator):
    """Return the history of a fitted network.

    Parameters
    ----------
    estimator : estimator
        With ``history_``; or, as scikit-learn's networks, with ``loss_curve_`` and
        perhaps ``validation_scores_``.

    Returns
    -------
    dict of ndarray of shape (n_epochs,)

    Raises
    ------
    ValueError
        If the estimator keeps no history.
    """
    if hasattr(estimator, "history_"):
        return estimator.history_
    if not hasattr(estimator, "loss_curve_"):
        raise ValueError(
            f"{type(estimator).__name__} keeps no history: it has neither history_ nor "
            "loss_curve_ after fit."
        )
    losses = np.asarray(estimator.loss_curve_)
    history = {"epoch": np.arange(1, len(losses) + 1), "loss": losses}
    if getattr(estimator, "validation_scores_", None) is not None:
        history["validation_score"] = np.asarray(estimator.validation_scores_)
    return history


def members_of(history):
    """Return the history of each member of an ensemble, by its label.

    Parameters
    ----------
    history : dict of ndarray
        Of an ensemble, with "member"; or of one network.

    Returns
    -------
    dict of dict of ndarray
        Of one network under an empty label.
    """
    if "member" not in history:
        return {"": history}
    numbers = history["member"]
    columns = {name: values for name, values in history.items() if name != "member"}
    return {
        f"member {i}": {name: v[numbers == i] for name, v in columns.items()}
        for i in np.unique(numbers)
    }


def group_runs(logs, search=None):
    """Return a dict of groups of runs, each under its ``(group, part)``.

    Parameters
    ----------
    logs : history, log, list or dict of these
        A history is a dict of columns. A log is what ``get_logs()`` of a callback
        returns. The runs of a list are one group. A dict has one group a key; or, where
        its items are of several groups themselves, one part a key.
    search : GridSearchCV, RandomizedSearchCV or None
        The fitted search that the logs were taken in: each candidate is a group, and
        the folds are its runs.

    Returns
    -------
    dict of list of dict of ndarray
        Keys are pairs of str, empty where there is nothing to tell apart.

    Raises
    ------
    TypeError
        If ``logs`` is none of these.
    ValueError
        If a log holds no iterations, or is not of ``search``.
    """
    if _is_history(logs):
        return {("", ""): [{name: np.asarray(v) for name, v in logs.items()}]}
    if _is_log(logs):
        groups = _groups_of_log(logs, search)
        return {(label, ""): runs for label, runs in groups.items()}
    if isinstance(logs, Mapping):
        return {
            (group, str(name)) if group else (str(name), ""): runs
            for name, item in logs.items()
            for (group, _), runs in group_runs(item, search).items()
        }
    if not isinstance(logs, (list, tuple)):
        raise TypeError(
            "logs must be a history_, what get_logs() of a callback returns, or a list "
            f"or dict of these; got {type(logs).__name__}."
        )
    groups = {}
    for item in logs:
        for key, runs in group_runs(item, search).items():
            groups.setdefault(key, []).extend(runs)
    return groups


def _is_history(item):
    return (
        isinstance(item, Mapping)
        and len(item) > 0
        and all(_is_column(values) for values in item.values())
    )


def _is_column(values):
    return (
        isinstance(values, (list, tuple, np.ndarray))
        and (len(values) > 0 or isinstance(values, np.ndarray))
        and all(isinstance(value, Real) for value in values)
    )


def _is_log(item):
    return hasattr(item, "estimator_name") and isinstance(
        getattr(item, "data", None), list
    )


def _groups_of_log(log, search):
    """Group the runs of a log by candidate; without a search, by their depth."""
    runs = _runs_of_log(log)
    if search is not None:
        return _by_candidate(log, runs, search)
    by_depth = {}
    for place, run in runs.items():
        by_depth.setdefault(len(place), []).append(run)
    if len(by_depth) == 1:
        return {"": list(runs.values())}
    return {
        f"mean of {len(group)} fits" if len(group) > 1 else "one fit": group
        for group in by_depth.values()
    }


def _runs_of_log(log):
    """Return a dict: the place of a fit in the log's tree, and its iterations."""
    parents = {row["parent_task_id_path"] for row in log.data}
    rows_of = {}
    for row in log.data:
        if row["task_id_path"] not in parents and row["task_name"] != "fit":
            rows_of.setdefault(row["parent_task_id_path"], []).append(row)
    runs = {}
    for place, rows in rows_of.items():
        rows = sorted(rows, key=lambda row: row["task_id"])
        scores = [name for name in rows[0] if name not in PLACE]
        runs[place] = {name: np.array([row[name] for row in rows]) for name in scores}
        runs[place]["epoch"] = np.array([row["task_id"] for row in rows]) + 1
    if not runs:
        raise ValueError(
            "The log holds no iterations, only whole fits: the estimator with the "
            "callback reported none."
        )
    return runs


def _by_candidate(log, runs, search):
    """Group runs by the candidate of a search; the refit is left out.

    The search numbers its evaluations candidate by candidate, fold by fold, and lays
    them under its first task.
    """
    params, n_splits = search.cv_results_["params"], search.n_splits_
    evaluations = {place: run for place, run in runs.items() if place[:2] == (0, 0)}
    newest = max((place[2] for place in evaluations if len(place) > 2), default=-1)
    if (
        log.estimator_name != type(search).__name__
        or "iter" in search.cv_results_
        or not 0 <= newest < len(params) * n_splits
    ):
        raise ValueError(
            f"The log, of {log.estimator_name}, does not fit search, a "
            f"{type(search).__name__} of {len(params)} candidates in {n_splits} folds. "
            "Give the grid or randomized search that the callback saw last, and no "
            "other estimator around it."
        )
    labels, groups = candidate_labels(params), {}
    for place, run in evaluations.items():
        groups.setdefault(labels[place[2] // n_splits], []).append(run)
    return groups


def candidate_labels(params):
    """Return a short label for each dict of parameters: those that are not all alike.

    Examples
    --------
    >>> from sklearn_scratchnn.displays.curves import candidate_labels
    >>> candidate_labels([{"a": 1, "net__b": 0.5}, {"a": 1, "net__b": 2.0}])
    ['b=0.5', 'b=2']
    """
    names = list(dict.fromkeys(name for candidate in params for name in candidate))
    varied = [
        name
        for name in names
        if len({repr(candidate.get(name)) for candidate in params}) > 1
    ]
    short = [name.rsplit("__", 1)[-1] for name in varied]
    if len(set(short)) < len(short):
        short = varied
    return [
        ", ".join(
            f"{label}={_text(candidate[name])}"
            for name, label in zip(varied, short)
            if name in candidate
        )
        for candidate in params
    ]


def _text(value):
    return f"{value:g}" if isinstance(value, float) else str(value)


def positions(runs, x):
    """Return where the epochs of several runs lie: the mean over the longest runs.

    Parameters
    ----------
    runs : list of dict of ndarray
    x : str
        A column that grows with the epochs.

    Returns
    -------
    ndarray of shape (n_epochs,)

    Raises
    ------
    ValueError
        If a run has no such column.
    """
    columns = [_column(run, x) for run in runs]
    n_epochs = max(map(len, columns))
    return np.mean([column for column in columns if len(column) == n_epochs], axis=0)


def stack(runs, name):
    """Return one column of several runs as rows of an array.

    A run that ended earlier counts on with its last value, as its model does; one of no
    epoch at all has none, and is left out where others have.

    Parameters
    ----------
    runs : list of dict of ndarray
    name : str

    Returns
    -------
    ndarray of float of shape (n_runs, n_epochs)

    Raises
    ------
    ValueError
        If a run has no such column.
    """
    columns = [_column(run, name) for run in runs]
    n_epochs = max(map(len, columns))
    return np.array(
        [
            np.pad(column, (0, n_epochs - len(column)), "edge")
            for column in columns
            if len(column) or not n_epochs
        ]
    )


def _column(run, name):
    if name not in run:
        raise ValueError(f"There is no column {name!r}; there are {sorted(run)}.")
    return run[name].astype(float)
