"""A limit of a day is one limit: over gateways that share no memory, and without its memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.cluster import MODEL, Cluster
from tests.harness.prepared_home import PreparedHomes
from tests.harness.waiting import wait_until

GATEWAYS = ("gateway", "gateway-2")
LIMIT = 500


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each gateway counts: as on machines of their own."""
    return {name: tmp_path_factory.mktemp(name) / "counts" for name in GATEWAYS}


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
    prepared_homes: PreparedHomes,
    counts: dict[str, Path],
) -> Iterator[Cluster]:
    settings = {
        name: {
            "ARGOSY_SPOOL_DIR": str(tmp_path_factory.mktemp("spool")),
            "ARGOSY_LIMITS_FILE": str(counts[name]),
            "ARGOSY_LEDGER_SECONDS": "0.2",
        }
        for name in GATEWAYS
    }
    made = Cluster(
        tmp_path_factory.mktemp("days"),
        prepared_homes=prepared_homes,
        processes=("postgres", "nats", "registry", "engine", *GATEWAYS),
        environment=settings,
    )
    try:
        yield made.start()
    finally:
        made.stop()


def key_with(cluster: Cluster, **limits: int) -> str:
    with cluster.client(admin_api_key=cluster.key) as sdk:
        projects = sdk.admin.organization.projects
        project = projects.create(name="Capped", extra_body={"argosy": {"limits": limits}})
        return projects.service_accounts.create(project.id, name="crane").api_key.value


def ask(cluster: Cluster, gateway: str, key: str, tokens: int) -> httpx.Response:
    return httpx.post(
        f"{cluster.url(gateway)}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}"},
        json={
            "model": MODEL,
            "messages": [{"role": "user", "content": "Ahoy"}],
            "max_tokens": tokens,
        },
        timeout=30,
    )


def used(cluster: Cluster, gateway: str, key: str) -> int:
    """Return what a gateway says is used, by a request that no limit would let through."""
    refused = ask(cluster, gateway, key, LIMIT + 1)
    assert refused.status_code == 429, refused.text
    message = refused.json()["error"]["message"]
    found = re.search(r"tokens per day\. Limit 500, used (\d+),", message)
    assert found, message
    return int(found[1])


def test_what_one_gateway_lets_through_counts_at_the_other_and_outlives_its_memory(
    cluster: Cluster, counts: dict[str, Path]
) -> None:
    key = key_with(cluster, tokens_per_day=LIMIT)
    told = sum(ask(cluster, "gateway", key, 100).json()["usage"]["total_tokens"] for _ in range(2))
    assert used(cluster, "gateway", key) == told
    wait_until(lambda: used(cluster, "gateway-2", key) == told, 20, "the other gateway's count")
    told += ask(cluster, "gateway-2", key, 150).json()["usage"]["total_tokens"]
    assert used(cluster, "gateway-2", key) == told
    # Together they are at the limit: what is left is refused by both.
    wait_until(lambda: used(cluster, "gateway", key) == told, 20, "the first gateway's count")
    for gateway in GATEWAYS:
        assert ask(cluster, gateway, key, LIMIT - told + 1).status_code == 429

    # A machine that comes up without its memory goes on from the ledger.
    cluster.hold_down("gateway")
    counts["gateway"].unlink()
    cluster.release("gateway")
    wait_until(lambda: used(cluster, "gateway", key) == told, 20, "the count out of the ledger")
