"""Whether serving is quiet, by what the gateways' metrics say: when idle-time jobs may run.

Knows one metric of the gateway. A gateway that does not answer counts as busy: training must not
be what serving waits for. Does not know jobs.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import urlsplit

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
    """Return the requests under way in all gateways of that URL; None if one does not tell."""
    try:
        found = [_in_one(each) for each in _each(url)]
    except (OSError, ValueError) as error:
        _log.warning("a gateway's load is not known: %s", error)
        return None
    return None if None in found else sum(each or 0 for each in found)


def _in_one(url: str) -> float | None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - a setting
        text = answer.read(_LONGEST_ANSWER).decode("utf-8", "replace")
    numbers = [float(value) for value in _IN_FLIGHT.findall(text)]
    return sum(numbers) if numbers else None


def _each(url: str) -> list[str]:
    """Return the URL for each address of its host: a headless service in a cluster has many."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return [url]
    found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    # Of one family: a host may have both, and be the same.
    hosts = sorted({str(each[4][0]) for each in found if each[0] == found[0][0]})
    port = f":{parts.port}" if parts.port else ""
    return [
        parts._replace(netloc=(f"[{host}]" if ":" in host else host) + port).geturl()
        for host in hosts
    ]
