"""FA04: every engine is dead: refused at once, nothing piles up, and it comes back by itself."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.harness.invariants import gauge
from tests.harness.serving_fleet import ENGINES, ServingFleet, chat


def test_fa04_all_engines_dead(serving: ServingFleet) -> None:
    cluster = serving.cluster
    gateway = cluster.process("gateway").pid
    for name in ENGINES:
        cluster.hold_down(name)

    def ask(client: httpx.Client) -> tuple[float, httpx.Response]:
        begun = time.monotonic()
        answer = client.post("/v1/chat/completions", json=chat())
        return time.monotonic() - begun, answer

    with serving.http() as client, ThreadPoolExecutor(20) as pool:
        # The first ones meet engines that the gateway still believes in.
        for seconds, answer in pool.map(ask, [client] * 100):
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["error"]["type"] == "server_error"
            assert seconds < 1
        assert gauge(cluster, "gateway", "argosy_gateway_queued_requests") == 0
        assert gauge(cluster, "gateway", "argosy_gateway_permits_in_flight") == 0
        for name in ENGINES:
            cluster.release(name)
        serving.usable()
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
    assert cluster.process("gateway").pid == gateway
