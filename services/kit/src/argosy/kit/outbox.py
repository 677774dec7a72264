"""Outbox and inbox: an event is as certain as the change that it tells of.

The change and its outbox row commit together; the row goes to the stream later, as often as it
takes. A consumer's effect and its inbox row commit together, so a repeat changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event
from argosy.kit import logs, tracing
from argosy.kit.bus import KEEP_SECONDS, Bus, BusUnavailable
from argosy.kit.db import Database
from argosy.kit.failpoints import failpoint
from argosy.kit.retry import backoff
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

_log = logging.getLogger(__name__)

_BATCH: Final = 200
_IDLE_SECONDS: Final = 1.0

_metadata: Final = sa.MetaData()

outbox: Final = sa.Table(
    "outbox",
    _metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)

inbox: Final = sa.Table(
    "inbox",
    _metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
)


def create_tables(connection: sa.Connection) -> None:
    """Create both tables; called by the first migration of each schema with `op.get_bind()`."""
    _metadata.create_all(connection, checkfirst=False)


class Outbox:
    """The events of one schema that the stream has not acknowledged yet."""

    def __init__(self, database: Database, bus: Bus, metrics: CollectorRegistry) -> None:
        self._database = database
        self._bus = bus
        self._wake = asyncio.Event()
        self._pending = Gauge(
            "argosy_outbox_pending_events",
            "Events committed but not yet acknowledged by the stream.",
            registry=metrics,
        )
        # When the oldest of them happened, in seconds of Unix.
        self._oldest: float | None = None
        Gauge(
            "argosy_outbox_lag_seconds",
            "Age of the oldest event that the stream has not acknowledged; 0 if there is none.",
            registry=metrics,
        ).set_function(self._lag)

    async def add(self, connection: AsyncConnection, event: Event) -> None:
        """Write `event` in the caller's transaction.

        The trace and the request that it belongs to are filled in if they are empty.
        """
        if not event.traceparent:
            event.traceparent = tracing.traceparent()
        if not event.request_id:
            event.request_id = logs.request_id.get()
        await connection.execute(
            outbox.insert().values(
                event_id=event.id,
                subject=subjects.of(event.type),
                payload=event.SerializeToString(),
            )
        )

    def wake(self) -> None:
        """Say that a transaction with an event has committed, so that it need not wait."""
        self._wake.set()

    async def run(self) -> None:
        """Drain until cancelled, in order of commit for each aggregate."""
        delays = backoff(base=0.2, cap=5.0)
        while True:
            try:
                more = await self._drain()
            except BusUnavailable as error:
                _log.warning("outbox waits for the event bus: %s", error)
                await asyncio.sleep(next(delays))
                continue
            except (DBAPIError, OSError) as error:
                _log.warning("outbox waits for the database: %s", type(error).__name__)
                await asyncio.sleep(next(delays))
                continue
            delays = backoff(base=0.2, cap=5.0)
            if not more:
                # Not `wait_for`: with Python 3.11 it may swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_SECONDS):
                        await self._wake.wait()
                self._wake.clear()

    def _lag(self) -> float:
        return 0.0 if self._oldest is None else max(0.0, time.time() - self._oldest)

    async def _drain(self) -> bool:
        """Send one batch; tell whether there may be more. One drainer at a time keeps order."""
        async with self._database.begin() as connection:
            locked = await connection.scalar(
                sa.select(
                    sa.func.pg_try_advisory_xact_lock(
                        sa.func.hashtextextended(f"argosy.outbox.{self._database.schema}", 0)
                    )
                )
            )
            if not locked:
                # Another process of the service drains, and tells how far behind it is.
                self._pending.set(0)
                self._oldest = None
                return False
            rows = (
                await connection.execute(sa.select(outbox).order_by(outbox.c.seq).limit(_BATCH))
            ).all()
            sent: list[int] = []
            failure: BusUnavailable | None = None
            for row in rows:
                try:
                    await self._bus.publish(row.subject, row.payload, row.event_id)
                except BusUnavailable as error:
                    failure = error
                    break
                failpoint("outbox.after_publish")
                sent.append(row.seq)
            if sent:
                await connection.execute(outbox.delete().where(outbox.c.seq.in_(sent)))
            count = await connection.scalar(sa.select(sa.func.count()).select_from(outbox))
            self._pending.set(count or 0)
            left = rows[len(sent)].payload if len(sent) < len(rows) else None
            self._oldest = None if left is None else _happened_at(left)
        if failure is not None:
            raise failure
        return len(rows) == _BATCH


def _happened_at(payload: bytes) -> float:
    moment = Event.FromString(payload).occurred_at
    return moment.seconds + moment.nanos / 1e9


async def prune_inbox(connection: AsyncConnection) -> int:
    """Forget events that the stream itself has forgotten; return how many.

    An event can come again only while the stream keeps it (`bus.KEEP_SECONDS`); a day is added.
    """
    oldest = sa.func.now() - timedelta(seconds=KEEP_SECONDS, days=1)
    result = await connection.execute(inbox.delete().where(inbox.c.seen_at < oldest))
    return result.rowcount


async def first_time(connection: AsyncConnection, consumer: str, event_id: str) -> bool:
    """Note in the caller's transaction that `consumer` has seen the event.

    Returns False if it had been seen before: then the effect must not be repeated.
    """
    result = await connection.execute(
        insert(inbox)
        .values(consumer=consumer, event_id=event_id)
        .on_conflict_do_nothing()
        .returning(inbox.c.event_id)
    )
    return result.first() is not None
