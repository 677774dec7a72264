"""What a process tells of its end of the event stream: how far behind it is, and what it gave up.

Learns it from what the stream says beside each event, so that no question is asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge


class BusMetrics:
    """The instruments of one connection. A consumer is a word of the code, so a closed list."""

    def __init__(self, registry: CollectorRegistry, connected: Callable[[], bool]) -> None:
        Gauge(
            "argosy_bus_connected",
            "1 while the process has a connection to the event stream.",
            registry=registry,
        ).set_function(lambda: float(connected()))
        self._pending = Gauge(
            "argosy_bus_consumer_pending_events",
            "Events of the stream that the consumer has not been handed yet.",
            ["consumer"],
            registry=registry,
        )
        self._lag = Gauge(
            "argosy_bus_consumer_lag_seconds",
            "Age of the event that the consumer was handed last; 0 once it has them all.",
            ["consumer"],
            registry=registry,
        )
        self._dead = Counter(
            "argosy_bus_dead_letters",
            "Events that a consumer gave up after all tries.",
            ["consumer"],
            registry=registry,
        )

    def follows(self, consumer: str) -> None:
        """Show the consumer's series from the start."""
        self.behind(consumer, 0)
        self._dead.labels(consumer)

    def behind(self, consumer: str, pending: int, stored_at: datetime | None = None) -> None:
        """So many events are left; the oldest one in hand came to the stream at `stored_at`."""
        self._pending.labels(consumer).set(pending)
        age = 0.0
        if stored_at is not None:
            age = max(0.0, (datetime.now(UTC) - stored_at).total_seconds())
        self._lag.labels(consumer).set(age)

    def dead(self, consumer: str) -> None:
        """An event was moved to the dead letters."""
        self._dead.labels(consumer).inc()
