"""A consumer of the registry's events for fault tests, with a real inbox, in order of arrival."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import nats
import sqlalchemy as sa
from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event
from argosy.kit import outbox
from argosy.kit.bus import Bus
from argosy.kit.db import Database

from tests.harness.registry_fleet import Registry
from tests.harness.servers import eventually

_SEEN = sa.table("seen", sa.column("event_id"), sa.column("type"), sa.column("subject_id"))


@dataclass(frozen=True, slots=True)
class Seen:
    """An event whose effect was committed: its id, its type, the file or model it is about."""

    event_id: str
    type: str
    subject_id: str


class EventLog:
    """Consumes file and model events; the effect of each is one row, with its inbox row."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.deliveries = 0

    async def take(self, event: Event) -> None:
        self.deliveries += 1
        async with self._database.begin() as connection:
            if await outbox.first_time(connection, "event-log", event.id):
                await connection.execute(
                    sa.insert(_SEEN).values(
                        event_id=event.id, type=event.type, subject_id=subject_of(event)
                    )
                )

    async def seen(self) -> list[Seen]:
        """Return what was seen, in the order in which it was."""
        async with self._database.begin() as connection:
            rows = await connection.execute(sa.select(_SEEN).order_by(sa.text("seq")))
            return [Seen(r.event_id, r.type, r.subject_id) for r in rows]

    async def until(self, count: int, seconds: float = 90) -> list[Seen]:
        """Wait until `count` events were seen; return them."""

        async def enough() -> list[Seen]:
            found = await self.seen()
            return found if len(found) >= count else []

        return await eventually(enough, f"{count} events", seconds)

    async def more_deliveries(self, count: int, *, unless: asyncio.Task[Any]) -> None:
        """Wait until `count` more events were delivered, repeats included, or the task ended."""
        mark = self.deliveries + count

        async def enough() -> bool:
            return self.deliveries >= mark or unless.done()

        await eventually(enough, f"{count} more deliveries", 30)


@contextlib.asynccontextmanager
async def event_log(registry: Registry) -> AsyncIterator[EventLog]:
    """Run a consumer for the time of the block, in a schema `log` of the registry's database."""
    settings = registry.settings()
    async with Database.open(settings.database_url, "log") as database:
        async with database.begin() as connection:
            await connection.execute(sa.text("CREATE SCHEMA log"))
            await connection.run_sync(outbox.create_tables)
            await connection.execute(
                sa.text(
                    "CREATE TABLE seen (seq bigserial, event_id text, type text, subject_id text)"
                )
            )
        log = EventLog(database)
        types = [
            subjects.FILE_CREATED,
            subjects.FILE_DELETED,
            subjects.MODEL_PUBLISHED,
            subjects.MODEL_DELETED,
        ]
        async with Bus.open(settings) as bus:
            consuming = asyncio.create_task(bus.consume("event-log", types, log.take))
            try:
                yield log
            finally:
                consuming.cancel()
                await asyncio.gather(consuming, return_exceptions=True)


async def in_stream(registry: Registry) -> list[Event]:
    """Return every event that the stream holds, in the stream's order."""
    client = await nats.connect(registry.env["ARGOSY_NATS_URL"], connect_timeout=5)
    try:
        stream = client.jetstream()
        state = (await stream.stream_info(subjects.STREAM)).state
        numbers = range(state.first_seq, state.last_seq + 1)
        messages = [await stream.get_msg(subjects.STREAM, number) for number in numbers]
        return [Event.FromString(m.data or b"") for m in messages]
    finally:
        await client.close()


def subject_of(event: Event) -> str:
    """Return the id of the file or model that an event is about."""
    payload = getattr(event, event.WhichOneof("payload") or "")
    found: str = getattr(payload, "file_id", "") or getattr(payload, "model_id", "")
    return found


async def outbox_ids(registry: Registry) -> list[str]:
    """Return the ids of the events that the stream has not acknowledged, in order."""
    connection = await asyncpg.connect(registry.env["ARGOSY_DATABASE_URL"], timeout=10)
    try:
        rows = await connection.fetch("SELECT event_id FROM registry.outbox ORDER BY seq")
    finally:
        await connection.close()
    return [row["event_id"] for row in rows]


async def until_drained(registry: Registry, seconds: float = 60) -> None:
    """Wait until the outbox is empty."""

    async def drained() -> bool:
        return not await outbox_ids(registry)

    await eventually(drained, "the outbox to drain", seconds)
