"""Registry processes for tests, on the real PostgreSQL and nats-server of `tests.harness.servers`.

Each can be killed at any moment and started again on the same data. Everything lies under one
temporary folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import grpc
from argosy.kit import rpc
from argosy.kit.processes import free_port
from argosy.registry.settings import RegistrySettings

from tests.harness.servers import Nats, Postgres, wait_until

PEPPER = "a pepper only for tests"
TOKEN = "a token only for tests"
KEY = "sk-test-0123456789abcdef"

CATALOG = """
[organization]
id = "org-argosy"
slug = "argosy"

[[project]]
id = "proj_default"
name = "Default"

[[project]]
id = "proj_other"
name = "Other"

[[pool]]
name = "main"
engine = "vllm"
replicas = ["http://127.0.0.1:41000"]
engine_key = "engine secret"

[[model]]
id = "base-one"
kind = "base"
owned_by = "tests"
context_length = 2048
modalities = ["image"]
trainable = true
pool = "main"
weights_path = "/weights/base-one"

[[model]]
id = "vectors"
kind = "embedding"
owned_by = "tests"
context_length = 512
"""


class Registry:
    """One registry process and a channel to it."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        nats: Nats,
        *,
        catalog: str = CATALOG,
        env: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.blob_root = folder / "blobs"
        self.catalog_file = folder / "catalog.toml"
        self.catalog_file.write_text(catalog)
        self.port, self.health_port = free_port(), free_port()
        self.log = folder / "registry.log"
        self.env = {
            "ARGOSY_BIND": f"127.0.0.1:{self.port}",
            "ARGOSY_HEALTH_BIND": f"127.0.0.1:{self.health_port}",
            "ARGOSY_DATABASE_URL": database_url,
            "ARGOSY_NATS_URL": f"nats://127.0.0.1:{nats.port}",
            "ARGOSY_NATS_MONITOR_URL": f"http://127.0.0.1:{nats.monitor_port}",
            "ARGOSY_SERVICE_TOKEN": TOKEN,
            "ARGOSY_KEY_PEPPER": PEPPER,
            "ARGOSY_BOOTSTRAP_KEY": KEY,
            "ARGOSY_BLOB_ROOT": str(self.blob_root),
            "ARGOSY_CATALOG_FILE": str(self.catalog_file),
            # They would be in every list and every folder that tests look at.
            "ARGOSY_PRESET_DATASETS": "false",
            **(env or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self, **env: str) -> None:
        """Start the process without waiting for it; `env` adds to its environment."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "argosy.registry"],
                env={"PATH": os.environ["PATH"], **self.env, **env},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, **env: str) -> None:
        """Start the process and wait until it is ready."""
        self.spawn(**env)
        wait_until(lambda: self.readiness() == {}, f"registry; its log is {self.log}", 30)

    def readiness(self) -> dict[str, str] | None:
        """Return what /readyz says is missing; None if it does not answer."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the registry ended: {self.log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.health_port}/readyz", timeout=3
            ) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        except OSError:
            return None
        missing: dict[str, str] = json.loads(body)["missing"]
        return missing

    def metric(self, name: str) -> float:
        """Return the value of a series, its labels in `name` as /metrics writes them.

        A labelled series that has not been counted yet is 0, as Prometheus' users take it.
        """
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.health_port}/metrics", timeout=3
        ) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rsplit(" ", 1)[1])
        return 0.0

    def wait_exit(self, seconds: float = 20) -> int:
        """Wait for the process to end by itself; return its status."""
        assert self._process is not None
        status = self._process.wait(timeout=seconds)
        self._process = None
        return status

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def rss_bytes(self) -> int:
        assert self._process is not None
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def kill(self) -> None:
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

    def settings(self) -> RegistrySettings:
        """Return the settings as the process reads them."""
        return RegistrySettings.model_validate(
            {k.removeprefix("ARGOSY_").lower(): v for k, v in self.env.items()}
        )

    def channel(self) -> grpc.aio.Channel:
        """Return a channel with the services' token; the caller closes it."""
        return rpc.channel(f"127.0.0.1:{self.port}", self.settings())

    def stored(self) -> list[str]:
        """Return the paths of all files under the blob root, staging locks left out."""
        return sorted(
            str(p.relative_to(self.blob_root))
            for p in self.blob_root.rglob("*")
            if p.is_file() and p.name != ".lock"
        )


class Fleet:
    """PostgreSQL and nats-server for one test module; registries on fresh databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder)
        self.nats = Nats(folder / "nats")
        self._registries: list[Registry] = []

    def registry(
        self,
        name: str,
        *,
        like: Registry | None = None,
        catalog: str = CATALOG,
        env: Mapping[str, str] | None = None,
    ) -> Registry:
        """Return a registry, not started, with a database and a blob root of its own.

        With `like` it is another replica: the same database and blob root.
        """
        if like is None:
            url = asyncio.run(self.postgres.new_database(name))
        else:
            url = like.env["ARGOSY_DATABASE_URL"]
            env = {"ARGOSY_BLOB_ROOT": str(like.blob_root), **(env or {})}
        registry = Registry(self.folder / name, url, self.nats, catalog=catalog, env=env)
        self._registries.append(registry)
        return registry

    def close(self) -> None:
        for registry in self._registries:
            registry.kill()
        self.nats.kill()
        self.postgres.kill()


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """Run PostgreSQL and nats-server for the time of the block, in a folder that all may enter."""
    folder = Path(tempfile.mkdtemp(prefix="argosy-registry-test-"))
    folder.chmod(0o755)
    try:
        running = Fleet(folder)
        try:
            yield running
        finally:
            running.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
