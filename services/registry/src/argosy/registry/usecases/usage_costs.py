"""Reports what was used in money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage_reports import Bucket, Cost, Field, Filter, Group
from argosy.registry.domain.usage_windows import (
    COST_LIMITS,
    Asked,
    Width,
    whole_days,
    window,
)
from argosy.registry.store import usage_costs
from argosy.registry.store.usage_costs import Charge
from argosy.registry.usecases.usage_reports import MOST_RESULTS, PAGE_RESULTS, laid_out

_UNITS: Final = dict.fromkeys(
    ("hardware_hours", "idle_hours", "unattributed_hours"), "duration_hours"
)


class UsageCosts:
    """The use case. `currency` is ISO 4217 in lower case."""

    def __init__(self, database: Database, clock: Clock, currency: str) -> None:
        self._database = database
        self._clock = clock
        self.currency = currency

    async def costs(
        self, asked: Asked, only: Filter, group_by: Sequence[Field]
    ) -> tuple[list[Bucket[Cost]], str]:
        """Return a page of days and the cursor of the next one. Raises RuleBroken."""
        if asked.width is not Width.DAY:
            raise RuleBroken("bucket_width must be 1d for costs.", param="bucket_width")
        now = self._clock.now()
        page = window(whole_days(asked), int(now.timestamp()), COST_LIMITS)
        fields = [field for field in group_by if field is not Field.LINE_ITEM]
        by_item = Field.LINE_ITEM in group_by or bool(only.line_items)
        async with self._database.begin() as connection:

            async def charged(most: int) -> tuple[list[Charge], int | None]:
                # A model has up to four line items.
                most = most // 4 if by_item else most
                return await usage_costs.charges(
                    connection, page.span, only, fields, now, by_item=by_item, most=most
                )

            charges, cut = await charged(PAGE_RESULTS)
            if cut is not None and page.is_first(cut):
                page = page.first(1)
                charges, cut = await charged(MOST_RESULTS)
        if Field.LINE_ITEM in group_by:
            return laid_out(page, _by_item(charges, only.line_items), cut)
        return laid_out(page, _summed(charges, only.line_items), cut)


def _by_item(charges: Sequence[Charge], wanted: Sequence[str]) -> list[Cost]:
    """Return one result for each group's line item, in order of time."""
    found: dict[tuple[int, tuple[str, ...]], Cost] = {}
    for each in charges:
        item = _item(each)
        if wanted and item not in wanted:
            continue
        values = (*each.group.values(), item)
        before = found.get((each.bucket, values))
        # What was read for chats and for embeddings has a price of its own; the rest is one item.
        found[each.bucket, values] = Cost(
            each.bucket,
            {**each.group, Field.LINE_ITEM: item},
            each.micros + (before.micros if before else 0),
            each.quantity + (before.quantity if before else 0),
            _UNITS.get(each.what, "tokens"),
        )
    return [found[key] for key in sorted(found)]


def _summed(charges: Sequence[Charge], wanted: Sequence[str]) -> list[Cost]:
    """Return one result for each group, in order of time."""
    found: dict[tuple[int, tuple[str, ...]], int] = {}
    groups: dict[tuple[str, ...], Group] = {}
    for each in charges:
        if wanted and _item(each) not in wanted:
            continue
        values = tuple(each.group.values())
        groups.setdefault(values, dict(each.group))
        found[each.bucket, values] = found.get((each.bucket, values), 0) + each.micros
    return [
        Cost(bucket, groups[values], micros, 0.0, "")
        for (bucket, values), micros in sorted(found.items())
    ]


def _item(charge: Charge) -> str:
    return f"{charge.name}, {charge.what}"
