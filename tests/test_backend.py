"""The sums in BLAS: right for any size, whether made at once or in pieces."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_scratchnn.network.backend import ONE_THREAD, add_scaled, dot, outer_adder

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPES = [(1, 1), (3, 5), (100, 200), (7, ONE_THREAD), (2, 2 * ONE_THREAD + 1)]


lengths = pytest.mark.parametrize(
    "n", [1, 10, ONE_THREAD, ONE_THREAD + 1, 3 * ONE_THREAD]
)


@dtypes
@lengths
def test_dot(dtype, n):
    x, y = np.random.RandomState(0).randn(2, n).astype(dtype)
    got = dot(x, y)
    assert type(got) is float
    assert_allclose(got, np.sum(x.astype(float) * y), rtol=1e-4, atol=1e-3)


@dtypes
@lengths
def test_add_scaled(dtype, n):
    x, out = np.random.RandomState(0).randn(2, n).astype(dtype)
    expected = out + dtype(-0.3) * x
    add_scaled(x, -0.3, out)
    assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@dtypes
@pytest.mark.parametrize("shape", SHAPES)
def test_outer_adder(dtype, shape):
    """Also to the head of a larger array, as a short last batch is; twice."""
    rng = np.random.RandomState(0)
    memory = rng.randn(shape[0] * shape[1] + 9).astype(dtype)
    rest = memory[-9:].copy()
    out = memory[:-9].reshape(shape)
    u, v = rng.randn(shape[0]).astype(dtype), rng.randn(shape[1]).astype(dtype)
    add = outer_adder(u, v, out, -2.0)
    expected = out - 2 * np.outer(u, v)
    add()
    assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
    u[:] = rng.randn(shape[0])
    expected = out - 2 * np.outer(u, v)
    add()
    assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
    assert_allclose(memory[-9:], rest, rtol=0)
