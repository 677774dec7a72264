"""Keeps prices where reports find them, and tells gateways today's.

They stand in the catalogue file, or administrators set them: what these set comes first. A price
begins with its day: then gateways are told the models anew, as they are when a start finds other
prices in the file, or an administrator has changed one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import NotFound
from argosy.registry.domain.accounts_audit import Actor, AuditType
from argosy.registry.domain.catalog import Change, EntryKind
from argosy.registry.domain.prices import (
    EVERY_MODEL,
    ModelPrice,
    PoolPrice,
    Priced,
    check_price,
    price_on,
)
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.store import adapters, catalog, changes, usage_prices
from argosy.registry.store.failures import DATABASE_ERRORS
from argosy.registry.store.ledger import EMBEDDER, TRAINER
from argosy.registry.usecases.accounts_desk import Desk, Work
from argosy.registry.usecases.watch import Feed
from sqlalchemy.ext.asyncio import AsyncConnection

_log = logging.getLogger(__name__)

# How late gateways may learn of a new day's prices.
_LOOK_SECONDS: Final = 30.0
# As much of an unknown name as an answer repeats.
_ECHO: Final = 128


class Prices:
    """The use cases of prices. `models` and `pools` are what the file names."""

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
        self._held: Sequence[ModelPrice] = models
        self._told = clock.now().date()

    async def seed(self) -> bool:
        """Bring the database to the file; tells whether it was different."""
        async with self._database.begin() as connection:
            await changes.lock(connection)
            origin = usage_prices.CATALOG
            same = set(await usage_prices.of_models(connection, origin)) == set(self._models) and (
                set(await usage_prices.of_pools(connection, origin)) == set(self._pools)
            )
            if not same:
                await usage_prices.replace(connection, self._models, self._pools)
            self._held = await usage_prices.of_models(connection)
            if not same:
                await self._note(connection)
        return not same

    def today(self, *names: str) -> ModelPrice | None:
        """Return what holds today for the first of `names` that has a price."""
        return price_on(self._held, self._clock.now().date(), names)

    async def listed(self) -> list[tuple[Priced, str]]:
        """Return every price with where it is from, the API's beside those of the file."""
        found: list[tuple[Priced, str]] = []
        async with self._database.begin() as connection:
            for origin in (usage_prices.API, usage_prices.CATALOG):
                found += [(p, origin) for p in await usage_prices.of_models(connection, origin)]
                found += [(p, origin) for p in await usage_prices.of_pools(connection, origin)]
        return sorted(found, key=lambda each: (_name(each[0]), each[0].valid_from, each[1]))

    async def set(self, desk: Desk, actor: Actor, price: Priced) -> None:
        """Set a price from a day on, also instead of one of the file. Raises RuleBroken."""
        check_price(price)
        async with desk.change(actor) as work:
            await _check_known(work.connection, price)
            await usage_prices.put(work.connection, price)
            self._changed(work, price)
        await self.announce()

    async def unset(self, desk: Desk, actor: Actor, price: Priced) -> None:
        """Take back what was set for a name and a day. Raises NotFound."""
        async with desk.change(actor) as work:
            if not await usage_prices.remove(work.connection, price):
                raise NotFound("No such price was set here; those of the file stay.")
            self._changed(work, price)
        await self.announce()

    @staticmethod
    def _changed(work: Work, price: Priced) -> None:
        work.note(
            AuditType.ORGANIZATION_UPDATED,
            "organization",
            price=_name(price),
            valid_from=price.valid_from.isoformat(),
        )

    async def run(self) -> None:
        """Announce prices as their days begin, until cancelled."""
        while True:
            try:
                await self.announce()
            except DATABASE_ERRORS as error:
                _log.warning("new prices wait for the database: %s", type(error).__name__)
            await asyncio.sleep(_LOOK_SECONDS)

    async def announce(self) -> int:
        """Tell gateways of prices that began or changed since the last time; returns how many."""
        today = self._clock.now().date()
        async with self._database.begin() as connection:
            prices = await usage_prices.of_models(connection)
        changed = set(prices) ^ set(self._held)
        begun = {price for price in prices if self._told < price.valid_from <= today}
        # What is told from now on is what is held.
        before, self._held = self._held, prices
        count = len(begun | {price for price in changed if price.valid_from <= today})
        if count:
            async with self._database.begin() as connection:
                await changes.lock(connection)
                await self._note(connection, before)
            self._feed.wake()
        self._told = today
        return count

    async def _note(self, connection: AsyncConnection, before: Sequence[ModelPrice] = ()) -> None:
        named = sorted({price.model for price in (*self._held, *before)})
        ids = [model.id for model in await catalog.base_models(connection)]
        ids += [served.adapter.id for served in await adapters.alive(connection, named)]
        await changes.append(connection, [Change(EntryKind.MODEL, each) for each in ids])


def _name(price: Priced) -> str:
    return price.model if isinstance(price, ModelPrice) else price.pool


async def _check_known(connection: AsyncConnection, price: Priced) -> None:
    """Raise RuleBroken for a name that is nothing's: its price would never be charged."""
    if isinstance(price, PoolPrice):
        names = {pool.name for pool in await catalog.pools(connection)} | {TRAINER, EMBEDDER}
        if price.pool not in names:
            raise RuleBroken(
                f"There is no pool '{price.pool[:_ECHO]}'. Name one of: "
                f"{', '.join(sorted(names))}.",
                param="pool",
                code="invalid_value",
            )
    elif price.model != EVERY_MODEL:
        known = await catalog.base_models(connection, [price.model])
        if not known and not await adapters.known(connection, [price.model]):
            raise RuleBroken(
                f"There is no model '{price.model[:_ECHO]}'. Name one that the list of models has, "
                f"or {EVERY_MODEL} for all that have no price of their own.",
                param="model",
                code="model_not_found",
            )
