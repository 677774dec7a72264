"""Keeps the prices of the catalogue file where reports find them, and tells gateways today's.

A price begins with its day: then gateways are told the models anew, as they are when a start finds
other prices in the file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.catalog import Change, EntryKind
from argosy.registry.domain.prices import ModelPrice, PoolPrice, price_on
from argosy.registry.store import adapters, catalog, changes, usage_prices
from argosy.registry.store.failures import DATABASE_ERRORS
from argosy.registry.usecases.watch import Feed
from sqlalchemy.ext.asyncio import AsyncConnection

_log = logging.getLogger(__name__)

# How late gateways may learn of a new day's prices.
_LOOK_SECONDS: Final = 30.0


class Prices:
    """The use cases of prices, which the file names and nobody else changes."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        clock: Clock,
        models: Sequence[ModelPrice],
        pools: Sequence[PoolPrice],
    ) -> None:
        self._database = database
        self._feed = feed
        self._clock = clock
        self._models = models
        self._pools = pools
        self._told = clock.now().date()

    async def seed(self) -> bool:
        """Bring the database to the file; tells whether it was different."""
        async with self._database.begin() as connection:
            await changes.lock(connection)
            same = set(await usage_prices.of_models(connection)) == set(self._models) and (
                set(await usage_prices.of_pools(connection)) == set(self._pools)
            )
            if not same:
                await usage_prices.replace(connection, self._models, self._pools)
                await self._note(connection)
        return not same

    def today(self, *names: str) -> ModelPrice | None:
        """Return what holds today for the first of `names` that has a price."""
        return price_on(self._models, self._clock.now().date(), names)

    async def run(self) -> None:
        """Announce prices as their days begin, until cancelled."""
        while True:
            try:
                await self.announce()
            except DATABASE_ERRORS as error:
                _log.warning("new prices wait for the database: %s", type(error).__name__)
            await asyncio.sleep(_LOOK_SECONDS)

    async def announce(self) -> int:
        """Tell gateways of prices that began since the last time; returns how many did."""
        today = self._clock.now().date()
        begun = sum(self._told < price.valid_from <= today for price in self._models)
        if begun:
            async with self._database.begin() as connection:
                await changes.lock(connection)
                await self._note(connection)
            self._feed.wake()
        self._told = today
        return begun

    async def _note(self, connection: AsyncConnection) -> None:
        named = [price.model for price in self._models]
        ids = [model.id for model in await catalog.base_models(connection)]
        ids += [served.adapter.id for served in await adapters.alive(connection, named)]
        await changes.append(connection, [Change(EntryKind.MODEL, each) for each in ids])
