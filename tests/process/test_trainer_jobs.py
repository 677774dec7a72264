"""Tuning jobs on a real trainer, registry, PostgreSQL and NATS, with the fake child: what a user
sees from creation to the model, in lists, and across project walls."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Iterator

import pytest
from argosy.api.registry.v1 import registry_pb2
from argosy.api.trainer.v1 import trainer_pb2 as pb
from argosy.kit.errors import InvalidRequest, NotFound

from tests.harness.registry_client import LINE, PROJECT
from tests.harness.trainer_client import BASE, Tuner, eventually
from tests.harness.trainer_fleet import Trainer, Yard, yard


@pytest.fixture(scope="module")
def ships() -> Iterator[Yard]:
    with yard() as running:
        yield running


@pytest.fixture(scope="module")
def trainer(ships: Yard) -> Trainer:
    return ships.trainer().start()


async def test_from_a_file_to_a_model(ships: Yard, trainer: Trainer) -> None:
    training, validation = await ships.upload(20), await ships.upload(3)
    async with Tuner(trainer) as tuner, ships.files() as files:
        made = await tuner.create(
            training,
            validation_file=validation,
            suffix="north",
            seed=7,
            metadata={"team": "a"},
            parameters={
                "n_epochs": 2,
                "batch_size": 4,
                "checkpoint_every_steps": 4,
                "validate_every_steps": 2,
            },
        )
        assert made.status == pb.JOB_STATUS_VALIDATING_FILES
        assert re.fullmatch(r"ftjob-[0-9A-Za-z]{24}", made.id)
        assert not made.HasField("plan")
        assert not made.HasField("trained_tokens")
        assert (made.fine_tuned_model, list(made.result_files)) == ("", [])

        job = await tuner.succeeded(made.id)
        assert (job.seed, job.suffix, dict(job.metadata)) == (7, "north", {"team": "a"})
        assert re.fullmatch(rf"ft:{BASE}:argosy:north:[0-9A-Za-z_-]{{8}}", job.fine_tuned_model), (
            job.fine_tuned_model
        )
        assert (job.total_steps, job.completed_steps) == (10, 10)
        assert job.finished_at.ToNanoseconds() > job.created_at.ToNanoseconds()
        assert not job.HasField("estimated_finish")
        assert job.parameters.n_epochs == 2
        assert not job.parameters.HasField("lora_rank")
        assert (job.plan.n_epochs, job.plan.lora_rank, job.plan.max_steps) == (2, 16, 10)

        messages = [event.message for event in await tuner.events(job.id)]
        assert messages[:5] == [
            f"Created fine-tuning job: {job.id}",
            f"Validating training file: {training}",
            f"Validating validation file: {validation}",
            "Files validated, moving job to queued state",
            "Fine-tuning job started",
        ]
        assert messages[5].startswith("Step 1/10: training loss=")
        assert messages[-2:] == [
            f"New fine-tuned model created: {job.fine_tuned_model}",
            "The job has successfully completed",
        ]
        assert sum("Checkpoint created" in message for message in messages) == 3

        # What is told, what is in the result file and what is charged are the same steps.
        losses = await tuner.losses(job.id)
        assert sorted(losses) == list(range(1, 11))
        table = list(csv.DictReader(io.StringIO((await files.read(job.result_files[0])).decode())))
        assert {int(row["step"]): float(row["train_loss"]) for row in table} == pytest.approx(
            losses
        )
        assert [row["step"] for row in table if row["valid_loss"]] == ["2", "4", "6", "8", "10"]
        assert job.trained_tokens == sum(int(row["tokens"]) for row in table)
        result = await files.get(job.result_files[0])
        assert (result.purpose, result.filename) == ("fine-tune-results", "step_metrics.csv")

        checkpoints = await tuner.checkpoints(job.id)
        assert [checkpoint.step for checkpoint in checkpoints] == [4, 8, 10]
        for checkpoint in checkpoints:
            assert checkpoint.model_id == f"{job.fine_tuned_model}:ckpt-step-{checkpoint.step}"
            assert checkpoint.train_loss == losses[checkpoint.step]
            assert checkpoint.full_valid_loss == checkpoint.valid_loss > 0
            model = await files.model(checkpoint.model_id)
            assert (model.kind, model.step) == (
                registry_pb2.MODEL_KIND_CHECKPOINT,
                checkpoint.step,
            )
        model = await files.model(job.fine_tuned_model)
        assert (model.base, model.job_id, model.lora_rank) == (BASE, job.id, 16)

        async def charged() -> bool:
            usage = (await files.list_usage()).entries
            return any(
                (u.request_id, u.operation, u.training_tokens, u.key_id)
                == (job.id, "training", job.trained_tokens, "key_test")
                for u in usage
            )

        await eventually(charged, "the ledger's entry")
        # What the registry has need not be kept here.
        run = {path.name for path in trainer.run_dir(job.id).iterdir()}
        assert not run & {"data", "checkpoints", "child.json"}
        assert "spec.json" in run


async def test_the_child_is_told_the_plan(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), seed=3, parameters={"max_steps": 3})
        await tuner.succeeded(made.id)
    run = trainer.run_dir(made.id)
    training = str(run / "data" / "training.jsonl")
    assert json.loads((run / "spec.json").read_text()) == {
        "job_id": made.id,
        "method": "sft",
        "scale": "lora",
        "data_kind": "dialogue",
        "weights_path": "/weights/base-one",
        "base_adapter_path": None,
        "training_file": training,
        "sources": [{"path": training, "rate": 1.0}],
        "validation_file": None,
        "seed": 3,
        "n_epochs": 8,
        "batch_size": 2,
        "learning_rate": 3e-4,
        "lora_rank": 16,
        "lora_alpha": 32.0,
        "lora_dropout": 0.0,
        "target_modules": "all-linear",
        "lr_scheduler": "cosine",
        "warmup_ratio": 0.1,
        "weight_decay": 0.0,
        "max_seq_length": 1024,
        "checkpoint_every_steps": 1,
        "validate_every_steps": 0,
        "early_stop_patience": 0,
        "max_steps": 3,
        "processes": 1,
        "grader": None,
        "reward_model_path": None,
        "reward_weights_path": None,
        "resume_from": None,
    }


async def test_what_cannot_be_tuned_is_refused(ships: Yard, trainer: Trainer) -> None:
    good, short = await ships.upload(), await ships.upload(9)
    other = await ships.upload(project="proj_other")
    wrong = await ships.upload(purpose="user_data")
    async with Tuner(trainer) as tuner:
        before = [job.id for job in (await tuner.jobs(limit=100)).jobs]

        async def refused(param: str, says: str, file: str = good, **fields: object) -> None:
            with pytest.raises(InvalidRequest, match=says) as refusal:
                await tuner.create(file, **fields)  # type: ignore[arg-type]
            assert refusal.value.param == param

        await refused("model", "'no-model' does not exist", model="no-model")
        await refused("model", "cannot be tuned", model="vectors")
        await refused("training_file", "is missing", file="")
        await refused("training_file", "'file-none' given as 'training_file'", file="file-none")
        await refused("training_file", "does not exist", file=other)
        await refused("training_file", "purpose 'user_data'", file=wrong)
        await refused("training_file", "has 9 examples, but must have at least 10", file=short)
        await refused("validation_file", "does not exist", validation_file="file-none")
        await refused("suffix", "1 to 64", suffix="a:b")
        await refused("seed", "between", seed=-1)
        await refused("metadata", "64 characters", metadata={"k" * 65: ""})
        await refused("hyperparameters.n_epochs", "between 1 and 50", parameters={"n_epochs": 51})
        await refused("argosy.max_seq_length", "2048", parameters={"max_seq_length": 2049})
        # A refusal leaves nothing.
        assert [job.id for job in (await tuner.jobs(limit=100)).jobs] == before


async def test_lists_page_both_ways(ships: Yard, trainer: Trainer) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        made = [
            await tuner.create(
                file, metadata={"list": "yes", "n": str(n)}, parameters={"max_steps": 1}
            )
            for n in range(5)
        ]
        ids = [job.id for job in made]
        first = await tuner.jobs(limit=2, metadata={"list": "yes"})
        assert ([job.id for job in first.jobs], first.has_more) == (ids[:2:-1], True)
        rest = await tuner.jobs(limit=3, metadata={"list": "yes"}, after=ids[3])
        assert ([job.id for job in rest.jobs], rest.has_more) == (ids[2::-1], False)
        up = await tuner.jobs(limit=2, metadata={"list": "yes"}, after=ids[1], ascending=True)
        assert ([job.id for job in up.jobs], up.has_more) == (ids[2:4], True)
        one = await tuner.jobs(metadata={"list": "yes", "n": "3"})
        assert [job.id for job in one.jobs] == [ids[3]]
        with pytest.raises(InvalidRequest, match="between 1 and 100") as refusal:
            await tuner.jobs(limit=101)
        assert refusal.value.param == "limit"
        with pytest.raises(InvalidRequest, match="'after' names nothing") as refusal:
            await tuner.jobs(after="ftjob-none")
        assert refusal.value.param == "after"
        await asyncio.gather(*(tuner.succeeded(job_id) for job_id in ids))


async def test_events_page_both_ways(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 2})
        await tuner.succeeded(made.id)
        all_events = [event.id for event in await tuner.events(made.id)]

        async def page(**page: object) -> tuple[list[str], bool]:
            answer = await tuner.stub.ListEvents(
                pb.ListEventsRequest(project_id=PROJECT, job_id=made.id, page=page)  # type: ignore[arg-type]
            )
            return [event.id for event in answer.events], answer.has_more

        assert await page(limit=3) == (all_events[:-4:-1], True)
        assert await page(after=all_events[1]) == ([all_events[0]], False)
        assert await page(after=all_events[0], ascending=True) == (all_events[1:], False)


async def test_another_project_sees_nothing(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner:
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 1})
        for project, job_id in (("proj_other", made.id), (PROJECT, "ftjob-none")):
            said = set()
            for request in (
                tuner.get(job_id, project=project),
                tuner.cancel(job_id, project=project),
            ):
                with pytest.raises(NotFound) as refusal:
                    await request
                said.add(refusal.value.message.replace(job_id, "ID"))
            assert said == {
                "Could not find fine tune: ID. List the jobs with GET /v1/fine_tuning/jobs."
            }
        assert not (await tuner.jobs(project="proj_other")).jobs
        await tuner.succeeded(made.id)


async def test_a_seed_is_drawn_and_kept(ships: Yard, trainer: Trainer) -> None:
    file = await ships.upload()
    async with Tuner(trainer) as tuner:
        made = [await tuner.create(file, parameters={"max_steps": 1}) for _ in range(3)]
        assert len({job.seed for job in made}) == 3
        for job in made:
            assert (await tuner.succeeded(job.id)).seed == job.seed


async def test_the_metrics_tell_what_happened(ships: Yard, trainer: Trainer) -> None:
    async with Tuner(trainer) as tuner:
        steps = trainer.metric("argosy_trainer_step_seconds_count")
        tokens = trainer.metric("argosy_trainer_tokens_total")
        made = await tuner.create(await ships.upload(), parameters={"max_steps": 6})
        job = await tuner.succeeded(made.id)
    assert trainer.metric("argosy_trainer_step_seconds_count") == steps + 6
    assert trainer.metric("argosy_trainer_tokens_total") == tokens + job.trained_tokens

    async def counted() -> bool:
        return trainer.metric("argosy_trainer_jobs") > 0

    await eventually(counted, "the census")


async def test_a_file_of_the_largest_line_is_trained_on(ships: Yard, trainer: Trainer) -> None:
    """A download of several chunks arrives whole: the child's count of records proves it."""
    record = json.loads(LINE)
    record["messages"][0]["content"] = "x" * 700_000
    long_line = json.dumps(record).encode() + b"\n"
    async with ships.files() as files, Tuner(trainer) as tuner:
        file = await files.upload(long_line * 10)
        made = await tuner.create(file.id, parameters={"n_epochs": 1, "batch_size": 1})
        assert (await tuner.succeeded(made.id)).total_steps == 10
