"""How much the embedder may hold at once. A permit comes before a place in the queue.

Full means an answer at once: waiting for room would only move the queue to where nobody sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from argosy.kit.errors import RateLimited
from prometheus_client import Gauge


class Permits:
    """Counts texts in hand, never more than `limit`. Used from the event loop only."""

    def __init__(self, limit: int, held: Gauge) -> None:
        self._limit = limit
        self._held = 0
        self._gauge = held

    @contextmanager
    def hold(self, count: int) -> Iterator[None]:
        """Hold permits for `count` texts during the block; raises RateLimited if full."""
        if self._held + count > self._limit:
            raise RateLimited(
                f"The embedder holds {self._held} of at most {self._limit} texts and has no room "
                f"for {count} more. Send the request again in a few seconds.",
                code="embedder_overloaded",
            )
        self._move(count)
        try:
            yield
        finally:
            self._move(-count)

    def _move(self, by: int) -> None:
        self._held += by
        self._gauge.set(self._held)
