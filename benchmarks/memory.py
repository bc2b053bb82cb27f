"""Memory that `fit` needs beyond its input, each case in a process of its own.

A case that is called a table has ten columns of numbers and five of texts, of 3 to
1,000 categories, and a tenth of its values missing. Its codes take 10 bytes a row,
which are part of the figures.

There are two figures. *Resident* is the growth of the process's anonymous memory (Linux
counts it as RssAnon), sampled every millisecond during the first fit: BLAS and modules
imported late are in it, pages of a mapped file are not. *Allocated* is the largest sum
of live allocations that tracemalloc saw in a second fit: NumPy's arrays, to the byte.
"""

import json
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _common import allocated_peak, argument_parser, markdown, parse, report
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sklearn_scratchnn import ScratchMLPClassifier

STATUS = Path("/proc/self/status")
MINIBATCH = {"solver": "adam", "early_stopping": False, "max_iter": 1}
TABLE = "ScratchMLP, defaults, a table with texts and gaps"
PREDICT = "ScratchMLP, predict_proba of that table"
CATEGORIES = (3, 10, 50, 200, 1000)
# Name: estimator, its settings, whether X is memory-mapped, megabytes to stay under.
CASES = {
    "ScratchMLP, Adam": (ScratchMLPClassifier, MINIBATCH, False, 40),
    "ScratchMLP, Adam, X memory-mapped": (ScratchMLPClassifier, MINIBATCH, True, 40),
    "ScratchMLP, defaults": (ScratchMLPClassifier, {"max_iter": 1}, False, 40),
    "ScratchMLP, L-BFGS": (
        ScratchMLPClassifier,
        {"solver": "lbfgs", "alpha": 1, "early_stopping": False, "max_iter": 2},
        False,
        60,
    ),
    # The stratified split in scikit-learn takes 80 bytes a row for a moment.
    "ScratchMLP, L-BFGS, alpha chosen on held-out rows": (
        ScratchMLPClassifier,
        {"solver": "lbfgs", "early_stopping": False, "max_iter": 2},
        False,
        60,
    ),
    "ScratchMLP, gradient descent": (
        ScratchMLPClassifier,
        {"solver": "gd", "early_stopping": False, "max_iter": 2},
        False,
        60,
    ),
    TABLE: (ScratchMLPClassifier, {"max_iter": 1}, False, 50),
    PREDICT: (ScratchMLPClassifier, {"max_iter": 1}, False, 50),
    "MLPClassifier, Adam": (MLPClassifier, MINIBATCH, False, None),
    "MLPClassifier, L-BFGS": (
        MLPClassifier,
        {"solver": "lbfgs", "max_iter": 2},
        False,
        None,
    ),
}


def anonymous_bytes():
    """Return the process's resident anonymous memory."""
    for line in STATUS.read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
    raise OSError("this system does not report anonymous memory")


def resident_growth(function):
    """Return by how many bytes resident memory grew at most during a call."""
    before = anonymous_bytes()
    peak, done = [before], threading.Event()

    def watch():
        while not done.wait(0.001):
            peak[0] = max(peak[0], anonymous_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        peak[0] = max(peak[0], anonymous_bytes())
        done.set()
        watcher.join()
    return peak[0] - before


def make_rows(n_samples, n_features, folder=None):
    """Return normal X in float32, on disk if a folder is given, and classes 0 and 1."""
    rng = np.random.default_rng(0)
    shape = (n_samples, n_features)
    if folder is None:
        X = np.empty(shape, np.float32)
    else:
        X = np.lib.format.open_memmap(Path(folder) / "X.npy", "w+", np.float32, shape)
    for start in range(0, n_samples, 10_000):
        block = X[start : start + 10_000]
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)
    y = (X[:, 0] + rng.standard_normal(n_samples) > 0).astype(np.int64)
    if folder is not None:
        X.flush()
        X = np.load(Path(folder) / "X.npy", mmap_mode="r")
    return X, y


def make_table(n_samples):
    """Return a DataFrame of numbers and texts, with gaps, and classes 0 and 1."""
    rng = np.random.default_rng(0)
    X = {f"x{j}": rng.standard_normal(n_samples) for j in range(10)}
    y = (X["x0"] + rng.standard_normal(n_samples) > 0).astype(np.int64)
    for column in X.values():
        column[rng.random(n_samples) < 0.1] = np.nan
    for n_categories in CATEGORIES:
        texts = np.array([f"category {i}" for i in range(n_categories)] + [None])
        codes = rng.integers(0, n_categories, n_samples)
        codes[rng.random(n_samples) < 0.1] = n_categories
        X[f"of {n_categories}"] = texts[codes]
    return pd.DataFrame(X, copy=False), y


def measure_here(name, n_samples, n_features):
    """Return a case's megabytes, measured in this process."""
    estimator, settings, mapped, _ = CASES[name]
    warnings.simplefilter("ignore", ConvergenceWarning)
    with tempfile.TemporaryDirectory() as folder:
        if name in (TABLE, PREDICT):
            X, y = make_table(n_samples)
        else:
            X, y = make_rows(n_samples, n_features, folder if mapped else None)

        def work():
            estimator(random_state=0, **settings).fit(X, y)

        if name == PREDICT:
            model = estimator(random_state=0, **settings).fit(X[:20_000], y[:20_000])

            def work():
                model.predict_proba(X)

        figures = {}
        if STATUS.exists():
            figures["resident"] = resident_growth(work) / 1e6
        figures["allocated"] = allocated_peak(work) / 1e6
    return figures


def measure(name, options):
    """Return a case's megabytes, measured in a new process."""
    command = [sys.executable, __file__, "--child", "--cases", name]
    command += ["--rows", str(options.rows), "--features", str(options.features)]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(child.stdout.splitlines()[-1])


def main():
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--child", action="store_true", help="print one case as JSON")
    options = parse(parser, rows=2000, features=10, cases=list(CASES)[:3])
    if options.child:
        figures = measure_here(options.cases[0], options.rows, options.features)
        print(json.dumps(figures))
        return
    figures = {name: measure(name, options) for name in options.cases}
    rows = [
        [name, f"{row.get('resident', np.nan):.0f}", f"{row['allocated']:.0f}"]
        + [CASES[name][3] or ""]
        for name, row in figures.items()
    ]
    size = 4e-6 * options.rows * options.features
    heading = f"Megabytes of `fit` beyond the {size:.0f} MB of X"
    header = ["", "resident", "allocated", "target: under"]
    report({"megabytes": figures}, {heading: markdown(header, rows)}, options.json)


if __name__ == "__main__":
    main()
