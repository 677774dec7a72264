"""The models that a project may name: the catalogue's, and those it has not heard of yet.

Knows the order of asking. Does not know how the catalogue is fed or how an engine unloads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from argosy.api.registry.v1.registry_pb2 import Model, Route
from argosy.gateway.catalog import Catalog
from argosy.gateway.served_model import ServedModel
from argosy.gateway.upstream.model_lookup import ModelLookup, model_not_found


class ModelDirectory:
    """Memory first; the registry only for a name that memory lacks."""

    def __init__(
        self,
        catalog: Catalog,
        lookup: ModelLookup,
        unload: Callable[[str], Awaitable[None]],
    ) -> None:
        """`unload` frees every engine of a model, as far as they answer."""
        self._catalog = catalog
        self._lookup = lookup
        self._unload = unload
        # Whoever deletes it, here or through another gateway: a late answer must not revive it.
        catalog.on_model_removed(lookup.deleted)

    def visible(self, project_id: str) -> list[Model]:
        """Return the shared models and the project's own, oldest first."""
        return self._catalog.visible(project_id)

    def known(self, project_id: str, name: str) -> ServedModel | None:
        """Return the model if memory has it and the project may name it."""
        return self._catalog.served(project_id, name)

    def route(self, project_id: str, name: str) -> Route | None:
        """Return the route of that name if the project may call it."""
        return self._catalog.route(project_id, name)

    def routes(self, project_id: str) -> list[Route]:
        """Return the shared routes and the project's own, by name."""
        return self._catalog.routes(project_id)

    async def find(self, project_id: str, name: str) -> Model:
        """Return the model; raises NotFound, or Unavailable if the registry does not answer."""
        known = self._catalog.model(project_id, name)
        if known is not None:
            return known
        if not self._catalog.allows(project_id, name):
            raise model_not_found(name)
        return await self._lookup.find(project_id, name)

    async def forget(self, model_id: str) -> None:
        """Drop a deleted model from memory, then from the engines."""
        self._catalog.forget_model(model_id)
        await self._unload(model_id)
