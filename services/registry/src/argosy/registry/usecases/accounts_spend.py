"""Holds projects to their money of the month: looks at what was spent, tells gateways and alerts.

A limit is met when the ledger says so: requests under way, and those whose usage is still on its
way, go beyond it. Limits of a day, which gateways count by themselves, have no such delay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from argosy.api import ids
from argosy.registry.domain.accounts_audit import Actor
from argosy.registry.domain.accounts_budgets import (
    MICROS_A_HUNDREDTH,
    SpendAlert,
    SpendLimit,
    month_of,
)
from argosy.registry.domain.usage_reports import Field, Filter
from argosy.registry.domain.usage_windows import Span
from argosy.registry.store import accounts_budgets, usage_costs, webhooks
from argosy.registry.usecases.accounts_budgets import tell_scope
from argosy.registry.usecases.accounts_desk import Desk
from sqlalchemy.ext.asyncio import AsyncConnection

# Groups of a month: days times projects times models.
_MOST: Final = 1_000_000


class SpendWatch:
    """The use case."""

    def __init__(self, desk: Desk, currency: str) -> None:
        self._desk = desk
        self._currency = currency

    async def look(self) -> int:
        """Begin or end the enforcement of limits, and tell of alerts; return how many that were."""
        async with self._desk.look() as connection:
            limits = await accounts_budgets.limits_of_money(connection)
            alerts = await accounts_budgets.every_alert(connection)
            if not limits and not alerts:
                return 0
            spent = await month_to_date(connection, self._desk.now())
        return await self._enforce(limits, spent) + await self._alert(alerts, spent)

    async def _enforce(self, limits: Mapping[str, SpendLimit], spent: Mapping[str, int]) -> int:
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

    async def _alert(self, alerts: Sequence[SpendAlert], spent: Mapping[str, int]) -> int:
        now = self._desk.now()
        due = [alert for alert in alerts if alert.is_due(spent.get(alert.scope, 0), now)]
        if not due:
            return 0
        async with self._desk.change(Actor("")) as work:
            told = [
                alert
                for alert in due
                if await accounts_budgets.mark_reached(work.connection, alert, work.now)
            ]
            for alert in told:
                if alert.webhook_url:
                    message = self._message(alert, spent.get(alert.scope, 0), work.now)
                    await webhooks.add(work.connection, message)
        return len(told)

    def _message(self, alert: SpendAlert, spent: int, now: datetime) -> webhooks.Message:
        """Return what the URL is sent: an event in OpenAI's form."""
        message_id = ids.new_id(ids.EVENT)
        scope = "project" if alert.scope else "organization"
        body = {
            "object": "event",
            "id": message_id,
            "type": f"{scope}.spend_alert.reached",
            "created_at": int(now.timestamp()),
            "data": {
                "id": alert.id,
                "project_id": alert.scope or None,
                "interval": "month",
                "month": f"{now:%Y-%m}",
                "currency": self._currency,
                "threshold_amount": alert.threshold,
                "spent_amount": spent // MICROS_A_HUNDREDTH,
            },
        }
        return webhooks.Message(
            message_id, alert.webhook_url, alert.id, json.dumps(body).encode(), now
        )


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
