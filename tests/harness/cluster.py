"""A whole fleet for tests: the real supervision and the real processes, with stand-ins by choice.

`Cluster` runs the same code as `argosy up`, in a thread. PostgreSQL and NATS are real; the engine
is the fake one unless a test says otherwise; the trainer's child is what the test names.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import openai
from argosy.cli.fleet import credentials, leftovers, postgres, procfile
from argosy.cli.fleet.home import Home
from argosy.cli.fleet.options import FleetOptions
from argosy.cli.fleet.plan import FleetPlan, MemberPlan, build
from argosy.cli.fleet.ports import Ports
from argosy.cli.fleet.roles import role_name
from argosy.cli.fleet.state import FleetState, MemberState
from argosy.cli.fleet.supervisor import Fleet, recorded

from tests.harness.loop_thread import LoopThread
from tests.harness.prepared_home import PreparedHomes
from tests.harness.waiting import wait_until

ROOT: Final = Path(__file__).resolve().parents[2]
FAKE_ENGINE: Final = ROOT / "tests" / "fakes" / "engine.py"
EVERYTHING: Final = ("postgres", "nats", "registry", "trainer", "embedder", "engine", "gateway")
MODEL: Final = "smollm2-135m-instruct"


class Cluster:
    """One fleet in one temporary home. Ports are known once it is made; `start` runs it.

    `processes`: names as in the Procfile; `engine-2` is a second engine. `commands` replaces lines
    of the Procfile. `environment`: settings by process name, `*` for all. `catalog`: TOML appended
    to the registry's catalogue.
    """

    def __init__(
        self,
        home: Path,
        *,
        prepared_homes: PreparedHomes | None = None,
        processes: Sequence[str] = EVERYTHING,
        commands: Mapping[str, str] | None = None,
        engine_arguments: Sequence[str] = (),
        real_engine: bool = False,
        worker_command: Sequence[str] | None = None,
        environment: Mapping[str, Mapping[str, str]] | None = None,
        catalog: str = "",
        port: int | None = None,
        restart_seconds: float = 0.1,
    ) -> None:
        self.home = Home.at(home)
        self._restart_seconds = restart_seconds
        self._gates: dict[str, asyncio.Event] = {}
        self._loop = LoopThread("fleet")
        self._stopping = asyncio.Event()
        self._lock = contextlib.ExitStack()
        self._run: Any = None
        self._stopped = False
        settings = {name: dict(values) for name, values in (environment or {}).items()}
        if worker_command is not None:
            settings.setdefault("trainer", {})["ARGOSY_WORKER_COMMAND"] = json.dumps(
                list(worker_command)
            )
        lines = _lines(processes, commands or {}, engine_arguments, real_engine)
        self.home.prepare()
        if prepared_homes is not None and "postgres" in processes:
            prepared_homes.fill(self.home)
        listed = self.home.root / "Procfile"
        listed.write_text("".join(f"{name}: {command}\n" for name, command in lines.items()))
        options = FleetOptions(
            procfile=listed,
            ml_environment=ROOT / ".venv-ml",
            port=port or Ports().take(),
            engine_flavour="cpu",
            environment=settings,
        )
        self.plan: FleetPlan = build(self.home, options)
        with self.home.catalog_file.open("a", encoding="utf-8") as file:
            file.write(catalog)
        self.fleet: Fleet  # made by `start`, in the thread that it lives in

    # -- life ------------------------------------------------------------------------------------

    def start(self, timeout: float = 60.0) -> Cluster:
        """Start every process and wait until all are ready."""
        self._lock.enter_context(self.home.lock())
        self._loop.wait_for(self._make())
        self._run = self._loop.start(self.fleet.run(self._stopping))
        wait_until(self._ready_or_failed, timeout, "the cluster's start")
        return self

    def stop(self) -> None:
        """Stop every process in order; fail if one is left. A second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        if self._run is not None:
            self._loop.call(self._stopping.set)
            with contextlib.suppress(Exception):
                self._run.result(30)
            self._run = None
        self._loop.close()
        self._lock.close()
        left = leftovers.find(self.home.root, recorded(self.home))
        assert not left, f"processes outlived the cluster: {left}"

    async def _make(self) -> None:
        gates = {member.name: asyncio.Event() for member in self.plan.members}
        for gate in gates.values():
            gate.set()
        self._gates = gates
        members = tuple(self._gated(member) for member in self.plan.members)
        self.fleet = Fleet(
            replace(self.plan, members=members),
            delays=lambda: itertools.repeat(self._restart_seconds),
        )

    def _gated(self, member: MemberPlan) -> MemberPlan:
        async def prepare() -> None:
            await self._gates[member.name].wait()
            if member.prepare is not None:
                await member.prepare()

        return replace(member, prepare=prepare)

    def _ready_or_failed(self) -> bool:
        if self._run.done():
            self._run.result()
        assert not self._run.done(), "the fleet ended"
        if not self.fleet.ready.is_set():
            waiting = [f"{m.name}: {m.stage} {m.note}" for m in self.state.members if not m.ready]
            raise AssertionError("; ".join(waiting))
        return True

    # -- faults ----------------------------------------------------------------------------------

    def kill(self, name: str, which: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process; return its pid. The supervisor starts a dead one again."""
        pid = self.process(name).pid
        assert pid is not None, f"{name} does not run"
        os.kill(pid, which)
        return pid

    def hold_down(self, name: str) -> None:
        """Kill a process and keep it down until `release`."""
        self._loop.call(self._gates[name].clear)
        pid = self.kill(name)
        wait_until(lambda: self.process(name).pid != pid, what=f"the end of {name}")

    def release(self, name: str, timeout: float = 30.0) -> None:
        """Let a process that was held down start, and wait until it is ready."""
        self._loop.call(self._gates[name].set)
        self.wait_ready(name, timeout)

    def wait_restarted(self, name: str, old_pid: int, timeout: float = 30.0) -> None:
        """Wait until a process other than `old_pid` is ready under this name."""
        wait_until(
            lambda: self.process(name).ready and self.process(name).pid != old_pid,
            timeout,
            f"the restart of {name}",
        )

    def wait_ready(self, name: str, timeout: float = 30.0) -> None:
        """Wait until a process takes work."""
        wait_until(lambda: self.process(name).ready, timeout, f"the readiness of {name}")

    # -- looking ---------------------------------------------------------------------------------

    @property
    def state(self) -> FleetState:
        """Where every process stands."""
        return self.fleet.state()

    def process(self, name: str) -> MemberState:
        """Where one process stands."""
        member = self.state.member(name)
        assert member is not None, f"there is no process {name!r}"
        return member

    def port(self, name: str) -> int:
        """The main port of a process."""
        return next(m.port for m in self.plan.members if m.name == name)

    def url(self, name: str = "gateway") -> str:
        """`http://host:port` of a process, without `/v1`."""
        return f"http://127.0.0.1:{self.port(name)}"

    def health_url(self, name: str) -> str:
        """The `/readyz` of a process (`/health` of an engine)."""
        return next(m.health_url for m in self.plan.members if m.name == name)

    def metrics_url(self, name: str) -> str:
        """The `/metrics` of one of our own processes."""
        return self.health_url(name).removesuffix("/readyz") + "/metrics"

    def log(self, name: str) -> str:
        """Everything that a process has logged, over all its lives."""
        path = self.home.log(name)
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return self.plan.base_url

    @property
    def key(self) -> str:
        """The first API key."""
        return self.plan.api_key

    def client(self, **options: Any) -> openai.OpenAI:
        """The stock SDK; by default without its own retries, so that a test sees each answer."""
        return openai.OpenAI(**self._client_options(options))

    def async_client(self, **options: Any) -> openai.AsyncOpenAI:
        """The same, asynchronous."""
        return openai.AsyncOpenAI(**self._client_options(options))

    def _client_options(self, options: dict[str, Any]) -> dict[str, Any]:
        ours = {"base_url": self.base_url, "api_key": self.key, "max_retries": 0, "timeout": 60.0}
        return ours | options

    def sql(self, query: str) -> list[list[str]]:
        """Return the rows of a query to the services' database, as text."""
        secret = credentials.ensure(self.home).postgres_password
        host = f"127.0.0.1:{self.port('postgres')}"
        url = f"postgresql://{postgres.USER}:{secret}@{host}/{postgres.DATABASE}"
        command = [postgres.program("psql")[-1], url, "-XAtq", "-F", "\t", "-c", query]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]


def _lines(
    processes: Sequence[str],
    commands: Mapping[str, str],
    engine_arguments: Sequence[str],
    real_engine: bool,
) -> dict[str, str]:
    listed = procfile.read(ROOT / "Procfile")
    if not real_engine:
        words = [
            "${PYTHON}", str(FAKE_ENGINE), "--port", "${PORT}", "--model", "${MODEL_ID}",
            *engine_arguments,
        ]  # fmt: skip
        listed["engine"] = " ".join(words)
    return {name: commands.get(name) or listed[role_name(name)] for name in processes}
