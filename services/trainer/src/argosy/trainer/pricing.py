"""Prices of training, as the registry tells them. Knows gRPC; decides nothing."""

from __future__ import annotations

from dataclasses import replace

from argosy.kit.errors import ApiError
from argosy.trainer.domain.asked import IDLE
from argosy.trainer.domain.cost import Cost
from argosy.trainer.registry import Registry


class Pricing:
    """Puts money to what a job takes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def priced(self, base: str, cost: Cost, schedule: str) -> Cost:
        """Return `cost` with money, and with time where the registry knows the pace.

        Idle time is free. Raises `Unavailable`.
        """
        if cost.tokens is None:
            return cost
        bill = await self._registry.training_cost(base, cost.tokens, cost.seconds or 0.0)
        seconds = cost.seconds or bill.seconds or None
        if schedule == IDLE:
            return replace(cost, seconds=seconds, micros=0, currency=bill.currency)
        if not bill.priced:
            return replace(cost, seconds=seconds)
        return replace(cost, seconds=seconds, micros=bill.micros, currency=bill.currency)

    async def tried(self, base: str, cost: Cost, schedule: str) -> Cost:
        """Return the same, or `cost` as it is if the registry does not answer."""
        try:
            return await self.priced(base, cost, schedule)
        except ApiError:
            return cost
