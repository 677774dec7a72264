"""FA26: the wall clock of a process jumps by an hour, there and back. Nothing that lasts notices.

Leases, limits, timeouts and health go by monotonic time, or by the one clock of the database.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from tests.harness import invariants
from tests.harness.api_fleet import FAKE_WORKER
from tests.harness.cluster import EVERYTHING, MODEL, Cluster
from tests.harness.invariants import gauge
from tests.harness.serving_fleet import HELLO, chat, events_of
from tests.harness.waiting import wait_until
from tests.harness.wall_clock import WallClock

HOUR = 3600
TOKEN_SECONDS = 2.0
LEASE_SECONDS = 4.0
PATIENT = ("gateway", "registry", "trainer")
LIMITED = "sk-limited-key-0123456789"
CATALOG = f"""
[[key]]
id = "key_limited"
name = "limited"
secret = "{LIMITED}"
requests_per_minute = 3
"""
RECORD = json.dumps({"messages": [*HELLO, {"role": "assistant", "content": "hi"}]}).encode() + b"\n"


@pytest.fixture
def clocks(tmp_path: Path) -> dict[str, WallClock]:
    return {name: WallClock(tmp_path, name) for name in PATIENT}


@pytest.fixture
def cluster(
    make_cluster: Callable[..., Cluster], clocks: dict[str, WallClock], tmp_path: Path
) -> Cluster:
    control = tmp_path / "worker.json"
    control.write_text(json.dumps({"step_seconds": 0.25}))
    more = {
        "gateway": {"ARGOSY_TOKEN_TIMEOUT_SECONDS": str(TOKEN_SECONDS)},
        "registry": {},
        "trainer": {"ARGOSY_LEASE_SECONDS": str(LEASE_SECONDS)},
    }
    return make_cluster(
        processes=EVERYTHING,
        worker_command=[sys.executable, str(FAKE_WORKER), "--control", str(control)],
        environment={name: clocks[name].environment | more[name] for name in PATIENT},
        catalog=CATALOG,
    ).start()


def fault(cluster: Cluster, **faults: object) -> None:
    body = {"reset": True} | faults
    httpx.post(f"{cluster.url('engine')}/_fault", json=body, timeout=5).raise_for_status()


def asked(cluster: Cluster, key: str | None = None, **more: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or cluster.key}"}
    url = f"{cluster.url()}/v1/chat/completions"
    return httpx.post(url, json=chat(**more), headers=headers, timeout=30)


def skew(cluster: Cluster) -> float:
    """Return how far the gateway's clock is ahead of ours, in seconds."""
    answer = httpx.get(f"{cluster.url()}/v1/models", timeout=5)
    return parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()


def test_fa26_the_wall_clock_jumps(cluster: Cluster, clocks: dict[str, WallClock]) -> None:
    client = cluster.client(max_retries=3)
    training = client.files.create(file=("t.jsonl", io.BytesIO(RECORD * 12)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=MODEL, training_file=training.id, extra_body={"argosy": {"max_steps": 60}}
    )
    wait_until(
        lambda: client.fine_tuning.jobs.retrieve(job.id).status == "running", 30, "the job's start"
    )
    # One lease from the beginning to the end: nobody takes the job over.
    query = f"SELECT lease_epoch, crashes FROM trainer.jobs WHERE id = '{job.id}'"  # noqa: S608 - ours
    lease = cluster.sql(query)
    assert [asked(cluster, LIMITED, max_tokens=1).status_code for _ in range(4)] == [200] * 3 + [
        429
    ]
    limited_since = time.monotonic()

    for gateway, registry, trainer in (
        (HOUR, -HOUR, HOUR),
        (-HOUR, HOUR, -HOUR),
        (0, 0, 0),
    ):
        fault(cluster, slow_ms=30)
        with ThreadPoolExecutor(1) as pool:
            stream = pool.submit(asked, cluster)
            wait_until(lambda: _running(cluster), 10, "a stream under way")
            clocks["gateway"].move(gateway)
            clocks["registry"].move(registry)
            clocks["trainer"].move(trainer)
            # uvicorn writes the date anew each second.
            wait_until(lambda g=gateway: abs(skew(cluster) - g) < 60, 10, "the jump")
            events = events_of(stream.result(30).text)
        assert events[-1] == "[DONE]"
        assert sum('"content":"t' in event for event in events) == 50
        _timeouts_are_as_ever(cluster)
        # No hour has passed for a limit, nor did one come back.
        if time.monotonic() - limited_since < 50:
            assert asked(cluster, LIMITED, max_tokens=1).status_code == 429
        assert gauge(cluster, "gateway", "argosy_gateway_degraded") == 0
        assert gauge(cluster, "gateway", "argosy_gateway_replica_ready") == 1

    done = wait_until(
        lambda: (j := client.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 60, "the job"
    )
    assert done.status == "succeeded", done.error
    assert cluster.sql(query) == lease
    assert gauge(cluster, "gateway", "argosy_gateway_snapshot_breaks_total") == 0
    invariants.outboxes_drain(cluster)
    invariants.no_orphans(cluster)


def _running(cluster: Cluster) -> bool:
    stats = httpx.get(f"{cluster.url('engine')}/_stats", timeout=5).json()
    return bool(stats["running"])


def _timeouts_are_as_ever(cluster: Cluster) -> None:
    """A silent engine is given up after the set time: not at once, and not an hour later."""
    fault(cluster, stall_after_tokens=3)
    begun = time.monotonic()
    events = events_of(asked(cluster).text)
    assert json.loads(events[-1])["error"]["code"] == "upstream_timeout"
    assert TOKEN_SECONDS - 0.1 <= time.monotonic() - begun < TOKEN_SECONDS * 4
    fault(cluster)
    wait_until(lambda: asked(cluster).status_code == 200, 15, "the engine's return")
