"""Tuned models and checkpoints.

A deleted model's row stays, marked. The trainer repeats a publish after a crash, with the same
id; without the mark the repeat would bring back what its owner deleted in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.models import Adapter, ModelKind, ServedAdapter
from argosy.registry.store import catalog
from argosy.registry.store.tables import adapter
from sqlalchemy.ext.asyncio import AsyncConnection


async def add(connection: AsyncConnection, value: Adapter) -> None:
    """Insert an adapter."""
    await connection.execute(
        adapter.insert().values(
            id=value.id,
            kind=value.kind.value,
            project_id=value.project_id,
            owned_by=value.owned_by,
            base=value.base,
            job_id=value.job_id,
            step=value.step,
            rank=value.rank,
            folder=value.folder,
            sha256=value.sha256,
            created_at=value.created_at,
        )
    )


async def find(connection: AsyncConnection, model_id: str) -> ServedAdapter | None:
    """Return the adapter with this id, deleted or not; None if there never was one."""
    found = await _served(connection, sa.select(adapter).where(adapter.c.id == model_id))
    return found[0] if found else None


async def alive(
    connection: AsyncConnection, ids: Sequence[str] | None = None
) -> list[ServedAdapter]:
    """Return the adapters that are not deleted, in the order of their making."""
    query = sa.select(adapter).where(adapter.c.deleted_at.is_(None)).order_by(adapter.c.seq)
    if ids is not None:
        query = query.where(adapter.c.id.in_(ids))
    return await _served(connection, query)


async def ids_on(connection: AsyncConnection, bases: Sequence[str]) -> list[str]:
    """Return the ids of the adapters, not deleted, on these base models."""
    rows = await connection.scalars(
        sa.select(adapter.c.id).where(adapter.c.base.in_(bases), adapter.c.deleted_at.is_(None))
    )
    return list(rows)


async def ids_of_project(connection: AsyncConnection, project_id: str) -> list[str]:
    """Return the ids of a project's adapters that are not deleted."""
    rows = await connection.scalars(
        sa.select(adapter.c.id).where(
            adapter.c.project_id == project_id, adapter.c.deleted_at.is_(None)
        )
    )
    return list(rows)


async def mark_deleted(connection: AsyncConnection, model_id: str, now: datetime) -> None:
    """Mark an adapter as deleted."""
    await connection.execute(
        adapter.update().where(adapter.c.id == model_id).values(deleted_at=now)
    )


async def known_folders(connection: AsyncConnection, names: Sequence[str]) -> set[str]:
    """Return those of the folder names that an adapter, not deleted, owns."""
    rows = await connection.scalars(
        sa.select(adapter.c.folder).where(
            adapter.c.folder.in_(names), adapter.c.deleted_at.is_(None)
        )
    )
    return set(rows)


async def _served(
    connection: AsyncConnection, query: sa.Select[tuple[object, ...]]
) -> list[ServedAdapter]:
    rows = (await connection.execute(query)).all()
    wanted = list({r.base for r in rows})
    bases = {b.id: b for b in await catalog.base_models(connection, wanted)} if wanted else {}
    return [
        ServedAdapter(
            Adapter(
                id=r.id,
                kind=ModelKind(r.kind),
                project_id=r.project_id,
                owned_by=r.owned_by,
                base=r.base,
                job_id=r.job_id,
                step=r.step,
                rank=r.rank,
                folder=r.folder,
                sha256=r.sha256,
                created_at=r.created_at,
            ),
            bases.get(r.base),
            deleted=r.deleted_at is not None,
        )
        for r in rows
    ]
