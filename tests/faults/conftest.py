"""A fleet with two engines for the faults of serving; each test leaves it usable."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.harness.cluster import Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.serving_fleet import PROCESSES, ServingFleet


@pytest.fixture(autouse=True)
def _small_heap() -> Iterator[None]:
    """What earlier tests left is collected now and not looked at again while this one measures.

    Late in a long run a full collection stops this process, and the clients in it, for a second.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def _serving_cluster(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Cluster]:
    cluster = Cluster(
        tmp_path_factory.mktemp("serving"), prepared_homes=prepared_homes, processes=PROCESSES
    )
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture
def serving(_serving_cluster: Cluster) -> Iterator[ServingFleet]:
    """Both engines healthy at the start; nothing under way in the gateway at the end."""
    fleet = ServingFleet(_serving_cluster)
    fleet.usable()
    yield fleet
    fleet.nothing_left()
