"""Rates and quantiles over the last seconds, from counters that processes showed. Pure.

A counter that fell was begun anew by a restart: what it shows now is what was added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from argosy.cli.top.scrape import Sample

Only = Callable[[dict[str, str]], bool]
Samples = Mapping[str, Sample]

_INFINITY: Final = float("inf")


def everything(_: dict[str, str]) -> bool:
    """Let every series through."""
    return True


class History:
    """Samples of the last `seconds`, of every process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._looks: deque[Samples] = deque()

    def add(self, look: Samples) -> None:
        """Take a new look; looks that are too old are dropped, but for the one to compare with."""
        self._looks.append(look)
        while len(self._looks) > 2 and _age(self._looks[1], look) >= self._seconds:
            self._looks.popleft()

    @property
    def newest(self) -> Samples:
        """The last look."""
        return self._looks[-1]

    @property
    def oldest(self) -> Samples:
        """The look that the newest is compared with."""
        return self._looks[0]

    def of(self, process: str) -> History:
        """Return the history of one process alone."""
        alone = History(self._seconds)
        alone._looks.extend({process: look[process]} for look in self._looks if process in look)
        return alone

    @property
    def span(self) -> float:
        """Seconds between the oldest look and the newest."""
        return _age(self._looks[0], self._looks[-1])

    def total(self, name: str, only: Only = everything) -> float:
        """Return the sum of a gauge now, over all processes."""
        return sum(
            value
            for sample in self.newest.values()
            for labels, value in sample.series(name)
            if only(labels)
        )

    def largest(self, name: str, only: Only = everything) -> float:
        """Return the largest value of a gauge now; 0 if there is none."""
        return max(
            (
                value
                for sample in self.newest.values()
                for labels, value in sample.series(name)
                if only(labels)
            ),
            default=0.0,
        )

    def rate(self, name: str, only: Only = everything) -> float | None:
        """Return what a counter grew a second; None while there is one look only."""
        if self.span <= 0:
            return None
        return sum(self._growth(name, only).values()) / self.span

    def quantile(self, name: str, q: float, only: Only = everything) -> float | None:
        """Return a quantile of a histogram's values of the last seconds; None if there are none.

        As Prometheus has it: linear within a bucket, and the last bound where it is beyond all.
        """
        buckets: dict[float, float] = {}
        for le, count in self._growth(f"{name}_bucket", only, by="le").items():
            buckets[float(le)] = count
        bounds = sorted(buckets)
        if not bounds or not buckets[bounds[-1]]:
            return None
        rank = q * buckets[bounds[-1]]
        below, lower = 0.0, 0.0
        for bound in bounds:
            if buckets[bound] >= rank and buckets[bound] > below:
                if bound == _INFINITY:
                    return lower
                return lower + (bound - lower) * (rank - below) / (buckets[bound] - below)
            below, lower = buckets[bound], bound
        return lower

    def _growth(self, name: str, only: Only, by: str = "") -> dict[str, float]:
        found: dict[str, float] = {}
        for process, sample in self.newest.items():
            before = self._looks[0].get(process)
            if before is None or not before.up:
                # Nobody knows what it had counted then.
                continue
            known = before.values.get(name, {})
            for labels, value in sample.values.get(name, {}).items():
                named = dict(labels)
                if not only(named):
                    continue
                was = known.get(labels, 0.0)
                grown = value - was if value >= was else value
                key = named.get(by, "")
                found[key] = found.get(key, 0.0) + grown
        return found


def _age(first: Samples, last: Samples) -> float:
    """Return the seconds between two looks."""
    if not first or not last:
        return 0.0
    return max(s.at for s in last.values()) - max(s.at for s in first.values())
