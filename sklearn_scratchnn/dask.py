"""Estimators that are fitted on a dask cluster, to dask arrays and DataFrames.

They are the networks of the same names without "Dask": same parameters, same fitted
attributes, and `to_local` returns such an ordinary one. Rows stay where they are: the
objective is a sum over blocks of rows, and each worker computes its blocks' terms.
Dask is needed when one is fitted: ``pip install 'sklearn-scratchnn[dask]'``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from ._compat import Interval, StrOptions, with_callbacks
from ._compat import _fit_context as fit_context
from ._typing import Integral
from .classifier import ScratchMLPClassifier
from .cluster.collections import is_collection
from .cluster.estimator import (
    ClusterEnsemble,
    ClusterEstimator,
    ClusterNetwork,
    with_client,
)
from .cluster.scores import accuracy_sums, add_r2, check_total, r2_of, r2_sums
from .cluster.tree import add_parts
from .ensemble import ScratchMLPEnsembleClassifier
from .regressor import ScratchMLPRegressor

__all__ = [
    "DaskScratchMLPClassifier",
    "DaskScratchMLPEnsembleClassifier",
    "DaskScratchMLPRegressor",
]
OF_THE_CLUSTER: dict[str, Any] = {"client": "no_validation"}
OF_A_NETWORK: dict[str, Any] = OF_THE_CLUSTER | {
    "local_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})]
}


class LabelAnswers(ClusterEstimator):
    """What classifiers answer about the blocks of a collection."""

    def predict(self, X: Any) -> Any:
        """Predict the class of each row.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
            An array or DataFrame of this machine is answered at once.

        Returns
        -------
        labels : dask array of shape (n_samples,) or (n_samples, n_labels)
            Not computed yet.
        """
        return self._answer("predict", X)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        probabilities : dask array of shape (n_samples, n_outputs)
            Not computed yet.
        """
        return self._answer("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithm of each class's probability.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : dask array of shape (n_samples, n_outputs)
            Natural logarithms, not computed yet.
        """
        return self._answer("predict_log_proba", X)

    def decision_function(self, X: Any) -> Any:
        """Return the logits.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)

        Returns
        -------
        logits : dask array of shape (n_samples, n_outputs), or (n_samples,)
            For two classes one column, the log-odds of the second.
        """
        return self._answer("decision_function", X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy, summed up block by block.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
        y : dask array or Series of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : dask array or Series of shape (n_samples,), default=None

        Returns
        -------
        float
            The share of the rows, by their weights, whose label is predicted; for
            several labels a row, all of them.
        """
        if not is_collection(X):
            return self.to_local().score(X, y, sample_weight)
        right, weight = self._sums(accuracy_sums, add_parts, X, y, sample_weight)
        check_total(weight)
        return float(right / weight)


@with_client
class DaskScratchMLPClassifier(LabelAnswers, ClusterNetwork, ScratchMLPClassifier):
    """`ScratchMLPClassifier` over the blocks of dask arrays and DataFrames.

    Under "lbfgs", "gd" and "gauss_newton" it is the network that one machine would
    train, but for the order of sums: each pass sends the parameters to the workers, and
    brings back the sum of the gradients. Under "adam", "adamw" and "sgd" each worker
    makes ``local_steps`` updates on minibatches of its own rows, and then all
    parameters and moments are averaged [1]_. What "auto" chooses on held-out rows
    (alpha, relevances, temperature) is chosen on 50,000 rows, taken at equal distances
    from every block; on all of fewer rows.

    Parameters
    ----------
    local_steps : "auto" or int, default="auto"
        Updates that a worker makes between two averages; "auto" is 50. With 1, the rows
        of each minibatch are those of all blocks, as on one machine, and each update
        takes a round trip.
    client : distributed.Client, default=None
        Of the cluster; None for the current one. Clones share it, and pickles are
        without.

    See Also
    --------
    ScratchMLPClassifier : For rows that lie on one machine.

    Notes
    -----
    Sums are taken in an order that the cut into blocks alone decides. So under the
    full-batch solvers an integer ``random_state`` gives the same bits on any number of
    workers, also where one dies and its blocks are computed again. Under the others,
    bits depend on which worker holds what. BLAS has one thread there.

    References
    ----------
    .. [1] Sebastian U. Stich (2019). Local SGD Converges Fast and Communicates Little.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_scratchnn.dask import DaskScratchMLPClassifier
    >>> client = Client(processes=False, dashboard_address=None)
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> X, y = da.from_array(X, chunks=(50, 2)), da.from_array(y, chunks=50)
    >>> model = DaskScratchMLPClassifier(random_state=0).fit(X, y)
    >>> model.predict(X[:3]).compute()
    array([0, 1, 1])
    >>> model.score(X, y) > 0.95
    True
    >>> client.close()
    """

    _twin = ScratchMLPClassifier
    _parameter_constraints: ClassVar[dict[str, Any]] = (
        ScratchMLPClassifier._parameter_constraints | OF_A_NETWORK
    )

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to the blocks of X and y.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
            Cut along rows; not sparse. A column must be of one kind in all blocks.
        y : dask array or Series of shape (n_samples,) or (n_samples, n_labels)
            Cut at the same rows.
        sample_weight : dask array or Series of shape (n_samples,), default=None
            As of `ScratchMLPClassifier.fit`.

        Returns
        -------
        self : DaskScratchMLPClassifier
            The fitted network.

        Raises
        ------
        ValueError, TypeError
            If an argument or a parameter cannot be used. The text names it, and the
            block; the estimator stays as it was.
        ImportError
            If dask's package "distributed" is missing.

        Warns
        -----
        ConvergenceWarning
            If the result is not to be trusted.
        """
        return self._fit_blocks(X, y, sample_weight)


@with_client
class DaskScratchMLPRegressor(ClusterNetwork, ScratchMLPRegressor):
    """`ScratchMLPRegressor` over the blocks of dask arrays and DataFrames.

    Parameters
    ----------
    local_steps : "auto" or int, default="auto"
        As of `DaskScratchMLPClassifier`.
    client : distributed.Client, default=None
        As of `DaskScratchMLPClassifier`.

    See Also
    --------
    DaskScratchMLPClassifier : How it is trained.

    Notes
    -----
    The unit that y is measured in follows from its distribution, which is exact for
    65,536 numbers; of more, neighbours are joined in groups of a 16,384th of the weight
    and stand at their mean.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from distributed import Client
    >>> from sklearn_scratchnn.dask import DaskScratchMLPRegressor
    >>> client = Client(processes=False, dashboard_address=None)
    >>> X = np.random.default_rng(0).uniform(-2, 2, size=(300, 2))
    >>> X = da.from_array(X, chunks=(100, 2))
    >>> model = DaskScratchMLPRegressor(random_state=0).fit(X, X[:, 0] ** 2)
    >>> model.score(X, X[:, 0] ** 2) > 0.99
    True
    >>> client.close()
    """

    _twin = ScratchMLPRegressor
    _parameter_constraints: ClassVar[dict[str, Any]] = (
        ScratchMLPRegressor._parameter_constraints | OF_A_NETWORK
    )

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to the blocks of X and y.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
        y : dask array or Series of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : dask array or Series of shape (n_samples,), default=None
            All as of `DaskScratchMLPClassifier.fit`.

        Returns
        -------
        self : DaskScratchMLPRegressor
            The fitted network.

        Raises
        ------
        ValueError, TypeError, ImportError
            As of `DaskScratchMLPClassifier.fit`.

        Warns
        -----
        ConvergenceWarning
            If the result is not to be trusted.
        """
        return self._fit_blocks(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """Predict the numbers of each row.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
            An array or DataFrame of this machine is answered at once.

        Returns
        -------
        y : dask array of shape (n_samples,) or (n_samples, n_targets)
            Not computed yet.
        """
        return self._answer("predict", X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination, R^2, summed up block by block.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
        y : dask array or Series of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : dask array or Series of shape (n_samples,), default=None

        Returns
        -------
        float
            Of several targets the mean.
        """
        if not is_collection(X):
            return self.to_local().score(X, y, sample_weight)
        sums = self._sums(r2_sums, add_r2, X, y, sample_weight)
        check_total(sums[1])
        return float(np.mean(r2_of(sums)))


@with_client
class DaskScratchMLPEnsembleClassifier(
    LabelAnswers, ClusterEnsemble, ScratchMLPEnsembleClassifier
):
    """`ScratchMLPEnsembleClassifier` over the blocks of dask arrays and DataFrames.

    With ``n_jobs=None`` all members are trained at the same time.

    Parameters
    ----------
    client : distributed.Client, default=None
        As of `DaskScratchMLPClassifier`.

    See Also
    --------
    DaskScratchMLPClassifier : How each is trained.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_scratchnn.dask import DaskScratchMLPEnsembleClassifier
    >>> client = Client(processes=False, dashboard_address=None)
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> X, y = da.from_array(X, chunks=(50, 2)), da.from_array(y, chunks=50)
    >>> model = DaskScratchMLPEnsembleClassifier(random_state=0).fit(X, y)
    >>> len(model.estimators_), model.score(X, y) > 0.95
    (2, True)
    >>> client.close()
    """

    _twin = ScratchMLPEnsembleClassifier
    _has_local_steps = False
    _parameter_constraints: ClassVar[dict[str, Any]] = (
        ScratchMLPEnsembleClassifier._parameter_constraints | OF_THE_CLUSTER
    )

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the members to the blocks of X and y, at the same time.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
        y : dask array or Series of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : dask array or Series of shape (n_samples,), default=None
            All as of `DaskScratchMLPClassifier.fit`.

        Returns
        -------
        self : DaskScratchMLPEnsembleClassifier
            The fitted ensemble.

        Raises
        ------
        ValueError, TypeError, ImportError
            As of `DaskScratchMLPClassifier.fit`.

        Warns
        -----
        ConvergenceWarning
            If the result of a member is not to be trusted.
        """
        return self._fit_blocks(X, y, sample_weight)
