"""Holds projects to their money of the month: looks at what was spent, and tells the gateways.

A limit is met when the ledger says so: requests under way, and those whose usage is still on its
way, go beyond it. Limits of a day, which gateways count by themselves, have no such delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from argosy.registry.domain.accounts_audit import Actor
from argosy.registry.domain.accounts_budgets import MICROS_A_HUNDREDTH, month_of
from argosy.registry.domain.usage_reports import Field, Filter
from argosy.registry.domain.usage_windows import Span
from argosy.registry.store import accounts_budgets, usage_costs
from argosy.registry.usecases.accounts_budgets import tell_scope
from argosy.registry.usecases.accounts_desk import Desk
from sqlalchemy.ext.asyncio import AsyncConnection

# Groups of a month: days times projects times models.
_MOST: Final = 1_000_000


class SpendWatch:
    """The use case."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self) -> int:
        """Begin or end the enforcement of limits; return how many that were."""
        async with self._desk.look() as connection:
            limits = await accounts_budgets.limits_of_money(connection)
            if not limits:
                return 0
            spent = await month_to_date(connection, self._desk.now())
        changed = {
            scope: replace(limit, enforcing=not limit.enforcing)
            for scope, limit in limits.items()
            if (spent.get(scope, 0) >= limit.threshold * MICROS_A_HUNDREDTH) != limit.enforcing
        }
        if changed:
            async with self._desk.change(Actor("")) as work:
                for scope, limit in changed.items():
                    # Whoever has changed it meanwhile is right; the next look sees to it.
                    if await accounts_budgets.limit_of(work.connection, scope) == limits[scope]:
                        await accounts_budgets.put_limit(work.connection, scope, limit)
                        await tell_scope(work, scope)
        return len(changed)


async def month_to_date(connection: AsyncConnection, now: datetime) -> Mapping[str, int]:
    """Return what the calendar month, in UTC, has cost so far by project, in millionths.

    Under "" is the sum of all, with what belongs to no project.
    """
    start = month_of(now)
    end = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    span = Span(int(start.timestamp()), int(end.timestamp()))
    charges, _ = await usage_costs.charges(
        connection, span, Filter(), [Field.PROJECT], now, by_item=False, most=_MOST
    )
    spent = {"": 0}
    for charge in charges:
        project_id = str(charge.group.get(Field.PROJECT, ""))
        spent[""] += charge.micros
        if project_id:
            spent[project_id] = spent.get(project_id, 0) + charge.micros
    return spent
