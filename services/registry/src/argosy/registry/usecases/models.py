"""Looks up and deletes models by the name that clients send."""

from __future__ import annotations

from argosy.kit.clock import Clock
from argosy.kit.db import Database
from argosy.kit.errors import Conflict, NotFound, PermissionDenied
from argosy.kit.outbox import Outbox
from argosy.registry.blobs.contract import AdapterStore
from argosy.registry.domain.catalog import Change, EntryKind
from argosy.registry.domain.models import MAX_MODEL_ID_CHARACTERS, CatalogModel, ServedAdapter
from argosy.registry.store import adapters, catalog, changes, permissions
from argosy.registry.usecases import news
from argosy.registry.usecases.watch import Feed


class Models:
    """The use cases of models."""

    def __init__(
        self, database: Database, store: AdapterStore, outbox: Outbox, feed: Feed, clock: Clock
    ) -> None:
        self._database = database
        self._store = store
        self._outbox = outbox
        self._feed = feed
        self._clock = clock

    async def get(self, project_id: str, model_id: str) -> CatalogModel | ServedAdapter:
        """Return a model that the project may call; raises NotFound."""
        return (await self.find(project_id, model_id))[0]

    async def find(
        self, project_id: str, model_id: str
    ) -> tuple[CatalogModel | ServedAdapter, int]:
        """Return as `get`, with the catalogue's newest revision at that moment."""
        async with self._database.begin() as connection:
            await changes.one_moment(connection)
            revision = await changes.newest(connection)
            if common := await catalog.base_models(connection, [model_id]):
                return common[0], revision
            found = await adapters.alive(connection, [model_id])
        if not found or not found[0].callable_by(project_id):
            raise unknown_model(model_id)
        return found[0], revision

    async def set_evaluation(self, project_id: str, model_id: str, text: str) -> None:
        """Keep what the newest evaluation of a tuned model says; raises NotFound."""
        async with self._database.begin() as connection:
            await changes.lock(connection)
            found = await adapters.alive(connection, [model_id])
            if not found or found[0].adapter.project_id != project_id:
                raise unknown_model(model_id)
            await adapters.set_evaluation(connection, model_id, text)
            await changes.append(connection, [Change(EntryKind.MODEL, model_id)])
        self._feed.wake()

    async def delete(self, project_id: str, model_id: str) -> None:
        """Delete a tuned model or a checkpoint of the project.

        Raises NotFound, PermissionDenied for a shared model, Conflict while another runs on its
        weights. The checkpoints of a deleted tuned
        model stay: each is a model with a name of its own that somebody may be calling, as with
        OpenAI, and each is deleted by its own name.
        """
        async with self._database.begin() as connection:
            await changes.lock(connection)
            if await catalog.base_models(connection, [model_id]):
                raise PermissionDenied(
                    f"The model '{model_id}' is shared by all projects and cannot be deleted; "
                    "tuned models can.",
                    param="model",
                )
            found = await adapters.alive(connection, [model_id])
            if not found or found[0].adapter.project_id != project_id:
                raise unknown_model(model_id)
            now = self._clock.now()
            adapter = found[0].adapter
            if on_it := await adapters.ids_running_on(connection, adapter.id):
                raise Conflict(
                    f"{len(on_it)} tuned models run on the weights of '{model_id}', the first is "
                    f"'{on_it[0]}'. Delete them first.",
                    param="model",
                    code="model_in_use",
                )
            await adapters.mark_deleted(connection, adapter.id, now)
            await permissions.remove_all(connection, adapter.id)
            await self._outbox.add(connection, news.model_deleted(adapter, now))
            await changes.append(connection, [Change(EntryKind.MODEL, adapter.id, removed=True)])
        self._outbox.wake()
        self._feed.wake()
        await self._store.delete(adapter.folder)


def unknown_model(model_id: str) -> NotFound:
    """Return the error for a name that does not exist, or is not for who asks."""
    return NotFound(
        # The name is the caller's text: as much of it as a name may have.
        f"The model '{model_id[:MAX_MODEL_ID_CHARACTERS]}' does not exist or you do not have "
        "access to it.",
        param="model",
        code="model_not_found",
    )
