"""Stored completions through the stock SDK, and how they become records of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.fakes.answers import script
from tests.harness.api_fleet import ApiFleet
from tests.harness.dataset_desk import DatasetDesk
from tests.harness.waiting import wait_until

MODEL = "smollm2-135m-instruct"


@pytest.fixture
def desk(fleet: ApiFleet) -> DatasetDesk:
    return DatasetDesk(fleet.sdk())


def let_store(fleet: ApiFleet, stores: bool) -> None:
    with fleet.http() as client:
        answer = client.post(
            "/v1/organization/projects/proj_default",
            json={"argosy": {"stores_completions": stores}},
        )
    assert answer.json()["argosy"]["stores_completions"] is stores


@pytest.fixture
def storing(fleet: ApiFleet) -> Iterator[None]:
    let_store(fleet, True)
    yield
    let_store(fleet, False)


def ask(sdk: openai.OpenAI, text: str, **options: Any) -> Any:
    return sdk.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": text}], **options
    )


def kept(sdk: openai.OpenAI, completion_id: str) -> Any:
    """Return a stored completion once it is there: it is stored behind the answer."""

    def look() -> Any:
        try:
            return sdk.chat.completions.retrieve(completion_id)
        except openai.NotFoundError:
            return None

    return wait_until(look, 30, "the completion to be stored", pause=0.1)


def stored_while_on(fleet: ApiFleet, sdk: openai.OpenAI, tag: str) -> str:
    """Return the id of a completion that is stored, once the gateway knows that it may."""

    def attempt() -> str | None:
        # The engine's ids follow from the request: one that was stored before keeps its tag.
        made = ask(sdk, f"{tag}? {script('A')}", store=True, metadata={"tag": tag})
        found = [c.id for c in sdk.chat.completions.list(metadata={"tag": tag})]
        return made.id if made.id in found else (found[0] if found else None)

    found = wait_until(attempt, 30, "the gateway to hear of the switch", pause=0.2)
    assert found
    return found


def test_c26_nothing_is_stored_when_off(fleet: ApiFleet, desk: DatasetDesk) -> None:
    sdk = desk.sdk
    made = ask(sdk, "Q", store=True, metadata={"tag": "off"})
    assert made.choices[0].message.content
    assert list(sdk.chat.completions.list(metadata={"tag": "off"})) == []
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.retrieve(made.id)


@pytest.mark.usefixtures("storing")
def test_c26_c27_stored_calls_with_feedback_become_records(
    fleet: ApiFleet, desk: DatasetDesk
) -> None:
    sdk = desk.sdk
    stored_while_on(fleet, sdk, "warm")
    silent = ask(sdk, "not to be stored", metadata={"tag": "run"})
    good = ask(sdk, f"good? {script('yes')}", store=True, metadata={"tag": "run"})
    chunks = list(ask(sdk, "streamed?", store=True, stream=True, metadata={"tag": "run"}))
    bad = ask(sdk, f"bad? {script('no')}", store=True, metadata={"tag": "run"})
    for completion_id in (good.id, chunks[0].id, bad.id):
        kept(sdk, completion_id)
    assert sdk.chat.completions.retrieve(good.id).choices == good.choices
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    whole = sdk.chat.completions.retrieve(chunks[0].id)
    assert whole.choices[0].message.content == said
    (message,) = sdk.chat.completions.messages.list(good.id)
    assert (message.role, str(message.content).startswith("good?")) == ("user", True)

    rated = sdk.chat.completions.update(bad.id, metadata={"tag": "run", "rating": "down"})
    assert rated.metadata == {"tag": "run", "rating": "down"}
    listed = [c.id for c in sdk.chat.completions.list(metadata={"tag": "run"}, limit=2)]
    assert listed == [good.id, chunks[0].id, bad.id]
    assert silent.id not in listed

    dialogues = desk.create(kind="dialogue")
    task = desk.task(dialogues, "reflow", metadata={"tag": "run"})
    assert task["status"] == "succeeded", task
    assert task["result"]["unannotated"] == 1
    records = desk.records(dialogues, task["version_id"])
    assert [r["status"] for r in records] == ["annotated", "annotated", "unannotated"]
    assert records[0]["record"]["messages"][-1] == {"role": "assistant", "content": "yes"}
    assert records[2]["notes"]["completion_id"] == bad.id

    pairs = desk.create(kind="preference")
    task = desk.task(pairs, "reflow", rating="down", metadata={"tag": "run"})
    (record,) = desk.records(pairs, task["version_id"])
    assert record["status"] == "unannotated"
    assert record["record"]["non_preferred_output"] == [{"role": "assistant", "content": "no"}]
    base = f"/datasets/{pairs['id']}/versions/{task['version_id']}/records"
    saved = desk.post(f"{base}/{record['id']}", {"chosen": "certainly"})
    assert saved["version"]["annotation"]["percent"] == 100

    gone = sdk.chat.completions.delete(good.id)
    assert gone.deleted is True
    with pytest.raises(openai.NotFoundError):
        sdk.chat.completions.retrieve(good.id)
    with fleet.http(fleet.other_key) as other:
        theirs = other.get(f"/v1/chat/completions/{bad.id}")
        absent = other.get("/v1/chat/completions/chatcmpl-none")
        assert theirs.status_code == absent.status_code == 404
        assert theirs.text.replace(bad.id, "chatcmpl-none") == absent.text
        assert other.get("/v1/chat/completions").json()["data"] == []


@pytest.mark.usefixtures("storing")
def test_d61_refusals_are_suggested_as_bad_cases(fleet: ApiFleet, desk: DatasetDesk) -> None:
    sdk = desk.sdk
    stored_while_on(fleet, sdk, "warm")
    answers = ("three masts", "I'm sorry, but I can't help with that.", "抱歉，我无法回答。", "no")
    asked = [
        ask(sdk, f"{i} {script(answer)}", store=True, metadata={"tag": "refused"}).id
        for i, answer in enumerate(answers)
    ]
    for completion_id in asked:
        kept(sdk, completion_id)
    sdk.chat.completions.update(asked[2], metadata={"tag": "refused", "rating": "up"})
    sdk.chat.completions.update(asked[3], metadata={"tag": "refused", "rating": "down"})
    listed = sdk.chat.completions.list(metadata={"tag": "refused"})
    told = {c.id: (c.model_extra or {})["argosy"]["bad_case"] for c in listed}
    assert [told[each] for each in asked] == [None, "refusal", None, "rated_down"]
    suggested = sdk.chat.completions.list(
        metadata={"tag": "refused"}, extra_query={"bad_cases": "true"}
    )
    assert [c.id for c in suggested] == [asked[1], asked[3]]

    pairs = desk.create(kind="preference")
    task = desk.task(pairs, "reflow", bad_cases=True, metadata={"tag": "refused"})
    assert task["result"] == task["result"] | {"records": 2, "unannotated": 2}
    records = desk.records(pairs, task["version_id"])
    assert [r["notes"]["bad_case"] for r in records] == ["refusal", "rated_down"]
    assert records[0]["record"]["non_preferred_output"][0]["content"] == answers[1]
    with pytest.raises(openai.BadRequestError, match="send true or false"):
        sdk.chat.completions.list(extra_query={"bad_cases": "yes"})
