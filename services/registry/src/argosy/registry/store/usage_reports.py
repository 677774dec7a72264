"""Sums for reports, read from the coarsest tables that make up the time exactly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from argosy.registry.domain.usage_reports import OPERATIONS, Field, Filter, Kind, Used
from argosy.registry.domain.usage_windows import Width, Window, parts
from argosy.registry.store.usage_tables import (
    SHARED_FIELDS,
    SUM_FIELDS,
    SUMS,
    shared_hour,
    usage_line,
)
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
    sums = _summed(kind, window, only, group_by)
    grouping = [sums.c[field.value] for field in group_by]
    query = (
        sa.select(sums.c.bucket, *grouping, *(_total(sums.c[field]) for field in _SHOWN))
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
        .where(usage_line.c.operation.in_(OPERATIONS[kind]), *_conditions(only, usage_line))
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


def _summed(kind: Kind, window: Window, only: Filter, group_by: Sequence[Field]) -> sa.Subquery:
    """Return the rows of sums that make up the window, by the start of the report's buckets."""
    asked = {field.value for field in group_by}
    asked.update(name for name, values in _lists(only).items() if values)
    shared = asked <= set(SHARED_FIELDS)
    pieces = []
    for width, span in parts(window.span, window.width):
        if shared and width is Width.HOUR:
            table, told = shared_hour, shared_hour
            rows: sa.FromClause = shared_hour
        else:
            table, told = SUMS[width], usage_line
            rows = table.join(usage_line, usage_line.c.id == table.c.line)
        bucket: sa.ColumnElement[datetime] = table.c.bucket
        if width is not window.width:
            bucket = sa.func.date_trunc(window.width.name.lower(), table.c.bucket, "UTC")
        pieces.append(
            sa.select(
                bucket.label("bucket"),
                *(told.c[field.value] for field in group_by),
                *(table.c[field] for field in _SHOWN),
            )
            .select_from(rows)
            .where(
                table.c.bucket >= instant(span.start),
                table.c.bucket < instant(span.end),
                told.c.operation.in_(OPERATIONS[kind]),
                *_conditions(only, told),
            )
        )
    return sa.union_all(*pieces).subquery()


def _lists(only: Filter) -> dict[str, Sequence[str]]:
    return {
        "project_id": only.project_ids,
        "user_id": only.user_ids,
        "key_id": only.key_ids,
        "model": only.models,
    }


def _conditions(only: Filter, told: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Return what the filter says about the rows of a table."""
    found: list[sa.ColumnElement[bool]] = [
        told.c[name].in_(values) for name, values in _lists(only).items() if values
    ]
    if only.batch is not None:
        found.append(told.c.batch.is_(only.batch))
    return found


def instant(seconds: int) -> datetime:
    """Return Unix seconds as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
