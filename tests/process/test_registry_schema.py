"""The migrations make what `store.tables` says, on an empty database and on one that is current."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from argosy.kit.db import Database
from argosy.registry.datasets.store import tables as dataset_tables
from argosy.registry.store import accounts_tables, measure_tables, usage_tables, webhooks
from pydantic import SecretStr

from tests.harness.registry_fleet import Fleet, fleet

MIGRATIONS = "argosy.registry.store.migrations"
# Every module of tables adds to the one metadata.
METADATA = accounts_tables.metadata
assert measure_tables.metadata is usage_tables.metadata is METADATA
assert dataset_tables.metadata is webhooks.webhook_message.metadata is METADATA


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture
async def database(ships: Fleet) -> AsyncIterator[Database]:
    url = await ships.postgres.new_database("schema")
    async with Database.open(SecretStr(url), "registry") as database:
        yield database


def differences(connection: sa.Connection) -> list[object]:
    # The outbox, the inbox and Alembic's own table belong to the kit.
    kits = {"outbox", "inbox", "alembic_version"}
    context = MigrationContext.configure(
        connection,
        opts={"include_name": lambda name, kind, _: not (kind == "table" and name in kits)},
    )
    return list(compare_metadata(context, METADATA))


async def test_migrations_and_tables_agree(database: Database) -> None:
    await asyncio.gather(*(database.migrate(MIGRATIONS) for _ in range(3)))
    await database.migrate(MIGRATIONS)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(sa.text("ALTER TABLE file DROP COLUMN sha256"))
        assert await connection.run_sync(differences) != []
