"""FA27: a half-open connection to the registry: nothing is closed, and nothing arrives any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.harness import invariants
from tests.harness.cluster import MODEL, Cluster
from tests.harness.invariants import gauge
from tests.harness.proxy import TcpProxy
from tests.harness.serving_fleet import PROCESSES, ServingFleet, chat
from tests.harness.waiting import wait_until

NOTICED_SECONDS = 10.0


@pytest.fixture
def proxy(make_proxy: Callable[[], TcpProxy]) -> TcpProxy:
    return make_proxy()


@pytest.fixture
def serving(make_cluster: Callable[..., Cluster], proxy: TcpProxy) -> Iterator[ServingFleet]:
    cluster = make_cluster(
        processes=PROCESSES, environment={"gateway": {"ARGOSY_REGISTRY_URL": proxy.address}}
    )
    proxy.target = cluster.port("registry")
    fleet = ServingFleet(cluster.start())
    fleet.usable()
    yield fleet
    fleet.nothing_left()


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def test_fa27_half_open_connection_to_the_registry(serving: ServingFleet, proxy: TcpProxy) -> None:
    cluster = serving.cluster
    assert gauge(cluster, "gateway", "argosy_gateway_degraded") == 0
    assert gauge(cluster, "registry", "argosy_registry_watchers") == 1
    connected = proxy.connections

    proxy.faults.drop = True
    cut = time.monotonic()
    with serving.http() as client, ThreadPoolExecutor(1) as pool:
        # A question that hangs in the dead connection has a deadline of its own.
        hanging = pool.submit(
            client.post, "/v1/chat/completions", json=chat(model="unknown", stream=False)
        )
        # Nobody else waits for it.
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
        answer = hanging.result(NOTICED_SECONDS)
        assert (answer.status_code, code(answer)) == (503, "service_unavailable")
        wait_until(
            lambda: gauge(cluster, "gateway", "argosy_gateway_degraded") == 1,
            cut + NOTICED_SECONDS - time.monotonic(),
            "the gateway to notice",
        )
        stranger = {"authorization": "Bearer sk-nobody-knows-this-key"}
        answer = client.post("/v1/chat/completions", json=chat(), headers=stranger)
        assert (answer.status_code, code(answer)) == (503, "keys_unavailable")
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
        # The other side lets go too: a watch that nobody reads is not kept.
        wait_until(
            lambda: gauge(cluster, "registry", "argosy_registry_watchers") == 0,
            cut + NOTICED_SECONDS + 2 - time.monotonic(),
            "the registry to notice",
        )

        proxy.heal()
        wait_until(
            lambda: gauge(cluster, "gateway", "argosy_gateway_degraded") == 0, 15, "catching up"
        )
        assert proxy.connections > connected
        answer = client.post("/v1/chat/completions", json=chat(), headers=stranger)
        assert (answer.status_code, code(answer)) == (401, "invalid_api_key")
        answer = client.post("/v1/chat/completions", json=chat(model="unknown"))
        assert (answer.status_code, code(answer)) == (404, "model_not_found")
        assert client.get(f"/v1/models/{MODEL}").status_code == 200
    assert gauge(cluster, "registry", "argosy_registry_watchers") == 1
    invariants.outboxes_drain(cluster)
    invariants.no_orphans(cluster)
