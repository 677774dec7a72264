"""Prices from the catalogue file to gateways, and sums of what was in the ledger before them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import alembic.command
import argosy.kit
import argosy.registry.store.migrations
import pytest
import sqlalchemy as sa
from alembic.config import Config
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.registry.domain.catalog import EntryKind
from argosy.registry.domain.prices import ModelPrice, PoolPrice
from argosy.registry.metrics import Metrics
from argosy.registry.store import changes, usage_prices
from argosy.registry.usecases.usage_prices import Prices
from argosy.registry.usecases.watch import Feed
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.harness.registry_client import Client, Watcher
from tests.harness.registry_fleet import CATALOG, Fleet, Registry, fleet

PRICED = """
[[price]]
model = "base-one"
input = 0.25
output = 1.5

[[price]]
model = "*"
valid_from = 2999-01-01
input = 9
"""
MODEL = "INSERT INTO base_model VALUES ('base-one', 'base', '', 1, false, 'main', '', now())"


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def registry(ships: Fleet) -> Registry:
    registry = ships.registry("told", catalog=CATALOG + PRICED)
    registry.start()
    return registry


@pytest.fixture
async def database(ships: Fleet) -> AsyncIterator[Database]:
    url = await ships.postgres.new_database(f"prices_{random.randrange(2**32)}")
    async with Database.open(SecretStr(url), "registry") as database:
        yield database


async def test_gateways_are_told_todays_prices(registry: Registry) -> None:
    async with Client(registry) as client:
        watching = Watcher(client.catalog)
        await watching.until("synced")
        watching.cancel()
        priced = watching.entries["model", "base-one"].price
        assert (priced.input, priced.cached_input, priced.output) == (250_000, 250_000, 1_500_000)
        assert not watching.entries["model", "vectors"].HasField("price")


async def test_a_new_days_price_is_told_when_it_begins(database: Database) -> None:
    await database.migrate("argosy.registry.store.migrations")
    async with database.begin() as connection:
        await connection.execute(sa.text(MODEL))
    clock = ManualClock(datetime(2026, 5, 31, 23, 59, 50, tzinfo=UTC))
    feed = Feed(database, 60, Metrics(CollectorRegistry()))
    now = ModelPrice("base-one", date(2026, 1, 1), 1, 1, 1, 1)
    soon = ModelPrice("base-one", date(2026, 6, 1), 2, 2, 2, 2)
    pool = PoolPrice("main", date(2026, 1, 1), 1, 1, 1, 1, 1)
    prices = Prices(database, feed, clock, [now, soon], [pool])
    assert await prices.seed()
    assert not await Prices(database, feed, clock, [soon, now], [pool]).seed()
    async with database.begin() as connection:
        assert set(await usage_prices.of_models(connection)) == {now, soon}
        assert await usage_prices.of_pools(connection) == [pool]
        seeded = await changes.newest(connection)
        assert seeded
    assert await prices.announce() == 0
    assert prices.today("base-one") == now
    clock.advance(20)
    assert prices.today("base-one") == soon
    assert await prices.announce() == 1
    assert await prices.announce() == 0
    async with database.begin() as connection:
        (told,) = await changes.beyond(connection, seeded, 10)
    assert (told.change.kind, told.change.id) == (EntryKind.MODEL, "base-one")


async def test_what_was_counted_before_is_summed(database: Database) -> None:
    def upgrade(connection: sa.Connection, revision: str) -> None:
        config = Config()
        kit = Path(argosy.kit.__file__).parent / "migrations"
        versions = Path(argosy.registry.store.migrations.__file__).parent / "versions"
        config.set_main_option("script_location", str(kit))
        config.set_main_option("version_locations", str(versions))
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)

    async with database.begin() as connection:
        await connection.execute(sa.text("CREATE SCHEMA registry"))
        await connection.run_sync(upgrade, "0003")
        await connection.execute(sa.text(MODEL))
        await connection.execute(
            sa.text(
                "INSERT INTO usage_event (id, occurred_at, project_id, key_id, model, request_id, "
                "operation, outcome, input_tokens, output_tokens, cached_input_tokens, "
                "training_tokens, estimated, duration_ms, first_token_ms) VALUES (:id, :at, 'p', "
                "'k', 'base-one', 'r', 'chat', :outcome, :read, 10, 0, 0, false, 0, 0)"
            ),
            [
                {
                    "id": f"e{number}",
                    "at": datetime(2026, 1, 1, 10, number, 7, tzinfo=UTC),
                    "outcome": outcome,
                    "read": number,
                }
                for number, outcome in enumerate(("ok", "ok", "queue_full"))
            ],
        )
    await database.migrate("argosy.registry.store.migrations")
    async with database.begin() as connection:
        for width, rows in (("minute", 3), ("hour", 2), ("shared_hour", 1), ("day", 2)):
            found = await connection.execute(
                sa.text(f"SELECT requests, input_tokens, output_tokens FROM usage_{width}")  # noqa: S608 - our own
            )
            sums = found.all()
            assert len(sums) == rows
            assert [sum(column) for column in zip(*sums, strict=True)] == [3, 3, 30]
        pools = await connection.scalars(sa.text("SELECT DISTINCT pool FROM usage_line"))
        assert list(pools) == ["main"]
