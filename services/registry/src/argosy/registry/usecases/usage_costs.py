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
from argosy.registry.usecases.usage_reports import MOST_RESULTS, laid_out

_UNITS: Final = {"hardware_hours": "duration_hours", "idle_hours": "duration_hours"}


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
            charges, cut = await usage_costs.charges(
                connection,
                page.span,
                only,
                fields,
                now,
                by_item=by_item,
                # A model has up to four line items.
                most=MOST_RESULTS // 4 if by_item else MOST_RESULTS,
            )
        if Field.LINE_ITEM in group_by:
            return laid_out(page, _by_item(charges, fields, only.line_items), cut)
        return laid_out(page, _summed(charges, only.line_items), cut)


def _by_item(
    charges: Sequence[Charge], fields: Sequence[Field], wanted: Sequence[str]
) -> list[Cost]:
    """Return each charge as a result of its own, in order of time."""
    found = [
        Cost(
            each.bucket,
            {**each.group, Field.LINE_ITEM: _item(each)},
            each.micros,
            each.quantity,
            _UNITS.get(each.what, "tokens"),
        )
        for each in charges
        if not wanted or _item(each) in wanted
    ]
    order = [*fields, Field.LINE_ITEM]
    return sorted(found, key=lambda cost: (cost.bucket, [cost.group[f] for f in order]))


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
