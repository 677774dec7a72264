"""Fine-tuning jobs through the stock SDK: the whole fleet with a worker that only pretends."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import openai
import pytest
from openai.types import Model
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from tests.harness.api_fleet import ApiFleet
from tests.harness.waiting import wait_until

BASE = "smollm2-135m-instruct"


def upload(sdk: Any, lines: int = 10) -> str:
    line = json.dumps(
        {
            "messages": [
                {"role": "user", "content": "Hello?"},
                {"role": "assistant", "content": "Hello!"},
            ]
        }
    )
    content = io.BytesIO(f"{line}\n".encode() * lines)
    file_id: str = sdk.files.create(file=("train.jsonl", content), purpose="fine-tune").id
    return file_id


def strict_job(strictly: Any, raw: dict[str, Any]) -> dict[str, Any]:
    """Check a job's shape; `paused` is the one status that the SDK's literals lack."""
    status = raw["status"]
    strictly(FineTuningJob, {**raw, "status": "queued" if status == "paused" else status})
    return raw


def test_a_job_runs_and_its_model_answers_by_name(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    training_file = upload(sdk)
    raw = sdk.fine_tuning.jobs.with_raw_response.create(
        model=BASE,
        training_file=training_file,
        validation_file=upload(sdk, 3),
        suffix="contract",
        seed=5,
        metadata={"test": "contract"},
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": 2}},
        },
        extra_body={"argosy": {"lora_rank": 8, "checkpoint_every_steps": 2, "max_steps": 4}},
    ).http_response.json()
    strict_job(strictly, raw)
    assert (raw["seed"], raw["user_provided_suffix"], raw["metadata"]) == (
        5,
        "contract",
        {"test": "contract"},
    )
    done = strict_job(strictly, fleet.finish(raw["id"]))
    assert done["status"] == "succeeded", done["error"]
    name = done["fine_tuned_model"]
    assert name.startswith(f"ft:{BASE}:argosy:contract:")
    assert done["trained_tokens"] > 0
    assert done["finished_at"] >= done["created_at"]
    assert done["hyperparameters"]["n_epochs"] == 1
    assert done["hyperparameters"]["batch_size"] == 2
    assert isinstance(done["hyperparameters"]["learning_rate_multiplier"], float | int)
    assert done["argosy"]["lora_rank"] == 8
    assert done["argosy"]["total_steps"] == done["argosy"]["completed_steps"] == 4

    result = sdk.files.content(done["result_files"][0]).text
    assert "train_loss" in next(csv.reader(io.StringIO(result)))

    checkpoints = sdk.fine_tuning.jobs.checkpoints.with_raw_response.list(
        raw["id"]
    ).http_response.json()
    assert {"first_id", "last_id", "has_more", "object", "data"} == set(checkpoints)
    names = [name]
    for item in checkpoints["data"]:
        checkpoint = strictly(FineTuningJobCheckpoint, item)
        assert checkpoint.fine_tuning_job_id == raw["id"]
        names.append(checkpoint.fine_tuned_model_checkpoint)
    assert len(names) > 1

    for each in names:
        answer = sdk.chat.completions.create(
            model=each, messages=[{"role": "user", "content": "hello"}], max_tokens=4
        )
        assert answer.model == each
        assert sdk.models.retrieve(each).model_extra is not None

    assert name in fleet.resident_adapters()
    assert sdk.models.delete(name).deleted is True
    assert name not in fleet.resident_adapters()
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.create(model=name, messages=[{"role": "user", "content": "hello"}])


def test_events_page_newest_first(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    job = sdk.fine_tuning.jobs.create(
        model=BASE, training_file=upload(sdk), extra_body={"argosy": {"max_steps": 2}}
    )
    fleet.finish(job.id)
    raw = sdk.fine_tuning.jobs.with_raw_response.list_events(job.id, limit=2).http_response.json()
    for item in raw["data"]:
        strictly(FineTuningJobEvent, item)
    assert (len(raw["data"]), raw["has_more"]) == (2, True)
    events = list(sdk.fine_tuning.jobs.list_events(job.id, limit=2))
    times = [event.created_at for event in events]
    assert times == sorted(times, reverse=True)
    assert len({event.id for event in events}) == len(events) > 2
    assert any(event.type == "metrics" for event in events)


def test_jobs_list_by_metadata(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    training_file = upload(sdk)
    made = [
        sdk.fine_tuning.jobs.create(
            model=BASE, training_file=training_file, metadata={"batch": "list", "n": str(n)}
        ).id
        for n in range(3)
    ]
    found = [job.id for job in sdk.fine_tuning.jobs.list(metadata={"batch": "list"}, limit=2)]
    assert found == made[::-1]
    one = sdk.fine_tuning.jobs.with_raw_response.list(
        metadata={"batch": "list", "n": "1"}
    ).http_response.json()
    assert [strict_job(strictly, job)["id"] for job in one["data"]] == [made[1]]
    for job_id in made:
        if sdk.fine_tuning.jobs.retrieve(job_id).status not in {"succeeded", "failed"}:
            sdk.fine_tuning.jobs.cancel(job_id)


def begun(fleet: ApiFleet, job_id: str) -> None:
    """Wait until a job can be paused."""
    wait_until(
        lambda: fleet.sdk().fine_tuning.jobs.retrieve(job_id).status in {"queued", "running"},
        what="a running job",
    )


def test_cancel_is_final(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    with fleet.worker(step_seconds=0.2):
        job = sdk.fine_tuning.jobs.create(model=BASE, training_file=upload(sdk, 200))
        begun(fleet, job.id)
        raw = sdk.fine_tuning.jobs.with_raw_response.cancel(job.id).http_response.json()
        strict_job(strictly, raw)
        assert fleet.finish(job.id)["status"] == "cancelled"
    with pytest.raises(openai.BadRequestError):
        sdk.fine_tuning.jobs.cancel(job.id)
    assert all(job.id not in model.id for model in sdk.models.list())


def test_pause_and_resume(fleet: ApiFleet, strictly: Any) -> None:
    jobs = fleet.sdk().fine_tuning.jobs
    with fleet.worker(step_seconds=0.2):
        job = jobs.create(model=BASE, training_file=upload(fleet.sdk(), 200))
        begun(fleet, job.id)
        paused = jobs.with_raw_response.pause(job.id).http_response.json()
        assert strict_job(strictly, paused)["status"] == "paused"
        with pytest.raises(openai.BadRequestError, match="paused"):
            jobs.pause(job.id)
        resumed = jobs.with_raw_response.resume(job.id).http_response.json()
        assert strict_job(strictly, resumed)["status"] in {"queued", "running"}
        jobs.cancel(job.id)
        assert fleet.finish(job.id)["status"] == "cancelled"


def by_state(fleet: ApiFleet, state: str) -> dict[str, Any]:
    """Return the models in a state by their job, or by their name if no job made them."""
    listed = fleet.sdk().models.with_raw_response.list(extra_query={"state": state})
    models = listed.http_response.json()["data"]
    return {
        m["argosy"].get("job") or m["id"]: m for m in models if m["argosy"]["kind"] != "checkpoint"
    }


def test_h02_models_are_listed_with_their_state(fleet: ApiFleet, strictly: Any) -> None:
    sdk = fleet.sdk()
    with fleet.worker(step_seconds=0.2):
        job = sdk.fine_tuning.jobs.create(model=BASE, training_file=upload(sdk, 200), suffix="h02")
        begun(fleet, job.id)
        making = by_state(fleet, "Creating")[job.id]
        strictly(Model, making)
        assert making["argosy"]["state"] == "Creating"
        assert job.id in making["argosy"]["state_reason"]
        assert making["id"] not in {model.id for model in sdk.models.list()}
        sdk.fine_tuning.jobs.cancel(job.id)
        fleet.finish(job.id)
    assert job.id not in by_state(fleet, "all")

    with fleet.worker(fail_at_step=1):
        bad = sdk.fine_tuning.jobs.create(model=BASE, training_file=upload(sdk), suffix="h02")
        assert fleet.finish(bad.id)["status"] == "failed"
    failed = by_state(fleet, "fail")[bad.id]["argosy"]
    assert failed["state"] == "Fail"
    assert bad.id in failed["state_reason"]

    good = sdk.fine_tuning.jobs.create(model=BASE, training_file=upload(sdk), suffix="h02")
    made = fleet.finish(good.id)["fine_tuned_model"]
    ready = by_state(fleet, "Ready")
    assert (ready[good.id]["id"], ready[BASE]["argosy"]["state"]) == (made, "Ready")
    shown = sdk.models.with_raw_response.retrieve(made).http_response.json()["argosy"]
    assert (shown["state"], shown["state_reason"]) == ("Ready", None)
    assert {bad.id, good.id} <= by_state(fleet, "all").keys()
    with pytest.raises(openai.BadRequestError, match="send Ready, Creating, Fail, all"):
        sdk.models.list(extra_query={"state": "done"})


def test_an_idempotency_key_makes_one_job(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    asked: dict[str, Any] = {"model": BASE, "training_file": upload(sdk)}
    headers = {"Idempotency-Key": "contract-1"}
    first = sdk.fine_tuning.jobs.create(**asked, extra_headers=headers)
    again = sdk.fine_tuning.jobs.create(**asked, extra_headers=headers)
    assert again.id == first.id
    with pytest.raises(openai.APIStatusError) as caught:
        sdk.fine_tuning.jobs.create(**asked, seed=9, extra_headers=headers)
    assert caught.value.status_code in {409, 422}
    without = sdk.fine_tuning.jobs.create(**asked)
    assert without.id != first.id
    for job_id in (first.id, without.id):
        if sdk.fine_tuning.jobs.retrieve(job_id).status not in {"succeeded", "failed"}:
            sdk.fine_tuning.jobs.cancel(job_id)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"training_file": "file-doesnotexist"}, "training_file"),
        ({"model": "use-multilingual-v3"}, "model"),
        ({"suffix": "a:b"}, "suffix"),
        ({"extra_body": {"argosy": {"rank": 4}}}, "argosy.rank"),
        ({"extra_body": {"argosy": {"lora_rank": 4096}}}, "argosy.lora_rank"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
    ],
)
def test_a_wrong_job_names_its_field(fleet: ApiFleet, change: dict[str, Any], param: str) -> None:
    sdk = fleet.sdk()
    asked = {"model": BASE, "training_file": upload(sdk, 10)}
    with pytest.raises(openai.APIStatusError) as caught:
        sdk.fine_tuning.jobs.create(**{**asked, **change})
    assert caught.value.status_code in {400, 404}
    assert caught.value.param == param


def test_an_unknown_job_is_404(fleet: ApiFleet) -> None:
    jobs = fleet.sdk().fine_tuning.jobs
    calls = (
        jobs.retrieve,
        jobs.cancel,
        jobs.pause,
        jobs.resume,
        jobs.list_events,
        jobs.checkpoints.list,
    )
    for call in calls:
        with pytest.raises(openai.NotFoundError):
            call("ftjob-000000000000000000000000")
