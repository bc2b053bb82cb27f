"""Fits on more cores and machines: loky, dask, and threads of BLAS among them."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from joblib import cpu_count, parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.model_selection import GridSearchCV, cross_validate
from tasks import LABELS
from threadpoolctl import threadpool_info, threadpool_limits

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
GRID = {"alpha": [0.01, 0.3], "hidden_layer_sizes": [(), (4,)]}


@pytest.fixture(scope="module")
def iris(task):
    X, labels = load_iris(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(labels))
    return X[order], task.y(labels)[order]


@pytest.fixture(scope="module")
def dask_client():
    """Two worker processes of one thread each, on loopback."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        processes=True,
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs="ERROR",
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(params=["loky", "dask"])
def backend(request):
    """Return a context in which joblib's calls go to two worker processes."""
    if request.param == "dask":
        request.getfixturevalue("dask_client")

    @contextmanager
    def two_workers():
        with parallel_config(request.param, n_jobs=2):
            yield

    return two_workers


@pytest.fixture
def network(task):
    def make(**params):
        params = {"solver": "adam", "max_iter": 4, "random_state": 0} | params
        return task.network((4,), **params)

    return make


def n_blas_threads(*_):
    """Return how many threads BLAS may use here; as a scorer, the score."""
    return float(
        max(x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas")
    )


# Searches


def test_a_search_finds_the_same(iris, task, network, backend):
    search = GridSearchCV(network(), GRID, cv=2, scoring=task.loss_scorer, n_jobs=1)
    expected = clone(search).fit(*iris)
    with backend():
        got = clone(search).set_params(n_jobs=2).fit(*iris)
    for name in ("split0_test_score", "split1_test_score", "params"):
        assert_array_equal(got.cv_results_[name], expected.cv_results_[name])
    best, best_expected = got.best_estimator_, expected.best_estimator_
    assert_array_equal(best.coefs_[0], best_expected.coefs_[0])


def test_a_fitted_estimator_comes_back_whole(iris, network, backend):
    expected = cross_validate(network(), *iris, cv=2, return_estimator=True)
    with backend():
        got = cross_validate(network(), *iris, cv=2, return_estimator=True, n_jobs=2)
    for model, model_expected in zip(got["estimator"], expected["estimator"]):
        assert vars(model).keys() == vars(model_expected).keys()
        assert_array_equal(model.loss_curve_, model_expected.loss_curve_)


def test_workers_take_read_only_memory_maps(iris, network):
    X = np.tile(iris[0], (2000, 1))
    y = np.tile(iris[1], 2000)
    assert X.nbytes > 2**20
    model = network(max_iter=1, batch_size=1000)
    with parallel_config("loky", n_jobs=2, max_nbytes=2**20):
        got = cross_validate(model, X, y, cv=2, return_estimator=True)
    expected = cross_validate(model, X, y, cv=2, return_estimator=True)
    for fitted, fitted_expected in zip(got["estimator"], expected["estimator"]):
        # Workers have fewer BLAS threads, which sum in another order.
        assert_allclose(fitted.coefs_[0], fitted_expected.coefs_[0], rtol=1e-10)


def test_an_ensemble_with_workers(iris, task, network, backend):
    bagging = BaggingClassifier if task is LABELS else BaggingRegressor
    ensemble = bagging(network(), n_estimators=4, random_state=0)
    expected = task.answers(clone(ensemble).fit(*iris), iris[0])
    with backend():
        parallel = clone(ensemble).set_params(n_jobs=2).fit(*iris)
        got = task.answers(parallel, iris[0])
    assert_allclose(got, expected, rtol=1e-12)


# Callbacks


def searched_with(callbacks, model, iris):
    model.set_callbacks(*callbacks)
    grid = {"alpha": [0.01, 0.3]}
    return GridSearchCV(model, grid, cv=2, n_jobs=2).fit(*iris)


def test_validation_logs_come_back_from_workers(iris, task, network, backend):
    pytest.importorskip("sklearn.callback")
    from sklearn_scratchnn.callbacks import ValidationMonitor

    logs = []
    for context in (lambda: parallel_config(n_jobs=1, backend="sequential"), backend):
        monitor = ValidationMonitor(*iris, scoring=task.loss_scorer)
        with context():
            searched_with([monitor], network(), iris)
        logs.append(monitor.get_logs().data)
    assert len({row["parent_task_id_path"] for row in logs[0]}) >= 2 * 2 + 1
    assert logs[0] == logs[1]


def test_early_stopping_works_in_workers(iris, network, backend):
    pytest.importorskip("sklearn.callback")
    from sklearn_scratchnn.callbacks import EarlyStopping

    model = network(max_iter=50).set_callbacks(EarlyStopping(*iris, patience=0, tol=1))
    with backend():
        got = cross_validate(model, *iris, cv=2, return_estimator=True, n_jobs=2)
    assert [fitted.n_iter_ for fitted in got["estimator"]] == [2, 2]


def test_checkpoints_are_written_in_workers(iris, network, backend, tmp_path):
    pytest.importorskip("sklearn.callback")
    from sklearn_scratchnn.callbacks import Checkpoint

    model = network().set_callbacks(Checkpoint(tmp_path / "newest"))
    with backend():
        search = GridSearchCV(model, {"alpha": [0.3]}, cv=2, n_jobs=2).fit(*iris)
    newest = Checkpoint.load(tmp_path / "newest")
    assert_array_equal(newest.coefs_[0], search.best_estimator_.coefs_[0])


def test_progress_bars_nest_with_workers(
    iris, task, network, backend, capsys, monkeypatch
):
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "200")
    search = GridSearchCV(network(), {"alpha": [0.01, 0.3]}, cv=2, n_jobs=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None))
    with backend():
        search.fit(*iris)
    bar = r"^( *)GridSearchCV - (\S.*?) +━+ +(\d+)%"
    bars = re.findall(bar, capsys.readouterr().out, re.MULTILINE)
    inner = f"{task.of_one.__name__} - fit"
    assert {(len(indent), task) for indent, task, _ in bars} == {
        (0, "fit"),
        (2, "search #0"),
        *((4, f"candidate-split-evaluation | {inner} #{task}") for task in range(4)),
        (2, f"refit-with-best-params | {inner} #1"),
    }
    assert {share for *_, share in bars} == {"100"}


# Threads of BLAS


def test_workers_do_not_oversubscribe(iris, network, backend):
    model = network(early_stopping=True, scoring=n_blas_threads)
    with backend():
        got = cross_validate(
            model, *iris, cv=2, scoring=n_blas_threads, return_estimator=True, n_jobs=2
        )
    for after, fitted in zip(got["test_score"], got["estimator"]):
        assert_array_equal(fitted.validation_scores_, 1)
        assert after * 2 <= max(2, cpu_count())


@pytest.fixture
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        if n_blas_threads() != 2:
            pytest.skip("BLAS has one thread here")
        yield


def test_small_products_use_one_thread_and_give_the_others_back(
    iris, network, two_threads
):
    model = network(early_stopping=True, scoring=n_blas_threads).fit(*iris)
    assert_array_equal(model.validation_scores_, 1)
    assert n_blas_threads() == 2


def test_large_products_keep_their_threads(task, network, two_threads):
    X = np.random.RandomState(0).randn(450, 200)
    model = network(early_stopping=True, scoring=n_blas_threads)
    model.set_params(hidden_layer_sizes=(200,), max_iter=1, batch_size=400)
    y = task.y((X[:, 0] > 0).astype(int))
    model.fit(X, y)
    assert_array_equal(model.validation_scores_, 2)
    with threadpool_limits(1, user_api="blas"):
        model.fit(X, y)
    assert_array_equal(model.validation_scores_, 1)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_threads_are_given_back_after_an_error(iris, network, two_threads, error):
    def failing(estimator, X, y):
        raise error

    model = network(early_stopping=True, scoring=failing)
    with pytest.raises(error):
        model.fit(*iris)
    assert n_blas_threads() == 2


OVERLAPPING = """
import threading
import warnings
from sklearn.datasets import load_iris
from threadpoolctl import threadpool_info
from sklearn_scratchnn import ScratchMLPClassifier

def n_blas_threads():
    return {x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"}

def first_scorer(estimator, X, y):
    first_runs.set()
    return float(second_runs.wait(60))

def second_scorer(estimator, X, y):
    second_runs.set()
    return float(first_ended.wait(60))

def fit(scoring):
    model = ScratchMLPClassifier(
        (4,), solver="adam", max_iter=1, early_stopping=True, scoring=scoring
    )
    model.fit(*load_iris(return_X_y=True))

warnings.simplefilter("ignore")
first_runs, second_runs, first_ended = (threading.Event() for _ in range(3))
first = threading.Thread(target=fit, args=[first_scorer])
second = threading.Thread(target=fit, args=[second_scorer])
before = n_blas_threads()
first.start()
first_runs.wait(60)
second.start()
first.join()
first_ended.set()
second.join()
print(before == n_blas_threads(), before)
"""


def test_threads_are_given_back_after_fits_that_overlap():
    # In a process of its own: threadpoolctl leaves BLAS to the first thread that asks.
    done = subprocess.run(
        [sys.executable, "-c", OVERLAPPING],
        env=os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    same, *before = done.stdout.split()
    if before != ["{2}"]:
        pytest.skip("BLAS has one thread here")
    assert same == "True"


# dask-ml


def test_incremental_is_partial_fit_on_each_block(iris, task, network, dask_client):
    wrappers = pytest.importorskip("dask_ml.wrappers")
    import dask.array as da

    X, y = iris
    blocks = da.from_array(X, chunks=(30, 4)), da.from_array(y, chunks=30)
    incremental = wrappers.Incremental(network(), shuffle_blocks=False)
    incremental.fit(*blocks, **task.first(y))
    expected = network()
    for start in range(0, len(X), 30):
        rows = slice(start, start + 30)
        expected.partial_fit(X[rows], y[rows], **task.first(y))
    assert incremental.estimator_.t_ == len(X)
    for W, W_expected in zip(incremental.estimator_.coefs_, expected.coefs_):
        assert_array_equal(W, W_expected)
    answers = incremental.predict_proba if task is LABELS else incremental.predict
    assert_array_equal(answers(blocks[0]).compute(), task.answers(expected, X))
    incremental.partial_fit(*blocks, **task.first(y))
    assert incremental.estimator_.t_ == 2 * len(X)
