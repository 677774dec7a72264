"""Which price holds for a model."""

from __future__ import annotations

from argosy.api.registry.v1.registry_pb2 import Model, Price
from argosy.gateway.catalog import Catalog


class Prices:
    """A model's own price, else its base model's, else none."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def named(self, project_id: str, name: str, base: str) -> Price | None:
        """Return the price of a model that may be gone by now, and then its base's."""
        model = self._catalog.model(project_id, name) or self._catalog.model("", base)
        return None if model is None else self(model)

    def __call__(self, model: Model) -> Price | None:
        if model.HasField("price"):
            return model.price
        base = self._catalog.model("", model.base) if model.base else None
        return base.price if base is not None and base.HasField("price") else None
