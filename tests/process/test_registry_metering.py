"""What engines did for nobody, and what keys and projects used today, on a real database."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.registry.domain.engine_counts import Counter, Tokens
from argosy.registry.domain.usage_reports import Field, Filter
from argosy.registry.domain.usage_windows import Asked, Width
from argosy.registry.usecases.metering import Metering

from tests.harness.costs_ledger import DAY, DAYS, METAL, costs_of, fill, ledger_database
from tests.harness.registry_fleet import Fleet, fleet
from tests.harness.usage_ledger import BEGIN, PROJECTS, random_uses

SEED = int(os.environ.get("ARGOSY_TEST_SEED", random.randrange(2**32)))


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture
async def database(ships: Fleet) -> AsyncIterator[Database]:
    async with ledger_database(ships) as database:
        yield database


async def test_work_for_nobody_takes_its_share_of_the_hardware(database: Database) -> None:
    uses = [u for u in random_uses(random.Random(SEED), 300, 1) if u.model == "base-two"]
    day = datetime(2026, 3, 5, tzinfo=UTC)
    uses = [replace(u, occurred_at=day, operation="chat", training_tokens=0) for u in uses]
    await fill(database, uses, [METAL])
    read, written = (sum(getattr(u, f"{k}_tokens") for u in uses) for k in ("input", "output"))
    cached = sum(u.cached_input_tokens for u in uses)
    metering = Metering(database, ManualClock(day + timedelta(hours=9)))
    # An engine that has worked before; two that tell of it agree, and a late word changes nothing.
    before = Tokens(1000, 100, 1000)
    done = before + Tokens(read, cached, written)
    for first, latest in (
        (done, done), (before, before + Tokens(1, 0, 1)), (before, done + Tokens(300, 0, 20)),
        (before, done),
    ):  # fmt: skip
        await metering.tell([Counter("metal", "http://e:1", 5, first, latest)])
    # Its next life, and an engine of a pool whose tokens have prices or none.
    await metering.tell([Counter("metal", "http://e:1", 6, Tokens(), Tokens(700, 0, 80))])
    await metering.tell([Counter("main", "http://e:2", 5, Tokens(), Tokens(40, 0, 2))])
    asked = Asked(int(day.timestamp()), int(day.timestamp()) + 86_400, Width.DAY, 0, "")
    costs = costs_of(database, day + DAY)
    (bucket,), _ = await costs.costs(asked, Filter(), [Field.LINE_ITEM])
    found = {str(each.group[Field.LINE_ITEM]): each for each in bucket.results}
    assert found.keys() == {
        "base-two, hardware_hours", "metal, unattributed_hours", "main, unattributed_tokens",
    }  # fmt: skip
    assert found["main, unattributed_tokens"].quantity == 42
    shares = [each.micros for each in bucket.results]
    assert sum(shares) == 24 * METAL.hour
    nobodys = 1000 * 1000 + 4000 * 100
    work = 1000 * (read - cached) + 100 * cached + 4000 * written
    fair = Fraction(24 * METAL.hour * nobodys, work + nobodys)
    assert abs(found["metal, unattributed_hours"].micros - fair) <= 1
    # A project pays for its own part of what the hardware did, whoever else is shown.
    (whole,), _ = await costs.costs(asked, Filter(), [Field.PROJECT])
    (one,), _ = await costs.costs(asked, Filter([PROJECTS[0]]), [])
    by_project = {each.group[Field.PROJECT]: each.micros for each in whole.results}
    assert by_project[PROJECTS[0]] == one.results[0].micros
    assert by_project[""] == found["metal, unattributed_hours"].micros


async def test_work_for_nobody_alone_is_no_idleness(database: Database) -> None:
    await fill(database, [], [METAL])
    day = datetime(2026, 3, 5, tzinfo=UTC)
    metering = Metering(database, ManualClock(day + timedelta(hours=9)))
    await metering.tell([Counter("metal", "http://e:1", 5, Tokens(), Tokens(0, 900, 1))])
    asked = Asked(int(day.timestamp()), int(day.timestamp()) + 86_400, Width.DAY, 0, "")
    (bucket,), _ = await costs_of(database, day + DAY).costs(asked, Filter(), [Field.LINE_ITEM])
    assert [(e.group[Field.LINE_ITEM], e.micros) for e in bucket.results] == [
        ("metal, unattributed_hours", 24 * METAL.hour)
    ]


async def test_the_day_of_projects_and_keys(database: Database) -> None:
    uses = random_uses(random.Random(SEED), 400, DAYS)
    await fill(database, uses)
    now = BEGIN + timedelta(days=1)
    day, found = await Metering(database, ManualClock(now)).day_use(["proj_b"], ["key_1"])
    assert day.date() == now.date()
    told: dict[str, int] = defaultdict(int)
    wanted: dict[str, int] = defaultdict(int)
    for each in found:
        if each.project_id == "proj_b":
            told["project"] += each.tokens.read + each.tokens.written
        if each.key_id == "key_1":
            told["key"] += each.tokens.read + each.tokens.written
    for use in uses:
        if use.occurred_at.date() == now.date() and use.operation not in {
            "training",
            "file_search",
        }:
            wanted["project"] += (use.input_tokens + use.output_tokens) * (
                use.project_id == "proj_b"
            )
            wanted["key"] += (use.input_tokens + use.output_tokens) * (use.key_id == "key_1")
    assert told == wanted
