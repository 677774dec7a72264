"""The ledger is what the engines report, to the token, whatever is killed meanwhile.

Mixed requests, some hundred in flight, through two gateways to two engines that sometimes fail:
streams, clients that leave, refusals, retries, adapters. NATS is killed twice, the registry once,
a gateway once. What engines did for a request, and for none, adds up to what they count themselves.
ARGOSY_EXACTNESS_REQUESTS=10000 makes the full run.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from argosy.cli.fleet import credentials
from argosy.kit import rpc
from argosy.kit.settings import ServiceSettings
from pydantic import SecretStr

from tests.harness import adapters
from tests.harness.cluster import MODEL, Cluster
from tests.harness.invariants import gauge
from tests.harness.mixed_load import MixedLoad, Seen
from tests.harness.prepared_home import PreparedHomes
from tests.harness.registry_client import Client
from tests.harness.waiting import wait_until

COUNT = int(os.environ.get("ARGOSY_EXACTNESS_REQUESTS", "1500"))
AT_ONCE = 200
SEED = int(os.environ.get("ARGOSY_TEST_SEED", random.randrange(2**32)))
ENGINES = ("engine", "engine-2")
GATEWAYS = ("gateway", "gateway-2")
ADAPTERS = [f"ft:{MODEL}:argosy:exact:{number:08d}" for number in range(3)]
# As wide as the packaged model: where its weights are there, the registry holds adapters to them.
FITTING = (
    ("adapter_config.json", adapters.config()),
    ("adapter_model.safetensors", adapters.weights(width=576)),
)
KINDS = ("input_tokens", "cached_input_tokens", "output_tokens")
COLUMNS = ("request_id", "model", "outcome", "estimated", *KINDS)
Row = dict[str, Any]


@pytest.fixture
def cluster(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[Cluster]:
    spool = tmp_path_factory.mktemp("spool")
    made = Cluster(
        tmp_path_factory.mktemp("exact"),
        prepared_homes=prepared_homes,
        processes=("postgres", "nats", "registry", *ENGINES, *GATEWAYS),
        environment={"gateway-2": {"ARGOSY_SPOOL_DIR": str(spool)}},
    )
    try:
        yield made.start()
    finally:
        made.stop()


async def publish(cluster: Cluster) -> None:
    token = credentials.ensure(cluster.home).service_token
    settings = ServiceSettings.model_construct(service_token=SecretStr(token))
    there = SimpleNamespace(
        channel=lambda: rpc.channel(f"127.0.0.1:{cluster.port('registry')}", settings)
    )
    async with Client(there) as client:  # type: ignore[arg-type] # it only asks for a channel
        for number, name in enumerate(ADAPTERS):
            await client.publish(name, *FITTING, base=MODEL, job=f"ftjob-{number}")


async def cut_off(cluster: Cluster) -> str:
    """Kill a gateway amid an answer, beside all others that it gives; return the answer's id."""
    body = {
        "model": MODEL, "stream": True, "max_tokens": 1500,
        "messages": [{"role": "user", "content": "A long story"}],
    }  # fmt: skip
    async with httpx.AsyncClient(
        headers={"authorization": f"Bearer {cluster.key}"}, timeout=60
    ) as client:
        while True:
            path = f"{cluster.url('gateway-2')}/v1/chat/completions"
            async with client.stream("POST", path, json=body) as answer:
                events = 0
                async for line in answer.aiter_lines():
                    events += bool(line) and answer.status_code == 200
                    if events == 3:
                        cluster.kill("gateway-2")
                        return answer.headers["x-request-id"]


async def load(cluster: Cluster) -> tuple[Seen, str]:
    cutting: list[asyncio.Task[str]] = []
    # What is done once so many requests have ended.
    faults: list[tuple[int, Callable[[], object]]] = [
        (COUNT // 5, lambda: cluster.kill("nats")),
        (2 * COUNT // 5, lambda: cluster.kill("registry")),
        (3 * COUNT // 5, lambda: cutting.append(asyncio.create_task(cut_off(cluster)))),
        (4 * COUNT // 5, lambda: cluster.kill("nats")),
    ]

    def progress(ended: int) -> None:
        if faults and ended >= faults[0][0]:
            faults.pop(0)[1]()

    urls = [cluster.url(name) for name in GATEWAYS]
    crowd = MixedLoad(urls, cluster.key, [MODEL, MODEL, *ADAPTERS], random.Random(SEED), progress)
    seen = await crowd.run(COUNT, AT_ONCE)
    assert not faults
    return seen, await cutting[0]


def reported(cluster: Cluster) -> dict[str, Row]:
    """Return what the engines say of each request; none was worked on twice."""
    found: dict[str, Row] = {}
    for name in ENGINES:
        for used in httpx.get(f"{cluster.url(name)}/_fake/usage", timeout=20).json():
            assert used["request_id"] not in found
            found[used["request_id"]] = used
    return found


def ledger(cluster: Cluster) -> dict[str, Row]:
    """Return the ledger's rows by request; no request is there twice."""
    rows = cluster.sql(f"SELECT {', '.join(COLUMNS)} FROM registry.usage_event")  # noqa: S608 - our own names
    found: dict[str, Row] = {}
    for row in rows:
        told: Row = dict(zip(COLUMNS, row, strict=True))
        told |= {kind: int(told[kind]) for kind in KINDS} | {"estimated": told["estimated"] == "t"}
        assert told["request_id"] not in found
        found[told["request_id"]] = told
    return found


def settle(cluster: Cluster, seen: Seen) -> dict[str, Row]:
    """Wait until the gateways have handed everything on and the ledger has it."""

    def spools_empty() -> bool:
        return all(
            gauge(cluster, name, "argosy_gateway_usage_spool_bytes") == 0 for name in GATEWAYS
        )

    # What a client has left, or was cut off from, is there as well: see below.
    wanted = seen.complete.keys() | seen.left.keys() | reported(cluster).keys()

    def all_there() -> bool:
        missing = wanted - ledger(cluster).keys()
        assert not missing, (
            f"missing: {len(missing)}, complete {len(missing & seen.complete.keys())}"
        )
        return True

    for name in GATEWAYS:
        cluster.wait_ready(name)
    wait_until(spools_empty, 60, "empty spools")
    wait_until(all_there, 60, "the ledger", pause=0.5)
    return ledger(cluster)


@pytest.mark.timeout(240 + COUNT // 10)
def test_the_ledger_equals_what_the_engines_report(cluster: Cluster) -> None:
    print(f"ARGOSY_TEST_SEED={SEED} ARGOSY_EXACTNESS_REQUESTS={COUNT}")
    asyncio.run(publish(cluster))
    for name in ENGINES:
        faults = {"slow_ms": 4, "prefill_ms": 1, "status": 500, "status_every": 9}
        httpx.post(f"{cluster.url(name)}/_fault", json=faults, timeout=5).raise_for_status()
    seen, cut = asyncio.run(load(cluster))
    rows, engines = settle(cluster, seen), reported(cluster)
    assert len(seen.complete) > COUNT / 3
    assert len(seen.left) > COUNT / 20

    # What a client got whole is in the ledger with the engine's own counts, and with the client's.
    for request_id, told in seen.complete.items():
        row, used = rows[request_id], engines[request_id]
        assert used["told"]
        assert not row["estimated"]
        assert row["model"] == used["model"]
        assert {kind: row[kind] for kind in KINDS} == {kind: used[kind] for kind in KINDS}
        assert told in (None, {kind: row[kind] for kind in KINDS})
    # Nothing else is in it but what an engine did, or what cost nothing.
    for request_id, row in rows.items():
        if request_id not in engines:
            assert sum(row[kind] for kind in KINDS) == 0, row
            continue
        used = engines[request_id]
        if row["estimated"]:
            assert 0 < row["output_tokens"] <= used["output_tokens"], (row, used)
            # What was read is the engine's own count, of an answer that broke off too.
            assert row["input_tokens"] == used["input_tokens"], (row, used)
        elif row["output_tokens"]:
            assert {kind: row[kind] for kind in KINDS} == {kind: used[kind] for kind in KINDS}
    # Whatever an engine worked on is somebody's, though its gateway was killed.
    assert not engines.keys() - rows.keys()
    assert rows[cut]["outcome"] == "gateway_died"
    assert 0 < rows[cut]["output_tokens"] <= engines[cut]["output_tokens"]
    died = sum(row["outcome"] == "gateway_died" for row in rows.values())
    # To the token: what was billed, and what engines did beyond that, is what they have counted.
    done = {kind: sum(used[kind] for used in engines.values()) for kind in KINDS}
    billed = {kind: sum(row[kind] for row in rows.values()) for kind in KINDS}
    beyond = {kind: done[kind] - billed[kind] for kind in KINDS}
    assert all(tokens >= 0 for tokens in beyond.values()), beyond
    wait_until(lambda: counted(cluster) == done, 30, "the engines' counters in the ledger")
    assert unattributed(cluster) == beyond["input_tokens"] + beyond["output_tokens"]
    print(
        f"{len(rows)} rows, {len(engines)} at engines; complete {len(seen.complete)}, "
        f"left {len(seen.left)}, refused {seen.refused}, cut {seen.cut}, died {died}; "
        f"estimated {sum(row['estimated'] for row in rows.values())}; tokens at engines {done}, "
        f"beyond what was billed {beyond}"
    )
    the_sums_agree(cluster, rows)


def counted(cluster: Cluster) -> Row:
    """Return what the ledger has of the engines' own counters."""
    sums = ", ".join(f"coalesce(sum({kind}), 0)" for kind in KINDS)
    (row,) = cluster.sql(f"SELECT {sums} FROM registry.engine_day")  # noqa: S608 - our own names
    return {kind: int(told) for kind, told in zip(KINDS, row, strict=True)}


def unattributed(cluster: Cluster) -> int:
    """Return the tokens that the cost report says to be nobody's."""
    with cluster.client(admin_api_key=cluster.key) as sdk:
        page = sdk.admin.organization.usage.costs(
            start_time=int(time.time()) - 86_400, group_by=["line_item"]
        )
    return sum(
        int(result.quantity or 0)
        for bucket in page.data
        for result in bucket.results
        if result.object == "organization.costs.result"
        and str(result.line_item).endswith(", unattributed_tokens")
    )


def the_sums_agree(cluster: Cluster, rows: dict[str, Row]) -> None:
    """The reports of the stock SDK add up to the ledger's rows."""
    for width in ("minute", "hour", "day"):
        sums = ", ".join(f"sum({kind})" for kind in KINDS)
        found = cluster.sql(f"SELECT {sums} FROM registry.usage_{width}")[0]  # noqa: S608 - our own names
        assert list(map(int, found)) == [sum(r[kind] for r in rows.values()) for kind in KINDS]
    with cluster.client(admin_api_key=cluster.key) as sdk:
        page = sdk.admin.organization.usage.completions(
            start_time=1_700_000_000, bucket_width="1d", limit=31, group_by=["model"]
        )
        while page.has_more:
            page = sdk.admin.organization.usage.completions(
                start_time=1_700_000_000, limit=31, group_by=["model"], page=str(page.next_page)
            )
    told: dict[str, int] = {}
    for bucket in page.data:
        for result in bucket.results:
            assert result.object == "organization.usage.completions.result"
            told[str(result.model)] = told.get(str(result.model), 0) + result.output_tokens
    for model in (MODEL, *ADAPTERS):
        assert told[model] == sum(r["output_tokens"] for r in rows.values() if r["model"] == model)
