"""The names that can be asked for, as vLLM's front end keeps its adapters.

Knows which artefact a name stands for. What of it is in memory is `compute`'s matter: a name that
is here always answers, if need be after loading again.
"""

from __future__ import annotations

from argosy.engine.artifacts import Artifact
from argosy.engine.errors import BadRequest, UnknownModel


class Names:
    """All registered artefacts."""

    def __init__(self) -> None:
        self._known: dict[str, Artifact] = {}

    def add(self, artifact: Artifact) -> None:
        """Register it; raises BadRequest in vLLM's words for a name that is taken."""
        if artifact.name in self._known:
            raise BadRequest(f"The lora adapter '{artifact.name}' has already been loaded.")
        self._known[artifact.name] = artifact

    def remove(self, name: str) -> Artifact:
        """Forget a name; raises UnknownModel."""
        found = self._known.pop(name, None)
        if found is None:
            raise UnknownModel(name)
        return found

    def find(self, name: str) -> Artifact:
        """Return the artefact of a name; raises UnknownModel."""
        found = self._known.get(name)
        if found is None:
            raise UnknownModel(name)
        return found

    def all(self) -> list[Artifact]:
        """Return all, in the order of their coming."""
        return list(self._known.values())
