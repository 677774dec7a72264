"""A month of events, made by the database itself and summed into the ledger's tables.

The sums are what reports read; the events stay in a narrow table beside, to check the reports by.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from argosy.kit.db import Database

BEGIN: Final = "2026-09-01"
DAYS: Final = 30
_ROOM: Final = (
    "SET LOCAL work_mem = '1GB'; SET LOCAL maintenance_work_mem = '1GB'; SET LOCAL timezone = 'UTC'"
)
_SUMS: Final = (
    "count(*), count(*) FILTER (WHERE estimated), sum(input), sum(cached), sum(output), 0"
)

# Rows lie in order of time, as they do when events come in.
# 20 projects of 10 keys, 60 members, 8 models of which 3 are adapters. A few keys and models have
# most of the events, as they do.
_STEPS: Final = (
    "INSERT INTO organization VALUES ('org', 'org')",
    """
    INSERT INTO usage_line (project_id, key_id, user_id, model, base, pool, operation, outcome,
        batch)
    SELECT 'proj_' || k / 10, 'key_' || k, 'user_' || k % 60,
        CASE WHEN m < 5 THEN 'model-' || m ELSE 'ft:model-0:org::' || m END,
        CASE WHEN m < 5 THEN 'model-' || m ELSE 'model-0' END,
        CASE WHEN m < 3 OR m > 4 THEN 'main' ELSE 'metal' END,
        CASE WHEN m = 4 THEN 'embedding' ELSE 'chat' END,
        o, b
    FROM generate_series(0, 199) k, generate_series(0, 7) m,
        unnest(ARRAY['ok', 'client_disconnected', 'upstream_disconnected']) o,
        unnest(ARRAY[false, true]) b
    """,
    """
    CREATE UNLOGGED TABLE event AS
    SELECT timestamptz '{begin}' + random() * interval '{days} days' AS at,
        1 + 48 * CAST(floor(200 * power(random(), 2)) AS int)
            + 6 * CAST(floor(8 * power(random(), 2)) AS int)
            + CASE WHEN random() < 0.97 THEN 0 ELSE CAST(floor(6 * random()) AS int) END AS line,
        random() < 0.01 AS estimated, CAST(1 + 2000 * random() AS int) AS input,
        CAST(400 * random() AS int) AS output, CAST(random() AS int) AS cached
    FROM generate_series(1, {events})
    """,
    "INSERT INTO usage_minute SELECT date_trunc('minute', at), line, {sums} FROM event"
    " GROUP BY 1, 2 ORDER BY 1",
    "INSERT INTO usage_hour SELECT date_trunc('hour', bucket), line, {again}"
    " FROM usage_minute GROUP BY 1, 2 ORDER BY 1",
    "INSERT INTO usage_shared_hour SELECT bucket, project_id, model, operation, batch, {again}"
    " FROM usage_hour JOIN usage_line ON id = line GROUP BY 1, 2, 3, 4, 5 ORDER BY 1",
    "INSERT INTO usage_day SELECT date_trunc('day', bucket), line, {again}"
    " FROM usage_hour GROUP BY 1, 2 ORDER BY 1",
    "INSERT INTO cost_line (project_id, key_id, user_id, model, base, pool, operation)"
    " SELECT DISTINCT project_id, key_id, user_id, model, base, pool, operation FROM usage_line",
    "INSERT INTO cost_day SELECT s.bucket, c.id, sum(input_tokens), sum(cached_input_tokens),"
    " sum(output_tokens), sum(training_tokens) FROM usage_day s JOIN usage_line l ON l.id = s.line"
    " JOIN cost_line c USING (project_id, key_id, user_id, model, base, pool, operation)"
    " GROUP BY s.bucket, c.id ORDER BY s.bucket",
    # Engines did some more than was billed.
    "INSERT INTO engine_day SELECT bucket, pool, sum(input_tokens) + 1000000,"
    " sum(cached_input_tokens), sum(output_tokens) + 50000"
    " FROM cost_day JOIN cost_line ON cost_line.id = line WHERE pool <> '' GROUP BY bucket, pool",
    "INSERT INTO model_price SELECT 'model-' || m, date '2026-01-01', 100000, 50000, 400000, 0,"
    " 100000, 0 FROM generate_series(0, 2) m",
    "INSERT INTO model_price VALUES ('model-0', '2026-09-15', 200000, 50000, 500000, 0, 200000, 0)",
    "INSERT INTO pool_price VALUES ('metal', '2026-01-01', 2500000, 1000, 100, 4000, 1000)",
)


async def make(database: Database, events: int) -> None:
    """Fill an empty, migrated schema."""
    again = ", ".join(
        f"sum({field})"
        for field in (
            "requests", "estimated_requests", "input_tokens", "cached_input_tokens",
            "output_tokens", "training_tokens",
        )
    )  # fmt: skip
    widths = ("minute", "hour", "day")
    # Filling goes faster without the log, and without the indexes that are made at the end.
    for width in widths:
        await _run(database, f"ALTER TABLE usage_{width} SET UNLOGGED")
        await _run(database, f"ALTER TABLE usage_{width} DROP CONSTRAINT usage_{width}_pkey")
    for step in _STEPS:
        text = step.format(begin=BEGIN, days=DAYS, events=events, sums=_SUMS, again=again)
        await _run(database, text)
    for width in widths:
        await _run(database, f"ALTER TABLE usage_{width} ADD PRIMARY KEY (bucket, line)")
    await _run(database, "ANALYZE")


async def rows(database: Database) -> dict[str, int]:
    """Return how many rows each table has."""
    found = {}
    async with database.begin() as connection:
        for table in ("usage_line", "usage_minute", "usage_hour", "usage_shared_hour", "usage_day"):
            count = await connection.scalar(sa.text(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own names
            found[table] = int(count or 0)
    return found


async def tokens(database: Database, condition: str) -> int:
    """Return the input tokens of the events that meet an SQL condition."""
    async with database.begin() as connection:
        query = f"SELECT coalesce(sum(input), 0) FROM event JOIN usage_line ON id = line WHERE {condition}"  # noqa: S608, E501 - our own text
        return int(await connection.scalar(sa.text(query)) or 0)


async def _run(database: Database, text: str) -> None:
    # A month takes longer than a statement of the registry may.
    async with database.begin() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None  # noqa: S101 - an open connection has one
        await driver.execute(_ROOM, timeout=10)
        await driver.execute(text, timeout=600)
