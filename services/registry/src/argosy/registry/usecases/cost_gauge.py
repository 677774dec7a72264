"""Keeps gauges at what the present day has cost so far, and at what engines did for nobody.

The same sums as the cost report's: a dashboard and an invoice cannot differ. A gauge and not a
counter, since shares of hardware move until the day is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.usage_reports import Field, Filter
from argosy.registry.domain.usage_windows import Span
from argosy.registry.metrics import Metrics
from argosy.registry.store import engine_counts, usage_costs

# Pairs of project and model that have series of their own; beyond this only projects do.
_MOST: Final = 10_000


class CostGauge:
    """The use case. `currency` is ISO 4217 in lower case."""

    def __init__(self, database: Database, clock: Clock, currency: str, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._currency = currency
        self._metrics = metrics

    async def look(self) -> int:
        """Set the gauge anew; returns 0, since there is nothing to tell of it."""
        found = await self._day(by_model=True)
        if found is None:
            found = await self._day(by_model=False) or {}
        gauge = self._metrics.day_cost
        gauge.clear()
        for (project_id, model), micros in found.items():
            gauge.labels(project_id, model, self._currency).set(micros)
        await self._nobodys()
        return 0

    async def _nobodys(self) -> None:
        start = _midnight(self._clock.now())
        async with self._database.begin() as connection:
            found = await engine_counts.unattributed(connection, start, start + timedelta(days=1))
        gauge = self._metrics.unattributed
        gauge.clear()
        for (_, pool), tokens in found.items():
            gauge.labels(pool, "input").set(tokens.read)
            gauge.labels(pool, "cached_input").set(tokens.cached)
            gauge.labels(pool, "output").set(tokens.written)

    async def _day(self, *, by_model: bool) -> dict[tuple[str, str], int] | None:
        """Return millionths by project and model; None if there are too many of them."""
        now = self._clock.now()
        start = _midnight(now)
        end = start + timedelta(days=1)
        span = Span(int(start.timestamp()), int(end.timestamp()))
        async with self._database.begin() as connection:
            charges, cut = await usage_costs.charges(
                connection, span, Filter(), [Field.PROJECT], now, by_item=by_model, most=_MOST
            )
        if cut is not None and by_model:
            return None
        costs: dict[tuple[str, str], int] = {}
        for charge in charges:
            key = charge.group.get(Field.PROJECT, ""), charge.name
            costs[key] = costs.get(key, 0) + charge.micros
        return costs


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
