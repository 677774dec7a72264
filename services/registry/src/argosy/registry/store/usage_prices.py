"""Prices: those of the catalogue file, and those that were set by the API, which come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa
from argosy.registry.domain.prices import ModelPrice, PoolPrice, Priced
from argosy.registry.store.usage_tables import model_price, pool_price
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

CATALOG: Final = "catalog"
API: Final = "api"


async def of_models(connection: AsyncConnection, origin: str | None = None) -> list[ModelPrice]:
    """Return the prices of tokens that hold, those to come too; or those of one origin."""
    return [ModelPrice(**values) for values in await _rows(connection, model_price, origin)]


async def of_pools(connection: AsyncConnection, origin: str | None = None) -> list[PoolPrice]:
    """Return the prices of hardware that hold, those to come too; or those of one origin."""
    return [PoolPrice(**values) for values in await _rows(connection, pool_price, origin)]


async def replace(
    connection: AsyncConnection, models: Sequence[ModelPrice], pools: Sequence[PoolPrice]
) -> None:
    """Make these the prices of the catalogue file."""
    for table, prices in ((model_price, models), (pool_price, pools)):
        await connection.execute(table.delete().where(table.c.origin == CATALOG))
        if prices:
            rows = [asdict(price) | {"origin": CATALOG} for price in prices]
            await connection.execute(table.insert(), rows)


async def put(connection: AsyncConnection, price: Priced) -> None:
    """Insert or replace a price of the API."""
    table = model_price if isinstance(price, ModelPrice) else pool_price
    values = asdict(price) | {"origin": API}
    await connection.execute(
        insert(table)
        .values(values)
        .on_conflict_do_update(index_elements=list(table.primary_key), set_=values)
    )


async def remove(connection: AsyncConnection, price: Priced) -> bool:
    """Take back a price of the API; False if there is none of that name and day."""
    table, name = (
        (model_price, model_price.c.model == price.model)
        if isinstance(price, ModelPrice)
        else (pool_price, pool_price.c.pool == price.pool)
    )
    gone = await connection.execute(
        table.delete()
        .where(name, table.c.valid_from == price.valid_from, table.c.origin == API)
        .returning(table.c.valid_from)
    )
    return gone.first() is not None


async def _rows(
    connection: AsyncConnection, table: sa.Table, origin: str | None
) -> list[dict[str, Any]]:
    columns = [column for column in table.c if column is not table.c.origin]
    name = columns[0]
    query = sa.select(*columns).order_by(name, table.c.valid_from, table.c.origin)
    if origin is None:
        # `api` comes before `catalog`.
        query = query.ext(distinct_on(name, table.c.valid_from))
    else:
        query = query.where(table.c.origin == origin)
    return [dict(row._mapping) for row in await connection.execute(query)]
