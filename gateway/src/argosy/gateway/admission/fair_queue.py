"""Who is next: higher priorities first, within one fair between projects by their shares.

Fairness is start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), a request being one unit
of work. How much of the room one project may take is a dynamic threshold (Choudhury and Hahne,
IEEE/ACM Transactions on Networking, 1998): a multiple of the room that is free, smaller for lower
priorities. So one project alone never fills the queue, and whoever else comes finds room without
anyone being thrown out.

When a line begins, whoever holds places at work has had that much already, so that one project's
flood does not count as nothing because it came first. A project that has asked for less than its
part for a while comes first for some requests, as sleepers do in Linux's CFS (`place_entity`): what
it did not use a moment ago is not lost to it, as far as one turnover of all who are at work.

Pure: knows priorities, projects and shares. Does not know what waits, nor time.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from argosy.api.registry.v1.registry_pb2 import (
    PRIORITY_BATCH,
    PRIORITY_DEFAULT,
    PRIORITY_FLEX,
    PRIORITY_HIGH,
)

T = TypeVar("T")

# How many times the free room one project may fill. At 4 it alone fills four fifths.
_THRESHOLD: Final[Mapping[int, int]] = {
    PRIORITY_BATCH: 1,
    PRIORITY_FLEX: 2,
    PRIORITY_DEFAULT: 4,
    PRIORITY_HIGH: 8,
}


class Waiter(Generic[T]):
    """A place in the queue."""

    __slots__ = ("gone", "item", "priority", "project_id", "share")

    def __init__(self, item: T, priority: int, project_id: str, share: float) -> None:
        self.item = item
        self.priority = priority
        self.project_id = project_id
        self.share = share
        self.gone = False


class _Class(Generic[T]):
    """Waiters of one priority."""

    def __init__(self, held: Mapping[str, int]) -> None:
        self._held = held
        self.waiting = 0
        self.shares = 0.0
        self._clock = 0.0
        self._arrivals = 0
        self._heap: list[tuple[float, int, Waiter[T]]] = []
        self._finish: dict[str, float] = {}
        self._of_project: dict[str, int] = {}

    def of_project(self, project_id: str) -> int:
        return self._of_project.get(project_id, 0)

    def push(self, waiter: Waiter[T], credit: float) -> None:
        project = waiter.project_id
        had = self._finish.get(project)
        if had is None:
            had = self._held.get(project, 0) / waiter.share
        start = max(self._clock - credit, had)
        self._finish[project] = start + 1.0 / waiter.share
        self._arrivals += 1
        heapq.heappush(self._heap, (start, self._arrivals, waiter))
        waiting = self._of_project.get(project, 0)
        if not waiting:
            self.shares += waiter.share
        self._of_project[project] = waiting + 1
        self.waiting += 1

    def pop(self) -> Waiter[T]:
        while True:
            start, _, waiter = heapq.heappop(self._heap)
            if not waiter.gone:
                self._clock = max(self._clock, start)
                self.remove(waiter)
                return waiter

    def remove(self, waiter: Waiter[T]) -> None:
        """Forget the waiter; its entry in the heap goes when it comes up, or with the last one."""
        waiter.gone = True
        self.waiting -= 1
        left = self._of_project[waiter.project_id] - 1
        if left:
            self._of_project[waiter.project_id] = left
        else:
            del self._of_project[waiter.project_id]
            self.shares -= waiter.share
        if not self.waiting:
            # Nobody is behind or ahead of anybody any more.
            self._heap.clear()
            self._finish.clear()
            self._clock = self.shares = 0.0
        elif len(self._heap) > 2 * self.waiting + 64:
            self._heap = [entry for entry in self._heap if not entry[2].gone]
            heapq.heapify(self._heap)


class FairQueue(Generic[T]):
    """A bounded queue of `room` places.

    `held` says, at any time, how many requests of each project are at work, `credit` how many of a
    project of share 1 may come first after a time without.
    """

    def __init__(self, room: int, credit: float, held: Mapping[str, int]) -> None:
        self.room = room
        self.credit = credit
        self.waiting = 0
        # Of all priorities.
        self._of_project: dict[str, int] = {}
        # Highest first.
        self._classes: dict[int, _Class[T]] = {
            priority: _Class(held) for priority in sorted(_THRESHOLD, reverse=True)
        }

    def has_room(self, priority: int, project_id: str) -> bool:
        """Tell whether one more request of the project may wait."""
        own = self._of_project.get(project_id, 0)
        return own < _THRESHOLD[priority] * (self.room - self.waiting)

    def ahead(self, priority: int, project_id: str, share: float) -> float:
        """Return how many would be served before one that came now, others keeping away."""
        found = self._classes[priority]
        own = found.of_project(project_id)
        shares = found.shares + (0.0 if own else share)
        turns = min(float(found.waiting), (own + 1) * shares / share - 1)
        higher = sum(c.waiting for p, c in self._classes.items() if p > priority)
        return higher + turns

    def push(self, item: T, priority: int, project_id: str, share: float) -> Waiter[T]:
        """Add a request at the end of its project's line; ask `has_room` before."""
        waiter = Waiter(item, priority, project_id, share)
        self._classes[priority].push(waiter, self.credit)
        self.waiting += 1
        self._of_project[project_id] = self._of_project.get(project_id, 0) + 1
        return waiter

    def pop(self) -> T | None:
        """Remove and return who is next; None if nobody waits."""
        for found in self._classes.values():
            if found.waiting:
                waiter = found.pop()
                self._forget(waiter.project_id)
                return waiter.item
        return None

    def remove(self, waiter: Waiter[T]) -> None:
        """Remove one that no longer waits; without effect for one that has been served."""
        if not waiter.gone:
            self._classes[waiter.priority].remove(waiter)
            self._forget(waiter.project_id)

    def _forget(self, project_id: str) -> None:
        self.waiting -= 1
        if left := self._of_project[project_id] - 1:
            self._of_project[project_id] = left
        else:
            del self._of_project[project_id]
