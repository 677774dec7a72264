"""Tells what a piece of work costs, and whether its project may still pay for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.registry.domain.accounts_budgets import MICROS_A_HUNDREDTH, SpendLimit
from argosy.registry.domain.cost_estimates import Bill, Work, bill
from argosy.registry.domain.prices import EVERY_MODEL, hardware_on, price_on
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage import TRAINING
from argosy.registry.store import accounts_budgets, ledger, usage_prices
from argosy.registry.usecases.accounts_spend import month_to_date

# Tokens come to the ledger under these words.
OPERATIONS: Final = frozenset({TRAINING, "chat", "completion", "embedding", "file_search"})


@dataclass(frozen=True, slots=True)
class Spend:
    """A project's money of the month, in millionths; limits in hundredths, None for none."""

    project: int
    organization: int
    project_limit: SpendLimit | None
    organization_limit: SpendLimit | None

    @property
    def project_reached(self) -> bool:
        """Whether the project's own limit is reached."""
        return _reached(self.project, self.project_limit)

    @property
    def exhausted(self) -> bool:
        """Whether one of the limits is reached."""
        return self.project_reached or _reached(self.organization, self.organization_limit)


class CostEstimates:
    """The use cases. `currency` is ISO 4217 in lower case."""

    def __init__(self, database: Database, clock: Clock, currency: str) -> None:
        self._database = database
        self._clock = clock
        self.currency = currency

    async def estimate(self, work: Work, at: datetime | None) -> Bill:
        """Return what the work costs by the prices of its day. Raises RuleBroken."""
        operation = work.operation
        if operation not in OPERATIONS:
            raise RuleBroken(
                f"operation must be one of {', '.join(sorted(OPERATIONS))}.", param="operation"
            )
        day = (at or self._clock.now()).date()
        async with self._database.begin() as connection:
            base, pool = (await ledger.places(connection, {work.model}))[work.model]
            pool = ledger.TRAINER if operation == TRAINING else pool
            tokens = price_on(
                await usage_prices.of_models(connection), day, (work.model, base, EVERY_MODEL)
            )
            hardware = hardware_on(await usage_prices.of_pools(connection), day, pool)
            if hardware is not None and work.seconds is None and operation == TRAINING:
                pace = await ledger.training_seconds(connection, work.model)
                work = replace(work, seconds=None if pace is None else pace * work.training)
        return bill(work, tokens, hardware)

    async def spend(self, project_id: str) -> Spend:
        """Return what the project and the organization have spent this month."""
        async with self._database.begin() as connection:
            limits = await accounts_budgets.limits_of_money(connection)
            spent = await month_to_date(connection, self._clock.now())
        return Spend(
            spent.get(project_id, 0), spent.get("", 0), limits.get(project_id), limits.get("")
        )


def _reached(spent: int, limit: SpendLimit | None) -> bool:
    return limit is not None and spent >= limit.threshold * MICROS_A_HUNDREDTH
