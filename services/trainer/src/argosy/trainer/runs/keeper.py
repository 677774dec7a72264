"""Keeps a lease while a job is worked on, and notices when the work must stop.

Knows leases. Does not know what the work is.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final, NoReturn

from argosy.kit.clock import Clock
from argosy.trainer.domain.job import Lease
from argosy.trainer.domain.states import ACTIVE, State
from argosy.trainer.patience import wait_for_event
from argosy.trainer.runs.outcomes import JobStopped, LeaseLost
from argosy.trainer.store import leases
from argosy.trainer.store.transactions import DatabaseAway, Transactions

# A cancel that another process accepted is noticed this many seconds later at most.
_LONGEST_PERIOD: Final = 3.0


class Keeper:
    """Renews one lease. Work that must stop has `margin` seconds for it before the lease lapses."""

    def __init__(
        self,
        transactions: Transactions,
        lease: Lease,
        clock: Clock,
        *,
        seconds: float,
        margin: float,
        states: frozenset[State] = ACTIVE,
    ) -> None:
        self._transactions = transactions
        self._lease = lease
        self._clock = clock
        self._seconds = seconds
        self._margin = min(margin, seconds / 3)
        self._period = min(_LONGEST_PERIOD, seconds / 3)
        self._states = states
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """The job's state may have changed: look now."""
        self._nudged.set()

    async def keep(self) -> NoReturn:
        """Renew until cancelled. Raises `LeaseLost` or `JobStopped`."""
        good_until = self._clock.monotonic() + self._seconds - self._margin
        while True:
            await wait_for_event(self._nudged, self._period)
            asked = self._clock.monotonic()
            try:
                async with asyncio.timeout(self._period):
                    state = await self._renew()
            except (DatabaseAway, TimeoutError):
                if self._clock.monotonic() >= good_until:
                    raise LeaseLost from None
                continue
            if state is None:
                raise LeaseLost
            good_until = asked + self._seconds - self._margin
            if state not in self._states:
                raise JobStopped(state)

    async def _renew(self) -> State | None:
        async with self._transactions.begin() as connection:
            return await leases.renew(connection, self._lease, timedelta(seconds=self._seconds))
