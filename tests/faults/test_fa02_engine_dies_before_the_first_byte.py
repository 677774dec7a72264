"""FA02: kill -9 of an engine that has a request and has not answered: another one does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.harness.invariants import gauge
from tests.harness.serving_fleet import ENGINES, ServingFleet, chat

ATTEMPTS = "argosy_gateway_upstream_attempts_total"


@pytest.mark.parametrize("stream", [True, False])
def test_fa02_h05_engine_dies_before_the_first_byte(serving: ServingFleet, stream: bool) -> None:
    serving.fault(stall_after_tokens=0)
    with serving.http() as client, ThreadPoolExecutor(1) as pool:
        # Any answer before: a metric that was never touched is not shown.
        before = serving.stats("engine")["requests"] + serving.stats("engine-2")["requests"]
        waiting = pool.submit(client.post, "/v1/chat/completions", json=chat(stream=stream))
        victim = serving.busy()
        survivor = next(name for name in ENGINES if name != victim)
        serving.fault(survivor)
        seen = serving.stats(survivor)["requests"]
        pid = serving.cluster.kill(victim)
        answer: httpx.Response = waiting.result(10)
    assert answer.status_code == 200, answer.text
    assert "error" not in answer.text
    assert "t49 " in answer.text
    assert serving.stats(survivor)["requests"] == seen + 1
    assert before + 2 <= gauge(serving.cluster, "gateway", ATTEMPTS)
    row = serving.usage(answer.headers["x-request-id"])
    assert (row["outcome"], row["output_tokens"], row["estimated"]) == ("ok", "50", "f")
    serving.cluster.wait_restarted(victim, pid)
