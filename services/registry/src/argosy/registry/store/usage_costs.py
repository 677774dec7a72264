"""What days cost: the sums of each line times the prices of the day, in whole millionths.

A line is who used which model for what. Every line's kinds of tokens are rounded once a day, before
anything is added up: however a report groups, its results add up to the same total. Knows whole
days only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from argosy.registry.domain.usage_reports import Field, Filter
from argosy.registry.domain.usage_windows import Span
from argosy.registry.store.usage_reports import instant, ready
from sqlalchemy.ext.asyncio import AsyncConnection

_KINDS: Final = ("input", "cached_input", "output", "training")

# Nothing is known beforehand of how many lines have a price, and PostgreSQL guesses far too few.
# Whole tables are joined here; looking rows up one by one takes ten times as long.
_PLANNING: Final = sa.text(
    "SELECT set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true)"
    ", set_config('enable_sort', 'off', true)"
)
# The days of the report, each with the hours of it that have passed.
_DAYS: Final = """
    token_price AS (
        SELECT *, lead(valid_from, 1, 'infinity') OVER
            (PARTITION BY model ORDER BY valid_from) AS valid_until
        FROM (SELECT DISTINCT ON (model, valid_from) * FROM model_price
            ORDER BY model, valid_from, origin) named
    ),
    hour_price AS (
        SELECT *, lead(valid_from, 1, 'infinity') OVER
            (PARTITION BY pool ORDER BY valid_from) AS valid_until
        FROM (SELECT DISTINCT ON (pool, valid_from) * FROM pool_price
            ORDER BY pool, valid_from, origin) named
    ),
    day AS (
        SELECT d AS bucket, CAST(d AT TIME ZONE 'UTC' AS date) AS date,
            greatest(0, least(86400, extract(epoch FROM :now - d))) / 3600.0 AS hours
        FROM generate_series(:start, CAST(:end AS timestamptz) - interval '1 hour',
            interval '24 hours') AS d
    ),
    -- Which pool's hardware is paid for on which day.
    hardware AS MATERIALIZED (
        SELECT day.bucket, day.hours, p.pool, p.input_weight, p.cached_input_weight,
            p.output_weight, p.training_weight,
            CAST(floor(p.hour * day.hours / p.span) AS double precision) AS micros
        FROM day JOIN hour_price p ON day.date >= p.valid_from AND day.date < p.valid_until
    )
"""

# What one line takes of a token price.
_ROUNDED: Final = """
    {t} / 1000000 * {p} + ({t} % 1000000 * {p} + 500000) / 1000000
"""
# Of each model, what holds from when until when: for most of them one row.
_TOKENS: Final = """
    WITH {days},
    named AS (SELECT DISTINCT model, base FROM cost_line),
    begins AS (
        SELECT model, base, CAST(CAST(:start AS timestamptz) AT TIME ZONE 'UTC' AS date) AS since
        FROM named
        UNION
        SELECT named.model, named.base, valid_from FROM named
        JOIN model_price p ON p.model IN (named.model, named.base, '*')
            AND p.valid_from > CAST(:start AS timestamptz) AT TIME ZONE 'UTC'
    ),
    priced AS MATERIALIZED (
        SELECT b.model, b.base, CAST(b.since AS timestamp) AT TIME ZONE 'UTC' AS since,
            CAST(lead(b.since, 1, 'infinity') OVER (PARTITION BY b.model, b.base ORDER BY b.since)
                AS timestamp) AT TIME ZONE 'UTC' AS until,
            {prices}
        FROM begins b
        LEFT JOIN token_price own ON own.model = b.model
            AND b.since >= own.valid_from AND b.since < own.valid_until
        LEFT JOIN token_price base ON base.model = b.base
            AND b.since >= base.valid_from AND b.since < base.valid_until
        LEFT JOIN token_price every ON every.model = '*'
            AND b.since >= every.valid_from AND b.since < every.valid_until
    ),
    line AS MATERIALIZED (
        SELECT l.id, CASE WHEN q.pool IS NULL THEN NULL ELSE l.pool END AS pool{group},
            p.since, p.until, p.cached_input, p.output, p.training,
            CASE l.operation WHEN 'embedding' THEN p.embedding WHEN 'file_search' THEN p.retrieval
                ELSE p.input END AS input,
            CASE l.operation WHEN 'embedding' THEN 'embedding' WHEN 'file_search' THEN 'retrieval'
                ELSE 'input' END AS reading
        FROM cost_line l
        JOIN priced p ON (p.model, p.base) = (l.model, l.base)
        LEFT JOIN (SELECT DISTINCT pool FROM pool_price) q ON q.pool = l.pool
        WHERE {where}
    )
    SELECT s.bucket{group}{reading}, {sums}
    FROM cost_day s
    JOIN line l ON l.id = s.line AND s.bucket >= l.since AND s.bucket < l.until
    LEFT JOIN hardware h ON (h.bucket, h.pool) = (s.bucket, l.pool)
    WHERE s.bucket >= :start AND s.bucket < :end AND h.pool IS NULL
    GROUP BY s.bucket{group}{reading} ORDER BY s.bucket{group}{reading} LIMIT :most
"""
# The lines of a pool stand in a row; each is charged from where the one before it ends. So shares
# are whole and add up to what the hardware costs.
_HARDWARE: Final = """
    WITH {days},
    line AS MATERIALIZED (
        SELECT l.id, l.pool{group}, {where} AS wanted
        FROM cost_line l JOIN (SELECT DISTINCT pool FROM pool_price) q ON q.pool = l.pool
    ),
    work AS (
        SELECT s.bucket, l.*, CAST(h.hours AS double precision) AS hours, h.micros,
            (s.input_tokens - s.cached_input_tokens) * h.input_weight
            + s.cached_input_tokens * h.cached_input_weight
            + s.output_tokens * h.output_weight
            + s.training_tokens * h.training_weight AS weight
        FROM cost_day s
        JOIN line l ON l.id = s.line
        JOIN hardware h ON (h.bucket, h.pool) = (s.bucket, l.pool)
        WHERE s.bucket >= :start AND s.bucket < :end
    ),
    row AS (
        SELECT *, CAST(sum(weight) OVER (PARTITION BY bucket, pool) AS double precision) AS total,
            CAST(sum(weight) OVER (PARTITION BY bucket, pool ORDER BY id) AS double precision)
                AS until
        FROM work WHERE weight > 0
    )
    SELECT bucket{group},
        CAST(sum(floor(micros * (until / total))
            - floor(micros * ((until - weight) / total))) AS bigint) AS micros,
        sum(hours * weight / total) AS hours
    FROM row l WHERE wanted
    GROUP BY bucket{group} ORDER BY bucket{group} LIMIT :most
"""
_IDLE: Final = """
    WITH {days}
    SELECT bucket, pool, CAST(micros AS bigint) AS micros, hours FROM hardware h
    WHERE hours > 0 AND NOT EXISTS (
        SELECT FROM cost_day s JOIN cost_line l ON l.id = s.line
        WHERE s.bucket >= :start AND s.bucket < :end
            AND s.bucket = h.bucket AND l.pool = h.pool
            AND (s.input_tokens - s.cached_input_tokens) * h.input_weight
                + s.cached_input_tokens * h.cached_input_weight
                + s.output_tokens * h.output_weight
                + s.training_tokens * h.training_weight > 0
    )
    ORDER BY bucket, pool
"""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a group of lines costs on a day, for one thing or for all.

    `name` is a model or an idle pool, `what` of it is paid for; empty for all.
    """

    bucket: int
    group: Mapping[Field, str]
    name: str = ""
    what: str = ""
    micros: int = 0
    quantity: float = 0.0


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
    known = {
        "start": instant(span.start),
        "end": instant(span.end),
        "now": now,
        "most": most + 1,
        "projects": list(only.project_ids) or None,
        "keys": list(only.key_ids) or None,
    }
    await ready(connection)
    await connection.execute(_PLANNING)
    found: list[Charge] = []
    cuts = []
    for text, items in (
        (_tokens(group, by_item=by_item), _tokens_of),
        (_hardware(group), _hours_of),
    ):
        rows = (await connection.execute(sa.text(text), known)).mappings().all()
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
        found += await _idle(connection, fields, known)
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
    costs = {kind: _ROUNDED.format(t=f"({tokens})", p=f"l.{kind}") for kind, tokens in sums.items()}
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
    return _TOKENS.format(
        days=_DAYS, prices=prices, group=group, reading=reading, sums=summed, where=_WHERE
    )


def _hardware(group: str) -> str:
    return _HARDWARE.format(days=_DAYS, group=group, where=_WHERE)


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


async def _idle(
    connection: AsyncConnection, fields: Sequence[Field], known: Mapping[str, Any]
) -> list[Charge]:
    """Return what hardware cost on days on which it served nothing: nobody's, so of no group."""
    wanted = {name: known[name] for name in ("start", "end", "now")}
    rows = await connection.execute(sa.text(_IDLE.format(days=_DAYS)), wanted)
    nobody = dict.fromkeys(fields, "")
    return [
        Charge(int(r.bucket.timestamp()), nobody, r.pool, "idle_hours", r.micros, float(r.hours))
        for r in rows
    ]
