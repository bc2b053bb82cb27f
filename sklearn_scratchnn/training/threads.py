"""How many BLAS threads the products of a training repay."""

from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from threading import Lock, current_thread, main_thread

from threadpoolctl import ThreadpoolController

MIN_WORK = 4e6  # multiplications in a product, below which one thread is as fast
_HELD = Lock()
_HOLDERS: list = []


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


def blas_threads(objective):
    """Return a context in which BLAS uses one thread, if the products are small.

    The number of threads is never raised, and is restored on leaving. It belongs to the
    whole process, so only the main thread sets it: of fits that overlap in threads, the
    first to end would give it back, and the last leave what it found.
    """
    if current_thread() is not main_thread():
        return nullcontext()
    sizes = objective.network.layer_sizes
    widest = max(i * o for i, o in pairwise(sizes))
    if objective.block_rows * widest >= MIN_WORK:
        return nullcontext()
    blas = _blas()
    if all(library.num_threads == 1 for library in blas.lib_controllers):
        return nullcontext()
    return blas.limit(limits=1)


@contextmanager
def one_blas_thread():
    """Hold all BLAS libraries at one thread while trainings run side by side.

    The number belongs to the whole process. Of several holders, in any threads, the
    first sets it and the last gives back what the first found.
    """
    with _HELD:
        limit = _blas().limit(limits=1) if not _HOLDERS else _HOLDERS[0]
        _HOLDERS.append(limit)
    try:
        yield
    finally:
        with _HELD:
            if len(_HOLDERS) == 1:
                limit.restore_original_limits()
            _HOLDERS.pop()
