"""Makes, shows, publishes, reads and deletes versions of data sets.

To publish is to write the records as JSONL into the blob store and to close the version in the same
transaction: what was published can be read for ever, as it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from argosy.api import ids
from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import Conflict, InvalidRequest
from argosy.kit.failpoints import failpoint
from argosy.registry.blobs.contract import BlobStore, Sealed
from argosy.registry.datasets.opinions import Opinions
from argosy.registry.datasets.sets import Step, Version, VersionStatus
from argosy.registry.datasets.store import records, sets, versions
from argosy.registry.datasets.usecases.shelf import dataset_in, unknown, version_in
from argosy.registry.domain.paging import page
from argosy.registry.usecases.measure_tokens import Source
from sqlalchemy.ext.asyncio import AsyncConnection

_DEFAULT_PAGE: Final = 20
_MAX_PAGE: Final = 100


class Versions:
    """The use cases."""

    def __init__(self, database: Database, blobs: BlobStore, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def create(
        self, project_id: str, dataset_id: str, from_version_id: str, *, empty: bool
    ) -> Version:
        """Make a draft with the records of another version of the set, the newest by default.

        Raises NotFound, PermissionDenied.
        """
        now = self._clock.now()
        async with self._database.begin() as connection:
            await dataset_in(connection, project_id, dataset_id, change=True)
            parent = await self._parent(connection, project_id, dataset_id, from_version_id)
            if parent is None or empty:
                return await versions.add(
                    connection,
                    ids.new_id(ids.DATASET_VERSION),
                    dataset_id,
                    now,
                    [Step("create", now)],
                )
            step = Step("copy", now, {"version_id": parent.id})
            made = await versions.add(
                connection,
                ids.new_id(ids.DATASET_VERSION),
                dataset_id,
                now,
                [*parent.steps, step],
                parent.id,
            )
            await records.duplicate(connection, parent.seq, made.seq)
            await versions.recount(connection, made)
            found = await versions.find(connection, made.id)
        if found is None:
            raise LookupError("the version that was just made is not there")
        return found

    async def get(self, project_id: str, version_id: str, dataset_id: str) -> Version:
        """Return a version; raises NotFound."""
        async with self._database.begin() as connection:
            return await version_in(connection, project_id, version_id, dataset_id)

    async def list(
        self, project_id: str, dataset_id: str, after: str, limit: int
    ) -> tuple[list[Version], bool]:
        """Return a page of versions, newest first; raises NotFound, RuleBroken."""
        wanted = page(after, limit, ascending=False, default=_DEFAULT_PAGE, maximum=_MAX_PAGE)
        async with self._database.begin() as connection:
            await dataset_in(connection, project_id, dataset_id)
            found = await versions.page(connection, dataset_id, wanted)
        if found is None:
            raise unknown("Dataset version", after, param="after")
        return found

    async def delete(self, project_id: str, dataset_id: str, version_id: str) -> None:
        """Delete a draft; raises NotFound, PermissionDenied, Conflict for a published one."""
        async with self._database.begin() as connection:
            await version_in(connection, project_id, version_id, dataset_id, change=True)
            await versions.update(connection, version_id, {"deleted_at": self._clock.now()})

    async def publish(self, project_id: str, dataset_id: str, version_id: str) -> Version:
        """Close a version for good; one that is published already is returned as it is.

        Raises NotFound, PermissionDenied, and Conflict while a record has no accepted answer.
        """
        now = self._clock.now()
        async with self._database.begin() as connection:
            found = await versions.find(connection, version_id)
            if found is not None and found.status is VersionStatus.PUBLISHED:
                return await version_in(connection, project_id, version_id, dataset_id)
            version = await version_in(connection, project_id, version_id, dataset_id, change=True)
            _check_publishable(version)
            opinions = Opinions(version.id)
            sealed = await self._write(connection, version, opinions)
            failpoint("registry.dataset.before_publish")
            steps = [version.annotated(now)] if version.annotations else []
            details = {"records": version.records, "sha256": sealed.sha256} | opinions.told()
            await versions.add_steps(
                connection, version_id, [*steps, Step("publish", now, details)]
            )
            await versions.update(
                connection,
                version_id,
                {
                    "status": VersionStatus.PUBLISHED.value,
                    "published_at": now,
                    "blob": sealed.name,
                    "bytes": sealed.bytes,
                    "sha256": sealed.sha256,
                },
            )
            await sets.update(connection, version.dataset_id, {"kind": version.kind})
            return await version_in(connection, project_id, version_id, dataset_id)

    @asynccontextmanager
    async def read(self, project_id: str, version_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a published version's JSONL in pieces of at most 1 MiB.

        Raises NotFound, or Conflict for one that is not published.
        """
        version = await self.published(project_id, version_id)
        try:
            async with self._blobs.read(version.blob) as pieces:
                yield pieces
        except FileNotFoundError:
            # Deleted between the look at the row and the opening of the blob.
            raise unknown("Dataset version", version_id, param="version_id") from None

    async def published(self, project_id: str, version_id: str) -> Version:
        """Return a published version; raises NotFound, or Conflict for a draft."""
        version = await self.get(project_id, version_id, "")
        if version.status is not VersionStatus.PUBLISHED:
            raise Conflict(
                f"The version {version_id} is not published. Publish it with POST /v1/datasets/"
                f"{version.dataset_id}/versions/{version_id}/publish.",
                param="version_id",
                code="version_not_published",
            )
        return version

    async def _parent(
        self, connection: AsyncConnection, project_id: str, dataset_id: str, wanted: str
    ) -> Version | None:
        if wanted:
            return await version_in(connection, project_id, wanted, dataset_id)
        return (await versions.latest(connection, [dataset_id])).get(dataset_id)

    async def _write(
        self, connection: AsyncConnection, version: Version, opinions: Opinions
    ) -> Sealed:
        async with self._blobs.upload() as blob:
            async for some in records.batches(connection, version.seq):
                await blob.write("".join(f"{r.body}\n" for r in some).encode())
                opinions.hear(some)
            return await blob.commit()


class VersionSources:
    """Published versions as records whose tokens are counted."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    async def find(self, project_id: str, source_id: str) -> Source:
        """Return a version's records; raises NotFound, Conflict."""
        version = await self._versions.published(project_id, source_id)
        return Source(version.sha256, self._versions.read(project_id, source_id))


def _check_publishable(version: Version) -> None:
    if version.records == 0:
        raise InvalidRequest(
            "The version holds no record. Import some first.",
            param="version_id",
            code="empty_version",
        )
    waiting = version.unannotated + version.drafts
    if waiting:
        raise Conflict(
            f"{waiting} of {version.records} records have no accepted answer "
            f"({version.unannotated} unannotated, {version.drafts} drafts). Annotate them, or "
            "accept all drafts at once, then publish.",
            param="version_id",
            code="version_not_annotated",
        )
