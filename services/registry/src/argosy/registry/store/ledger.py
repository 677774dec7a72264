"""The ledger: one row for each use that an event reported, and their sums.

Rows are added and never changed; a row and what it adds to the sums commit together. Rows are
written in one order, so that two writers wait for each other instead of deadlocking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from argosy.registry.domain.models import ModelKind
from argosy.registry.domain.paging import Page
from argosy.registry.domain.usage import TRAINING, Usage
from argosy.registry.domain.usage_windows import Width
from argosy.registry.store import adapters
from argosy.registry.store.tables import api_key, base_model
from argosy.registry.store.usage_tables import (
    COST_FIELDS,
    COST_SUM_FIELDS,
    LINE_FIELDS,
    SUM_FIELDS,
    SUMS,
    cost_day,
    cost_line,
    usage_event,
    usage_line,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

# The values of LINE_FIELDS, in their order.
Line = tuple[str | bool, ...]

# What serves models that no pool of engines serves.
TRAINER: Final = "trainer"
EMBEDDER: Final = "embedder"


async def add(connection: AsyncConnection, uses: Sequence[Usage]) -> int:
    """Add the uses that the ledger does not hold yet; return how many those were."""
    wanted = {use.id: use for use in await _with_owners(connection, uses)}
    rows = [
        {field: getattr(wanted[key], field) for field in Usage.__dataclass_fields__}
        for key in sorted(wanted)
    ]
    added = await connection.scalars(
        insert(usage_event).on_conflict_do_nothing().returning(usage_event.c.id), rows
    )
    new = [wanted[key] for key in added]
    if new:
        await _add_to_sums(connection, new)
    return len(new)


async def _with_owners(connection: AsyncConnection, uses: Sequence[Usage]) -> list[Usage]:
    """Return the uses with the member that each key belongs to, where the event did not tell."""
    nameless = {use.key_id for use in uses if not use.user_id}
    query = sa.select(api_key.c.id, api_key.c.user_id).where(api_key.c.id.in_(nameless))
    owners = {row.id: row.user_id for row in await connection.execute(query)}
    return [
        use if use.user_id else replace(use, user_id=owners.get(use.key_id, "")) for use in uses
    ]


async def _add_to_sums(connection: AsyncConnection, uses: Sequence[Usage]) -> None:
    known = await places(connection, {use.model for use in uses})
    lines = [_line(use, known) for use in uses]
    numbers = await _numbers(connection, set(lines), usage_line, LINE_FIELDS)
    for width, table in SUMS.items():
        totals: dict[tuple[datetime, int], Counter[str]] = {}
        for use, line in zip(uses, lines, strict=True):
            at = int(use.occurred_at.timestamp()) // width * width
            bucket = datetime.fromtimestamp(at, UTC)
            total = totals.setdefault((bucket, numbers[line]), Counter())
            total.update(_sum_of(use))
        statement = insert(table)
        added = {field: table.c[field] + statement.excluded[field] for field in SUM_FIELDS}
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["bucket", "line"], set_=added),
            [
                {"bucket": bucket, "line": line, **totals[bucket, line]}
                for bucket, line in sorted(totals)
            ],
        )
    await _add_to_costs(connection, uses, lines)


async def _add_to_costs(
    connection: AsyncConnection, uses: Sequence[Usage], lines: Sequence[Line]
) -> None:
    """Add what the uses cost to their days, told apart by less than their lines."""
    wanted = [_cost_line(line) for line in lines]
    numbers = await _numbers(connection, set(wanted), cost_line, COST_FIELDS)
    totals: dict[tuple[datetime, int], Counter[str]] = {}
    for use, line in zip(uses, wanted, strict=True):
        if total := {f: getattr(use, f) for f in COST_SUM_FIELDS if getattr(use, f)}:
            at = int(use.occurred_at.timestamp()) // Width.DAY * Width.DAY
            bucket = datetime.fromtimestamp(at, UTC)
            totals.setdefault((bucket, numbers[line]), Counter()).update(total)
    if not totals:
        return
    statement = insert(cost_day)
    added = {field: cost_day.c[field] + statement.excluded[field] for field in COST_SUM_FIELDS}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["bucket", "line"], set_=added),
        [
            {"bucket": bucket, "line": line}
            | {field: totals[bucket, line][field] for field in COST_SUM_FIELDS}
            for bucket, line in sorted(totals)
        ],
    )


def _cost_line(line: Line) -> Line:
    values = dict(zip(LINE_FIELDS, line, strict=True))
    return tuple(values[field] for field in COST_FIELDS)


def _sum_of(use: Usage) -> dict[str, int]:
    return {
        "requests": int(use.worked),
        "estimated_requests": int(use.estimated),
        "input_tokens": use.input_tokens,
        "cached_input_tokens": use.cached_input_tokens,
        "output_tokens": use.output_tokens,
        "training_tokens": use.training_tokens,
    }


def _line(use: Usage, places: Mapping[str, tuple[str, str]]) -> Line:
    base, pool = places[use.model]
    if use.operation == TRAINING:
        pool = TRAINER
    known = {"base": base, "pool": pool}
    return tuple(known[f] if f in known else getattr(use, f) for f in LINE_FIELDS)


async def places(connection: AsyncConnection, models: set[str]) -> dict[str, tuple[str, str]]:
    """Return the base model and the pool of each model that the catalogue knows."""
    tuned = {each.adapter.id: each for each in await adapters.known(connection, models)}
    bases = {model: each.adapter.base for model, each in tuned.items()}
    wanted = models | set(bases.values())
    query = sa.select(base_model.c.id, base_model.c.pool, base_model.c.kind)
    pools = {
        row.id: row.pool or (EMBEDDER if row.kind == ModelKind.EMBEDDING else "")
        for row in await connection.execute(query.where(base_model.c.id.in_(wanted)))
    }
    named = {model: bases.get(model, model) for model in models}
    # What another engine serves than its base's is that engine's work.
    own = {model: each.pool for model, each in tuned.items() if each.pool}
    return {model: (base, own.get(model) or pools.get(base, "")) for model, base in named.items()}


async def training_seconds(connection: AsyncConnection, model: str) -> float | None:
    """Return the seconds that training took for a token of a base model, None if none is known."""
    query = sa.select(
        sa.func.sum(usage_event.c.duration_ms), sa.func.sum(usage_event.c.training_tokens)
    ).where(
        usage_event.c.operation == TRAINING,
        usage_event.c.model == model,
        usage_event.c.duration_ms > 0,
        usage_event.c.training_tokens > 0,
    )
    millis, tokens = (await connection.execute(query)).one()
    return None if not tokens else float(millis) / 1000 / float(tokens)


async def _numbers(
    connection: AsyncConnection, lines: set[Line], table: sa.Table, fields: Sequence[str]
) -> dict[Line, int]:
    """Return the ids of the table's lines; lines that are new are made."""
    found = await _find(connection, lines, table, fields)
    if missing := sorted(lines - found.keys()):
        await connection.execute(
            insert(table).on_conflict_do_nothing(),
            [dict(zip(fields, line, strict=True)) for line in missing],
        )
        found |= await _find(connection, set(missing), table, fields)
    return found


async def _find(
    connection: AsyncConnection, lines: set[Line], table: sa.Table, fields: Sequence[str]
) -> dict[Line, int]:
    columns = [table.c[field] for field in fields]
    query = sa.select(table.c.id, *columns).where(sa.tuple_(*columns).in_(sorted(lines)))
    return {tuple(row[1:]): row[0] for row in await connection.execute(query)}


async def page(
    connection: AsyncConnection, project_id: str, wanted: Page
) -> tuple[list[Usage], bool] | None:
    """Return a page of a project's uses and whether more follow; None if `after` is unknown."""
    query = sa.select(usage_event).where(usage_event.c.project_id == project_id)
    seq = usage_event.c.seq
    if wanted.after:
        start = await connection.scalar(
            sa.select(seq).where(
                usage_event.c.id == wanted.after, usage_event.c.project_id == project_id
            )
        )
        if start is None:
            return None
        query = query.where(seq > start if wanted.ascending else seq < start)
    order = seq.asc() if wanted.ascending else seq.desc()
    rows = (await connection.execute(query.order_by(order).limit(wanted.limit + 1))).all()
    uses = [
        Usage(**{field: getattr(r, field) for field in Usage.__dataclass_fields__})
        for r in rows[: wanted.limit]
    ]
    return uses, len(rows) > wanted.limit
