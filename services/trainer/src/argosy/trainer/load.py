"""Whether serving is quiet, by what the gateways' metrics say: when idle-time jobs may run.

Knows one metric of the gateway. A gateway that does not answer counts as busy: training must not
be what serving waits for. Does not know jobs.
"""

from __future__ import annotations

import asyncio
import logging
import re
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from argosy.kit.clock import Clock

_log = logging.getLogger(__name__)

_IN_FLIGHT: Final = re.compile(r"^argosy_gateway_requests_in_flight(?:\{[^}]*\})? (\S+)$", re.M)
_TIMEOUT: Final = 3.0
_LONGEST_ANSWER: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class LoadPolicy:
    """Serving is quiet when no more than `requests` were under way for `seconds` on end.

    `urls` are the gateways' pages of metrics.
    """

    urls: Sequence[str]
    requests: int
    seconds: float
    period: float


class ServingLoad:
    """Looks at the gateways at intervals."""

    def __init__(self, policy: LoadPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._busy_until = clock.monotonic() + policy.seconds
        self._busy = asyncio.Event()
        self._busy.set()

    @property
    def watched(self) -> bool:
        """Whether anybody looks: without it, nothing may wait for quiet."""
        return bool(self._policy.urls)

    @property
    def quiet(self) -> bool:
        return not self._busy.is_set()

    async def until_busy(self) -> None:
        await self._busy.wait()

    async def watch(self) -> NoReturn:
        """Look until cancelled."""
        while True:
            if self.watched:
                await self._look()
            await asyncio.sleep(self._policy.period)

    async def _look(self) -> None:
        now = self._clock.monotonic()
        found = await asyncio.gather(*(asyncio.to_thread(in_flight, u) for u in self._policy.urls))
        if None in found or sum(each or 0 for each in found) > self._policy.requests:
            self._busy_until = now + self._policy.seconds
            if self.quiet:
                _log.info("serving is busy: idle-time jobs make room")
            self._busy.set()
        elif now >= self._busy_until:
            self._busy.clear()


def in_flight(url: str) -> float | None:
    """Return the requests under way in one gateway; None if it does not tell."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - a setting
            text = answer.read(_LONGEST_ANSWER).decode("utf-8", "replace")
        numbers = [float(value) for value in _IN_FLIGHT.findall(text)]
    except (OSError, ValueError) as error:
        _log.warning("a gateway's load is not known: %s", error)
        return None
    return sum(numbers) if numbers else None
