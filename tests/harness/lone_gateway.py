"""`argosy gateway --config` and engines' stand-ins: processes of one test, all breakable.

Needs no database and starts within seconds; the file says how many engines there are and how long
the gateway waits for what.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from argosy.kit.processes import free_port

from tests.harness.waiting import wait_until

ARGOSY: Final = Path(sys.executable).with_name("argosy")
FAKES: Final = Path(__file__).resolve().parents[1] / "fakes"
KEY: Final = "sk-lone-0123456789abc"
ADMIN_KEY: Final = "sk-lone-admin-0123456"


@dataclass
class PoolOf:
    """A pool of equal engines. `arguments` are those of its stand-in."""

    name: str
    engines: int
    engine: str = "vllm"
    arguments: Sequence[str] = ()
    more: str = ""
    modalities: Sequence[str] = ()


@dataclass
class LoneEngine:
    """One engine's process."""

    port: int
    process: subprocess.Popen[bytes]
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def fault(self, **faults: Any) -> None:
        """Clear its faults and set these."""
        self.http.post("/_fault", json={"reset": True} | faults).raise_for_status()

    def stats(self) -> dict[str, Any]:
        """Return what it has seen."""
        shown: dict[str, Any] = self.http.get("/_stats").json()
        return shown

    def up(self) -> bool:
        try:
            return self.http.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait(10)


class LoneGateway:
    """The gateway and its pools. The model of a pool has the pool's name."""

    def __init__(self, folder: Path, pools: Sequence[PoolOf], settings: str, tables: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.pools = {pool.name: [_engine(pool) for _ in range(pool.engines)] for pool in pools}
        self.path = folder / "gateway.toml"
        self.log = folder / "gateway.log"
        self.path.write_text(
            f"[gateway]\nport = {self.port}\nmetrics_port = {self.metrics_port}\n{settings}\n"
            f'[[key]]\nname = "ours"\nsecret = "{KEY}"\n'
            f'[[key]]\nname = "admin"\nsecret = "{ADMIN_KEY}"\nadmin = true\n'
            + "".join(self._pool(pool) for pool in pools)
            + tables
        )
        for engine in self.engines:
            wait_until(engine.up, 60, f"the engine on port {engine.port}")
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [ARGOSY, "gateway", "--config", str(self.path)], stdout=out, stderr=out
            )

    @property
    def engines(self) -> list[LoneEngine]:
        """All engines of all pools."""
        return [engine for engines in self.pools.values() for engine in engines]

    @property
    def url(self) -> str:
        """The base URL for an SDK."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def http(self, key: str = KEY, **options: Any) -> httpx.Client:
        """A client with the key; paths begin with `/chat` or the like."""
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {key}"}, timeout=30, **options
        )

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum over the series of this name that have these labels."""
        return series_total(httpx.get(self.metrics_url, timeout=5).text, name, **labels)

    def ready(self) -> None:
        """Wait until it finds every engine ready."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx.HTTPError):
                found = self.metric("argosy_gateway_replica_ready") == len(self.engines)
                return found and self._listens()
            return False

        wait_until(ready, 60, "the gateway and its engines")

    def _listens(self) -> bool:
        """The metrics are there a moment before the gateway's own port."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        for engine in self.engines:
            engine.stop()

    def _pool(self, pool: PoolOf) -> str:
        urls = [engine.url for engine in self.pools[pool.name]]
        return (
            f'[[pool]]\nname = "{pool.name}"\nengine = "{pool.engine}"\nreplicas = {urls}\n'
            f'models = [{{ name = "{pool.name}", modalities = {list(pool.modalities)} }}]\n'
            f"{pool.more}\n"
        )


def series_total(text: str, name: str, **labels: str) -> float:
    """Return the sum over the series of this name that have these labels, of an exposition."""
    total = 0.0
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if series.partition("{")[0] == name and all(
            f'{key}="{wanted}"' in series for key, wanted in labels.items()
        ):
            total += float(value)
    return total


def _engine(pool: PoolOf) -> LoneEngine:
    port = free_port()
    script = FAKES / ("tgi.py" if pool.engine == "tgi" else "engine.py")
    command = [sys.executable, str(script), "--port", str(port), "--model", pool.name]
    return LoneEngine(port, subprocess.Popen([*command, *pool.arguments]))


@contextlib.contextmanager
def lone_gateway(
    folder: Path,
    *pools: PoolOf,
    settings: Mapping[str, float | str] | None = None,
    tables: str = "",
) -> Iterator[LoneGateway]:
    """Start it with these pools; `settings` are of `[gateway]`, `tables` follow the pools."""
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in (settings or {}).items())
    made = LoneGateway(folder, pools, lines, tables)
    try:
        made.ready()
        yield made
    finally:
        made.stop()
