"""The policies that are compared: the gateway's own decisions, and those of others.

The others choose an engine the moment a request comes and send it; it waits in the engine's own
queue. They are given more than they have in life: the engines' true state, without delay.
"""

from __future__ import annotations

import bisect
import hashlib
import math
import random
from collections.abc import Sequence
from typing import Protocol

from argosy.gateway.placement.decision import Decider
from argosy.gateway.placement.decision_model import Room, Ticket

from benchmarks.placement.engine import Engine
from benchmarks.placement.traces import Request

Sent = list[tuple[Request, int]]


class Policy(Protocol):
    """Says where requests go. Each answer lists the requests that are sent now, and where."""

    def asked(self, request: Request, now: float) -> Sent: ...

    def began(self, request: Request, now: float) -> Sent: ...

    def ended(self, request: Request, now: float) -> Sent: ...

    def down(self, index: int, now: float) -> Sent: ...

    def up(self, index: int, now: float) -> Sent: ...

    def published(self, adapter: int, now: float) -> Sent: ...


class AtOnce:
    """What the policies that send at once have in common."""

    def __init__(self, engines: Sequence[Engine], seed: int) -> None:
        self.engines = engines
        self.rng = random.Random(seed)  # noqa: S311 - a simulation

    def choose(self, request: Request, alive: Sequence[Engine]) -> Engine:
        raise NotImplementedError

    def asked(self, request: Request, now: float) -> Sent:
        alive = [engine for engine in self.engines if engine.alive]
        return [(request, self.choose(request, alive).index)]

    def began(self, request: Request, now: float) -> Sent:
        return []

    def ended(self, request: Request, now: float) -> Sent:
        return []

    def down(self, index: int, now: float) -> Sent:
        return []

    def up(self, index: int, now: float) -> Sent:
        return []

    def published(self, adapter: int, now: float) -> Sent:
        return []


class Random(AtOnce):
    """Any engine."""

    def choose(self, request: Request, alive: Sequence[Engine]) -> Engine:
        return self.rng.choice(alive)


class LeastLoaded(AtOnce):
    """The engine with the fewest requests."""

    def choose(self, request: Request, alive: Sequence[Engine]) -> Engine:
        least = min(engine.load for engine in alive)
        return self.rng.choice([engine for engine in alive if engine.load == least])


class BoundedHashing(AtOnce):
    """Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018), c = 1.25."""

    def __init__(self, engines: Sequence[Engine], seed: int) -> None:
        super().__init__(engines, seed)
        self._ring = sorted(
            (_point(f"engine {engine.index} {copy}"), engine.index)
            for engine in engines
            for copy in range(100)
        )
        self._points = [point for point, _ in self._ring]

    def choose(self, request: Request, alive: Sequence[Engine]) -> Engine:
        bound = math.ceil(1.25 * (sum(engine.load for engine in alive) + 1) / len(alive))
        start = bisect.bisect(self._points, _point(f"adapter {request.adapter}"))
        for step in range(len(self._ring)):
            engine = self.engines[self._ring[(start + step) % len(self._ring)][1]]
            if engine.alive and engine.load < bound:
                return engine
        raise AssertionError("the bound is above the mean")


class Affinity(AtOnce):
    """llm-d's scorer: resident 1.0, room 0.8, waiting 0.6, full 0.0; equals are drawn by lot."""

    def score(self, request: Request, engine: Engine) -> float:
        if request.adapter in engine.active:
            return 1.0
        waiting = {other.adapter for other in engine.waiting}
        if len(engine.pins.keys() | waiting) < engine.speed.slots:
            return 0.8
        return 0.6 if request.adapter in waiting else 0.0

    def choose(self, request: Request, alive: Sequence[Engine]) -> Engine:
        scores = [self.score(request, engine) for engine in alive]
        best = max(scores)
        return self.rng.choice(
            [engine for engine, score in zip(alive, scores, strict=True) if score == best]
        )


class AffinityAndQueue(Affinity):
    """The same with llm-d's queue scorer beside it, weights 1 and 1, as its charts set it up.

    The queue scorer gives 1 to the shortest waiting queue, 0 to the longest, linear in between.
    """

    def choose(self, request: Request, alive: Sequence[Engine]) -> Engine:
        queues = [len(engine.waiting) for engine in alive]
        low, high = min(queues), max(queues)
        scores = [
            self.score(request, engine) + (1.0 if high == low else (high - queue) / (high - low))
            for engine, queue in zip(alive, queues, strict=True)
        ]
        best = max(scores)
        return self.rng.choice(
            [engine for engine, score in zip(alive, scores, strict=True) if score == best]
        )


class Argosy:
    """The gateway's `Decider`, told what the gateway would know: its own requests and answers."""

    def __init__(self, engines: Sequence[Engine], seed: int) -> None:
        self._engines = engines
        self._usable = frozenset(engine.index for engine in engines)
        self._tickets: dict[int, Ticket[int]] = {}
        self._requests: dict[int, Request] = {}
        self.decider: Decider[int] = Decider(lambda index: engines[index].alive)
        for engine in engines:
            self._join(engine)

    def asked(self, request: Request, now: float) -> Sent:
        name = str(request.adapter)
        ticket = self.decider.resident(name, self._usable, now)
        if ticket is None:
            ticket = self.decider.ask(name, self._usable, now)
        self._tickets[request.number] = ticket
        self._requests[id(ticket)] = request
        return self._sent([ticket]) if ticket.slot is not None else []

    def began(self, request: Request, now: float) -> Sent:
        return self._sent(self.decider.arrived(self._tickets[request.number], now))

    def ended(self, request: Request, now: float) -> Sent:
        ticket = self._tickets.pop(request.number)
        del self._requests[id(ticket)]
        return self._sent(self.decider.finish(ticket, now))

    def down(self, index: int, now: float) -> Sent:
        self.decider.leave(index)
        return []

    def up(self, index: int, now: float) -> Sent:
        self._join(self._engines[index])
        return self._sent(self.decider.retry(now))

    def published(self, adapter: int, now: float) -> Sent:
        sent: Sent = []
        for ticket in self.decider.spread(str(adapter), 1, now, displace=False):
            self._engines[ticket.replica].preload(adapter)
            sent += self._sent(self.decider.arrived(ticket, now))
            sent += self._sent(self.decider.finish(ticket, now))
        return sent

    def _join(self, engine: Engine) -> None:
        speed = engine.speed
        room = Room(speed.slots, speed.host, speed.batch)
        self.decider.join(engine.index, room, f"engine {engine.index}")

    def _sent(self, tickets: list[Ticket[int]]) -> Sent:
        return [(self._requests[id(ticket)], ticket.replica) for ticket in tickets]


def _point(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
