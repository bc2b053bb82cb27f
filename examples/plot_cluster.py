"""
One network on several workers
==============================

A dask cluster of processes on this machine trains the network that one process trains.
The same two lines serve a cluster of a thousand machines.
"""

# %%
# Two workers, each a process with one thread. On a real cluster this line is
# ``Client("tcp://...")``.

import time

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.dask import DaskScratchMLPClassifier

cluster = LocalCluster(
    n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
)
client = Client(cluster)

# %%
# The rows are drawn block by block where they will stay. ``persist`` keeps them there.

n_rows, block = 40_000, 5_000
rng = da.random.default_rng(0)
X = rng.standard_normal((n_rows, 5), chunks=(block, 5))
noise = 0.5 * rng.standard_normal(n_rows, chunks=block)
y = (da.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + noise > 0).astype(int)
X, y = client.persist([X, y])

settings = {
    "hidden_layer_sizes": 20,
    "activation": "tanh",
    "solver": "lbfgs",
    "alpha": 1.0,
    "tol": 2e-3,
    "random_state": 0,
}
start = time.perf_counter()
model = DaskScratchMLPClassifier(**settings).fit(X, y)
print(f"{model.n_iter_} epochs on the cluster in {time.perf_counter() - start:.1f} s")
print(f"accuracy: {model.score(X, y):.4f}")

# %%
# One process, given all rows, trains the same network: the losses of all epochs lie on
# each other, until rounding makes the two walk apart.

import matplotlib.pyplot as plt

local = ScratchMLPClassifier(**settings).fit(X.compute(), y.compute())
difference = np.abs(local.loss_curve_[:30] - model.loss_curve_[:30]).max()
print(f"largest difference of the losses of 30 epochs: {difference:.1e}")

_, ax = plt.subplots(num="cluster", layout="constrained")
ax.semilogy(model.loss_curve_, label="two workers", lw=4, color="tab:orange")
ax.semilogy(local.loss_curve_, label="one process", ls="--", color="black")
ax.set(xlabel="Epoch", ylabel="Loss", title="One sum, taken in two places")
ax.legend()

# %%
# An ordinary estimator comes of it, which needs no cluster. It is pickled, exported
# and asked as any other.

ordinary = model.to_local()
print(type(ordinary).__name__, ordinary.predict(np.zeros((1, 5))))

client.close()
cluster.close()

# sphinx_gallery_start_ignore
# A gallery or a notebook has taken the pictures by now; a script saves them here.
import os
from pathlib import Path

for name in plt.get_figlabels():
    path = Path(os.environ.get("SCRATCHNN_PICTURES", "pictures"), f"{name}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    plt.figure(name).savefig(path, dpi=120)
    print(f"picture: {path}")
# sphinx_gallery_end_ignore
