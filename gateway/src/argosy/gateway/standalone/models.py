"""The models of the file, by name. Knows the catalogue; nobody else can be asked."""

from __future__ import annotations

from argosy.api.registry.v1.registry_pb2 import Model, Route
from argosy.gateway.catalog import Catalog
from argosy.gateway.served_model import ServedModel
from argosy.gateway.upstream.model_lookup import model_not_found


class CatalogModels:
    """Memory is all there is."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def visible(self, project_id: str) -> list[Model]:
        """Return the shared models and the project's own, in a stable order."""
        return self._catalog.visible(project_id)

    def known(self, project_id: str, name: str) -> ServedModel | None:
        """Return the model if the project may name it."""
        return self._catalog.served(project_id, name)

    def route(self, project_id: str, name: str) -> Route | None:
        """Return the route of that name if the project may call it."""
        return self._catalog.route(project_id, name)

    def routes(self, project_id: str) -> list[Route]:
        """Return the shared routes and the project's own, by name."""
        return self._catalog.routes(project_id)

    async def find(self, project_id: str, name: str) -> Model:
        """Return the model; raises NotFound."""
        known = self._catalog.model(project_id, name)
        if known is None:
            raise model_not_found(name)
        return known

    async def forget(self, model_id: str) -> None:
        """Nothing is deleted here: the file says what exists."""
