"""`fit_network` alone, without an estimator; and the observers one by one."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.data.prepared import PreparedData, prepare
from sklearn_scratchnn.data.sample import make_sample
from sklearn_scratchnn.network.losses import LOSSES
from sklearn_scratchnn.network.network import Network, make_network
from sklearn_scratchnn.training.fit_network import Settings, fit_network
from sklearn_scratchnn.training.observers import Epoch, Observer, PlateauStop
from sklearn_scratchnn.training.optimizers import Adam
from sklearn_scratchnn.training.schedules import Cosine
from sklearn_scratchnn.training.signals import Outcome, Signal
from sklearn_scratchnn.training.solvers.gradient_descent import GradientDescent
from sklearn_scratchnn.training.solvers.lbfgs import LBFGS

LOSS = LOSSES["softmax_cross_entropy"]


def data(fraction=None):
    X, y = load_iris(return_X_y=True)
    sample = make_sample(X, y, LOSS)
    draws = np.random.RandomState(5)
    return prepare(sample, fraction=fraction, random_state=draws, standardize="robust")


def network(dtype=np.float64):
    return make_network((4, 6, 3), ["tanh"], LOSS.name, dtype)


def adam(epochs=12):
    return GradientDescent(Adam(), Cosine(), 0.02, 20, epochs, tol=1e-4)


LBFGS_SOLVER = LBFGS(max_iter=30, max_fun=1000, tol=1e-4)


def trained(settings, seed=0, **given):
    made = network()
    draws = np.random.RandomState(seed)
    return fit_network(
        made, given.pop("data", data()), settings, random_state=draws, **given
    )


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_it_is_what_a_fit_does(solver):
    """The classifier adds nothing to the parameters but the scale of the columns."""
    X, y = load_iris(return_X_y=True)
    settings = {
        "lbfgs": Settings(LBFGS_SOLVER, alpha=0.5),
        "adam": Settings(adam(), 0.5),
    }
    run = trained(settings[solver])
    model = ScratchMLPClassifier(
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
        model.fit(X, y)
    standardizer = data().standardizer
    W, b = standardizer.fold(run.network.weights[0], run.network.biases[0])
    assert_array_equal(model.coefs_[0], W)
    assert_array_equal(model.intercepts_[0], b)
    assert_array_equal(model.coefs_[1], run.network.weights[1])
    assert_array_equal(model.loss_curve_, run.history.arrays()["loss"])


def test_a_start_is_gone_on_from():
    settings = Settings(LBFGS(max_iter=500, max_fun=2000, tol=1e-5), alpha=1.0)
    whole = trained(settings)
    assert whole.outcome is Outcome.CONVERGED
    made = network()
    again = fit_network(made, data(), settings, start=whole.network.parameters)
    assert again.network is made
    assert len(again.history) <= 1
    assert_allclose(made.parameters.theta, whole.theta, rtol=1e-6, atol=1e-8)


def test_alpha_is_chosen_where_it_is_none():
    run = trained(Settings(LBFGS_SOLVER, alpha=None))
    assert run.choice.alpha in run.choice.table["alpha"]
    assert run.objective.penalty == run.choice.alpha / 150
    assert trained(Settings(LBFGS_SOLVER, alpha=2.0)).choice.alpha == 2.0


def test_the_best_on_held_out_rows_is_kept():
    parts = data(fraction=0.3)
    run = trained(Settings(adam(60), alpha=0.0, keep_best=True), data=parts)
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


@pytest.mark.parametrize("stop_at", [1, 5])
def test_a_state_goes_on_to_the_same_bits(stop_at):
    """Through a pickle, dropout and the order of the rows included."""
    parts = data(fraction=0.3)
    settings = Settings(adam(), 0.5, dropout=0.2, keep_best=True, patience=(1e-4, 5))
    whole = trained(settings, data=parts, observers=(Recorded(),))
    states = []

    class Keep(Observer):
        def on_epoch(self, epoch, run):
            if epoch.number == stop_at:
                states.append(pickle.dumps(run.state()))
            return Signal.CONTINUE

    trained(settings, data=parts, observers=(Keep(),))
    state = pickle.loads(states[0])
    assert len(state.observers["Recorder"]["history"]) == stop_at
    resumed = trained(settings, data=parts, state=state, observers=(Recorded(),))
    assert_array_equal(resumed.theta, whole.theta)
    loss = whole.history.arrays()["loss"]
    assert_array_equal(resumed.history.arrays()["loss"], loss)
    assert resumed.epoch == whole.epoch


def test_an_interruption_carries_the_run(monkeypatch):
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
