"""What days cost: the sums of each line times the prices of the day, in whole millionths.

A line is who used which model for what. Every line's kinds of tokens are rounded once a day, before
anything is added up: however a report groups, its results add up to the same total. Knows whole
days only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from argosy.registry.domain.engine_counts import Tokens
from argosy.registry.domain.usage_reports import Field, Filter
from argosy.registry.domain.usage_windows import Span
from argosy.registry.store import cost_queries, engine_counts
from argosy.registry.store.engine_counts import PoolDay
from argosy.registry.store.usage_reports import instant, ready
from argosy.registry.store.usage_tables import cost_line
from sqlalchemy.ext.asyncio import AsyncConnection

_KINDS: Final = ("input", "cached_input", "output", "training")


class Charge(NamedTuple):
    """What a group of lines costs on a day, for one thing or for all.

    `name` is a model, or a pool of which nobody made use, `what` of it is paid for; empty for all.
    """

    bucket: int
    group: Mapping[Field, str]
    name: str = ""
    what: str = ""
    micros: int = 0
    quantity: float = 0.0


async def groups(
    connection: AsyncConnection, only: Filter, fields: Sequence[Field], *, by_item: bool
) -> int:
    """Return how many groups of lines a day has at most."""
    names = [*(field.value for field in fields), *(["model"] if by_item else [])]
    if not names:
        return 1
    told = sa.select(*(cost_line.c[name] for name in names)).distinct()
    if only.project_ids:
        told = told.where(cost_line.c.project_id.in_(only.project_ids))
    if only.key_ids:
        told = told.where(cost_line.c.key_id.in_(only.key_ids))
    return await connection.scalar(sa.select(sa.func.count()).select_from(told.subquery())) or 0


async def charges(
    connection: AsyncConnection,
    span: Span,
    only: Filter,
    fields: Sequence[Field],
    now: datetime,
    *,
    by_item: bool,
    most: int,
) -> tuple[list[Charge], int | None]:
    """Return what the days of `span` cost, and the first day that is not complete.

    A day is not complete if there are more than `most` groups of lines. Line items are told apart
    only `by_item`.
    """
    names = [*(field.value for field in fields), *(["model"] if by_item else [])]
    group = "".join(f", l.{name}" for name in names)
    start, end = instant(span.start), instant(span.end)
    known = {
        "start": start,
        "end": end,
        "now": now,
        "most": most + 1,
        "projects": list(only.project_ids) or None,
        "keys": list(only.key_ids) or None,
    }
    await ready(connection)
    spare = await engine_counts.unattributed(connection, start, end)
    spares = _spares(spare)
    await connection.execute(cost_queries.PLANNING)
    found: list[Charge] = []
    cuts = []
    for text, items in (
        (_tokens(group, by_item=by_item), _tokens_of),
        (_hardware(group), _hours_of),
    ):
        rows = (await connection.execute(sa.text(text), known | spares)).mappings().all()
        if len(rows) > most:
            cuts.append(int(rows[-1]["bucket"].timestamp()))
        for row in rows:
            values: dict[Field, str] = {field: row[field.value] for field in fields}
            at = int(row["bucket"].timestamp())
            if by_item:
                found += [Charge(at, values, row["model"], *each) for each in items(row)]
            else:
                found.append(Charge(at, values, micros=int(row["micros"])))
    if not (only.project_ids or only.key_ids):
        wanted = {name: known[name] for name in ("start", "end", "now")} | spares
        found += await _nobodys(connection, fields, wanted, spare if by_item else {})
    return found, min(cuts, default=None)


def _tokens(group: str, *, by_item: bool) -> str:
    # Of what is read, the same column holds what prices tell apart.
    reading = ", l.reading" if by_item else ""
    sums = {
        "input": "s.input_tokens - s.cached_input_tokens",
        "cached_input": "s.cached_input_tokens",
        "output": "s.output_tokens",
        "training": "s.training_tokens",
    }
    costs = {
        kind: cost_queries.ROUNDED.format(t=f"({tokens})", p=f"l.{kind}")
        for kind, tokens in sums.items()
    }
    if by_item:
        summed = ", ".join(
            f"CAST(sum({tokens}) AS bigint) AS {kind}_tokens, "
            f"CAST(sum({costs[kind]}) AS bigint) AS {kind}"
            for kind, tokens in sums.items()
        )
    else:
        summed = f"CAST(sum({' + '.join(costs.values())}) AS bigint) AS micros"
    kinds = (*_KINDS, "embedding", "retrieval")
    prices = ", ".join(f"coalesce(own.{k}, base.{k}, every.{k}, 0) AS {k}" for k in kinds)
    return cost_queries.TOKENS.format(
        days=cost_queries.DAYS,
        prices=prices,
        group=group,
        reading=reading,
        sums=summed,
        where=_WHERE,
    )


def _hardware(group: str) -> str:
    return cost_queries.HARDWARE.format(days=cost_queries.DAYS, group=group, where=_WHERE)


_WHERE: Final = """
    (CAST(:projects AS text[]) IS NULL OR l.project_id = ANY(CAST(:projects AS text[])))
    AND (CAST(:keys AS text[]) IS NULL OR l.key_id = ANY(CAST(:keys AS text[])))
"""


def _tokens_of(row: sa.RowMapping) -> list[tuple[str, int, float]]:
    return [
        (
            f"{row['reading'] if kind == 'input' else kind}_tokens",
            int(row[kind]),
            float(row[f"{kind}_tokens"]),
        )
        for kind in _KINDS
        if row[f"{kind}_tokens"]
    ]


def _hours_of(row: sa.RowMapping) -> list[tuple[str, int, float]]:
    return [("hardware_hours", int(row["micros"]), float(row["hours"]))]


def _spares(spare: Mapping[PoolDay, Tokens]) -> dict[str, Any]:
    return {
        "spare_days": [day for day, _ in spare],
        "spare_pools": [pool for _, pool in spare],
        "spare_read": [tokens.read for tokens in spare.values()],
        # Streams that break off do not tell what was cached: uses may lack it where they have read.
        "spare_cached": [min(tokens.cached, tokens.read) for tokens in spare.values()],
        "spare_written": [tokens.written for tokens in spare.values()],
    }


async def _nobodys(
    connection: AsyncConnection,
    fields: Sequence[Field],
    known: Mapping[str, Any],
    spare: Mapping[PoolDay, Tokens],
) -> list[Charge]:
    """Return what is nobody's, so of no group: hardware that was idle or worked for nobody.

    Tokens of `spare` whose hardware has no price are told without one: there is nobody to pay.
    """
    rows = (
        await connection.execute(sa.text(cost_queries.NOBODY.format(days=cost_queries.DAYS)), known)
    ).all()
    nobody = dict.fromkeys(fields, "")
    found = [
        Charge(int(r.bucket.timestamp()), nobody, r.pool, r.what, r.micros, float(r.hours))
        for r in rows
    ]
    priced = {(row.bucket, row.pool) for row in rows}
    for (day, pool), tokens in spare.items():
        if (day, pool) not in priced:
            at, quantity = int(day.timestamp()), float(tokens.read + tokens.written)
            found.append(Charge(at, nobody, pool, "unattributed_tokens", 0, quantity))
    return found
