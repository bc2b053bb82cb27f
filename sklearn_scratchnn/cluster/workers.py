"""Blocks on the workers of a dask cluster, and passes over all of them.

Scheduling, moving data and restarts are dask's. A block is a task's result: where a
worker dies, dask computes its blocks again, elsewhere, and then the tasks that needed
them.
"""

from collections import UserList, deque
from functools import reduce
from time import monotonic
from weakref import WeakSet

import numpy as np

from .passes import run, run_together
from .tree import fold

LOOK_AROUND = 1.0  # seconds between two looks for workers that came or went


class Blocks:
    """Results of tasks, one a block, on the workers that hold them.

    Parameters
    ----------
    client : distributed.Client
    futures : list of distributed.Future
    """

    def __init__(self, client, futures):
        self.client, self.futures = client, list(futures)
        self._shared = WeakSet()
        self._of_workers, self._workers, self._looked = {}, None, -LOOK_AROUND

    def __len__(self):
        return len(self.futures)

    @classmethod
    def read(cls, client, function, parts, *args, persisted):
        """Start reading blocks.

        Neighbours on the same worker, whose terms it can then add up; but rows that lie
        on the cluster stay where they are.

        Parameters
        ----------
        client : distributed.Client
        function : callable
            ``function(index, *part, *args)`` returns a block.
        parts : list of tuple
            Delayed objects.
        *args
            The same ones for all.
        persisted : bool
            Whether the rows lie on the cluster.

        Returns
        -------
        Blocks
        """
        from dask import delayed

        shared = [delayed(arg) for arg in args]
        read = delayed(function, pure=False)
        tasks = [read(i, *part, *shared) for i, part in enumerate(parts)]
        threads = {} if persisted else client.nthreads()
        if not threads:
            return cls(client, client.compute(tasks))
        futures, workers = [], sorted(threads)
        ends = np.cumsum([threads[worker] for worker in workers]) * len(tasks)
        ends //= sum(threads.values())
        for worker, start, end in zip(workers, [0, *ends], ends):
            where = {"workers": [worker], "allow_other_workers": True}
            futures += client.compute(tasks[start:end], **where)
        return cls(client, futures)

    def map(self, function, *args):
        """Return other blocks, each made of one of these where it lies.

        Parameters
        ----------
        function : callable
            ``function(block, *args)``.
        *args

        Returns
        -------
        Blocks
        """
        shared, futures = [self.share(arg) for arg in args], {}
        for worker, (indices, _) in self._look().items():
            for i in indices:
                given = self.futures[i], *shared
                futures[i] = self._submit(function, *given, worker=worker)
        return Blocks(self.client, [futures[i] for i in range(len(self))])

    def sum(self, function, *args, add):
        """Return the sum of a function of every block.

        One task a worker; the order of the sum is that of `fold`.

        Parameters
        ----------
        function : callable
            ``function(block, *args)``.
        *args
            Futures are replaced by their results.
        add : callable
            Of two values.

        Returns
        -------
        object
        """
        nodes = {}
        for found in self._pass(run, len(self), function, args, add):
            nodes |= found
        (total,) = fold(nodes, len(self), add).values()
        return total

    def sum_of_workers(self, function, *args, add):
        """Return the sum over workers of a function of each one's blocks.

        The order of the sum, and so its rounding, is that of the workers.

        Parameters
        ----------
        function : callable
            ``function(blocks, *args)``, called for each thread of a worker.
        *args
            Futures are replaced by their results.
        add : callable
            Of two values.

        Returns
        -------
        object
        """
        return reduce(add, self._pass(run_together, function, args, add))

    def rows_at_most(self, sizes):
        """Return how many rows the fullest thread of a worker has.

        Parameters
        ----------
        sizes : ndarray of int of shape (n_blocks,)

        Returns
        -------
        int
        """
        most = 0
        for worker, (indices, _) in self._look().items():
            threads = min(self._workers.get(worker, 1), len(indices))
            most = max(most, -(-int(sizes[indices].sum()) // threads))
        return most

    def collect(self, function, *args):
        """Return a function's value of every block, in a list.

        Parameters
        ----------
        function : callable
            ``function(block, *args)``.
        *args

        Returns
        -------
        list
        """
        nodes = {}
        for found in self._pass(run, len(self), function, args, None):
            nodes |= found
        return [nodes[0, i] for i in range(len(self))]

    def share(self, value):
        """Return a future of a value that each worker fetches once.

        Parameters
        ----------
        value : object

        Returns
        -------
        distributed.Future
        """
        future = self.client.submit(_same, value, pure=False)
        self._shared.add(future)
        return future

    def release(self):
        """Let the cluster forget the blocks, and stop what still makes them.

        Also what was shared with them: whoever asked for it may live on in a cycle of
        references, or in a traceback.
        """
        groups = [future for _, future in self._of_workers.values()]
        futures = [*self.futures, *groups, *self._shared]
        self.futures, self._of_workers = [], {}
        pending = [future for future in futures if future.status == "pending"]
        if pending and self.client.status == "running":
            self.client.cancel(pending)
        for future in futures:
            future.release()

    def _pass(self, task, *args):
        """Return what a task makes of each worker's blocks."""
        tasks = [
            self._submit(task, group, *args, worker=worker)
            for worker, (_, group) in self._look().items()
        ]
        try:
            return self.client.gather(tasks)
        except BaseException:
            if self.client.status == "running":
                self.client.cancel(tasks)
            raise

    def _submit(self, task, *args, worker):
        return self.client.submit(
            task,
            *args,
            workers=worker and [worker],
            allow_other_workers=worker is not None,
            pure=False,
        )

    def _look(self):
        """Return the indices and the `BlocksOfWorker` of each worker.

        Looked up again where workers came or went.
        """
        if monotonic() - self._looked < LOOK_AROUND:
            return self._of_workers
        workers = self.client.nthreads()
        if workers != self._workers:
            from distributed import as_completed

            deque(as_completed(self.futures, loop=self.client.loop), maxlen=0)
            holders = self.client.who_has(self.futures)
            held = [next(iter(holders.get(f.key, ())), None) for f in self.futures]
            self._of_workers = {
                worker: (indices, self._group(indices, worker))
                for worker, indices in shares_of(held, sorted(workers)).items()
            }
            self._workers = workers
        self._looked = monotonic()
        return self._of_workers

    def _group(self, indices, worker):
        blocks = [self.futures[i] for i in indices]
        return self._submit(BlocksOfWorker, blocks, worker=worker)


class BlocksOfWorker(UserList):
    """The blocks that a worker computes, as one result.

    A pass depends on it alone, which the scheduler is quicker with than with many. Dask
    counts the bytes of the blocks once, where they are results themselves.
    """

    def __sizeof__(self):
        """Return the bytes of the list."""
        return 100 + 8 * len(self)


def shares_of(holders, workers):
    """Return the blocks that each worker is to compute.

    Each computes those that it holds. One that holds none, such as one that has just
    joined, takes half of what the fullest has.

    Parameters
    ----------
    holders : list of str or None
        Of each block; None where nobody has it.
    workers : list of str

    Returns
    -------
    dict of list of int
        By worker; None for what dask may compute anywhere.

    Examples
    --------
    >>> from sklearn_scratchnn.cluster.workers import shares_of
    >>> shares_of(["a", "a", "a", "b"], ["a", "b", "c"])
    {'a': [0], 'b': [3], 'c': [1, 2]}
    """
    shares = {worker: [] for worker in workers}
    for i, holder in enumerate(holders):
        shares.setdefault(holder if holder in shares else None, []).append(i)
    for idle in [worker for worker in workers if not shares[worker]]:
        fullest = max(shares, key=lambda worker: len(shares[worker]))
        there = shares[fullest]
        if len(there) > 1:
            half = len(there) // 2
            shares[fullest], shares[idle] = there[:half], there[half:]
    return {worker: indices for worker, indices in shares.items() if indices}


def _same(value):
    return value
