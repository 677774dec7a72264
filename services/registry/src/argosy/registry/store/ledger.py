"""The ledger: one row for each use that an event reported.

Rows are added and never changed; a row and what it adds to the sums commit together. Rows are
written in one order, so that two writers wait for each other instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import sqlalchemy as sa
from argosy.registry.domain.models import ModelKind
from argosy.registry.domain.paging import Page
from argosy.registry.domain.usage import TRAINING, Usage
from argosy.registry.store import adapters, usage_sums
from argosy.registry.store.tables import api_key, base_model
from argosy.registry.store.usage_tables import usage_event
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

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
        known = await places(connection, {use.model for use in new})
        await usage_sums.add(connection, [(use, *_place(use, known)) for use in new])
    return len(new)


async def _with_owners(connection: AsyncConnection, uses: Sequence[Usage]) -> list[Usage]:
    """Return the uses with the member that each key belongs to, where the event did not tell."""
    nameless = {use.key_id for use in uses if not use.user_id}
    query = sa.select(api_key.c.id, api_key.c.user_id).where(api_key.c.id.in_(nameless))
    owners = {row.id: row.user_id for row in await connection.execute(query)}
    return [
        use if use.user_id else replace(use, user_id=owners.get(use.key_id, "")) for use in uses
    ]


def _place(use: Usage, known: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """Return the base model of a use, and where it was served or trained."""
    base, pool = known[use.model]
    return base, TRAINER if use.operation == TRAINING else pool


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
