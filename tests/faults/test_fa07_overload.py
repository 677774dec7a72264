"""FA07: ten times the load that fits, 95 % of it one tenant's: work goes on, the rest is told so.

The two have equal shares. 5 % of ten times what fits would be half of it, all of the quiet tenant's
part to the last request; it asks for half of what is served at least, nine tenths of what fits.

Compares phases of one run with each other, so that a slow machine slows both: what was served to
what fits, and the quiet tenant's waiting to its waiting when it is alone.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.harness.lone_gateway import LoneGateway, PoolOf, lone_gateway

AT_WORK: Final = 12
PLACES: Final = 60
# The noisy one's requests take 1 to 9 tokens, so that they do not all end at the same time.
TOKEN_MS: Final = 100
TOKENS: Final = 5
SEED: Final = 11
SECONDS: Final = 8.0
ATTEMPTS: Final = 3
# Until the pool is as full as it will be.
FILLING: Final = 1.0
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


@dataclass
class Told:
    """What clients saw: seconds of those served, milliseconds that refusals took the gateway."""

    served: list[float] = field(default_factory=list)
    # When how many tokens were there.
    ended: list[tuple[float, int]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def rate(self, begun: float) -> float:
        """Return the tokens served in a second, in the phase that began at `begun`."""
        within = [n for when, n in self.ended if begun + FILLING <= when < begun + SECONDS]
        return sum(within) / (SECONDS - FILLING)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.served, n=20)[-1]


class Client:
    """Keeps connections and asks over whichever is free; far cheaper than an SDK."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._chance = random.Random(SEED)
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, key: str, told: Told) -> None:
        tokens = TOKENS if key == QUIET else self._chance.randrange(1, 2 * TOKENS)
        message = b'{"model":"tiny","messages":[{"role":"user","content":"hi"}],"max_tokens":%d}'
        body = message % tokens
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        connection = self._free.pop() if self._free else None
        if connection is None:
            connection = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = connection
        begun = asyncio.get_running_loop().time()
        writer.write(head.encode() + body)
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, headers = _read(raw)
        await reader.readexactly(int(headers["content-length"]))
        self._free.append(connection)
        told.statuses.add(status)
        if status == 200:
            told.ended.append((asyncio.get_running_loop().time(), tokens))
            told.served.append(told.ended[-1][0] - begun)
        else:
            assert int(headers["retry-after"]) >= 1
            told.refused.append(float(headers["openai-processing-ms"]))

    async def offer(self, key: str, a_second: float, told: Told) -> None:
        """Send requests at a steady rate for SECONDS, whatever becomes of them; then await all."""
        loop = asyncio.get_running_loop()
        begun, tasks = loop.time(), []
        for number in range(int(SECONDS * a_second)):
            await asyncio.sleep(begun + number / a_second - loop.time())
            tasks.append(asyncio.create_task(self.ask(key, told)))
        await asyncio.gather(*tasks)

    async def keep_busy(self, key: str, told: Told) -> None:
        """Send the next request when the one before is answered, for SECONDS."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SECONDS
        while loop.time() < until:
            await self.ask(key, told)

    async def close(self) -> None:
        for _, writer in self._free:
            writer.close()


def _read(head: str) -> tuple[int, dict[str, str]]:
    first, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[LoneGateway]:
    settings = {"pool_concurrency": AT_WORK, "pool_queue": PLACES}
    with lone_gateway(tmp_path, PoolOf("tiny", 1), settings=settings, tables=TABLES) as gateway:
        gateway.engines[0].fault(slow_ms=TOKEN_MS)
        yield gateway


@pytest.fixture
async def client(gateway: LoneGateway) -> AsyncIterator[Client]:
    client = Client(gateway.port)
    yield client
    await client.close()


@dataclass
class Measured:
    """One run of the three phases."""

    capacity: float
    served: float
    fits: Told
    alone: Told
    noisy: Told
    quiet: Told

    def __str__(self) -> str:
        return (
            f"seed {SEED}: capacity {self.capacity:.1f} tokens/s, served {self.served:.1f}/s, "
            f"refused {len(self.noisy.refused)}, quiet p95 {self.quiet.p95 * 1000:.0f} ms, alone "
            f"{self.alone.p95 * 1000:.0f} ms, refusal's slowest {max(self.noisy.refused):.0f} ms"
        )

    @property
    def missed(self) -> list[str]:
        """Return what did not hold."""
        held = {
            "goodput": self.served >= GOODPUT * self.capacity,
            # What is the quiet one's by right, and it asks for less: none of it is refused.
            "the quiet one is never refused": self.quiet.statuses == {200},
            "the quiet one's p95": self.quiet.p95 <= 2 * self.alone.p95,
            # A refusal is no wait in the queue: that would take as long as what waits there.
            "refusals": statistics.quantiles(self.noisy.refused, n=100)[-1] < 100,
            # The places bound what an accepted request waits, some five turns of all.
            "the longest wait": max(self.noisy.served)
            <= (PLACES / AT_WORK + 2) * 2 * max(self.fits.served),
        }
        return [name for name, it_holds in held.items() if not it_holds]


async def measure(client: Client) -> Measured:
    """Ask for what fits, for the quiet one alone, and for ten times what fits."""
    clock = asyncio.get_running_loop().time
    fits, alone, begun = Told(), Told(), clock()
    await asyncio.gather(*(client.keep_busy(NOISY, fits) for _ in range(AT_WORK)))
    capacity = fits.rate(begun)
    fitting = capacity / TOKENS
    assert fits.statuses == {200}
    await client.offer(QUIET, 4, alone)
    assert alone.statuses == {200}
    noisy, quiet, begun = Told(), Told(), clock()
    await asyncio.gather(
        client.offer(NOISY, 9.5 * fitting, noisy),
        client.offer(QUIET, GOODPUT / 2 * fitting, quiet),
    )
    assert noisy.statuses == {200, 429}
    served = noisy.rate(begun) + quiet.rate(begun)
    return Measured(capacity, served, fits, alone, noisy, quiet)


async def test_fa07_overload(gateway: LoneGateway, client: Client) -> None:
    # Who else uses this machine can only make it look worse than it is, and not three times.
    refused, missed = 0, ["unmeasured"]
    for _ in range(ATTEMPTS):
        measured = await measure(client)
        refused += len(measured.noisy.refused) + len(measured.quiet.refused)
        missed = measured.missed
        print(measured, missed)
        if not missed:
            break
    assert not missed, measured
    assert gateway.metric("argosy_gateway_permits_in_flight") == 0
    assert gateway.metric("argosy_gateway_queued_requests") == 0
    full = gateway.metric("argosy_gateway_admissions_total", outcome="full")
    shed = gateway.metric("argosy_gateway_admissions_total", outcome="shed")
    assert full + shed == refused
