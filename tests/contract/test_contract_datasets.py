"""Data sets through the stock SDK against the whole fleet: import, annotate, publish, read."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.harness.api_fleet import ApiFleet
from tests.harness.dataset_desk import DatasetDesk, jsonl


@pytest.fixture
def desk(fleet: ApiFleet) -> DatasetDesk:
    return DatasetDesk(fleet.sdk())


def turns(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"prompt": p, "response": [[r]]} for p, r in pairs]


def dialogue(*pairs: tuple[str, str]) -> dict[str, Any]:
    messages = []
    for prompt, answer in pairs:
        messages.append({"role": "user", "content": prompt})
        messages.append({"role": "assistant", "content": answer})
    return {"messages": messages}


def test_c01_create_and_import_fills_version_one(desk: DatasetDesk) -> None:
    source = {"file_id": desk.upload(jsonl([turns(("Q1", "A1")), turns(("Q2", "A2"))]))}
    made = desk.post("/datasets", {"name": "Sonnets", "import": {"source": source}})
    assert (made["object"], made["latest_version"]["name"]) == ("dataset", "V1")
    task = desk.wait(made["task"])
    assert task["result"]["status"] == "success"
    assert task["version_id"] == made["latest_version"]["id"]
    found = desk.get(f"/datasets/{made['id']}")
    assert (found["kind"], found["latest_version"]["record_count"]) == ("dialogue", 2)


def test_c04_import_publish_and_read(desk: DatasetDesk) -> None:
    good = [turns((f"Q{i}", f"A{i}")) for i in range(3)]
    dataset = desk.create()
    task = desk.bring_in(dataset, jsonl([*good, {"nonsense": 1}]) + "{broken\n")
    assert task["status"] == "succeeded"
    result = task["result"]
    assert (result["status"], result["records"], result["refused"]) == ("partial", 3, 2)
    assert [e["line"] for e in result["errors"]] == [4, 5]
    published = desk.publish(dataset, task["version_id"])
    assert (published["status"], published["record_count"]) == ("published", 3)
    assert desk.publish(dataset, task["version_id"]) == published
    content = desk.content(dataset, task["version_id"])
    assert content == [dialogue((f"Q{i}", f"A{i}")) for i in range(3)]


def test_c04_nothing_good_is_a_failure_with_the_line(desk: DatasetDesk) -> None:
    task = desk.bring_in(desk.create(), '{"messages": [{"role": "wizard", "content": ""}]}\n')
    assert (task["status"], task["error"]["code"]) == ("failed", "invalid_file")
    assert task["error"]["message"].startswith("line 1: messages[0].role")


def test_c02_annotated_or_not(desk: DatasetDesk) -> None:
    lines = jsonl([turns(("Q", "A")), [{"prompt": "alone", "response": [[]]}]])
    refused = desk.bring_in(desk.create(kind="dialogue"), lines, annotated=True)
    assert [e["line"] for e in refused["result"]["errors"]] == [2]
    dataset = desk.create(kind="dialogue")
    taken = desk.bring_in(dataset, lines, annotated=False)
    assert (taken["result"]["records"], taken["result"]["unannotated"]) == (2, 1)
    records = desk.records(dataset, taken["version_id"])
    assert [r["status"] for r in records] == ["annotated", "unannotated"]


def test_c18_publish_needs_every_record_annotated(desk: DatasetDesk) -> None:
    lines = jsonl([*(turns((f"Q{i}", "A")) for i in range(9)), [{"prompt": "Q9"}]])
    dataset, version = desk.imported(lines, kind="dialogue", annotated=False)
    with pytest.raises(openai.ConflictError) as caught:
        desk.publish(dataset, version)
    assert caught.value.code == "version_not_annotated"
    assert "1 of 10 records" in str(caught.value)
    base = f"/datasets/{dataset['id']}/versions/{version}/records"
    waiting = desk.get(f"{base}/next")["data"]
    desk.post(f"{base}/{waiting['id']}", {"answer": "A9"})
    assert desk.publish(dataset, version)["annotation"]["percent"] == 100


def test_c20_annotate_one_by_one(desk: DatasetDesk) -> None:
    lines = jsonl([{"prompt": f"Q{i}"} for i in range(3)])
    dataset, version = desk.imported(lines, kind="dialogue", annotated=False)
    base = f"/datasets/{dataset['id']}/versions/{version}/records"
    seen, percents = [], []
    opened = desk.get(f"{base}/next")
    while opened["data"] is not None:
        record = opened["data"]
        seen.append(record["record"]["messages"][-1]["content"])
        saved = desk.post(f"{base}/{record['id']}", {"answer": "yes", "milliseconds": 1500})
        percents.append(saved["version"]["annotation"]["percent"])
        opened = desk.get(f"{base}/next", after=record["id"])
    assert seen == ["Q0", "Q1", "Q2"]
    assert percents == [33, 66, 100]
    annotation = opened["version"]["annotation"]
    assert (annotation["unannotated"], annotation["milliseconds_per_record"]) == (0, 1500)


def test_c14_a_change_after_publish_makes_the_next_version(desk: DatasetDesk) -> None:
    dataset, first = desk.imported(jsonl([turns(("Q", "A"))]))
    desk.publish(dataset, first)
    before = desk.content(dataset, first)
    records = f"/datasets/{dataset['id']}/versions/{first}/records"
    record = desk.records(dataset, first)[0]
    for change in (
        lambda: desk.post(f"{records}/{record['id']}", {"answer": "other"}),
        lambda: desk.post(records, turns(("more", "more"))[0]),
        lambda: desk.delete(f"{records}/{record['id']}"),
        lambda: desk.delete(f"/datasets/{dataset['id']}/versions/{first}"),
    ):
        with pytest.raises(openai.ConflictError) as caught:
            change()
        assert caught.value.code == "version_published"
    task = desk.bring_in(dataset, jsonl([turns(("Q2", "A2"))]))
    second = desk.version(dataset, task["version_id"])
    assert (second["name"], second["record_count"], second["parent_id"]) == ("V2", 2, first)
    assert desk.content(dataset, first) == before
    assert desk.version(dataset, first)["record_count"] == 1


def test_c19_a_version_that_is_not_published_is_not_read(desk: DatasetDesk) -> None:
    dataset, version = desk.imported(jsonl([turns(("Q", "A"))]))
    with pytest.raises(openai.ConflictError) as caught:
        desk.content(dataset, version)
    assert caught.value.code == "version_not_published"
    with pytest.raises(openai.ConflictError, match="not published"):
        desk.sdk.fine_tuning.jobs.create(model="smollm2-135m-instruct", training_file=version)
    offered = [d["id"] for d in desk.get("/datasets", published="true", limit=100)["data"]]
    assert dataset["id"] not in offered
    desk.publish(dataset, version)
    offered = [d["id"] for d in desk.get("/datasets", published="true", limit=100)["data"]]
    assert dataset["id"] in offered


def test_c34_lineage_from_source_to_publish(desk: DatasetDesk) -> None:
    dataset, version = desk.imported(jsonl([{"prompt": "Q"}]), kind="dialogue", annotated=False)
    base = f"/datasets/{dataset['id']}/versions/{version}/records"
    record = desk.get(f"{base}/next")["data"]
    desk.post(f"{base}/{record['id']}", {"answer": "A"})
    desk.publish(dataset, version)
    steps = desk.version(dataset, version)["lineage"]
    assert [s["type"] for s in steps] == ["create", "import", "annotate", "publish"]
    assert steps[1]["source"].startswith("file-")
    assert len(steps[1]["sha256"]) == 64
    assert steps[2]["records"] == 1


def test_c15_characters_and_samples_are_counted(desk: DatasetDesk) -> None:
    dataset, version = desk.imported(jsonl([turns(("你好吗", "很好")), turns(("a", "bc"))]))
    found = desk.version(dataset, version)
    assert (found["record_count"], found["character_count"]) == (2, 8)


def test_ab10_another_projects_data_sets_are_like_unknown_ones(
    fleet: ApiFleet, desk: DatasetDesk
) -> None:
    dataset, version = desk.imported(jsonl([turns(("Q", "A"))]))
    record = desk.records(dataset, version)[0]["id"]
    task = desk.get("/datasets/tasks", dataset_id=dataset["id"])["data"][0]["id"]
    paths = [
        f"/v1/datasets/{dataset['id']}",
        f"/v1/datasets/{dataset['id']}/versions",
        f"/v1/datasets/{dataset['id']}/versions/{version}",
        f"/v1/datasets/{dataset['id']}/versions/{version}/content",
        f"/v1/datasets/{dataset['id']}/versions/{version}/records",
        f"/v1/datasets/{dataset['id']}/versions/{version}/records/{record}",
        f"/v1/datasets/tasks/{task}",
    ]
    with fleet.http(fleet.other_key) as other:
        for path in paths:
            theirs = other.get(path)
            absent = path
            for real in (dataset["id"], version, task):
                absent = absent.replace(real, f"{real[:-4]}zzzz")
            assert theirs.status_code == 404, path
            unknown = other.get(absent)
            assert unknown.status_code == 404
            assert theirs.text == unknown.text.replace("zzzz", _tail(path, absent)), path
        assert dataset["id"] not in other.get("/v1/datasets?limit=100").text
        body = {"type": "import", "dataset_id": dataset["id"], "source": {"file_id": "file-x"}}
        assert other.post("/v1/datasets/tasks", json=body).status_code == 404
        assert other.delete(f"/v1/datasets/{dataset['id']}").status_code == 404


def _tail(path: str, absent: str) -> str:
    """Return the characters of `path` where `absent` differs in the id that an answer names."""
    start = absent.rindex("zzzz")
    if "/records/" in path or path.endswith(("/records", "/content")):
        start = absent.index("zzzz", absent.index("/versions/"))
    return path[start : start + 4]


def test_lists_page_and_filter(desk: DatasetDesk) -> None:
    made = [desk.create(name=f"n{i}", kind="text")["id"] for i in range(3)]
    page = desk.get("/datasets", kind="text", source="project", limit=2)
    assert page["has_more"] is True
    assert [d["id"] for d in page["data"]] == made[:0:-1]
    rest = desk.get("/datasets", kind="text", source="project", limit=2, after=page["last_id"])
    assert rest["data"][0]["id"] == made[0]
    changed = desk.post(f"/datasets/{made[0]}", {"name": "new", "metadata": {"a": "b"}})
    assert (changed["name"], changed["metadata"]) == ("new", {"a": "b"})
    for each in made:
        assert desk.delete(f"/datasets/{each}")["deleted"] is True
        with pytest.raises(openai.NotFoundError):
            desk.get(f"/datasets/{each}")


def test_wrong_requests_name_their_field(desk: DatasetDesk) -> None:
    dataset = desk.create()
    for body, param in (
        ({"type": "conquer"}, "type"),
        ({"type": "import", "source": {}}, "source"),
        ({"type": "import", "source": {"file_id": "file-none"}}, "source.file_id"),
        ({"type": "import", "source": {"file_id": "file-x"}, "speed": 9}, "speed"),
        ({"type": "import", "source": {"file_id": "file-x"}, "format": "docx"}, "format"),
    ):
        with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
            desk.post("/datasets/tasks", {"dataset_id": dataset["id"], **body})
        assert caught.value.param == param, json.dumps(body)
    with pytest.raises(openai.BadRequestError) as refused:
        desk.create(kind="pictures")
    assert refused.value.param == "kind"


def test_a_file_tells_what_kind_of_records_it_holds(fleet: ApiFleet) -> None:
    sdk = fleet.sdk()
    made = sdk.files.create(
        file=("p.jsonl", jsonl([{"messages": [{"role": "user", "content": "Q"}]}]).encode()),
        purpose="fine-tune",
    )
    assert made.to_dict()["argosy"] == {"kind": "prompts", "rows": 1}
    sdk.files.delete(made.id)


def test_c17_c36_presets_are_listed_read_only_and_mixed(desk: DatasetDesk) -> None:
    found = {d["id"]: d for d in desk.get("/datasets", source="preset", limit=100)["data"]}
    assert {d["metadata"]["purpose"] for d in found.values()} >= {"training", "evaluation"}
    for name in ("role_play", "sentiment", "labour_contracts"):
        preset = found[f"dset_preset_{name}"]
        version = preset["latest_version"]
        assert version["status"] == "published"
        content = desk.content(preset, version["id"])
        assert len(content) == version["record_count"]
        assert len(desk.records(preset, version["id"], limit=3)) == 3
        source = {"file_id": desk.upload(jsonl([turns(("Q", "A"))]))}
        for change in (
            lambda p=preset: desk.post(f"/datasets/{p['id']}", {"name": "mine"}),
            lambda p=preset: desk.delete(f"/datasets/{p['id']}"),
            lambda p=preset: desk.post(f"/datasets/{p['id']}/versions"),
            lambda p=preset, s=source: desk.post(
                "/datasets/tasks", {"type": "import", "dataset_id": p["id"], "source": s}
            ),
        ):
            with pytest.raises(openai.PermissionDeniedError) as caught:
                change()
            assert caught.value.code == "dataset_read_only"
    own = desk.create()
    drawn = found["dset_preset_sentiment"]["latest_version"]
    source = {"version_id": drawn["id"], "sampling_rate": 0.5}
    task = desk.task(own, "mix", sources=[source])
    assert task["status"] == "succeeded", task
    made = desk.version(own, task["version_id"])
    assert made["record_count"] == drawn["record_count"] // 2
