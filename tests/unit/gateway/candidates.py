"""Replicas as the routing policies see them, without engines."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Gauges:
    running: int = 0
    waiting: int = 0
    kv_cache_usage: float = 0.0


@dataclass
class Standing:
    out: bool = False
    failing: float = 0.0

    def admits(self, now: float) -> bool:
        return not self.out

    def failure_share(self, now: float) -> float:
        return self.failing


@dataclass(eq=False)
class Stub:
    """A candidate for routing."""

    url: str
    ready: bool = True
    in_flight: int = 0
    busy_until: float = 0.0
    serves: frozenset[str] | None = None
    gauges: Gauges = field(default_factory=Gauges)
    ejection: Standing = field(default_factory=Standing)
