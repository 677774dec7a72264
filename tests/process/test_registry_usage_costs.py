"""Costs on a real database agree with prices applied use by use, and add up however grouped."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.registry.domain.prices import price_on
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage import Usage
from argosy.registry.domain.usage_reports import Bucket, Cost, Field, Filter
from argosy.registry.domain.usage_windows import Asked, Width
from argosy.registry.metrics import Metrics
from argosy.registry.usecases import usage_reports
from argosy.registry.usecases.cost_gauge import CostGauge
from prometheus_client import CollectorRegistry

from tests.harness.costs_ledger import (
    DAYS,
    METAL,
    PRICES,
    TRAINER,
    costs_of,
    fill,
    ledger_database,
)
from tests.harness.registry_fleet import Fleet, fleet
from tests.harness.usage_ledger import BEGIN, PROJECTS, random_uses

SEED = int(os.environ.get("ARGOSY_TEST_SEED", random.randrange(2**32)))
BASES = {"ft:base-one:org::abcd1234": "base-one"}


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture
async def database(ships: Fleet) -> AsyncIterator[Database]:
    async with ledger_database(ships) as database:
        yield database


ALL = Asked(int(BEGIN.timestamp()), 0, Width.DAY, 31, "")


def total(buckets: Sequence[Bucket[Cost]]) -> int:
    return sum(each.micros for bucket in buckets for each in bucket.results)


def kinds(use: Usage) -> dict[str, int]:
    reading = {"embedding": "embedding", "file_search": "retrieval"}
    return {
        reading.get(use.operation, "input"): use.input_tokens - use.cached_input_tokens,
        "cached_input": use.cached_input_tokens,
        "output": use.output_tokens,
        "training": use.training_tokens,
    }


Line = tuple[date, str, tuple[str, str, str, str], str]


def token_costs(uses: Sequence[Usage]) -> dict[tuple[str, ...], int]:
    """Price each day's line by itself, rounding half up, as a bill on paper would be made."""
    lines: dict[Line, int] = defaultdict(int)
    for use in uses:
        who = use.project_id, use.key_id, use.user_id, use.model
        for kind, tokens in kinds(use).items():
            lines[use.occurred_at.date(), kind, who, use.operation] += tokens
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for (day, kind, (project, _, _, model), _), tokens in lines.items():
        price = price_on(PRICES, day, (model, BASES.get(model, model), "*"))
        each = getattr(price, kind) if price else 0
        micros = (tokens * each + 500_000) // 1_000_000
        found[day.isoformat(), project, f"{model}, {kind}_tokens"] += micros
    return {key: micros for key, micros in found.items() if micros}


async def test_tokens_cost_what_their_day_and_model_say(database: Database) -> None:
    print(f"ARGOSY_TEST_SEED={SEED}")
    uses = random_uses(random.Random(SEED), 800, DAYS)
    await fill(database, uses)
    buckets, page = await costs_of(database).costs(ALL, Filter(), [Field.PROJECT, Field.LINE_ITEM])
    assert not page
    # Days are whole, though the start lies within one.
    assert all(b.span.start % 86_400 == 0 and b.span.end % 86_400 == 0 for b in buckets)
    found = {
        (
            datetime.fromtimestamp(bucket.span.start, UTC).date().isoformat(),
            str(each.group[Field.PROJECT]),
            str(each.group[Field.LINE_ITEM]),
        ): each.micros
        for bucket in buckets
        for each in bucket.results
        if each.micros
    }
    assert found == token_costs(uses)
    quantities = sum(
        each.quantity
        for bucket in buckets
        for each in bucket.results
        if str(each.group[Field.LINE_ITEM]).endswith(", output_tokens")
    )
    assert quantities == sum(use.output_tokens for use in uses)


async def test_every_grouping_has_the_same_total(database: Database) -> None:
    uses = random_uses(random.Random(SEED), 500, DAYS)
    await fill(database, uses, [METAL, TRAINER])
    costs = costs_of(database)
    groupings: list[list[Field]] = [
        [], [Field.PROJECT], [Field.KEY, Field.USER], [Field.LINE_ITEM],
        [Field.PROJECT, Field.KEY, Field.USER, Field.LINE_ITEM],
    ]  # fmt: skip
    totals = [total((await costs.costs(ALL, Filter(), g))[0]) for g in groupings]
    assert len(set(totals)) == 1
    assert totals[0] > 0
    # Filters cut the whole into parts that are the whole again, but for what nobody used.
    parts = [total((await costs.costs(ALL, Filter([p]), []))[0]) for p in PROJECTS]
    items, _ = await costs.costs(ALL, Filter(), [Field.LINE_ITEM])
    by_item: dict[str, int] = defaultdict(int)
    for bucket in items:
        for each in bucket.results:
            by_item[str(each.group[Field.LINE_ITEM])] += each.micros
    idle = sum(micros for item, micros in by_item.items() if item.endswith(", idle_hours"))
    assert sum(parts) + idle == totals[0]
    for item, micros in by_item.items():
        assert total((await costs.costs(ALL, Filter(line_items=[item]), []))[0]) == micros


@pytest.mark.parametrize("results", [1, 9, 60])
async def test_pages_of_any_size_make_up_the_whole_report(
    database: Database, monkeypatch: pytest.MonkeyPatch, results: int
) -> None:
    await fill(database, random_uses(random.Random(SEED), 300, DAYS), [METAL])
    costs = costs_of(database)
    for only, group_by in (
        (Filter(), [Field.PROJECT, Field.LINE_ITEM]),
        (Filter(), [Field.KEY]),
        (Filter(line_items=["base-one, input_tokens"]), [Field.PROJECT]),
    ):
        monkeypatch.setattr(usage_reports, "PAGE_RESULTS", 2500)
        whole, rest = await costs.costs(ALL, only, group_by)
        assert not rest
        monkeypatch.setattr(usage_reports, "PAGE_RESULTS", results)
        found: list[Bucket[Cost]] = []
        page = ""
        while page or not found:
            asked = Asked(ALL.start, ALL.end, ALL.width, ALL.limit, page)
            more, page = await costs.costs(asked, only, group_by)
            assert len(more) == 1 or sum(len(day.results) for day in more) <= results
            found += more
        assert [day.span for day in found] == [day.span for day in whole]
        for part, all_of_it in zip(found, whole, strict=True):
            # Hours are added up in another order.
            assert [cost._replace(quantity=round(cost.quantity, 9)) for cost in part.results] == [
                cost._replace(quantity=round(cost.quantity, 9)) for cost in all_of_it.results
            ]


async def test_hardware_is_spread_over_what_it_served(database: Database) -> None:
    uses = random_uses(random.Random(SEED), 500, DAYS)
    await fill(database, uses, [METAL])
    buckets, _ = await costs_of(database).costs(ALL, Filter(), [Field.PROJECT, Field.LINE_ITEM])
    day_cost = 24 * METAL.hour
    for bucket in buckets:
        day = datetime.fromtimestamp(bucket.span.start, UTC).date()
        shares = {
            str(each.group[Field.PROJECT]): each
            for each in bucket.results
            if each.group[Field.LINE_ITEM] == "base-two, hardware_hours"
        }
        idle = [
            each.micros
            for each in bucket.results
            if each.group[Field.LINE_ITEM] == "metal, idle_hours"
        ]
        work: dict[str, int] = defaultdict(int)
        for use in uses:
            if use.model == "base-two" and use.operation != "training":
                tokens = kinds(use)
                work[use.project_id] += (use.occurred_at.date() == day) * (
                    1000 * (use.input_tokens - use.cached_input_tokens)
                    + 100 * tokens["cached_input"]
                    + 4000 * tokens["output"]
                )
        if day < METAL.valid_from:
            assert not shares
            assert not idle
        elif not sum(work.values()):
            # Nobody used it: it was paid for all the same, up to the present day's hour.
            assert not shares
            present = bucket.span.end > (BEGIN + timedelta(days=DAYS + 2)).timestamp()
            assert idle[0] < day_cost if present else idle == [day_cost]
        else:
            assert not idle
            assert sum(each.micros for each in shares.values()) == day_cost
            assert abs(sum(each.quantity for each in shares.values()) - 24) < 1e-6
            for project, each in shares.items():
                fair = Fraction(day_cost * work[project], sum(work.values()))
                # Each line's share is whole; a project has some dozens of lines a day.
                assert abs(each.micros - fair) < 100
            assert not any(
                str(each.group[Field.LINE_ITEM]).startswith("base-two, ")
                and "tokens" in str(each.group[Field.LINE_ITEM])
                and "training" not in str(each.group[Field.LINE_ITEM])
                for each in bucket.results
            )


async def test_the_present_day_costs_its_hours_so_far(database: Database) -> None:
    await fill(database, [], [METAL])
    noon = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
    asked = Asked(int(noon.timestamp()) - 3600, int(noon.timestamp()) + 86_400, Width.DAY, 0, "")
    buckets, _ = await costs_of(database, noon).costs(asked, Filter(), [Field.LINE_ITEM])
    assert [[(e.micros, e.quantity, e.unit) for e in b.results] for b in buckets] == [
        [(12.5 * METAL.hour, 12.5, "duration_hours")],
        [],
    ]


async def test_costs_are_by_the_day(database: Database) -> None:
    with pytest.raises(RuleBroken, match="1d"):
        await costs_of(database).costs(Asked(0, 0, Width.HOUR, 0, ""), Filter(), [])
    with pytest.raises(RuleBroken, match="180"):
        await costs_of(database).costs(Asked(0, 0, Width.DAY, 181, ""), Filter(), [])


async def test_the_gauge_of_the_day_says_what_the_report_says(database: Database) -> None:
    await fill(database, random_uses(random.Random(SEED), 300, DAYS), [METAL])
    now = BEGIN + timedelta(days=2, hours=5)
    registry = CollectorRegistry()
    gauge = CostGauge(database, ManualClock(now), "eur", Metrics(registry))
    await gauge.look()
    await gauge.look()
    shown: dict[str, float] = defaultdict(float)
    for family in registry.collect():
        for sample in family.samples:
            if sample.name == "argosy_registry_day_cost_micros":
                assert sample.labels["currency"] == "eur"
                shown[sample.labels["project_id"]] += sample.value
    midnight = int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    asked = Asked(midnight, midnight + 86_400, Width.DAY, 0, "")
    (day,), _ = await costs_of(database, now).costs(asked, Filter(), [Field.PROJECT])
    told = {cost.group[Field.PROJECT]: cost.micros for cost in day.results}
    assert told == shown
    assert len(told) > 1
