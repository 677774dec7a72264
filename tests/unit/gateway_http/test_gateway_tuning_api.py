"""Tuning jobs: what the trainer is asked for and how its answers look."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import openai
import pytest
from argosy.api.trainer.v1 import trainer_pb2
from argosy.kit.errors import Conflict
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from tests.harness.trainer_client import tuning_message

JOBS = "/v1/fine_tuning/jobs"
MINIMAL = {"model": "smollm2-135m-instruct", "training_file": "file-1"}


async def test_create_hands_on_everything_that_was_asked(fleet: Any) -> None:
    sdk = fleet.sdk(default_headers={"Idempotency-Key": "once"})
    await sdk.fine_tuning.jobs.create(
        **MINIMAL,
        validation_file="file-2",
        suffix="north-china",
        seed=3,
        metadata={"team": "maps"},
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": "auto"}},
        },
        extra_body={"argosy": {"lora_rank": 16, "learning_rate": 0.002, "max_steps": 80}},
    )
    asked = fleet.tuning.requests[0]
    assert asked.tuning == tuning_message(
        {"n_epochs": 2, "lora_rank": 16, "learning_rate": 0.002, "max_steps": 80}, method="sft"
    )
    assert (asked.project_id, asked.organization_slug, asked.key_id) == (
        "proj_a",
        "argosy",
        "key_a",
    )
    assert (asked.model, asked.training_file, asked.validation_file) == (
        "smollm2-135m-instruct",
        "file-1",
        "file-2",
    )
    assert (asked.suffix, asked.seed, dict(asked.metadata)) == ("north-china", 3, {"team": "maps"})
    assert (asked.idempotency_key, asked.retry) == ("once", False)


async def test_the_fingerprint_binds_the_body_to_the_key(fleet: Any) -> None:
    body = json.dumps(MINIMAL).encode()
    async with fleet.http() as client:
        await client.post(JOBS, content=body, headers={"x-stainless-retry-count": "1"})
        await client.post(JOBS, content=body, headers={"x-stainless-retry-count": "0"})
        await client.post(JOBS, content=body + b" ")
    first, second, third = fleet.tuning.requests
    assert first.fingerprint == hashlib.sha256(b"key_a\0" + body).digest() == second.fingerprint
    assert third.fingerprint != first.fingerprint
    assert [r.retry for r in (first, second, third)] == [True, False, False]
    assert not first.HasField("seed")


async def test_the_older_place_of_hyperparameters_still_counts(fleet: Any) -> None:
    async with fleet.http() as client:
        answer = await client.post(JOBS, json={**MINIMAL, "hyperparameters": {"n_epochs": 4}})
    assert answer.status_code == 200
    assert fleet.tuning.requests[0].tuning == tuning_message({"n_epochs": 4})


async def test_parameters_are_auto_until_they_are_planned(fleet: Any) -> None:
    fleet.tuning.job.tuning.CopyFrom(tuning_message({"n_epochs": 2}))
    async with fleet.http() as client:
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
        FineTuningJob.model_validate(raw, strict=True)
        assert raw["hyperparameters"] == {
            "n_epochs": 2,
            "batch_size": "auto",
            "learning_rate_multiplier": "auto",
        }
        assert "lora_rank" not in raw["argosy"]
        planned = {"n_epochs": 2, "batch_size": 8, "learning_rate_multiplier": 1.0}
        more = {"lora_rank": 16, "learning_rate": 0.002, "target_modules": ["q_proj"]}
        fleet.tuning.job.planned.CopyFrom(
            tuning_message({**planned, **more}, method="sft", scale="lora", priority=3)
        )
        fleet.tuning.job.planned.data.add(source="file-2", rate=0.25, records=40)
        fleet.tuning.job.total_steps = 80
        fleet.tuning.job.completed_steps = 10
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
    FineTuningJob.model_validate(raw, strict=True)
    assert raw["hyperparameters"] == planned
    assert raw["method"] == {"type": "supervised", "supervised": {"hyperparameters": planned}}
    assert raw["argosy"] == {
        "method": "sft",
        "scale": "lora",
        **more,
        "data": [{"source": "file-2", "rate": 0.25, "why": "asked", "records": 40}],
        "reward_model": None,
        "teacher": None,
        "program": None,
        "schedule": "now",
        "priority": 3,
        "run_state": "Waiting",
        "base": raw["model"],
        "early_stop": None,
        "published_step": None,
        "estimate": None,
        "actual": None,
        "total_steps": 80,
        "completed_steps": 10,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}}},
            tuning_message({"beta": 0.2}, method="dpo"),
        ),
        (
            {
                "method": {
                    "type": "reinforcement",
                    "reinforcement": {
                        "grader": {"type": "string_check"},
                        "hyperparameters": {"eval_interval": 5, "reasoning_effort": "default"},
                    },
                }
            },
            tuning_message(
                {"eval_interval": 5}, method="rlhf", grader_json='{"type":"string_check"}'
            ),
        ),
        (
            {"argosy": {"method": "kto", "scale": "FullFineTuning", "n_epochs": 2, "beta": 1.0}},
            tuning_message({"n_epochs": 2, "beta": 1.0}, method="kto", scale="FullFineTuning"),
        ),
        (
            {"argosy": {"data": [], "packing": True, "target_modules": ["a", "b"]}},
            tuning_message({"packing": True, "target_modules": ["a", "b"]}, only_this_data=True),
        ),
        (
            {"argosy": {"method": "rlhf", "reward_model": "rm", "schedule": "idle"}},
            tuning_message({}, method="rlhf", reward_model="rm", schedule="idle"),
        ),
        (
            {"argosy": {"method": "distillation", "teacher": {"model": "big"}}},
            tuning_message({}, method="distillation", teacher_json='{"model":"big"}'),
        ),
    ],
)
async def test_every_method_reaches_the_trainer(
    fleet: Any, body: dict[str, Any], expected: trainer_pb2.Tuning
) -> None:
    async with fleet.http() as client:
        answer = await client.post(JOBS, json={**MINIMAL, **body})
    assert answer.status_code == 200, answer.text
    assert fleet.tuning.requests[0].tuning == expected


async def test_data_sources_keep_which_amount_was_given(fleet: Any) -> None:
    data = [{"source": "file-2", "rate": 0.1}, {"source": "dsv_1", "ratio": 2}]
    async with fleet.http() as client:
        await client.post(JOBS, json={**MINIMAL, "argosy": {"data": data}})
    first, second = fleet.tuning.requests[0].tuning.data
    assert (first.source, first.rate, first.HasField("ratio")) == ("file-2", 0.1, False)
    assert (second.source, second.ratio, second.HasField("rate")) == ("dsv_1", 2.0, False)
    assert fleet.tuning.requests[0].tuning.only_this_data


@pytest.mark.parametrize("method", ["kto", "orpo", "post_pretrain", "reward", "distillation"])
async def test_a_method_that_openai_lacks_is_null_there(fleet: Any, method: str) -> None:
    fleet.tuning.job.tuning.CopyFrom(tuning_message({}, method=method, scale="full"))
    async with fleet.http() as client:
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
    FineTuningJob.model_validate(raw, strict=True)
    assert raw["method"] is None
    assert (raw["argosy"]["method"], raw["argosy"]["scale"]) == (method, "full")


async def test_openais_methods_show_their_own_parameters(fleet: Any) -> None:
    grader = {
        "type": "string_check",
        "name": "g",
        "input": "a",
        "reference": "b",
        "operation": "eq",
    }
    async with fleet.http() as client:
        fleet.tuning.job.tuning.CopyFrom(tuning_message({"beta": 0.3}, method="dpo"))
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
        FineTuningJob.model_validate(raw, strict=True)
        assert raw["method"]["dpo"]["hyperparameters"]["beta"] == 0.3
        fleet.tuning.job.tuning.CopyFrom(
            tuning_message({}, method="rlhf", grader_json=json.dumps(grader))
        )
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
        FineTuningJob.model_validate(raw, strict=True)
        assert raw["method"]["reinforcement"]["grader"] == grader


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("VALIDATING_FILES", "Waiting"),
        ("QUEUED", "Waiting"),
        ("RUNNING", "Running"),
        ("PAUSED", "Stopped"),
        ("SUCCEEDED", "Done"),
        ("FAILED", "Failed"),
        ("CANCELLED", "Stopped"),
    ],
)
async def test_p18_run_states_have_their_older_words(fleet: Any, status: str, state: str) -> None:
    fleet.tuning.job.status = trainer_pb2.JobStatus.Value(f"JOB_STATUS_{status}")
    async with fleet.http() as client:
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
    assert raw["argosy"]["run_state"] == state


async def test_l10_l11_a_job_shows_what_it_would_take_and_what_it_took(fleet: Any) -> None:
    fleet.tuning.job.estimate.tokens = 1_000
    fleet.tuning.job.estimate.cost_micros = 250
    fleet.tuning.job.estimate.currency = "usd"
    async with fleet.http() as client:
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
        assert raw["argosy"]["estimate"] == {
            "tokens": 1_000, "seconds": None, "cost_micros": 250, "currency": "usd",
        }  # fmt: skip
        assert raw["argosy"]["actual"] is None
        fleet.tuning.job.actual.tokens = 990
        fleet.tuning.job.actual.seconds = 12.5
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
    assert raw["argosy"]["actual"] == {
        "tokens": 990, "seconds": 12.5, "cost_micros": None, "currency": None,
    }  # fmt: skip


async def test_a_failed_job_says_why(fleet: Any) -> None:
    job = fleet.tuning.job
    job.status = trainer_pb2.JOB_STATUS_FAILED
    job.finished_at.FromSeconds(1_700_000_100)
    job.trained_tokens = 0
    job.error.code = "disk_full"
    job.error.message = "The disk is full."
    async with fleet.http() as client:
        raw = (await client.get(f"{JOBS}/ftjob-1")).json()
    FineTuningJob.model_validate(raw, strict=True)
    assert raw["error"] == {"code": "disk_full", "message": "The disk is full.", "param": None}
    assert (raw["finished_at"], raw["trained_tokens"]) == (1_700_000_100, 0)


async def test_pause_resume_and_cancel(fleet: Any) -> None:
    sdk = fleet.sdk()
    assert (await sdk.fine_tuning.jobs.pause("ftjob-1")).status == "paused"
    assert (await sdk.fine_tuning.jobs.resume("ftjob-1")).status == "queued"
    fleet.tuning.fail = Conflict("The job is already finished.", code="job_finished")
    with pytest.raises(openai.ConflictError, match="already finished"):
        await sdk.fine_tuning.jobs.cancel("ftjob-1")


async def test_lists_filter_and_page(fleet: Any) -> None:
    sdk = fleet.sdk()
    page = await sdk.fine_tuning.jobs.list(after="ftjob-0", limit=3, metadata={"a": "b c", "d": ""})
    assert [job.id for job in page.data] == ["ftjob-1"]
    asked = fleet.tuning.requests[0]
    assert (asked.page.after, asked.page.limit, dict(asked.metadata)) == (
        "ftjob-0",
        3,
        {"a": "b c", "d": ""},
    )


async def test_events_and_checkpoints_have_the_sdks_shapes(fleet: Any) -> None:
    event = trainer_pb2.JobEvent(
        id="ftevent-1", level="info", message="Step 1", type="metrics", data_json='{"step": 1}'
    )
    event.created_at.FromSeconds(1_700_000_000)
    fleet.tuning.events = [event]
    checkpoint = trainer_pb2.Checkpoint(
        id="ftckpt_1", job_id="ftjob-1", model_id="ft:m:o::x:ckpt-step-10", step=10, train_loss=0.5
    )
    fleet.tuning.checkpoints = [checkpoint]
    async with fleet.http() as client:
        events = (await client.get(f"{JOBS}/ftjob-1/events?limit=1")).json()
        checkpoints = (await client.get(f"{JOBS}/ftjob-1/checkpoints")).json()
    assert FineTuningJobEvent.model_validate(events["data"][0], strict=True).data == {"step": 1}
    assert (events["has_more"], events["first_id"], events["last_id"]) == (
        True,
        "ftevent-1",
        "ftevent-1",
    )
    FineTuningJobCheckpoint.model_validate(checkpoints["data"][0], strict=True)
    assert checkpoints["data"][0]["metrics"] == {"step": 10, "train_loss": 0.5}
