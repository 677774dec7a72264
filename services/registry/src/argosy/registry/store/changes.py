"""The log of catalogue changes: each entry with the revision of its last change.

A watcher that has seen revision N asks for what is beyond N. That is right only if revisions
become visible in their order: were 7 to commit before 6, a watcher at 7 would never see 6. A
sequence does not promise that order, so each transaction that changes the catalogue first takes
one advisory lock and holds it until its commit. The lock comes first of all its locks, so two
such transactions cannot wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from argosy.registry.domain.catalog import Change, EntryKind, Revised
from argosy.registry.store.tables import catalog_change, catalog_revision
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def lock(connection: AsyncConnection) -> None:
    """Take the catalogue's lock until the transaction ends; the first thing that it does."""
    await connection.execute(
        sa.select(
            sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("argosy.registry.catalog", 0))
        )
    )


async def append(connection: AsyncConnection, changes: Iterable[Change]) -> None:
    """Note changes under new revisions; the transaction holds the lock."""
    for change in changes:
        row = insert(catalog_change).values(
            kind=change.kind.value,
            id=change.id,
            revision=catalog_revision.next_value(),
            removed=change.removed,
        )
        await connection.execute(
            row.on_conflict_do_update(
                index_elements=[catalog_change.c.kind, catalog_change.c.id],
                set_={"revision": row.excluded.revision, "removed": row.excluded.removed},
            )
        )


async def one_moment(connection: AsyncConnection) -> None:
    """Let all reads of the transaction see the same state; the first thing that it does."""
    await connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def newest(connection: AsyncConnection) -> int:
    """Return the newest revision, 0 if nothing ever changed."""
    found = await connection.scalar(sa.select(sa.func.max(catalog_change.c.revision)))
    return found or 0


async def beyond(connection: AsyncConnection, revision: int, limit: int) -> list[Revised]:
    """Return up to `limit` changes after `revision`, in order."""
    rows = await connection.execute(
        sa.select(catalog_change)
        .where(catalog_change.c.revision > revision)
        .order_by(catalog_change.c.revision)
        .limit(limit)
    )
    return [Revised(r.revision, Change(EntryKind(r.kind), r.id, r.removed)) for r in rows]
