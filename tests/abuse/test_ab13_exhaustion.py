"""AB13: requests that would cost the platform its memory, its patience or its engines.

Bounds on time are set low by settings here; what is tested is that they hold. `ARGOSY_AB13_CLIENTS`
is how many connections stand idle, as far as the limit of open files lets them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.cluster import Cluster
from tests.harness.footprint import (
    affordable_connections,
    descriptors,
    forget_peak,
    peak,
    resident,
)
from tests.harness.invariants import gauge
from tests.harness.prepared_home import PreparedHomes
from tests.harness.raw_http import RawConnection, answers_of, request
from tests.harness.serving_fleet import HELLO, MODEL, PROCESSES, ServingFleet, chat
from tests.harness.waiting import wait_until

BODY_SECONDS, TOKEN_SECONDS, TOTAL_SECONDS = 2.0, 3.0, 8.0
CONCURRENCY, QUEUE = 32, 32
MEGABYTE = 1 << 20
IDLE = int(os.environ.get("ARGOSY_AB13_CLIENTS", "10000"))
LANE = "/v1/chat/completions"


@pytest.fixture(scope="module")
def strict(
    tmp_path_factory: pytest.TempPathFactory, prepared_homes: PreparedHomes
) -> Iterator[ServingFleet]:
    """A fleet of its own, with little patience."""
    cluster = Cluster(
        tmp_path_factory.mktemp("ab13"),
        prepared_homes=prepared_homes,
        processes=PROCESSES,
        environment={
            "gateway": {
                "ARGOSY_BODY_TIMEOUT_SECONDS": str(BODY_SECONDS),
                "ARGOSY_TOKEN_TIMEOUT_SECONDS": str(TOKEN_SECONDS),
                "ARGOSY_REQUEST_TIMEOUT_SECONDS": str(TOTAL_SECONDS),
                "ARGOSY_POOL_CONCURRENCY": str(CONCURRENCY),
                "ARGOSY_POOL_QUEUE": str(QUEUE),
            }
        },
    )
    try:
        fleet = ServingFleet(cluster.start())
        fleet.usable()
        yield fleet
    finally:
        cluster.stop()


@pytest.fixture(autouse=True)
def _it_lives(strict: ServingFleet) -> Iterator[None]:
    """The same process serves after each attack, and nothing is left of it."""
    pid = strict.cluster.process("gateway").pid
    yield
    strict.fault()
    strict.nothing_left()
    with strict.http() as client:
        assert client.post(LANE, json=chat()).status_code == 200
    assert strict.cluster.process("gateway").pid == pid


def gateway_pid(strict: ServingFleet) -> int:
    pid = strict.cluster.process("gateway").pid
    assert pid is not None
    return pid


def authorized(strict: ServingFleet, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {strict.cluster.key}"} | more


# -- greedy parameters -----------------------------------------------------------------------------

GREEDY: dict[str, Any] = {
    "n": 10**6,
    "max_tokens": 10**9,
    "max_completion_tokens": 10**9,
    "stop": ["x"] * 10**4,
    "stop_token_ids": [1] * 10**4,
    "bad_words": ["x"] * 10**4,
    "logit_bias": {str(i): 1 for i in range(10**4)},
    "top_logprobs": 10**6,
    "tools": [{}] * 10**4,
    "messages": HELLO * 10**4,
    "seed": 10**30,
    "temperature": 1e308,
    "model": "m" * 10**5,
}


@pytest.mark.parametrize("name", GREEDY)
def test_ab13_greedy_parameters_are_refused_by_name(strict: ServingFleet, name: str) -> None:
    before = strict.heard()
    with strict.http() as client:
        body = {"model": MODEL, "messages": HELLO} | {name: GREEDY[name]}
        answer = client.post(LANE, json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"].partition("[")[0] == name
    assert len(error["message"]) < 1000
    assert strict.heard() == before


DEEP = 100_000
NESTED = {
    "arrays": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "never closed": b"[" * DEEP,
    "in messages": b'{"model":"m","messages":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "in a dropped field": b'{"model":"m","messages":[{"role":"user","content":"a"}],"metadata":'
    + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "in a tool": b'{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"a":'
    + b"[" * DEEP + b"]" * DEEP + b"}]}",
    "in an unknown field": b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a long number": b'{"model":"m","seed":' + b"1" * DEEP + b"}",
    "a long exponent": b'{"model":"m","temperature":1e' + b"9" * DEEP + b"}",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", [LANE, "/v1/completions", "/v1/embeddings", "/v1/fine_tuning/jobs"]
)
@pytest.mark.parametrize("kind", NESTED)
def test_ab13_deep_json(strict: ServingFleet, kind: str, path: str) -> None:
    with strict.http() as client:
        answer = client.post(path, content=NESTED[kind])
    # Where nothing reads the value, the model's name is looked up: there is none.
    assert answer.status_code in {400, 404}, answer.text
    assert answer.json()["error"]["code"]


# -- bodies without an end -------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LANE, "/v1/embeddings"])
def test_ab13_a_gigabyte_announced_is_not_waited_for(strict: ServingFleet, path: str) -> None:
    with RawConnection(strict.cluster.port("gateway")) as connection:
        connection.send(
            request("POST", path, b"", authorized(strict, **{"content-length": str(1 << 30)}))
        )
        answer = connection.answer()
    assert answer.status == 413
    assert json.loads(answer.body)["error"]["code"] == "request_too_large"


@pytest.mark.parametrize("path", [LANE, "/v1/embeddings"])
def test_ab13_a_body_without_an_end_is_cut(strict: ServingFleet, path: str) -> None:
    pid = gateway_pid(strict)
    forget_peak(pid)
    before = resident(pid)
    chunk = b"10000\r\n" + b"[" * 65536 + b"\r\n"
    head = request("POST", path, b"", authorized(strict)).replace(
        b"content-length: 0", b"transfer-encoding: chunked"
    )
    with RawConnection(strict.cluster.port("gateway")) as connection:
        connection.send(head)
        with contextlib.suppress(OSError):
            for _ in range(1024):  # 64 MiB, 16 times the limit
                connection.socket.sendall(chunk)
        found = connection.answer()
    assert found.status == 413
    assert json.loads(found.body)["error"]["code"] == "request_too_large"
    assert peak(pid) - before < 50 * MEGABYTE


# -- clients that take their time ------------------------------------------------------------------


async def dribble(port: int, beginning: bytes) -> bytes:
    """Send a beginning and then a byte now and then, until the gateway has had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(beginning)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    piece = await reader.read(65536)
                    received += piece
                    if not piece:
                        return received
            writer.write(b"x")
    except ConnectionError:
        return received
    finally:
        writer.close()


async def dribble_all(port: int, beginnings: list[bytes]) -> list[bytes]:
    async with asyncio.timeout(10 * BODY_SECONDS):
        return await asyncio.gather(*(dribble(port, beginning) for beginning in beginnings))


HEADS = {
    "request line": b"POST /v1/chat/comp",
    "header name": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow",
    "header value": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx: ",
}


@pytest.mark.parametrize("kind", HEADS)
def test_ab13_slow_heads(strict: ServingFleet, kind: str) -> None:
    before = descriptors(gateway_pid(strict))
    found = asyncio.run(dribble_all(strict.cluster.port("gateway"), [HEADS[kind]] * 200))
    for received in found:
        statuses = [answer.status for answer in answers_of(received)]
        assert statuses in ([], [408], [400]), received
    wait_until(lambda: descriptors(gateway_pid(strict)) <= before + 5, 10, "closed sockets")


@pytest.mark.parametrize("path", [LANE, "/v1/embeddings"])
def test_ab13_slow_bodies(strict: ServingFleet, path: str) -> None:
    before = descriptors(gateway_pid(strict))
    slow = request("POST", path, b'{"model":', authorized(strict, **{"content-length": "1000"}))
    found = asyncio.run(dribble_all(strict.cluster.port("gateway"), [slow] * 100))
    for received in found:
        (answer,) = answers_of(received)
        assert answer.status == 408
        assert json.loads(answer.body)["error"]["code"] == "request_timeout"
    wait_until(lambda: descriptors(gateway_pid(strict)) <= before + 5, 10, "closed sockets")


# -- crowds ----------------------------------------------------------------------------------------


def test_ab13_idle_connections(strict: ServingFleet) -> None:
    pid, count = gateway_pid(strict), affordable_connections(IDLE)
    fds, memory = descriptors(pid), resident(pid)
    address = "127.0.0.1", strict.cluster.port("gateway")
    with contextlib.ExitStack() as crowd:
        for _ in range(count):
            crowd.enter_context(socket.create_connection(address, 10))
        # Some of those before were connections to engines, which come and go.
        wait_until(lambda: descriptors(pid) >= fds + count - 20, 30, f"{count} connections")
        with strict.http() as client:
            assert client.post(LANE, json=chat()).status_code == 200
        each = (resident(pid) - memory) / count
        print(f"{count} idle connections: {each / 1024:.1f} KiB each")
        assert each < 64 * 1024
    wait_until(lambda: descriptors(pid) <= fds + 5, 30, "closed sockets")


async def crowd_of_streams(strict: ServingFleet, count: int) -> list[tuple[int, bytes]]:
    """Open many streams at the same time; return the status and all that each got."""
    data = request(
        "POST", LANE, json.dumps(chat()).encode(), authorized(strict, connection="close")
    )

    async def one() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", strict.cluster.port("gateway"))
        try:
            writer.write(data)
            text = await reader.read(-1)
            return int(text.split(b" ", 2)[1]), text
        finally:
            writer.close()

    async with asyncio.timeout(TOTAL_SECONDS * 8):
        return await asyncio.gather(*(one() for _ in range(count)))


def test_ab13_idle_streams(strict: ServingFleet) -> None:
    strict.fault(stall_after_tokens=2)
    pid, count = gateway_pid(strict), affordable_connections(min(IDLE, 2000))
    forget_peak(pid)
    before, fds = resident(pid), descriptors(pid)
    begun_at = time.monotonic()
    found = asyncio.run(crowd_of_streams(strict, count))
    turns = 1 + (time.monotonic() - begun_at) / TOKEN_SECONDS
    statuses = [status for status, _ in found]
    # What there is room for begins, and is cut when its engine is silent for too long; a few wait
    # for their turn; all others are refused at once, and none waits for ever.
    begun = [text for status, text in found if status == 200]
    assert len(begun) >= CONCURRENCY
    # A place is taken for TOKEN_SECONDS: on a slow machine, where they come later, more are served.
    assert statuses.count(429) >= count - max(4, turns) * (CONCURRENCY + QUEUE)
    assert set(statuses) <= {200, 429, 503, 504}
    for text in begun:
        assert b"t1 " in text
        assert b'"upstream_timeout"' in text
        assert b"[DONE]" not in text
    assert peak(pid) - before < 100 * MEGABYTE
    wait_until(lambda: descriptors(pid) <= fds + 10, 10, "closed sockets")


def test_ab13_clients_that_do_not_read(strict: ServingFleet) -> None:
    pid = gateway_pid(strict)
    forget_peak(pid)
    before = resident(pid)
    strict.fault(wide_bytes=100_000)
    long = chat(max_tokens=2000)
    data = request("POST", LANE, json.dumps(long).encode(), authorized(strict))
    deaf = []
    try:
        for _ in range(CONCURRENCY // 2):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", strict.cluster.port("gateway")))
            connection.sendall(data)
            deaf.append(connection)
        permits = _value(strict, "argosy_gateway_permits_in_flight")
        wait_until(lambda: permits() == len(deaf), 10, "all of them at work")
        # There are 200 MB for each of them: they wait in the engine, not in the gateway.
        wait_until(lambda: permits() == 0, TOTAL_SECONDS * 3, "the end of patience")
        assert peak(pid) - before < 60 * MEGABYTE
    finally:
        for connection in deaf:
            connection.close()


def _value(strict: ServingFleet, metric: str) -> Callable[[], float]:
    return lambda: gauge(strict.cluster, "gateway", metric)
