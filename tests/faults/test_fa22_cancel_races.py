"""FA22: cancel at a random step, and cancel against finish, 200 times. A job has one terminal
state, and a cancelled one never publishes an adapter afterwards."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from argosy.api.registry.v1 import registry_pb2
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import InvalidRequest

from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard

SEED = 22
RACES = 200
AT_ONCE = 4


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard) -> Trainer:
    return ships.trainer(env={"ARGOSY_SLOTS": str(AT_ONCE)}).start()


async def check(
    ships: Yard, trainer: Trainer, tuner: Tuner, answers: dict[str, bool]
) -> Counter[str]:
    """Hold each job against what its cancel was answered; `answers`: whether it was accepted."""
    ends: Counter[str] = Counter()
    async with ships.files() as files:
        watch = files.watch()
        await watch.until("synced")
        watch.cancel()
    models: dict[str, list[registry_pb2.Model]] = {}
    for (kind, _), model in watch.entries.items():
        if kind == "model":
            models.setdefault(model.job_id, []).append(model)
    for job_id, accepted in answers.items():
        job = await tuner.get(job_id)
        wanted = pb.JOB_STATUS_CANCELLED if accepted else pb.JOB_STATUS_SUCCEEDED
        assert job.status == wanted, (accepted, job)
        messages = [event.message for event in await tuner.events(job_id)]
        assert messages.count("The job has successfully completed") == (not accepted)
        assert messages.count("Fine-tuning job cancelled") == accepted
        published = models.get(job_id, [])
        finals = [m for m in published if m.kind == registry_pb2.MODEL_KIND_TUNED]
        assert len(finals) == (not accepted)
        listed = {checkpoint.model_id for checkpoint in await tuner.checkpoints(job_id)}
        assert {m.id for m in published} - {m.id for m in finals} == listed
        if accepted:
            finished = job.finished_at.ToNanoseconds()
            assert all(m.created_at.ToNanoseconds() <= finished for m in published), job_id
        ends[pb.JobStatus.Name(job.status)] += 1
    rows = await trainer.sql(
        "SELECT state, count(*) FROM jobs WHERE state NOT IN ('succeeded', 'cancelled')"
        " GROUP BY state"
    )
    assert not rows, rows
    return ends


async def cancel(tuner: Tuner, job_id: str) -> bool:
    """Cancel, and tell whether that was accepted; the refusal says that it came too late."""
    try:
        await tuner.cancel(job_id)
    except InvalidRequest as late:
        if "cannot be cancelled: it has" not in late.message:
            raise
        return False
    return True


async def test_fa22_cancel_at_a_random_step(ships: Yard, trainer: Trainer) -> None:
    draw = random.Random(SEED)
    trainer.control(step_seconds=0.01)
    file = await ships.upload()
    async with Tuner(trainer) as tuner:

        async def one() -> tuple[str, bool]:
            made = await tuner.create(
                file, parameters={"max_steps": 60, "checkpoint_every_steps": 5}
            )
            await tuner.step(made.id, draw.randint(0, 55))
            return made.id, await cancel(tuner, made.id)

        answers = dict([await one() for _ in range(12)])
        assert all(answers.values())
        await idle(trainer)
        await check(ships, trainer, tuner, answers)


async def test_fa22_cancel_against_finish(ships: Yard, trainer: Trainer) -> None:
    draw = random.Random(SEED)
    trainer.control()
    file = await ships.upload()
    answers: dict[str, bool] = {}
    async with Tuner(trainer) as tuner:

        async def one() -> None:
            made = await tuner.create(
                file, parameters={"max_steps": 2, "checkpoint_every_steps": 2}
            )
            # From the last step on the end is near: aim all around it.
            await tuner.until(made.id, lambda j: j.completed_steps == 2 or _over(j), "step 2")
            await asyncio.sleep(draw.uniform(0, 0.25))
            answers[made.id] = await cancel(tuner, made.id)
            await tuner.ended(made.id)

        for _ in range(RACES // AT_ONCE):
            await asyncio.gather(*(one() for _ in range(AT_ONCE)))
        await idle(trainer)
        ends = await check(ships, trainer, tuner, answers)
    assert ends.total() == RACES
    # Starting hundreds of children beside busy gRPC threads harmed none of them.
    assert trainer.metric("argosy_trainer_child_crashes_total") == 0
    # A race that only one side ever wins is none.
    assert min(ends.values()) >= RACES // 20, f"seed {SEED}: {ends}"


def _over(job: pb.Job) -> bool:
    return job.status == pb.JOB_STATUS_SUCCEEDED


async def idle(trainer: Trainer) -> None:
    """Wait until nothing is worked on any more, and no child is left."""

    async def quiet() -> bool:
        [(held,)] = await trainer.sql("SELECT count(*) FROM jobs WHERE lease_until IS NOT NULL")
        return not held and not trainer.children()

    await eventually(quiet, "quiet", log=trainer.log)
