"""A cap on the requests that each pool works on at once, with a bounded queue in order of arrival.

Knows counts and waiting times. Does not know models or engines.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from argosy.gateway.errors import QueueFull, QueueTimeout
from prometheus_client import CollectorRegistry, Gauge


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """For each pool: requests at work, requests waiting, and seconds that one may wait."""

    concurrent: int = 256
    queued: int = 512
    wait_seconds: float = 30.0


class _Gate:
    def __init__(self) -> None:
        self.in_flight = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class Permit:
    """`async with` it: entered when it is this request's turn, given back on any way out."""

    __slots__ = ("_gate", "_limits", "_pool")

    def __init__(self, pool: str, gate: _Gate, limits: AdmissionLimits) -> None:
        self._pool = pool
        self._gate = gate
        self._limits = limits

    async def __aenter__(self) -> Self:
        gate, limits = self._gate, self._limits
        if gate.in_flight < limits.concurrent:
            gate.in_flight += 1
            return self
        if len(gate.waiting) >= limits.queued:
            raise QueueFull(
                f"The queue of pool {self._pool!r} is full: {limits.queued} requests are waiting. "
                "Try again in a few seconds, or send fewer requests at once."
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        gate.waiting.append(turn)
        try:
            async with asyncio.timeout(limits.wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                # The turn came in the same moment: it is the next one's.
                self._release()
            elif turn in gate.waiting:
                gate.waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise QueueTimeout(
                    f"The request waited {limits.wait_seconds:g} s in the queue of pool "
                    f"{self._pool!r}. Try again in a few seconds."
                ) from error
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._release()

    def _release(self) -> None:
        gate = self._gate
        while gate.waiting:
            turn = gate.waiting.popleft()
            if not turn.done():
                # The permit is handed over: the count stays.
                turn.set_result(None)
                return
        gate.in_flight -= 1


class Admission:
    """The permits of all pools."""

    def __init__(
        self,
        *,
        metrics: CollectorRegistry,
        limits: AdmissionLimits = AdmissionLimits(),
    ) -> None:
        self._limits = limits
        self._gates: dict[str, _Gate] = {}
        self._in_flight = Gauge(
            "argosy_gateway_permits_in_flight",
            "Requests that hold a permit.",
            ["pool"],
            registry=metrics,
        )
        self._queued = Gauge(
            "argosy_gateway_queued_requests",
            "Requests that wait for a permit.",
            ["pool"],
            registry=metrics,
        )

    def permit(self, pool: str) -> Permit:
        """Return a permit to enter. Entering raises QueueFull or QueueTimeout."""
        gate = self._gates.get(pool)
        if gate is None:
            gate = self._gates[pool] = _Gate()
            self._in_flight.labels(pool).set_function(lambda: float(gate.in_flight))
            self._queued.labels(pool).set_function(lambda: float(len(gate.waiting)))
        return Permit(pool, gate, self._limits)

    @property
    def in_flight(self) -> int:
        """Permits that are held now, over all pools."""
        return sum(gate.in_flight for gate in self._gates.values())
