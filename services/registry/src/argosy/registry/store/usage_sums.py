"""What new uses add to the ledger's sums, in the transaction that adds the uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from argosy.registry.domain.usage import Usage
from argosy.registry.domain.usage_windows import Width
from argosy.registry.store.usage_tables import (
    COST_FIELDS,
    COST_SUM_FIELDS,
    LINE_FIELDS,
    SHARED_FIELDS,
    SUMS,
    cost_day,
    cost_line,
    shared_hour,
    usage_line,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

# A use with its base model and the pool that served it.
Placed = tuple[Usage, str, str]
# The values of LINE_FIELDS or COST_FIELDS, in their order.
Line = tuple[str | bool, ...]
# Where a use counts: the bucket of its time, and the values that tell rows of a table apart.
Row = tuple[datetime, tuple[str | bool | int, ...]]

_NOT_SUMMED: Final = ("bucket", "line", *SHARED_FIELDS)


async def add(connection: AsyncConnection, placed: Sequence[Placed]) -> None:
    """Add the uses to the sums by minute, hour and day, and to what days cost."""
    uses = [use for use, _, _ in placed]
    lines = [_line(each, LINE_FIELDS) for each in placed]
    numbers = await _numbers(connection, set(lines), usage_line, LINE_FIELDS)
    told = [_sum_of(use) for use in uses]
    for width, table in SUMS.items():
        rows = [
            (_bucket(use, width), (numbers[line],)) for use, line in zip(uses, lines, strict=True)
        ]
        await _add(connection, table, ("line",), zip(rows, told, strict=True))
    shared = [
        (_bucket(use, Width.HOUR), tuple(getattr(use, field) for field in SHARED_FIELDS))
        for use in uses
    ]
    await _add(connection, shared_hour, SHARED_FIELDS, zip(shared, told, strict=True))
    await _add_to_costs(connection, placed)


async def _add_to_costs(connection: AsyncConnection, placed: Sequence[Placed]) -> None:
    costing = [each for each in placed if any(getattr(each[0], f) for f in COST_SUM_FIELDS)]
    lines = [_line(each, COST_FIELDS) for each in costing]
    numbers = await _numbers(connection, set(lines), cost_line, COST_FIELDS)
    rows = [
        (_bucket(use, Width.DAY), (numbers[line],))
        for (use, _, _), line in zip(costing, lines, strict=True)
    ]
    told = [{field: getattr(use, field) for field in COST_SUM_FIELDS} for use, _, _ in costing]
    await _add(connection, cost_day, ("line",), zip(rows, told, strict=True))


async def _add(
    connection: AsyncConnection,
    table: sa.Table,
    fields: Sequence[str],
    told: Iterable[tuple[Row, Mapping[str, int]]],
) -> None:
    """Add up what is told of each row, which `fields` name, and add that to the table."""
    totals: dict[Row, Counter[str]] = {}
    for row, values in told:
        totals.setdefault(row, Counter()).update(values)
    if not totals:
        return
    statement = insert(table)
    summed = [column.name for column in table.c if column.name not in _NOT_SUMMED]
    added = {field: table.c[field] + statement.excluded[field] for field in summed}
    rows = [
        {"bucket": bucket, **dict(zip(fields, values, strict=True))}
        | {field: totals[bucket, values][field] for field in summed}
        for bucket, values in sorted(totals)
    ]
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["bucket", *fields], set_=added), rows
    )


def _bucket(use: Usage, width: Width) -> datetime:
    return datetime.fromtimestamp(int(use.occurred_at.timestamp()) // width * width, UTC)


def _line(placed: Placed, fields: Sequence[str]) -> Line:
    use, base, pool = placed
    known = {"base": base, "pool": pool}
    return tuple(known[field] if field in known else getattr(use, field) for field in fields)


def _sum_of(use: Usage) -> dict[str, int]:
    return {
        "requests": int(use.worked),
        "estimated_requests": int(use.estimated),
        "input_tokens": use.input_tokens,
        "cached_input_tokens": use.cached_input_tokens,
        "output_tokens": use.output_tokens,
        "training_tokens": use.training_tokens,
    }


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
