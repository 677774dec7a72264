"""AB04 where the operator lets the gateway fetch what clients name: only what is listed is called.

The canary stands for the inside. A file server stands for the hosts that are listed; it too is on
this machine, so its network is listed as well: that makes no unlisted host one that is called.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from argosy.gateway.lane.media.fetch import Fetcher, NotFetched
from argosy.kit.webhook_address import ForbiddenUrl

from tests.abuse.test_ab04_media_urls import URLS
from tests.harness.canary import Canary
from tests.harness.lone_gateway import LoneGateway, PoolOf, lone_gateway

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
HOSTS = ("pictures.example",)
HERE = ("127.0.0.0/8",)


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    running = Canary()
    running.check()
    yield running
    running.close()


class Resolver:
    """A name server in the hands of the attacker: the next answer is never the last one."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@asynccontextmanager
async def server(
    *pieces: bytes, then: Callable[[], Awaitable[object]] | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers with these bytes; yields its port and the requests that came."""
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in pieces:
            writer.write(piece)
        if then is not None:
            await then()
        writer.close()

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1], heard
    finally:
        running.close()


def whole(body: bytes, kind: str = "image/png", status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def fetcher(*answers: Sequence[str], timeout: float = 5.0, hosts: Sequence[str] = HOSTS) -> Fetcher:
    return Fetcher(hosts, HERE, timeout=timeout, resolver=Resolver(*(answers or [["127.0.0.1"]])))


async def test_ab04_a_listed_host_is_read(canary: Canary) -> None:
    async with server(whole(PNG)) as (port, heard):
        got = await fetcher().fetch(f"http://pictures.example:{port}/a.png?b=c", 1000)
    assert got == ("image/png", PNG)
    (request,) = heard
    assert request.startswith(b"GET /a.png?b=c HTTP/1.1\r\nhost: pictures.example:%d\r\n" % port)
    chunked = (
        b"HTTP/1.1 200 OK\r\ncontent-type: image/png; x=y\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    async with server(chunked, b"4\r\n", PNG[:4], b"\r\n0\r\n\r\n") as (port, _):
        assert await fetcher().fetch(f"http://pictures.example:{port}/", 1000) == (
            "image/png",
            PNG[:4],
        )


@pytest.mark.parametrize("kind", [kind for kind in URLS if not kind.startswith("inline")])
async def test_ab04_no_other_url_is_called(canary: Canary, kind: str) -> None:
    url = URLS[kind].replace("{port}", str(canary.port))
    for listed, networks in ((HOSTS, HERE), (("*",), ())):
        resolver = Resolver(["127.0.0.1"])
        one = Fetcher(listed, networks, timeout=5, resolver=resolver)
        with pytest.raises(ForbiddenUrl) as refused:
            await one.fetch(url, 1000)
        assert "127" not in str(refused.value)
    assert canary.visits == 0


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1", "fe80::1%lo"]
)
async def test_ab04_a_listed_name_of_the_inside_is_not_called(canary: Canary, inside: str) -> None:
    for hosts in (HOSTS, ("*",)):
        for answer in ([inside], ["192.88.99.1", inside]):
            one = Fetcher(hosts, timeout=5, resolver=Resolver(answer))
            with pytest.raises(ForbiddenUrl):
                await one.fetch(f"https://pictures.example:{canary.port}/", 1000)
    assert canary.visits == 0


async def test_ab04_a_name_is_resolved_once_and_its_address_pinned(canary: Canary) -> None:
    resolver = Resolver(["127.0.0.2"], ["127.0.0.1"])
    one = Fetcher(HOSTS, ("127.0.0.2",), timeout=0.5, resolver=resolver)
    # The canary listens on that address too: what counts is who was asked, and how often.
    with pytest.raises(NotFetched, match="302, and redirects are not followed"):
        await one.fetch(f"http://pictures.example:{canary.port}/", 1000)
    assert resolver.asked == ["pictures.example"]
    assert canary.visits == 1
    canary.visits = 0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([whole(PNG, status="404 Not Found")], "status 404"),
        ([whole(b"", status="301 Moved", more="location: http://127.0.0.1/\r\n")], "redirects"),
        ([whole(PNG, more="content-encoding: gzip\r\n")], "compressed"),
        ([whole(bytes(101))], "larger than the 100 bytes"),
        ([b"HTTP/1.1 200 OK\r\n\r\n", bytes(101)], "larger than the 100 bytes"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"], "broke off"),
        ([b"HTTP/1.1 200 OK\r\n"], "broke off"),
        ([b"SSH-2.0-OpenSSH\r\n"], "not HTTP"),
        ([b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10_000], "not HTTP"),
    ],
)
async def test_ab04_an_answer_is_bounded_and_no_redirect_followed(
    answer: list[bytes], says: str
) -> None:
    async with server(*answer) as (port, heard):
        with pytest.raises(NotFetched, match=says):
            await fetcher().fetch(f"http://pictures.example:{port}/", 100)
    assert len(heard) == 1


async def test_ab04_a_slow_answer_is_given_up() -> None:
    held = asyncio.Event()
    async with server(b"HTTP/1.1 200 OK\r\n", then=held.wait) as (port, _):
        with pytest.raises(NotFetched, match=r"within 0\.2 seconds"):
            await fetcher(timeout=0.2).fetch(f"http://pictures.example:{port}/", 100)
        held.set()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneGateway]:
    settings: dict[str, float | str] = {
        "media_hosts": "localhost",
        "media_networks": "127.0.0.1, ::1",
        "max_media_bytes": 4096,
    }
    pool = PoolOf("sees", 1, modalities=["image"])
    with lone_gateway(tmp_path_factory.mktemp("media"), pool, settings=settings) as running:
        yield running


def message(url: str) -> dict[str, Any]:
    part = {"type": "image_url", "image_url": {"url": url}}
    return {"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}


async def test_ab04_an_engine_gets_data_urls_only(gateway: LoneGateway, canary: Canary) -> None:
    (engine,) = gateway.engines

    async def ask(url: str) -> tuple[int, Any]:
        def post() -> tuple[int, Any]:
            with gateway.http() as client:
                body = {"model": "sees", "messages": [message(url)], "max_tokens": 1}
                answer = client.post("/chat/completions", json=body)
                return answer.status_code, answer.json()

        return await asyncio.to_thread(post)

    inline = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert (await ask(inline))[0] == 200
    async with server(whole(PNG)) as (port, heard):
        status, answer = await ask(f"http://localhost:{port}/a.png")
        assert status == 200, answer
        assert len(heard) == 1
    async with server(whole(b"<html>", "text/html")) as (port, _):
        status, answer = await ask(f"http://localhost:{port}/")
        assert (status, answer["error"]["code"]) == (400, "invalid_image")
    async with server(whole(bytes(5000))) as (port, _):
        status, answer = await ask(f"http://localhost:{port}/")
        assert (status, answer["error"]["code"]) == (400, "media_not_fetched")
    status, answer = await ask(f"http://127.0.0.1:{canary.port}/a.png")
    assert (status, answer["error"]["code"]) == (400, "media_url_not_allowed")
    assert "127" not in json.dumps(answer["error"]["message"])
    assert canary.visits == 0
    sent = [
        body["messages"][0]["content"][1]["image_url"]["url"] for body in engine.stats()["bodies"]
    ]
    assert sent == [inline, inline]
