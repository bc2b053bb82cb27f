"""How many BLAS threads the products of a training repay."""

from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from threading import Lock, current_thread, main_thread

from threadpoolctl import OpenBLASController, ThreadpoolController

MIN_WORK = 4e6  # multiplications in a product, below which one thread is as fast
_HELD = Lock()
_HOLDERS: list = []


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


def blas_threads(objective):
    """Return a context in which BLAS uses one thread, if the products are small.

    The number of threads is never raised, and is restored on leaving. It belongs to the
    whole process, so only the main thread sets it.
    """
    if current_thread() is not main_thread():
        return nullcontext()
    sizes = objective.network.layer_sizes
    widest = max(i * o for i, o in pairwise(sizes))
    if objective.block_rows * widest >= MIN_WORK:
        return nullcontext()
    alone = all(library.num_threads == 1 for library in _blas().lib_controllers)
    return nullcontext() if alone and not _HOLDERS else one_blas_thread()


@contextmanager
def one_blas_thread():
    """Hold all BLAS libraries at one thread while trainings run side by side.

    The number belongs to the whole process. Of several holders, in any threads, the
    first sets it and the last gives back what the first found.
    """
    with _HELD:
        if not _HOLDERS:
            _HOLDERS.append((_blas().limit(limits=1), current_thread()))
        _HOLDERS.append(current_thread())
    try:
        yield
    finally:
        with _HELD:
            _HOLDERS.pop()
            if len(_HOLDERS) == 1:
                _give_back(*_HOLDERS.pop())


def _give_back(limit, thread):
    """Restore what a limit found, in any thread.

    Since threadpoolctl 3.8 the thread that set a limit controls OpenBLAS until it says
    that it is done, and others are not heard.
    """
    done = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    done(force=current_thread() is not thread)
    limit.restore_original_limits()
    done(force=False)
