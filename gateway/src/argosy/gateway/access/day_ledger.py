"""Limits of a day over all gateways: what the ledger has of today corrects what is counted here.

A gateway counts by itself and at once; what others have used, and what it has forgotten itself, it
learns from the ledger some seconds later. Knows who is asked for and what uses cost. Does not know
how counts are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from argosy.api.registry.v1.metering_pb2 import ReadDayResponse
from argosy.gateway.access.limits import Limits
from argosy.gateway.access.prices import cost_of
from argosy.gateway.served_model import Tariff
from argosy.kit.errors import ApiError

_log = logging.getLogger(__name__)

# By project, name and base, as the model may be gone.
PriceOf = Callable[[str, str, str], Tariff | None]

# Keys, or projects, of one question.
_AT_ONCE: Final = 1000


class Ledger(Protocol):
    """Where all gateways' usage is."""

    async def day(self, project_ids: Sequence[str], key_ids: Sequence[str]) -> ReadDayResponse:
        """Return what these have used today; raises ApiError."""


class DayLedger:
    """Asks every `seconds`, and at once when someone comes who was not known. `run` until
    cancelled.
    """

    def __init__(
        self, limits: Limits, ledger: Ledger, price_of: PriceOf, *, seconds: float
    ) -> None:
        self._limits = limits
        self._ledger = ledger
        self._price_of = price_of
        self._seconds = seconds

    async def run(self) -> None:
        """Learn again and again; while the ledger is away, what is known stays."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._limits.newcomer.wait()
            self._limits.newcomer.clear()
            try:
                await self.learn()
            except ApiError as error:
                _log.warning("limits of the day count this machine alone: %s", error.message)
                await asyncio.sleep(self._seconds)

    async def learn(self) -> None:
        """Learn what those with limits of a day have used of it; raises ApiError."""
        limited = self._limits.limited_by_day()
        projects, keys = sorted(limited["project"]), sorted(limited["key"])
        for start in range(0, max(len(projects), len(keys)), _AT_ONCE):
            end = start + _AT_ONCE
            self._take(await self._ledger.day(projects[start:end], keys[start:end]))

    def _take(self, told: ReadDayResponse) -> None:
        used: dict[tuple[str, str], tuple[int, int]] = {}
        for use in told.uses:
            read, cached, written = use.tokens.input, use.tokens.cached_input, use.tokens.output
            price = self._price_of(use.project_id, use.model, use.base)
            cost = cost_of(price, read, cached, written)
            for whose in (("project", use.project_id), ("key", use.key_id)):
                before = used.get(whose, (0, 0))
                used[whose] = before[0] + read + written, before[1] + cost
        self._limits.learn_day(told.day, used)
