"""The lane with a healthy engine: shapes, bytes, headers, parameters, usage."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from argosy.gateway.admission.permits import AdmissionLimits

from tests.harness.lane_plane import BASE, HELLO, KEY


async def test_a_stock_client_chats_whole_and_streamed(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    sdk = plane.sdk()
    answer = await sdk.chat.completions.create(model=BASE, messages=HELLO, max_tokens=3)
    assert answer.choices[0].message.content == "t0 t1 t2 "
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3
    stream = await sdk.chat.completions.create(
        model=BASE, messages=HELLO, max_tokens=3, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "t0 t1 t2 "
    text = await sdk.completions.create(model=BASE, prompt="a", max_tokens=2)
    assert text.choices[0].text == "t0 t1 "
    used = await plane.usage(3)
    assert [(u.operation, u.outcome, u.output_tokens, u.estimated) for u in used] == [
        ("chat", "ok", 3, False),
        ("chat", "ok", 3, False),
        ("completion", "ok", 2, False),
    ]
    assert all(u.input_tokens > 0 and u.key_id == "key_a" and u.model == BASE for u in used)
    assert used[1].first_token_ms <= used[1].duration_ms
    await plane.settled()
    assert (await engine.stats())["aborts"] == []


@pytest.mark.parametrize("piece", [None, 7])
async def test_the_engines_bytes_pass_unchanged_but_for_the_usage_event(
    make_plane: Any, piece: int | None
) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(piece_bytes=piece)
    body = {"model": BASE, "messages": HELLO, "max_tokens": 3, "stream": True}
    asked = body | {"stream_options": {"include_usage": True}}
    async with httpx.AsyncClient(timeout=10) as direct:
        whole = (await direct.post(f"{engine.url}/v1/chat/completions", json=asked)).content
        without = (await direct.post(f"{engine.url}/v1/chat/completions", json=body)).content
    async with plane.http() as client:
        through = await client.post("/v1/chat/completions", json=asked)
        hidden = await client.post("/v1/chat/completions", json=body)
    assert _timeless(through.content) == _timeless(whole)
    assert _timeless(hidden.content) == _timeless(without)
    assert through.headers["content-type"].startswith("text/event-stream")
    told = {"include_usage": True, "continuous_usage_stats": True}
    assert (await engine.stats())["bodies"][-1]["stream_options"] == told


def _timeless(body: bytes) -> list[Any]:
    events = [line[6:] for line in body.decode().split("\n\n") if line]
    assert events.pop() == "[DONE]"
    return [json.loads(event) | {"created": 0} for event in events]


async def test_the_engines_key_is_sent(make_plane: Any) -> None:
    right, _ = await make_plane(arguments=("--api-key", "secret"), engine_key="secret")
    assert (await right.sdk().chat.completions.create(model=BASE, messages=HELLO)).choices


async def test_a_wrong_engine_key_is_not_the_clients_fault(make_plane: Any) -> None:
    plane, _ = await make_plane(arguments=("--api-key", "secret"), engine_key="other")
    with pytest.raises(openai.InternalServerError) as caught:
        await plane.sdk().chat.completions.create(model=BASE, messages=HELLO)
    assert caught.value.status_code == 503


async def test_ids_and_traces_reach_the_engine(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    async with plane.http() as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={"model": BASE, "messages": HELLO},
            headers={"x-secret-header": "mine"},
        )
    assert answer.status_code == 200
    assert answer.headers["x-request-id"].startswith("req_")
    assert int(answer.headers["openai-processing-ms"]) >= 0
    assert answer.headers["openai-organization"] == "argosy"
    seen = (await engine.stats())["headers"]
    assert seen["x-request-id"] == answer.headers["x-request-id"]
    assert "x-secret-header" not in seen
    assert KEY not in json.dumps(seen)


async def test_everything_else_goes_to_the_inner_application(make_plane: Any) -> None:
    plane, _ = await make_plane()
    async with plane.http() as client:
        assert (await client.get("/v1/chat/completions")).content == b"inner"
        assert (await client.post("/v1/files")).content == b"inner"


async def test_public_sampling_parameters_reach_the_engine_and_openais_own_do_not(
    make_plane: Any,
) -> None:
    plane, (engine,) = await make_plane()
    sent = {"temperature": 0.5, "top_k": 3, "min_p": 0.1, "seed": 7, "n": 2, "logit_bias": {"5": 1}}
    dropped = {"store": True, "metadata": {"a": "b"}, "user": "u", "service_tier": "auto"}
    nulls = {"stop": None, "tools": None, "audio": None}
    async with plane.http() as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={"model": BASE, "messages": HELLO} | sent | dropped | nulls,
        )
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["choices"]) == 2
    body = (await engine.stats())["bodies"][-1]
    assert body.pop("cache_salt")
    assert body == {"model": BASE, "messages": HELLO} | sent


async def test_more_tokens_than_the_model_holds_are_refused_here(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    with pytest.raises(openai.BadRequestError) as caught:
        await plane.sdk().chat.completions.create(model=BASE, messages=HELLO, max_tokens=2049)
    assert caught.value.param == "max_tokens"
    assert "2048" in str(caught.value)
    assert (await engine.stats())["requests"] == 0


async def test_a_permit_is_needed_and_always_given_back(make_plane: Any) -> None:
    plane, (engine,) = await make_plane(
        admission=AdmissionLimits(concurrent=1, queued=0, wait_seconds=1)
    )
    await engine.fault(slow_ms=50)
    sdk = plane.sdk()
    stream = await sdk.chat.completions.create(
        model=BASE, messages=HELLO, max_tokens=20, stream=True
    )
    await anext(aiter(stream))
    with pytest.raises(openai.RateLimitError) as caught:
        await sdk.chat.completions.create(model=BASE, messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "2"
    await stream.close()
    await plane.settled()
    assert (await sdk.chat.completions.create(model=BASE, messages=HELLO, max_tokens=1)).choices
