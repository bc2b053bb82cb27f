"""Ctrl-C in the middle of a compiled pass, as a real signal."""

import os
import signal
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.core.switch import compiled
from sklearn_scratchnn.training.objective import Objective

pytestmark = [
    pytest.mark.skipif(compiled() is None, reason="there is no core"),
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@contextmanager
def interrupted_in(monkeypatch, method):
    """Send Ctrl-C a moment after the next call of a method of `Objective` begins."""
    original, sent = getattr(Objective, method), []

    def call(self, *args):
        if not sent:
            sent.append(self.compiled)
            timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
        return original(self, *args)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # was it ignored?
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Objective, method, call)
            yield sent
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def large():
    """Rows enough that a pass over them takes a good part of a second."""
    rng = np.random.RandomState(0)
    X = rng.randn(20_000, 100)
    return X, (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("update_batches", {"solver": "adam", "batch_size": 500}),
        ("value_and_gradient", {"solver": "lbfgs"}),
        ("descend", {"solver": "gd"}),
    ],
)
def test_a_pass_is_interrupted(large, monkeypatch, method, given):
    X, y = large
    model = ScratchMLPClassifier(
        (400, 400), alpha=1.0, numeric_encoding="linear", random_state=0, **given
    )
    model.set_params(max_iter=1).fit(X[:300], y[:300])
    before = vars(model).copy()
    model.set_params(max_iter=50)
    sending = interrupted_in(monkeypatch, method)
    with sending as sent, pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert sent[0] is not None, "the page computed"
    assert model.n_iter_ <= 1, "the signal was heard too late"
    assert np.isfinite(model.predict_proba(X[:100])).all()
    assert vars(model).keys() == before.keys()
    model.set_params(max_iter=1).fit(X[:300], y[:300])
    for W, W_before in zip(model.coefs_, before["coefs_"]):
        np.testing.assert_array_equal(W, W_before)


def test_other_threads_run_meanwhile(large):
    """The core lets go of the interpreter while it computes."""
    X, y = large
    ticks, done = [], threading.Event()

    def tick():
        while not done.wait(0.001):
            ticks.append(None)

    model = ScratchMLPClassifier((200, 200), solver="gd", alpha=1.0, max_iter=5)
    thread = threading.Thread(target=tick)
    thread.start()
    model.set_params(numeric_encoding="linear").fit(X[:5000], y[:5000])
    done.set()
    thread.join()
    assert len(ticks) > 20
