"""Files: records of what lies in the blob store. A file past its end is as good as deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.files import File, Purpose
from argosy.registry.domain.paging import Page
from argosy.registry.store.tables import file
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def add(connection: AsyncConnection, value: File) -> bool:
    """Insert a file; returns False, and changes nothing, if its id is taken."""
    result = await connection.execute(
        insert(file)
        .values(
            id=value.id,
            project_id=value.project_id,
            filename=value.filename,
            purpose=value.purpose.value,
            bytes=value.bytes,
            rows=value.rows,
            sha256=value.sha256,
            blob=value.blob,
            created_at=value.created_at,
            expires_at=value.expires_at,
            kind=value.kind,
        )
        .on_conflict_do_nothing(index_elements=[file.c.id])
        .returning(file.c.id)
    )
    return result.first() is not None


async def find(
    connection: AsyncConnection, project_id: str, file_id: str, now: datetime
) -> File | None:
    """Return the project's file; None if it has none with this id that lives at `now`."""
    row = (
        await connection.execute(
            sa.select(file).where(
                file.c.id == file_id, file.c.project_id == project_id, _living(now)
            )
        )
    ).first()
    return None if row is None else _file(row)


async def page(
    connection: AsyncConnection, project_id: str, purpose: str, wanted: Page, now: datetime
) -> tuple[list[File], bool] | None:
    """Return a page of a project's files and whether more follow; None if `after` is unknown."""
    query = sa.select(file).where(file.c.project_id == project_id, _living(now))
    if purpose:
        query = query.where(file.c.purpose == purpose)
    if wanted.after:
        start = await connection.scalar(
            sa.select(file.c.seq).where(
                file.c.id == wanted.after, file.c.project_id == project_id, _living(now)
            )
        )
        if start is None:
            return None
        query = query.where(file.c.seq > start if wanted.ascending else file.c.seq < start)
    order = file.c.seq.asc() if wanted.ascending else file.c.seq.desc()
    rows = (await connection.execute(query.order_by(order).limit(wanted.limit + 1))).all()
    return [_file(r) for r in rows[: wanted.limit]], len(rows) > wanted.limit


async def remove(connection: AsyncConnection, project_id: str, file_id: str) -> File | None:
    """Delete the project's file and return what it was; None if there is none."""
    row = (
        await connection.execute(
            file.delete()
            .where(file.c.id == file_id, file.c.project_id == project_id)
            .returning(*file.c)
        )
    ).first()
    return None if row is None else _file(row)


async def remove_expired(connection: AsyncConnection, now: datetime, limit: int) -> list[File]:
    """Delete up to `limit` files whose end has come and return them.

    Rows that another replica is deleting right now are skipped.
    """
    ended = (
        sa.select(file.c.id)
        .where(file.c.expires_at <= now)
        .order_by(file.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = await connection.execute(file.delete().where(file.c.id.in_(ended)).returning(*file.c))
    return [_file(r) for r in rows]


async def known_blobs(connection: AsyncConnection, names: Sequence[str]) -> set[str]:
    """Return those of the blob names that a file owns."""
    return set(await connection.scalars(sa.select(file.c.blob).where(file.c.blob.in_(names))))


def _living(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(file.c.expires_at.is_(None), file.c.expires_at > now)


def _file(row: sa.Row[tuple[object, ...]]) -> File:
    return File(
        id=row.id,
        project_id=row.project_id,
        filename=row.filename,
        purpose=Purpose(row.purpose),
        bytes=row.bytes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        sha256=row.sha256,
        rows=row.rows,
        blob=row.blob,
        kind=row.kind,
    )
