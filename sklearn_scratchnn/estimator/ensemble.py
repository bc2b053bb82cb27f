"""The base class of the ensembles: how members are made, trained and averaged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._compat import CallbackSupportMixin, Interval, StrOptions
from .._typing import Integral, Rows
from ..data.checks import check_X
from ..data.columns import Columns
from ..network.loss import Loss
from ..network.losses import loss_with_link
from .base import NetworkEstimator, unchanged_on_error
from .callback_observer import ensemble_observer
from .caller import warn_caller
from .constraints import OF_NUMBERS
from .fitting import Fit
from .members import (
    ENCODINGS,
    Halt,
    MemberFit,
    automatic_encodings,
    check_encodings,
    history_of,
    jobs_for,
    make_members,
    seeds_of,
    train_all,
    weights_of,
)
from .persistence import PersistenceMixin
from .reading import read


class NetworkEnsemble(CallbackSupportMixin, PersistenceMixin, BaseEstimator):
    """What the ensembles share.

    One of them adds its docstring, the class of its members, and what its methods that
    predict return.
    """

    _member_class: ClassVar[type[NetworkEstimator]]

    estimators_: list[Any]
    member_weights_: np.ndarray
    n_outputs_: int
    out_activation_: str
    is_categorical_: np.ndarray | None
    categories_: list[np.ndarray] | None
    has_missing_: np.ndarray | None
    has_rare_: np.ndarray | None
    column_means_: np.ndarray
    feature_importances_: np.ndarray
    history_: dict[str, np.ndarray]
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "encodings": [StrOptions(set(ENCODINGS)), list, tuple, np.ndarray],
        "n_jobs": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
            None,
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 2,
        *,
        encodings: str | Sequence[str] = "auto",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = False,
        warm_start: bool = False,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.encodings = encodings
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of the members as ``estimator__alpha``.

        Parameters
        ----------
        **params : dict
            A name that begins with ``estimator__`` puts a network in place of an
            ``estimator`` of None.

        Returns
        -------
        self : estimator
            With the new parameters.
        """
        prefix = "estimator__"
        nested = {name for name in params if name.startswith(prefix)}
        if nested and params.get("estimator", self.estimator) is None:
            own = {name.removeprefix(prefix): params[name] for name in nested}
            params = {name: params[name] for name in params.keys() - nested}
            params["estimator"] = self._member_class().set_params(**own)
        super().set_params(**params)
        return self

    def _template(self) -> Any:
        """Return the network that members are clones of."""
        return self.estimator or self._member_class()

    def _fit(
        self,
        X: Rows,
        y: Rows,
        sample_weight: ArrayLike | None,
        X_val: Rows | None,
        y_val: Rows | None,
        sample_weight_val: ArrayLike | None,
    ) -> Self:
        """Fit the members; see `ScratchMLPEnsembleClassifier.fit`."""
        template = self._template()
        template._validate_params()
        with unchanged_on_error(self, "estimators_"):
            there = self._members_to_keep()
            check_same_loss(template, there)
            data = read(
                self,
                X,
                y,
                sample_weight,
                X_val,
                y_val,
                sample_weight_val,
                fitted=bool(there),
                class_weight=getattr(template, "class_weight", None),
                categorical_features=template.categorical_features,
            )
            n_new = self.n_estimators - len(there)
            observer = ensemble_observer(self, X, y, sample_weight, n_new)
            self._fit_to(data, template, there, observer)
        return self

    def _fit_to(
        self,
        data: tuple,
        template: Any,
        there: list,
        observer: Any,
        make_fit: type[Fit] = Fit,
    ) -> None:
        """Fit new members to rows that were read."""
        encodings = check_encodings(self.encodings)
        if encodings is None:
            encodings = automatic_encodings(template.numeric_encoding, *data)
        seeds = seeds_of(self.random_state, self.n_estimators)
        new = make_members(template, encodings, seeds, len(there), self)
        self._train(there, new, data, observer, make_fit)

    def _members_to_keep(self) -> list[Any]:
        """Return the members that a warm start goes on with."""
        if not (self.warm_start and hasattr(self, "estimators_")):
            return []
        there = self.estimators_
        if self.n_estimators < len(there):
            raise ValueError(
                f"n_estimators={self.n_estimators} is less than the {len(there)} "
                "members that there are, which warm_start=True keeps."
            )
        if self.n_estimators == len(there):
            warn_caller(
                "Warm-start fitting without increasing n_estimators does not fit new "
                "members.",
                UserWarning,
            )
        return there

    def _train(
        self, there: list, new: list, data: tuple, observer: Any, make_fit: type[Fit]
    ) -> None:
        """Train the new members, and set the attributes that those trained give."""
        fits, halt = [], Halt()
        for number, member in enumerate(new, len(there)):
            told = observer and observer.of_member(number - len(there))
            fits.append(MemberFit(number, member, data, halt, told, make_fit))
        try:
            train_all(fits, self._jobs_for(fits), self.verbose)
        except KeyboardInterrupt:
            # A later fit may add members, so there is to be no gap.
            whole = takewhile(lambda fit: fit.result is not None, fits)
            trained = [fit.expose() for fit in whole]
            if trained:
                self.__dict__.update(self._fitted_by([*there, *trained]))
            raise
        members = [*there, *(fit.expose() for fit in fits)]
        attributes = self._fitted_by(members)
        self.__dict__.update(attributes)
        if observer:
            observer.end(attributes)

    def _jobs_for(self, fits: list) -> int | None:
        """Return how many members are trained at the same time."""
        return jobs_for(fits, self.n_jobs)

    def _fitted_by(self, members: list[Any]) -> dict[str, Any]:
        """Return the fitted attributes of an ensemble of some fitted members."""
        weights = weights_of(members)
        importances = [member.feature_importances_ for member in members]
        labels = {}
        if hasattr(members[0], "classes_"):
            labels["classes_"] = members[0].classes_
        return labels | {
            "estimators_": members,
            "member_weights_": weights,
            "n_outputs_": members[0].n_outputs_,
            "out_activation_": members[0].out_activation_,
            **vars(Columns.of(members[0])),
            "feature_importances_": weights @ importances,
            "history_": history_of(members),
        }

    def _read_y(self, y: np.ndarray) -> tuple[np.ndarray, Loss]:
        """As of one network."""
        return self._template()._read_y(y)

    # Answers -----------------------------------------------------------------------

    def _outputs_of_members(
        self, X: Rows, link: str | None = None
    ) -> tuple[Loss, np.ndarray]:
        """Return the members' loss, and `Predictor.outputs`, (M, n_samples, K)."""
        check_is_fitted(self)
        columns = Columns.of(self)
        X, members = check_X(self, X, columns), self.estimators_
        outputs = [m._predictor_of(X, columns).outputs(link) for m in members]
        return loss_with_link(self.out_activation_), np.stack(outputs)

    def _logits(self, X: Rows) -> tuple[Loss, np.ndarray]:
        """Return the loss, and the logits of the mean, (n_samples, K)."""
        loss, logits = self._outputs_of_members(X)
        with np.errstate(all="ignore"):
            return loss, loss.logits_of_mean(logits, self.member_weights_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


def check_same_loss(template, members):
    """Raise ValueError where members to keep were trained under another loss."""
    for name in OF_NUMBERS:
        for member in members[:1] if hasattr(template, name) else ():
            then, now = getattr(member, name), getattr(template, name)
            if then != now:
                raise ValueError(
                    f"{name} is now {now!r}, but the members that there are have "
                    f"{then!r}: their mean would be of two things. Set "
                    "warm_start=False, or give the estimator the same."
                )
