"""Runs one trace through one policy: events in order of time, results at the end."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.placement.engine import Engine
from benchmarks.placement.policies import Policy, Sent
from benchmarks.placement.speed import Speed
from benchmarks.placement.traces import Request, Trace

MakePolicy = Callable[[Sequence[Engine], int], Policy]

# From an engine to the gateway and back, for a request that was held until another one ended.
ROUND_TRIP: Final = 0.001
# The beginning is not measured: all slots are empty then.
WARM_UP: Final = 0.1

_ASK, _TURN, _SEND, _OTHER = range(4)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. Times to first token in seconds; imbalance is the busiest engine's share
    of requests over the mean share."""

    requests: int
    loads: int
    disk_loads: int
    p50: float
    p99: float
    mean: float
    imbalance: float
    unserved: int


class Simulation:
    """One run."""

    def __init__(self, trace: Trace, make_policy: MakePolicy, speed: Speed) -> None:
        self._trace = trace
        self.engines = [Engine(index, speed) for index in range(trace.shape.replicas)]
        self._policy = make_policy(self.engines, trace.seed)
        self._served = [0] * len(self.engines)
        self._events: list[tuple[float, int, int, object, int]] = []
        self._count = 0
        # For each engine the requests sent there that did not end.
        self._there: list[dict[int, Request]] = [{} for _ in self.engines]

    def run(self) -> Result:
        """Run to the end of the trace, until all requests ended."""
        for request in self._trace.requests:
            request.first_at = None
        arrivals = iter(self._trace.requests)
        upcoming = next(arrivals, None)
        for at, what, which in self._trace.events:
            self._push(at, _OTHER, what, which)
        while upcoming is not None or self._events:
            if upcoming is not None and (
                not self._events or upcoming.arrival <= self._events[0][0]
            ):
                self._send(self._policy.asked(upcoming, upcoming.arrival), upcoming.arrival)
                upcoming = next(arrivals, None)
                continue
            now, _, kind, subject, extra = heapq.heappop(self._events)
            if kind == _TURN:
                self._turn(self.engines[extra], subject, now)
            elif kind == _SEND:
                assert isinstance(subject, Request)  # noqa: S101
                self._submit(subject, extra, now)
            else:
                self._happens(str(subject), extra, now)
        return self._result()

    def _push(self, at: float, kind: int, subject: object, extra: int) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, kind, subject, extra))

    def _turn(self, engine: Engine, version: object, now: float) -> None:
        if version != engine.version:
            return
        firsts, done = engine.turn(now)
        self._schedule(engine)
        there = self._there[engine.index]
        for request in firsts:
            request.first_at = now
            self._later(self._policy.began(request, now), now)
        for request in done:
            del there[request.number]
            self._later(self._policy.ended(request, now), now)

    def _schedule(self, engine: Engine) -> None:
        if engine.next_at < float("inf"):
            self._push(engine.next_at, _TURN, engine.version, engine.index)

    def _send(self, sent: Sent, now: float) -> None:
        for request, index in sent:
            self._submit(request, index, now)

    def _later(self, sent: Sent, now: float) -> None:
        for request, index in sent:
            self._push(now + ROUND_TRIP, _SEND, request, index)

    def _submit(self, request: Request, index: int, now: float) -> None:
        engine = self.engines[index]
        if not engine.alive:
            self._again(request, now)
            return
        self._there[index][request.number] = request
        self._served[index] += 1
        if engine.submit(request, now):
            self._schedule(engine)

    def _again(self, request: Request, now: float) -> None:
        """Its engine died before the first token: it is asked anew."""
        self._later(self._policy.ended(request, now), now)
        self._send(self._policy.asked(request, now), now)

    def _happens(self, what: str, which: int, now: float) -> None:
        policy = self._policy
        if what == "publish":
            self._send(policy.published(which, now), now)
        elif what == "up":
            self.engines[which].alive = True
            self._send(policy.up(which, now), now)
        else:
            engine = self.engines[which]
            there = list(self._there[which].values())
            self._there[which].clear()
            untouched = {request.number for request in engine.die()}
            self._send(policy.down(which, now), now)
            for request in there:
                if request.number in untouched:
                    self._again(request, now)
                else:
                    self._later(policy.ended(request, now), now)

    def _result(self) -> Result:
        requests = self._trace.requests
        measured = requests[int(len(requests) * WARM_UP) :]
        times = sorted(r.first_at - r.arrival for r in measured if r.first_at is not None)
        disk = sum(engine.loads_disk for engine in self.engines)
        return Result(
            requests=len(requests),
            loads=disk + sum(engine.loads_host for engine in self.engines),
            disk_loads=disk,
            p50=times[len(times) // 2],
            p99=times[int(len(times) * 0.99)],
            mean=sum(times) / len(times),
            imbalance=max(self._served) * len(self._served) / sum(self._served),
            unserved=len(measured) - len(times),
        )
