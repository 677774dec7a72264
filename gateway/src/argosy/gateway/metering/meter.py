"""Takes note of usage and brings it to the bus, at least once, in the background.

Knows events, the spool and the bus. A request never waits: `record` copies some hundred bytes into
the spool, and they become an event when they are sent. Event ids make repeats harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec
from argosy.api import subjects
from argosy.gateway.metering.journal import Journal
from argosy.gateway.metering.spool import Spool, SpoolFull, read, sync
from argosy.gateway.metering.usage import Usage, to_event
from argosy.kit.bus import BusUnavailable
from argosy.kit.clock import Clock
from argosy.kit.retry import backoff
from prometheus_client import CollectorRegistry, Counter, Gauge

_log = logging.getLogger(__name__)

# Records gather this long, so that one segment carries many.
_LINGER: Final = 0.2
_AT_ONCE: Final = 64


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """What lies in the spool."""

    occurred_at: datetime
    usage: Usage


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Record)


class Bus(Protocol):
    """The part of `argosy.kit.bus.Bus` that is needed."""

    async def publish(self, subject: str, payload: bytes, msg_id: str) -> None:
        """Return once the stream has the event; raises BusUnavailable."""


class Meter:
    """Records usage; `run` drains until cancelled."""

    def __init__(self, spool: Spool, bus: Bus, *, clock: Clock, metrics: CollectorRegistry) -> None:
        self._spool = spool
        self._bus = bus
        self._clock = clock
        self._wake = asyncio.Event()
        self._draining = asyncio.Lock()
        if spool.sealed():
            self._wake.set()
        self._lost = Counter(
            "argosy_gateway_usage_lost_events",
            "Usage events that could not be written to the spool, and damaged files of it.",
            registry=metrics,
        )
        Gauge(
            "argosy_gateway_usage_spool_bytes",
            "Usage on disk that the bus has not taken yet.",
            registry=metrics,
        ).set_function(lambda: float(spool.size))

    def record(self, usage: Usage) -> None:
        """Take note of a request that has ended, however it ended."""
        self._append(_Record(self._clock.now(), usage))

    def recover(self, journal: Journal) -> int:
        """Record what a killed process left in its journal; return how many requests those were.

        What it had recorded as well is before this in the spool, under the same event's id: the
        first one counts.
        """
        left = journal.left()
        for place, began, usage in left:
            self._append(_Record(began, usage))
            journal.leave(place)
        if left:
            _log.warning("recorded what a killed gateway left", extra={"requests": len(left)})
        return len(left)

    def _append(self, record: _Record) -> None:
        try:
            self._spool.append(_encoder.encode(record))
        except (SpoolFull, OSError) as error:
            self._lost.inc()
            _log.error("usage lost: %s", error, extra={"request_id": record.usage.request_id})
            return
        self._wake.set()

    async def run(self) -> None:
        """Drain until cancelled."""
        delays = backoff(base=0.2, cap=5.0)
        while True:
            await self._wake.wait()
            await asyncio.sleep(_LINGER)
            try:
                await self.drain()
            except (BusUnavailable, OSError) as error:
                _log.warning("usage waits for the event bus: %s", error)
                await asyncio.sleep(next(delays))
                continue
            delays = backoff(base=0.2, cap=5.0)

    async def drain(self) -> None:
        """Send all that is recorded now. Raises BusUnavailable; then nothing is lost."""
        async with self._draining:
            self._wake.clear()
            try:
                self._spool.seal()
                for segment in self._spool.sealed():
                    await asyncio.to_thread(sync, segment)
                    found, damaged = await asyncio.to_thread(read, segment)
                    await self._send(segment, found)
                    if damaged:
                        self._give_up(segment, len(found))
                    else:
                        self._spool.remove(segment)
            except BaseException:
                self._wake.set()
                raise

    def _give_up(self, segment: Path, sent: int) -> None:
        # How many more there were, nobody can tell.
        self._lost.inc()
        kept = self._spool.set_aside(segment)
        _log.error(
            "usage on disk is damaged; what can be read is sent, the file is kept",
            extra={"segment": kept.name, "sent": sent},
        )

    async def flush(self, seconds: float) -> None:
        """Try to drain within `seconds`, for the end of the process; the rest stays on disk."""
        with contextlib.suppress(BusUnavailable, OSError, TimeoutError):
            await asyncio.wait_for(self.drain(), seconds)

    async def _send(self, segment: Path, found: Sequence[bytes]) -> None:
        for start in range(0, len(found), _AT_ONCE):
            batch = found[start : start + _AT_ONCE]
            results = await asyncio.gather(
                *(self._publish(segment, record) for record in batch), return_exceptions=True
            )
            for result in results:
                if result is not None:
                    raise result

    async def _publish(self, segment: Path, record: bytes) -> None:
        try:
            found = _decoder.decode(record)
        except msgspec.DecodeError:
            _log.error("usage record cannot be read", extra={"segment": segment.name})
            return
        event = to_event(found.usage, found.occurred_at)
        await self._bus.publish(subjects.of(event.type), event.SerializeToString(), event.id)
