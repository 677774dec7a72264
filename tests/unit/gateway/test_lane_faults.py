"""The lane with engines and clients that break: what the client sees, what is recorded."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import openai
import pytest
from argosy.gateway.lane.dispatch.dispatcher import Timeouts

from tests.harness.lane_plane import BASE, HELLO, until

STREAM: Any = {"model": BASE, "messages": HELLO, "stream": True, "max_tokens": 50}


async def _events(client: httpx.AsyncClient, body: Any = STREAM) -> list[Any]:
    """Return the data of each event, read to the end of the stream."""
    answer = await client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.content.endswith(b"\n\n")
    data = [part.removeprefix("data: ") for part in answer.text.split("\n\n") if part]
    return [part if part == "[DONE]" else json.loads(part) for part in data]


async def test_an_engine_that_dies_mid_stream_ends_it_with_an_error_event(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    for engine in engines:
        await engine.fault(die_after_tokens=20)
    async with plane.http() as client:
        events = await _events(client)
    texts = [e["choices"][0]["delta"].get("content") for e in events[:-1]]
    assert "".join(texts) == "".join(f"t{i} " for i in range(20))
    assert events[-1]["error"]["code"] == "upstream_disconnected"
    assert events[-1]["error"]["type"] == "server_error"
    (used,) = await plane.usage(1)
    assert (used.outcome, used.output_tokens, used.estimated) == ("upstream_disconnected", 20, True)
    assert used.input_tokens > 0
    for engine in engines:
        if engine.pid and not await _dead(engine):
            await engine.fault(reset=True)
    answer = await plane.sdk().chat.completions.create(model=BASE, messages=HELLO)
    assert answer.choices
    await plane.settled()


async def _dead(engine: Any) -> bool:
    try:
        await engine.stats()
    except httpx.HTTPError:
        return True
    return False


async def test_the_stock_client_raises_on_the_error_event(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(error_after_tokens=2)
    stream = await plane.sdk().chat.completions.create(**STREAM)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    # The engine's stack trace stays inside.
    assert "EngineCore failed" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "/srv" not in str(caught.value)
    (used,) = await plane.usage(1)
    assert (used.outcome, used.output_tokens) == ("engine_failed", 2)


@pytest.mark.parametrize("stream", [True, False])
async def test_before_the_first_byte_another_engine_is_asked_once(
    make_plane: Any, stream: bool
) -> None:
    plane, engines = await make_plane(engines=2)
    await engines[0].fault(die_after_tokens=0)
    requests = 0
    async with plane.http() as client:
        while not await _dead(engines[0]):
            requests += 1
            assert requests < 50, "the first engine was never asked"
            answer = await client.post("/v1/chat/completions", json=STREAM | {"stream": stream})
            assert answer.status_code == 200, answer.text
            assert "error" not in answer.text
    assert plane.value("argosy_gateway_upstream_attempts_total", kind="first") == requests
    assert plane.value("argosy_gateway_upstream_attempts_total", kind="retry") == 1
    assert {u.outcome for u in await plane.usage(requests)} == {"ok"}
    await plane.settled()


async def test_a_dead_fleet_is_told_at_once_and_comes_back_without_help(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    for engine in engines:
        await engine.kill()
    async with plane.http() as client:
        for _ in range(5):
            begun = time.monotonic()
            answer = await client.post("/v1/chat/completions", json=STREAM)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() - begun < 1
        await engines[0].start()
        await until(lambda: any(r.ready for r in plane.fleet.all_replicas()), "a replica")
        assert (await client.post("/v1/chat/completions", json=STREAM)).status_code == 200
    await plane.settled()


async def test_a_client_that_leaves_stops_the_engine(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(slow_ms=20)
    async with plane.http() as client:
        async with client.stream("POST", "/v1/chat/completions", json=STREAM) as answer:
            text = ""
            async for piece in answer.aiter_text():
                text += piece
                if "t2" in text:
                    break
        left = time.time()

    async def seen() -> bool:
        return bool((await engine.stats())["aborts"])

    await until(seen, "the abort")
    assert (await engine.stats())["aborts"][0]["at"] - left < 1
    (used,) = await plane.usage(1)
    assert used.outcome == "client_disconnected"
    assert used.estimated
    assert 3 <= used.output_tokens < 50
    await plane.settled()


async def test_a_client_that_leaves_while_it_waits_takes_no_permit_with_it(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(stall_after_tokens=0)
    async with plane.http() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/chat/completions", json=STREAM, timeout=0.3)
    await plane.settled()
    assert len((await engine.stats())["aborts"]) == 1
    (used,) = await plane.usage(1)
    assert (used.outcome, used.input_tokens, used.output_tokens) == ("client_disconnected", 0, 0)


async def test_a_silent_engine_is_given_up_between_tokens(make_plane: Any) -> None:
    plane, (engine,) = await make_plane(timeouts=Timeouts(between_tokens=0.3))
    await engine.fault(stall_after_tokens=3)
    async with plane.http() as client:
        events = await _events(client)
    assert len(events) == 1 + 3 + 1
    assert events[-1]["error"]["code"] == "upstream_timeout"
    await plane.settled()


async def test_a_silent_engine_is_given_up_before_the_first_byte(make_plane: Any) -> None:
    plane, (engine,) = await make_plane(timeouts=Timeouts(first_byte=0.3))
    await engine.fault(stall_after_tokens=0)
    async with plane.http() as client:
        # The head of a stream is there before its first token, so this one never begins.
        answer = await client.post(
            "/v1/completions", json={"model": BASE, "prompt": "a"} | {"stream": True}
        )
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "upstream_timeout"


async def test_a_stalled_answer_that_does_not_stream_is_given_up(make_plane: Any) -> None:
    plane, (engine,) = await make_plane(timeouts=Timeouts(whole=0.3))
    await engine.fault(slow_ms=200)
    async with plane.http() as client:
        answer = await client.post("/v1/chat/completions", json=STREAM | {"stream": False})
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "upstream_timeout"
    assert "within 0.3 s" in answer.json()["error"]["message"]
    await plane.settled()


async def test_a_request_that_takes_too_long_in_all_is_ended(make_plane: Any) -> None:
    plane, (engine,) = await make_plane(timeouts=Timeouts(total=0.5))
    await engine.fault(slow_ms=50)
    async with plane.http() as client:
        events = await _events(client)
        assert events[-1]["error"]["code"] == "upstream_timeout"
        whole = await client.post("/v1/chat/completions", json=STREAM | {"stream": False})
    assert whole.status_code == 504
    await plane.settled()


@pytest.mark.parametrize("fault", ["malformed_after_tokens", "end_after_tokens"])
async def test_a_stream_that_is_none_ends_with_an_error_event(make_plane: Any, fault: str) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(**{fault: 2})
    async with plane.http() as client:
        events = await _events(client)
    assert events[-1]["error"]["code"] == "upstream_malformed"
    assert len(events) == 1 + 2 + 1


async def test_a_failing_engine_is_set_aside_and_the_other_serves(make_plane: Any) -> None:
    plane, engines = await make_plane(engines=2)
    await engines[0].fault(status=500)
    async with plane.http() as client:
        for _ in range(20):
            answer = await client.post("/v1/chat/completions", json=STREAM)
            assert answer.status_code == 200
    assert plane.value("argosy_gateway_ejections_total", pool="main") >= 1
    assert (await engines[0].stats())["requests"] < 12


async def test_the_only_engine_is_never_set_aside(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(status=500)
    async with plane.http() as client:
        for _ in range(6):
            answer = await client.post("/v1/chat/completions", json=STREAM)
            assert answer.status_code == 502
            assert "fault was asked" not in answer.text
        await engine.fault(reset=True)
        assert (await client.post("/v1/chat/completions", json=STREAM)).status_code == 200
