"""The gateway's data plane alone: real engines' stand-ins as processes, the lane under uvicorn, a
catalogue made by hand. No registry, no database; the bus is a list.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import random
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import openai
from argosy.api.events.v1.events_pb2 import Event, UsageRecorded
from argosy.api.registry.v1.registry_pb2 import (
    MODEL_KIND_BASE,
    MODEL_KIND_EMBEDDING,
    MODEL_KIND_TUNED,
    Key,
    Model,
    Pool,
    Project,
    WatchResponse,
)
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.limits import Limits
from argosy.gateway.access.local_cells import LocalCells
from argosy.gateway.access.prices import Prices
from argosy.gateway.admission.permits import Admission, AdmissionLimits
from argosy.gateway.catalog import Catalog
from argosy.gateway.engines.ejection import EjectionPolicy
from argosy.gateway.engines.fleet import Fleet, ProbeTimes
from argosy.gateway.lane.asgi import ASGIApp
from argosy.gateway.lane.dispatch.dispatcher import Dispatcher, Timeouts
from argosy.gateway.lane.dispatch.salt import CacheSalts
from argosy.gateway.lane.drain import Drain
from argosy.gateway.lane.lane import Lane
from argosy.gateway.lane.metrics import LaneMetrics
from argosy.gateway.lane.rooms import LaneLimits, Rooms
from argosy.gateway.lane.sampling import Sampler
from argosy.gateway.metering.journal import Journal
from argosy.gateway.metering.meter import Meter
from argosy.gateway.metering.spool import Spool
from argosy.gateway.placement.adapters import Placement, PlacementLimits
from argosy.gateway.routing.router import default_router
from argosy.gateway.standalone.models import CatalogModels
from argosy.kit.bus import BusUnavailable
from argosy.kit.clock import SystemClock
from argosy.kit.http import serving
from argosy.kit.processes import free_port
from argosy.kit.settings import HostPort
from prometheus_client import CollectorRegistry

ENGINE: Final = Path(__file__).resolve().parents[1] / "fakes" / "engine.py"
KEY: Final = "sk-lane-0123456789abcdef"
OTHER_KEY: Final = "sk-lane-other-0123456789"
PEPPER: Final = b"a pepper only for tests"
BASE: Final = "base-one"
HELLO: Final[Any] = [{"role": "user", "content": "hello"}]


class FakeEngine:
    """One process of `tests/fakes/engine.py` or its like; the same port over its lives."""

    def __init__(self, *arguments: str, model: str = BASE, script: Path = ENGINE) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [
            sys.executable, str(script), "--port", str(self.port), "--model", model, *arguments,
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None
        self._http = httpx.AsyncClient(base_url=self.url, timeout=5)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(*self._command)
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await self._http.get("/health")).status_code in {200, 503}:
                        return
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        await self.kill()
        await self._http.aclose()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def fault(self, **faults: Any) -> None:
        (await self._http.post("/_fault", json=faults)).raise_for_status()

    async def stats(self) -> dict[str, Any]:
        shown: dict[str, Any] = (await self._http.get("/_stats")).json()
        return shown


class ListBus:
    """Keeps events by id, as the stream does; can be taken down."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.down = False

    async def publish(self, subject: str, payload: bytes, msg_id: str) -> None:
        if self.down:
            raise BusUnavailable("down")
        assert subject == "argosy.v1.usage.recorded"
        self.events[msg_id] = Event.FromString(payload)


class LanePlane:
    """Everything between a client and the engines."""

    def __init__(
        self,
        spool: Path,
        urls: Sequence[str],
        *,
        timeouts: Timeouts | None = None,
        admission: AdmissionLimits | None = None,
        placement: PlacementLimits | None = None,
        limits: LaneLimits | None = None,
        engine: str = "vllm",
        engine_key: str = "",
        sample: float = 0.0,
        inner: ASGIApp | None = None,
        keep_alive: int = 5,
    ) -> None:
        timeouts = timeouts or Timeouts()
        self.metrics = CollectorRegistry()
        self.catalog = Catalog()
        self.keys_known = True
        clock = SystemClock()
        self.fleet = Fleet(
            clock=clock,
            metrics=self.metrics,
            times=ProbeTimes(up=0.2, down=0.1, call=1.0, connect=0.5),
            ejection=EjectionPolicy(base_seconds=0.5),
        )
        self.placement = Placement(
            self.fleet,
            exists=self.catalog.has_model,
            metrics=self.metrics,
            limits=placement or PlacementLimits(),
        )
        self.catalog.on_model_removed(self.placement.forget_soon)
        self.catalog.on_pools_changed(lambda: self.fleet.sync(self.catalog.pools()))
        self.bus = ListBus()
        self.spool = Spool(spool)
        self.meter = Meter(self.spool, self.bus, clock=clock, metrics=self.metrics)
        self.admission = Admission(
            clock=clock, metrics=self.metrics, limits=admission or AdmissionLimits()
        )
        self.catalog.on_pools_changed(lambda: self.admission.sync(self.catalog.pools()))
        self.cells = LocalCells(clock)
        self.drain = Drain()
        self.rooms = Rooms(
            authenticator=Authenticator(self.catalog, PEPPER, lambda: self.keys_known),
            models=CatalogModels(self.catalog),
            rates=Limits(self.cells, Prices(self.catalog), clock=clock, metrics=self.metrics),
            admission=self.admission,
            dispatcher=Dispatcher(
                self.fleet,
                self.placement,
                default_router(random.Random(1)),
                metrics=self.metrics,
                timeouts=timeouts,
            ),
            meter=self.meter,
            metrics=LaneMetrics(self.metrics),
            clock=clock,
            limits=limits or LaneLimits(),
            timeouts=timeouts,
            sampler=Sampler(sample),
            salts=CacheSalts(PEPPER),
            journal=Journal(spool, clock),
        )
        self.lane = Lane(inner or _not_found, self.rooms, self.drain)
        self._keep_alive = keep_alive
        self.port = free_port()
        self.catalog.replace(_entries(urls, engine, engine_key))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[LanePlane]:
        await self.fleet.probe_once()
        background = [
            asyncio.create_task(self.fleet.run()),
            asyncio.create_task(self.meter.run()),
        ]
        try:
            async with serving(
                self.lane,
                HostPort("127.0.0.1", self.port),
                http=self.lane.protocol,
                ws="none",
                timeout_keep_alive=self._keep_alive,
            ):
                yield self
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self.placement.close()
            self.spool.close()
            self.cells.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sdk(self, key: str = KEY) -> openai.AsyncOpenAI:
        """The stock SDK, without its own retries."""
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=30)

    def http(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {KEY}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    def add_adapter(self, name: str = "ft:base-one:argosy:a:00000001", project: str = "") -> str:
        model = Model(
            id=name, kind=MODEL_KIND_TUNED, base=BASE, project_id=project, context_length=2048,
            servable=True, pool="main", adapter_path=f"/adapters/{name}",
        )  # fmt: skip
        self.catalog.apply(WatchResponse(model=model))
        return name

    def value(self, name: str, **labels: str) -> float:
        """A metric's value; 0 if it was never set."""
        return self.metrics.get_sample_value(name, labels) or 0.0

    async def usage(self, count: int) -> list[UsageRecorded]:
        """Wait until the bus has `count` usage events; return them in order."""
        await until(lambda: len(self.bus.events) >= count, f"{count} usage events")
        return [event.usage_recorded for event in self.bus.events.values()]

    async def settled(self) -> None:
        """Wait until no request is under way; nothing may be left behind."""
        await until(lambda: self.drain.count == 0, "the end of all requests", 5)
        assert self.admission.in_flight == 0
        assert all(replica.in_flight == 0 for replica in self.fleet.all_replicas())
        assert self.value("argosy_gateway_requests_in_flight") == 0


async def until(condition: Any, what: str, seconds: float = 10) -> None:
    """Wait until `condition()` or `await condition()` is true."""
    give_up = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return
        assert asyncio.get_running_loop().time() < give_up, f"{what} did not come"
        await asyncio.sleep(0.02)


def _entries(urls: Sequence[str], engine: str, engine_key: str) -> list[WatchResponse]:
    def digest(key: str) -> bytes:
        return hmac.digest(PEPPER, key.encode(), "sha256")

    shared: dict[str, Any] = {"context_length": 2048, "servable": True}
    return [
        WatchResponse(project=Project(id="proj_a", organization_slug="argosy")),
        WatchResponse(project=Project(id="proj_b", organization_slug="argosy")),
        WatchResponse(key=Key(id="key_a", digest=digest(KEY), project_id="proj_a")),
        WatchResponse(key=Key(id="key_b", digest=digest(OTHER_KEY), project_id="proj_b")),
        WatchResponse(pool=Pool(name="main", engine=engine, replicas=urls, engine_key=engine_key)),
        WatchResponse(model=Model(id=BASE, kind=MODEL_KIND_BASE, pool="main", **shared)),
        WatchResponse(model=Model(id="vectors", kind=MODEL_KIND_EMBEDDING, **shared)),
        WatchResponse(
            model=Model(id="pooled-vectors", kind=MODEL_KIND_EMBEDDING, pool="main", **shared)
        ),
    ]


async def _not_found(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"inner"})
