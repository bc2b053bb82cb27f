"""Workers that die and join, clients that end, and what is left on the cluster."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_moons

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.callbacks import Checkpoint
from sklearn_scratchnn.cluster.collections import is_persisted
from sklearn_scratchnn.cluster.objective import ClusterObjective
from sklearn_scratchnn.cluster.workers import Blocks
from sklearn_scratchnn.dask import (
    DaskScratchMLPClassifier,
    DaskScratchMLPEnsembleClassifier,
    DaskScratchMLPRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GIVEN = {"solver": "lbfgs", "alpha": 1.0, "hidden_layer_sizes": 8, "max_iter": 25}


@pytest.fixture(scope="module")
def rows():
    X, y = make_moons(800, noise=0.2, random_state=0)
    return X, y


def cut(rows, size=100):
    X, y = rows
    return da.from_array(X, chunks=(size, 2)), da.from_array(y, chunks=size)


def left_on(client):
    """Return what the scheduler still knows, once it has had time to forget."""
    for _ in range(100):
        keys = client.run_on_scheduler(lambda dask_scheduler: [*dask_scheduler.tasks])
        if not keys:
            return []
        time.sleep(0.05)
    return keys


def bits(model):
    return b"".join(array.tobytes() for array in model.coefs_ + model.intercepts_)


def test_bits_do_not_depend_on_the_workers(rows):
    found = set()
    for n_workers in (1, 2, 3):
        cluster = LocalCluster(
            n_workers=n_workers,
            threads_per_worker=2 if n_workers == 1 else 1,
            processes=False,
            dashboard_address=":0",
        )
        with cluster, Client(cluster):
            for given in ({}, {"solver": "gd", "dropout": 0.2}):
                model = DaskScratchMLPClassifier(**GIVEN | given, random_state=0)
                found.add((given.get("solver"), bits(model.fit(*cut(rows)))))
    assert len(found) == 2


@pytest.mark.parametrize("given", [{}, {"solver": "adam", "max_iter": 3}])
def test_nothing_is_left_but_what_the_user_persisted(client, rows, given):
    X, y = cut(rows)
    model = DaskScratchMLPClassifier(**GIVEN | given, random_state=0).fit(X, y)
    model.score(X, y)
    assert left_on(client) == []
    X = X.persist()
    DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(X, y)
    time.sleep(0.5)
    keys = client.run_on_scheduler(lambda dask_scheduler: [*dask_scheduler.tasks])
    assert len(client.who_has()) == 8
    assert len(keys) == 8
    with pytest.raises(ValueError, match="one class only"):
        DaskScratchMLPClassifier().fit(X, da.zeros(800, chunks=100, dtype=int))
    time.sleep(0.5)
    assert len(client.who_has()) == 8


@pytest.fixture(scope="module")
def processes():
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        yield cluster, client


def pids_of(client):
    return list(client.run(os.getpid).values())


@pytest.fixture
def unharmed(processes, rows):
    """The bits of a fit during which nothing happens."""
    return bits(DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(*cut(rows)))


def slow_down(flag):
    """Let a worker's passes take a second for as long as there is a file."""
    from sklearn_scratchnn.cluster import passes

    original = passes.value_and_gradient

    def slow(*args):
        if flag.exists():
            time.sleep(1)
        return original(*args)

    passes.value_and_gradient = slow


@pytest.mark.parametrize("when", ["between passes", "inside a pass"])
def test_a_worker_is_killed(processes, rows, unharmed, monkeypatch, tmp_path, when):
    """Its blocks are computed again, and nobody can tell by the result."""
    _, client = processes
    flag, killed, calls = tmp_path / "flag", [], []
    original = ClusterObjective.value_and_gradient
    client.run(slow_down, flag)

    def kill():
        killed.append(pids_of(client)[0])
        os.kill(killed[0], signal.SIGKILL)

    def watched(self):
        calls.append(None)
        if len(calls) == 5 and when == "between passes":
            kill()
        if len(calls) == 5 and when == "inside a pass":
            flag.touch()
            timer = threading.Timer(0.3, lambda: (kill(), flag.unlink()))
            timer.start()
        return original(self)

    monkeypatch.setattr(ClusterObjective, "value_and_gradient", watched)
    model = DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(*cut(rows))
    assert killed
    assert len(calls) > 5
    assert bits(model) == unharmed


def test_a_worker_that_joins_is_used(rows, monkeypatch):
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    )
    seen, calls = set(), []
    original = Blocks._look

    def watched(self):
        shares = original(self)
        seen.update(shares)
        return shares

    def slow(self, *args):
        calls.append(None)
        if len(calls) == 3:
            cluster.scale(2)
            self._blocks.client.wait_for_workers(2)
            self._blocks._looked = -1e9
        return value_and_gradient(self)

    value_and_gradient = ClusterObjective.value_and_gradient
    monkeypatch.setattr(Blocks, "_look", watched)
    monkeypatch.setattr(ClusterObjective, "value_and_gradient", slow)
    with cluster, Client(cluster):
        DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(*cut(rows))
    assert len(seen - {None}) == 2


def test_a_client_that_is_closed_frees_the_cluster(threads, rows, monkeypatch):
    original, calls = ClusterObjective.value_and_gradient, []
    with Client(threads, set_as_default=False) as other:
        client = Client(threads)

        def watched(self):
            calls.append(None)
            if len(calls) == 5:
                client.close()
            return original(self)

        monkeypatch.setattr(ClusterObjective, "value_and_gradient", watched)
        model = DaskScratchMLPClassifier(**GIVEN, client=client, random_state=0)
        with pytest.raises(Exception) as caught:  # noqa: PT011, the text is dask's
            model.fit(*cut(rows))
        assert not isinstance(caught.value, AttributeError)
        assert not hasattr(model, "coefs_")
        assert left_on(other) == []


def interrupt_in_pass(monkeypatch, number):
    """Press Ctrl-C in one of the next passes."""
    original, calls = ClusterObjective.value_and_gradient, []

    def watched(self):
        calls.append(None)
        if len(calls) == number:
            raise KeyboardInterrupt
        return original(self)

    monkeypatch.setattr(ClusterObjective, "value_and_gradient", watched)


def test_ctrl_c_keeps_what_there_is(client, rows, monkeypatch):
    model = DaskScratchMLPClassifier(**GIVEN, random_state=0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_in_pass(patch, 8)
        model.fit(*cut(rows))
    assert 0 < model.n_iter_ < 8
    assert model.score(*cut(rows)) > 0.7
    assert left_on(client) == []


@pytest.mark.skipif(
    not hasattr(ScratchMLPClassifier, "set_callbacks"), reason="scikit-learn before 1.9"
)
def test_checkpoints(client, rows, tmp_path, monkeypatch):
    """A fit that was interrupted is resumed to the bit, and with no other rows."""
    whole = DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(*cut(rows))
    path = tmp_path / "there"
    part = DaskScratchMLPClassifier(**GIVEN, random_state=0)
    part.set_callbacks(Checkpoint(path))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_in_pass(patch, 8)
        part.fit(*cut(rows))
    resumed = Checkpoint.resume(path)
    assert isinstance(resumed, DaskScratchMLPClassifier)
    assert resumed.client is None
    others = rows[0] + 1, rows[1]
    with pytest.raises(ValueError, match="other values of X"):
        clone(resumed).fit(*cut(others))
    resumed.fit(*cut(rows))
    assert resumed.n_iter_ == whole.n_iter_
    assert bits(resumed) == bits(whole)


# What can be done with them -----------------------------------------------------------


def test_clones_share_the_client_and_pickles_have_none(client, rows):
    model = DaskScratchMLPClassifier(**GIVEN, client=client, random_state=0)
    assert clone(model).client is client
    assert model.get_params()["client"] is client
    model.fit(*cut(rows))
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.client is None
    assert model.client is client
    assert_array_equal(loaded.predict_proba(rows[0]), model.predict_proba(rows[0]))


@pytest.mark.parametrize(
    "cls",
    [
        DaskScratchMLPClassifier,
        DaskScratchMLPRegressor,
        DaskScratchMLPEnsembleClassifier,
    ],
)
def test_an_ordinary_estimator_comes_of_it(client, rows, cls):
    model = cls(random_state=0)
    if cls is not DaskScratchMLPEnsembleClassifier:
        model.set_params(**GIVEN, local_steps=3)
    assert "random_state=0" in repr(model)
    local = model.fit(*cut(rows)).to_local()
    assert type(local) is cls._twin
    names = local.get_params(deep=False)
    assert names.keys() == model.get_params(deep=False).keys() - {
        "client",
        "local_steps",
    }
    assert_array_equal(local.predict(rows[0]), model.predict(cut(rows)[0]).compute())
    assert local.score(*rows) == pytest.approx(model.score(*cut(rows)), abs=1e-12)
    assert clone(local).get_params().keys() == local.get_params().keys()
    assert pickle.loads(pickle.dumps(local)).predict(rows[0][:1]).shape == (1,)


def test_answers_are_lazy_and_on_blocks(client, rows):
    X, _ = cut(rows)
    model = DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(*cut(rows))
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        found = getattr(model, method)(X)
        assert isinstance(found, da.Array)
        assert found.chunks[0] == X.chunks[0]
        expected = getattr(model.to_local(), method)(rows[0])
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        assert_array_equal(found.compute(), expected)


def test_early_stopping(client, rows):
    model = DaskScratchMLPClassifier(
        20, solver="adam", early_stopping=True, max_iter=30, local_steps=2,
        random_state=0, alpha=0.1,
    ).fit(*cut(rows))  # fmt: skip
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == model.validation_scores_.max()
    assert model.score(*cut(rows)) > 0.8


def test_members_are_trained_at_the_same_time(client, rows):
    model = DaskScratchMLPEnsembleClassifier(random_state=0).fit(*cut(rows))
    assert [m.bin_edges_ is not None for m in model.estimators_] == [False, True]
    assert model.score(*cut(rows)) > 0.95
    model.set_params(warm_start=True, n_estimators=3).fit(*cut(rows))
    assert len(model.estimators_) == 3
    assert left_on(client) == []


def test_adam_comes_close_to_one_machine(client):
    X, y = make_moons(6000, noise=0.3, random_state=0)
    X_new, y_new = make_moons(4000, noise=0.3, random_state=1)
    given = {"solver": "adam", "alpha": 1.0, "max_iter": 20, "random_state": 0}
    given |= {"hidden_layer_sizes": 50, "numeric_encoding": "linear", "dropout": 0}

    def loss_of(model):
        p = model.predict_proba(X_new)
        return -np.log(p[np.arange(4000), y_new]).mean()

    expected = loss_of(ScratchMLPClassifier(**given).fit(X, y))
    for steps, size in ((1, 3000), ("auto", 3000), ("auto", 1500)):
        model = DaskScratchMLPClassifier(**given, local_steps=steps)
        loss = loss_of(model.fit(*cut((X, y), size)))
        assert loss == pytest.approx(expected, rel=0.01)


# What is refused ----------------------------------------------------------------------


def test_without_a_client(monkeypatch):
    def none():
        raise ValueError("No clients found")

    monkeypatch.setattr("distributed.default_client", none)
    with pytest.raises(ValueError, match="There is no client"):
        DaskScratchMLPClassifier().fit(da.zeros((4, 1)), da.zeros(4))


def test_without_dask():
    code = (
        "import sys; sys.modules['distributed'] = sys.modules['dask'] = None\n"
        "from sklearn_scratchnn.dask import DaskScratchMLPClassifier as C\n"
        "try: C().fit([[1]], [1])\n"
        "except ImportError as error: print(error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "pip install 'sklearn-scratchnn[dask]'" in ran.stdout


def of_blocks(*blocks):
    """Return a collection of one column whose blocks have dtypes of their own."""
    parts = [dask.delayed(lambda block: block)(block) for block in blocks]
    return da.concatenate([da.from_delayed(p, (2,), float) for p in parts])


@pytest.mark.parametrize(
    ("X", "y", "error", "words"),
    [
        (np.eye(4), da.zeros(4), TypeError, "X must be a dask array or DataFrame"),
        (da.eye(4, 2), np.zeros(4), TypeError, "y must be a dask array or DataFrame"),
        (da.eye(4, 2), da.zeros(5, chunks=3), ValueError, "y has 5 rows, and X has 4"),
        (da.zeros(4), da.zeros(4), ValueError, "rows and columns; it has 1"),
        (da.eye(4, 2), da.zeros(4), ValueError, "one class only"),
        (
            da.from_array(np.array([[1.0], [2], [np.inf], [4]]), chunks=2),
            da.from_array(np.array([0, 1, 0, 1]), chunks=2),
            ValueError,
            "Block 1: Column 0 of X contains infinity",
        ),
        (
            da.from_array(np.eye(4), chunks=(2, 4)),
            of_blocks(np.array([0, 1]), np.array(["a", "b"])),
            ValueError,
            "labels must be of one type",
        ),
    ],
)
def test_what_cannot_be_used_is_named(client, X, y, error, words):
    model = DaskScratchMLPClassifier(random_state=0)
    with pytest.raises(error, match=words):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "n_features_in_")
    assert left_on(client) == []


def test_a_column_of_another_kind_in_one_block(client):
    import dask.dataframe as dd
    import pandas as pd

    parts = [
        pd.DataFrame({"city": ["Oslo", "Rome"], "age": [30.0, 40]}),
        pd.DataFrame({"city": [1, 2], "age": [30.0, 40]}),
    ]
    with dask.config.set({"dataframe.convert-string": False}):
        X = dd.from_map(lambda part: part, parts, meta=parts[0].iloc[:0])
    y = da.from_array(np.array([0, 1, 0, 1]), chunks=2)
    with pytest.raises(ValueError, match="Column 'city' of X holds numbers in block 1"):
        DaskScratchMLPClassifier().fit(X, y)


@pytest.mark.parametrize("steps", [0, "some", 1.5])
def test_local_steps_are_checked(client, rows, steps):
    with pytest.raises(ValueError, match="local_steps"):
        DaskScratchMLPClassifier(local_steps=steps).fit(*cut(rows))


def test_neighbours_lie_on_one_worker(client, rows, monkeypatch):
    """Their terms are added there, and one sum comes back."""
    original, found = Blocks._look, []

    def watched(self):
        found.append([indices for indices, _ in original(self).values()])
        return original(self)

    monkeypatch.setattr(Blocks, "_look", watched)
    model = DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(*cut(rows))
    assert all(sorted(held) == [[0, 1, 2, 3], [4, 5, 6, 7]] for held in found)
    X, y = cut(rows)
    again = DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(X.persist(), y)
    assert bits(model) == bits(again)


def test_what_is_persisted_is_known(client, rows):
    import dask.dataframe as dd
    import pandas as pd

    array = cut(rows)[0]
    frame = dd.from_pandas(pd.DataFrame(rows[0]), npartitions=3)
    for collection in (array, frame):
        assert not is_persisted(collection)
        persisted = collection.persist()
        assert is_persisted(persisted)
        assert is_persisted(2 * persisted)


def test_what_x_and_y_are_made_of_is_read_once(client, rows, tmp_path):
    def load(i):
        with (tmp_path / "read").open("a") as log:
            log.write(f"{i}\n")
        return rows[0][100 * i : 100 * (i + 1)]

    parts = [dask.delayed(load, pure=True)(i) for i in range(8)]
    X = da.concatenate([da.from_delayed(p, (100, 2), float) for p in parts])
    y = (X[:, 0] > 0).astype(int)
    model = DaskScratchMLPClassifier(**GIVEN, random_state=0).fit(X, y)
    assert sorted((tmp_path / "read").read_text().split()) == list("01234567")
    model.score(X, y)
    assert len((tmp_path / "read").read_text().split()) == 16
