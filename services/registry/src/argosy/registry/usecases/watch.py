"""The watch of the catalogue: everything there is, then each change as it commits.

`Feed` is one task a process that learns of new revisions, its own at once (by `wake`) and other
replicas' by asking the table. `Watch` serves one watcher from there. A watcher gets the present
state of what changed, never a history: two changes of one entry may reach it as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from argosy.kit.db import Database
from argosy.kit.errors import Unavailable
from argosy.registry.domain.catalog import Change, EntryKind, Pool, Project
from argosy.registry.domain.keys import Key
from argosy.registry.domain.models import CatalogModel, ServedAdapter
from argosy.registry.domain.routes import Route
from argosy.registry.metrics import Metrics
from argosy.registry.store import (
    accounts_budgets,
    accounts_keys,
    adapters,
    catalog,
    changes,
    routes,
)
from argosy.registry.store.failures import DATABASE_ERRORS
from sqlalchemy.ext.asyncio import AsyncConnection

_log = logging.getLogger(__name__)

_BATCH: Final = 500
_REFERRED_FIRST: Final = (
    EntryKind.PROJECT,
    EntryKind.POOL,
    EntryKind.MODEL,
    EntryKind.ROUTE,
    EntryKind.KEY,
)

Entry = Key | Project | CatalogModel | ServedAdapter | Pool | Route


@dataclass(frozen=True, slots=True)
class Update:
    """What a watcher is told: an entry as it is now, a removal, `synced` or a heartbeat."""

    revision: int
    entry: Entry | None = None
    removal: Change | None = None
    synced: bool = False


class Feed:
    """Knows the newest revision and lets watchers wait for one beyond theirs."""

    def __init__(self, database: Database, poll_seconds: float, metrics: Metrics) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._moved = asyncio.Condition()
        self._newest = 0
        self._working = True

    def wake(self) -> None:
        """Say that this process has committed a change."""
        self._wake.set()

    async def run(self) -> None:
        """Follow the table until cancelled; then all waits end with Unavailable."""
        try:
            while True:
                await self._look()
                # Not `wait_for`: with Python 3.11 it may swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            await self._tell(self._newest, working=False)

    async def beyond(self, revision: int, seconds: float) -> bool:
        """Wait up to `seconds` for a revision beyond `revision`; tell whether there is one.

        Raises Unavailable while the table cannot be read: silence would pass for "no change".
        """
        async with self._moved:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._moved.wait_for(lambda: not self._working or self._newest > revision)
            if not self._working:
                raise Unavailable("The catalogue cannot be followed right now. Watch again.")
            return self._newest > revision

    async def _look(self) -> None:
        try:
            async with self._database.begin() as connection:
                newest = await changes.newest(connection)
        except DATABASE_ERRORS as error:
            _log.warning("catalogue feed waits for the database: %s", type(error).__name__)
            await self._tell(self._newest, working=False)
            return
        await self._tell(newest, working=True)

    async def _tell(self, newest: int, *, working: bool) -> None:
        self._metrics.revision.set(newest)
        async with self._moved:
            self._newest = newest
            self._working = working
            self._moved.notify_all()


class Watch:
    """The use case; one object a process."""

    def __init__(
        self, database: Database, feed: Feed, heartbeat_seconds: float, metrics: Metrics
    ) -> None:
        self._database = database
        self._feed = feed
        self._heartbeat_seconds = heartbeat_seconds
        self._metrics = metrics

    async def __call__(self) -> AsyncIterator[Update]:
        """Yield what exists, `synced`, then changes, and a heartbeat where nothing changes.

        Ends only by Unavailable or when the caller stops asking.
        """
        with self._metrics.watchers.track_inprogress():
            revision, entries = await self._everything()
            for entry in entries:
                yield Update(revision, entry=entry)
            yield Update(revision, synced=True)
            while True:
                if not await self._feed.beyond(revision, self._heartbeat_seconds):
                    yield Update(revision)
                    continue
                for update in await self._since(revision):
                    revision = update.revision
                    yield update

    async def _everything(self) -> tuple[int, list[Entry]]:
        async with self._database.begin() as connection:
            await changes.one_moment(connection)
            revision = await changes.newest(connection)
            # Referred before referring: a watcher never sees a key without its project.
            entries: list[Entry] = []
            for kind in _REFERRED_FIRST:
                entries.extend((await _load(connection, kind, None)).values())
        return revision, entries

    async def _since(self, revision: int) -> list[Update]:
        async with self._database.begin() as connection:
            await changes.one_moment(connection)
            found = await changes.beyond(connection, revision, _BATCH)
            now: dict[EntryKind, dict[str, Entry]] = {}
            for kind in {r.change.kind for r in found}:
                wanted = [r.change.id for r in found if r.change.kind is kind]
                now[kind] = await _load(connection, kind, wanted)
        updates = []
        for revised in found:
            entry = now[revised.change.kind].get(revised.change.id)
            removal = revised.change if entry is None else None
            updates.append(Update(revised.revision, entry=entry, removal=removal))
        return updates


async def _load(
    connection: AsyncConnection, kind: EntryKind, ids: list[str] | None
) -> dict[str, Entry]:
    """Return the entries of a kind as they are now, by id; all of them for `ids` None."""
    if kind is EntryKind.PROJECT:
        projects = await catalog.projects(connection, ids)
        return {p.id: p for p in await accounts_budgets.with_budgets(connection, projects)}
    if kind is EntryKind.KEY:
        return {k.id: k for k in await accounts_keys.working(connection, ids=ids)}
    if kind is EntryKind.POOL:
        return {p.name: p for p in await catalog.pools(connection, ids)}
    if kind is EntryKind.ROUTE:
        return {r.name: r for r in await routes.routes(connection, ids)}
    shared: dict[str, Entry] = {m.id: m for m in await catalog.base_models(connection, ids)}
    return shared | {a.adapter.id: a for a in await adapters.alive(connection, ids)}
