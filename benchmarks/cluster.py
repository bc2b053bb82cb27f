"""Training on a dask cluster of processes on this machine, beside one process.

    pip install -e ".[dask,tables]"
    python benchmarks/cluster.py

Without the package's large table: ``--rows 2000000``. Workers have one thread each.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from _common import describe, machine, markdown

MB = 2**20
N_FEATURES = 20


def draw(n_rows, seed):
    """Return a block of rows in float32 and their labels."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    z = 2 * np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + X[:, 3:].sum(axis=1) / 4
    return X, (z + rng.logistic(size=n_rows) > 0).astype(np.int8)


def collections(n_rows, block):
    """Return dask arrays that each worker draws for itself."""
    import dask.array as da
    from dask import delayed

    sizes = [block] * (n_rows // block)
    pairs = [delayed(draw, nout=2)(n, i) for i, n in enumerate(sizes)]
    X = [
        da.from_delayed(x, (n, N_FEATURES), np.float32)
        for (x, _), n in zip(pairs, sizes)
    ]
    y = [da.from_delayed(y, (n,), np.int8) for (_, y), n in zip(pairs, sizes)]
    return da.concatenate(X), da.concatenate(y)


def cluster(n_workers, memory="auto"):
    """Return a cluster of processes of one thread each."""
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        memory_limit=memory,
        dashboard_address=":0",
    )


def import_package():
    """Import what a worker imports at its first task."""
    import sklearn_scratchnn.dask  # noqa: F401


def log_loss(p, y):
    """Return the mean of -log of the probabilities of the labels."""
    p = np.clip(p[np.arange(len(y)), y].astype(float), 1e-15, 1)
    return float(-np.log(p).mean())


def passes_of(model, X, y):
    """Return the seconds of each pass of a fit under "lbfgs"."""
    from sklearn_scratchnn.cluster.objective import ClusterObjective

    original, times = ClusterObjective.value_and_gradient, []

    def timed(self):
        start = time.perf_counter()
        value = original(self)
        times.append(time.perf_counter() - start)
        return value

    ClusterObjective.value_and_gradient = timed
    try:
        model.fit(X, y)
    finally:
        ClusterObjective.value_and_gradient = original
    return np.array(times[1:])


def given(hidden, **params):
    """Return parameters of a full-batch training with nothing left to choose."""
    return {
        "hidden_layer_sizes": hidden,
        "solver": "lbfgs",
        "alpha": 1.0,
        "numeric_encoding": "linear",
        "random_state": 0,
    } | params


def overheads(sizes):
    """Return rows of a table: milliseconds of a pass over next to no rows."""
    from distributed import Client

    from sklearn_scratchnn.dask import DaskScratchMLPClassifier

    rows = []
    for n_workers, n_blocks in sizes:
        with cluster(n_workers) as there, Client(there):
            X, y = collections(10 * n_blocks, 10)
            times = passes_of(DaskScratchMLPClassifier(**given(100, max_iter=60)), X, y)
            ms = 1000 * np.median(times)
            rows.append([f"{n_workers} workers, {n_blocks} blocks", f"{ms:.1f}"])
    return rows


def passes(n_rows):
    """Return rows of a table: seconds of a pass of one process, and of two workers."""
    from distributed import Client

    from sklearn_scratchnn.dask import DaskScratchMLPClassifier
    from sklearn_scratchnn.data.sample import make_sample
    from sklearn_scratchnn.network.losses import LOSSES
    from sklearn_scratchnn.network.network import make_network
    from sklearn_scratchnn.training.objective import Objective
    from sklearn_scratchnn.training.threads import one_blas_thread

    block = n_rows // 8
    X, y = map(np.concatenate, zip(*(draw(block, i) for i in range(8))))
    loss = LOSSES["softmax_cross_entropy"]
    network = make_network((N_FEATURES, 100, 2), ["relu"], loss.name)
    sample = make_sample(X, y, loss)
    objective = Objective(network, sample.with_inputs(standardizer=sample.measured()))
    alone, rng = [], np.random.default_rng(0)
    objective.theta[:] = 0.1 * rng.standard_normal(len(objective.theta))
    shared = []
    with cluster(2) as there, Client(there), one_blas_thread():
        collection = collections(n_rows, block)
        for _ in range(3):
            for _ in range(3):
                start = time.perf_counter()
                objective.value_and_gradient()
                alone.append(time.perf_counter() - start)
            model = DaskScratchMLPClassifier(**given(100, max_iter=4))
            shared.extend(passes_of(model, *collection))
    one, two = np.median(alone), np.median(shared)
    return [
        ["one process, one thread", f"{one:.2f}", ""],
        ["two workers", f"{two:.2f}", f"{two / one:.2f}"],
    ]


def memory_of(client):
    """Return the resident megabytes of the largest worker."""
    import psutil

    return max(client.run(lambda: psutil.Process().memory_info().rss).values()) / MB


def large(n_rows, trainings):
    """Return rows of a table: a fit of more rows than one worker has room for."""
    import threading

    from distributed import Client

    from sklearn_scratchnn.dask import DaskScratchMLPClassifier

    X_new, y_new = draw(100_000, 10**6)
    rows = []
    for name, params in trainings.items():
        with cluster(4, "1GiB") as there, Client(there) as client:
            client.run(import_package)
            idle, most, done = memory_of(client), [], threading.Event()

            def watch(client=client, most=most, done=done):
                most.append(memory_of(client))
                while not done.wait(1.0):
                    most.append(memory_of(client))

            watcher = threading.Thread(target=watch)
            watcher.start()
            start = time.perf_counter()
            model = DaskScratchMLPClassifier(**params)
            model.fit(*collections(n_rows, n_rows // 40))
            took = time.perf_counter() - start
            done.set()
            watcher.join()
            spilled = sum(
                client.run(
                    lambda dask_worker: getattr(
                        getattr(dask_worker.data, "spilled_total", None), "disk", 0
                    )
                ).values()
            )
        rows.append(
            [
                name,
                f"{took:.0f}",
                f"{log_loss(model.predict_proba(X_new), y_new):.4f}",
                f"{idle:.0f}",
                f"{max(most):.0f}",
                f"{spilled / MB:.0f}",
            ]
        )
    return rows


def peers(n_rows):
    """Return rows of a table: seconds and log-loss beside others on the same blocks."""
    from distributed import Client, wait

    from sklearn_scratchnn import ScratchMLPClassifier
    from sklearn_scratchnn.dask import (
        DaskScratchMLPClassifier,
        DaskScratchMLPEnsembleClassifier,
    )

    block = n_rows // 8
    X_new, y_new = draw(100_000, 10**6)
    X, y = map(np.concatenate, zip(*(draw(block, i) for i in range(8))))
    rows = []
    with cluster(2) as there, Client(there) as client:
        client.run(import_package)
        X_blocks, y_blocks = (c.persist() for c in collections(n_rows, block))
        wait([X_blocks, y_blocks])
        few_epochs = given(20, max_iter=50)

        def add(name, model, *data):
            start = time.perf_counter()
            model.fit(*data)
            took = time.perf_counter() - start
            p = np.asarray(model.predict_proba(X_new))
            rows.append([name, f"{took:.1f}", f"{log_loss(p, y_new):.7f}"])

        blocks, local = (X_blocks, y_blocks), (X, y)
        ours = DaskScratchMLPClassifier
        add("L-BFGS, alpha of 1, 50 epochs: cluster", ours(**few_epochs), *blocks)
        add("... one process", ScratchMLPClassifier(**few_epochs), *local)
        adam = given(100, solver="adam", max_iter=10)
        add("Adam, (100,), 10 epochs: cluster", ours(**adam), *blocks)
        add("... one process", ScratchMLPClassifier(**adam), *local)
        add("defaults: cluster", ours(random_state=0), *blocks)
        add("... one process", ScratchMLPClassifier(random_state=0), *local)
        ensemble = DaskScratchMLPEnsembleClassifier(random_state=0)
        add("ensemble: cluster", ensemble, *blocks)
        for name, model in other_models():
            add(name, model, *blocks)
    return rows


def rules(n_rows, n_epochs):
    """Return rows of a table: how Adam's minibatches are spread over two workers."""
    import dask.array as da
    from distributed import Client

    from sklearn_scratchnn import ScratchMLPClassifier
    from sklearn_scratchnn.dask import DaskScratchMLPClassifier

    X_new, y_new = draw(100_000, 10**6)
    X, y = draw(n_rows, 0)
    by_class = np.argsort(y, kind="stable")
    adam = given(100, solver="adam", max_iter=n_epochs, dropout=0.0)
    rows = []

    def add(name, model, X, y, times=1):
        rate = 0.005 * np.sqrt(times)
        model.set_params(batch_size=200 * times, learning_rate_init=rate)
        start = time.perf_counter()
        model.fit(X, y)
        took = time.perf_counter() - start
        loss = log_loss(model.predict_proba(X_new), y_new)
        rows.append([name, f"{took:.1f}", f"{loss:.4f}"])

    def cut(array):
        return da.from_array(array, chunks=(n_rows // 8, *array.shape[1:]))

    add("one process", ScratchMLPClassifier(**adam), X, y)
    with cluster(2) as there, Client(there) as client:
        client.run(import_package)
        model = DaskScratchMLPClassifier(**adam)
        add("50 local steps, the default", model, cut(X), cut(y))
        sorted_rows = cut(X[by_class]), cut(y[by_class])
        add("... of blocks of one class", model, *sorted_rows)
        model.set_params(local_steps=1)
        for times in (1, 5, 20):
            name = "a round trip each"
            if times > 1:
                name += f", batches of {200 * times}, rate times {np.sqrt(times):.1f}"
            add(name, model, cut(X), cut(y), times)
    return rows


class Proba:
    """Another's estimator, asked for the probabilities of an array."""

    def __init__(self, fit):
        self.fit_it = fit

    def fit(self, X, y):
        """Fit, and keep what answers about arrays."""
        self.fitted = self.fit_it(X, y)

    def predict_proba(self, X):
        """Return the probabilities of the rows of an array."""
        return self.fitted.predict_proba(X)


def other_models():
    """Yield the estimators of LightGBM and dask-ml, where these are installed."""
    try:
        from lightgbm import DaskLGBMClassifier

        yield (
            "LightGBM (DaskLGBMClassifier)",
            Proba(lambda X, y: DaskLGBMClassifier(verbose=-1).fit(X, y).to_local()),
        )
    except ImportError:
        pass
    try:
        from dask_ml.wrappers import Incremental
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        return

    def incremental(X, y):
        model = Incremental(MLPClassifier(random_state=0), random_state=0)
        for _ in range(3):
            model.partial_fit(X, y, classes=[0, 1])
        return model.estimator_

    yield "dask-ml: Incremental(MLPClassifier()), 3 epochs", Proba(incremental)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000, help="of the large one")
    parser.add_argument("--quick", action="store_true", help="whether it runs at all")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of tables")
    options = parser.parse_args()
    n_rows = 40_000 if options.quick else options.rows
    middle, few = (40_000, 2_000) if options.quick else (2_000_000, 200_000)
    sizes = [(2, 2), (2, 16), (2, 64), (4, 64)]
    trainings = {
        "L-BFGS, 30 epochs, (100,)": given(100, max_iter=30),
        "Adam, one epoch, (100,)": given(100, solver="adam", max_iter=1),
    }
    if options.quick:
        sizes, trainings = sizes[:1], dict([*trainings.items()][1:])
    tables = {
        "overhead": (
            ["a pass over next to no rows", "ms, median"],
            lambda: overheads(sizes),
        ),
        "pass": (
            [f"a pass of {middle:,} x {N_FEATURES}, (100,)", "s", "of one process"],
            lambda: passes(middle),
        ),
        "large": (
            [
                f"{n_rows:,} x {N_FEATURES}, 4 workers of 1 GiB",
                "s",
                "log-loss",
                "MB, idle worker",
                "MB, at most",
                "MB spilled",
            ],
            lambda: large(n_rows, trainings),
        ),
        "rules": (
            [f"Adam, {few // 10:,} x {N_FEATURES}, 8 blocks", "s", "log-loss"],
            lambda: rules(few // 10, 1 if options.quick else 20),
        ),
        "peers": (
            [f"{few:,} x {N_FEATURES}, 2 workers", "s", "log-loss"],
            lambda: peers(few),
        ),
    }
    facts = machine()
    print(describe(facts))
    found = {}
    for name, (header, make) in tables.items():
        if options.only and name not in options.only:
            continue
        found[name] = [header, *make()]
        print(f"\n### {name}\n\n{markdown(header, found[name][1:])}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "tables": found}))


if __name__ == "__main__":
    main()
