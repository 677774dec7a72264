"""What engines have counted: by life as it was told last, by pool and day in sums.

What of a day was billed is in the ledger's sums of costs; the rest is nobody's use. Both are read
here together, since neither says anything alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from argosy.registry.domain.engine_counts import Counter, Tokens
from argosy.registry.store.usage_tables import (
    ENGINE_KINDS,
    cost_day,
    cost_line,
    engine_count,
    engine_day,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

# A pool on a day.
PoolDay = tuple[datetime, str]


async def lock(connection: AsyncConnection) -> None:
    """Let one transaction at a time bring counters up to date."""
    await connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('engine_count'))"))


async def known(
    connection: AsyncConnection, lives: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Counter]:
    """Return the counters of these engines' lives, as they were told last."""
    query = sa.select(engine_count).where(
        sa.tuple_(engine_count.c.engine, engine_count.c.started_ms).in_(lives)
    )
    return {
        (row.engine, row.started_ms): Counter(
            row.pool,
            row.engine,
            row.started_ms,
            Tokens(row.first_input_tokens, row.first_cached_input_tokens, row.first_output_tokens),
            Tokens(row.input_tokens, row.cached_input_tokens, row.output_tokens),
        )
        for row in await connection.execute(query)
    }


async def keep(connection: AsyncConnection, counters: Sequence[Counter]) -> None:
    """Keep the counters as they are now."""
    statement = insert(engine_count)
    columns = ("pool", *(f"first_{kind}" for kind in ENGINE_KINDS), *ENGINE_KINDS)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["engine", "started_ms"],
            set_={name: statement.excluded[name] for name in columns},
        ),
        [
            {"engine": each.engine, "started_ms": each.started_ms, "pool": each.pool}
            | {f"first_{kind}": n for kind, n in _by_kind(each.first).items()}
            | _by_kind(each.latest)
            for each in counters
        ],
    )


async def add(connection: AsyncConnection, day: datetime, by_pool: Mapping[str, Tokens]) -> None:
    """Add what the engines of each pool have counted to a day."""
    statement = insert(engine_day)
    added = {kind: engine_day.c[kind] + statement.excluded[kind] for kind in ENGINE_KINDS}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["bucket", "pool"], set_=added),
        [
            {"bucket": day, "pool": pool} | _by_kind(tokens)
            for pool, tokens in sorted(by_pool.items())
        ],
    )


async def unattributed(
    connection: AsyncConnection, start: datetime, end: datetime
) -> dict[PoolDay, Tokens]:
    """Return what engines did on the days from `start` on that is not in anybody's use."""
    counted = {
        (row.bucket, row.pool): _tokens(row)
        for row in await connection.execute(
            sa.select(engine_day).where(engine_day.c.bucket >= start, engine_day.c.bucket < end)
        )
    }
    if not counted:
        return {}
    sums = [sa.func.sum(cost_day.c[kind]).label(kind) for kind in ENGINE_KINDS]
    query = (
        sa.select(cost_day.c.bucket, cost_line.c.pool, *sums)
        .join(cost_line, cost_line.c.id == cost_day.c.line)
        .where(
            cost_day.c.bucket >= start,
            cost_day.c.bucket < end,
            cost_line.c.pool.in_({pool for _, pool in counted}),
        )
        .group_by(cost_day.c.bucket, cost_line.c.pool)
    )
    billed = {(row.bucket, row.pool): _tokens(row) for row in await connection.execute(query)}
    rest = {key: tokens.beyond(billed.get(key, Tokens())) for key, tokens in counted.items()}
    return {key: tokens for key, tokens in sorted(rest.items()) if tokens != Tokens()}


def _tokens(row: sa.Row[tuple[object, ...]]) -> Tokens:
    return Tokens(int(row.input_tokens), int(row.cached_input_tokens), int(row.output_tokens))


def _by_kind(tokens: Tokens) -> dict[str, int]:
    return dict(zip(ENGINE_KINDS, (tokens.read, tokens.cached, tokens.written), strict=True))
