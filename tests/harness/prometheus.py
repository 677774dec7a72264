"""A real Prometheus that watches one fleet: Debian's package, a configuration of its own."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from argosy.kit.processes import free_port

from tests.harness.waiting import wait_until

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "deploy" / "k8s" / "prometheus" / "rules"
# Grafana takes four scrapes at least; a test has no time for minutes.
RATE_INTERVAL: Final = "5s"


def program(name: str) -> str:
    """Return the path of `prometheus` or `promtool`."""
    found = shutil.which(name)
    assert found, f"{name} is missing: `make setup` with tests installs Debian's package prometheus"
    return found


@dataclass
class Prometheus:
    """A running server."""

    url: str
    log: Path
    began: float

    def ask(self, path: str, **parameters: Any) -> Any:
        """Return the data of an answer; fails the test with Prometheus's own words."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10)
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]

    def points(self, query: str) -> int:
        """Return how many numbers a query gave since the start; fills in Grafana's variables."""
        query = query.replace("$__rate_interval", RATE_INTERVAL)
        for name in ("$model", "$project"):
            query = query.replace(name, ".*")
        data = self.ask("query_range", query=query, start=self.began, end=time.time(), step=1)
        return sum(
            not math.isnan(float(value))
            for series in data["result"]
            for _, value in series["values"]
        )

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        groups = self.ask("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def watching(folder: Path, targets: Path) -> Iterator[Prometheus]:
    """Scrape what `targets` names, each second, under the rules of `deploy/k8s/prometheus`."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "*.yaml")],
        "scrape_configs": [
            {
                "job_name": "argosy",
                "scrape_timeout": "1s",
                "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}],
            }
        ],
    }
    folder.mkdir(exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port, log = free_port(), folder / "prometheus.log"
    began = time.time()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = Prometheus(f"http://127.0.0.1:{port}", log, began)

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{server.url}/-/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def sees_all() -> bool:
        named = {entry["labels"]["instance"] for entry in json.loads(targets.read_text())}
        up = {one["metric"]["instance"] for one in server.ask("query", query="up == 1")["result"]}
        assert up == named, named - up
        return True

    try:
        wait_until(ready, 30, "Prometheus to be ready", pause=0.1)
        # It takes targets over some seconds after its start.
        wait_until(sees_all, 60, "Prometheus to scrape every process", pause=0.2)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
