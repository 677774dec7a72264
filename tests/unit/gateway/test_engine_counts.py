"""engines.counts: which of an engine's counts are told, and what it had done before."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from argosy.gateway.engines.client import Client
from argosy.gateway.engines.counts import EngineCounts, Reading
from argosy.gateway.engines.dialects.base import Counts, Gauges
from argosy.gateway.engines.dialects.vllm import VLLM
from argosy.gateway.engines.ejection import Ejection, EjectionPolicy
from argosy.gateway.engines.replica import Replica
from argosy.kit.errors import Unavailable

URL = "http://127.0.0.1:1"
METRICS = b"""process_start_time_seconds 1700000000.25
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.5e+03
vllm:prompt_tokens_total{engine="1",model_name="m"} 500.0
vllm:prompt_tokens_cached_total{engine="0",model_name="m"} 300.0
vllm:generation_tokens_total{engine="0",model_name="m"} 70.0
"""


class Book:
    def __init__(self) -> None:
        self.told: list[Reading] = []
        self.away = False

    async def tell(self, readings: Sequence[Reading]) -> None:
        if self.away:
            raise Unavailable("Away.")
        self.told += readings


def replica() -> Replica:
    return Replica(
        pool="main", url=URL, dialect=VLLM(), client=Client(URL, key="", connect_seconds=1),
        ejection=Ejection(EjectionPolicy()),
    )  # fmt: skip


def see(counts: EngineCounts, engine: Replica, started: float, tokens: Counts) -> None:
    engine.gauges = Gauges(start_time=started, counts=tokens)
    counts.observe(engine)


def test_vllm_tells_them_for_all_its_cores() -> None:
    gauges = VLLM().gauges(METRICS)
    assert gauges.counts == Counts(read=2000, cached=300, written=70)
    assert VLLM().gauges(b"vllm:num_requests_running 0.0\n").counts is None


async def test_told_as_they_change_and_again_after_a_failure() -> None:
    engine, book = replica(), Book()
    counts = EngineCounts(book, seconds=1)
    counts.observe(engine)
    await counts.tell()
    for _ in range(3):
        see(counts, engine, 100.25, Counts(10, 2, 5))
        await counts.tell()
    see(counts, engine, 100.25, Counts(20, 4, 9))
    book.away = True
    with pytest.raises(Unavailable):
        await counts.tell()
    book.away = False
    await counts.tell()
    seen = Counts(10, 2, 5)
    assert book.told == [
        Reading("main", URL, 100_250, seen, seen),
        Reading("main", URL, 100_250, seen, Counts(20, 4, 9)),
    ]


async def test_an_engine_that_started_anew_has_worked_for_nobody_else() -> None:
    engine, book = replica(), Book()
    counts = EngineCounts(book, seconds=1)
    # Nobody told what it had done last before it died; it is told with the first of its new life.
    see(counts, engine, 100.0, Counts(50, 0, 50))
    see(counts, engine, 100.0, Counts(60, 0, 60))
    see(counts, engine, 200.0, Counts(7, 0, 3))
    await counts.tell()
    assert [(each.started_ms, each.first, each.latest) for each in book.told] == [
        (100_000, Counts(50, 0, 50), Counts(60, 0, 60)),
        (200_000, Counts(), Counts(7, 0, 3)),
    ]
