"""A lower bound on loads, by one who knows the future. Knows adapters in order of arrival only.

All slots of all engines are taken as one cache, in which nothing is held by running requests and
every copy serves everyone; what is asked for again last gives way (Belady 1966: no rule of
replacement loads less for a given order). Real engines cannot reach it: their slots are apart, held
while requests run, and a hot adapter needs more than one.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from benchmarks.placement.traces import OUTPUT, Trace


def fewest_loads(adapters: Sequence[int], slots: int) -> int:
    """Return the loads of the best replacement for this order of requests."""
    never = len(adapters)
    following = [never] * len(adapters)
    seen: dict[int, int] = {}
    for position in range(len(adapters) - 1, -1, -1):
        following[position] = seen.get(adapters[position], never)
        seen[adapters[position]] = position
    held: dict[int, int] = {}
    furthest: list[tuple[int, int]] = []
    loads = 0
    for position, adapter in enumerate(adapters):
        if adapter not in held:
            loads += 1
            if len(held) >= slots:
                while True:
                    nearness, victim = heapq.heappop(furthest)
                    if held.get(victim) == -nearness:
                        del held[victim]
                        break
        held[adapter] = following[position]
        heapq.heappush(furthest, (-following[position], adapter))
    return loads


def fewest_loads_held(trace: Trace, slots: int, seconds: float) -> int:
    """Return the loads of the same foresight where a slot is held while its requests run.

    Not a proven bound, but nearer to what any policy could do: each request runs at once and for
    its share of `seconds`, a mean request's time; where all slots are held, one more is lent.
    """
    requests = trace.requests
    never = len(requests)
    following = [never] * never
    seen: dict[int, int] = {}
    for position in range(never - 1, -1, -1):
        following[position] = seen.get(requests[position].adapter, never)
        seen[requests[position].adapter] = position
    running: dict[int, int] = {}
    latest: dict[int, int] = {}
    ends: list[tuple[float, int]] = []
    idle: list[tuple[int, int, int]] = []
    loads = 0
    for position, request in enumerate(requests):
        adapter = request.adapter
        while ends and ends[0][0] <= request.arrival:
            ended = heapq.heappop(ends)[1]
            running[ended] -= 1
            if not running[ended]:
                heapq.heappush(idle, (-following[latest[ended]], latest[ended], ended))
        if adapter not in latest:
            loads += 1
            while len(latest) >= slots and idle:
                _, last, victim = heapq.heappop(idle)
                if latest.get(victim) == last and not running[victim]:
                    del latest[victim]
        latest[adapter] = position
        running[adapter] = running.get(adapter, 0) + 1
        share = seconds * request.output / OUTPUT
        heapq.heappush(ends, (request.arrival + share, adapter))
    return loads
