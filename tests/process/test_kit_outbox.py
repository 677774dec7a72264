"""Outbox, inbox and bus of the kit, against a real PostgreSQL and a real nats-server."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from argosy.api import ids, subjects
from argosy.api.events.v1.events_pb2 import Event, FileCreated
from argosy.kit.bus import NOT_DURABLE, Bus
from argosy.kit.db import Database
from argosy.kit.outbox import Outbox, first_time, inbox, outbox, prune_inbox
from argosy.kit.settings import DatabaseSettings
from prometheus_client import CollectorRegistry

from tests.harness.servers import Nats, Postgres, eventually


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    # Not pytest's folder: under root PostgreSQL runs as another user, who must reach it.
    folder = Path(tempfile.mkdtemp(prefix="argosy-kit-test-"))
    folder.chmod(0o755)
    server = Postgres(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Nats]:
    server = Nats(tmp_path / "nats")
    yield server
    server.kill()


@dataclass
class Kit:
    """What a service builds from the kit, and the events that its consumer has handled."""

    database: Database
    bus: Bus
    outbox: Outbox
    metrics: CollectorRegistry
    consumer: str
    handled: list[str] = field(default_factory=list)

    async def emit(self, count: int) -> list[str]:
        """Commit `count` events and say so."""
        events = [
            Event(
                id=ids.new_id(ids.EVENT),
                type=subjects.FILE_CREATED,
                file_created=FileCreated(file_id=f"file-{n}"),
            )
            for n in range(count)
        ]
        for event in events:
            event.occurred_at.GetCurrentTime()
        async with self.database.begin() as connection:
            for event in events:
                await self.outbox.add(connection, event)
        self.outbox.wake()
        return [e.id for e in events]

    async def handle(self, event: Event) -> None:
        async with self.database.begin() as connection:
            if await first_time(connection, "test", event.id):
                self.handled.append(event.id)

    def shown(self, metric: str, **labels: str) -> float:
        value = self.metrics.get_sample_value(metric, labels)
        assert value is not None, metric
        return value

    async def has_handled(self, count: int) -> bool:
        return len(self.handled) >= count


def _settings(postgres: Postgres, nats: Nats) -> DatabaseSettings:
    return DatabaseSettings.model_validate(
        {
            "bind": "127.0.0.1:1",
            "health_bind": "127.0.0.1:2",
            "service_token": "t",
            "database_url": postgres.url("postgres"),
            "nats_url": f"nats://127.0.0.1:{nats.port}",
            "nats_monitor_url": f"http://127.0.0.1:{nats.monitor_port}",
        }
    )


@pytest.fixture
async def kit(
    postgres: Postgres, nats: Nats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Kit]:
    _write_migrations(tmp_path / "kit_migrations")
    monkeypatch.syspath_prepend(tmp_path)
    settings, metrics = _settings(postgres, nats), CollectorRegistry()
    schema = f"kit_{tmp_path.name[-6:].strip('_')}".lower()
    async with (
        Database.open(settings.database_url, schema) as database,
        Bus.open(settings, metrics) as bus,
    ):
        # Two at once, as when two replicas start: they must queue.
        await asyncio.gather(database.migrate("kit_migrations"), database.migrate("kit_migrations"))
        made = Kit(database, bus, Outbox(database, bus, metrics), metrics, schema)
        tasks = [
            asyncio.create_task(made.outbox.run()),
            asyncio.create_task(bus.consume(schema, [subjects.FILE_CREATED], made.handle)),
        ]
        yield made
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _write_migrations(package: Path) -> None:
    (package / "versions").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "versions" / "0001_tables.py").write_text(
        "from alembic import op\n"
        "from argosy.kit.outbox import create_tables\n"
        "revision, down_revision = '0001', None\n"
        "def upgrade(): create_tables(op.get_bind())\n"
    )


async def test_events_survive_a_killed_nats_and_a_lost_stream(
    kit: Kit, nats: Nats, tmp_path: Path
) -> None:
    sent = await kit.emit(100)
    await eventually(lambda: kit.has_handled(100), "the first events")
    nats.kill()
    assert kit.shown("argosy_outbox_lag_seconds") == 0
    sent += await kit.emit(50)

    async def is_behind() -> bool:
        return kit.shown("argosy_outbox_pending_events") == 50 and not kit.shown(
            "argosy_bus_connected"
        )

    await eventually(is_behind, "the outbox to show what waits")
    assert kit.shown("argosy_outbox_lag_seconds") > 0
    nats.start()
    await eventually(lambda: kit.has_handled(150), "the events of the outage")

    async def has_caught_up() -> bool:
        return kit.shown("argosy_outbox_lag_seconds") == 0

    await eventually(has_caught_up, "the outbox to show that nothing waits")
    assert kit.shown("argosy_bus_connected") == 1
    nats.kill()
    shutil.rmtree(tmp_path / "nats" / "jetstream")
    nats.start()
    sent += await kit.emit(20)
    await eventually(lambda: kit.has_handled(170), "the events after the stream was lost")
    assert kit.handled == sent
    async with kit.database.begin() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(outbox)) == 0


async def test_what_a_consumer_cannot_take_is_counted_and_holds_nothing_up(kit: Kit) -> None:
    await kit.emit(1)
    await eventually(lambda: kit.has_handled(1), "the first event")
    dead = "argosy_bus_dead_letters_total"
    assert kit.shown(dead, consumer=kit.consumer) == 0
    await kit.bus.publish(subjects.of(subjects.FILE_CREATED), b"\xff no event", "garbage")
    await kit.emit(1)
    await eventually(lambda: kit.has_handled(2), "the event behind the garbage")
    assert kit.shown(dead, consumer=kit.consumer) == 1

    async def quiet() -> bool:
        return kit.shown("argosy_bus_consumer_lag_seconds", consumer=kit.consumer) == 0

    await eventually(quiet, "the consumer to have them all")
    assert kit.shown("argosy_bus_consumer_pending_events", consumer=kit.consumer) == 0


async def test_the_inbox_forgets_only_what_cannot_come_again(kit: Kit) -> None:
    async with kit.database.begin() as connection:
        for name, age in (("old", timedelta(days=16)), ("young", timedelta(days=14))):
            seen = sa.func.now() - age
            await connection.execute(
                inbox.insert().values(consumer="c", event_id=name, seen_at=seen)
            )
        assert await prune_inbox(connection) == 1
        assert await first_time(connection, "c", "old")
        assert not await first_time(connection, "c", "young")


@pytest.mark.parametrize(("interval", "missing"), [("always", None), ("10s", NOT_DURABLE)])
async def test_a_stream_that_is_not_durable_is_said_to_be_so(
    postgres: Postgres, tmp_path: Path, interval: str, missing: str | None
) -> None:
    server = Nats(tmp_path / "other", sync_interval=interval)
    try:
        async with Bus.open(_settings(postgres, server)) as bus:

            async def inspected() -> bool:
                return await bus.durable() in {None, NOT_DURABLE}

            await eventually(inspected, "the inspection of the stream")
            assert await bus.durable() == missing
    finally:
        server.kill()
