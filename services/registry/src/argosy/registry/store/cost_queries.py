"""The queries of what days cost, in SQL. What their parts are for is said beside each.

Knows the tables' columns, which `usage_tables` has. Does not know who asks: `usage_costs` does.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

# Nothing is known beforehand of how many lines have a price, and PostgreSQL guesses far too few.
# Whole tables are joined here; looking rows up one by one takes ten times as long.
PLANNING: Final = sa.text(
    "SELECT set_config('enable_nestloop', 'off', true), set_config('enable_mergejoin', 'off', true)"
    ", set_config('enable_sort', 'off', true)"
)
# The days of the report, each with the hours of it that have passed.
DAYS: Final = """
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
    -- The work of a pool's engines that is nobody's, see `store.engine_counts`.
    spare AS (
        SELECT * FROM unnest(CAST(:spare_days AS timestamptz[]), CAST(:spare_pools AS text[]),
            CAST(:spare_read AS bigint[]), CAST(:spare_cached AS bigint[]),
            CAST(:spare_written AS bigint[])) AS t(bucket, pool, read, cached, written)
    ),
    hardware AS MATERIALIZED (
        SELECT day.bucket, day.hours, p.pool, p.input_weight, p.cached_input_weight,
            p.output_weight, p.training_weight,
            CAST(floor(p.hour * day.hours / p.span) AS double precision) AS micros,
            coalesce((s.read - s.cached) * p.input_weight + s.cached * p.cached_input_weight
                + s.written * p.output_weight, 0) AS spare
        FROM day JOIN hour_price p ON day.date >= p.valid_from AND day.date < p.valid_until
        LEFT JOIN spare s ON (s.bucket, s.pool) = (day.bucket, p.pool)
    )
"""

# What one line takes of a token price.
ROUNDED: Final = """
    {t} / 1000000 * {p} + ({t} % 1000000 * {p} + 500000) / 1000000
"""
# Of each model, what holds from when until when: for most of them one row.
TOKENS: Final = """
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
    ),
    -- Summed by hash, then put in order: of groups there are fewer than of lines.
    summed AS MATERIALIZED (
        SELECT s.bucket{group}{reading}, {sums}
        FROM cost_day s
        JOIN line l ON l.id = s.line AND s.bucket >= l.since AND s.bucket < l.until
        LEFT JOIN hardware h ON (h.bucket, h.pool) = (s.bucket, l.pool)
        WHERE s.bucket >= :start AND s.bucket < :end AND h.pool IS NULL
        GROUP BY s.bucket{group}{reading}
    )
    SELECT * FROM summed l ORDER BY bucket{group}{reading} LIMIT :most
"""
# The lines of a pool stand in a row; each is charged from where the one before it ends. So shares
# are whole and add up to what the hardware costs. Weights are whole numbers, which doubles hold
# exactly up to nine trillion tokens a day.
HARDWARE: Final = """
    WITH {days},
    line AS MATERIALIZED (
        SELECT l.id, l.pool{group}, {where} AS wanted
        FROM cost_line l JOIN (SELECT DISTINCT pool FROM pool_price) q ON q.pool = l.pool
    ),
    -- First of all what is of no such pool is left out: it may be most.
    used AS MATERIALIZED (
        SELECT s.bucket, s.input_tokens, s.cached_input_tokens, s.output_tokens,
            s.training_tokens, l.*
        FROM cost_day s JOIN line l ON l.id = s.line
        WHERE s.bucket >= :start AND s.bucket < :end
    ),
    work AS (
        SELECT l.bucket, l.id, l.pool{group}, l.wanted,
            CAST(h.hours AS double precision) AS hours, h.micros, h.spare,
            CAST((l.input_tokens - l.cached_input_tokens) * h.input_weight
                + l.cached_input_tokens * h.cached_input_weight
                + l.output_tokens * h.output_weight
                + l.training_tokens * h.training_weight AS double precision) AS weight
        FROM used l JOIN hardware h ON (h.bucket, h.pool) = (l.bucket, l.pool)
    ),
    row AS (
        SELECT *, spare + sum(weight) OVER (PARTITION BY bucket, pool) AS total,
            sum(weight) OVER (PARTITION BY bucket, pool ORDER BY id) AS until
        FROM work WHERE weight > 0
    )
    SELECT bucket{group},
        CAST(sum(floor(micros * (until / total))
            - floor(micros * ((until - weight) / total))) AS bigint) AS micros,
        sum(hours * weight / total) AS hours
    FROM row l WHERE wanted
    GROUP BY bucket{group} ORDER BY bucket{group} LIMIT :most
"""
# What of the hardware is left for nobody: the last in the row, or all of it where there is none.
NOBODY: Final = """
    WITH {days},
    line AS MATERIALIZED (
        SELECT l.id, l.pool FROM cost_line l JOIN (SELECT DISTINCT pool FROM pool_price) q
            ON q.pool = l.pool
    ),
    used AS MATERIALIZED (
        SELECT s.bucket, l.pool, sum(s.input_tokens) AS input,
            sum(s.cached_input_tokens) AS cached, sum(s.output_tokens) AS output,
            sum(s.training_tokens) AS training
        FROM cost_day s JOIN line l ON l.id = s.line
        WHERE s.bucket >= :start AND s.bucket < :end
        GROUP BY s.bucket, l.pool
    ),
    worked AS (
        SELECT u.bucket, u.pool,
            CAST((u.input - u.cached) * h.input_weight + u.cached * h.cached_input_weight
                + u.output * h.output_weight + u.training * h.training_weight
                AS double precision) AS weight
        FROM used u JOIN hardware h ON (h.bucket, h.pool) = (u.bucket, u.pool)
    ),
    whole AS (
        SELECT h.bucket, h.pool, h.micros, h.spare, CAST(h.hours AS double precision) AS hours,
            coalesce(w.weight, 0) AS weight
        FROM hardware h LEFT JOIN worked w ON (w.bucket, w.pool) = (h.bucket, h.pool)
    )
    SELECT bucket, pool, CASE WHEN spare > 0 THEN 'unattributed_hours' ELSE 'idle_hours' END
            AS what,
        CAST(CASE WHEN weight > 0 THEN micros - floor(micros * (weight / (weight + spare)))
            ELSE micros END AS bigint) AS micros,
        CASE WHEN weight > 0 THEN hours * spare / (weight + spare) ELSE hours END AS hours
    FROM whole WHERE hours > 0 AND (spare > 0 OR weight = 0)
    ORDER BY bucket, pool
"""
