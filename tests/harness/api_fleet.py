"""A whole fleet as its users see it: two projects with a key each, and the stock SDK."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import openai
from argosy.cli.fleet import credentials

from tests.harness import training_programs
from tests.harness.cluster import ROOT, Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.waiting import wait_until

OTHER_KEY: Final = "sk-other-project-0123456789"
FAKE_WORKER: Final = ROOT / "tests" / "fakes" / "worker.py"
TERMINAL: Final = frozenset({"succeeded", "failed", "cancelled"})

SECOND_PROJECT: Final = f"""
[[project]]
id = "proj_other"
name = "Other"

[[key]]
id = "key_other"
project_id = "proj_other"
name = "other"
secret = "{OTHER_KEY}"
"""


class ApiFleet:
    """A running cluster, its keys, and short ways to what contract tests look at."""

    def __init__(self, cluster: Cluster, control: Path) -> None:
        self.cluster = cluster
        self._control = control
        self.key = cluster.key
        self.other_key = OTHER_KEY

    def sdk(self, **options: Any) -> openai.OpenAI:
        """The stock SDK, by default without its own retries."""
        return self.cluster.client(**options)

    def http(self, key: str | None = None) -> httpx.Client:
        """A plain HTTP client for what the SDK would not send; paths begin with `/v1`."""
        return httpx.Client(
            base_url=self.cluster.url(),
            headers={"authorization": f"Bearer {key or self.key}"},
            timeout=60,
        )

    def finish(self, job_id: str, timeout: float = 60.0) -> dict[str, Any]:
        """Wait until a job has ended; return it as the API shows it."""
        with self.http() as client:

            def ended() -> dict[str, Any] | None:
                job: dict[str, Any] = client.get(f"/v1/fine_tuning/jobs/{job_id}").json()
                assert job["status"] in TERMINAL, f"{job_id} is {job['status']}"
                return job

            found = wait_until(ended, timeout, f"the end of {job_id}", pause=0.1)
            assert found is not None
            return found

    @contextmanager
    def worker(self, **knobs: Any) -> Iterator[None]:
        """Change what training children do that start within the block (KNOBS of the fake)."""
        self._control.write_text(json.dumps(knobs))
        try:
            yield
        finally:
            self._control.unlink()

    def last_engine_request(self) -> dict[str, Any]:
        """Return the body of the last request that reached the engine."""
        answer = httpx.get(f"{self.cluster.url('engine')}/_fake/requests", timeout=5)
        seen: list[dict[str, Any]] = answer.json()
        return seen[-1]

    def resident_adapters(self) -> set[str]:
        """Return the adapters that the engine says it has."""
        secret = credentials.ensure(self.cluster.home).engine_key
        answer = httpx.get(
            f"{self.cluster.url('engine')}/v1/models",
            headers={"authorization": f"Bearer {secret}"},
            timeout=5,
        )
        return {model["id"] for model in answer.json()["data"] if model.get("parent")}

    def peak_memory(self, name: str) -> int:
        """Return the most memory that a process has held so far, in bytes."""
        status = Path(f"/proc/{self.cluster.process(name).pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def gateway_metrics(self) -> str:
        """Return what the gateway shows at /metrics."""
        return httpx.get(self.cluster.metrics_url("gateway"), timeout=5).text


@contextmanager
def api_fleet(home: Path, prepared_homes: PreparedHomes) -> Iterator[ApiFleet]:
    """Run a fleet with the fake engine and the fake worker for the time of the block."""
    control = home.with_name(home.name + "-worker.json")
    programs = training_programs.write(home.with_name(home.name + "-programs"))
    cluster = Cluster(
        home,
        prepared_homes=prepared_homes,
        worker_command=[sys.executable, str(FAKE_WORKER), "--control", str(control)],
        catalog=SECOND_PROJECT,
        environment={
            "registry": {"ARGOSY_SIGN_UP": "approval"},
            "trainer": {"ARGOSY_TRAINING_PROGRAMS": str(programs)},
        },
    )
    try:
        yield ApiFleet(cluster.start(), control)
    finally:
        cluster.stop()
