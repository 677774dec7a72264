"""What the controllers need from the rest of the gateway, as protocols.

The composition root hands in the real things; unit tests hand in small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from argosy.api.registry.v1.registry_pb2 import Model, Route
from argosy.gateway.metering.usage import Usage
from argosy.gateway.placement.states import Condition
from litestar.di import NamedDependency
from litestar.params import SkipValidation

T = TypeVar("T")

# A handler's argument that the composition root hands in under the argument's name. It is ours,
# not the client's, so Litestar need not judge it.
Given = NamedDependency[SkipValidation[T]]


class Models(Protocol):
    """The models that exist, from memory."""

    def visible(self, project_id: str) -> Iterable[Model]:
        """Return the shared models and the project's own, in a stable order."""

    def route(self, project_id: str, name: str) -> Route | None:
        """Return the route of that name if the project may call it."""

    def routes(self, project_id: str) -> Iterable[Route]:
        """Return the shared routes and the project's own, by name."""

    async def find(self, project_id: str, name: str) -> Model:
        """Return the model; raises NotFound, also for another project's."""

    async def forget(self, model_id: str) -> None:
        """Stop serving a deleted model at once and unload it from every engine."""


class States(Protocol):
    """Whether models answer now."""

    def of(self, model: Model) -> Condition:
        """Return the model's state, and why it is not Ready."""


# Takes note of what a request used; must not wait.
RecordUsage = Callable[[Usage], None]
