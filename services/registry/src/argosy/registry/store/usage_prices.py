"""The prices that the catalogue file named last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa
from argosy.registry.domain.prices import ModelPrice, PoolPrice
from argosy.registry.store.usage_tables import model_price, pool_price
from sqlalchemy.ext.asyncio import AsyncConnection


async def of_models(connection: AsyncConnection) -> list[ModelPrice]:
    """Return all prices of tokens, those to come too."""
    rows = await connection.execute(sa.select(model_price))
    return [ModelPrice(**row._mapping) for row in rows]


async def of_pools(connection: AsyncConnection) -> list[PoolPrice]:
    """Return all prices of hardware, those to come too."""
    rows = await connection.execute(sa.select(pool_price))
    return [PoolPrice(**row._mapping) for row in rows]


async def replace(
    connection: AsyncConnection, models: Sequence[ModelPrice], pools: Sequence[PoolPrice]
) -> None:
    """Make these the prices."""
    for table, prices in ((model_price, models), (pool_price, pools)):
        await connection.execute(table.delete())
        if prices:
            await connection.execute(table.insert(), [asdict(price) for price in prices])
