"""Sums for reports, read from the coarsest tables that make up the time exactly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from argosy.registry.domain.usage_reports import OPERATIONS, Field, Filter, Kind, Used
from argosy.registry.domain.usage_windows import Span, Width, Window, parts
from argosy.registry.store.usage_tables import SUM_FIELDS, SUMS, usage_line
from sqlalchemy.ext.asyncio import AsyncConnection

_READY: Final = sa.select(
    *(
        sa.func.set_config(name, value, True)
        for name, value in (
            ("work_mem", "64MB"),
            ("jit", "off"),
            ("max_parallel_workers_per_gather", "0"),
            ("plan_cache_mode", "force_custom_plan"),
        )
    )
)
_SHOWN: Final = [field for field in SUM_FIELDS if field != "training_tokens"]


async def used(
    connection: AsyncConnection,
    kind: Kind,
    window: Window,
    only: Filter,
    group_by: Sequence[Field],
    most: int,
) -> list[Used]:
    """Return a page's results in order of time, at most `most`."""
    if not OPERATIONS[kind]:
        return []
    sums = summed(window.span, window.width)
    grouping = [usage_line.c[field.value] for field in group_by]
    query = (
        sa.select(sums.c.bucket, *grouping, *(_total(sums.c[field]) for field in _SHOWN))
        .join_from(sums, usage_line, usage_line.c.id == sums.c.line)
        .where(usage_line.c.operation.in_(OPERATIONS[kind]), *conditions(only))
        .group_by(sums.c.bucket, *grouping)
        .having(sa.func.sum(sums.c.requests) > 0)
        .order_by(sums.c.bucket, *grouping)
        .limit(most)
    )
    return [
        Used(
            int(bucket.timestamp()),
            dict(zip(group_by, rest, strict=False)),
            *rest[len(group_by) :],
        )
        for bucket, *rest in await connection.execute(query)
    ]


async def groups(
    connection: AsyncConnection, kind: Kind, only: Filter, group_by: Sequence[Field]
) -> int:
    """Return how many results a bucket has at most."""
    if not group_by:
        return 1
    told = (
        sa.select(*(usage_line.c[field.value] for field in group_by))
        .where(usage_line.c.operation.in_(OPERATIONS[kind]), *conditions(only))
        .distinct()
    )
    return await connection.scalar(sa.select(sa.func.count()).select_from(told.subquery())) or 0


def _total(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    # Sums of bigint are numeric, which takes long to send and to read.
    return sa.cast(sa.func.sum(column), sa.BigInteger)


async def ready(connection: AsyncConnection) -> None:
    """Let the transaction's statements read much: in memory, and on one core of the machine's.

    A plan that is made without the window is made for few rows. A parallel one reads the whole
    table beside, which costs more than it saves.
    """
    await connection.execute(_READY)


def summed(span: Span, width: Width) -> sa.Subquery:
    """Return the sums of each line in each bucket, by the bucket's own start."""
    return sa.union_all(*(_piece(part, of, width) for part, of in parts(span, width))).subquery()


def _piece(part: Width, span: Span, width: Width) -> sa.Select[Any]:
    table = SUMS[part]
    bucket: sa.ColumnElement[datetime] = table.c.bucket
    if part is not width:
        bucket = sa.func.date_trunc(width.name.lower(), table.c.bucket, "UTC")
    return sa.select(
        bucket.label("bucket"), table.c.line, *(table.c[field] for field in SUM_FIELDS)
    ).where(table.c.bucket >= instant(span.start), table.c.bucket < instant(span.end))


def conditions(only: Filter) -> list[sa.ColumnElement[bool]]:
    """Return what the filter says about lines."""
    lists = {
        "project_id": only.project_ids,
        "user_id": only.user_ids,
        "key_id": only.key_ids,
        "model": only.models,
    }
    found: list[sa.ColumnElement[bool]] = [
        usage_line.c[name].in_(values) for name, values in lists.items() if values
    ]
    if only.batch is not None:
        found.append(usage_line.c.batch.is_(only.batch))
    return found


def instant(seconds: int) -> datetime:
    """Return Unix seconds as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
