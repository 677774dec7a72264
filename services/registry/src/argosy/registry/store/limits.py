"""The limits of projects and keys, as columns of their tables."""

from __future__ import annotations

from dataclasses import asdict, fields

import sqlalchemy as sa
from argosy.registry.domain.limits import Limits, Priority
from argosy.registry.store.tables import api_key, project
from sqlalchemy.ext.asyncio import AsyncConnection


def limits_of(row: sa.Row[tuple[object, ...]]) -> Limits:
    """Return the limits that a row of `project` or `api_key` holds."""
    return Limits(**{field.name: getattr(row, field.name) for field in fields(Limits)})


def columns(limits: Limits) -> dict[str, int]:
    """Return the values of the columns."""
    return asdict(limits)


async def set_project_limits(
    connection: AsyncConnection, project_id: str, limits: Limits, share: float
) -> None:
    """Replace a project's limits and its share."""
    await connection.execute(
        project.update().where(project.c.id == project_id).values(**columns(limits), share=share)
    )


async def set_key_limits(
    connection: AsyncConnection, key_id: str, limits: Limits, priority: Priority
) -> None:
    """Replace a key's limits and its priority."""
    await connection.execute(
        api_key.update()
        .where(api_key.c.id == key_id)
        .values(**columns(limits), priority=priority.value)
    )
