"""Reports what was used in money."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage_reports import Bucket, Cost, Field, Filter, Group
from argosy.registry.domain.usage_windows import (
    COST_LIMITS,
    Asked,
    Span,
    Width,
    Window,
    whole_days,
    window,
)
from argosy.registry.store import usage_costs
from argosy.registry.store.usage_costs import Charge
from argosy.registry.usecases import usage_reports

# Most models have items of what was read, of what of it was cached, and of what was written.
_ITEMS: Final = 3
_MOST_ITEMS: Final = 4
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

            async def charged(span: Span, most: int) -> tuple[list[Charge], int | None]:
                found, cut = await usage_costs.charges(
                    connection, span, only, fields, now, by_item=by_item, most=most
                )
                wanted = only.line_items
                return [each for each in found if not wanted or _item(each) in wanted], cut

            groups = await usage_costs.groups(connection, only, fields, by_item=by_item)
            page, charges, cut = await _filled(page, charged, groups * (_ITEMS if by_item else 1))
            if cut is not None and page.is_first(cut):
                page = page.first(1)
                most = usage_reports.MOST_RESULTS // (_MOST_ITEMS if by_item else 1)
                charges, cut = await charged(page.span, most)
        told = _by_item(charges) if Field.LINE_ITEM in group_by else _summed(charges)
        return usage_reports.laid_out(page, told, cut)


async def _filled(
    page: Window,
    charged: Callable[[Span, int], Awaitable[tuple[list[Charge], int | None]]],
    results: int,
) -> tuple[Window, list[Charge], int | None]:
    """Return as many days as fill a page, their charges, and the first day that lacks some.

    A day has at most about so many `results`.
    """
    charges: list[Charge] = []
    done, cut = 0, None
    while (
        cut is None
        and done < len(page.buckets)
        and (count := usage_reports.to_read(done, len(charges), results))
    ):
        part = page.part(done, count)
        more, cut = await charged(part.span, usage_reports.PAGE_RESULTS)
        charges += more
        done += len(part.buckets)
    page = page.first(done)
    if len(charges) > usage_reports.PAGE_RESULTS:
        beyond = sorted(each.bucket for each in charges)[usage_reports.PAGE_RESULTS]
        if page.is_first(beyond) and cut is None:
            return page.first(1), charges, None
        cut = min(beyond, beyond if cut is None else cut)
    return page, charges, cut


def _by_item(charges: Sequence[Charge]) -> list[Cost]:
    """Return one result for each group's line item, in order of time."""
    found: dict[tuple[int, tuple[str, ...]], Cost] = {}
    for each in charges:
        item = _item(each)
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


def _summed(charges: Sequence[Charge]) -> list[Cost]:
    """Return one result for each group, in order of time."""
    found: dict[tuple[int, tuple[str, ...]], int] = {}
    groups: dict[tuple[str, ...], Group] = {}
    for each in charges:
        values = tuple(each.group.values())
        groups.setdefault(values, dict(each.group))
        found[each.bucket, values] = found.get((each.bucket, values), 0) + each.micros
    return [
        Cost(bucket, groups[values], micros, 0.0, "")
        for (bucket, values), micros in sorted(found.items())
    ]


def _item(charge: Charge) -> str:
    return f"{charge.name}, {charge.what}"
