"""A ledger with prices and a catalogue on a database of its own, for what costs are asked."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.registry.domain.prices import ModelPrice, PoolPrice
from argosy.registry.domain.usage import Usage
from argosy.registry.metrics import Metrics
from argosy.registry.store import usage_prices
from argosy.registry.usecases.ledger import Ledger
from argosy.registry.usecases.usage_costs import UsageCosts
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.harness.registry_fleet import Fleet
from tests.harness.usage_ledger import BEGIN, event_of

DAYS = 4
FIRST = BEGIN.date()
DAY = timedelta(days=1)
PRICES = (
    ModelPrice("base-one", FIRST, 150_000, 75_000, 600_001, 3_000_000, 20_003, 4_000_001),
    ModelPrice("base-one", FIRST + 2 * DAY, 300_000, 33_333, 900_000, 1, 31_000, 5),
    ModelPrice("ft:base-one:org::abcd1234", FIRST + DAY, 7, 7, 7, 7, 8, 9),
    ModelPrice("*", FIRST + 3 * DAY, 1_000_000, 1_000_000, 1_000_000, 0, 500_000, 4_000_000),
)
# The catalogue that `places` makes: base-two is served by `metal`, and tuned models' base is known.
METAL = PoolPrice("metal", FIRST + DAY, 2_500_000, 1000, 100, 4000, 1000)
TRAINER = PoolPrice("trainer", FIRST + 2 * DAY, 777_777, 1000, 100, 4000, 1000)
CATALOG = (
    "INSERT INTO organization VALUES ('org', 'org')",
    "INSERT INTO project (id, organization_id, name) VALUES ('proj_a', 'org', 'A')",
    "INSERT INTO base_model (id, kind, owned_by, context_length, trainable, pool, weights_path, "
    "created_at) VALUES ('base-one', 'base', '', 1, false, 'main', '', now()), "
    "('base-two', 'base', '', 1, false, 'metal', '', now())",
    "INSERT INTO adapter (id, kind, project_id, owned_by, base, job_id, step, rank, folder, "
    "sha256, created_at) VALUES ('ft:base-one:org::abcd1234', 'tuned', 'proj_a', '', 'base-one', "
    "'j', 1, 8, 'f', '', now())",
)


@asynccontextmanager
async def ledger_database(ships: Fleet) -> AsyncIterator[Database]:
    """Open a new database with the catalogue in it."""
    url = await ships.postgres.new_database(f"costs_{random.randrange(2**32)}")
    async with Database.open(SecretStr(url), "registry") as database:
        await database.migrate("argosy.registry.store.migrations")
        async with database.begin() as connection:
            for text in CATALOG:
                await connection.execute(sa.text(text))
        yield database


async def fill(database: Database, uses: Sequence[Usage], pools: Sequence[PoolPrice] = ()) -> None:
    async with database.begin() as connection:
        await usage_prices.replace(connection, PRICES, pools)
    book = Ledger(database, Metrics(CollectorRegistry()))
    for start in range(0, len(uses), 100):
        await book.record([event_of(use) for use in uses[start : start + 100]])


def costs_of(database: Database, now: datetime | None = None) -> UsageCosts:
    return UsageCosts(database, ManualClock(now or BEGIN + timedelta(days=DAYS + 2)), "eur")
