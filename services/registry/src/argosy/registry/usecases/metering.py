"""What gateways tell the ledger beside usage, and ask of it: engines' counters, the day's use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.engine_counts import Counter, Tokens
from argosy.registry.store import day_use, engine_counts
from argosy.registry.store.day_use import DayUse


class Metering:
    """The use cases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tell(self, told: Sequence[Counter]) -> None:
        """Bring the counters of engines up to date; what is new since is the present day's."""
        if not told:
            return
        lives: dict[tuple[str, int], Counter] = {}
        for each in told:
            life = each.engine, each.started_ms
            lives[life] = each.joined(lives[life]) if life in lives else each
        async with self._database.begin() as connection:
            await engine_counts.lock(connection)
            before = await engine_counts.known(connection, sorted(lives))
            after = [
                each.joined(before[life]) if life in before else each
                for life, each in sorted(lives.items())
            ]
            new: dict[str, Tokens] = {}
            for each in after:
                known = before.get((each.engine, each.started_ms))
                counted = each.counted.beyond(known.counted if known else Tokens())
                if counted != Tokens():
                    new[each.pool] = new.get(each.pool, Tokens()) + counted
            await engine_counts.keep(connection, after)
            if new:
                await engine_counts.add(connection, _day(self._clock.now()), new)

    async def day_use(
        self, project_ids: Sequence[str], key_ids: Sequence[str]
    ) -> tuple[datetime, list[DayUse]]:
        """Return the present day and what these projects and these keys have used of it."""
        day = _day(self._clock.now())
        async with self._database.begin() as connection:
            return day, await day_use.used(connection, day, project_ids, key_ids)


def _day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
