"""How many BLAS threads the products of a training repay."""

from contextlib import contextmanager, nullcontext
from functools import cache
from itertools import pairwise
from threading import Lock, current_thread

from threadpoolctl import OpenBLASController, ThreadpoolController

MIN_WORK = 4e6  # multiplications in a product, below which one thread is as fast
_HELD = Lock()
_HOLDERS: list = []
_TRAININGS: list = []  # that run at this moment, in any thread


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def blas_threads(objective):
    """Hold BLAS at one thread for a training that would gain nothing by more.

    So it is where the products are small, and where another training runs beside this
    one, in a thread of joblib's, say: two that use all cores get in each other's way.
    The number of threads is never raised, and is restored on leaving.
    """
    sizes = objective.network.layer_sizes
    widest = max(i * o for i, o in pairwise(sizes))
    is_small = objective.block_rows * widest < MIN_WORK
    _TRAININGS.append(objective)
    try:
        with one_blas_thread() if is_small or len(_TRAININGS) > 1 else nullcontext():
            yield
    finally:
        _TRAININGS.pop()


@contextmanager
def one_blas_thread():
    """Hold all BLAS libraries at one thread while trainings run side by side.

    The number belongs to the whole process. Of several holders, in any threads, the
    first sets it and the last gives back what the first found.
    """
    with _HELD:
        if not _HOLDERS:
            alone = all(lib.num_threads == 1 for lib in _blas().lib_controllers)
            limit = None if alone else _blas().limit(limits=1)
            _HOLDERS.append((limit, current_thread()))
        _HOLDERS.append(current_thread())
    try:
        yield
    finally:
        with _HELD:
            _HOLDERS.pop()
            if len(_HOLDERS) == 1:
                _give_back(*_HOLDERS.pop())


def _give_back(limit, thread):
    """Restore what a limit found, in any thread; None found one thread everywhere.

    Since threadpoolctl 3.8 the thread that set a limit controls OpenBLAS until it says
    that it is done, and others are not heard.
    """
    if limit is None:
        return
    done = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    done(force=current_thread() is not thread)
    limit.restore_original_limits()
    done(force=False)
