"""The watch on the registry's catalogue: what keeps the gateway's memory true.

Knows the stream, its heartbeats and how to come back after a break. Does not know what the
entries are used for. While the registry is gone the last known state stays; how old it is can be
read from `argosy_gateway_snapshot_staleness_seconds`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import grpc
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1.registry_pb2_grpc import CatalogServiceStub
from argosy.kit.clock import Clock
from argosy.kit.retry import backoff
from prometheus_client import CollectorRegistry, Counter, Gauge

_log = logging.getLogger(__name__)

# The registry sends a heartbeat every 5 s; a connection that is silent for longer is half open.
SILENCE: Final = 9.0
# How long a stream must have lived for the next break to start with the shortest delay again.
_STABLE: Final = 30.0


class Target(Protocol):
    """What is kept true."""

    def replace(self, entries: Sequence[pb.WatchResponse]) -> None:
        """Take over a complete state; what is not in `entries` no longer exists."""

    def apply(self, entry: pb.WatchResponse) -> None:
        """Take over one change."""


class SnapshotWatch:
    """Follows `CatalogService.Watch` for as long as the process lives."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        target: Target,
        *,
        clock: Clock,
        metrics: CollectorRegistry,
        silence: float = SILENCE,
    ) -> None:
        self._stub = CatalogServiceStub(channel)
        self._target = target
        self._clock = clock
        self._silence = silence
        self._heard: float | None = None
        self._following = False
        self._synced = asyncio.Event()
        Gauge(
            "argosy_gateway_snapshot_staleness_seconds",
            "Time since the registry was last heard; -1 before the first complete state.",
            registry=metrics,
        ).set_function(lambda: self.staleness)
        Gauge(
            "argosy_gateway_degraded",
            "1 while the gateway serves from memory because the registry does not answer.",
            registry=metrics,
        ).set_function(lambda: float(self.degraded))
        self._breaks = Counter(
            "argosy_gateway_snapshot_breaks",
            "How often the watch on the registry broke.",
            registry=metrics,
        )

    @property
    def staleness(self) -> float:
        """Seconds since the registry was last heard; -1 before the first complete state."""
        return -1.0 if self._heard is None else self._clock.monotonic() - self._heard

    @property
    def degraded(self) -> bool:
        """True while changes may be missed: not connected, or not yet complete."""
        return not self._following

    async def ready(self) -> str | None:
        """Readiness check: None once the first complete state is here."""
        return None if self._synced.is_set() else "The registry's catalogue has not arrived yet."

    async def run(self) -> None:
        """Follow the registry until cancelled."""
        delays = backoff(base=0.1, cap=2.0)
        while True:
            begun = self._clock.monotonic()
            reason = await self._follow()
            if self._following:
                _log.warning("the registry is gone, serving from memory: %s", reason)
            self._following = False
            self._breaks.inc()
            if self._clock.monotonic() - begun > _STABLE:
                delays = backoff(base=0.1, cap=2.0)
            await asyncio.sleep(next(delays))

    async def _follow(self) -> str:
        """Read one stream to its end; return why it ended."""
        call = self._stub.Watch(pb.WatchRequest())
        pending: list[pb.WatchResponse] | None = []
        try:
            while True:
                async with asyncio.timeout(self._silence):
                    entry = await call.read()
                if not isinstance(entry, pb.WatchResponse):
                    return "the stream ended"
                pending = self._take(entry, pending)
        except TimeoutError:
            return f"silent for {self._silence:g} s"
        except grpc.aio.AioRpcError as error:
            return error.code().name
        finally:
            call.cancel()

    def _take(
        self, entry: pb.WatchResponse, pending: list[pb.WatchResponse] | None
    ) -> list[pb.WatchResponse] | None:
        """Handle an entry; `pending` gathers the first state until it is complete."""
        kind = entry.WhichOneof("entry")
        if pending is None:
            self._heard = self._clock.monotonic()
            if kind not in {"heartbeat", "synced"}:
                self._target.apply(entry)
            return None
        if kind != "synced":
            if kind != "heartbeat":
                pending.append(entry)
            return pending
        self._target.replace(pending)
        self._heard = self._clock.monotonic()
        self._following = True
        self._synced.set()
        _log.info("catalogue complete", extra={"revision": entry.revision, "entries": len(pending)})
        return None
