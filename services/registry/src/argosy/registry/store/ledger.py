"""The ledger: one row for each use that an event reported. Rows are added and never changed."""

from __future__ import annotations

import sqlalchemy as sa
from argosy.registry.domain.paging import Page
from argosy.registry.domain.usage import Usage
from argosy.registry.store.tables import usage_event
from sqlalchemy.ext.asyncio import AsyncConnection


async def add(connection: AsyncConnection, value: Usage) -> None:
    """Insert one use. The caller's inbox row makes sure that it is the first time."""
    await connection.execute(
        usage_event.insert().values(
            {field: getattr(value, field) for field in Usage.__dataclass_fields__}
        )
    )


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
