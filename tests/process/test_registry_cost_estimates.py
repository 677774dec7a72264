"""An estimate before a job and its cost after it, on a real database; what a project may spend."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from argosy.api.registry.v1 import usage_reports_pb2 as pb
from argosy.kit.clock import ManualClock
from argosy.kit.db import Database
from argosy.kit.errors import InvalidRequest
from argosy.registry.domain.accounts_budgets import SpendLimit
from argosy.registry.domain.prices import ModelPrice, PoolPrice
from argosy.registry.domain.usage import Usage
from argosy.registry.domain.usage_reports import Field, Filter
from argosy.registry.domain.usage_windows import Asked, Width
from argosy.registry.metrics import Metrics
from argosy.registry.rpc.usage_reports import UsageReportServicer
from argosy.registry.store import accounts_budgets, usage_prices
from argosy.registry.usecases.cost_estimates import CostEstimates
from argosy.registry.usecases.ledger import Ledger
from argosy.registry.usecases.usage_costs import UsageCosts
from argosy.registry.usecases.usage_reports import UsageReports
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.harness.registry_fleet import Fleet, fleet
from tests.harness.usage_ledger import BEGIN, event_of

CATALOG = (
    "INSERT INTO organization VALUES ('org', 'org')",
    "INSERT INTO project (id, organization_id, name) VALUES ('proj_a', 'org', 'A')",
    "INSERT INTO base_model (id, kind, owned_by, context_length, trainable, pool, weights_path, "
    "created_at) VALUES ('base-one', 'base', '', 1, true, 'main', '', now())",
)
TOKENS = ModelPrice("base-one", BEGIN.date(), 250_000, 250_000, 1_500_000, 2_000_000)
TRAINER = PoolPrice("trainer", BEGIN.date(), 3_600_000, 1000, 100, 4000, 1000)
NOW = BEGIN + timedelta(hours=1)
JOB = Usage(
    id="evt_job", occurred_at=BEGIN, project_id="proj_a", key_id="key_1", model="base-one",
    request_id="ftjob-1", operation="training", outcome="ok", input_tokens=0, output_tokens=0,
    cached_input_tokens=0, training_tokens=123_457, estimated=False, duration_ms=600_000,
    first_token_ms=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def ships() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture
async def database(ships: Fleet) -> AsyncIterator[Database]:
    url = await ships.postgres.new_database(f"estimates_{random.randrange(2**32)}")
    async with Database.open(SecretStr(url), "registry") as database:
        await database.migrate("argosy.registry.store.migrations")
        async with database.begin() as connection:
            for text in CATALOG:
                await connection.execute(sa.text(text))
            await usage_prices.replace(connection, [TOKENS], [])
        yield database


def desk(database: Database) -> UsageReportServicer:
    clock = ManualClock(NOW)
    return UsageReportServicer(
        UsageReports(database, clock),
        UsageCosts(database, clock, "eur"),
        CostEstimates(database, clock, "eur"),
    )


async def ask(database: Database, **asked: object) -> pb.EstimateCostResponse:
    known = {"model": "base-one", "operation": "training"}
    return await desk(database).EstimateCost(pb.EstimateCostRequest(**(known | asked)), None)


async def test_l11_the_estimate_before_a_job_is_its_cost_after_it(database: Database) -> None:
    told = await ask(database, training_tokens=123_457)
    assert (told.priced, told.currency, told.micros) == (True, "eur", 246_914)
    (line,) = told.lines
    assert (line.line_item, line.unit) == ("base-one, training_tokens", "tokens")
    assert line.unit_micros == 2_000_000
    await Ledger(database, Metrics(CollectorRegistry())).record([event_of(JOB)])
    days, _ = await UsageCosts(database, ManualClock(NOW), "eur").costs(
        Asked(int(BEGIN.timestamp()), 0, Width.DAY, 1, ""), Filter(), [Field.LINE_ITEM]
    )
    assert [(each.group[Field.LINE_ITEM], each.micros) for each in days[0].results] == [
        (line.line_item, told.micros)
    ]


async def test_hardware_that_trains_is_paid_by_the_hour_of_what_training_took_before(
    database: Database,
) -> None:
    async with database.begin() as connection:
        await usage_prices.replace(connection, [TOKENS], [TRAINER])
    assert not (await ask(database, training_tokens=1_000)).priced, "nobody knows how long"
    told = await ask(database, training_tokens=1_000, seconds=90)
    assert (told.micros, told.lines[0].unit, told.seconds) == (90_000, "duration_hours", 90)
    await Ledger(database, Metrics(CollectorRegistry())).record([event_of(JOB)])
    # The job before took 600 s for its tokens: twice as many take twice as long.
    told = await ask(database, training_tokens=2 * 123_457)
    assert told.seconds == pytest.approx(1200)
    assert told.micros == pytest.approx(1_200_000, abs=2)


async def test_what_has_no_price_is_not_said_to_be_free(database: Database) -> None:
    assert not (await ask(database, model="elsewhere", training_tokens=5)).priced
    with pytest.raises(InvalidRequest, match="training_tokens"):
        await ask(database, training_tokens=-1)
    with pytest.raises(InvalidRequest, match="operation"):
        await ask(database, operation="magic")


async def test_a_project_is_exhausted_by_its_own_or_the_organizations_limit(
    database: Database,
) -> None:
    async def spend(project: str) -> pb.GetSpendResponse:
        return await desk(database).GetSpend(pb.GetSpendRequest(project_id=project), None)

    uses = [JOB, replace(JOB, id="evt_2", project_id="proj_b", training_tokens=1)]
    await Ledger(database, Metrics(CollectorRegistry())).record([event_of(use) for use in uses])
    told = await spend("proj_a")
    assert (told.project_micros, told.organization_micros) == (246_914, 246_916)
    assert not told.exhausted
    async with database.begin() as connection:
        await accounts_budgets.put_limit(connection, "proj_a", SpendLimit(24))
    told = await spend("proj_a")
    assert told.exhausted
    assert "0.25 of 0.24 eur" in told.message
    assert not (await spend("proj_b")).exhausted
    async with database.begin() as connection:
        await accounts_budgets.put_limit(connection, "", SpendLimit(1))
    assert "organization" in (await spend("proj_b")).message
