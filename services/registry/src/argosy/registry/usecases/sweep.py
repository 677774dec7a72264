"""Ends what has ended: files past their time, and bytes that no row names.

Safe with several replicas: rows are taken with SKIP LOCKED, and removing what is gone does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.outbox import Outbox, prune_inbox
from argosy.registry.blobs.contract import AdapterStore, BlobStore
from argosy.registry.datasets.store import versions
from argosy.registry.metrics import Metrics
from argosy.registry.store import adapters, files
from argosy.registry.store.failures import DATABASE_ERRORS
from argosy.registry.usecases import news

_log = logging.getLogger(__name__)

_BATCH: Final = 100


class Sweep:
    """The use cases; `grace_seconds` protects uploads whose row is not committed yet."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        store: AdapterStore,
        outbox: Outbox,
        clock: Clock,
        grace_seconds: float,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._grace = timedelta(seconds=grace_seconds)
        self._metrics = metrics

    async def expire(self) -> int:
        """Delete files whose end has come; returns how many."""
        count = 0
        while True:
            now = self._clock.now()
            async with self._database.begin() as connection:
                gone = await files.remove_expired(connection, now, _BATCH)
                for file in gone:
                    await self._outbox.add(connection, news.file_deleted(file, now))
            for file in gone:
                await self._blobs.delete(file.blob)
            self._metrics.removed.labels("expired_file").inc(len(gone))
            count += len(gone)
            if len(gone) < _BATCH:
                break
        if count:
            self._outbox.wake()
        return count

    async def collect(self) -> int:
        """Remove blobs and adapters that no row names and that are old enough; returns how many.

        Where they come from: a crash between the blob and its row, or between a deleted row and
        its blob.
        """
        cutoff = self._clock.now() - self._grace
        blobs = await self._collect(
            self._blobs.older_than(cutoff), self._known_blobs, self._blobs.delete
        )
        folders = await self._collect(
            self._store.older_than(cutoff), self._known_folders, self._store.delete
        )
        self._metrics.removed.labels("orphan_blob").inc(blobs)
        self._metrics.removed.labels("orphan_adapter").inc(folders)
        return blobs + folders

    async def prune(self) -> int:
        """Forget events that cannot come again; returns how many."""
        async with self._database.begin() as connection:
            return await prune_inbox(connection)

    async def _known_blobs(self, names: list[str]) -> set[str]:
        async with self._database.begin() as connection:
            return await files.known_blobs(connection, names) | await versions.known_blobs(
                connection, names
            )

    async def _known_folders(self, names: list[str]) -> set[str]:
        async with self._database.begin() as connection:
            return await adapters.known_folders(connection, names)

    @staticmethod
    async def _collect(
        found: AsyncIterator[list[str]],
        known: Callable[[list[str]], Awaitable[set[str]]],
        delete: Callable[[str], Awaitable[None]],
    ) -> int:
        count = 0
        async for names in found:
            for name in set(names) - await known(names):
                await delete(name)
                count += 1
        return count


async def repeat(work: Callable[[], Awaitable[int]], seconds: float, name: str) -> None:
    """Do `work` now and every `seconds` until cancelled; a failure is logged and tried again."""
    while True:
        try:
            count = await work()
        except (*DATABASE_ERRORS, OSError) as error:
            _log.warning("%s failed, will be tried again: %s", name, type(error).__name__)
        else:
            if count:
                _log.info("%s: %d", name, count)
        await asyncio.sleep(seconds)
