"""What engines count of their own work, against what was billed of it. Knows sums, no storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by kind; `cached` are part of `read`."""

    read: int = 0
    cached: int = 0
    written: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.read + other.read, self.cached + other.cached, self.written + other.written
        )

    def beyond(self, other: Tokens) -> Tokens:
        """Return by how much each kind exceeds the other's."""
        return Tokens(
            max(0, self.read - other.read),
            max(0, self.cached - other.cached),
            max(0, self.written - other.written),
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """One life of an engine: what it counted when it was first seen, and last."""

    pool: str
    engine: str
    started_ms: int
    first: Tokens
    latest: Tokens

    @property
    def counted(self) -> Tokens:
        """What it has done since it was first seen."""
        return self.latest.beyond(self.first)

    def joined(self, before: Counter) -> Counter:
        """Return both readings of the same life as one, whichever came first."""
        return Counter(
            self.pool,
            self.engine,
            self.started_ms,
            _each(min, self.first, before.first),
            _each(max, self.latest, before.latest),
        )


def _each(choose: Callable[[int, int], int], one: Tokens, other: Tokens) -> Tokens:
    return Tokens(
        choose(one.read, other.read),
        choose(one.cached, other.cached),
        choose(one.written, other.written),
    )
