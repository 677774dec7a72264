"""Limits, shares, priorities, pools and routes: from the catalogue file to a gateway's watch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.kit.db import Database
from argosy.registry.domain.limits import Limits, Priority
from argosy.registry.store import limits as store
from pydantic import SecretStr

from tests.harness.registry_client import Client
from tests.harness.registry_fleet import CATALOG, Fleet, Registry, fleet

QUICK = {"ARGOSY_WATCH_HEARTBEAT_SECONDS": "0.3", "ARGOSY_WATCH_POLL_SECONDS": "0.1"}
LIMITED = (
    CATALOG.replace(
        'name = "Other"',
        'name = "Other"\nshare = 2.5\nrequests_per_minute = 60\nmicros_per_day = 5_000_000_000_000',
    ).replace(
        'engine_key = "engine secret"',
        'engine_key = "engine secret"\nconcurrency = 7\nqueue = 9\nqueue_seconds = 1.5\n'
        "weights = { load = 2.0, prefix = 0.5 }\nmax_loras = 4\nmax_cpu_loras = 16",
    )
    + """
[[key]]
id = "key_ci"
project_id = "proj_other"
secret = "sk-ci-0123456789ab"
priority = "flex"
tokens_per_minute = 1000
tokens_per_day = 20_000
concurrent_requests = 3

[[key]]
id = "key_lead"
secret = "sk-lead-0123456789ab"
admin = true

[[route]]
name = "chat"
targets = [{ model = "base-one", weight = 95 }, { model = "ft:base-one:argosy:a:00000001" }]
fallbacks = ["base-one"]

[[route]]
name = "canary"
project_id = "proj_other"
targets = [{ model = "base-one" }]
"""
)


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry("limits", env=QUICK)
    registry.catalog_file.write_text(LIMITED)
    registry.start()
    return registry


async def everything(registry: Registry) -> tuple[int, dict[tuple[str, str], Any]]:
    async with Client(registry) as client:
        watch = client.watch()
        await watch.until("synced")
        return watch.revision, watch.entries


async def restarted(registry: Registry, text: str) -> tuple[int, dict[tuple[str, str], Any]]:
    await asyncio.to_thread(registry.stop)
    registry.catalog_file.write_text(text)
    await asyncio.to_thread(registry.start)
    return await everything(registry)


async def test_what_the_file_says_reaches_the_gateways(registry: Registry) -> None:
    revision, entries = await everything(registry)
    other = entries["project", "proj_other"]
    assert other.share == 2.5
    assert other.limits == pb.Limits(requests_per_minute=60, micros_per_day=5_000_000_000_000)
    default = entries["project", "proj_default"]
    assert (default.share, default.HasField("limits")) == (1.0, False)
    key = entries["key", "key_ci"]
    assert (key.priority, key.admin) == (pb.PRIORITY_FLEX, False)
    assert key.limits == pb.Limits(
        tokens_per_minute=1000, tokens_per_day=20_000, concurrent_requests=3
    )
    for name in ("key_bootstrap", "key_lead"):
        assert (entries["key", name].priority, entries["key", name].admin) == (
            pb.PRIORITY_DEFAULT,
            True,
        )
    pool = entries["pool", "main"]
    assert (pool.concurrency, pool.queue, pool.queue_seconds) == (7, 9, 1.5)
    assert dict(pool.weights) == {"load": 2.0, "prefix": 0.5}
    assert (pool.max_loras, pool.max_cpu_loras) == (4, 16)
    assert entries["route", "chat"] == pb.Route(
        name="chat",
        targets=[
            pb.RouteTarget(model_id="base-one", weight=95),
            pb.RouteTarget(model_id="ft:base-one:argosy:a:00000001", weight=1),
        ],
        fallbacks=["base-one"],
    )
    assert entries["route", "canary"].project_id == "proj_other"
    # A restart with the same file changes nothing.
    assert await restarted(registry, LIMITED) == (revision, entries)


async def test_a_change_is_told_and_what_goes_is_removed(registry: Registry) -> None:
    revision, before = await everything(registry)
    changed = LIMITED.replace("weight = 95", "weight = 50").replace("share = 2.5", "share = 3.5")
    later, entries = await restarted(registry, changed)
    assert later == revision + 2
    assert entries["route", "chat"].targets[0].weight == 50
    assert entries["project", "proj_other"].share == 3.5
    later, entries = await restarted(registry, LIMITED.partition("[[route]]")[0])
    assert ("route", "chat") not in entries
    assert {e for e in before if e[0] != "route"} == set(entries)
    await restarted(registry, LIMITED)


async def test_what_was_set_elsewhere_stays_where_the_file_is_silent(
    ships: Fleet, registry: Registry
) -> None:
    url = registry.env["ARGOSY_DATABASE_URL"]
    limits = Limits(tokens_per_minute=77, micros_per_day=5)
    async with (
        Database.open(SecretStr(url), "registry") as database,
        database.begin() as connection,
    ):
        await store.set_project_limits(connection, "proj_default", limits, 4.0)
        await store.set_project_limits(connection, "proj_other", limits, 4.0)
        await store.set_key_limits(connection, "key_ci", limits, Priority.HIGH)
    _, entries = await restarted(registry, LIMITED)
    default, other = entries["project", "proj_default"], entries["project", "proj_other"]
    assert default.limits == pb.Limits(tokens_per_minute=77, micros_per_day=5)
    assert default.share == 4.0
    assert (other.limits.requests_per_minute, other.share) == (60, 2.5)
    assert entries["key", "key_ci"].priority == pb.PRIORITY_FLEX
