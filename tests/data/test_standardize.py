"""Means and scales against formulas written out, dense and sparse, weighted or not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_scratchnn.data.standardize import Standardizer


def columns(n=400):
    """Return columns of several kinds, and the names of their kinds."""
    rng = np.random.RandomState(0)
    kinds = {
        "normal": 3 + 2 * rng.randn(n),
        "uniform": rng.uniform(-1, 1, n),
        "heavy": rng.standard_t(3, n) * 10,
        "lognormal": np.exp(2 * rng.randn(n)),
        "zeros": rng.randn(n) * (rng.rand(n) < 0.2),
        "indicator": (rng.rand(n) < 0.03).astype(float),
        "two values": np.where(rng.rand(n) < 0.5, -3.0, 7.0),
        "far": 1e6 + rng.randn(n),
    }
    return np.column_stack(list(kinds.values())), list(kinds)


def by_formula(X, w, robust):
    """Return mean and scale as the documentation states them."""
    w = w / w.sum()
    mean = w @ X
    variance = w @ (X - mean) ** 2
    scale = np.sqrt(variance)
    if robust:
        kurtosis = w @ (X - mean) ** 4 / variance**2
        scale = scale * np.maximum(1, (kurtosis / 3) ** 0.25)
        for j, column in enumerate(X.T):
            values = np.unique(column[w > 0])
            if len(values) == 2:
                scale[j] = values[1] - values[0]
    return mean, scale


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("block_bytes", [2**22, 1], ids=["whole", "blocks"])
def test_mean_and_scale(robust, weighted, kind, block_bytes):
    X, _ = columns()
    w = np.random.RandomState(1).rand(len(X)) if weighted else np.ones(len(X))
    found = Standardizer.from_rows(
        kind(X), w if weighted else None, robust=robust, block_bytes=block_bytes
    )
    mean, scale = by_formula(X, w, robust)
    assert_allclose(found.mean, mean, rtol=1e-12, atol=1e-12)
    assert_allclose(found.scale, scale, rtol=1e-7)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_of_some_rows(kind):
    X, _ = columns()
    subset = np.arange(0, len(X), 3)
    some = Standardizer.from_rows(kind(X), None, subset, robust=True)
    mean, scale = by_formula(X[subset], np.ones(len(subset)), robust=True)
    assert_allclose(some.mean, mean, rtol=1e-12, atol=1e-12)
    assert_allclose(some.scale, scale, rtol=1e-7)


def test_kurtosis_widens_by_its_fourth_root():
    """Values 0 and, rarely, ±1: the kurtosis is 1 / p, and 1 / p is 48 here."""
    X = np.zeros((96, 1))
    X[0], X[1] = 1, -1
    plain, robust = (Standardizer.from_rows(X, robust=r) for r in (False, True))
    assert_allclose(robust.scale / plain.scale, (48 / 3) ** 0.25)
    assert_allclose(robust.scale / plain.scale, 2.0)


def test_constant_columns_have_scale_1_and_no_weight():
    X = np.c_[np.full(10, 0.1), np.arange(10.0), np.full(10, 1e9)]
    standardizer = Standardizer.from_rows(X)
    assert_array_equal(standardizer.constant, [True, False, True])
    assert_array_equal(standardizer.scale[[0, 2]], 1)
    W, _ = standardizer.fold(np.ones((3, 2)), np.zeros(2))
    assert_array_equal(W[[0, 2]], 0)


def test_fold_and_unfold_undo_each_other():
    X, _ = columns()
    standardizer = Standardizer.from_rows(X, robust=True)
    rng = np.random.RandomState(2)
    W, b = rng.randn(X.shape[1], 3), rng.randn(3)
    raw_W, raw_b = standardizer.fold(W, b)
    standardized = (X - standardizer.mean) / standardizer.scale
    assert_allclose(X @ raw_W + raw_b, standardized @ W + b, rtol=1e-6, atol=1e-6)
    again_W, again_b = standardizer.unfold(raw_W, raw_b)
    assert_allclose(again_W, W, rtol=1e-12)
    assert_allclose(again_b, b, rtol=1e-6, atol=1e-6)
