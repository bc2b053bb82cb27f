"""The sums in BLAS: right for any size, whether made at once or in pieces."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_scratchnn.training.blas import ONE_THREAD, add_scaled, dot

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


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
