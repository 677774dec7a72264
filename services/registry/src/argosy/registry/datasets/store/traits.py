"""What an insight found of each record of a version: the latest insight's, by position."""

from __future__ import annotations

from collections.abc import Iterable

from argosy.registry.datasets.store.records import copy_rows
from argosy.registry.datasets.store.tables import trait
from sqlalchemy.ext.asyncio import AsyncConnection


async def replace(connection: AsyncConnection, version_seq: int, lines: Iterable[str]) -> None:
    """Keep the traits of a version's records: lines of position, tab, JSON for COPY."""
    await remove(connection, version_seq)
    rows = (f"{version_seq}\t{line}\n" for line in lines)
    await copy_rows(connection, trait.name, ["version", "position", "traits"], rows)


async def remove(connection: AsyncConnection, version_seq: int) -> None:
    """Forget a version's traits."""
    await connection.execute(trait.delete().where(trait.c.version == version_seq))
