"""Every method loses its child, at every tenth of a run, and ends as if nothing had happened.

And a full disk, a segfault, a crowd of jobs under random kills: one end each, nothing left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.api import records
from argosy.api.registry.v1 import registry_pb2
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import Unavailable
from argosy.trainer.domain.methods import METHODS

from tests.harness import artifacts
from tests.harness.registry_fleet import CATALOG
from tests.harness.trainer_client import ENDED, Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, gone, yard
from tests.harness.tuning_records import GRADER, lines

BASE = "base-two"
STEPS = 20
# A distillation is supervised once its teacher has answered, which has tests of its own.
ELSEWHERE = (records.DISTILLATION, records.COMPRESSION, records.CUSTOM)
ALONE = [name for name in METHODS if name not in ELSEWHERE]


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with tempfile.TemporaryDirectory(prefix="argosy-base-") as folder:
        weights = artifacts.write_base(Path(folder) / "weights")
        Path(folder).chmod(0o755)
        catalog = f"""{CATALOG}
[[pool]]
name = "any"
engine = "transformers"
replicas = ["http://127.0.0.1:41001"]

[[model]]
id = "{BASE}"
kind = "base"
owned_by = "tests"
context_length = 64
trainable = true
pool = "main"
weights_path = "{weights}"
"""
        with yard(catalog=catalog) as running:
            yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard) -> Trainer:
    # All methods at once: most of a run's time is waiting for processes to start.
    return ships.trainer(env={"ARGOSY_CRASH_RETRIES": "20", "ARGOSY_SLOTS": "4"}).start()


@pytest.fixture(scope="module")
def strict(ships: Yard) -> Trainer:
    """One that forgives a child one death."""
    return ships.trainer(env={"ARGOSY_CRASH_RETRIES": "1"}).start()


@pytest.fixture(autouse=True)
def as_usual(trainer: Trainer, strict: Trainer) -> Iterator[None]:
    yield
    trainer.control()
    strict.control()


async def upload(ships: Yard, kind: str) -> str:
    async with ships.files() as files:
        return (await files.upload(lines(kind))).id


async def create(
    tuner: Tuner, ships: Yard, method: str, key: str = "", **parameters: Any
) -> pb.Job:
    tuning = {"method": method}
    if method == records.RLHF:
        tuning["grader_json"] = json.dumps(GRADER)
    scale = METHODS[method].scales[-1]
    return await tuner.create(
        await upload(ships, METHODS[method].learns_from[0]),
        model=BASE,
        seed=11,
        idempotency_key=key,
        fingerprint=key.encode(),
        parameters={"max_steps": STEPS, "checkpoint_every_steps": 4, **parameters},
        tuning={**tuning, "scale": scale},
    )


async def test_fa18_e16_children_of_all_methods_killed_at_every_tenth_of_a_run(
    ships: Yard, trainer: Trainer
) -> None:
    async with Tuner(trainer) as tuner, ships.files() as files:
        whole = {method: await create(tuner, ships, method) for method in ALONE}
        for job in whole.values():
            await tuner.succeeded(job.id, 120)
        deaths = [{"die_at_step": step} for step in range(2, STEPS + 1, STEPS // 10)]
        trainer.control(lives=deaths)
        made = {method: await create(tuner, ships, method) for method in ALONE}
        for method, begun in made.items():
            job = await tuner.succeeded(begun.id, 240)
            # The same loss at each step, each told once, each counted once.
            assert await tuner.losses(job.id) == await tuner.losses(whole[method].id), method
            assert job.completed_steps == STEPS
            series = await tuner.series(job.id)
            assert len(series.interruptions) == len(deaths), method
            assert all(gap.at_step - gap.resumed_from <= 4 for gap in series.interruptions)
            assert job.trained_tokens == sum(step.tokens for step in series.steps)
            model = await files.model(job.fine_tuned_model)
            assert (model.kind, model.step) == (registry_pb2.MODEL_KIND_TUNED, STEPS)


async def test_fa19_a_torn_checkpoint_of_any_method_is_passed_over(
    ships: Yard, trainer: Trainer
) -> None:
    async with Tuner(trainer) as tuner:
        trainer.control(lives=[{"tear_at_step": 8}])
        made = [await create(tuner, ships, m) for m in (records.DPO, records.RLHF, records.REWARD)]
        for job in made:
            await tuner.succeeded(job.id, 60)
            (gap,) = (await tuner.series(job.id)).interruptions
            assert gap.resumed_from == 4


async def test_fa20_a_full_disk_under_the_child_spares_the_older_checkpoints(
    ships: Yard, trainer: Trainer
) -> None:
    async with Tuner(trainer) as tuner:
        trainer.control(fail_at_step=10, fail_reason="disk_full", fail_message="The disk is full.")
        made = await create(tuner, ships, records.KTO)
        job = await tuner.failed(made.id)
        assert (job.error.code, job.error.message) == ("disk_full", "The disk is full.")
        kept = trainer.run_dir(made.id) / "checkpoints"
        assert {path.name for path in kept.iterdir()} >= {"step-8"}
        assert trainer.alive()
        trainer.control()
        await tuner.succeeded((await create(tuner, ships, records.KTO)).id)


async def test_fa20_a_full_disk_under_the_supervisor_fails_the_job_alone(
    ships: Yard, strict: Trainer
) -> None:
    go = strict.folder / "go"
    strict.control(lives=[{"hold_at_step": 1, "hold_file": str(go)}])
    async with Tuner(strict) as tuner:
        first = await create(tuner, ships, records.SFT)
        await tuner.until(first.id, lambda job: job.total_steps > 0, "the slot taken")
        second = await create(tuner, ships, records.DPO)
        data = strict.run_dir(second.id) / "data"
        data.mkdir(parents=True)
        # Whatever is written there finds no space on the device.
        (data / "training.part").symlink_to("/dev/full")
        go.touch()
        await tuner.succeeded(first.id)
        job = await tuner.failed(second.id)
        assert job.error.code == "disk_full"
        strict.control()
        await tuner.succeeded((await create(tuner, ships, records.DPO)).id)


async def test_fa21_a_child_that_always_dies_fails_its_job_alone(
    ships: Yard, strict: Trainer
) -> None:
    async with Tuner(strict) as tuner:
        for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT):
            strict.control(signal_at_step=3, signal=int(number))
            made = await create(tuner, ships, records.ORPO)
            job = await tuner.failed(made.id)
            assert job.error.code == "worker_crashed"
            assert f"signal {int(number)}" in job.error.message
        strict.control()
        await tuner.succeeded((await create(tuner, ships, records.ORPO)).id)
        assert not strict.children()


@pytest.fixture
def frail(ships: Yard) -> Trainer:
    """One that is started anew for each place of death."""
    return ships.trainer()


async def test_fa32_each_death_on_the_way_of_a_job_is_survived(ships: Yard, frail: Trainer) -> None:
    """The n-th passage of each failpoint kills the supervisor; the job ends as if it had not."""
    places = (
        "trainer.create.inserted=exit",
        "trainer.create.committed=exit",
        "trainer.checkpoint.published=exit@1",
        "trainer.finish.published=exit",
    )
    for number, (place, method) in enumerate(zip(places, ALONE[2:], strict=False)):
        await asyncio.to_thread(frail.start, ARGOSY_FAILPOINTS=place)
        async with Tuner(frail) as tuner:
            await tuner.ready()
            # The answer is lost where creation dies.
            with contextlib.suppress(Unavailable):
                await create(tuner, ships, method, f"fa32-{number}", max_steps=8)

            async def dead() -> bool:
                return not frail.alive()

            await eventually(dead, place, log=frail.log)
        await asyncio.to_thread(frail.kill)
        await asyncio.to_thread(frail.start)
        async with Tuner(frail) as tuner, ships.files() as files:
            await tuner.ready()
            made = await create(tuner, ships, method, f"fa32-{number}", max_steps=8)
            job = await tuner.succeeded(made.id, 60)
            assert sorted(await tuner.losses(job.id)) == list(range(1, 9)), place
            assert [each.step for each in await tuner.checkpoints(job.id)] == [4, 8], place
            assert (await files.model(job.fine_tuned_model)).job_id == job.id
            assert len((await tuner.jobs(limit=100)).jobs) == number + 1, place
        assert not frail.children()
        await asyncio.to_thread(frail.stop)


async def test_fa22_twenty_jobs_under_random_kills_and_cancels_end_once_each(
    ships: Yard, trainer: Trainer
) -> None:
    draw = random.Random(20)
    trainer.control(step_seconds=0.005)
    async with Tuner(trainer) as tuner, ships.files() as files:
        made = []
        for number in range(20):
            job = await create(tuner, ships, ALONE[number % len(ALONE)], max_steps=8)
            made.append(job.id)
        cancelled = set(draw.sample(made, 5))

        async def kill_now_and_then() -> None:
            for round_number in range(25):
                await asyncio.sleep(draw.uniform(0.05, 0.3))
                for child in trainer.children():
                    if draw.random() < 0.5:
                        # It may have come to its end since it was listed.
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(child, signal.SIGKILL)
                if round_number in (8, 16):
                    await asyncio.to_thread(trainer.kill)
                    await asyncio.to_thread(trainer.start)

        async def cancel_some() -> None:
            for job_id in sorted(cancelled):
                await asyncio.sleep(draw.uniform(0, 0.5))
                # It may have ended before, or the supervisor may be away: both are fine.
                await asyncio.gather(tuner.cancel(job_id), return_exceptions=True)

        await asyncio.gather(kill_now_and_then(), cancel_some())

        async def all_ended() -> bool:
            try:
                states = [(await tuner.get(job_id)).status for job_id in made]
            except Unavailable:
                # The connection to the supervisor that was killed comes back by and by.
                return False
            return all(state in ENDED for state in states)

        await eventually(all_ended, "the end of all", 180, log=trainer.log)
        for job_id in made:
            job = await tuner.get(job_id)
            events = [event.message for event in await tuner.events(job_id)]
            ends = [m for m in events if m.startswith(("The job ", "Fine-tuning job cancelled"))]
            assert len(ends) == 1, (job_id, ends)
            if job_id not in cancelled:
                assert job.status == pb.JOB_STATUS_SUCCEEDED, job
            if job.status == pb.JOB_STATUS_SUCCEEDED:
                assert (await files.model(job.fine_tuned_model)).job_id == job_id

        async def no_child() -> bool:
            return all(gone(child) for child in trainer.children())

        await eventually(no_child, "the children's end")
