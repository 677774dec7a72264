"""Stores, shows, tags and deletes completions: of projects that store, and of no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from argosy.kit.db import Database
from argosy.kit.errors import PermissionDenied
from argosy.registry.datasets.completions import StoredCompletion, refuses
from argosy.registry.datasets.sets import check_metadata
from argosy.registry.datasets.store import completions
from argosy.registry.datasets.usecases.shelf import unknown
from argosy.registry.domain.paging import page

_DEFAULT_PAGE: Final = 20
_MAX_PAGE: Final = 100


class Completions:
    """The use cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, value: StoredCompletion) -> None:
        """Keep a completion; raises PermissionDenied if the project does not store, RuleBroken."""
        check_metadata(value.metadata)
        async with self._database.begin() as connection:
            if not await completions.allowed(connection, value.project_id):
                raise PermissionDenied(
                    "The project does not store completions. An owner can let it: "
                    "argosy.stores_completions of the project.",
                    param="store",
                    code="storing_off",
                )
            await completions.add(connection, replace(value, refusal=refuses(value.completion)))

    async def get(self, project_id: str, completion_id: str) -> StoredCompletion:
        """Return a completion; raises NotFound."""
        async with self._database.begin() as connection:
            found = await completions.find(connection, project_id, completion_id)
        if found is None:
            raise unknown("Chat completion", completion_id, param="completion_id")
        return found

    async def list(
        self,
        project_id: str,
        after: str,
        limit: int,
        *,
        ascending: bool,
        model: str,
        metadata: Mapping[str, str],
        bad_cases: bool,
    ) -> tuple[list[StoredCompletion], bool]:
        """Return a page of completions, of all or of the suggested bad cases.

        Raises RuleBroken, NotFound for an unknown `after`.
        """
        wanted = page(after, limit, ascending=ascending, default=_DEFAULT_PAGE, maximum=_MAX_PAGE)
        async with self._database.begin() as connection:
            found = await completions.page(
                connection,
                project_id,
                wanted,
                model=model,
                metadata=metadata,
                bad_cases=bad_cases,
            )
        if found is None:
            raise unknown("Chat completion", after, param="after")
        return found

    async def retag(
        self, project_id: str, completion_id: str, metadata: Mapping[str, str]
    ) -> StoredCompletion:
        """Replace the metadata, feedback among it; raises NotFound, RuleBroken."""
        pairs = check_metadata(dict(metadata))
        async with self._database.begin() as connection:
            if not await completions.retag(connection, project_id, completion_id, pairs):
                raise unknown("Chat completion", completion_id, param="completion_id")
        return await self.get(project_id, completion_id)

    async def delete(self, project_id: str, completion_id: str) -> None:
        """Delete a completion; raises NotFound."""
        async with self._database.begin() as connection:
            if not await completions.remove(connection, project_id, completion_id):
                raise unknown("Chat completion", completion_id, param="completion_id")
