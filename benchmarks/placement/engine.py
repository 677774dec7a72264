"""One engine as vLLM 0.32 behaves where adapters matter, step by step but without idle steps.

From `v1/core/sched/scheduler.py`: running requests always take part; waiting ones are looked at in
order of arrival, and one whose adapter would be number `max_loras` + 1 of the step is stepped over,
keeping its place. From `lora/worker_manager.py`: what a step needs is brought inside the step, one
after the other, so a load delays everyone; the adapter used longest ago gives way, in the slots and
in host memory. Left out: KV-cache pressure, chunked prefill, speculation. Times are in seconds.
"""

from __future__ import annotations

import heapq
import math
from typing import Final

from benchmarks.placement.speed import Speed
from benchmarks.placement.traces import Request

IDLE: Final = 0
DECODE: Final = 1
PREFILL: Final = 2


class Engine:
    """State of one engine. The simulation calls `turn` at `next_at`."""

    __slots__ = (
        "active", "admitted", "alive", "began", "due", "host", "index", "loads_disk", "loads_host",
        "next_at", "phase", "pins", "running", "speed",
        "stall", "steps", "tau", "version", "waiting",
    )  # fmt: skip

    def __init__(self, index: int, speed: Speed) -> None:
        self.index = index
        self.speed = speed
        self.loads_host = 0
        self.loads_disk = 0
        self.version = 0
        self.alive = True
        self._clear()

    def _clear(self) -> None:
        self.steps = 0
        self.phase = IDLE
        self.began = 0.0
        self.tau = 0.0
        # Steps of this stretch after which a request ends.
        self.due = 0
        self.next_at = math.inf
        self.stall = 0.0
        self.waiting: list[Request] = []
        self.running: list[tuple[int, int, Request]] = []
        self.admitted: list[Request] = []
        self.pins: dict[int, int] = {}
        self.active: dict[int, None] = {}
        self.host: dict[int, None] = {}

    @property
    def load(self) -> int:
        """Requests here, running or waiting."""
        return len(self.running) + len(self.waiting)

    def die(self) -> list[Request]:
        """Lose everything; return the requests that no token was sent of."""
        lost = self.waiting + (self.admitted if self.phase == PREFILL else [])
        self._clear()
        self.version += 1
        self.alive = False
        return lost

    def submit(self, request: Request, now: float) -> bool:
        """Take a request in; tell whether `next_at` changed."""
        self.waiting.append(request)
        if self.phase == IDLE:
            self._step(now)
            return True
        if self.phase == DECODE and self._fits(request.adapter):
            # It is looked at when the present step ends.
            steps = max(1, math.ceil((now - self.began) / self.tau - 1e-9))
            if steps < self.due:
                self.due = steps
                self.next_at = self.began + steps * self.tau
                self.version += 1
                return True
        return False

    def preload(self, adapter: int) -> None:
        """Bring an adapter that nobody asks for yet; the next step takes longer by that."""
        if adapter not in self.active and len(self.pins) < self.speed.slots:
            self.stall += self._activate(adapter)

    def turn(self, now: float) -> tuple[list[Request], list[Request]]:
        """End the stretch at `next_at`; return who got a first token and who is done."""
        self.steps += self.due
        firsts = self.admitted
        self.admitted = []
        done: list[Request] = []
        running = self.running
        while running and running[0][0] <= self.steps:
            request = heapq.heappop(running)[2]
            done.append(request)
            self._unpin(request.adapter)
        self._step(now)
        return firsts, done

    def _fits(self, adapter: int) -> bool:
        if len(self.running) >= self.speed.batch:
            return False
        return adapter in self.pins or len(self.pins) < self.speed.slots

    def _unpin(self, adapter: int) -> None:
        left = self.pins[adapter] - 1
        if left:
            self.pins[adapter] = left
            return
        del self.pins[adapter]
        for cache in (self.active, self.host):
            cache.pop(adapter, None)
            cache[adapter] = None

    def _step(self, now: float) -> None:
        seconds = self.stall + (self._admit() if self.waiting else 0.0)
        self.stall = 0.0
        self.version += 1
        self.began = now
        self.tau = self.speed.step_seconds(len(self.running))
        if self.admitted:
            self.phase = PREFILL
            self.due = 1
            self.next_at = now + self.tau + seconds
        elif self.running:
            self.phase = DECODE
            self.due = self.running[0][0] - self.steps
            # What was brought ahead holds up the whole stretch.
            self.began += seconds
            self.next_at = self.began + self.due * self.tau
        else:
            self.phase = IDLE
            self.due = 0
            self.next_at = math.inf

    def _admit(self) -> float:
        """Let waiting requests into the next step; return what prompts and loads add to it."""
        speed = self.speed
        tokens, seconds = 0, 0.0
        kept: list[Request] = []
        for position, request in enumerate(self.waiting):
            full = len(self.running) >= speed.batch or tokens >= speed.budget
            if full:
                kept += self.waiting[position:]
                break
            if not self._fits(request.adapter):
                kept.append(request)
                continue
            tokens += request.prompt
            seconds += self._activate(request.adapter)
            self.pins[request.adapter] = self.pins.get(request.adapter, 0) + 1
            heapq.heappush(self.running, (self.steps + request.output, request.number, request))
            self.admitted.append(request)
        self.waiting = kept
        return seconds + tokens * speed.per_token

    def _activate(self, adapter: int) -> float:
        if adapter in self.active:
            return 0.0
        seconds = 0.0
        if adapter in self.host:
            self.loads_host += 1
            del self.host[adapter]
        else:
            self.loads_disk += 1
            seconds += self.speed.disk_load
            if len(self.host) >= self.speed.host:
                del self.host[next(name for name in self.host if name not in self.pins)]
        self.host[adapter] = None
        if len(self.active) >= self.speed.slots:
            del self.active[next(name for name in self.active if name not in self.pins)]
        self.active[adapter] = None
        return seconds + self.speed.host_load
