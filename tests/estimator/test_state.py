"""What is carried between calls is one state, and a fit is resumed as itself or not."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV, cross_validate
from tasks import of_labels, of_numbers

from sklearn_scratchnn._compat import without_callbacks
from sklearn_scratchnn.training.state import TrainingState

pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
from sklearn_scratchnn.callbacks import Checkpoint

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, MOONS = make_moons(120, noise=0.25, random_state=0)
WEIGHTS = np.random.RandomState(0).rand(120)


@pytest.fixture
def y(task):
    return task.y(MOONS)


@pytest.fixture
def held_out(y):
    return {"X_val": X[:30], "y_val": y[:30]}


@pytest.fixture
def network(task):
    def make(**params):
        given = {"hidden_layer_sizes": (5,), "solver": "adam", "max_iter": 6}
        given |= {"random_state": 0, "dropout": 0.1}
        return task.network(**given | params)

    return make


class Killed(BaseException):
    pass


class KillAt:
    """Ends a fit as if its process were killed, after the checkpoint was written."""

    def __init__(self, epoch):
        self.epoch = epoch

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_id + 1 == self.epoch and context.parent is not None:
            raise Killed


@pytest.fixture
def checkpointed(network, y):
    def resumed_of(path, *args, epoch=3, model=None, **given):
        model = network() if model is None else model
        model.set_callbacks(Checkpoint(path), KillAt(epoch))
        with pytest.raises(Killed):
            model.fit(*(args or (X, y)), **given)
        return Checkpoint.resume(path)

    return resumed_of


# A resumed fit is the one that it resumes


OTHER_SETTINGS = {
    "alpha": 3.0,
    "learning_rate_init": 0.005,
    "batch_size": 30,
    "learning_rate": "constant",
    "dropout": 0.3,
    "max_grad_norm": 1.0,
    "beta_1": 0.8,
    "epsilon": 1e-7,
    "shuffle": False,
    "init": "lecun_normal",
    "random_state": 1,
    "n_iter_no_change": 3,
    "tol": 0.01,
    "hidden_layer_sizes": (6,),
    "activation": "tanh",
    "solver": "adamw",
    "dtype": "float64",
    "standardize": True,
}
OF_LABELS = {"label_smoothing": 0.1, "class_weight": "balanced"}
OF_A_LOSS = {"loss": "huber", "quantile": 0.3, "huber_threshold": 2.0}
NAMED = {"hidden_layer_sizes": "layer sizes", "activation": "activations"}


@pytest.mark.parametrize("name", OTHER_SETTINGS)
def test_another_setting_is_refused_by_name(y, network, checkpointed, name, tmp_path):
    assert_refused(checkpointed, network, y, name, OTHER_SETTINGS[name], tmp_path)


@of_labels
@pytest.mark.parametrize("name", OF_LABELS)
def test_another_setting_of_labels_is_refused_by_name(
    y, network, checkpointed, name, tmp_path
):
    assert_refused(checkpointed, network, y, name, OF_LABELS[name], tmp_path)


@of_numbers
@pytest.mark.parametrize("name", OF_A_LOSS)
def test_another_setting_of_a_loss_is_refused_by_name(
    y, network, checkpointed, name, tmp_path
):
    assert_refused(checkpointed, network, y, name, OF_A_LOSS[name], tmp_path)


def assert_refused(checkpointed, network, y, name, other, tmp_path):
    resumed = checkpointed(tmp_path / "model.ckpt")
    resumed.set_params(**{name: other})
    told = f"The checkpoint is of a fit with {NAMED.get(name, name)} "
    with pytest.raises(ValueError, match=told):
        resumed.fit(X, y)
    resumed.set_params(**network().get_params())
    assert_array_equal(resumed.fit(X, y).coefs_[0], network().fit(X, y).coefs_[0])


def test_every_setting_that_changes_a_result_is_compared(
    network, checkpointed, tmp_path
):
    """All but what is printed, and how many epochs at most."""
    state = checkpointed(tmp_path / "model.ckpt")._training_state
    resolved = {"hidden_layer_sizes", "activation", "solver", "dtype", "standardize"}
    known = set(network().get_params()) - resolved
    assert known - set(state.settings) == {"verbose", "warm_start"}


@pytest.mark.parametrize("name", ["X", "y", "weights"])
def test_other_data_are_refused_by_name(task, y, network, checkpointed, name, tmp_path):
    resumed = checkpointed(tmp_path / "model.ckpt")
    other = {
        "X": (X + 1e-9, y, None),
        "y": (X, task.other_y(y), None),
        "weights": (X, y, WEIGHTS),
    }
    with pytest.raises(ValueError, match=f"other values of {name}: resume"):
        resumed.fit(*other[name])
    assert_array_equal(resumed.fit(X, y).coefs_[0], network().fit(X, y).coefs_[0])


@of_labels
def test_other_classes_are_refused_by_name(y, checkpointed, tmp_path):
    resumed = checkpointed(tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match="other values of classes: resume"):
        resumed.fit(X, np.array(["a", "b"])[y])


@of_numbers
@pytest.mark.parametrize("change", [lambda y: 2 * y, lambda y: y + 1, lambda y: y**2])
def test_another_unit_of_y_is_refused(y, network, checkpointed, change, tmp_path):
    """Inside the network the first two are the same numbers, but for rounding."""
    resumed = checkpointed(tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match="other values of y: resume"):
        resumed.fit(X, change(y))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_one_value_among_many_is_seen(y, network, checkpointed, kind, tmp_path):
    resumed = checkpointed(tmp_path / "model.ckpt", kind(X), y)
    changed = X.copy()
    changed[77, 1] = np.nextafter(changed[77, 1], 9)
    with pytest.raises(ValueError, match="other values of X: resume"):
        resumed.fit(kind(changed), y)
    whole = network().fit(kind(X), y)
    assert_array_equal(resumed.fit(kind(X), y).coefs_[0], whole.coefs_[0])


@pytest.mark.parametrize(
    "name", ["X_val", "y_val", "weights of X_val", "held-out rows"]
)
def test_other_held_out_rows_are_refused_by_name(
    task, y, checkpointed, held_out, name, tmp_path
):
    resumed = checkpointed(tmp_path / "model.ckpt", X, y, **held_out)
    changed = {
        "X_val": {"X_val": X[:30] * 1.01},
        "y_val": {"y_val": task.other_y(y)[:30]},
        "weights of X_val": {"sample_weight_val": WEIGHTS[:30]},
        "held-out rows": {"X_val": X[:29], "y_val": y[:29]},
    }[name]
    with pytest.raises(ValueError, match=f"The checkpoint is of a fit with .*{name}"):
        resumed.fit(X, y, **held_out | changed)


@pytest.mark.parametrize("name", ["y_val", "weights of X_val"])
def test_held_out_rows_that_are_those_in_training_are_compared(
    task, y, checkpointed, name, tmp_path
):
    held_out = {"X_val": X, "y_val": y}
    resumed = checkpointed(tmp_path / "model.ckpt", X, y, **held_out)
    changed = {
        "y_val": {"y_val": task.other_y(y)},
        "weights of X_val": {"sample_weight_val": WEIGHTS},
    }[name]
    with pytest.raises(ValueError, match=f"The checkpoint is of a fit with .*{name}"):
        resumed.fit(X, y, **held_out | changed)


def test_more_epochs_are_allowed_and_fewer_are_not(y, network, checkpointed, tmp_path):
    constant = {"learning_rate": "constant", "n_iter_no_change": np.inf, "alpha": 1.0}
    resumed = checkpointed(tmp_path / "model.ckpt", model=network(**constant))
    with pytest.raises(ValueError, match="a fit with max_iter 6, and this one has 5"):
        resumed.set_params(max_iter=5).fit(X, y)
    longer = network(**constant, max_iter=9).fit(X, y)
    resumed.set_params(max_iter=9, verbose=False).fit(X, y)
    assert_array_equal(resumed.coefs_[0], longer.coefs_[0])


# Clones


def test_a_clone_of_a_resumed_estimator_goes_on_too(y, network, checkpointed, tmp_path):
    whole = network().fit(X, y)
    resumed = checkpointed(tmp_path / "model.ckpt")
    for twin in (clone(resumed), clone(clone(resumed))):
        assert not hasattr(twin, "coefs_")
        assert_array_equal(twin.fit(X, y).loss_curve_, whole.loss_curve_)
    assert_array_equal(resumed.fit(X, y).coefs_[0], whole.coefs_[0])


def test_folds_are_not_what_a_checkpoint_is_of(y, checkpointed, tmp_path):
    """They were trained from nothing, without a word."""
    resumed = checkpointed(tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match="a fit with training rows 120, and this one"):
        cross_validate(resumed, X, y, cv=3, error_score="raise")
    search = GridSearchCV(resumed, {"alpha": [0.1]}, cv=3)
    with pytest.raises(ValueError, match="a fit with training rows 120"):
        search.fit(X, y)


def test_a_clone_of_a_fitted_or_incremental_model_carries_nothing(task, y, network):
    incremental = network().partial_fit(X, y, **task.first(y))
    assert incremental._training_state.purpose == "partial_fit"
    for model in (incremental, network().fit(X, y)):
        assert vars(clone(model)).keys() == vars(network()).keys()


# One state


def test_a_fit_leaves_no_state(task, y, network):
    assert not hasattr(network().fit(X, y), "_training_state")
    model = network().partial_fit(X, y, **task.first(y))
    assert isinstance(model._training_state, TrainingState)
    assert not hasattr(model.fit(X, y), "_training_state")


def test_private_attributes_are_the_state_alone(
    task, y, network, checkpointed, tmp_path
):
    """Whatever was called, nothing else is carried under a private name."""
    models = [
        network().fit(X, y),
        network().partial_fit(X, y, **task.first(y)),
        checkpointed(tmp_path / "model.ckpt"),
        checkpointed(tmp_path / "other.ckpt").fit(X, y),
    ]
    for model in models:
        private = {name for name in vars(model) if name.startswith("_")}
        assert private <= {"_training_state"}


def test_while_training_a_model_pickles_without_the_run(y, network, tmp_path):
    """What stands for the state then holds the buffers of the whole training."""
    sizes = []

    class Look(KillAt):
        def on_fit_task_end(self, estimator, context):
            if context.parent is not None:
                fitted = without_callbacks(estimator)
                assert hasattr(fitted._training_state, "snapshot")
                sizes.append(len(pickle.dumps(fitted)))

    network(hidden_layer_sizes=(200,)).set_callbacks(Look(0)).fit(X, y)
    assert max(sizes) < 10_000


def test_partial_fit_takes_new_rows_and_a_new_rate_and_no_other_solver_state(
    task, y, network
):
    """Another optimizer begins with fresh moments; its rate is its own."""
    model = network().partial_fit(X, y, **task.first(y))
    moments = model._training_state.solver["optimizer"]
    assert moments["t"] == 1
    model.set_params(learning_rate_init=0.5).partial_fit(X[:50], y[:50])
    assert model._training_state.solver["optimizer"]["t"] == 2
    assert model.history_["learning_rate"][-1] == 0.5
    model.set_params(solver="sgd", learning_rate_init="auto").partial_fit(X, y)
    assert set(model._training_state.solver["optimizer"]) == {"v"}


# The penalty that is gone on with


def test_adamw_has_no_penalty_to_go_on_with(task, y, network):
    model = network(solver="adamw", warm_start=True).fit(X, y)
    assert model.alpha_ == 0.0
    assert model.set_params(solver="adam").fit(X, y).alpha_ == 1.0
    assert model.set_params(solver="adamw").fit(X, y).alpha_ == 0.0
    model = network(solver="adamw").partial_fit(X, y, **task.first(y))
    assert model.alpha_ == 0.0
    assert model.set_params(solver="adam").partial_fit(X, y).alpha_ == 120 / 3000
