"""The same training in several libraries: one network, one optimizer, one batch size.

Adam with rate 1e-3, no penalty, rows shuffled every epoch, ReLU between the layers.
Each ``make`` function below takes a `Shape`, X and y, and returns ``train(n_epochs)``,
which trains from new weights. A library that is not installed raises ImportError.
"""

import os
import warnings
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise

import numpy as np
from scipy.linalg import get_blas_funcs
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sklearn_scratchnn import ScratchMLPClassifier

RATE = 1e-3


@dataclass(frozen=True)
class Shape:
    """A data set's and a network's sizes, the rows of a batch, and the number type."""

    n_samples: int
    n_features: int
    n_classes: int
    hidden: tuple
    batch: int
    dtype: str

    @property
    def sizes(self):
        """Units of every layer, inputs and outputs included."""
        return (self.n_features, *self.hidden, self.n_classes)

    @property
    def updates(self):
        """Updates in an epoch."""
        return -(-self.n_samples // self.batch)

    def __str__(self):
        units = "-".join(map(str, self.sizes))
        return f"{self.n_samples} rows, {units}, batch {self.batch}, {self.dtype}"


def random_data(shape):
    """Return normal inputs, and classes that depend on them and on noise.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), of the shape's dtype
    y : ndarray of shape (n_samples,), int64
    """
    rng = np.random.default_rng(0)
    X = rng.standard_normal((shape.n_samples, shape.n_features))
    scores = X @ rng.standard_normal((shape.n_features, shape.n_classes))
    scores += rng.standard_normal(scores.shape) * np.sqrt(shape.n_features)
    return X.astype(shape.dtype), scores.argmax(axis=1)


def _sklearn_trainer(estimator, X, y):
    def train(n_epochs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.set_params(max_iter=n_epochs).fit(X, y)

    return train


def _sklearn_settings(shape):
    return {
        "hidden_layer_sizes": shape.hidden,
        "solver": "adam",
        "alpha": 0,
        "learning_rate_init": RATE,
        "batch_size": shape.batch,
        "tol": 0,
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }


def make_ours(shape, X, y):
    """`ScratchMLPClassifier` on the inputs as they are."""
    settings = _sklearn_settings(shape) | {
        "learning_rate": "constant",
        "dtype": shape.dtype,
        "standardize": False,
        "numeric_encoding": "linear",
        "dropout": 0.0,
        "early_stopping": False,
    }
    return _sklearn_trainer(ScratchMLPClassifier(**settings), X, y)


def make_page(shape, X, y):
    """The same without its compiled core, in NumPy alone."""
    train = make_ours(shape, X, y)

    def train_on_the_page(n_epochs):
        before = os.environ.get("SCRATCHNN_CORE", "1")
        os.environ["SCRATCHNN_CORE"] = "0"
        try:
            train(n_epochs)
        finally:
            os.environ["SCRATCHNN_CORE"] = before

    return train_on_the_page


def make_mlp(shape, X, y):
    """`MLPClassifier`, which computes in the dtype of X."""
    return _sklearn_trainer(MLPClassifier(**_sklearn_settings(shape)), X, y)


def _torch_module(torch, shape):
    layers = []
    for fan_in, fan_out in pairwise(shape.sizes):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).to(getattr(torch, shape.dtype))


def make_torch(shape, X, y):
    """PyTorch in eager mode with fused Adam; the data are tensors beforehand."""
    torch = import_module("torch")
    X, y = torch.from_numpy(X), torch.from_numpy(y)

    def train(n_epochs):
        module = _torch_module(torch, shape)
        optimizer = torch.optim.Adam(module.parameters(), lr=RATE, fused=True)
        for _ in range(n_epochs):
            for rows in torch.randperm(len(X)).split(shape.batch):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(module(X[rows]), y[rows])
                loss.backward()
                optimizer.step()

    return train


def make_skorch(shape, X, y):
    """The same module in skorch, which shuffles and batches with a DataLoader."""
    torch, skorch = import_module("torch"), import_module("skorch")

    def train(n_epochs):
        skorch.NeuralNetClassifier(
            _torch_module(torch, shape),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            lr=RATE,
            batch_size=shape.batch,
            iterator_train__shuffle=True,
            train_split=None,
            max_epochs=n_epochs,
            verbose=0,
        ).fit(X, y)

    return train


def _jax_loss(jax, parameters, a, y):
    *hidden, (W, b) = parameters
    for V, c in hidden:
        a = jax.nn.relu(a @ V + c)
    log_p = jax.nn.log_softmax(a @ W + b)
    return -jax.numpy.take_along_axis(log_p, y[:, None], axis=1).mean()


def _jax_adam(jax, state, a, y):
    jnp, tree_map = jax.numpy, jax.tree_util.tree_map
    theta, m, v, t = state
    grad = jax.grad(lambda parameters: _jax_loss(jax, parameters, a, y))(theta)
    t = t + 1
    m = tree_map(lambda m, g: 0.9 * m + 0.1 * g, m, grad)
    v = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grad)
    rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    theta = tree_map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), theta, m, v)
    return theta, m, v, t


def _jax_state(jax, shape):
    rng = np.random.default_rng(0)
    theta = [
        (
            (rng.standard_normal((fan_in, fan_out)) / fan_in**0.5).astype(shape.dtype),
            np.zeros(fan_out, shape.dtype),
        )
        for fan_in, fan_out in pairwise(shape.sizes)
    ]
    zeros = [(np.zeros_like(W), np.zeros_like(b)) for W, b in theta]
    return jax.tree_util.tree_map(
        jax.numpy.array, (theta, zeros, zeros, np.zeros((), shape.dtype))
    )


def _jax_epoch(jax, shape, inside):
    full = shape.n_samples // shape.batch * shape.batch

    def epoch(state, order, X, y):
        if inside:
            order = jax.random.permutation(order, shape.n_samples)

        def update(state, rows):
            return _jax_adam(jax, state, X[rows], y[rows]), None

        batches = order[:full].reshape(-1, shape.batch)
        state, _ = jax.lax.scan(update, state, batches)
        return update(state, order[full:])[0] if full < shape.n_samples else state

    return epoch


def make_jax(shape, X, y, shuffle_inside=True):
    """JAX, a whole epoch compiled, its shuffling included, its buffers donated.

    With ``shuffle_inside=False`` the epoch is given NumPy's permutation: JAX's own is
    a sort, and on a CPU it takes as long as the training of a small network.
    """
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    X, y = jax.numpy.array(X), jax.numpy.array(y, dtype="int32")
    rng = np.random.default_rng(0)

    def order(epoch):
        if shuffle_inside:
            return jax.random.key(epoch)
        return rng.permutation(shape.n_samples).astype(np.int32)

    epoch = jax.jit(_jax_epoch(jax, shape, shuffle_inside), donate_argnums=0)
    compiled = epoch.lower(_jax_state(jax, shape), order(0), X, y).compile()

    def train(n_epochs):
        state = _jax_state(jax, shape)
        for i in range(n_epochs):
            state = compiled(state, order(i), X, y)
        jax.block_until_ready(state)

    return train


def make_jax_numpy_order(shape, X, y):
    """JAX as above, but shuffled by NumPy."""
    return make_jax(shape, X, y, shuffle_inside=False)


def _products(shape, X, n_rows):
    """Return a function that does one update's matrix products on fixed buffers.

    By SciPy's BLAS, which the core calls: of row-major arrays it reads the transposes,
    and computes ``C^T = B^T A^T``.
    """
    rng, first = np.random.default_rng(0), X[:n_rows].copy()
    a = [first, *(np.ones((n_rows, k), shape.dtype) for k in shape.sizes[1:])]
    W = [
        rng.standard_normal(pair).astype(shape.dtype) for pair in pairwise(shape.sizes)
    ]
    dW = [np.empty_like(w) for w in W]
    delta = [np.ones_like(z) for z in a]
    work = [(w.T, a[i].T, 0, 0, a[i + 1].T) for i, w in enumerate(W)]
    for i in reversed(range(len(W))):
        work.append((delta[i + 1].T, a[i].T, 0, 1, dW[i].T))
        if i > 0:
            work.append((W[i].T, delta[i + 1].T, 1, 0, delta[i].T))
    (gemm,) = get_blas_funcs(["gemm"], [W[0]])

    def products():
        for left, right, turn_left, turn_right, out in work:
            gemm(1, left, right, 0, out, turn_left, turn_right, overwrite_c=1)

    return products


def make_floor(shape, X, y):
    """Nothing but the matrix products: a W, a^T delta, and delta W^T but for X."""
    whole, last = divmod(shape.n_samples, shape.batch)
    products = _products(shape, X, shape.batch)
    last_products = _products(shape, X, last) if last else None

    def train(n_epochs):
        for _ in range(n_epochs):
            for _ in range(whole):
                products()
            if last:
                last_products()

    return train


OURS, PAGE = "ScratchMLP", "ScratchMLP, NumPy alone"
CONTENDERS = {
    OURS: make_ours,
    PAGE: make_page,
    "MLPClassifier": make_mlp,
    "PyTorch": make_torch,
    "skorch": make_skorch,
    "JAX": make_jax,
    "JAX, NumPy shuffle": make_jax_numpy_order,
    "products alone": make_floor,
}
