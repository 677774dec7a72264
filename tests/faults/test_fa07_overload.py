"""FA07: ten times the load that fits, 95 % of it one tenant's: work goes on, the rest is told so.

The two have equal shares. 5 % of ten times what fits would be half of it, all of the quiet tenant's
part to the last request; it asks for half of what is served at least, nine tenths of what fits.

The engine's time goes on by hand, a token of each request a tick, and not before every request has
its place: in the engine, in the queue, or refused. So what is measured, in ticks, is what was
decided, and neither the machine nor who else uses it.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.harness.lone_gateway import LoneGateway, PoolOf, lone_gateway, series_total

AT_WORK: Final = 12
PLACES: Final = 60
# The noisy one's requests take 1 to 9 tokens, so that they do not all end at the same time.
TOKENS: Final = 5
LONGEST: Final = 2 * TOKENS - 1
SEED: Final = 11
TICKS: Final = 60
# Until the pool is as full as it will be.
FILLING: Final = 10
# Of what fits, at least so much is served under the flood.
GOODPUT: Final = 0.9
QUIET, NOISY = "sk-quiet-0123456789", "sk-noisy-0123456789"
TABLES: Final = f"""
[[key]]
name = "quiet"
project = "quiet"
secret = "{QUIET}"
[[key]]
name = "noisy"
project = "noisy"
secret = "{NOISY}"
"""
# Nobody is given up for real time that goes by.
PATIENT: Final = {"queue_timeout_seconds": 600, "first_byte_timeout_seconds": 600}


@dataclass
class Told:
    """What clients saw: ticks that the served ones took, milliseconds that refusals took."""

    sent: int = 0
    served: list[int] = field(default_factory=list)
    # At which tick how many tokens were there.
    ended: list[tuple[int, int]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    # Refusals that came after a tick, so after waiting.
    late: int = 0
    statuses: set[int] = field(default_factory=set)

    @property
    def outstanding(self) -> int:
        return self.sent - len(self.served) - len(self.refused)

    def rate(self, begun: int) -> float:
        """Return the tokens served a tick, in the phase that began at tick `begun`."""
        within = [n for when, n in self.ended if begun + FILLING <= when < begun + TICKS]
        return sum(within) / (TICKS - FILLING)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.served, n=20)[-1]


class Clients:
    """Ask over whichever connection is free, far cheaper than an SDK; and move time on."""

    def __init__(self, gateway: LoneGateway) -> None:
        self._gateway = gateway
        self._engine = gateway.engines[0].url
        self._http = httpx.AsyncClient(timeout=60)
        self._chance = random.Random(SEED)
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._told: list[Told] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.now = 0

    def told(self) -> Told:
        """Return where a phase's answers of one tenant are written down."""
        self._told.append(Told())
        return self._told[-1]

    def send(self, key: str, count: int, told: Told) -> None:
        """Send so many requests now, whatever becomes of them."""
        for _ in range(count):
            told.sent += 1
            tokens = TOKENS if key == QUIET else self._chance.randint(1, LONGEST)
            task = asyncio.create_task(self._ask(key, tokens, told))
            self._tasks.add(task)

    async def tick(self) -> None:
        """Let the engine make one token of each request, once every request has its place."""
        await self._settle()
        self.now += 1
        (await self._http.post(f"{self._engine}/_tick")).raise_for_status()
        await self._settle()

    async def drain(self) -> None:
        """Let time go on until all are answered."""
        while sum(told.outstanding for told in self._told):
            await self.tick()
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        await self._http.aclose()
        for _, writer in self._free:
            writer.close()

    async def _settle(self) -> None:
        """Wait until every request is answered, in the engine or in the queue."""
        placed = -1
        async with asyncio.timeout(60):
            while placed != sum(told.outstanding for told in self._told):
                # In this order: what leaves the queue between the looks is counted by neither.
                stats = (await self._http.get(f"{self._engine}/_stats")).json()
                metrics = (await self._http.get(self._gateway.metrics_url)).text
                queued = series_total(metrics, "argosy_gateway_queued_requests")
                placed = stats["waiting_for_a_tick"] + int(queued)
                for task in [task for task in self._tasks if task.done()]:
                    self._tasks.remove(task)
                    task.result()

    async def _ask(self, key: str, tokens: int, told: Told) -> None:
        message = b'{"model":"tiny","messages":[{"role":"user","content":"hi"}],"max_tokens":%d}'
        body = message % tokens
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        begun = self.now
        connection = self._free.pop() if self._free else None
        if connection is None:
            connection = await asyncio.open_connection("127.0.0.1", self._gateway.port)
        reader, writer = connection
        writer.write(head.encode() + body)
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, headers = _read(raw)
        await reader.readexactly(int(headers["content-length"]))
        self._free.append(connection)
        told.statuses.add(status)
        if status == 200:
            told.ended.append((self.now, tokens))
            told.served.append(self.now - begun)
        else:
            assert int(headers["retry-after"]) >= 1
            told.late += self.now > begun
            told.refused.append(float(headers["openai-processing-ms"]))


def _read(head: str) -> tuple[int, dict[str, str]]:
    first, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LoneGateway]:
    settings = PATIENT | {"pool_concurrency": AT_WORK, "pool_queue": PLACES}
    with lone_gateway(tmp_path, PoolOf("tiny", 1), settings=settings, tables=TABLES) as gateway:
        gateway.engines[0].fault(by_hand=True)
        yield gateway


@pytest.fixture
async def clients(gateway: LoneGateway) -> AsyncIterator[Clients]:
    clients = Clients(gateway)
    yield clients
    await clients.close()


async def steadily(clients: Clients, asked: dict[str, tuple[float, Told]]) -> None:
    """Send so many requests a tick of each key, for all ticks of a phase."""
    for number in range(TICKS):
        for key, (each, told) in asked.items():
            clients.send(key, int((number + 1) * each) - int(number * each), told)
        await clients.tick()


async def test_fa07_overload(gateway: LoneGateway, clients: Clients) -> None:
    # What fits: as many at once as may be at work, the next one as soon as one is answered.
    fits, begun = clients.told(), clients.now
    for _ in range(TICKS):
        clients.send(NOISY, AT_WORK - fits.outstanding, fits)
        await clients.tick()
    capacity = fits.rate(begun)
    fitting = capacity / TOKENS
    await clients.drain()
    assert fits.statuses == {200}

    alone = clients.told()
    await steadily(clients, {QUIET: (GOODPUT / 2 * fitting, alone)})
    await clients.drain()
    assert alone.statuses == {200}

    noisy, quiet, begun = clients.told(), clients.told(), clients.now
    flood = {NOISY: (9.5 * fitting, noisy), QUIET: (GOODPUT / 2 * fitting, quiet)}
    await steadily(clients, flood)
    served = noisy.rate(begun) + quiet.rate(begun)
    await clients.drain()
    seen = (
        f"capacity {capacity:.1f} tokens a tick, served {served:.1f}, refused "
        f"{len(noisy.refused)}, quiet p95 {quiet.p95:.1f} ticks, alone {alone.p95:.1f}, "
        f"the noisy one's longest {max(noisy.served)}"
    )
    print(seen)
    assert noisy.statuses == {200, 429}
    assert served >= GOODPUT * capacity, seen
    # What is the quiet one's by right, and it asks for less: none of it is refused.
    assert quiet.statuses == {200}, seen
    assert quiet.p95 <= 2 * alone.p95, seen
    # The places bound what an accepted request waits, some five turns of all.
    assert max(noisy.served) <= (PLACES / AT_WORK + 2) * LONGEST, seen
    # A refusal is no wait in the queue: that would take as long as what waits there.
    assert noisy.late == 0, seen
    assert statistics.median(noisy.refused) < 100, seen

    assert gateway.metric("argosy_gateway_permits_in_flight") == 0
    assert gateway.metric("argosy_gateway_queued_requests") == 0
    full = gateway.metric("argosy_gateway_admissions_total", outcome="full")
    shed = gateway.metric("argosy_gateway_admissions_total", outcome="shed")
    assert full + shed == len(noisy.refused)
