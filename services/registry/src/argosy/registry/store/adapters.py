"""Tuned models and checkpoints.

A deleted model's row stays, marked. The trainer repeats a publish after a crash, with the same
id; without the mark the repeat would bring back what its owner deleted in between.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.artifacts import Artifact
from argosy.registry.domain.models import Adapter, ModelKind, ServedAdapter
from argosy.registry.domain.serving import serving_pool
from argosy.registry.store import catalog, permissions
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
            artifact=value.artifact.value,
            virtual_tokens=value.virtual_tokens,
            bytes=value.bytes,
            parent=value.parent,
            runs_on=value.runs_on,
            measured=dict(value.measured),
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


async def known(connection: AsyncConnection, ids: Collection[str]) -> list[ServedAdapter]:
    """Return those of the adapters that there are or ever were."""
    return await _served(connection, sa.select(adapter).where(adapter.c.id.in_(ids)))


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


async def ids_running_on(connection: AsyncConnection, model_id: str) -> list[str]:
    """Return the ids of the adapters, not deleted, that need the weights of this whole model."""
    rows = await connection.scalars(
        sa.select(adapter.c.id).where(adapter.c.runs_on == model_id, adapter.c.deleted_at.is_(None))
    )
    return list(rows)


async def mark_deleted(connection: AsyncConnection, model_id: str, now: datetime) -> None:
    """Mark an adapter as deleted."""
    await connection.execute(
        adapter.update().where(adapter.c.id == model_id).values(deleted_at=now)
    )


async def set_evaluation(connection: AsyncConnection, model_id: str, text: str) -> None:
    """Keep what the newest evaluation says."""
    await connection.execute(
        adapter.update().where(adapter.c.id == model_id).values(evaluation=text)
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
    if not rows:
        return []
    bases = {b.id: b for b in await catalog.base_models(connection, list({r.base for r in rows}))}
    engines = {p.name: p.engine for p in await catalog.pools(connection)}
    folders = await _folders(connection, {r.runs_on for r in rows} - {""})
    shared = await permissions.projects(connection, [r.id for r in rows])
    served = []
    for row in rows:
        adapter, base = _adapter(row), bases.get(row.base)
        served.append(
            ServedAdapter(
                adapter,
                base,
                "" if base is None else serving_pool(adapter, base, engines),
                folders.get(row.runs_on, ""),
                deleted=row.deleted_at is not None,
                shared_with=shared.get(row.id, ()),
            )
        )
    return served


async def _folders(connection: AsyncConnection, ids: Collection[str]) -> dict[str, str]:
    if not ids:
        return {}
    rows = await connection.execute(
        sa.select(adapter.c.id, adapter.c.folder).where(adapter.c.id.in_(ids))
    )
    return {r.id: r.folder for r in rows}


def _adapter(row: sa.Row[tuple[object, ...]]) -> Adapter:
    return Adapter(
        id=row.id,
        kind=ModelKind(row.kind),
        project_id=row.project_id,
        owned_by=row.owned_by,
        base=row.base,
        job_id=row.job_id,
        step=row.step,
        rank=row.rank,
        folder=row.folder,
        sha256=row.sha256,
        created_at=row.created_at,
        artifact=Artifact(row.artifact),
        virtual_tokens=row.virtual_tokens,
        bytes=row.bytes,
        parent=row.parent,
        runs_on=row.runs_on,
        evaluation=row.evaluation,
        measured=row.measured,
    )
