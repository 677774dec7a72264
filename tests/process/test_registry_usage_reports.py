"""Usage reports on a real database agree with plain sums over the uses, whatever is asked."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa
from argosy.api.events.v1.events_pb2 import Event
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage import Usage
from argosy.registry.domain.usage_reports import OPERATIONS, Bucket, Field, Filter, Kind, Used
from argosy.registry.domain.usage_windows import Asked, Width
from argosy.registry.metrics import Metrics
from argosy.registry.usecases import usage_reports
from argosy.registry.usecases.ledger import Ledger
from argosy.registry.usecases.usage_reports import UsageReports
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.harness.registry_fleet import Fleet, fleet
from tests.harness.usage_ledger import (
    BEGIN,
    MODELS,
    PROJECTS,
    USERS,
    event_of,
    passes,
    random_uses,
    reported,
    summed,
)

DAYS = 4.5
COUNT = 1500
FIELDS = (Field.PROJECT, Field.USER, Field.KEY, Field.MODEL, Field.BATCH)
SEED = int(os.environ.get("ARGOSY_TEST_SEED", random.randrange(2**32)))


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture
async def database(ships: Fleet) -> AsyncIterator[Database]:
    url = await ships.postgres.new_database(f"usage_{random.randrange(2**32)}")
    async with Database.open(SecretStr(url), "registry") as database:
        await database.migrate("argosy.registry.store.migrations")
        yield database


async def fill(database: Database, rng: random.Random, uses: Sequence[Usage]) -> None:
    """Record the uses as four registries would: out of order, at once, some of them repeatedly."""
    books = [Ledger(database, Metrics(CollectorRegistry())) for _ in range(4)]
    events = [event_of(use) for use in [*uses, *rng.sample(uses, len(uses) // 3)]]
    rng.shuffle(events)

    async def write(book: Ledger, mine: list[Event]) -> None:
        while mine:
            size = rng.randrange(1, 64)
            await book.record(mine[:size])
            del mine[:size]

    await asyncio.gather(*(write(book, events[i::4]) for i, book in enumerate(books)))


def pick(rng: random.Random, values: Sequence[str]) -> list[str]:
    return rng.sample(values, rng.randrange(1, len(values))) if rng.random() < 0.4 else []


def question(rng: random.Random) -> tuple[Kind, Asked, Filter, list[Field]]:
    width = rng.choice(list(Width))
    least, most = {Width.MINUTE: (10, 9000), Width.HOUR: (3600, 200_000), Width.DAY: (60, 700_000)}[
        width
    ]
    start = int(BEGIN.timestamp()) - 90_000 + rng.randrange(500_000)
    # A report by minutes up to now would have hundreds of pages.
    endless = width is not Width.MINUTE and rng.random() < 0.2
    end = 0 if endless else start + rng.randrange(least, most)
    only = Filter(
        pick(rng, PROJECTS), pick(rng, USERS), pick(rng, [f"key_{i}" for i in range(4)]),
        pick(rng, MODELS), rng.choice([None, None, True, False]),
    )  # fmt: skip
    kinds = [Kind.COMPLETIONS, Kind.COMPLETIONS, Kind.EMBEDDINGS, Kind.FILE_SEARCHES]
    kind = rng.choice(kinds)
    return kind, Asked(start, end, width, 0, ""), only, rng.sample(FIELDS, rng.randrange(4))


async def every_page(
    reports: UsageReports, kind: Kind, asked: Asked, only: Filter, group_by: list[Field]
) -> list[Bucket[Used]]:
    buckets, page = [], ""
    while True:
        turn = Asked(asked.start, asked.end, asked.width, asked.limit, page)
        more, page = await reports.used(kind, turn, only, group_by)
        assert more
        buckets += more
        if not page:
            return buckets


async def test_reports_equal_plain_sums(database: Database) -> None:
    print(f"ARGOSY_TEST_SEED={SEED}")
    rng = random.Random(SEED)
    uses = random_uses(rng, COUNT, DAYS)
    await fill(database, rng, uses)
    clock = ManualClock(BEGIN + timedelta(days=DAYS + 1))
    reports = UsageReports(database, clock)
    for _ in range(50):
        kind, asked, only, group_by = question(rng)
        buckets = await every_page(reports, kind, asked, only, group_by)
        spans = [(bucket.span.start, bucket.span.end) for bucket in buckets]
        # Buckets touch; the first begins at the start's minute, the last at least at the end.
        assert [s for s, _ in spans[1:]] == [e for _, e in spans[:-1]]
        assert spans[0][0] == asked.start // 60 * 60
        last = asked.end or int(clock.now().timestamp())
        assert spans[-1][1] >= last > spans[-1][0]
        assert all(e % asked.width == 0 for _, e in spans[:-1])
        counted = [u for u in uses if u.operation in OPERATIONS[kind] and passes(u, only)]
        expected = summed(counted, spans, group_by)
        assert reported(buckets, group_by) == expected, (kind, asked, only, group_by)


async def test_the_sums_hold_each_use_once(database: Database) -> None:
    rng = random.Random(SEED)
    uses = random_uses(rng, 300, DAYS)
    await fill(database, rng, uses)
    async with database.begin() as connection:
        for table in ("usage_minute", "usage_hour", "usage_shared_hour", "usage_day"):
            row = await connection.execute(
                sa.text(f"SELECT sum(input_tokens), sum(training_tokens) FROM {table}")  # noqa: S608 - our own names
            )
            assert tuple(map(int, row.one())) == (
                sum(u.input_tokens for u in uses),
                sum(u.training_tokens for u in uses),
            )


async def test_a_page_with_too_many_results_ends_early(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(SEED)
    uses = random_uses(rng, 400, 3)
    await fill(database, rng, uses)
    reports = UsageReports(database, ManualClock(BEGIN + timedelta(days=3)))
    asked = Asked(int(BEGIN.timestamp()), 0, Width.DAY, 0, "")
    question = Kind.COMPLETIONS, asked, Filter(), [Field.MODEL, Field.KEY]
    whole = await every_page(reports, *question)
    assert len((await reports.used(*question))[0]) == len(whole) > 2
    monkeypatch.setattr(usage_reports, "PAGE_RESULTS", 20)
    buckets, page = await reports.used(*question)
    assert 0 < len(buckets) < len(whole)
    assert page
    assert await every_page(reports, *question) == whole
    # A bucket that is more than a page has one of its own, up to what an answer may hold.
    monkeypatch.setattr(usage_reports, "PAGE_RESULTS", 2)
    buckets, page = await reports.used(*question)
    assert len(buckets) == 1
    assert page
    assert await every_page(reports, *question) == whole
    monkeypatch.setattr(usage_reports, "MOST_RESULTS", 3)
    with pytest.raises(RuleBroken, match="Group by fewer"):
        await reports.used(*question)


async def test_a_user_is_found_by_the_key(database: Database) -> None:
    async with database.begin() as connection:
        for text in (
            "INSERT INTO organization VALUES ('org', 'org')",
            "INSERT INTO project (id, organization_id, name) VALUES ('proj_a', 'org', 'A')",
            "INSERT INTO api_key (id, digest, prefix, project_id, name, created_at, user_id) "
            "VALUES ('key_1', '', '', 'proj_a', '', now(), 'user_key')",
        ):
            await connection.execute(sa.text(text))
    use = random_uses(random.Random(1), 1, 1)[0]
    event = event_of(use)
    event.usage_recorded.user_id, event.usage_recorded.key_id = "", "key_1"
    await Ledger(database, Metrics(CollectorRegistry())).record([event])
    async with database.begin() as connection:
        assert await connection.scalar(sa.text("SELECT user_id FROM usage_line")) == "user_key"
        assert await connection.scalar(sa.text("SELECT user_id FROM usage_event")) == "user_key"
