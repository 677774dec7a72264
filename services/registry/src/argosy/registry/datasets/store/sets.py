"""Data sets' rows: a project sees its own and the presets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from argosy.registry.datasets.sets import PRESET, PROJECT, Dataset, VersionStatus
from argosy.registry.datasets.store.tables import dataset, version
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def add(connection: AsyncConnection, value: Dataset) -> bool:
    """Insert a data set; returns False, and changes nothing, if its id is taken."""
    result = await connection.execute(
        insert(dataset)
        .values(
            id=value.id,
            project_id=value.project_id or None,
            name=value.name,
            description=value.description,
            kind=value.kind,
            metadata=value.metadata,
            created_at=value.created_at,
        )
        .on_conflict_do_nothing()
        .returning(dataset.c.id)
    )
    return result.first() is not None


async def find(
    connection: AsyncConnection, project_id: str, dataset_id: str, *, lock: bool = False
) -> Dataset | None:
    """Return a data set that the project may read; with `lock`, hold its row."""
    query = sa.select(dataset).where(dataset.c.id == dataset_id, _readable(project_id))
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else _dataset(row)


async def page(
    connection: AsyncConnection,
    project_id: str,
    wanted: Page,
    *,
    source: str,
    kinds: Sequence[str],
    published: bool,
) -> tuple[list[Dataset], bool] | None:
    """Return a page of what the project may read; None if `after` is unknown."""
    query = sa.select(dataset).where(_readable(project_id))
    if source == PRESET:
        query = query.where(dataset.c.project_id.is_(None))
    elif source == PROJECT:
        query = query.where(dataset.c.project_id == project_id)
    if kinds:
        query = query.where(dataset.c.kind.in_(kinds))
    if published:
        query = query.where(
            sa.exists().where(
                version.c.dataset_id == dataset.c.id,
                version.c.status == VersionStatus.PUBLISHED.value,
                version.c.deleted_at.is_(None),
            )
        )
    found = await accounts_pages.page(connection, query, dataset.c.seq, dataset.c.id, wanted)
    return None if found is None else ([_dataset(r) for r in found[0]], found[1])


async def update(connection: AsyncConnection, dataset_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a data set."""
    await connection.execute(
        dataset.update().where(dataset.c.id == dataset_id).values(dict(values))
    )


async def mark_deleted(connection: AsyncConnection, dataset_id: str, now: datetime) -> None:
    """Let a data set and its versions be as good as gone; `sweep` removes the rows."""
    await connection.execute(
        dataset.update().where(dataset.c.id == dataset_id).values(deleted_at=now)
    )
    await connection.execute(
        version.update()
        .where(version.c.dataset_id == dataset_id, version.c.deleted_at.is_(None))
        .values(deleted_at=now)
    )


async def remove_deleted(connection: AsyncConnection) -> int:
    """Remove data sets that are deleted and have no version left; returns how many."""
    result = await connection.execute(
        dataset.delete().where(
            dataset.c.deleted_at.is_not(None),
            ~sa.exists().where(version.c.dataset_id == dataset.c.id),
        )
    )
    return result.rowcount


def _readable(project_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        dataset.c.deleted_at.is_(None),
        sa.or_(dataset.c.project_id == project_id, dataset.c.project_id.is_(None)),
    )


def _dataset(row: accounts_pages.Row) -> Dataset:
    return Dataset(
        id=row.id,
        project_id=row.project_id or "",
        name=row.name,
        description=row.description,
        kind=row.kind,
        metadata=row.metadata,
        created_at=row.created_at,
    )
