"""Makes, shows, lists and deletes data sets, and what is left of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from argosy.api import ids
from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import InvalidRequest
from argosy.registry.blobs.contract import BlobStore
from argosy.registry.datasets.sets import (
    PRESET,
    PROJECT,
    Dataset,
    Step,
    Version,
    check_description,
    check_kind,
    check_metadata,
)
from argosy.registry.datasets.store import records, sets, traits, versions
from argosy.registry.datasets.usecases.shelf import dataset_in, unknown
from argosy.registry.domain.accounts import check_name
from argosy.registry.domain.paging import page
from argosy.registry.store import catalog

_DEFAULT_PAGE: Final = 20
_MAX_PAGE: Final = 100
_SWEEP_ROWS: Final = 10_000

Shown = tuple[Dataset, Version | None]


class Datasets:
    """The use cases."""

    def __init__(self, database: Database, blobs: BlobStore, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def create(
        self,
        project_id: str,
        name: str,
        description: str,
        kind: str,
        metadata: Mapping[str, str],
    ) -> Shown:
        """Make a data set with its first version, an empty draft; raises RuleBroken."""
        now = self._clock.now()
        made = Dataset(
            id=ids.new_id(ids.DATASET),
            project_id=project_id,
            name=check_name(name),
            description=check_description(description),
            kind=check_kind(kind),
            metadata=check_metadata(dict(metadata)),
            created_at=now,
        )
        async with self._database.begin() as connection:
            if not await catalog.projects(connection, [project_id]):
                raise InvalidRequest("The project does not exist.", param="project_id")
            await sets.add(connection, made)
            version = await versions.add(
                connection, ids.new_id(ids.DATASET_VERSION), made.id, now, [Step("create", now)]
            )
        return made, version

    async def get(self, project_id: str, dataset_id: str) -> Shown:
        """Return a data set and its newest version; raises NotFound."""
        async with self._database.begin() as connection:
            found = await dataset_in(connection, project_id, dataset_id)
            latest = await versions.latest(connection, [found.id])
        return found, latest.get(found.id)

    async def list(
        self,
        project_id: str,
        after: str,
        limit: int,
        *,
        source: str,
        kinds: Sequence[str],
        published: bool,
    ) -> tuple[list[Shown], bool]:
        """Return a page of data sets, newest first; raises RuleBroken, NotFound."""
        wanted = page(after, limit, ascending=False, default=_DEFAULT_PAGE, maximum=_MAX_PAGE)
        if source not in {"", PROJECT, PRESET}:
            raise InvalidRequest("source must be 'project' or 'preset'.", param="source")
        for kind in kinds:
            check_kind(kind)
        async with self._database.begin() as connection:
            found = await sets.page(
                connection, project_id, wanted, source=source, kinds=kinds, published=published
            )
            if found is None:
                raise unknown("Dataset", after, param="after")
            latest = await versions.latest(connection, [d.id for d in found[0]])
        return [(d, latest.get(d.id)) for d in found[0]], found[1]

    async def update(
        self,
        project_id: str,
        dataset_id: str,
        *,
        name: str | None,
        description: str | None,
        metadata: Mapping[str, str] | None,
    ) -> Shown:
        """Change what is given; raises NotFound, PermissionDenied, RuleBroken."""
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = check_name(name)
        if description is not None:
            values["description"] = check_description(description)
        if metadata is not None:
            values["metadata"] = check_metadata(dict(metadata))
        async with self._database.begin() as connection:
            await dataset_in(connection, project_id, dataset_id, change=True)
            if values:
                await sets.update(connection, dataset_id, values)
        return await self.get(project_id, dataset_id)

    async def delete(self, project_id: str, dataset_id: str) -> None:
        """Delete a data set with all its versions; raises NotFound, PermissionDenied."""
        async with self._database.begin() as connection:
            await dataset_in(connection, project_id, dataset_id, change=True)
            await sets.mark_deleted(connection, dataset_id, self._clock.now())

    async def sweep(self) -> int:
        """Remove what is left of deleted sets and versions, some rows at a time; return how many.

        The blob goes after its row; should that not happen, `collect` finds it.
        """
        count = 0
        async with self._database.begin() as connection:
            gone = await versions.deleted(connection, 100)
        for version in gone:
            while True:
                async with self._database.begin() as connection:
                    removed = await records.remove_some(connection, version.seq, _SWEEP_ROWS)
                count += removed
                if removed < _SWEEP_ROWS:
                    break
            async with self._database.begin() as connection:
                await traits.remove(connection, version.seq)
                await versions.remove(connection, version.id)
            if version.blob:
                await self._blobs.delete(version.blob)
        async with self._database.begin() as connection:
            count += await sets.remove_deleted(connection)
        return count
