"""Counts of tokens: kept, found, forgotten."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.measures import Counted
from argosy.registry.store.measure_tables import token_count
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection


async def find(
    connection: AsyncConnection, source_sha256: str, tokenizer_sha256: str
) -> Counted | None:
    """Return what was counted of this content by this tokenizer; None if nothing was."""
    row = (
        await connection.execute(
            sa.select(token_count).where(
                token_count.c.source_sha256 == source_sha256,
                token_count.c.tokenizer_sha256 == tokenizer_sha256,
            )
        )
    ).first()
    if row is None:
        return None
    return Counted(row.rows, row.total, tuple((tokens, count) for tokens, count in row.lengths))


async def keep(
    connection: AsyncConnection,
    source_sha256: str,
    tokenizer_sha256: str,
    counted: Counted,
    now: datetime,
) -> None:
    """Keep a count; the first one stays, since all are equal."""
    await connection.execute(
        insert(token_count)
        .values(
            source_sha256=source_sha256,
            tokenizer_sha256=tokenizer_sha256,
            rows=counted.rows,
            total=counted.total,
            lengths=[list(pair) for pair in counted.lengths],
            created_at=now,
        )
        .on_conflict_do_nothing()
    )


async def remove_before(connection: AsyncConnection, cutoff: datetime) -> int:
    """Remove counts made before `cutoff` and return how many they were."""
    result = await connection.execute(token_count.delete().where(token_count.c.created_at < cutoff))
    return result.rowcount
