"""Where every change of accounts is made: one transaction with its audit entries and revisions.

A change that is in the database is in the audit log, and gateways hear of it, or it is not there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import Conflict, NotFound
from argosy.registry.domain.accounts import ProjectRecord
from argosy.registry.domain.accounts_audit import Actor, AuditType, Note
from argosy.registry.domain.catalog import Change, EntryKind
from argosy.registry.domain.paging import Page
from argosy.registry.domain.paging import page as checked_page
from argosy.registry.store import accounts, accounts_audit, changes
from argosy.registry.usecases.watch import Feed
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

DEFAULT_PAGE: Final = 20
MAX_PAGE: Final = 100
# As much of an unknown id as an answer repeats.
_ECHO: Final = 128


@dataclass(slots=True)
class Work:
    """One change under way: its transaction, its moment, and what it has to tell."""

    connection: AsyncConnection
    now: datetime
    notes: list[Note] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)

    def note(
        self, kind: AuditType, resource_id: str, project_id: str = "", **details: object
    ) -> None:
        """Let the audit log have an entry."""
        self.notes.append(Note(kind, resource_id, project_id, details))

    def tell(self, kind: EntryKind, *ids: str, removed: bool = False) -> None:
        """Let watchers hear that entries have changed."""
        self.changed.extend(Change(kind, i, removed) for i in ids)


class Desk:
    """Opens transactions for the use cases of accounts."""

    def __init__(self, database: Database, feed: Feed, clock: Clock) -> None:
        self._database = database
        self._feed = feed
        self._clock = clock

    def now(self) -> datetime:
        """Return the wall time."""
        return self._clock.now()

    @asynccontextmanager
    async def change(self, actor: Actor) -> AsyncIterator[Work]:
        """Run the block as one change by `actor`; nothing of it stays if it raises."""
        async with self._database.begin() as connection:
            await changes.lock(connection)
            work = Work(connection, self._clock.now())
            yield work
            await accounts_audit.add(connection, actor, work.notes, work.now)
            await changes.append(connection, work.changed)
        if work.changed:
            self._feed.wake()

    @asynccontextmanager
    async def look(self) -> AsyncIterator[AsyncConnection]:
        """Run the block in a transaction that reads."""
        async with self._database.begin() as connection:
            yield connection


def page_of(after: str, limit: int, *, ascending: bool = True) -> Page:
    """Return a page of 1 to 100 entries, 20 for 0; raises RuleBroken."""
    return checked_page(after, limit, ascending=ascending, default=DEFAULT_PAGE, maximum=MAX_PAGE)


def known(found: T | None, what: str, wanted: str, *, param: str | None = None) -> T:
    """Return what was found; raises NotFound that names `what` and the id that was `wanted`."""
    if found is None:
        raise NotFound(f"No such {what}: {wanted[:_ECHO]}", param=param)
    return found


async def project_in(connection: AsyncConnection, project_id: str) -> ProjectRecord:
    """Return the project, archived or not; raises NotFound."""
    found = await accounts.find_project(connection, project_id)
    return known(found, "project", project_id, param="project_id")


async def open_project_in(connection: AsyncConnection, project_id: str) -> ProjectRecord:
    """Return the project; raises NotFound, or Conflict if it is archived."""
    project = await project_in(connection, project_id)
    if project.archived_at is not None:
        raise Conflict(
            f"The project {project.id} is archived and cannot be changed. Make a new one.",
            param="project_id",
            code="project_archived",
        )
    return project
