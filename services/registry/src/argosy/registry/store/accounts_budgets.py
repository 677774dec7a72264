"""What projects may use: models, rates a model, money a month. `scope` "" is the organization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.accounts_budgets import (
    AccessMode,
    Budget,
    ModelAccess,
    ModelLimit,
    SpendAlert,
    SpendLimit,
)
from argosy.registry.domain.catalog import Project
from argosy.registry.domain.limits import Limits
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from argosy.registry.store.accounts_pages import Row
from argosy.registry.store.accounts_tables import (
    model_access,
    model_limit,
    spend_alert,
    spend_limit,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def with_budgets(connection: AsyncConnection, projects: Sequence[Project]) -> list[Project]:
    """Return the projects with their budgets."""
    ids = [p.id for p in projects]
    limits: dict[str, dict[str, Limits]] = {}
    for row in await connection.execute(
        sa.select(model_limit).where(model_limit.c.project_id.in_(ids))
    ):
        limits.setdefault(row.project_id, {})[row.model_id] = Limits(
            requests_per_minute=row.requests_per_minute, tokens_per_minute=row.tokens_per_minute
        )
    access = {
        r.project_id: _access(r)
        for r in await connection.execute(
            sa.select(model_access).where(model_access.c.project_id.in_(ids))
        )
    }
    exhausted = set(
        await connection.scalars(sa.select(spend_limit.c.scope).where(spend_limit.c.enforcing))
    )
    return [
        replace(
            p,
            budget=Budget(limits.get(p.id, {}), access.get(p.id), bool(exhausted & {p.id, ""})),
        )
        for p in projects
    ]


async def model_limits(connection: AsyncConnection, project_id: str) -> dict[str, ModelLimit]:
    """Return a project's limits by model."""
    rows = await connection.execute(
        sa.select(model_limit).where(model_limit.c.project_id == project_id)
    )
    return {
        r.model_id: ModelLimit(r.model_id, r.requests_per_minute, r.tokens_per_minute) for r in rows
    }


async def put_model_limit(connection: AsyncConnection, project_id: str, value: ModelLimit) -> None:
    """Insert or replace a project's limit of a model."""
    columns = {
        "requests_per_minute": value.requests_per_minute,
        "tokens_per_minute": value.tokens_per_minute,
    }
    await connection.execute(
        insert(model_limit)
        .values(project_id=project_id, model_id=value.model_id, **columns)
        .on_conflict_do_update(
            index_elements=[model_limit.c.project_id, model_limit.c.model_id], set_=columns
        )
    )


async def access_of(connection: AsyncConnection, project_id: str) -> ModelAccess | None:
    """Return which models a project may name; None for all."""
    row = (
        await connection.execute(
            sa.select(model_access).where(model_access.c.project_id == project_id)
        )
    ).first()
    return None if row is None else _access(row)


async def put_access(
    connection: AsyncConnection, project_id: str, value: ModelAccess | None
) -> None:
    """Replace which models a project may name."""
    await connection.execute(model_access.delete().where(model_access.c.project_id == project_id))
    if value is not None:
        await connection.execute(
            model_access.insert().values(
                project_id=project_id, mode=value.mode.value, model_ids=list(value.model_ids)
            )
        )


async def limit_of(connection: AsyncConnection, scope: str) -> SpendLimit | None:
    """Return the scope's limit of money."""
    return (await limits_of_money(connection, scope)).get(scope)


async def limits_of_money(
    connection: AsyncConnection, scope: str | None = None
) -> dict[str, SpendLimit]:
    """Return the limits of money by scope: one scope's, or all."""
    query = sa.select(spend_limit)
    if scope is not None:
        query = query.where(spend_limit.c.scope == scope)
    return {r.scope: SpendLimit(r.threshold, r.enforcing) for r in await connection.execute(query)}


async def put_limit(connection: AsyncConnection, scope: str, value: SpendLimit) -> None:
    """Insert or replace a scope's limit of money."""
    columns = {"threshold": value.threshold, "enforcing": value.enforcing}
    await connection.execute(
        insert(spend_limit)
        .values(scope=scope, **columns)
        .on_conflict_do_update(index_elements=[spend_limit.c.scope], set_=columns)
    )


async def delete_limit(connection: AsyncConnection, scope: str) -> None:
    """Remove a scope's limit of money."""
    await connection.execute(spend_limit.delete().where(spend_limit.c.scope == scope))


async def put_alert(connection: AsyncConnection, value: SpendAlert) -> None:
    """Insert or replace an alert."""
    columns = {
        "scope": value.scope,
        "threshold": value.threshold,
        "recipients": list(value.recipients),
        "subject_prefix": value.subject_prefix,
        "webhook_url": value.webhook_url,
        "reached_at": value.reached_at,
    }
    await connection.execute(
        insert(spend_alert)
        .values(id=value.id, **columns)
        .on_conflict_do_update(index_elements=[spend_alert.c.id], set_=columns)
    )


async def find_alert(connection: AsyncConnection, scope: str, alert_id: str) -> SpendAlert | None:
    """Return the scope's alert."""
    row = (await connection.execute(_alerts(scope).where(spend_alert.c.id == alert_id))).first()
    return None if row is None else _alert(row)


async def alerts(
    connection: AsyncConnection, scope: str, wanted: Page
) -> tuple[list[SpendAlert], bool] | None:
    """Return a page of a scope's alerts; None if `after` is unknown."""
    found = await accounts_pages.page(
        connection, _alerts(scope), spend_alert.c.seq, spend_alert.c.id, wanted
    )
    return None if found is None else ([_alert(r) for r in found[0]], found[1])


async def every_alert(connection: AsyncConnection) -> list[SpendAlert]:
    """Return the alerts of all scopes."""
    rows = await connection.execute(sa.select(spend_alert).order_by(spend_alert.c.seq))
    return [_alert(row) for row in rows]


async def mark_reached(connection: AsyncConnection, alert: SpendAlert, now: datetime) -> bool:
    """Note that an alert is told of; False where it has changed, or another one was quicker."""
    before = spend_alert.c.reached_at.is_not_distinct_from(alert.reached_at)
    marked = await connection.execute(
        spend_alert.update()
        .where(spend_alert.c.id == alert.id, spend_alert.c.threshold == alert.threshold, before)
        .values(reached_at=now)
        .returning(spend_alert.c.id)
    )
    return marked.first() is not None


async def delete_alert(connection: AsyncConnection, alert_id: str) -> None:
    """Remove an alert."""
    await connection.execute(spend_alert.delete().where(spend_alert.c.id == alert_id))


def _alerts(scope: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(spend_alert).where(spend_alert.c.scope == scope)


def _access(row: Row) -> ModelAccess:
    return ModelAccess(AccessMode(row.mode), tuple(row.model_ids))


def _alert(row: Row) -> SpendAlert:
    return SpendAlert(
        row.id,
        row.scope,
        row.threshold,
        tuple(row.recipients),
        row.subject_prefix,
        row.webhook_url,
        row.reached_at,
    )
