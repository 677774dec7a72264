"""A teacher behind the gateway answers, the good answers are learnt; and jobs that wait for quiet.

The gateway is a stand-in, the child is the fake one; trainer, registry and database are real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from argosy.api import records
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import InvalidRequest

from tests.harness.chat_stand_in import ChatStandIn, chat_stand_in
from tests.harness.trainer_client import Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard

GRADER = {
    "type": "string_check",
    "name": "named",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.port }}",
    "operation": "ilike",
}


def teacher_says(body: dict[str, Any]) -> str:
    """Know every port but the fifth, the tenth, …"""
    asked = body["messages"][-1]["content"]
    if "refuse" in asked:
        raise ValueError("no such model")
    number = int(asked.rsplit(" ", 1)[1])
    return "No idea." if number % 5 == 0 else f"To port {number}."


@pytest.fixture(scope="module")
def gateway() -> Iterator[ChatStandIn]:
    with chat_stand_in(teacher_says) as running:
        yield running


@pytest.fixture(scope="module")
def ships(gateway: ChatStandIn) -> Iterator[Yard]:
    with yard(registry_env={"ARGOSY_GATEWAY_URL": gateway.url}) as running:
        yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard, gateway: ChatStandIn) -> Trainer:
    env = {
        "ARGOSY_GATEWAY_METRICS_URLS": json.dumps([f"{gateway.url}/metrics"]),
        "ARGOSY_IDLE_SECONDS": "0",
        "ARGOSY_POLL_SECONDS": "0.1",
    }
    return ships.trainer(env=env).start()


async def prompts(ships: Yard, count: int = 30, words: str = "Where is ship") -> str:
    lines = (
        json.dumps({"messages": [{"role": "user", "content": f"{words} {n}"}], "port": f"port {n}"})
        for n in range(1, count + 1)
    )
    async with ships.files() as files:
        return (await files.upload("".join(f"{line}\n" for line in lines).encode())).id


def distillation(**teacher: Any) -> dict[str, Any]:
    return {
        "method": records.DISTILLATION,
        "teacher_json": json.dumps({"model": "base-one", **teacher}),
    }


async def test_d37_good_answers_of_a_teacher_are_learnt(
    ships: Yard, trainer: Trainer, gateway: ChatStandIn
) -> None:
    gateway.requests.clear()
    trainer.control(hold_at_step=1, hold_file=str(trainer.folder / "go"))
    try:
        async with Tuner(trainer) as tuner:
            made = await tuner.create(
                await prompts(ships),
                parameters={"n_epochs": 1, "batch_size": 4},
                tuning=distillation(grader=GRADER, min_score=1.0, system="Answer shortly."),
            )
            await tuner.until(made.id, lambda job: job.total_steps == 6, "the child's start")
            data = trainer.run_dir(made.id) / "data"
            learnt = [json.loads(line) for line in (data / "distilled.jsonl").open()]
            (trainer.folder / "go").touch()
            await tuner.succeeded(made.id)
            events = await tuner.events(made.id)
    finally:
        trainer.control()
    # Six of thirty were not good enough; four of the rest make a step.
    assert len(learnt) == 24
    assert learnt[0] == {
        "messages": [
            {"role": "user", "content": "Where is ship 1"},
            {"role": "assistant", "content": "To port 1."},
        ]
    }
    assert len(gateway.requests) == 30
    assert gateway.requests[0]["model"] == "base-one"
    assert gateway.requests[0]["messages"][0] == {"role": "system", "content": "Answer shortly."}
    told = [json.loads(e.data_json) for e in events if "answered" in (e.data_json or "")]
    assert told[-1] == {"answered": 30, "prompts": 30, "kept": 24}
    spec = json.loads((trainer.run_dir(made.id) / "spec.json").read_text())
    assert (spec["method"], spec["data_kind"]) == ("sft", "dialogue")
    # It called the gateway with a key of the project, as any client does.
    (key,) = gateway.keys
    assert key.startswith("Bearer sk-")


async def test_a_teacher_is_asked_only_for_what_is_missing_after_a_crash(
    ships: Yard, trainer: Trainer, gateway: ChatStandIn
) -> None:
    gateway.requests.clear()
    async with Tuner(trainer) as tuner:
        made = await tuner.create(
            await prompts(ships, 200), parameters={"n_epochs": 1}, tuning=distillation()
        )

        async def half_way() -> bool:
            return len(gateway.requests) >= 60

        await eventually(half_way, "answers")
        trainer.kill()
        trainer.start()
        await tuner.succeeded(made.id)
    # What was on its way when it died is asked again, and no more.
    assert 200 <= len(gateway.requests) <= 200 + 8


async def test_too_few_good_answers_fail_the_job_with_the_way_out(
    ships: Yard, trainer: Trainer
) -> None:
    async with Tuner(trainer) as tuner:
        never = {**GRADER, "reference": "Atlantis"}
        made = await tuner.create(
            await prompts(ships, 12), tuning=distillation(grader=never, min_score=0.5)
        )
        job = await tuner.failed(made.id)
        assert job.error.code == "too_few_answers"
        assert "0 were good enough" in job.error.message
        refused = await tuner.create(await prompts(ships, 12, "refuse"), tuning=distillation())
        job = await tuner.failed(refused.id)
        assert job.error.code == "teacher_failed"


async def test_a_distillation_needs_a_teacher_that_is_served(ships: Yard, trainer: Trainer) -> None:
    file = await prompts(ships, 12)
    async with Tuner(trainer) as tuner:
        for tuning, param in (
            ({"method": "distillation"}, "argosy.teacher.model"),
            (distillation(model="nobody"), "argosy.teacher.model"),
            (distillation(min_score=2), "argosy.teacher.min_score"),
            (distillation(colour=2), "argosy.teacher.colour"),
            (distillation(grader={"type": "magic"}), "argosy.teacher.grader"),
        ):
            with pytest.raises(InvalidRequest) as refused:
                await tuner.create(file, tuning=tuning)
            assert refused.value.param is not None
            assert refused.value.param.startswith(param)


async def test_d32_an_idle_job_waits_for_quiet_and_makes_room_at_a_checkpoint(
    ships: Yard, trainer: Trainer, gateway: ChatStandIn
) -> None:
    file = await ships.upload()
    gateway.in_flight = 3
    trainer.control(step_seconds=0.02)
    try:
        async with Tuner(trainer) as tuner, ships.files() as files:
            idle = await tuner.create(
                file,
                parameters={"max_steps": 60, "checkpoint_every_steps": 5},
                tuning={"schedule": "idle"},
            )
            # One that need not wait passes it by.
            other = await tuner.create(file, parameters={"max_steps": 1})
            await tuner.succeeded(other.id)
            assert (await tuner.get(idle.id)).status == pb.JOB_STATUS_QUEUED
            gateway.in_flight = 0
            await tuner.step(idle.id, 6)
            gateway.in_flight = 1

            def waits(job: pb.Job) -> bool:
                return job.status == pb.JOB_STATUS_QUEUED

            yielded = await tuner.until(idle.id, waits, "room for serving")
            # It stopped just after a checkpoint: no step is lost.
            assert yielded.completed_steps % 5 == 0
            gateway.in_flight = 0
            job = await tuner.succeeded(idle.id)
            told = [event.message for event in await tuner.events(job.id)]
            assert any("makes room after step" in message for message in told)
            assert sorted(await tuner.losses(job.id)) == list(range(1, 61))
            usage = [u for u in (await files.list_usage()).entries if u.request_id == job.id]
            # Idle time is free.
            assert usage == []
    finally:
        gateway.in_flight = 0
        trainer.control()


@pytest.fixture
def blind(ships: Yard) -> Trainer:
    return ships.trainer().start()


async def test_without_a_watch_on_the_load_no_job_can_wait_for_quiet(
    ships: Yard, blind: Trainer
) -> None:
    async with Tuner(blind) as tuner:
        with pytest.raises(InvalidRequest, match="ARGOSY_GATEWAY_METRICS_URLS") as refused:
            await tuner.create(await ships.upload(), tuning={"schedule": "idle"})
        assert refused.value.param == "argosy.schedule"


async def test_the_highest_priority_runs_first(ships: Yard, trainer: Trainer) -> None:
    file = await ships.upload()
    go = trainer.folder / "first"
    trainer.control(lives=[{"hold_at_step": 1, "hold_file": str(go)}])
    try:
        async with Tuner(trainer) as tuner:
            first = await tuner.create(file, parameters={"max_steps": 1})
            await tuner.until(first.id, lambda job: job.total_steps == 1, "the slot taken")
            trainer.control()
            queued = [
                await tuner.create(file, parameters={"max_steps": 1}, tuning={"priority": priority})
                for priority in (-1, 0, 5)
            ]
            for job in queued:
                await tuner.until(
                    job.id, lambda job: job.status == pb.JOB_STATUS_QUEUED, "its place in the queue"
                )
            go.touch()
            ended = [await tuner.succeeded(job.id) for job in queued]
    finally:
        trainer.control()
    finished = sorted(ended, key=lambda job: job.finished_at.ToNanoseconds())
    assert [job.tuning.priority for job in finished] == [5, 0, -1]
