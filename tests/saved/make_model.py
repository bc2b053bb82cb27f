"""Write model_MAJOR_MINOR.pkl, which later versions must go on to load.

Run it once, for a release, with the lowest versions of NumPy and scikit-learn that
setup.cfg allows: what those write, newer ones read. Leave the files of earlier
releases as they are.
"""

import pickle
from pathlib import Path

import numpy as np

from sklearn_scratchnn import ScratchMLPClassifier
from sklearn_scratchnn.version import VERSION

rng = np.random.RandomState(0)
X = rng.randn(60, 3) * [1, 10, 0.1] + [0, 50, 3]
first = X[:, 0] + X[:, 1] / 10 > 5
names = np.array(["rain", "snow", "sun"])[first + (X[:, 2] > 3).astype(int)]
several = np.column_stack([first, X[:, 2] > 3]).astype(int)
params = {"alpha": 0.1, "max_iter": 8, "random_state": 0}

models = {
    "several classes": ScratchMLPClassifier((4, 3), ("gelu", "tanh"), **params).fit(
        X, names, X_val=X[:20], y_val=names[:20]
    ),
    "several labels": ScratchMLPClassifier((3,), **params).fit(X, several),
    "incremental": ScratchMLPClassifier((3,), **params).partial_fit(
        X, first, classes=[False, True]
    ),
}
content = {
    "X": X[:5],
    "models": models,
    "probabilities": {name: m.predict_proba(X[:5]) for name, m in models.items()},
    "labels": {name: m.predict(X[:5]) for name, m in models.items()},
}
name = "model_{}_{}.pkl".format(*VERSION.split("."))
Path(__file__).with_name(name).write_bytes(pickle.dumps(content, protocol=4))
