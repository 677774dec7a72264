"""NATS JetStream: publish with an acknowledgement, consume with one, and prove durability.

The only module that speaks to NATS. The stream is a hint of what the databases already hold
(docs/decisions/0001): losing it costs time, never data.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import nats
import nats.errors
import nats.js.errors
from argosy.api import subjects
from argosy.api.events.v1.events_pb2 import Event
from argosy.kit import logs, tracing
from argosy.kit.bus_metrics import BusMetrics
from argosy.kit.retry import backoff
from argosy.kit.settings import ServiceSettings
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

_log = logging.getLogger(__name__)

Handler = Callable[[Event], Awaitable[None]]
BatchHandler = Callable[[Sequence[Event]], Awaitable[None]]
_Take = Callable[[Sequence[Msg]], Awaitable[None]]

_ACK_TIMEOUT: Final = 5.0
_FETCH_BATCH: Final = 64
# A fetch that was lost with its connection is noticed this many seconds later.
_FETCH_WAIT: Final = 2.0
_MAX_DELIVER: Final = 6
_ACK_WAIT: Final = 30.0
# A publisher may be cut off from NATS this long and its repeats are still recognised.
_DUPLICATE_WINDOW: Final = 3600.0
KEEP_SECONDS: Final = 14 * 24 * 3600.0

NOT_DURABLE: Final = (
    "The event stream is not durable: start nats-server (2.12.3 or newer) with "
    "`sync_interval: always` and file storage."
)


class BusUnavailable(Exception):
    """The event was not acknowledged by the stream; it must be sent again."""


class Bus:
    """One process's connection to the event stream. It connects when it can, and again."""

    def __init__(self, settings: ServiceSettings, metrics: CollectorRegistry | None = None) -> None:
        """`metrics` is left out by a process that nobody scrapes."""
        self._settings = settings
        self._client = Client()
        self._js: JetStreamContext = self._client.jetstream()
        self._ready = asyncio.Event()
        self._metrics = BusMetrics(metrics or CollectorRegistry(), self._is_connected)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, settings: ServiceSettings, metrics: CollectorRegistry | None = None
    ) -> AsyncIterator[Bus]:
        """Connect in the background for the time of the block."""
        bus = cls(settings, metrics)
        connecting = asyncio.create_task(bus._connect(), name="bus connect")
        try:
            yield bus
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            if bus._client.is_connected:
                with contextlib.suppress(nats.errors.Error, TimeoutError):
                    await asyncio.wait_for(bus._client.drain(), 2)
            else:
                await bus._client.close()

    async def publish(self, subject: str, payload: bytes, msg_id: str) -> None:
        """Send one event and wait until the stream has it on disk.

        Sending the same `msg_id` again within the duplicate window stores nothing twice.
        Raises `BusUnavailable`.
        """
        if not self._is_connected():
            raise BusUnavailable("not connected")
        try:
            await self._js.publish(
                subject, payload, timeout=_ACK_TIMEOUT, headers={"Nats-Msg-Id": msg_id}
            )
        except nats.js.errors.NoStreamResponseError as error:
            # The stream was lost with its disk: make it anew, the next try will find it.
            with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, OSError):
                await self._ensure_streams()
            raise BusUnavailable(str(error)) from error
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
            raise BusUnavailable(str(error)) from error

    async def consume(self, durable: str, event_types: Sequence[str], handler: Handler) -> None:
        """Hand each event to `handler` until cancelled; acknowledge when it returns.

        A handler that raises gets the event again, later and later; after six tries the event
        moves to the dead-letter stream. Handlers must be idempotent. Never returns.
        """

        async def take(messages: Sequence[Msg]) -> None:
            for message in messages:
                await self._handle(durable, message, handler)

        await self._consume_forever(durable, event_types, take)

    async def consume_batches(
        self, durable: str, event_types: Sequence[str], handler: BatchHandler
    ) -> None:
        """As `consume`, for a handler that takes at once what has come, up to some dozens.

        Events of a batch that fails are handed over again one by one: a bad one holds up no other.
        """

        async def one(event: Event) -> None:
            await handler([event])

        async def take(messages: Sequence[Msg]) -> None:
            if len(messages) > 1 and await _handled(messages, handler):
                for message in messages:
                    await message.ack()
                return
            for message in messages:
                await self._handle(durable, message, one)

        await self._consume_forever(durable, event_types, take)

    async def _consume_forever(self, durable: str, event_types: Sequence[str], take: _Take) -> None:
        delays = backoff(base=0.2, cap=5.0)
        self._metrics.follows(durable)
        while True:
            try:
                await self._ready.wait()
                await self._consume(durable, event_types, take)
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                # A lost connection, or a lost stream: both come back, made anew if need be.
                _log.warning("consumer %s interrupted: %s", durable, error or type(error).__name__)
                await asyncio.sleep(next(delays))
                with contextlib.suppress(nats.errors.Error, nats.js.errors.Error, OSError):
                    await self._ensure_streams()

    async def durable(self) -> str | None:
        """Readiness check: None if what the stream acknowledged survives a power cut."""
        if not self._is_connected():
            return "The event bus is not connected."
        url = self._settings.nats_monitor_url.rstrip("/") + "/varz"
        try:
            varz = await asyncio.to_thread(_get_json, url)
            stream = await self._js.stream_info(subjects.STREAM)
        except (OSError, ValueError, nats.errors.Error, nats.js.errors.Error, TimeoutError):
            return "The event stream cannot be inspected."
        jetstream = varz.get("jetstream")
        config = jetstream.get("config") if isinstance(jetstream, dict) else None
        synced = isinstance(config, dict) and config.get("sync_always") is True
        return None if synced and stream.config.storage == StorageType.FILE else NOT_DURABLE

    def _is_connected(self) -> bool:
        return self._ready.is_set() and self._client.is_connected

    async def _connect(self) -> None:
        for delay in backoff(base=0.1, cap=2.0):
            try:
                await self._client.connect(
                    servers=[self._settings.nats_url],
                    user=self._settings.nats_user or None,
                    password=self._settings.nats_password.get_secret_value() or None,
                    connect_timeout=2,
                    # Without this the first connect waits for the time between reconnects.
                    reconnect_time_wait=0.2,  # type: ignore[arg-type] # seconds; a float works
                    max_reconnect_attempts=-1,
                    ping_interval=5,
                    max_outstanding_pings=2,
                    # An event that was not sent is the outbox's to repeat, not the client's.
                    pending_size=0,
                    error_cb=_log_error,
                )
                await self._ensure_streams()
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                _log.warning("event bus: %s", error)
                await asyncio.sleep(delay)
                continue
            self._ready.set()
            return

    async def _ensure_streams(self) -> None:
        await self._ensure(
            StreamConfig(
                name=subjects.STREAM,
                subjects=[subjects.ALL],
                retention=RetentionPolicy.LIMITS,
                storage=StorageType.FILE,
                num_replicas=self._settings.nats_replicas,
                max_age=KEEP_SECONDS,
                duplicate_window=_DUPLICATE_WINDOW,
            )
        )
        await self._ensure(
            StreamConfig(
                name=subjects.DEAD_STREAM,
                subjects=[subjects.DEAD_PREFIX + ">"],
                storage=StorageType.FILE,
                num_replicas=self._settings.nats_replicas,
            )
        )

    async def _ensure(self, config: StreamConfig) -> None:
        try:
            await self._js.stream_info(str(config.name))
        except nats.js.errors.NotFoundError:
            await self._js.add_stream(config)

    async def _consume(self, durable: str, event_types: Sequence[str], take: _Take) -> None:
        await self._js.add_consumer(
            subjects.STREAM,
            ConsumerConfig(
                durable_name=durable,
                filter_subjects=[subjects.of(t) for t in event_types],
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=_ACK_WAIT,
                # The last delivery is ours to move aside, so the server may not stop before it.
                max_deliver=_MAX_DELIVER + 2,
                max_ack_pending=4 * _FETCH_BATCH,
            ),
        )
        subscription = await self._js.pull_subscribe_bind(durable=durable, stream=subjects.STREAM)
        try:
            while True:
                try:
                    batch = await subscription.fetch(_FETCH_BATCH, timeout=_FETCH_WAIT)
                except TimeoutError:
                    # Of the client, or a bare one: its time was up between its two requests.
                    # Quiet, or the consumer is gone with its stream: ask, it raises if so.
                    told = await self._js.consumer_info(subjects.STREAM, durable)
                    self._metrics.behind(durable, told.num_pending or 0)
                    continue
                if not batch:
                    # On a busy machine the wait can end between the last look and the answer.
                    continue
                oldest, newest = batch[0].metadata, batch[-1].metadata
                self._metrics.behind(durable, newest.num_pending, oldest.timestamp)
                await take(batch)
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _handle(self, durable: str, message: Msg, handler: Handler) -> None:
        tries = message.metadata.num_delivered or 1
        try:
            event = Event.FromString(message.data)
        except DecodeError as error:
            await self._bury(durable, message, error)
            return
        token = logs.request_id.set(event.request_id)
        try:
            with tracing.span(
                f"consume {event.type}", kind=SpanKind.CONSUMER, parent=event.traceparent
            ):
                await handler(event)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other events must flow
            if tries >= _MAX_DELIVER:
                await self._bury(durable, message, error)
                return
            _log.warning(
                "consumer %s failed on an event, try %d of %d", durable, tries, _MAX_DELIVER,
                exc_info=error, extra={"event_id": event.id, "event_type": event.type},
            )  # fmt: skip
            await message.nak(delay=min(30.0, 0.2 * 2**tries))
            return
        finally:
            logs.request_id.reset(token)
        await message.ack()

    async def _bury(self, durable: str, message: Msg, error: Exception) -> None:
        _log.error("event moved to the dead letters of %s", durable, exc_info=error)
        self._metrics.dead(durable)
        await self._js.publish(
            subjects.dead(durable), message.data, timeout=_ACK_TIMEOUT, headers=message.headers
        )
        await message.term()


async def _handled(messages: Sequence[Msg], handler: BatchHandler) -> bool:
    """Tell whether the handler took all the messages at once."""
    try:
        events = [Event.FromString(message.data) for message in messages]
        with contextlib.ExitStack() as spans:
            for event in events:
                spans.enter_context(
                    tracing.span(
                        f"consume {event.type}", kind=SpanKind.CONSUMER, parent=event.traceparent
                    )
                )
            await handler(events)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, each event gets its own try
        _log.warning("a batch of %d events failed", len(messages), exc_info=error)
        return False
    return True


async def _log_error(error: Exception) -> None:
    _log.warning("event bus: %s", error)


def _get_json(url: str) -> dict[str, object]:
    if not url.startswith(("http://", "https://")):
        raise ValueError("ARGOSY_NATS_MONITOR_URL is not set")
    with urllib.request.urlopen(url, timeout=1.5) as answer:  # noqa: S310 - scheme checked above
        loaded: dict[str, object] = json.load(answer)
        return loaded
