"""A trainer process for tests, on a real PostgreSQL, nats-server and registry, with a fake child.

Each process can be killed at any moment and started again on the same data. A test tells the fake
child what to do by `control`; what the knobs are stands in `tests/fakes/worker.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
import grpc
from argosy.kit import rpc
from argosy.kit.processes import free_port
from argosy.trainer.settings import TrainerSettings

from tests.harness.registry_client import LINE, Client
from tests.harness.registry_fleet import CATALOG, TOKEN, Fleet, Registry, fleet
from tests.harness.servers import wait_until

WORKER: Final = Path(__file__).resolve().parents[1] / "fakes" / "worker.py"

# Short times, so that a test waits for events and not for a clock.
_QUICK: Final = {
    "ARGOSY_LEASE_SECONDS": "3",
    "ARGOSY_POLL_SECONDS": "0.2",
    "ARGOSY_CRASH_BACKOFF_SECONDS": "0.02",
    "ARGOSY_LOG_LEVEL": "info",
}


def _surroundings() -> dict[str, str]:
    # PYTHONPATH lets a mutated copy of the code take the place of the installed one.
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


class Trainer:
    """One trainer process; `kill` and `start` keep its database and run root."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        ships: Fleet,
        registry_address: str,
        env: Mapping[str, str],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.run_root = folder / "runs"
        self.control_file = folder / "control.json"
        self.port, self.health_port = free_port(), free_port()
        self.log = folder / "trainer.log"
        command = [sys.executable, str(WORKER), "--control", str(self.control_file)]
        self.env = {
            "ARGOSY_BIND": f"127.0.0.1:{self.port}",
            "ARGOSY_HEALTH_BIND": f"127.0.0.1:{self.health_port}",
            "ARGOSY_DATABASE_URL": database_url,
            "ARGOSY_NATS_URL": f"nats://127.0.0.1:{ships.nats.port}",
            "ARGOSY_NATS_MONITOR_URL": f"http://127.0.0.1:{ships.nats.monitor_port}",
            "ARGOSY_SERVICE_TOKEN": TOKEN,
            "ARGOSY_REGISTRY_URL": registry_address,
            "ARGOSY_RUN_ROOT": str(self.run_root),
            "ARGOSY_WORKER_COMMAND": json.dumps(command),
            **_QUICK,
            **env,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def control(self, **knobs: Any) -> None:
        """Tell the children that start from now on what to do."""
        aside = self.control_file.with_suffix(".part")
        aside.write_text(json.dumps(knobs))
        aside.rename(self.control_file)

    def spawn(self, **env: str) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "argosy.trainer"],
                env={**_surroundings(), **self.env, **env},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, **env: str) -> Trainer:
        """Start the process and wait until it is ready."""
        self.spawn(**env)
        wait_until(lambda: self.readiness() == {}, f"trainer; its log is {self.log}", 30)
        return self

    def readiness(self) -> dict[str, str] | None:
        """Return what /readyz says is missing; None if it does not answer."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the trainer ended: {self.log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(self._ops("/readyz"), timeout=3) as answer:  # noqa: S310
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        except OSError:
            return None
        missing: dict[str, str] = json.loads(body)["missing"]
        return missing

    def metric(self, name: str) -> float:
        """Return the sum over all labels of one metric."""
        with urllib.request.urlopen(self._ops("/metrics"), timeout=3) as answer:  # noqa: S310
            text = answer.read().decode()
        found = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        assert found, f"there is no metric {name}"
        return sum(map(float, found))

    def _ops(self, path: str) -> str:
        return f"http://127.0.0.1:{self.health_port}{path}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9` of the supervisor alone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        if self._process is None:
            return 0
        self._process.terminate()
        status = self._process.wait(timeout=20)
        self._process = None
        return status

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def settings(self) -> TrainerSettings:
        values: dict[str, Any] = {
            name.removeprefix("ARGOSY_").lower(): value for name, value in self.env.items()
        }
        for name in ("worker_command", "gateway_metrics_urls"):
            if name in values:
                values[name] = json.loads(values[name])
        return TrainerSettings.model_validate(values)

    def channel(self, address: str = "") -> grpc.aio.Channel:
        return rpc.channel(address or f"127.0.0.1:{self.port}", self.settings())

    def run_dir(self, job_id: str) -> Path:
        return self.run_root / job_id

    def children(self) -> list[int]:
        """Return the pids of everything that runs for a run of this trainer."""
        mark = str(self.run_root).encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    async def sql(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run a query on the trainer's schema."""
        connection = await asyncpg.connect(self.env["ARGOSY_DATABASE_URL"], timeout=10)
        try:
            await connection.execute("SET search_path = trainer")
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows
        finally:
            await connection.close()


def gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in {"Z", "X"}


class Yard:
    """PostgreSQL, nats-server and a registry for one test module; trainers on fresh databases."""

    def __init__(self, ships: Fleet, registry: Registry) -> None:
        self.ships = ships
        self.registry = registry
        self._trainers: list[Trainer] = []
        self._count = 0

    def trainer(
        self,
        *,
        like: Trainer | None = None,
        registry_address: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Trainer:
        """Return a trainer, not started. With `like` it is another replica: the same database."""
        self._count += 1
        name = f"trainer_{self._count}"
        if like is None:
            url = asyncio.run(self.ships.postgres.new_database(name))
        else:
            url = like.env["ARGOSY_DATABASE_URL"]
        address = registry_address or f"127.0.0.1:{self.registry.port}"
        trainer = Trainer(self.ships.folder / name, url, self.ships, address, env or {})
        self._trainers.append(trainer)
        return trainer

    def close_trainers(self) -> None:
        """Stop the test's trainers; fail if one leaves a child behind."""
        left = []
        for trainer in self._trainers:
            trainer.kill()
            for pid in trainer.children():
                # The kernel sends the death signal a moment after the parent's end.
                with contextlib.suppress(TimeoutError):
                    wait_until(lambda pid=pid: gone(pid), "children", 3)  # type: ignore[misc]
                if not gone(pid):
                    left.append(pid)
                    os.kill(pid, signal.SIGKILL)
        self._trainers.clear()
        assert not left, f"children outlived their supervisor: {left}"

    def files(self) -> Client:
        return Client(self.registry)

    async def upload(self, rows: int = 20, **fields: Any) -> str:
        """Put a training file into the registry; return its id."""
        async with self.files() as client:
            return (await client.upload(LINE * rows, **fields)).id


@contextlib.contextmanager
def yard(
    *, catalog: str = CATALOG, registry_env: Mapping[str, str] | None = None
) -> Iterator[Yard]:
    """Run PostgreSQL, nats-server and a registry for the time of the block."""
    with fleet() as ships:
        registry = ships.registry("registry", catalog=catalog, env=registry_env)
        registry.start()
        running = Yard(ships, registry)
        try:
            yield running
        finally:
            running.close_trainers()
