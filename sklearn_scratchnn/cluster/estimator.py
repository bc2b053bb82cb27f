"""What the estimators for clusters share: reading collections, and lazy answers."""

from __future__ import annotations

import copy
import inspect
import re
from contextlib import contextmanager
from functools import reduce
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from .._compat import without_callbacks
from ..data.checks import check_sum_of_weights
from ..data.columns import Columns
from ..estimator.base import unchanged_on_error
from ..estimator.callback_observer import callback_observer, ensemble_observer
from ..estimator.caller import warn_caller
from ..estimator.ensemble import check_same_loss
from ..estimator.persistence import PersistenceMixin
from ..estimator.reading import check_same_kind, check_same_outputs
from ..network.losses import loss_with_link
from . import passes
from .blocks import read_block
from .collections import (
    answers,
    check_no_collection,
    is_collection,
    is_persisted,
    parts_of,
)
from .fitting import ClusterFit
from .sample import make_cluster_sample, ready
from .workers import Blocks

LOCAL_STEPS = 50  # updates on a worker's own rows between two means


def with_client(cls):
    """Let a class take its twin's parameters, and two of the cluster's.

    Parameters
    ----------
    cls : type
        Its second base is the ordinary estimator.

    Returns
    -------
    type
        With the signature of both, which scikit-learn reads.
    """
    twin = inspect.signature(cls._twin.__init__)
    own = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in (("local_steps", "auto"), ("client", None))
    ]
    if not cls._has_local_steps:
        own = own[1:]

    def __init__(self, *args, client=None, **params):
        if cls._has_local_steps:
            self.local_steps = params.pop("local_steps", "auto")
        cls._twin.__init__(self, *args, **params)
        self.client = client

    parameters = [*twin.parameters.values(), *own]
    __init__.__signature__ = twin.replace(parameters=parameters)
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = __init__
    if cls.__doc__:  # "python -OO" leaves none
        cls.__doc__ = _joined_docstring(cls)
    return cls


def _joined_docstring(cls):
    """Return a docstring with the twin's parameters before its own, and attributes.

    The twin's page has the sources that its parameters cite.
    """
    own = inspect.getdoc(cls)
    twin = re.sub(r" \[\d\]_", "", inspect.getdoc(cls._twin))
    parameters, attributes = (
        re.search(rf"(?ms)^{name}\n-+\n(.*?)(?=\n\n\w[\w ]+\n---)", twin)[1]
        for name in ("Parameters", "Attributes")
    )
    heading = "Parameters\n----------\n"
    own = own.replace(heading, f"{heading}{parameters}\n\n")
    see = "See Also\n--------\n"
    return own.replace(see, f"Attributes\n----------\n{attributes}\n\n{see}")


def for_workers(estimator: Any) -> Any:
    """Return a shallow copy without what workers do not use, and may be large.

    Callbacks and a scoring function may hold data, files, or locks.
    """
    bare = without_callbacks(estimator)
    if hasattr(bare, "scoring"):
        bare.scoring = "loss"
    if hasattr(bare, "estimator"):
        bare.estimator = None
    if hasattr(bare, "estimators_"):
        bare.estimators_ = [for_workers(member) for member in bare.estimators_]
    return bare


class ClusterEstimator(PersistenceMixin, BaseEstimator):
    """What the estimators for clusters share.

    One of them names its ordinary twin, which it is a subclass of: parameters, fitted
    attributes and all answers about arrays are the twin's.
    """

    _twin: Any
    client: Any
    n_features_in_: int
    feature_names_in_: np.ndarray
    _has_local_steps = True

    def __sklearn_clone__(self) -> Self:
        """Share the client, of which there can be no copy."""
        bare = copy.copy(self)
        bare.client = None
        unfitted: Any = super(ClusterEstimator, bare).__sklearn_clone__()
        unfitted.client = self.client
        return unfitted

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}

    def to_local(self) -> Any:
        """Return the ordinary estimator, which needs no cluster.

        Returns
        -------
        estimator
            With the same parameters, and the fitted attributes where there are some.
        """
        names = self._twin().get_params(deep=False)
        params = self.get_params(deep=False)
        local = self._twin(**{name: params[name] for name in names})
        fitted = vars(self).keys() - params.keys() - {"_training_state"}
        vars(local).update({name: vars(self)[name] for name in fitted})
        return local

    def _client(self) -> Any:
        """Return the client: the one that was given, or the current one."""
        try:
            from distributed import Client, default_client
        except ImportError as error:
            raise ImportError(
                f"{type(self).__name__} needs dask: pip install "
                "'sklearn-scratchnn[dask]'."
            ) from error
        if self.client is not None:
            if not isinstance(self.client, Client):
                raise TypeError(
                    "client must be a distributed.Client, or None for the current one; "
                    f"got {type(self.client).__name__}."
                )
            if self.client.asynchronous:
                raise ValueError(
                    "client is asynchronous, and fit waits: give a client that was "
                    "made with asynchronous=False."
                )
            return self.client
        try:
            return default_client()
        except ValueError as error:
            raise ValueError(
                "There is no client. Connect to a cluster, "
                "distributed.Client('tcp://...'), or make one here, "
                "distributed.Client(); or give client=."
            ) from error

    def _for_workers(self) -> Any:
        """Return what workers need of the ordinary estimator to answer about blocks."""
        return for_workers(self.to_local())

    # Fitting -----------------------------------------------------------------------

    @contextmanager
    def _sample_of(self, X, y, sample_weight, template, warm):
        """Give the sample of all rows, and free the cluster of it in the end."""
        client, parts = self._client(), parts_of(X, y, sample_weight)
        reader, columns = for_workers(clone(template)), None
        if warm:
            columns = Columns.of(self)
            for name in ("n_features_in_", "feature_names_in_"):
                if hasattr(self, name):
                    setattr(reader, name, getattr(self, name))
        given, persisted = (reader, columns), is_persisted(X)
        raw = Blocks.read(client, read_block, parts, *given, persisted=persisted)
        held = [raw]
        try:
            facts = raw.sum(passes.facts, add=passes.add_facts)
            if facts is None:
                raise ValueError("X has no row that counts.")
            check_sum_of_weights(facts.weight)
            self._set_names(facts, warm)
            if warm:
                check_same_kind(facts.loss, loss_with_link(self.out_activation_))
            learnt, ignored = (columns, []) if warm else facts.learnt()
            self._warn_of(ignored)
            weights = getattr(template, "class_weight", None)
            steps = self._local_steps()
            sample = make_cluster_sample(raw, facts, learnt, weights, steps)
            held.append(sample.blocks)
            sample = ready(sample, learns_means=not warm)
            raw.release()
            if warm:
                check_same_outputs(self, sample)
            yield sample
        finally:
            for blocks in held:
                blocks.release()

    def _local_steps(self):
        steps = getattr(self, "local_steps", "auto")
        return LOCAL_STEPS if steps == "auto" else int(steps)

    def _set_names(self, facts, warm):
        """Set what scikit-learn's own checks set of an array."""
        if warm:
            return
        self.n_features_in_ = facts.n_features
        vars(self).pop("feature_names_in_", None)
        if facts.names is not None:
            self.feature_names_in_ = np.array(facts.names, dtype=object)

    def _warn_of(self, ignored):
        names = getattr(self, "feature_names_in_", None)
        if len(ignored) == self.n_features_in_:
            raise ValueError("X has no column with a value: all are missing.")
        for j in ignored:
            label = f"Column {j} of X" if names is None else f"Column {names[j]!r}"
            warn_caller(
                f"{label} has no value in the training rows, and is ignored. Drop it, "
                "or look at how the table was read.",
                UserWarning,
            )

    # Answers -----------------------------------------------------------------------

    def _sums(self, function, add, X, y, sample_weight):
        """Return the sum over blocks of a function of the fitted estimator."""
        from dask import delayed

        check_is_fitted(self)
        client, parts = self._client(), parts_of(X, y, sample_weight)
        model, function = delayed(self._for_workers(), pure=True), delayed(function)
        tasks = [function(model, i, *part) for i, part in enumerate(parts)]
        futures = client.compute(tasks)
        try:
            return reduce(add, client.gather(futures))
        finally:  # an error's traceback would hold them, and these the blocks
            for future in futures:
                future.release()

    def _answer(self, method, X):
        """Return an answer about the blocks of X, or about an array."""
        check_is_fitted(self)
        if not is_collection(X):
            return getattr(self.to_local(), method)(X)
        return answers(self._for_workers(), method, X)


class ClusterNetwork(ClusterEstimator):
    """What the single networks for clusters share."""

    def _predictor(self, X):
        check_no_collection(X)
        return super()._predictor(X)

    def _fit_blocks(self, X, y, sample_weight):
        """Fit to all blocks."""
        with unchanged_on_error(self, "coefs_"):
            resumed = self._take_state("resume")
            warm = self.warm_start and hasattr(self, "coefs_")
            template = clone(self.to_local())
            rows = self._sample_of(X, y, sample_weight, template, warm)
            with rows as sample:
                callbacks = callback_observer(self, X, y, sample_weight)
                self._fit_to(sample, None, warm, resumed, callbacks, ClusterFit)
        return self

    @property
    def partial_fit(self):
        """Not there: one pass over a part of the rows is the ordinary estimator's."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit: fit goes over the blocks of a "
            "collection, and goes on with warm_start=True."
        )


class ClusterEnsemble(ClusterEstimator):
    """What the ensembles for clusters share; their members are ordinary networks."""

    _has_local_steps = False

    def _outputs_of_members(self, X, link=None):
        check_no_collection(X)
        return super()._outputs_of_members(X, link)

    def _fit_blocks(self, X, y, sample_weight):
        """Fit all members to all blocks."""
        template = self._template()
        if isinstance(template, ClusterEstimator):
            raise TypeError(
                "estimator is itself one for a cluster; give an ordinary one, "
                "estimator.to_local()."
            )
        template._validate_params()
        with unchanged_on_error(self, "estimators_"):
            there = self._members_to_keep()
            check_same_loss(template, there)
            rows = self._sample_of(X, y, sample_weight, template, bool(there))
            with rows as sample:
                n_new = self.n_estimators - len(there)
                observer = ensemble_observer(self, X, y, sample_weight, n_new)
                self._fit_to((sample, None), template, there, observer, ClusterFit)
        return self

    def _jobs_for(self, fits):
        """All members at the same time, unless ``n_jobs`` says otherwise."""
        return len(fits) if self.n_jobs is None else self.n_jobs
