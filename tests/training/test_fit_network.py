"""`fit_network` alone, without an estimator; and the observers one by one."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris

from sklearn_scratchnn import ScratchMLPClassifier, ScratchMLPRegressor
from sklearn_scratchnn.data.prepared import PreparedData, prepare
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.network import Network, make_network
from sklearn_scratchnn.training.fit_network import Settings, fit_network
from sklearn_scratchnn.training.observers import Epoch, Observer, PlateauStop
from sklearn_scratchnn.training.optimizers import OPTIMIZERS, Adam
from sklearn_scratchnn.training.schedules import Cosine
from sklearn_scratchnn.training.signals import Outcome, Signal
from sklearn_scratchnn.training.solvers.gradient_descent import GradientDescent
from sklearn_scratchnn.training.solvers.lbfgs import LBFGS
from sklearn_scratchnn.training.solvers.registry import SOLVERS

LOSS = LOSSES["softmax_cross_entropy"]
NUMBERS = [loss for loss in LOSSES.values() if loss.predicts_numbers]
losses = pytest.mark.parametrize("loss", [LOSS, *NUMBERS], ids=lambda loss: loss.name)


def rows(loss=LOSS):
    """Return iris: its species, or its last two columns as numbers."""
    X, y = load_iris(return_X_y=True)
    return (X[:, :2], X[:, 2:]) if loss.predicts_numbers else (X, y)


def data(fraction=None, loss=LOSS, joins=False):
    sample = make_sample(*rows(loss), loss)
    draws = np.random.RandomState(5)
    given = {"random_state": draws, "standardize": "robust", "joins": joins}
    return prepare(sample, fraction=fraction, **given)


def network(loss=LOSS, dtype=np.float64):
    n_inputs, n_outputs = (2, 2) if loss.predicts_numbers else (4, 3)
    return make_network((n_inputs, 6, n_outputs), ["tanh"], loss.name, dtype)


def adam(epochs=12):
    return GradientDescent(Adam(), Cosine(), 0.02, 20, epochs, tol=1e-4)


LBFGS_SOLVER = LBFGS(max_iter=30, max_fun=1000, tol=1e-4)


def trained(settings, seed=0, loss=LOSS, **given):
    given = {"data": data(loss=loss)} | given
    draws = np.random.RandomState(seed)
    return fit_network(
        network(loss), given.pop("data"), settings, random_state=draws, **given
    )


def estimator(loss, *args, **params):
    """Return the public class that trains with a loss."""
    if loss.predicts_numbers:
        return ScratchMLPRegressor(*args, loss=loss.name, **params)
    return ScratchMLPClassifier(*args, **params)


@losses
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_it_is_what_a_fit_does(loss, solver):
    """An estimator adds nothing to the parameters but the scales of X and of y."""
    settings = {
        "lbfgs": Settings(LBFGS_SOLVER, alpha=0.5),
        "adam": Settings(adam(), 0.5),
    }
    parts = data(loss=loss, joins=solver == "lbfgs")
    run = trained(settings[solver], loss=loss, data=parts)
    model = estimator(
        loss,
        (6,),
        "tanh",
        solver=solver,
        alpha=0.5,
        batch_size=20,
        dtype="float64",
        max_iter=30 if solver == "lbfgs" else 12,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty epochs of L-BFGS are few
        model.fit(*rows(loss))
    standardizer, units = parts.standardizer, parts.train.target_scale
    W, b = standardizer.fold(run.network.weights[0], run.network.biases[0])
    assert_array_equal(model.coefs_[0], W)
    assert_array_equal(model.intercepts_[0], b)
    W, b = run.network.weights[1], run.network.biases[1]
    if units is not None:
        W, b = units.fold(loss, W, b)
    assert_array_equal(model.coefs_[1], W)
    assert_array_equal(model.intercepts_[1], b)
    assert_array_equal(model.loss_curve_, run.history.arrays()["loss"])


DESCENTS = {  # what sets them apart
    "gd": {"rate": 0.05, "batch_size": None, "optimizer": OPTIMIZERS["sgd"](0.0)},
    "sgd": {"rate": 0.05, "optimizer": OPTIMIZERS["sgd"]()},
    "adam": {"optimizer": OPTIMIZERS["adam"]()},
    "adamw": {"optimizer": OPTIMIZERS["adamw"]()},
}


def solver_of(name, epochs=40):
    """Return a solver of some epochs at a rate that suits it."""
    if name == "lbfgs":
        return LBFGS(max_iter=epochs, max_fun=1000, tol=1e-4)
    if name == "gauss_newton":
        return SOLVERS[name](max_iter=epochs, tol=1e-4)
    given = {"rate": 0.02, "batch_size": 20} | DESCENTS[name]
    return SOLVERS[name](schedule=Cosine(), max_iter=epochs, tol=0.0, **given)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        pytest.param(name, loss, id=f"{name}-{loss.name}")
        for name in SOLVERS
        for loss in NUMBERS
        if name != "gauss_newton" or loss.has_curvature
    ],
)
@pytest.mark.parametrize("alpha", [0.1, None], ids=["given", "chosen"])
def test_every_solver_learns_numbers(name, loss, alpha):
    """The loss falls far below that of the best constant, on the rows trained on."""
    alpha = 0.0 if name == "adamw" else alpha
    run = trained(Settings(solver_of(name), alpha=alpha), loss=loss)
    run.objective.penalty = 0.0
    constant = data(loss=loss).train.constant_loss()
    assert run.objective.value() < 0.6 * constant


@losses
def test_a_start_is_gone_on_from(loss):
    settings = Settings(LBFGS(max_iter=500, max_fun=2000, tol=1e-5), alpha=1.0)
    whole = trained(settings, loss=loss)
    assert whole.outcome is Outcome.CONVERGED
    made, start = network(loss), whole.network.parameters
    again = fit_network(made, data(loss=loss), settings, start=start)
    assert again.network is made
    assert len(again.history) <= 1
    assert_allclose(made.parameters.theta, whole.theta, rtol=1e-6, atol=1e-8)


@losses
def test_alpha_is_chosen_where_it_is_none(loss):
    run = trained(Settings(LBFGS_SOLVER, alpha=None), loss=loss)
    assert run.choice.alpha in run.choice.table["alpha"]
    assert run.objective.penalty == run.choice.alpha / 150
    given = trained(Settings(LBFGS_SOLVER, alpha=2.0), loss=loss)
    assert given.choice.alpha == 2.0


@losses
def test_the_best_on_held_out_rows_is_kept(loss):
    settings = Settings(adam(60), alpha=0.0, keep_best=True)
    run = trained(settings, loss=loss, data=data(0.3, loss))
    scores = run.history.arrays()["validation_score"]
    value, _ = run.held_out.measure(run)
    assert_allclose(-value, scores.max(), rtol=1e-12)


class Recorded(Observer):
    def __init__(self, signal=Signal.CONTINUE, at=None):
        self.signal, self.at, self.epochs = signal, at, []

    def on_epoch(self, epoch, run):
        self.epochs.append(copy.copy(epoch))
        return self.signal if epoch.number == self.at else Signal.CONTINUE


def test_observers_are_asked_in_turn_and_the_strongest_answer_counts():
    first, second = Recorded(Signal.STOP, at=4), Recorded()
    run = trained(Settings(adam(), 0.5), observers=(first, second))
    assert [epoch.number for epoch in first.epochs] == [1, 2, 3, 4]
    assert [epoch.number for epoch in second.epochs] == [1, 2, 3]
    assert run.outcome is Outcome.STOPPED
    assert_array_equal(run.history.arrays()["loss"], [e.loss for e in first.epochs])
    lower = trained(
        Settings(adam(), 0.5), observers=(Recorded(Signal.REDUCE_LEARNING_RATE, at=3),)
    )
    assert (
        lower.outcome is Outcome.CONVERGED
    )  # a cosine has no lower rate to go on with
    assert len(lower.history) == 3


def test_a_plateau_sees_the_score_or_minus_the_loss():
    plateau = PlateauStop(tol=0.1, n_epochs=1)
    losses = [1.0, 0.8, 0.79, 0.78, 0.5]
    answers = [plateau.on_epoch(Epoch(1, loss, 0.1, 1.0, 0.0), None) for loss in losses]
    reduce = Signal.REDUCE_LEARNING_RATE
    assert answers == [Signal.CONTINUE] * 3 + [reduce, Signal.CONTINUE]
    plateau = PlateauStop(tol=0.1, n_epochs=1)
    epochs = [
        Epoch(1, 9.0, 0.1, 1.0, 0.0, 0.5, score) for score in (0.5, 0.7, 0.7, 0.7)
    ]
    assert [plateau.on_epoch(e, None) for e in epochs][-1] is reduce


@losses
@pytest.mark.parametrize("stop_at", [1, 5])
def test_a_state_goes_on_to_the_same_bits(stop_at, loss):
    """Through a pickle, dropout and the order of the rows included."""
    given = {"loss": loss, "data": data(0.3, loss)}
    settings = Settings(adam(), 0.5, dropout=0.2, keep_best=True, patience=(1e-4, 5))
    whole = trained(settings, **given, observers=(Recorded(),))
    states = []

    class Keep(Observer):
        def on_epoch(self, epoch, run):
            if epoch.number == stop_at:
                states.append(pickle.dumps(run.state()))
            return Signal.CONTINUE

    trained(settings, **given, observers=(Keep(),))
    state = pickle.loads(states[0])
    assert len(state.observers["Recorder"]["history"]) == stop_at
    resumed = trained(settings, **given, state=state, observers=(Recorded(),))
    assert_array_equal(resumed.theta, whole.theta)
    loss = whole.history.arrays()["loss"]
    assert_array_equal(resumed.history.arrays()["loss"], loss)
    assert resumed.epoch == whole.epoch


def test_an_interruption_carries_the_run(monkeypatch, on_the_page):
    calls, backward = [], Network.backward

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return backward(self, *args)

    monkeypatch.setattr(Network, "backward", interrupted)
    with pytest.raises(KeyboardInterrupt) as interruption:
        trained(Settings(adam(), 0.5))
    run = interruption.value.training
    assert len(run.history) == 3
    assert run.outcome is None
    assert np.isfinite(run.theta).all()


def test_prepared_data_is_prepared_once():
    parts = data(fraction=0.2)
    assert parts.train.standardizer is parts.held_out.standardizer is parts.standardizer
    assert PreparedData(parts.train).held_out is None
    rows = parts.train.rows(np.float64, 10).block(0, 10)
    mean, scale = parts.standardizer.mean, parts.standardizer.scale
    expected = (parts.train.X[parts.train.subset[:10]] - mean) / scale
    assert_allclose(rows, expected, rtol=1e-12)
