"""What keys and projects have used on a day, out of the sums of costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from argosy.registry.domain.engine_counts import Tokens
from argosy.registry.store.usage_tables import ENGINE_KINDS, cost_day, cost_line
from sqlalchemy.ext.asyncio import AsyncConnection

# What gateways do not count against a day's limits.
_NOT_LIMITED: Final = ("training", "file_search")


@dataclass(frozen=True, slots=True)
class DayUse:
    """What a key of a project used of a model."""

    project_id: str
    key_id: str
    model: str
    base: str
    tokens: Tokens


async def used(
    connection: AsyncConnection,
    day: datetime,
    project_ids: Sequence[str],
    key_ids: Sequence[str],
) -> list[DayUse]:
    """Return what was used on `day` by these projects, whatever the key, and by these keys."""
    line = cost_line.c
    who = (line.project_id, line.key_id, line.model, line.base)
    sums = [sa.func.sum(cost_day.c[kind]).label(kind) for kind in ENGINE_KINDS]
    query = (
        sa.select(*who, *sums)
        .join_from(cost_day, cost_line, line.id == cost_day.c.line)
        .where(
            cost_day.c.bucket == day,
            sa.or_(line.project_id.in_(project_ids), line.key_id.in_(key_ids)),
            line.operation.not_in(_NOT_LIMITED),
        )
        .group_by(*who)
    )
    return [
        DayUse(
            row.project_id,
            row.key_id,
            row.model,
            row.base,
            Tokens(int(row.input_tokens), int(row.cached_input_tokens), int(row.output_tokens)),
        )
        for row in await connection.execute(query)
    ]
