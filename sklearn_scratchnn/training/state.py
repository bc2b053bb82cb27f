"""What is carried from one call to the next."""

from dataclasses import dataclass, field


@dataclass
class TrainingState:
    """All that another call needs to go on with a training.

    An estimator keeps at most one, and nothing else is carried between calls:

    - `partial_fit` leaves one for the next call;
    - a `Checkpoint` has one in its file, for a `fit` that is resumed;
    - a first call that was interrupted leaves one that says what to forget.

    Parameters
    ----------
    purpose : {"partial_fit", "resume", "forget"}
        Which call may take it up.
    solver : dict, default=None
        State of the solver: the optimizer's moments, the numbers of epochs and updates.
    random_state : RandomState or dict, default=None
        The source of randomness, or its state.
    observers : dict, default={}
        What each `Observer` carries, by the name of its class: the history, the
        patience, the best parameters so far.
    settings : dict, default={}
        The settings that it belongs to. A fit is not resumed under others.
    data : dict, default={}
        The fingerprint of the rows that it belongs to.
    theta : ndarray of shape (n_parameters,), default=None
        The newest parameters.
    start : FittedLayers, default=None
        The fitted layers that a warm-started fit began with.
    begin : dict, default=None
        State of the source of randomness before the first draw: the same calls draw the
        same weights and the same split again.
    masks : dict, default=None
        State of the generator of dropout masks.
    seconds : float, default=0.0
        Since training began.
    choice : Choice, default=None
        The penalty of a fit, and what was chosen with it.
    alpha : float, default=None
        For `partial_fit`: the penalty of one row, None where there was none.
    scaling : tuple, default=None
        For `partial_fit`: the arguments of the `Standardizer`.
    target_scale : tuple, default=None
        For `partial_fit`: the arguments of the `TargetScale`.
    attributes : tuple of str, default=()
        Those to be forgotten.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_scratchnn import ScratchMLPClassifier
    >>> X, y = make_moons(100, random_state=0)
    >>> model = ScratchMLPClassifier((3,)).partial_fit(X, y, classes=[0, 1])
    >>> model._training_state.purpose, model._training_state.solver["updates"]
    ('partial_fit', 1)
    """

    purpose: str
    solver: dict | None = None
    random_state: object = None
    observers: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    theta: object = None
    start: tuple | None = None
    begin: dict | None = None
    masks: dict | None = None
    seconds: float = 0.0
    choice: object = None
    alpha: float | None = None
    scaling: tuple | None = None
    target_scale: tuple | None = None
    attributes: tuple = ()
