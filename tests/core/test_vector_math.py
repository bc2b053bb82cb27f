"""The C functions of `vector_math.h` against mpmath, and one build against another."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sklearn_scratchnn

mpmath = pytest.importorskip("mpmath")
COMPILER = shutil.which("cc") or shutil.which("gcc")
if COMPILER is None:
    pytest.skip("there is no C compiler", allow_module_level=True)

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-ffp-contract=off"]
FAST = ["-O3", "-fno-math-errno", "-fno-trapping-math"]
TYPES = {"f": ("float", np.float32), "d": ("double", np.float64)}
NAMES = ["exp", "expm1", "tanh", "log1p"]
SPECIAL = {  # what is exact, and what has no number
    "exp": [(0, 1), (-0.0, 1), (-np.inf, 0), (np.inf, np.inf)]
    + [(-1e9, 0), (1e9, np.inf)],
    "expm1": [(0, 0), (-0.0, -0.0), (-np.inf, -1), (np.inf, np.inf), (-1e9, -1)],
    "tanh": [(0, 0), (-0.0, -0.0), (-np.inf, -1), (np.inf, 1), (-1e9, -1), (1e9, 1)],
    "log1p": [(0, 0), (-0.0, -0.0), (-1, -np.inf), (np.inf, np.inf)]
    + [(x, np.nan) for x in (-1.0000001, -2, -1e30, -np.inf)],
}
N_RANDOM = 350

names = pytest.mark.parametrize("name", NAMES)
suffixes = pytest.mark.parametrize("suffix", TYPES)


class Build:
    """The functions over arrays, compiled with some flags."""

    def __init__(self, folder, *flags):
        header = Path(sklearn_scratchnn.__file__).parent / "core" / "vector_math.h"
        source, library = folder / "arrays.c", folder / "arrays.so"
        loops = [
            f"void {name}_{suffix}_array(const {c} *x, {c} *out, long n)\n"
            f"{{ for (long i = 0; i < n; i++) out[i] = {name}_{suffix}(x[i]); }}\n"
            for name in NAMES
            for suffix, (c, _) in TYPES.items()
        ]
        source.write_text(f'#include "{header.as_posix()}"\n' + "".join(loops))
        subprocess.run(
            [COMPILER, *FLAGS, *flags, "-fPIC", "-shared", source, "-o", library],
            check=True,
        )
        self.library = ctypes.CDLL(str(library))

    def __call__(self, name, suffix, x):
        x, out = np.ascontiguousarray(x), np.empty_like(x)
        function = self.library[f"{name}_{suffix}_array"]
        function(
            ctypes.c_void_p(x.ctypes.data),
            ctypes.c_void_p(out.ctypes.data),
            ctypes.c_long(x.size),
        )
        return out


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """A build as a release has it: vectorised."""
    return Build(tmp_path_factory.mktemp("fast"), *FAST)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A build that does one number at a time, as the source has it."""
    return Build(tmp_path_factory.mktemp("plain"), "-O0")


def breaks(name, dtype):
    """Return where a function's formula, or the kind of its result, changes."""
    info = np.finfo(dtype)
    single = dtype == np.float32
    halves = (np.arange(-8, 8) + 0.5) * np.log(2)  # the next power of two
    largest, smallest = np.log(float(info.max)), np.log(float(info.tiny))
    tiny = [float(info.tiny), -float(info.tiny)]
    if name == "exp":
        to_zero = smallest - (info.nmant + 1) * np.log(2)
        bounds = [-104, 89] if single else [-746, 710]
        return [*halves, *tiny, *bounds, largest, smallest, to_zero]
    if name == "expm1":
        bounds = [-18, 89] if single else [-40, 710]
        return [*halves, *tiny, *bounds, largest, largest - 0.35]
    if name == "tanh":
        return [*halves / 2, *tiny, 0.55, -0.55, *([10, -10] if single else [20, -20])]
    powers = 1.5 * 2.0 ** np.arange(-info.nmant, info.maxexp - 1, 3 if single else 17)
    last = 1.5 * 2.0 ** (info.maxexp - 1)
    return [*powers - 1, *tiny, -0.25, 0.5, 2.0, last, float(info.max)]


def points(name, dtype):
    """Return finite numbers: of all sizes, where it matters, and beside every break."""
    rng, info = np.random.default_rng(0), np.finfo(dtype)
    at = np.asarray(breaks(name, dtype), dtype=dtype)
    below, above = [at], [at]
    with np.errstate(over="ignore"):
        for _ in range(3):
            below.append(np.nextafter(below[-1], dtype(-np.inf)))
            above.append(np.nextafter(above[-1], dtype(np.inf)))
    exponents = rng.uniform(info.minexp - info.nmant - 2, info.maxexp, (2, N_RANDOM))
    x = np.concatenate(
        [
            rng.choice([-1, 1], N_RANDOM) * np.exp2(exponents[0]),
            exponents[1] * np.log(2),  # where exp is a number
            rng.uniform(-25, 25, N_RANDOM // 2),
            rng.uniform(-1, 1, 2 * N_RANDOM),
            2.0 ** -rng.uniform(0, info.nmant, N_RANDOM // 2) - 1,
        ]
    ).astype(dtype)
    x = np.concatenate([x, *below, *above])
    x = x[np.isfinite(x)]
    return x[x > -1] if name == "log1p" else x


def errors(name, x, out):
    """Return the errors in units in the last place of the true value.

    Infinity counts as the number that would follow the largest.
    """
    info, true = np.finfo(out.dtype), getattr(mpmath, name)
    found = []
    with mpmath.workprec(160):
        for argument, value in zip(x.tolist(), out.tolist()):
            exact = true(mpmath.mpf(argument))
            # frexp's fraction is below 1, and minexp belongs to one from 1 to 2
            exponent = mpmath.frexp(exact)[1] - 1 if exact else info.minexp
            unit = mpmath.ldexp(1, max(exponent, int(info.minexp)) - info.nmant)
            after_largest = mpmath.ldexp(1, int(info.maxexp))
            if np.isinf(value) and abs(exact) >= after_largest:
                found.append(0.0)
                continue
            value = after_largest if value == np.inf else mpmath.mpf(value)
            found.append(float(abs(value - exact) / unit))
    return np.array(found)


@names
@suffixes
def test_the_error_is_at_most_two_units_in_the_last_place(fast, name, suffix):
    x = points(name, TYPES[suffix][1])
    found = errors(name, x, fast(name, suffix, x))
    worst = np.argmax(found)
    assert found[worst] <= 2, f"{name}_{suffix}({x[worst]!r}): {found[worst]:.2f}"


@names
@suffixes
def test_special_values_are_exact(fast, name, suffix):
    dtype = TYPES[suffix][1]
    x, expected = np.array([*SPECIAL[name], (np.nan, np.nan)], dtype=dtype).T
    # repeated, so that both the vectors and the rest of a loop meet each of them
    x, expected = np.repeat(x, 21), np.repeat(expected, 21)
    out = fast(name, suffix, x)
    assert_array_equal(out, expected)
    numbers = ~np.isnan(expected)
    assert_array_equal(np.signbit(out[numbers]), np.signbit(expected[numbers]))


@pytest.mark.parametrize("name", ["expm1", "tanh", "log1p"])
@suffixes
def test_the_smallest_numbers_stay_as_they_are(fast, name, suffix):
    smallest = np.finfo(TYPES[suffix][1]).smallest_subnormal
    x = np.arange(-40, 41).astype(smallest.dtype) * smallest
    assert_array_equal(fast(name, suffix, x), x)


def can_have(flags):
    """Whether the compiler takes the flags, and this machine is known to run them."""
    cpus = Path("/proc/cpuinfo")
    features = cpus.read_text().split() if cpus.exists() else []
    if not all(flag.removeprefix("-m") in features for flag in flags):
        return False
    command = [COMPILER, *flags, "-E", "-x", "c", "/dev/null"]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize("flags", ["", "-mavx2 -mfma", "-mavx512f"])
def test_every_build_gives_the_same_bits(tmp_path, plain, flags):
    if not can_have(flags.split()):
        pytest.skip(f"no {flags} here")
    build = Build(tmp_path, *FAST, *flags.split())
    for name in NAMES:
        for suffix, (_, dtype) in TYPES.items():
            x = points(name, dtype)
            out = plain(name, suffix, x)
            assert_array_equal(build(name, suffix, x), out, err_msg=f"{name}_{suffix}")
