"""Shares a project's tuned model with other projects, and takes that back.

The names of what exists are the administrator's to see, so an unknown model is told as such.
"""

from __future__ import annotations

from dataclasses import dataclass

from argosy.api import ids
from argosy.registry.domain.accounts_audit import Actor, AuditType, Note
from argosy.registry.domain.catalog import EntryKind
from argosy.registry.domain.models import ServedAdapter
from argosy.registry.domain.permissions import CheckpointPermission, check_projects
from argosy.registry.store import adapters, changes, permissions
from argosy.registry.usecases.accounts_desk import Desk, known, open_project_in, page_of
from argosy.registry.usecases.models import unknown_model
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Shared:
    """Permissions with the model as it then was, and the catalogue's revision."""

    permissions: list[CheckpointPermission]
    model: ServedAdapter
    revision: int


class CheckpointPermissions:
    """The use cases of checkpoint permissions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, actor: Actor, model_id: str, project_ids: list[str]) -> Shared:
        """Let projects call a model; raises NotFound, Conflict, RuleBroken, then for none."""
        async with self._desk.change(actor) as work:
            model = await _model(work.connection, model_id)
            named = check_projects(project_ids, model.adapter.project_id)
            for project_id in named:
                await open_project_in(work.connection, project_id)
            there = await permissions.of_projects(work.connection, model_id, named)
            for project_id in named:
                if project_id in there:
                    continue
                made = CheckpointPermission(
                    ids.new_id(ids.PERMISSION), model_id, project_id, work.now
                )
                await permissions.add(work.connection, made)
                there[project_id] = made
                told: dict[str, object] = {
                    "fine_tuned_model_checkpoint": model_id,
                    "project_id": project_id,
                }
                owner = model.adapter.project_id
                work.notes.append(Note(AuditType.PERMISSION_CREATED, made.id, owner, told))
                work.tell(EntryKind.MODEL, model_id)
        return await self._now(model_id, [there[project_id] for project_id in named])

    async def page(
        self, model_id: str, project_id: str, after: str, limit: int, *, ascending: bool
    ) -> tuple[list[CheckpointPermission], bool]:
        """Return a page of a model's permissions; raises NotFound."""
        wanted = page_of(after, limit, ascending=ascending)
        async with self._desk.look() as connection:
            await _model(connection, model_id)
            found = await permissions.page(connection, model_id, project_id, wanted)
        return known(found, "permission", after, param="after")

    async def delete(self, actor: Actor, model_id: str, permission_id: str) -> Shared:
        """Take a permission back; raises NotFound."""
        async with self._desk.change(actor) as work:
            model = await _model(work.connection, model_id)
            found = await permissions.remove(work.connection, model_id, permission_id)
            gone = known(found, "permission", permission_id, param="permission_id")
            work.note(AuditType.PERMISSION_DELETED, gone.id, model.adapter.project_id)
            work.tell(EntryKind.MODEL, model_id)
        return await self._now(model_id, [gone])

    async def _now(self, model_id: str, changed: list[CheckpointPermission]) -> Shared:
        async with self._desk.look() as connection:
            await changes.one_moment(connection)
            revision = await changes.newest(connection)
            return Shared(changed, await _model(connection, model_id), revision)


async def _model(connection: AsyncConnection, model_id: str) -> ServedAdapter:
    found = await adapters.alive(connection, [model_id])
    if not found:
        raise unknown_model(model_id)
    return found[0]
