"""The migrations make the tables that the code speaks of, and a second start changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from argosy.trainer.store.tables import metadata
from sqlalchemy.ext.asyncio import create_async_engine

from tests.harness.trainer_fleet import Yard, yard


@pytest.fixture
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


def describe(connection: sa.Connection, schema: str) -> dict[str, object]:
    """Return every table's columns, keys and indexes, as the database has them."""
    inspector = sa.inspect(connection)
    described: dict[str, object] = {}
    for table in metadata.tables:
        described[table] = (
            {
                column["name"]: (str(column["type"]), column["nullable"], str(column["default"]))
                for column in inspector.get_columns(table, schema)
            },
            inspector.get_pk_constraint(table, schema)["constrained_columns"],
            sorted(
                (i["name"] or "", i["column_names"], i["unique"])
                for i in inspector.get_indexes(table, schema)
            ),
            sorted(u["column_names"] for u in inspector.get_unique_constraints(table, schema)),
            sorted(f["referred_table"] for f in inspector.get_foreign_keys(table, schema)),
        )
    return described


async def test_migrations_and_tables_agree(ships: Yard) -> None:
    trainer = await asyncio.to_thread(ships.trainer)
    await asyncio.to_thread(trainer.start)
    await asyncio.to_thread(trainer.stop)
    url = trainer.env["ARGOSY_DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        migrated = await connection.run_sync(describe, "trainer")
        await connection.execute(sa.text("CREATE SCHEMA described"))
        await connection.execute(sa.text("SET search_path = described"))
        await connection.run_sync(metadata.create_all)
        declared = await connection.run_sync(describe, "described")
    await engine.dispose()
    assert migrated == declared
    # A start on a schema that is there already.
    await asyncio.to_thread(trainer.start)
