"""AB05: a user names the URL that alerts are sent to, and means the inside. Nobody goes there."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import openai
import pytest
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.kit.webhooks import Allowed, Caller, ForbiddenUrl, NotDelivered, secret_of, signed
from argosy.registry.metrics import Metrics
from argosy.registry.store import webhooks
from argosy.registry.store.webhooks import Message
from argosy.registry.usecases.webhooks import Webhooks
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.harness.canary import Canary
from tests.harness.registry_fleet import Fleet, fleet
from tests.harness.serving_fleet import ServingFleet

INSIDE = {
    "loopback": "https://127.0.0.1:{port}/hook",
    "v6": "https://[::1]:{port}/hook",
    "v4 in v6": "https://[::ffff:127.0.0.1]:{port}/hook",
    "v4 behind 6to4": "https://[2002:7f00:0001::]:{port}/hook",
    "v4 behind NAT64": "https://[64:ff9b::7f00:1]:{port}/hook",
    "hex": "https://0x7f.1:{port}/hook",
    "one number": "https://2130706433:{port}/hook",
    "octal": "https://0177.0.0.1:{port}/hook",
    "short": "https://127.1:{port}/hook",
    "with a final dot": "https://127.0.0.1.:{port}/hook",
    "any": "https://0.0.0.0:{port}/hook",
    "private": "https://10.0.0.1:{port}/hook",
    "shared": "https://100.64.0.1:{port}/hook",
    "full-width dots": "https://127。0。0。1:{port}/hook",
    "metadata service": "https://169.254.169.254/latest/meta-data/iam",
    "metadata service v6": "https://[fd00:ec2::254]/latest",
    "two parsers": "https://ok.example\\@127.0.0.1:{port}/hook",  # CVE-2026-24779
    "user part": "https://ok.example@127.0.0.1:{port}/hook",
    "fragment": "https://ok.example#@127.0.0.1:{port}/hook",
    "tab": "https://127.0.0.1\t:{port}/hook",
    "line end": "https://ok.example/\r\nhost: inside",
    "plain HTTP": "http://ok.example:{port}/hook",
    "no scheme": "//127.0.0.1:{port}/hook",
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1:{port}/hook",
    "gopher": "gopher://127.0.0.1:{port}/_POST",
    "no port": "https://ok.example:99999/hook",
    "path": "/etc/passwd",
}
# These pass as names: only the address that they have when the call is made tells.
NAMES = {
    "localhost": "https://localhost:{port}/hook",
    "name of an address": "https://127.0.0.1.nip.example:{port}/hook",
    "rebinding name": "https://rebind.example:{port}/hook",
}


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
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.mark.parametrize("kind", INSIDE)
async def test_ab05_no_form_of_an_inner_url_is_called(canary: Canary, kind: str) -> None:
    caller = Caller(Allowed(), timeout=5)
    url = INSIDE[kind].replace("{port}", str(canary.port))
    with pytest.raises(ForbiddenUrl) as refused:
        caller.check(url)
    # Not even in an error is an address of the inside repeated.
    assert "127" not in str(refused.value)
    with pytest.raises(ForbiddenUrl):
        await caller.post(url, {}, b"{}")
    assert canary.visits == 0


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254"])
async def test_ab05_a_name_of_the_inside_is_not_called(
    canary: Canary, kind: str, address: str
) -> None:
    url = NAMES[kind].replace("{port}", str(canary.port))
    # One good address among bad ones does not help.
    for answer in ([address], ["192.0.2.1", address]):
        caller = Caller(Allowed(), timeout=5, resolver=Resolver(answer))
        caller.check(url)
        with pytest.raises(ForbiddenUrl):
            await caller.post(url, {}, b"{}")
    assert canary.visits == 0


async def test_ab05_a_name_is_resolved_once_and_its_address_pinned(canary: Canary) -> None:
    # A public address at the first question, the inside at the second one.
    resolver = Resolver(["192.88.99.1"], ["127.0.0.1"])
    caller = Caller(Allowed(), timeout=0.5, resolver=resolver)
    with pytest.raises((NotDelivered, ForbiddenUrl)):
        await caller.post(f"https://rebind.example:{canary.port}/hook", {}, b"{}")
    assert resolver.asked == 1
    assert canary.visits == 0


async def test_ab05_a_redirect_is_an_answer_like_any_other_and_not_followed(
    canary: Canary,
) -> None:
    own = Caller(Allowed.of(["127.0.0.1"]), timeout=5)
    with pytest.raises(NotDelivered, match="status 302"):
        await own.post(f"http://127.0.0.1:{canary.port}/hook", {}, b"{}")
    assert canary.visits == 1
    canary.visits = 0


def test_ab05_the_api_refuses_urls_of_the_inside(serving: ServingFleet, canary: Canary) -> None:
    channel = {"type": "email", "recipients": ["mary@ship.example"]}
    with serving.http() as client:
        for url in INSIDE.values():
            url = url.replace("{port}", str(canary.port))
            asked: Any = {
                "currency": "USD", "interval": "month", "threshold_amount": 1,
                "notification_channel": channel, "argosy": {"webhook_url": url},
            }  # fmt: skip
            answer = client.post("/v1/organization/spend_alerts", json=asked)
            assert answer.status_code == 400, url
            assert answer.json()["error"]["param"] == "argosy.webhook_url"
        assert client.get("/v1/organization/spend_alerts").json()["data"] == []
    assert canary.visits == 0


@dataclass
class Receiver:
    """A user's own server, which the operator allows."""

    answers: list[str] = field(default_factory=lambda: ["200 OK"])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = dict(line.split(": ", 1) for line in head)
        self.heard.append((headers, await reader.readexactly(int(headers["content-length"]))))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture
async def database(ships: Fleet) -> AsyncIterator[Database]:
    url = await ships.postgres.new_database(f"hooks_{random.randrange(2**32)}")
    async with Database.open(SecretStr(url), "registry") as database:
        await database.migrate("argosy.registry.store.migrations")
        yield database


PEPPER = b"a pepper only for tests"


def desk(database: Database, clock: ManualClock, allowed: str = "127.0.0.1") -> Webhooks:
    caller = Caller(Allowed.of([allowed]), timeout=5)
    return Webhooks(database, caller, clock, PEPPER, 5, Metrics(CollectorRegistry()))


async def test_a_message_is_sent_until_it_is_taken_and_the_stock_sdk_verifies_it(
    database: Database, receiver: Receiver
) -> None:
    clock = ManualClock(datetime.now(UTC))
    hooks = desk(database, clock)
    receiver.answers = ["500 Oh", "302 Found", "204 Taken"]
    body = json.dumps({"object": "event", "type": "project.spend_alert.reached"}).encode()
    url = f"http://127.0.0.1:{receiver.port}/hook?a=b"
    async with database.begin() as connection:
        await webhooks.add(connection, Message("evt_1", url, "alert_1", body, clock.now()))
    assert await hooks.deliver() == 0
    assert await hooks.deliver() == 0, "it is not due yet"
    assert len(receiver.heard) == 1
    clock.advance(6)
    assert await hooks.deliver() == 0
    clock.advance(31)
    assert await hooks.deliver() == 1
    assert [body for _, body in receiver.heard] == [body] * 3
    clock.advance(86_400)
    assert await hooks.deliver() == 0, "it was taken"

    headers, told = receiver.heard[-1]
    assert {headers["webhook-id"] for headers, _ in receiver.heard} == {"evt_1"}
    client = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1")
    secret = hooks.secret("alert_1")
    # The manual clock stands in the future by now: the SDK takes what is five minutes off.
    client.webhooks.verify_signature(told, headers, secret=secret, tolerance=300)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(told + b" ", headers, secret=secret, tolerance=300)


async def test_a_message_that_nobody_takes_is_given_up_after_three_days(
    database: Database, receiver: Receiver
) -> None:
    clock = ManualClock(datetime.now(UTC))
    hooks = desk(database, clock, allowed="127.0.0.2")
    url = f"http://127.0.0.1:{receiver.port}/hook"
    async with database.begin() as connection:
        await webhooks.add(connection, Message("evt_1", url, "alert_1", b"{}", clock.now()))
    for _ in range(100):
        await hooks.deliver()
        clock.advance(3600)
    async with database.begin() as connection:
        assert await webhooks.take(connection, clock.now(), timedelta(1), 9) == []
    assert receiver.heard == [], "the operator allows another host"


def test_secrets_differ_by_alert_and_are_of_no_use_to_a_reader_of_the_database() -> None:
    assert secret_of(PEPPER, "alert_1") != secret_of(PEPPER, "alert_2")
    assert secret_of(PEPPER, "alert_1") != secret_of(b"another pepper", "alert_1")
    one, two = (signed(secret_of(PEPPER, "a"), "evt_1", at, b"{}") for at in (1, 2))
    assert one["webhook-signature"] != two["webhook-signature"]
