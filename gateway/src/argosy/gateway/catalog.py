"""What the gateway knows of keys, projects, models, pools and routes, in memory.

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
    ENTRY_KIND_ROUTE,
    MODEL_ACCESS_MODE_ALLOW_LIST,
    Key,
    Model,
    Pool,
    Project,
    Removal,
    Route,
    WatchResponse,
)
from argosy.gateway.served_model import ServedModel

KeyListener = Callable[[str], None]
ModelListener = Callable[[str], None]
PoolsListener = Callable[[], None]


class Catalog:
    """The current entries. One task applies changes; anyone in the same event loop reads."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._by_digest: dict[bytes, Key] = {}
        self._projects: dict[str, Project] = {}
        self._models: dict[str, ServedModel] = {}
        # The registry's revision under which each model was read.
        self._revisions: dict[str, int] = {}
        # Of projects that may not name every model: whether only these, or all but these.
        self._access: dict[str, tuple[bool, frozenset[str]]] = {}
        self._pools: dict[str, Pool] = {}
        self._routes: dict[str, Route] = {}
        self._key_listeners: list[KeyListener] = []
        self._model_listeners: list[ModelListener] = []
        self._learned_listeners: list[Callable[[Model], None]] = []
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
            elif which in {"pool", "route"}:
                named.add((which, getattr(entry, which).name))
        for kind, which, known in (
            (ENTRY_KIND_KEY, "key", self._keys),
            (ENTRY_KIND_PROJECT, "project", self._projects),
            (ENTRY_KIND_MODEL, "model", self._models),
            (ENTRY_KIND_POOL, "pool", self._pools),
            (ENTRY_KIND_ROUTE, "route", self._routes),
        ):
            for name in [name for name in known if (which, name) not in named]:
                self._remove(Removal(kind=kind, id=name))

    def apply(self, entry: WatchResponse) -> None:
        """Take over one change. Entries of a kind that is not known here are ignored."""
        match entry.WhichOneof("entry"):
            case "key":
                self._put_key(entry.key)
            case "project":
                self._put_project(entry.project)
            case "model":
                self._put_model(entry.model, entry.revision)
            case "pool":
                self._put_pool(entry.pool)
            case "route":
                self._routes[entry.route.name] = entry.route
            case "removal":
                self._remove(entry.removal)

    def learn(self, model: Model, revision: int = 0) -> None:
        """Add a model or replace the one of the same id.

        An answer that is older than what the watch has told since, by the registry's `revision`,
        is left aside: it could give back what was taken from a project meanwhile.
        """
        if revision and revision < self._revisions.get(model.id, 0):
            return
        self._put_model(model, revision)

    def learn_key(self, key: Key, project: Project | None) -> None:
        """Add a key or replace the one of the same id, and its project where that is not known."""
        if project is not None and project.id not in self._projects:
            self._put_project(project)
        self._put_key(key)

    def forget_key(self, key_id: str) -> None:
        """Drop a key and tell the listeners; unknown ones are ignored."""
        if (key := self._keys.pop(key_id, None)) is not None:
            self._by_digest.pop(key.digest, None)
            for listener in self._key_listeners:
                listener(key_id)

    def forget_model(self, model_id: str) -> None:
        """Drop a model and tell the listeners; unknown ones are ignored."""
        self._revisions.pop(model_id, None)
        if self._models.pop(model_id, None) is not None:
            for listener in self._model_listeners:
                listener(model_id)

    def on_key_removed(self, listener: KeyListener) -> None:
        """Call `listener` with the id of each key that is removed."""
        self._key_listeners.append(listener)

    def on_model_learned(self, listener: Callable[[Model], None]) -> None:
        """Call `listener` with each model that is new or told anew."""
        self._learned_listeners.append(listener)

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

    def _put_model(self, model: Model, revision: int) -> None:
        self._models[model.id] = ServedModel(model)
        self._revisions[model.id] = revision
        for listener in self._learned_listeners:
            listener(model)

    def _put_project(self, project: Project) -> None:
        self._projects[project.id] = project
        if project.HasField("model_access"):
            access = project.model_access
            only = access.mode == MODEL_ACCESS_MODE_ALLOW_LIST
            self._access[project.id] = only, frozenset(access.model_ids)
        else:
            self._access.pop(project.id, None)

    def _put_pool(self, pool: Pool) -> None:
        changed = self._pools.get(pool.name) != pool
        self._pools[pool.name] = pool
        if changed:
            self._pools_changed()

    def _remove(self, removal: Removal) -> None:
        name = removal.id
        if removal.kind == ENTRY_KIND_KEY:
            self.forget_key(name)
        elif removal.kind == ENTRY_KIND_PROJECT:
            self._projects.pop(name, None)
            self._access.pop(name, None)
        elif removal.kind == ENTRY_KIND_MODEL:
            self.forget_model(name)
        elif removal.kind == ENTRY_KIND_ROUTE:
            self._routes.pop(name, None)
        elif removal.kind == ENTRY_KIND_POOL and self._pools.pop(name, None) is not None:
            self._pools_changed()

    def _pools_changed(self) -> None:
        for listener in self._pool_listeners:
            listener()

    # Looking up

    def key(self, digest: bytes) -> Key | None:
        """Return the key with this digest, HMAC-SHA256(pepper, secret)."""
        return self._by_digest.get(digest)

    def key_by_id(self, key_id: str) -> Key | None:
        """Return the key with this id."""
        return self._keys.get(key_id)

    def project(self, project_id: str) -> Project | None:
        """Return the project."""
        return self._projects.get(project_id)

    def route(self, project_id: str, name: str) -> Route | None:
        """Return the route if it is shared or the project's own; another's is as unknown."""
        found = self._routes.get(name)
        return found if found is not None and found.project_id in {"", project_id} else None

    def routes(self, project_id: str) -> list[Route]:
        """Return the shared routes and the project's own, by name."""
        mine = [r for r in self._routes.values() if r.project_id in {"", project_id}]
        return sorted(mine, key=lambda route: route.name)

    def model(self, project_id: str, name: str) -> Model | None:
        """Return the model if it is everyone's, the project's own or shared with it.

        Another's is as unknown. So is one that the project may not name.
        """
        found = self.served(project_id, name)
        return None if found is None else found.message

    def served(self, project_id: str, name: str) -> ServedModel | None:
        """Return the same as requests ask of it."""
        found = self._models.get(name)
        if found is None or not _is_for(found, project_id):
            return None
        return found if not self._access or self.allows(project_id, name) else None

    def allows(self, project_id: str, name: str) -> bool:
        """Tell whether the project may name the model, if there is one."""
        access = self._access.get(project_id)
        return access is None or (name in access[1]) == access[0]

    def has_model(self, name: str) -> bool:
        """Tell whether any project has a model of this name."""
        return name in self._models

    def visible(self, project_id: str) -> list[Model]:
        """Return the models that the project may name, oldest first."""
        models = (
            m.message
            for m in self._models.values()
            if _is_for(m, project_id) and self.allows(project_id, m.id)
        )
        return sorted(models, key=lambda m: (m.created_at.seconds, m.id))

    def pools(self) -> list[Pool]:
        """Return all pools."""
        return list(self._pools.values())


def _is_for(model: ServedModel, project_id: str) -> bool:
    owner = model.project_id
    return not owner or owner == project_id or project_id in model.shared_with
