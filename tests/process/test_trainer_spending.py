"""A project without money: its jobs pause with what they have, others go on, and resume works."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import QuotaExceeded

from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def trainer(ships: Yard) -> Iterator[Trainer]:
    started = ships.trainer()
    started.control(step_seconds=0.05)
    yield started.start(ARGOSY_SPEND_SECONDS="0.2")
    ships.close_trainers()


async def registry_sql(ships: Yard, *statements: str) -> None:
    connection: Any = await asyncpg.connect(ships.registry.env["ARGOSY_DATABASE_URL"], timeout=10)
    try:
        await connection.execute("SET search_path = registry")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def registry_rows(ships: Yard, query: str) -> list[Any]:
    connection: Any = await asyncpg.connect(ships.registry.env["ARGOSY_DATABASE_URL"], timeout=10)
    try:
        await connection.execute("SET search_path = registry")
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def test_jobs_of_a_project_without_money_are_paused_and_can_go_on(
    ships: Yard, trainer: Trainer
) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        made = await tuner.create(file, parameters={"max_steps": 400, "checkpoint_every_steps": 20})
        waiting = await tuner.create(file, parameters={"max_steps": 4})
        await tuner.step(made.id, 3)
        # The month has cost one millionth more than nothing, and nothing is what it may cost.
        await registry_sql(
            ships,
            "INSERT INTO model_price VALUES ('*', '1970-01-01', 0, 0, 0, 1000000, 0, 0)",
            "INSERT INTO cost_line (project_id, key_id, user_id, model, base, pool, operation)"
            " VALUES ('proj_default', 'k', '', 'base-one', 'base-one', 'trainer', 'training')",
            "INSERT INTO cost_day SELECT date_trunc('day', now(), 'UTC'), id, 0, 0, 0, 1000000"
            " FROM cost_line",
            "INSERT INTO spend_limit VALUES ('proj_default', 1, false)",
        )
        for job_id in (made.id, waiting.id):
            await tuner.until(job_id, lambda j: j.status == pb.JOB_STATUS_PAUSED, "paused")
        events = await tuner.events(made.id)
        assert "spend limit" in events[-1].message
        assert events[-1].level == "warn"
        # Whoever asks the trainer itself gets no further.
        for asked in (tuner.create(file), tuner.resume(waiting.id)):
            with pytest.raises(QuotaExceeded, match="spend limit") as refused:
                await asked
            assert refused.value.code == "insufficient_quota"
        await registry_sql(ships, "DELETE FROM spend_limit")
        await tuner.cancel(made.id)

        async def counted() -> bool:
            rows = await registry_rows(
                ships,
                f"SELECT * FROM usage_event WHERE request_id = '{made.id}'",  # noqa: S608 - our own id
            )
            return bool(rows) and (
                rows[0]["outcome"] == "cancelled"
                and rows[0]["training_tokens"] > 0
                and rows[0]["duration_ms"] > 0
            )

        await eventually(counted, "the cancelled job's steps in the ledger")
        assert (await tuner.resume(waiting.id)).status == pb.JOB_STATUS_QUEUED
        await asyncio.wait_for(tuner.succeeded(waiting.id), 60)
