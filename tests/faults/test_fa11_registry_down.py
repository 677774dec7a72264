"""FA11: the registry is gone. What the gateway knew goes on; what it cannot know, it refuses.

`ARGOSY_FA11_SECONDS` is how long the registry stays down: 60 in the list of cases, less here.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness import invariants
from tests.harness.api_fleet import OTHER_KEY, ApiFleet, api_fleet
from tests.harness.cluster import MODEL
from tests.harness.invariants import gauge
from tests.harness.prepared_home import PreparedHomes
from tests.harness.serving_fleet import HELLO
from tests.harness.waiting import wait_until

SECONDS = float(os.environ.get("ARGOSY_FA11_SECONDS", "6"))
LINE = json.dumps({"messages": [*HELLO, {"role": "assistant", "content": "hi"}]})
NEW_KEY = "sk-made-while-the-registry-was-down"


@pytest.fixture
def fleet(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[ApiFleet]:
    with api_fleet(tmp_path_factory.mktemp("fa11"), prepared_homes) as running:
        yield running


def tuned(fleet: ApiFleet, suffix: str) -> str:
    """Tune a model; return its name. No engine has loaded it yet."""
    client = fleet.sdk()
    lines = io.BytesIO(f"{LINE}\n".encode() * 10)
    file = client.files.create(file=("t.jsonl", lines), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=MODEL, training_file=file.id, suffix=suffix, extra_body={"argosy": {"max_steps": 2}}
    )
    name: str = fleet.finish(job.id)["fine_tuned_model"]
    return name


def ask(fleet: ApiFleet, model: str, key: str | None = None) -> httpx.Response:
    with fleet.http(key) as client:
        body: dict[str, Any] = {"model": model, "messages": HELLO, "max_tokens": 3}
        return client.post("/v1/chat/completions", json=body)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_fa11_registry_down(fleet: ApiFleet) -> None:
    cluster = fleet.cluster
    warm, cold = tuned(fleet, "warm"), tuned(fleet, "cold")
    # In a gateway's memory from the watch alone; the first was asked for before, the second not.
    assert ask(fleet, warm).status_code == 200
    wait_until(lambda: cold in fleet.sdk().models.list().to_json(), 10, "the news of the model")

    cluster.hold_down("registry")
    down_since = time.monotonic()
    wait_until(lambda: gauge(cluster, "gateway", "argosy_gateway_degraded") == 1, 10, "degraded")
    asked = 0
    while asked < 20 or time.monotonic() - down_since < SECONDS:
        asked += 1
        for model in (MODEL, warm, cold):
            answer = ask(fleet, model)
            assert answer.status_code == 200, answer.text
            assert answer.json()["model"] == model
        assert ask(fleet, MODEL, OTHER_KEY).status_code == 200
        assert refusal(ask(fleet, "no-such-model")) == (503, "service_unavailable")
        if asked > 20:
            continue  # wrong keys are counted, and too many of them are not looked at
        # It may be a key that was made meanwhile: not 401, which clients take for good.
        unknown = ask(fleet, MODEL, "sk-nobody-knows-this-key")
        assert refusal(unknown) == (503, "keys_unavailable")
        assert int(unknown.headers["retry-after"]) > 0
        # What no key of ours can look like is refused for good all the same.
        assert refusal(ask(fleet, MODEL, "two words")) == (401, "invalid_api_key")
    assert ask(fleet, warm, OTHER_KEY).status_code in {404, 503}
    assert gauge(cluster, "gateway", "argosy_gateway_degraded") == 1
    stale = gauge(cluster, "gateway", "argosy_gateway_snapshot_staleness_seconds")
    assert stale >= time.monotonic() - down_since - 6  # it may have been silent for 5 s before
    # Ready all the while: taking it out of service would turn a degraded service into none.
    assert httpx.get(cluster.health_url("gateway"), timeout=5).status_code == 200

    # Meanwhile the operator exchanges a key.
    catalog = cluster.home.catalog_file
    catalog.write_text(catalog.read_text().replace(OTHER_KEY, NEW_KEY))
    cluster.release("registry")
    wait_until(lambda: gauge(cluster, "gateway", "argosy_gateway_degraded") == 0, 15, "catching up")
    assert ask(fleet, MODEL, NEW_KEY).status_code == 200
    assert refusal(ask(fleet, MODEL, OTHER_KEY)) == (401, "invalid_api_key")
    assert refusal(ask(fleet, "no-such-model")) == (404, "model_not_found")
    answered = 3 * asked + asked + 2
    query = "SELECT count(*) FROM registry.usage_event WHERE operation='chat' AND outcome='ok'"
    wait_until(lambda: int(cluster.sql(query)[0][0]) == answered, 30, "the ledger", pause=0.2)
    invariants.outboxes_drain(cluster)
    invariants.no_orphans(cluster)
