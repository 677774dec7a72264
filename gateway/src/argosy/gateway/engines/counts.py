"""What engines say that they have done, told to whoever keeps it: see `docs/usage.md`.

Knows which counts belong to one life of an engine, and what it had done before it was seen. Does
not know what was billed of it, nor who keeps it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from argosy.gateway.engines.dialects.base import Counts
from argosy.gateway.engines.replica import Replica
from argosy.kit.errors import ApiError

_log = logging.getLogger(__name__)

# An engine's URL and when it started, in Unix milliseconds.
Life = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """One life of an engine: what it had done when this process saw it first, and now."""

    pool: str
    url: str
    started_ms: int
    first: Counts
    latest: Counts


class Keeper(Protocol):
    """Where readings go."""

    async def tell(self, readings: Sequence[Reading]) -> None:
        """Keep them; raises ApiError."""


class EngineCounts:
    """Tells the counts of engines as they change. `run` until cancelled."""

    def __init__(self, keeper: Keeper, *, seconds: float) -> None:
        self._keeper = keeper
        self._seconds = seconds
        # By URL, the life that it lives now.
        self._seen: dict[str, Reading] = {}
        self._waiting: dict[Life, Reading] = {}

    def observe(self, replica: Replica) -> None:
        """A replica's gauges were read. The first time is before it gets any work from here."""
        counts, start_time = replica.gauges.counts, replica.gauges.start_time
        if counts is None or start_time is None:
            return
        started, before = round(start_time * 1000), self._seen.get(replica.url)
        if before is not None and before.started_ms == started:
            if before.latest == counts:
                return
            first = before.first
        else:
            # What has started under our eyes has worked for nobody else.
            first = counts if before is None else Counts()
        seen = Reading(replica.pool, replica.url, started, first, counts)
        self._seen[replica.url] = self._waiting[replica.url, started] = seen

    async def run(self) -> None:
        """Tell what has changed, again and again."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.tell()
            except ApiError as error:
                _log.warning("engines' counts are told later: %s", error.message)

    async def tell(self) -> None:
        """Tell what has changed since the last time; raises ApiError, and then it is told again."""
        telling = list(self._waiting.items())
        if not telling:
            return
        await self._keeper.tell([reading for _, reading in telling])
        for life, reading in telling:
            if self._waiting.get(life) is reading:
                del self._waiting[life]
