"""FA06: a thousand clients leave in the middle of their streams."""

from __future__ import annotations

import asyncio
import os
import time

import httpx

from tests.harness.serving_fleet import ENGINES, ServingFleet, chat
from tests.harness.waiting import wait_until

CLIENTS = 1000
AT_ONCE = 20
TOKEN_SECONDS = 0.02


async def leave(
    client: httpx.AsyncClient, turn: asyncio.Semaphore, after: int
) -> tuple[str, float]:
    """Read until token `after`, leave; return the request's id and when that was."""
    async with turn, client.stream("POST", "/v1/chat/completions", json=chat()) as answer:
        assert answer.status_code == 200
        text = ""
        async for piece in answer.aiter_text():
            text += piece
            if f"t{after} " in text:
                break
    return answer.headers["x-request-id"], time.time()


async def all_leave(serving: ServingFleet) -> dict[str, float]:
    headers = {"authorization": f"Bearer {serving.cluster.key}"}
    turn = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(
        base_url=serving.cluster.url(), headers=headers, timeout=30
    ) as client:
        return dict(await asyncio.gather(*(leave(client, turn, i % 5) for i in range(CLIENTS))))


def test_fa06_clients_disconnect(serving: ServingFleet) -> None:
    cluster = serving.cluster
    with serving.http() as client:
        client.post("/v1/chat/completions", json=chat())
    serving.nothing_left()
    descriptors = f"/proc/{cluster.process('gateway').pid}/fd"
    open_before = len(os.listdir(descriptors))  # noqa: PTH208 - names only, and many
    serving.fault(slow_ms=TOKEN_SECONDS * 1000)
    left = asyncio.run(all_leave(serving))
    assert len(left) == CLIENTS
    serving.nothing_left()
    aborts = {a["request_id"]: a for name in ENGINES for a in serving.stats(name)["aborts"]}
    assert left.keys() <= aborts.keys()
    late = [i for i, at in left.items() if aborts[i]["at"] - at > 1]
    assert not late, f"{len(late)} aborts took more than 1 s"
    wait_until(lambda: len(os.listdir(descriptors)) <= open_before + 5, 10, "closed sockets")  # noqa: PTH208
    query = (
        "SELECT request_id, outcome, output_tokens FROM registry.usage_event "
        "WHERE outcome = 'client_disconnected'"
    )
    wait_until(lambda: len(cluster.sql(query)) >= CLIENTS, 30, "the ledger", pause=0.2)
    for request_id, _, tokens in cluster.sql(query):
        if request_id not in left:
            continue
        # What was billed was generated; an engine is ahead by what it made until the abort came.
        abort = aborts[request_id]
        # On a busy machine the client may note late that it has left.
        ahead = 2 + max(0.0, abort["at"] - left[request_id]) / TOKEN_SECONDS
        assert 0 <= abort["tokens"] - int(tokens) <= ahead, abort
