"""Sends messages to users' URLs: at least once, later and later, for three days.

A message commits with what it tells of. It is leased while it is sent, so that replicas share the
work, and a process that dies in the middle only makes a message arrive twice, under the same id.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.webhooks import Caller, ForbiddenUrl, NotDelivered, secret_of, signed
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.metrics import Metrics
from argosy.registry.store import webhooks
from argosy.registry.store.webhooks import Message

_log = logging.getLogger(__name__)

_BATCH: Final = 16
_KEEP: Final = timedelta(days=3)
# Between one attempt and the next; the last one again and again.
_WAITS: Final = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14_400))


class Webhooks:
    """The use case. `timeout` is the caller's: how long one attempt takes at most."""

    def __init__(
        self,
        database: Database,
        caller: Caller,
        clock: Clock,
        pepper: bytes,
        timeout: float,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._caller = caller
        self._clock = clock
        self._pepper = pepper
        self._lease = timedelta(seconds=2 * timeout + 5)
        self._metrics = metrics

    def secret(self, purpose: str) -> str:
        """Return the secret that signs messages of a purpose."""
        return secret_of(self._pepper, purpose)

    def check(self, url: str, *, param: str) -> None:
        """Raise RuleBroken for a URL that would never be called."""
        try:
            self._caller.check(url)
        except ForbiddenUrl as error:
            raise RuleBroken(f"{param} {error}", param=param, code="forbidden_url") from None

    async def deliver(self) -> int:
        """Try once what is due; return how many messages were taken."""
        delivered = 0
        while True:
            async with self._database.begin() as connection:
                due = await webhooks.take(connection, self._clock.now(), self._lease, _BATCH)
            delivered += sum(await asyncio.gather(*map(self._attempt, due)))
            if len(due) < _BATCH:
                return delivered

    async def _attempt(self, message: Message) -> bool:
        now = self._clock.now()
        headers = signed(
            self.secret(message.secret_of), message.id, int(now.timestamp()), message.body
        )
        try:
            await self._caller.post(message.url, headers, message.body)
        except (ForbiddenUrl, NotDelivered) as error:
            refused = isinstance(error, ForbiddenUrl)
            self._metrics.webhooks.labels("forbidden" if refused else "failed").inc()
            await self._later(message, str(error))
            return False
        async with self._database.begin() as connection:
            await webhooks.remove(connection, message.id)
        self._metrics.webhooks.labels("delivered").inc()
        return True

    async def _later(self, message: Message, why: str) -> None:
        # The URL may hold a secret of its owner: it is not logged.
        wait = _WAITS[min(message.attempts, len(_WAITS)) - 1]
        until = self._clock.now() + wait
        async with self._database.begin() as connection:
            if until - message.created_at > _KEEP:
                await webhooks.remove(connection, message.id)
                self._metrics.webhooks.labels("given_up").inc()
                _log.warning("webhook message %s is given up: %s", message.id, why)
                return
            await webhooks.put_off(connection, message.id, until)
        _log.info("webhook message %s waits for attempt %d", message.id, message.attempts + 1)
