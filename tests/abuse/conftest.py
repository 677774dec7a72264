"""A fleet with two engines and two projects for the abuse of the completion routes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.api_fleet import SECOND_PROJECT
from tests.harness.cluster import Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.serving_fleet import PROCESSES, ServingFleet


@pytest.fixture(scope="session")
def serving(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[ServingFleet]:
    cluster = Cluster(
        tmp_path_factory.mktemp("abused"),
        prepared_homes=prepared_homes,
        processes=PROCESSES,
        catalog=SECOND_PROJECT,
    )
    try:
        fleet = ServingFleet(cluster.start())
        fleet.usable()
        yield fleet
        fleet.nothing_left()
    finally:
        cluster.stop()
