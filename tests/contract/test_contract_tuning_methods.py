"""All methods of tuning, previews, lineage and graders through the stock SDK."""

from __future__ import annotations

import io
from typing import Any

import openai
import pytest
from argosy.api import records
from openai.types.fine_tuning import FineTuningJob
from openai.types.fine_tuning.alpha import GraderRunResponse, GraderValidateResponse

from tests.harness.api_fleet import ApiFleet
from tests.harness.tuning_records import GRADER, lines

BASE = "smollm2-135m-instruct"


def upload(sdk: Any, kind: str, count: int = 20) -> str:
    content = io.BytesIO(lines(kind, count))
    file_id: str = sdk.files.create(file=(f"{kind}.jsonl", content), purpose="fine-tune").id
    return file_id


@pytest.mark.parametrize(
    ("kind", "body", "method"),
    [
        (
            "preference",
            {"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}}},
            "dpo",
        ),
        (
            "prompts",
            {"method": {"type": "reinforcement", "reinforcement": {"grader": GRADER}}},
            "rlhf",
        ),
        ("unpaired", {"extra_body": {"argosy": {"method": "kto"}}}, "kto"),
        ("preference", {"extra_body": {"argosy": {"method": "orpo"}}}, "orpo"),
        ("text", {"extra_body": {"argosy": {"method": "post_pretrain"}}}, "post_pretrain"),
    ],
)
def test_d03_every_method_makes_a_model_by_name(
    fleet: ApiFleet, strictly: Any, kind: str, body: dict[str, Any], method: str
) -> None:
    sdk = fleet.sdk()
    extra = body.get("extra_body", {"argosy": {}})
    extra["argosy"]["max_steps"] = 2
    raw = sdk.fine_tuning.jobs.with_raw_response.create(
        model=BASE, training_file=upload(sdk, kind), **{**body, "extra_body": extra}
    ).http_response.json()
    strictly(FineTuningJob, raw)
    done = fleet.finish(raw["id"])
    assert done["status"] == "succeeded", done["error"]
    strictly(FineTuningJob, done)
    assert done["argosy"]["method"] == method
    assert done["argosy"]["run_state"] == "Done"
    answer = sdk.chat.completions.create(
        model=done["fine_tuned_model"],
        messages=[{"role": "user", "content": "hello"}],
        max_tokens=4,
    )
    assert answer.model == done["fine_tuned_model"]


def test_d04_h01_the_lineage_of_a_model_goes_back_to_its_base(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    dialogues = upload(sdk, records.DIALOGUE)
    first = sdk.fine_tuning.jobs.create(
        model=BASE, training_file=dialogues, seed=3, extra_body={"argosy": {"max_steps": 2}}
    )
    tuned = fleet.finish(first.id)["fine_tuned_model"]
    second = sdk.fine_tuning.jobs.create(
        model=tuned,
        training_file=upload(sdk, records.PREFERENCE),
        method={"type": "dpo"},
        extra_body={"argosy": {"max_steps": 1}},
    )
    done = fleet.finish(second.id)
    assert done["status"] == "succeeded", done["error"]
    assert (done["model"], done["argosy"]["base"]) == (tuned, BASE)
    shown = sdk.models.retrieve(done["fine_tuned_model"]).model_extra
    assert shown is not None
    newest, oldest = shown["argosy"]["lineage"]
    assert shown["argosy"]["parent"] == newest["from"] == tuned
    assert (newest["method"], oldest["method"]) == ("dpo", "sft")
    assert (oldest["from"], oldest["job"], oldest["seed"]) == (BASE, first.id, 3)
    assert oldest["parameters"]["max_steps"] == 2
    (data,) = oldest["data"]
    assert data["source"] == dialogues
    assert len(data["sha256"]) == 64
    assert oldest["code_version"]


def test_d29_old_data_is_added_at_a_tenth_and_can_be_removed(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    old, new = (upload(sdk, records.DIALOGUE, count) for count in (50, 20))
    first = sdk.fine_tuning.jobs.create(
        model=BASE, training_file=old, extra_body={"argosy": {"max_steps": 1}}
    )
    tuned = fleet.finish(first.id)["fine_tuned_model"]

    def preview(**argosy: Any) -> dict[str, Any]:
        body = {"model": tuned, "training_file": new, "argosy": argosy}
        answer: dict[str, Any] = sdk.post("/fine_tuning/jobs/preview", body=body, cast_to=dict)
        return answer

    with_old = preview()
    assert with_old["data"] == [{"source": old, "rate": 0.1, "why": "old_data", "records": 50}]
    assert with_old["records"] == 20 + 5
    assert (preview(data=[])["data"], preview(data=[])["records"]) == ([], 20)
    chosen = preview(data=[{"source": old, "rate": 0.5}])
    assert chosen["records"] == 20 + 25
    # A method that cannot learn from the old data goes on without it, and says so.
    body = {
        "model": tuned,
        "training_file": upload(sdk, records.PREFERENCE),
        "method": {"type": "dpo"},
    }
    other = sdk.post("/fine_tuning/jobs/preview", body=body, cast_to=dict)
    assert other["data"] == []
    assert any(hint["code"] == "old_data_skipped" for hint in other["advice"])


def test_d33_a_preview_is_a_job_that_is_not_made(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    before = {job.id for job in sdk.fine_tuning.jobs.list()}
    body = {
        "model": BASE,
        "training_file": upload(sdk, records.DIALOGUE, 100),
        "seed": 7,
        "hyperparameters": {"n_epochs": 2},
    }
    preview = sdk.post("/fine_tuning/jobs/preview", body=body, cast_to=dict)
    assert {job.id for job in sdk.fine_tuning.jobs.list()} == before
    assert preview["records"] == 100
    assert preview["total_steps"] == 20
    assert {hint["code"] for hint in preview["advice"]} >= {"few_records", "lora_fits"}
    assert [s["value"] for s in preview["suggestions"] if s["parameter"] == "n_epochs"] == [15, 5]
    # The request that it shows makes just this job.
    job = sdk.fine_tuning.jobs.with_raw_response.create(
        **{k: v for k, v in preview["request"].items() if k != "argosy"},
        extra_body={"argosy": preview["request"]["argosy"]},
    ).http_response.json()
    done = fleet.finish(job["id"])
    shown = {**done["argosy"], **done["hyperparameters"]}
    for name, value in preview["parameters"].items():
        if name != "learning_rate_multiplier":
            assert shown[name] == value, name


def test_d19_l11_a_preview_measures_and_estimates(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    body = {"model": BASE, "training_file": upload(sdk, records.DIALOGUE, 50)}
    preview = sdk.post("/fine_tuning/jobs/preview", body=body, cast_to=dict)
    lengths = preview["lengths"]
    if lengths is None:
        # The fleet's base is a stand-in without a tokenizer: nothing can be counted.
        assert preview["estimate"]["tokens"] is None
        return
    assert lengths["records"] == 50
    assert preview["parameters"]["max_seq_length"] >= lengths["longest"]
    assert preview["estimate"]["tokens"] == lengths["tokens"] * preview["parameters"]["n_epochs"]


def test_d03_methods_are_listed_with_their_parameters(fleet: ApiFleet) -> None:
    listed = fleet.sdk().get("/fine_tuning/methods", cast_to=dict)
    assert (listed["object"], listed["has_more"]) == ("list", False)
    by_id = {method["id"]: method for method in listed["data"]}
    assert set(by_id) == set(records.METHODS)
    for method in by_id.values():
        assert method["learns_from"] == list(records.LEARNS_FROM[method["id"]])
        for scale in method["scales"]:
            for parameter in scale["parameters"]:
                assert parameter["meaning"]
                assert parameter["default"] is not None or parameter["rule"]
    lora = next(scale for scale in by_id["sft"]["scales"] if scale["id"] == "lora")
    rate = next(p for p in lora["parameters"] if p["name"] == "learning_rate")
    assert (rate["default"], rate["advised_minimum"], rate["advised_maximum"]) == (3e-4, 3e-5, 1e-3)


def test_d52_advice_names_the_method_and_what_to_prepare(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()

    def advice(**said: str) -> Any:
        return sdk.get("/fine_tuning/methods/advice", cast_to=dict, options={"params": said})

    told = advice()
    assert (told["object"], told["way"], told["method"]) == ("fine_tuning.advice", "prompt", None)
    assert all(each["text"] for each in (*told["goals"], *told["has"]))
    for goal in told["goals"]:
        for has in told["has"]:
            found = advice(goals=goal["id"], has=has["id"], records="5000")
            assert found["method"] in records.METHODS
            assert found["prepare"]
            assert found["reasons"]
    facts = advice(goals="new_knowledge", records="200", facts_change_often="true")
    assert (facts["way"], facts["method"]) == ("knowledge_base", None)
    full = advice(goals="tone,format", records="50000", keep_general_ability="false")
    assert (full["method"], full["scale"]) == ("sft", "full")


@pytest.mark.parametrize(
    ("said", "param", "words"),
    [
        ({"goals": "tonne"}, "goals", "'tonne' is no goal; these are: domain_corpus"),
        ({"has": "pear"}, "has", "these are: nothing, texts"),
        ({"records": "many"}, "records", "such as 800"),
        ({"facts_change_often": "yes"}, "facts_change_often", "send true or false"),
        ({"goal": "tone"}, "goal", "Say goals, has"),
    ],
)
def test_a_typo_in_the_asking_for_advice_is_named(
    fleet: ApiFleet, said: dict[str, str], param: str, words: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        fleet.sdk().get("/fine_tuning/methods/advice", cast_to=dict, options={"params": said})
    assert refused.value.param == param
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("argosy", "param", "words"),
    [
        ({"method": "magic"}, "argosy.method", "Available: sft"),
        ({"scale": "prompt"}, "argosy.scale", "Available: lora"),
        ({"lora_rank": 0}, "argosy.lora_rank", "between 1 and"),
        ({"learningRate": 1}, "argosy.learningRate", "between"),
        ({"data": [{"source": "file-none"}]}, "argosy.data[0].source", "does not exist"),
        ({"data": [{"source": "file-none", "rate": 11}]}, "argosy.data[0].rate", "0.01 and 10"),
        ({"method": "rlhf"}, "method.reinforcement.grader", "judges answers"),
        ({"method": "distillation"}, "argosy.teacher.model", "needs a teacher"),
        ({"reward_model": BASE, "method": "rlhf"}, "argosy.reward_model", "no reward model"),
        ({"schedule": "later"}, "argosy.schedule", "'now' or 'idle'"),
        ({"priority": 101}, "argosy.priority", "between -100 and 100"),
        ({"early_stop_patience": 2}, "argosy.early_stop_patience", "'validation_file'"),
    ],
)
def test_a_wrong_wish_names_its_field(
    fleet: ApiFleet, argosy: dict[str, Any], param: str, words: str
) -> None:
    sdk = fleet.sdk()
    kind = "prompts" if argosy.get("method") in ("rlhf", "distillation") else "dialogue"
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.fine_tuning.jobs.create(
            model=BASE, training_file=upload(sdk, kind, 10), extra_body={"argosy": argosy}
        )
    assert caught.value.param == param
    assert words in str(caught.value)


def run_grader(fleet: ApiFleet, strictly: Any, grader: Any, text: str, item: Any) -> dict[str, Any]:
    raw: dict[str, Any] = (
        fleet.sdk()
        .fine_tuning.alpha.graders.with_raw_response.run(
            grader=grader, model_sample=text, item=item
        )
        .http_response.json()
    )
    GraderRunResponse.model_validate(raw)
    return raw


@pytest.mark.parametrize(
    ("grader", "text", "reward"),
    [
        (GRADER, "To lisbon!", 1.0),
        (GRADER, "To Porto!", 0.0),
        (
            {
                "type": "text_similarity",
                "name": "close",
                "evaluation_metric": "fuzzy_match",
                "input": "{{ sample.output_text }}",
                "reference": "{{ item.port }}",
            },
            "Lisbon",
            1.0,
        ),
        (
            {
                "type": "python",
                "name": "length",
                "source": "def grade(sample, item):\n    return len(sample['output_text']) / 10",
            },
            "five!",
            0.5,
        ),
        (
            {
                "type": "multi",
                "name": "both",
                "graders": {"a": GRADER, "b": {**GRADER, "reference": "To"}},
                "calculate_output": "0.25 * a + 0.5 * b",
            },
            "To Porto",
            0.5,
        ),
    ],
)
def test_a_grader_is_tried_on_an_answer(
    fleet: ApiFleet, strictly: Any, grader: dict[str, Any], text: str, reward: float
) -> None:
    sdk = fleet.sdk()
    raw = sdk.fine_tuning.alpha.graders.with_raw_response.validate(
        grader=grader
    ).http_response.json()
    if grader["type"] != "multi":
        # There the type in the SDK is that of one part.
        GraderValidateResponse.model_validate(raw)
    assert raw["grader"] == grader
    judged = run_grader(fleet, strictly, grader, text, {"port": "Lisbon"})
    assert judged["reward"] == reward
    assert not any(judged["metadata"]["errors"].values())
    if grader["type"] == "multi":
        assert judged["sub_rewards"] == {"a": 0.0, "b": 1.0}


@pytest.mark.parametrize(
    ("grader", "flag"),
    [
        ({**GRADER, "reference": "{{ item.country }}"}, "invalid_variable_error"),
        (
            {"type": "python", "name": "p", "source": "def grade(sample, item):\n    return 1 / 0"},
            "python_grader_runtime_error",
        ),
    ],
)
def test_a_grader_that_cannot_judge_says_why(
    fleet: ApiFleet, strictly: Any, grader: dict[str, Any], flag: str
) -> None:
    judged = run_grader(fleet, strictly, grader, "x", {"port": "Lisbon"})
    assert judged["reward"] == 0.0
    assert judged["metadata"]["errors"][flag] is True


@pytest.mark.parametrize(
    ("grader", "param"),
    [
        ({"type": "magic"}, "grader.type"),
        ({**GRADER, "operation": "almost"}, "grader.operation"),
        ({**GRADER, "input": ""}, "grader.input"),
        (
            {"type": "multi", "graders": {"a": GRADER}, "calculate_output": "a + b"},
            "grader.calculate_output",
        ),
        ({"type": "score_model", "input": 5, "model": "m"}, "grader"),
    ],
)
def test_a_wrong_grader_names_its_field(fleet: ApiFleet, grader: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        fleet.sdk().fine_tuning.alpha.graders.validate(grader=grader)
    assert caught.value.param == param
