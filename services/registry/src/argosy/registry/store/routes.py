"""Routes: names that stand for one of several models."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from argosy.registry.domain.routes import Route, Target
from argosy.registry.store.tables import route
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def routes(connection: AsyncConnection, names: Sequence[str] | None = None) -> list[Route]:
    """Return routes; `names=None` means all."""
    query = sa.select(route)
    if names is not None:
        query = query.where(route.c.name.in_(names))
    return [
        Route(
            r.name,
            r.project_id,
            tuple(Target(t["model"], t["weight"]) for t in r.targets),
            tuple(r.fallbacks),
        )
        for r in await connection.execute(query)
    ]


async def put(connection: AsyncConnection, value: Route) -> None:
    """Insert or update a route."""
    columns = {
        "project_id": value.project_id,
        "targets": [{"model": t.model_id, "weight": t.weight} for t in value.targets],
        "fallbacks": list(value.fallbacks),
    }
    await connection.execute(
        insert(route)
        .values(name=value.name, **columns)
        .on_conflict_do_update(index_elements=[route.c.name], set_=columns)
    )


async def delete(connection: AsyncConnection, name: str) -> None:
    """Remove a route."""
    await connection.execute(route.delete().where(route.c.name == name))
