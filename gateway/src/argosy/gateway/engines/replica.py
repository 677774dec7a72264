"""One engine process: what is known of it now.

Knows its health, its load and its failures in a row. Does not decide who is asked; `routing/` does,
and `fleet.py` owns the probes that keep this true.
"""

from __future__ import annotations

import asyncio
import logging

from argosy.gateway.engines.client import Client
from argosy.gateway.engines.dialects.base import Card, Dialect, Gauges
from argosy.gateway.engines.ejection import Ejection

_log = logging.getLogger(__name__)


class Replica:
    """Shared by all requests of the process; changed only in its event loop."""

    __slots__ = (
        "__weakref__", "busy_until", "card", "client", "dialect", "ejection", "gauges",
        "in_flight", "late", "pool", "ready", "reason", "seen", "serves",
        "suspect", "url",
    )  # fmt: skip

    def __init__(
        self, *, pool: str, url: str, dialect: Dialect, client: Client, ejection: Ejection
    ) -> None:
        self.pool = pool
        self.url = url
        self.dialect = dialect
        self.client = client
        self.ejection = ejection
        self.gauges = Gauges()
        # What the engine says of itself; known once it was up.
        self.card = Card()
        # The names of models that the engine knows; None if it takes any name.
        self.serves: frozenset[str] | None = None
        self.in_flight = 0
        # Until this time the engine asked to be left alone, in the clock's monotonic seconds.
        self.busy_until = 0.0
        # Probes in a row that were not answered in time.
        self.late = 0
        self.ready = False
        # Whether it ever was: what has not been up yet is awaited, not gone.
        self.seen = False
        # Why it is not ready, for messages and logs.
        self.reason = "not probed yet"
        # Set when something suggests that the engine is not what it was.
        self.suspect = asyncio.Event()

    def introduced(self, card: Card) -> None:
        """It has said of itself what it serves."""
        self.card = card
        self.serves = card.serves

    def unreachable(self, reason: str) -> None:
        """Take it out at once: nobody listens there. The probe brings it back."""
        if self.ready:
            # Once, whoever comes to the same finding after that.
            _log.warning(
                "replica unreachable: %s", reason, extra={"pool": self.pool, "replica": self.url}
            )
        self.take_out(reason)

    def take_out(self, reason: str) -> None:
        """Ask it no more, until a probe brings it back."""
        self.ready = False
        self.reason = reason
        self.suspect.set()

    def doubt(self) -> None:
        """Ask for a probe soon: a connection broke, the engine may have been restarted."""
        self.suspect.set()
