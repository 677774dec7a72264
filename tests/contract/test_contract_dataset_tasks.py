"""Long work on data sets through the stock SDK: clean, look, split, mix, export, draft, augment."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.fakes.answers import script
from tests.harness.api_fleet import ApiFleet
from tests.harness.dataset_desk import DatasetDesk, jsonl

MODEL = "smollm2-135m-instruct"


@pytest.fixture
def desk(fleet: ApiFleet) -> DatasetDesk:
    return DatasetDesk(fleet.sdk())


def turn(prompt: str, *answers: str) -> list[dict[str, Any]]:
    return [{"prompt": prompt, "response": [[a] for a in answers]}]


def test_c24_cleaning_makes_a_version_with_counts_and_samples(desk: DatasetDesk) -> None:
    lines = jsonl([turn("Mail me 😀", "at a@b.example"), turn("x", "y"), turn("Same?", "Same.")])
    dataset, first = desk.imported(lines)
    operations = {
        "clean": [{"name": "remove_emoji"}],
        "filter": [
            {
                "name": "filter_check_number_words",
                "args": {"number_words_min_cutoff": 3, "number_words_max_cutoff": 100},
            }
        ],
        "desensitization": [{"name": "replace_emails"}],
    }
    task = desk.task(dataset, "clean", version_id=first, operations=operations)
    result = task["result"]
    assert task["status"] == "succeeded", task
    counts = {o["name"]: (o["changed"], o["dropped"]) for o in result["operators"]}
    assert counts == {
        "remove_emoji": (1, 0),
        "filter_check_number_words": (0, 2),
        "replace_emails": (1, 0),
    }
    assert result["operators"][0]["samples"][0]["before"]["messages"][0]["content"] == "Mail me 😀"
    version = desk.version(dataset, task["version_id"])
    assert (version["record_count"], version["parent_id"]) == (1, first)
    assert [s["type"] for s in version["lineage"]] == ["create", "import", "clean"]
    assert version["lineage"][2]["operations"] == operations
    (record,) = desk.records(dataset, task["version_id"])
    assert record["record"]["messages"][1]["content"] == "at <EMAIL>"
    assert desk.version(dataset, first)["record_count"] == 3


def test_wrong_operators_are_refused_at_once(desk: DatasetDesk) -> None:
    dataset, version = desk.imported(jsonl([turn("Q", "A")]))
    body = {"type": "clean", "dataset_id": dataset["id"], "version_id": version}
    for operations in ({}, {"clean": [{"name": "remove_everything"}]}, {"polish": []}):
        with pytest.raises(openai.BadRequestError):
            desk.post("/datasets/tasks", {**body, "operations": operations})


def test_c23_insight_and_any_bar_filters_the_records(desk: DatasetDesk) -> None:
    lines = [turn(f"Is {i} a number?", "yes") for i in range(3)]
    dataset, version = desk.imported(jsonl([*lines, lines[0], turn("天气怎么样？", "很好。")]))
    task = desk.task(dataset, "insight", version_id=version, thresholds={"duplicates": 0.1})
    report = task["result"]
    assert report["records"] == 5
    assert report["duplicates"]["exact"] == 0.2
    assert [w["code"] for w in report["warnings"]] == ["duplicates"]
    for chart in ("languages", "types"):
        for bar in report[chart]:
            found = desk.records(dataset, version, filter=json.dumps(bar["filter"]))
            assert len(found) == bar["count"], bar
    for bar in report["special_characters"]["bars"]:
        found = desk.records(dataset, version, filter=json.dumps(bar["filter"]))
        assert len(found) == bar["count"], bar
    with pytest.raises(openai.BadRequestError):
        desk.records(dataset, version, filter='{"trait": "colour", "value": 1}')


def test_c15_c16_a_mix_tells_characters_rates_and_shares(desk: DatasetDesk) -> None:
    _, one = desk.imported(jsonl([turn("a" * 9, "b") for _ in range(10)]))
    _, two = desk.imported(jsonl([turn("c" * 29, "d") for _ in range(10)]))
    mixed = desk.create()
    task = desk.task(
        mixed,
        "mix",
        sources=[
            {"version_id": one, "sampling_rate": 1.0},
            {"version_id": two, "sampling_rate": 0.5},
        ],
        seed=7,
    )
    table = task["result"]["sources"]
    assert [(r["characters"], r["records"], r["sampling_rate"]) for r in table] == [
        (100, 10, 1.0),
        (300, 10, 0.5),
    ]
    assert [r["share_percent"] for r in table] == [40.0, 60.0]
    assert desk.version(mixed, task["version_id"])["record_count"] == 15


def test_a_split_makes_two_versions(desk: DatasetDesk) -> None:
    dataset, version = desk.imported(jsonl([turn(f"Q{i}", "A") for i in range(10)]))
    task = desk.task(dataset, "split", version_id=version, split_ratio=20, seed=3)
    result = task["result"]
    assert (result["train_records"], result["validation_records"]) == (8, 2)
    texts = [
        {
            r["record"]["messages"][0]["content"]
            for r in desk.records(dataset, result[f"{p}_version_id"])
        }
        for p in ("train", "validation")
    ]
    assert texts[0] | texts[1] == {f"Q{i}" for i in range(10)}
    assert not texts[0] & texts[1]


@pytest.mark.parametrize(
    ("fmt", "lines"),
    [
        ("prompt_response", [turn("Q1", "A1"), turn("Q2", "A2")]),
        ("sorted_responses", [turn("Q", "best", "second")]),
        ("chosen_rejected", [[{"user": "Q", "chosen": "A", "rejected": "B"}]]),
        ("kto", [[{"user": "Q", "rejected": "B"}], [{"user": "Q", "chosen": "A"}]]),
        ("prompt_set", [{"prompt": "P"}]),
    ],
)
def test_c03_export_gives_back_what_came_in(desk: DatasetDesk, fmt: str, lines: list[Any]) -> None:
    dataset, version = desk.imported(jsonl(lines))
    task = desk.task(dataset, "export", version_id=version, format=fmt)
    assert task["status"] == "succeeded", task
    content = desk.sdk.files.content(task["result"]["file_id"]).text
    assert [json.loads(line) for line in content.splitlines()] == lines


def test_an_export_tells_which_records_it_cannot_say(desk: DatasetDesk) -> None:
    system = {"role": "system", "content": "S"}
    asked, said = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}
    two = {"messages": [asked, asked, said]}
    dataset, version = desk.imported(jsonl([{"messages": [system, asked, said]}, two]))
    task = desk.task(
        dataset, "export", version_id=version, format="prompt_completion", file_type="csv"
    )
    assert (task["result"]["records"], task["result"]["refused"]) == (1, 1)
    text = desk.sdk.files.content(task["result"]["file_id"]).text
    assert text.splitlines()[1].startswith("S,Q,A")


def test_c21_c22_drafts_by_a_model_wait_for_people(desk: DatasetDesk) -> None:
    prompts = [{"prompt": f"Q{i} {script(f'A{i}')}"} for i in range(12)]
    dataset, version = desk.imported(jsonl(prompts), kind="dialogue", annotated=False)
    task = desk.task(dataset, "draft", version_id=version, model=MODEL)
    assert task["status"] == "succeeded", task
    assert task["result"] == {
        "version_id": version, "drafted": 12, "unannotated": 0, "drafts": 12,
    }  # fmt: skip
    records = desk.records(dataset, version)
    assert [r["record"]["messages"][-1]["content"] for r in records] == [f"A{i}" for i in range(12)]
    assert {r["status"] for r in records} == {"draft"}
    assert {r["notes"]["draft"]["model"] for r in records} == {MODEL}
    with pytest.raises(openai.ConflictError) as caught:
        desk.publish(dataset, version)
    assert "12 drafts" in str(caught.value)
    base = f"/datasets/{dataset['id']}/versions/{version}/records"
    accepted = desk.post(f"{base}/{records[0]['id']}", {"accept": True, "milliseconds": 1000})
    edited = desk.post(f"{base}/{records[1]['id']}", {"answer": "better", "milliseconds": 3000})
    same = desk.post(f"{base}/{records[2]['id']}", {"answer": "A2", "milliseconds": 2000})
    assert [accepted["status"], edited["status"], same["status"]] == [
        "accepted", "edited", "accepted",
    ]  # fmt: skip
    assert same["version"]["annotation"]["milliseconds_per_record"] == 2000
    bulk = desk.post(f"{base}/accept_drafts")
    assert bulk["accepted"] == 9
    desk.publish(dataset, version)
    steps = desk.version(dataset, version)["lineage"]
    assert [s["type"] for s in steps] == [
        "create", "import", "draft", "bulk_accept", "annotate", "publish",
    ]  # fmt: skip
    assert steps[3]["records"] == 9
    assert steps[3]["key_id"].startswith("key_")


def test_a_task_that_asks_a_model_is_the_projects_use(fleet: ApiFleet, desk: DatasetDesk) -> None:
    dataset, version = desk.imported(jsonl([{"prompt": "Q"}]), kind="dialogue", annotated=False)
    task = desk.task(dataset, "draft", version_id=version, model="no-such-model")
    assert (task["status"], task["error"]["param"]) == ("failed", "model")
    assert "no-such-model" in task["error"]["message"]
    with fleet.http(fleet.key) as client:
        keys = client.get("/v1/organization/projects/proj_default/api_keys?limit=100")
    assert task["id"] not in keys.text


def test_d53_d40_d43_several_answers_are_ranked_and_become_pairs(desk: DatasetDesk) -> None:
    prompts = [{"prompt": f"Q {script('one', 'two', 'three')}"}]
    dataset, version = desk.imported(jsonl(prompts), kind="ranked", annotated=False)
    task = desk.task(dataset, "draft", version_id=version, model=MODEL, answers=3)
    assert task["result"]["drafted"] == 1
    (record,) = desk.records(dataset, version)
    assert record["record"]["responses"] == ["one", "two", "three"]
    base = f"/datasets/{dataset['id']}/versions/{version}/records"
    order = ["three", "one", "two"]
    for annotator in ("ann", "bob"):
        body = {"ranking": order, "annotator": annotator}
        desk.post(f"{base}/{record['id']}", body)
        order = ["one", "two", "three"]
    published = desk.publish(dataset, version)
    assert published["status"] == "published"
    steps = desk.version(dataset, version)["lineage"]
    agreement = steps[-1]["agreement"]
    assert agreement["compared"] == 1
    assert agreement["low"] == [record["id"]]
    exported = desk.task(dataset, "export", version_id=version, format="sorted_responses")
    text = desk.sdk.files.content(exported["result"]["file_id"]).text
    assert json.loads(text)[0]["response"] == [["one"], ["two"], ["three"]]
    pairs = desk.create(kind="preference")
    converted = desk.task(pairs, "convert", version_id=version)
    assert converted["result"]["records"] == 3
    first = desk.records(pairs, converted["version_id"])[0]["record"]
    assert first["preferred_output"][0]["content"] == "one"
    assert first["non_preferred_output"][0]["content"] == "two"


def test_c25_augmentation_adds_new_synthetic_records(desk: DatasetDesk) -> None:
    written = "\n".join(
        json.dumps({"prompt": p, "response": "R"})
        for p in ("How deep is the sea?", "How deep is the sea?", "Who sails at night?")
    )
    seeds = [turn(f"Where is harbour number {i}? {script(written)}", "There.") for i in range(2)]
    dataset, version = desk.imported(jsonl(seeds))
    task = desk.task(
        dataset,
        "augment",
        version_id=version,
        model=MODEL,
        num_seed_fewshot=1,
        num_instances_to_generate=2,
        similarity_threshold=0.7,
    )
    assert task["status"] == "succeeded", task
    assert (task["result"]["synthetic"], task["result"]["too_similar"]) == (2, 1)
    records = desk.records(dataset, task["version_id"])
    assert [r["notes"]["origin"] for r in records] == ["import"] * 2 + ["synthetic"] * 2
    assert desk.version(dataset, task["version_id"])["annotation"]["drafts"] == 2


def test_a_task_is_cancelled(desk: DatasetDesk) -> None:
    dataset, version = desk.imported(jsonl([turn("Q", "A")]))
    body = {"type": "insight", "dataset_id": dataset["id"], "version_id": version}
    task = desk.post("/datasets/tasks", body)
    desk.post(f"/datasets/tasks/{task['id']}/cancel")
    ended = desk.wait(task)
    assert ended["status"] in {"cancelled", "succeeded"}
    assert desk.post(f"/datasets/tasks/{task['id']}/cancel")["status"] == ended["status"]
    listed = desk.get("/datasets/tasks", dataset_id=dataset["id"])["data"]
    assert listed[0]["id"] == task["id"]
