"""Fixtures that every part's tests share: whole fleets with the fake engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Read when gRPC is imported. Its handlers for forks crash some children between fork and exec
# while calls are busy, and tests start many processes beside such calls.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from tests.harness.cluster import Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.proxy import TcpProxy

ClusterFactory = Callable[..., Cluster]


@pytest.fixture(scope="session")
def prepared_homes() -> Iterator[PreparedHomes]:
    """Homes that need no initdb."""
    homes = PreparedHomes()
    yield homes
    homes.remove()


@pytest.fixture
def make_cluster(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[ClusterFactory]:
    """Make clusters of this test's own; `make_cluster(**options).start()`. Stopped at its end."""
    made: list[Cluster] = []

    def make(home: Path | None = None, **options: Any) -> Cluster:
        cluster = Cluster(
            home or tmp_path_factory.mktemp("home"), prepared_homes=prepared_homes, **options
        )
        made.append(cluster)
        return cluster

    yield make
    for cluster in reversed(made):
        cluster.stop()


@pytest.fixture(scope="session")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Cluster]:
    """One cluster of all processes for the tests that break nothing."""
    made = Cluster(tmp_path_factory.mktemp("shared-home"), prepared_homes=prepared_homes)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def make_proxy() -> Iterator[Callable[[], TcpProxy]]:
    """Make TCP proxies; closed at the test's end."""
    made: list[TcpProxy] = []

    def make(target: int = 0) -> TcpProxy:
        made.append(TcpProxy(target))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()
