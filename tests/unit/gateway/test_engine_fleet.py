"""The fleet follows the catalogue's pools and the engines' health."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.api.registry.v1.registry_pb2 import Pool
from argosy.gateway.engines.fleet import Fleet
from argosy.kit.clock import ManualClock
from prometheus_client import CollectorRegistry

from tests.harness.lane_plane import until


def fleet() -> Fleet:
    return Fleet(clock=ManualClock(), metrics=CollectorRegistry())


def pool(*replicas: str, engine: str = "vllm", key: str = "") -> Pool:
    return Pool(name="main", engine=engine, replicas=replicas, engine_key=key)


def test_a_change_of_a_pool_keeps_the_replicas_that_stay() -> None:
    ships = fleet()
    ships.sync([pool("http://a:1", "http://b:1")])
    first, second = ships.replicas("main")
    first.ready = second.ready = True
    ships.sync([pool("http://a:1", "http://c:1")])
    assert ships.replicas("main")[0] is first
    assert first.ready
    assert not second.ready
    assert not ships.replicas("main")[1].ready
    ships.sync([pool("http://a:1", key="other")])
    assert ships.replicas("main")[0] is not first
    ships.sync([])
    assert ships.replicas("main") == ()


def test_a_bad_url_spoils_only_itself() -> None:
    ships = fleet()
    ships.sync([pool("ftp://a:1", "http://b:1", "http://b:1")])
    assert [replica.url for replica in ships.replicas("main")] == ["http://b:1"]


async def test_a_sick_engine_is_out_and_a_well_one_in(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    (replica,) = plane.fleet.all_replicas()
    assert replica.ready
    assert replica.gauges.kv_cache_usage == 0.25
    await engine.fault(sick=True)
    await until(lambda: not replica.ready, "the sick engine to be out")
    assert "503" in replica.reason
    labels = {"pool": "main", "replica": replica.url}
    assert plane.value("argosy_gateway_replica_ready", **labels) == 0
    # What it told last is not shown as if it were so now.
    assert not shown(plane, "argosy_gateway_replica_kv_cache_ratio", labels)
    await engine.fault(reset=True)
    await until(lambda: replica.ready, "the well engine to be in")
    assert plane.value("argosy_gateway_replica_ready", **labels) == 1
    assert shown(plane, "argosy_gateway_replica_kv_cache_ratio", labels) == [0.25]
    running = labels | {"state": "running"}
    assert shown(plane, "argosy_gateway_replica_requests", running) == [replica.gauges.running]


def shown(plane: Any, name: str, labels: dict[str, str]) -> list[float]:
    return [
        sample.value
        for family in plane.metrics.collect()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]


def test_an_engine_that_cannot_be_reached_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    ships = fleet()
    ships.sync([pool("http://a:1")])
    (replica,) = ships.replicas("main")
    for _ in range(2):
        replica.ready = True
        # Every request under way comes to the same finding.
        replica.unreachable("connection refused")
        replica.unreachable("connection refused")
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.getMessage() for record in told] == [
        "replica unreachable: connection refused"
    ] * 2
    assert {record.__dict__["replica"] for record in told} == {"http://a:1"}
    replica.ready = True
    ships.sync([])
    # Nothing is wrong with one that is not wanted any more.
    assert len(caplog.records) == len(told)
