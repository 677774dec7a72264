"""Jobs of one's own code through the stock SDK: the guide's program, its crash, its refusals."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from argosy.api import records

from tests.harness import training_programs
from tests.harness.api_fleet import ApiFleet
from tests.harness.training_programs import DIES_ONCE, NAME
from tests.harness.tuning_records import lines

BASE = "smollm2-135m-instruct"


def create(fleet: ApiFleet, argosy: dict[str, Any], kind: str = records.DIALOGUE) -> str:
    sdk = fleet.sdk()
    content = io.BytesIO(lines(kind, 10))
    file = sdk.files.create(file=("own.jsonl", content), purpose="fine-tune")
    made = sdk.fine_tuning.jobs.create(
        model=BASE, training_file=file.id, seed=1, extra_body={"argosy": argosy}
    )
    return made.id


def succeeded(fleet: ApiFleet, job_id: str) -> dict[str, Any]:
    job = fleet.finish(job_id)
    assert job["status"] == "succeeded", job["error"]
    return job


def test_d34_s14_a_program_of_ones_own_trains_and_its_result_answers(
    fleet: ApiFleet, tmp_path: Path
) -> None:
    uploaded = tmp_path / "records.jsonl"
    uploaded.write_bytes(lines(records.DIALOGUE, 10))
    names: dict[str, Any] = {
        "URL": fleet.cluster.url() + "/v1",
        "KEY": fleet.key,
        "MODEL": BASE,
        "RECORDS": str(uploaded),
        "finished": lambda job_id: succeeded(fleet, job_id),
    }
    for block in training_programs.blocks()[1:]:
        exec(compile(block, "docs/training-programs.md", "exec"), names)  # noqa: S102 - our own page
    job, sdk = names["job"], fleet.sdk()
    assert {"id": NAME, "text": NAME} in names["custom"]["programs"]
    shown = job["argosy"]
    assert (shown["method"], shown["scale"]) == ("custom", "lora")
    assert shown["program"] == {"name": NAME, "settings": {"shrink": 0.5}}
    assert job["method"] is None
    # Usage, checkpoints, report, model: as of any other job.
    assert job["trained_tokens"] > 0
    found = sdk.fine_tuning.jobs.checkpoints.list(job["id"]).data
    assert sorted(each.step_number for each in found) == [2, 4, 6]
    curves = names["report"]["curves"]
    assert curves["train_loss"] == {
        "steps": [1, 2, 3, 4, 5, 6],
        "values": [0.5**n for n in range(1, 7)],
    }
    assert curves["margin"]["values"][-1] == 1 - 0.5**6
    assert names["answer"].model == job["fine_tuned_model"]


def test_d34_a_killed_program_goes_on_from_its_checkpoint(fleet: ApiFleet) -> None:
    asked = {
        "method": "custom",
        "program": {"name": DIES_ONCE},
        "max_steps": 4,
        "checkpoint_every_steps": 2,
    }
    # Every kind of record is a program's own business.
    job = succeeded(fleet, create(fleet, asked, records.TEXT))
    report = fleet.sdk().get(f"/fine_tuning/jobs/{job['id']}/report", cast_to=dict)
    assert report["curves"]["train_loss"]["steps"] == [1, 2, 3, 4]
    assert report["interruptions"] == [2]
    events = fleet.sdk().fine_tuning.jobs.list_events(job["id"], limit=100).data
    assert any("it was killed by signal 9" in event.message for event in events)


@pytest.mark.parametrize(
    ("argosy", "param", "words"),
    [
        ({"method": "custom"}, "argosy.program.name", f"offers: {DIES_ONCE}, {NAME}"),
        (
            {"method": "custom", "program": {"name": "/bin/sh"}},
            "argosy.program.name",
            "There is no program '/bin/sh'",
        ),
        (
            {"method": "custom", "program": {"name": NAME, "command": ["/bin/sh"]}},
            "argosy.program.command",
            "A program has a 'name', and 'settings' of its own",
        ),
        (
            {"method": "custom", "program": {"name": NAME, "settings": [1]}},
            "argosy.program.settings",
            "must be an object",
        ),
        (
            {"method": "custom", "program": {"name": NAME, "settings": {"a": ["\0"]}}},
            "argosy.program.settings",
            "holds NUL",
        ),
        (
            {"method": "custom", "program": {"name": NAME, "settings": {"a": "x" * 16_384}}},
            "argosy.program.settings",
            "may take 16,384",
        ),
        ({"program": {"name": NAME}}, "argosy.program", "set 'argosy.method' to 'custom'"),
        (
            {"method": "custom", "program": {"name": NAME}, "lora_rank": 4096},
            "argosy.lora_rank",
            "must lie between",
        ),
        (
            {"method": "custom", "program": {"name": NAME}, "scale": "prompt_tuning"},
            "argosy.scale",
            "Available: lora, full",
        ),
    ],
)
def test_d34_what_cannot_run_is_refused_by_name_with_a_way_out(
    fleet: ApiFleet, argosy: dict[str, Any], param: str, words: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        create(fleet, argosy)
    body = json.loads(refused.value.response.text)["error"]
    assert (body["param"], body["code"]) == (param, "invalid_value")
    assert words in body["message"]
