"""Makes adapters resident where a request goes, once however many requests ask, and drops them.

Knows what each replica has; the engine's own answers correct it. Does not choose the replica.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from argosy.api.ids import is_tuned_model_id
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.dialects.base import engine_message
from argosy.gateway.engines.failures import AdapterRefused, EngineError, MalformedAnswer
from argosy.gateway.engines.fleet import Fleet
from argosy.gateway.engines.replica import Replica
from argosy.gateway.placement.residency import Residency
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlacementLimits:
    """`per_replica`: adapters kept registered on one engine; `load_seconds`: for one load."""

    per_replica: int = 256
    load_seconds: float = 30.0
    call_seconds: float = 5.0


class Hold:
    """One request's use of an adapter: it is not dropped before `release`."""

    def __init__(self, residency: Residency, name: str) -> None:
        self._residency = residency
        self._name = name
        self._load = residency.use(name)

    def release(self) -> None:
        self._residency.release(self._name)

    def lost(self) -> None:
        """The engine answered that it does not know the adapter."""
        self._residency.lost(self._name, self._load)


class Placement:
    """The record of residency for all replicas, and the only caller of load and unload."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        exists: Callable[[str], bool],
        metrics: CollectorRegistry,
        limits: PlacementLimits = PlacementLimits(),
    ) -> None:
        """`exists` tells whether any project has a model of this id."""
        self._fleet = fleet
        self._exists = exists
        self._limits = limits
        self._residency: WeakKeyDictionary[Replica, Residency] = WeakKeyDictionary()
        self._loading: dict[tuple[Replica, str], asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._loads = Counter(
            "argosy_gateway_adapter_loads",
            "Adapters loaded into engines.",
            ["pool", "result"],
            registry=metrics,
        )
        self._unloads = Counter(
            "argosy_gateway_adapter_unloads",
            "Adapters dropped from engines.",
            ["pool"],
            registry=metrics,
        )
        self._seconds = Histogram(
            "argosy_gateway_adapter_load_seconds",
            "Time that one load took.",
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
            registry=metrics,
        )
        Gauge(
            "argosy_gateway_adapters_resident",
            "Adapters resident, over all replicas.",
            registry=metrics,
        ).set_function(lambda: float(sum(len(r.names()) for r in self._residency.values())))
        fleet.adopt_with(self.adopt)

    def resident(self, replica: Replica, model_id: str) -> bool:
        """Tell whether the replica has the adapter, as far as is known."""
        return model_id in self._of(replica)

    async def hold(self, replica: Replica, model: Model) -> Hold:
        """Make the adapter resident and keep it so. Raises EngineError.

        A caller that is cancelled does not stop a load that others wait for.
        """
        residency = self._of(replica)
        while model.id not in residency:
            key = (replica, model.id)
            task = self._loading.get(key)
            if task is None:
                task = asyncio.create_task(self._load(replica, model), name=f"load {model.id}")
                self._loading[key] = task
                task.add_done_callback(partial(self._loaded, key))
            await asyncio.shield(task)
        return Hold(residency, model.id)

    async def forget(self, model_id: str) -> None:
        """Drop a deleted model from every engine that has it. Never raises EngineError."""
        await asyncio.gather(
            *(self._forget_at(replica, model_id) for replica in self._fleet.all_replicas())
        )

    def forget_soon(self, model_id: str) -> None:
        """Start `forget` without waiting for it."""
        self._start(self.forget(model_id), f"forget {model_id}")

    async def adopt(self, replica: Replica) -> None:
        """Take over what the engine says it has; drop tuned models that no longer exist."""
        adapters = replica.dialect.adapters
        if adapters is None:
            return
        status, body = await replica.client.fetch(adapters.listing(), self._limits.call_seconds)
        if status != 200:
            raise MalformedAnswer(f"The engine answers {status} when asked for its models.")
        try:
            listed = adapters.listed(body)
        except msgspec.DecodeError as error:
            raise MalformedAnswer("The engine's list of models cannot be read.") from error
        residency = self._of(replica)
        residency.replace(listed)
        for name in listed:
            if is_tuned_model_id(name) and not self._exists(name):
                residency.drop(name)
                self._start(self._unload(replica, name), f"unload {name}")
        self._trim(replica)

    async def close(self) -> None:
        """Wait for calls under way, at most as long as one may take."""
        pending = [*self._background, *self._loading.values()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def _of(self, replica: Replica) -> Residency:
        found = self._residency.get(replica)
        if found is None:
            found = self._residency[replica] = Residency(self._limits.per_replica)
        return found

    async def _load(self, replica: Replica, model: Model) -> None:
        adapters = replica.dialect.adapters
        if adapters is None:
            raise AdapterRefused(f"Engines of pool {replica.pool!r} cannot load adapters.")
        if not self._exists(model.id):
            raise AdapterRefused("The model was deleted.")
        call = adapters.load(model.id, model.adapter_path)
        with self._seconds.time():
            status, body = await replica.client.fetch(call, self._limits.load_seconds)
        if status != 200 and not adapters.already_loaded(status, body):
            self._loads.labels(replica.pool, "refused").inc()
            reason = engine_message(body).message[:500]
            _log.warning(
                "adapter not loaded: %s", reason,
                extra={"replica": replica.url, "model": model.id, "status": status},
            )  # fmt: skip
            raise AdapterRefused(f"The engine answers {status}: {reason}")
        self._loads.labels(replica.pool, "loaded").inc()
        if not self._exists(model.id):
            # Deleted while it was being loaded: nobody else would drop it.
            await self._unload(replica, model.id)
            raise AdapterRefused("The model was deleted.")
        self._of(replica).add(model.id)
        self._trim(replica)

    def _loaded(self, key: tuple[Replica, str], task: asyncio.Task[None]) -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # those who waited have it; if all are gone it is nobody's

    def _trim(self, replica: Replica) -> None:
        residency = self._of(replica)
        for name in residency.victims():
            residency.drop(name)
            self._start(self._unload(replica, name), f"unload {name}")

    async def _forget_at(self, replica: Replica, model_id: str) -> None:
        loading = self._loading.get((replica, model_id))
        if loading is not None:
            await asyncio.wait({loading})
        if self._of(replica).drop(model_id):
            await self._unload(replica, model_id)

    async def _unload(self, replica: Replica, name: str) -> None:
        """Drop it; a failure is repaired when the replica is next adopted."""
        adapters = replica.dialect.adapters
        if adapters is None:
            return
        try:
            await replica.client.fetch(adapters.unload(name), self._limits.call_seconds)
        except EngineError as error:
            _log.warning(
                "adapter not unloaded: %s", error, extra={"replica": replica.url, "model": name}
            )
            replica.doubt()
            return
        self._unloads.labels(replica.pool).inc()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
