"""FA01: kill -9 of an engine after 20 tokens of a stream."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import openai
import pytest

from tests.harness.cluster import MODEL
from tests.harness.serving_fleet import HELLO, ServingFleet, chat, events_of


def test_fa01_engine_dies_mid_stream(serving: ServingFleet) -> None:
    serving.fault(stall_after_tokens=20)
    with (
        serving.http() as client,
        client.stream("POST", "/v1/chat/completions", json=chat()) as answer,
    ):
        text = ""
        pieces = answer.iter_text()
        while "t19 " not in text:
            text += next(pieces)
        victim = serving.busy()
        pid = serving.cluster.kill(victim)
        killed = time.monotonic()
        text += "".join(pieces)
        assert time.monotonic() - killed < 1
        # The next request is served at once, by the other engine.
        survivor = next(name for name in ("engine", "engine-2") if name != victim)
        serving.fault(survivor)
        again = client.post("/v1/chat/completions", json=chat(stream=False))
        assert again.status_code == 200
    events = events_of(text)
    chunks = [json.loads(event) for event in events]
    assert "[DONE]" not in text
    told = "".join(c["choices"][0]["delta"]["content"] for c in chunks[:-1])
    assert told == "".join(f"t{i} " for i in range(20))
    error = chunks[-1]["error"]
    assert (error["type"], error["code"]) == ("server_error", "upstream_disconnected")
    row = serving.usage(answer.headers["x-request-id"])
    assert (row["outcome"], row["output_tokens"]) == ("upstream_disconnected", "20")
    assert row["estimated"] == "t"
    serving.cluster.wait_restarted(victim, pid)


def test_fa01_the_official_sdk_raises(serving: ServingFleet) -> None:
    serving.fault(stall_after_tokens=20)
    stream: Any = serving.cluster.client().chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=50, stream=True
    )
    pids: list[tuple[str, int]] = []

    def kill() -> None:
        victim = serving.busy()
        pids.append((victim, serving.cluster.kill(victim)))

    seen: list[str] = []
    killer = threading.Thread(target=kill)

    def read() -> None:
        for chunk in stream:
            if text := chunk.choices[0].delta.content:
                seen.append(text)
            if len(seen) == 20:
                killer.start()

    with pytest.raises(openai.APIError, match="connection to the model's engine was lost"):
        read()
    killer.join()
    assert seen == [f"t{i} " for i in range(20)]
    serving.cluster.wait_restarted(*pids[0])
