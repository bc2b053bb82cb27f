"""Clusters on this machine: one in threads for most tests, one of processes."""

import pytest

pytest.importorskip("distributed")
pytest.importorskip("dask.array")

from distributed import Client, LocalCluster


@pytest.fixture(scope="module")
def threads():
    """Two workers in threads of this process: a pass takes milliseconds.

    They end with the module: other tests count the bytes that this process allocates.
    """
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    )
    with cluster:
        yield cluster


@pytest.fixture
def client(threads):
    """The client of the workers in threads."""
    with Client(threads) as client:
        yield client
