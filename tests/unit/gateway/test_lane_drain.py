"""The end of a process: no new work, old work ends well or is told why."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx

from tests.harness.lane_plane import BASE, HELLO, until

STREAM: Any = {"model": BASE, "messages": HELLO, "stream": True, "max_tokens": 20}


async def _stream(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/chat/completions", json=STREAM)
    assert answer.status_code == 200
    return answer.text


async def test_streams_finish_within_the_grace_and_new_ones_are_refused(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(slow_ms=20)
    async with plane.http() as client:
        streams = [asyncio.create_task(_stream(client)) for _ in range(5)]
        await until(lambda: plane.drain.count == 5, "five streams")
        draining = asyncio.create_task(plane.drain.drain(10))
        await until(lambda: plane.drain.closed, "the door")
        refused = await client.post("/v1/chat/completions", json=STREAM)
        assert refused.status_code == 503
        assert refused.headers["connection"] == "close"
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["x-request-id"].startswith("req_")
        assert (await client.get("/v1/models")).status_code == 503
        for text in await asyncio.gather(*streams):
            assert text.endswith("data: [DONE]\n\n")
        await asyncio.wait_for(draining, 1)


async def test_streams_beyond_the_grace_get_an_error_event(make_plane: Any) -> None:
    plane, (engine,) = await make_plane()
    await engine.fault(slow_ms=100)
    async with plane.http() as client:
        streams = [asyncio.create_task(_stream(client)) for _ in range(5)]
        await until(lambda: plane.drain.count == 5, "five streams")
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        await plane.drain.drain(0.3)
        assert time.monotonic() - begun < 1
        for text in await asyncio.gather(*streams):
            last = json.loads(text.split("\n\n")[-2].removeprefix("data: "))
            assert last["error"]["code"] == "server_draining"
            assert "[DONE]" not in text
    assert {u.outcome for u in await plane.usage(5)} == {"draining"}
    await plane.settled()
