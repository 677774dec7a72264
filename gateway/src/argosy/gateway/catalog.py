"""What the gateway knows of keys, projects, models and pools, in memory.

Holds the registry's own messages and finds them in constant time. Knows how a complete state and
single changes are applied. Does not know where they come from: `upstream/` feeds it, and it stays
usable when that source is gone. Entries are never changed in place, only replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from argosy.api.registry.v1.registry_pb2 import (
    ENTRY_KIND_KEY,
    ENTRY_KIND_MODEL,
    ENTRY_KIND_POOL,
    ENTRY_KIND_PROJECT,
    Key,
    Model,
    Pool,
    Project,
    Removal,
    WatchResponse,
)

ModelListener = Callable[[str], None]
PoolsListener = Callable[[], None]


class Catalog:
    """The current entries. One task applies changes; anyone in the same event loop reads."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._by_digest: dict[bytes, Key] = {}
        self._projects: dict[str, Project] = {}
        self._models: dict[str, Model] = {}
        self._pools: dict[str, Pool] = {}
        self._model_listeners: list[ModelListener] = []
        self._pool_listeners: list[PoolsListener] = []

    # Applying

    def replace(self, entries: Iterable[WatchResponse]) -> None:
        """Take over a complete state; what is not in `entries` no longer exists."""
        named: set[tuple[str, str]] = set()
        for entry in entries:
            self.apply(entry)
            which = entry.WhichOneof("entry")
            if which in {"key", "project", "model"}:
                named.add((which, getattr(entry, which).id))
            elif which == "pool":
                named.add((which, entry.pool.name))
        for kind, which, known in (
            (ENTRY_KIND_KEY, "key", self._keys),
            (ENTRY_KIND_PROJECT, "project", self._projects),
            (ENTRY_KIND_MODEL, "model", self._models),
            (ENTRY_KIND_POOL, "pool", self._pools),
        ):
            for name in [name for name in known if (which, name) not in named]:
                self._remove(Removal(kind=kind, id=name))

    def apply(self, entry: WatchResponse) -> None:
        """Take over one change. Entries of a kind that is not known here are ignored."""
        match entry.WhichOneof("entry"):
            case "key":
                self._put_key(entry.key)
            case "project":
                self._projects[entry.project.id] = entry.project
            case "model":
                self.learn(entry.model)
            case "pool":
                self._put_pool(entry.pool)
            case "removal":
                self._remove(entry.removal)

    def learn(self, model: Model) -> None:
        """Add a model or replace the one of the same id."""
        self._models[model.id] = model

    def forget_model(self, model_id: str) -> None:
        """Drop a model and tell the listeners; unknown ones are ignored."""
        if self._models.pop(model_id, None) is not None:
            for listener in self._model_listeners:
                listener(model_id)

    def on_model_removed(self, listener: ModelListener) -> None:
        """Call `listener` with the id of each model that is removed."""
        self._model_listeners.append(listener)

    def on_pools_changed(self, listener: PoolsListener) -> None:
        """Call `listener` after a pool was added, changed or removed."""
        self._pool_listeners.append(listener)

    def _put_key(self, key: Key) -> None:
        before = self._keys.get(key.id)
        if before is not None:
            self._by_digest.pop(before.digest, None)
        self._keys[key.id] = key
        self._by_digest[key.digest] = key

    def _put_pool(self, pool: Pool) -> None:
        changed = self._pools.get(pool.name) != pool
        self._pools[pool.name] = pool
        if changed:
            self._pools_changed()

    def _remove(self, removal: Removal) -> None:
        name = removal.id
        if removal.kind == ENTRY_KIND_KEY:
            if (key := self._keys.pop(name, None)) is not None:
                self._by_digest.pop(key.digest, None)
        elif removal.kind == ENTRY_KIND_PROJECT:
            self._projects.pop(name, None)
        elif removal.kind == ENTRY_KIND_MODEL:
            self.forget_model(name)
        elif removal.kind == ENTRY_KIND_POOL and self._pools.pop(name, None) is not None:
            self._pools_changed()

    def _pools_changed(self) -> None:
        for listener in self._pool_listeners:
            listener()

    # Looking up

    def key(self, digest: bytes) -> Key | None:
        """Return the key with this digest, HMAC-SHA256(pepper, secret)."""
        return self._by_digest.get(digest)

    def project(self, project_id: str) -> Project | None:
        """Return the project."""
        return self._projects.get(project_id)

    def model(self, project_id: str, name: str) -> Model | None:
        """Return the model if it is shared or the project's own; another's is as unknown."""
        found = self._models.get(name)
        return found if found is not None and found.project_id in {"", project_id} else None

    def has_model(self, name: str) -> bool:
        """Tell whether any project has a model of this name."""
        return name in self._models

    def visible(self, project_id: str) -> list[Model]:
        """Return the shared models and the project's own, oldest first."""
        models = (m for m in self._models.values() if m.project_id in {"", project_id})
        return sorted(models, key=lambda m: (m.created_at.seconds, m.id))

    def pools(self) -> list[Pool]:
        """Return all pools."""
        return list(self._pools.values())
