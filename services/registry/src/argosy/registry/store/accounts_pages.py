"""A page of any table that has `id` and `seq`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from argosy.registry.domain.paging import Page
from sqlalchemy.ext.asyncio import AsyncConnection

Row = sa.Row[Any]


async def page(
    connection: AsyncConnection,
    query: sa.Select[Any],
    seq: sa.ColumnElement[int],
    id_column: sa.ColumnElement[str],
    wanted: Page,
) -> tuple[list[Row], bool] | None:
    """Return the page of `query` and whether more follow; None if it has no row `wanted.after`."""
    if wanted.after:
        start = await connection.scalar(
            query.with_only_columns(seq, maintain_column_froms=True).where(
                id_column == wanted.after
            )
        )
        if start is None:
            return None
        query = query.where(seq > start if wanted.ascending else seq < start)
    order = seq.asc() if wanted.ascending else seq.desc()
    rows = (await connection.execute(query.order_by(order).limit(wanted.limit + 1))).all()
    return list(rows[: wanted.limit]), len(rows) > wanted.limit
