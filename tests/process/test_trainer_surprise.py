"""A job whose planning meets what nobody foresaw ends alone: the trainer and the others go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.trainer_client import Tuner
from tests.harness.trainer_fleet import Trainer, Yard, yard


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture
def trainer(ships: Yard) -> Trainer:
    return ships.trainer().start(ARGOSY_FAILPOINTS="trainer.validate.planned=error@2")


async def test_a_surprise_in_planning_fails_one_job(ships: Yard, trainer: Trainer) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        first = await tuner.create(file, parameters={"max_steps": 1})
        await tuner.succeeded(first.id)
        second = await tuner.create(file, parameters={"max_steps": 1})
        job = await tuner.failed(second.id)
        assert job.error.code == "internal"
        # From the second on every planning fails, and none takes the trainer along.
        third = await tuner.create(file, parameters={"max_steps": 1})
        await tuner.failed(third.id)
    assert trainer.alive()
