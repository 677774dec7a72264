"""Registers adapters with engines and drops them, once however many ask.

Knows what each engine's front end has registered, which is what a request by name needs. Does not
know slots and does not choose: `adapters.py` asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from argosy.api.ids import is_tuned_model_id
from argosy.api.registry.v1.registry_pb2 import Model
from argosy.gateway.engines.dialects.base import engine_message
from argosy.gateway.engines.failures import AdapterRefused, EngineError, MalformedAnswer
from argosy.gateway.engines.replica import Replica
from argosy.gateway.placement.residency import Residency
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """`per_replica`: adapters kept registered on one engine; seconds for a load, another call."""

    per_replica: int
    load_seconds: float
    call_seconds: float


class Loader:
    """The only caller of load and unload. `on_gone(replica, name)` hears of each one dropped."""

    def __init__(
        self,
        *,
        exists: Callable[[str], bool],
        on_gone: Callable[[Replica, str], None],
        metrics: CollectorRegistry,
        limits: LoadLimits,
    ) -> None:
        """`exists` tells whether any project has a model of this id."""
        self._exists = exists
        self._on_gone = on_gone
        self._limits = limits
        self._registered: WeakKeyDictionary[Replica, Residency] = WeakKeyDictionary()
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
        _Resident(self._registered, metrics)

    def registered(self, replica: Replica) -> Residency:
        """Return the record of one engine."""
        found = self._registered.get(replica)
        if found is None:
            found = self._registered[replica] = Residency(self._limits.per_replica)
            # Shown from the start, so that a first load is seen as an increase.
            for result in ("loaded", "refused"):
                self._loads.labels(replica.pool, result)
            self._unloads.labels(replica.pool)
        return found

    async def ensure(self, replica: Replica, model: Model) -> None:
        """Have the adapter registered there. Raises EngineError.

        A caller that is cancelled does not stop a load that others wait for.
        """
        registered = self.registered(replica)
        while model.id not in registered:
            key = (replica, model.id)
            task = self._loading.get(key)
            if task is None:
                task = asyncio.create_task(self._load(replica, model), name=f"load {model.id}")
                self._loading[key] = task
                task.add_done_callback(partial(self._loaded, key))
            await asyncio.shield(task)

    async def take_over(self, replica: Replica) -> None:
        """Believe what the engine says it has; drop tuned models that no longer exist."""
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
        registered = self.registered(replica)
        gone = [name for name in registered.names() if name not in listed]
        registered.replace(listed)
        for name in gone:
            self._on_gone(replica, name)
        for name in listed:
            if is_tuned_model_id(name) and not self._exists(name):
                self._drop_soon(replica, name)
        self._trim(replica)

    async def forget(self, replica: Replica, name: str) -> None:
        """Drop it from the engine if it is there. Never raises EngineError."""
        loading = self._loading.get((replica, name))
        if loading is not None:
            await asyncio.wait({loading})
        if self.registered(replica).drop(name):
            await self._unload(replica, name)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do it without waiting for it; `close` ends it."""
        task = asyncio.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """End calls under way."""
        pending = [*self._background, *self._loading.values()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _load(self, replica: Replica, model: Model) -> None:
        adapters = replica.dialect.adapters
        if adapters is None:
            raise AdapterRefused(f"Engines of pool {replica.pool!r} cannot load adapters.")
        if not self._exists(model.id):
            raise AdapterRefused("The model was deleted.")
        call = adapters.load(model)
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
        self.registered(replica).add(model.id)
        self._trim(replica)

    def _loaded(self, key: tuple[Replica, str], task: asyncio.Task[None]) -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # those who waited have it; if all are gone it is nobody's

    def _trim(self, replica: Replica) -> None:
        for name in self.registered(replica).victims():
            self._drop_soon(replica, name)

    def _drop_soon(self, replica: Replica, name: str) -> None:
        self.registered(replica).drop(name)
        self.start(self._unload(replica, name), f"unload {name}")

    async def _unload(self, replica: Replica, name: str) -> None:
        """Drop it; a failure is repaired when the replica is next adopted."""
        self._on_gone(replica, name)
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


class _Resident(Collector):
    """How many adapters each engine has, counted when it is asked."""

    def __init__(
        self, registered: Mapping[Replica, Residency], registry: CollectorRegistry
    ) -> None:
        self._registered = registered
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "argosy_gateway_adapters_resident",
            "Adapters resident on an engine, as far as this gateway knows.",
            labels=["pool", "replica"],
        )
        for replica, residency in self._registered.items():
            family.add_metric([replica.pool, replica.url], len(residency.names()))
        yield family
