"""Stored completions' rows. A project sees its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from argosy.registry.datasets.completions import DOWN, RATING, UP, StoredCompletion
from argosy.registry.datasets.store.tables import stored_completion as stored
from argosy.registry.domain.paging import Page
from argosy.registry.store import accounts_pages
from argosy.registry.store.tables import project
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

_BATCH: Final = 200


async def allowed(connection: AsyncConnection, project_id: str) -> bool:
    """Tell whether the project stores completions."""
    query = sa.select(project.c.stores_completions).where(project.c.id == project_id)
    return bool(await connection.scalar(query))


async def add(connection: AsyncConnection, value: StoredCompletion) -> None:
    """Insert a completion; one that is there stays as it is."""
    await connection.execute(
        insert(stored)
        .values(
            project_id=value.project_id,
            id=value.id,
            model=value.model,
            created_at=value.created_at,
            messages=value.messages,
            completion=value.completion,
            metadata=value.metadata,
            refusal=value.refusal,
        )
        .on_conflict_do_nothing()
    )


async def find(
    connection: AsyncConnection, project_id: str, completion_id: str
) -> StoredCompletion | None:
    """Return a completion."""
    row = (
        await connection.execute(sa.select(stored).where(*_one(project_id, completion_id)))
    ).first()
    return None if row is None else _completion(row)


async def page(
    connection: AsyncConnection,
    project_id: str,
    wanted: Page,
    *,
    model: str,
    metadata: Mapping[str, str],
    bad_cases: bool = False,
) -> tuple[list[StoredCompletion], bool] | None:
    """Return a page of completions; None if `after` is unknown."""
    query = _matching(project_id, model, metadata, bad_cases=bad_cases)
    found = await accounts_pages.page(connection, query, stored.c.seq, stored.c.id, wanted)
    return None if found is None else ([_completion(r) for r in found[0]], found[1])


async def batches(
    connection: AsyncConnection,
    project_id: str,
    model: str,
    metadata: Mapping[str, str],
    *,
    bad_cases: bool = False,
) -> AsyncIterator[list[StoredCompletion]]:
    """Yield all completions in the order in which they came, some at a time."""
    after = 0
    while True:
        query = _matching(project_id, model, metadata, bad_cases=bad_cases)
        query = query.where(stored.c.seq > after)
        rows = (await connection.execute(query.order_by(stored.c.seq).limit(_BATCH))).all()
        if not rows:
            return
        yield [_completion(row) for row in rows]
        after = rows[-1].seq


async def retag(
    connection: AsyncConnection, project_id: str, completion_id: str, metadata: Mapping[str, str]
) -> bool:
    """Replace a completion's metadata; tells whether it was there."""
    done = await connection.execute(
        stored.update().where(*_one(project_id, completion_id)).values(metadata=dict(metadata))
    )
    return bool(done.rowcount)


async def remove(connection: AsyncConnection, project_id: str, completion_id: str) -> bool:
    """Remove a completion; tells whether it was there."""
    done = await connection.execute(stored.delete().where(*_one(project_id, completion_id)))
    return bool(done.rowcount)


def _one(project_id: str, completion_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return stored.c.project_id == project_id, stored.c.id == completion_id


def _matching(
    project_id: str, model: str, metadata: Mapping[str, str], *, bad_cases: bool
) -> sa.Select[Any]:
    query = sa.select(stored).where(stored.c.project_id == project_id)
    if model:
        query = query.where(stored.c.model == model)
    if metadata:
        query = query.where(stored.c.metadata.contains(dict(metadata)))
    if bad_cases:
        # As `StoredCompletion.bad_case` decides.
        rated_down, rated_up = (stored.c.metadata.contains({RATING: word}) for word in (DOWN, UP))
        query = query.where(sa.or_(rated_down, sa.and_(stored.c.refusal, sa.not_(rated_up))))
    return query


def _completion(row: accounts_pages.Row) -> StoredCompletion:
    return StoredCompletion(
        row.id,
        row.project_id,
        row.model,
        row.created_at,
        row.messages,
        row.completion,
        row.metadata,
        row.refusal,
    )
