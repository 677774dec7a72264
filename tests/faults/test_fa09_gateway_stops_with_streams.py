"""FA09: SIGTERM to a gateway with 20 streams: none is cut, each ends in order or is told why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
from argosy.kit.processes import free_port

from tests.harness.cluster import ROOT, Cluster
from tests.harness.serving_fleet import ServingFleet, chat, events_of
from tests.harness.waiting import wait_until

GRACE = 2.0


class Gateway:
    """A second gateway on the cluster's services, started by hand: its exit can be seen."""

    def __init__(self, cluster: Cluster, spool: Path) -> None:
        member = next(m for m in cluster.plan.members if m.name == "gateway")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.health = f"http://127.0.0.1:{free_port()}"
        environment = dict(member.environment) | {
            "ARGOSY_BIND": self.url.removeprefix("http://"),
            "ARGOSY_HEALTH_BIND": self.health.removeprefix("http://"),
            "ARGOSY_SPOOL_DIR": str(spool),
            "ARGOSY_DRAIN_GRACE_SECONDS": str(GRACE),
        }
        self.process = subprocess.Popen(member.command, env=environment, cwd=ROOT)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.health}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def gateway(cluster: Cluster, spool: Path) -> Iterator[Gateway]:
    started = Gateway(cluster, spool)
    try:
        wait_until(started.ready, 20, "the second gateway")
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait(10)


def test_fa09_gateway_stops_with_streams(serving: ServingFleet, tmp_path: Path) -> None:
    serving.fault(slow_ms=40)
    headers = {"authorization": f"Bearer {serving.cluster.key}"}
    with gateway(serving.cluster, tmp_path / "spool") as old:
        begun = threading.Barrier(21)

        def read(tokens: int) -> str:
            with httpx.Client(base_url=old.url, headers=headers, timeout=30) as client:
                body = chat(max_tokens=tokens)
                with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                    assert answer.status_code == 200
                    pieces = answer.iter_text()
                    text = next(pieces)
                    begun.wait(20)
                    # A reset connection raises here.
                    return text + "".join(pieces)

        with ThreadPoolExecutor(20) as pool:
            # Ten end within the grace, ten would take 20 s.
            short = [pool.submit(read, 20) for _ in range(10)]
            long = [pool.submit(read, 500) for _ in range(10)]
            begun.wait(20)
            os.kill(old.process.pid, signal.SIGTERM)
            wait_until(lambda: not old.ready(), 1, "/readyz to be false", pause=0.01)
            refused = httpx.post(
                f"{old.url}/v1/chat/completions", json=chat(), headers=headers, timeout=5
            )
            assert refused.status_code == 503
            assert refused.headers["connection"] == "close"
            for text in (future.result(20) for future in short):
                assert text.endswith("data: [DONE]\n\n")
            for text in (future.result(20) for future in long):
                last = json.loads(events_of(text)[-1])
                assert last["error"]["code"] == "server_draining"
        assert old.process.wait(GRACE + 5) == 0
    # What was used is in the ledger, or on disk for the next start; nothing is lost.
    query = "SELECT count(*) FROM registry.usage_event WHERE outcome = 'draining'"
    wait_until(lambda: int(serving.cluster.sql(query)[0][0]) == 10, 15, "the ledger")
