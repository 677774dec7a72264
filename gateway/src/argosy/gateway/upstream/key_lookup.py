"""A key by its digest: once from the registry, so that a key works the moment it is created.

Knows how not to ask too often: equal questions share one answer, a digest without a key is not
asked for again within a second, and all questions together have a rate. What is learned goes into
the catalogue; a key that was revoked meanwhile does not. Does not know what a key may do.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from argosy.api.registry.v1.accounts_pb2 import FindKeyResponse
from argosy.api.registry.v1.registry_pb2 import Key, Project
from argosy.gateway.catalog import Catalog
from argosy.gateway.upstream.recent import Recent
from argosy.kit.clock import Clock
from argosy.kit.errors import NotFound, Unavailable

_ABSENT_SECONDS: Final = 1.0
# An answer that was under way while the key was revoked must not bring it back.
_TOMBSTONE_SECONDS: Final = 60.0
_CONCURRENT: Final = 8
# Beyond this, new keys wait for the watch, which is a matter of milliseconds.
_QUESTIONS_A_SECOND: Final = 50


class Source(Protocol):
    """Where a key is asked for."""

    async def find_key(self, digest: bytes) -> FindKeyResponse:
        """Raises NotFound, or Unavailable."""


class KeyLookup:
    """Answers a miss of the snapshot."""

    def __init__(self, source: Source, catalog: Catalog, clock: Clock) -> None:
        self._source = source
        self._catalog = catalog
        self._clock = clock
        self._asking: dict[bytes, asyncio.Task[bool]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENT)
        self._absent = Recent(clock, _ABSENT_SECONDS)
        self._revoked = Recent(clock, _TOMBSTONE_SECONDS)
        self._second = 0
        self._asked = 0
        catalog.on_key_removed(self._revoked.add)

    async def find(self, digest: bytes) -> bool:
        """Put the key into the catalogue and tell whether there is one.

        Raises Unavailable if the registry does not answer.
        """
        if digest.hex() in self._absent:
            return False
        task = self._asking.get(digest)
        if task is None:
            if not self._may_ask():
                return False
            task = asyncio.create_task(self._ask(digest), name="key lookup")
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._answered(digest, done))
        # One caller that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def learn(self, key: Key, project: Project | None) -> bool:
        """Put a key into the catalogue unless it was revoked lately; tell whether it is there."""
        if key.id in self._revoked:
            return False
        self._catalog.learn_key(key, project)
        return True

    async def _ask(self, digest: bytes) -> bool:
        try:
            async with self._slots:
                answer = await self._source.find_key(digest)
        except NotFound:
            self._absent.add(digest.hex())
            return False
        except Unavailable as error:
            raise Unavailable(
                "API keys cannot be checked right now. Try again in a few seconds.",
                code="keys_unavailable",
            ) from error
        return self.learn(answer.key, answer.project if answer.HasField("project") else None)

    def _may_ask(self) -> bool:
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._asked = second, 0
        self._asked += 1
        return self._asked <= _QUESTIONS_A_SECOND

    def _answered(self, digest: bytes, task: asyncio.Task[bool]) -> None:
        del self._asking[digest]
        if not task.cancelled():
            task.exception()  # all who asked may be gone; the error is theirs, not the loop's
