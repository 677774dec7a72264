"""A registry process that lacks something: what /readyz says, and that it comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from argosy.kit.errors import Internal, Unavailable

from tests.harness.registry_client import Client
from tests.harness.registry_fleet import Fleet, Registry, fleet
from tests.harness.servers import Nats, wait_until


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


async def test_without_the_database_it_lives_and_is_not_ready(ships: Fleet) -> None:
    registry = await asyncio.to_thread(ships.registry, "waits")
    await asyncio.to_thread(ships.postgres.kill)
    registry.spawn()
    await asyncio.to_thread(
        wait_until,
        lambda: registry.readiness() == {"lifecycle": "The process is starting."},
        "the process",
    )
    await asyncio.to_thread(ships.postgres.start)
    await asyncio.to_thread(wait_until, lambda: registry.readiness() == {}, "ready")

    async with Client(registry) as client:
        file = await client.upload()
        watch = client.watch()
        await watch.until("synced")
        await asyncio.to_thread(ships.postgres.kill)
        # The watch ends: a heartbeat would say that nothing changed, which nobody knows.
        with pytest.raises(Unavailable):
            await watch.until("model")
        with pytest.raises(Unavailable, match="database does not answer"):
            await client.get(file.id)
        with pytest.raises(Unavailable):
            await client.upload()
        await asyncio.to_thread(
            wait_until,
            lambda: registry.readiness() == {"database": "The database does not answer."},
            "not ready",
        )
        await asyncio.to_thread(ships.postgres.start)
        await asyncio.to_thread(wait_until, lambda: registry.readiness() == {}, "ready again")
        assert await client.get(file.id) == file
        assert await client.upload()
    assert registry.stop() == 0


def test_it_refuses_readiness_without_a_durable_stream(ships: Fleet) -> None:
    lazy = Nats(ships.folder / "lazy-nats", sync_interval='"2m"')
    try:
        registry = ships.registry("lazy")
        registry.env["ARGOSY_NATS_URL"] = f"nats://127.0.0.1:{lazy.port}"
        registry.env["ARGOSY_NATS_MONITOR_URL"] = f"http://127.0.0.1:{lazy.monitor_port}"
        registry.spawn()

        def says_so() -> bool:
            missing = registry.readiness() or {}
            return "`sync_interval: always`" in missing.get("stream", "")

        wait_until(says_so, "the sentence")
        assert list(registry.readiness() or {}) == ["stream"]
    finally:
        lazy.kill()


async def test_sigterm_ends_open_watches_soon(ships: Fleet) -> None:
    registry = await asyncio.to_thread(ships.registry, "stops")
    await asyncio.to_thread(registry.start)
    async with Client(registry) as client:
        watch = client.watch()
        await watch.until("synced")
        begun = time.monotonic()
        assert await asyncio.to_thread(registry.stop) == 0
        assert time.monotonic() - begun < 3
        with pytest.raises(Unavailable):
            await watch.until("model")


async def test_a_caller_without_the_token_is_refused(ships: Fleet) -> None:
    registry = await asyncio.to_thread(ships.registry, "token")
    await asyncio.to_thread(registry.start)
    stranger = Registry.__new__(Registry)
    stranger.env = {**registry.env, "ARGOSY_SERVICE_TOKEN": "wrong"}
    stranger.port = registry.port
    async with Client(stranger) as client:
        with pytest.raises(Internal):
            await client.list()


def test_a_catalogue_that_does_not_hold_together_stops_the_start(ships: Fleet) -> None:
    registry = ships.registry("broken", catalog='[[model]]\nid = "m"\n')
    registry.spawn()
    assert registry.wait_exit() != 0
    assert "context_length" in registry.log.read_text()
