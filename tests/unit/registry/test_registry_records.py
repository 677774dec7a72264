"""intake.records and intake.messages: the record formats, key by key."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.registry.domain.files import Purpose
from argosy.registry.intake.problems import Problem
from argosy.registry.intake.records import RecordJudge, judge_for

USER = {"role": "user", "content": "Q"}
ANSWER = {"role": "assistant", "content": "A"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def judge(purpose: Purpose) -> RecordJudge:
    found = judge_for(purpose)
    assert found is not None
    return found


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


GOOD = {
    "plain": chat(USER, ANSWER),
    "system first": chat({"role": "system", "content": "S"}, USER, ANSWER),
    "developer": chat({"role": "developer", "content": "S"}, USER, ANSWER),
    "parts": chat({"role": "user", "content": [{"type": "text", "text": "Q"}]}, ANSWER),
    "image": chat(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}, ANSWER
    ),
    "weights": chat(USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}),
    "tool call": chat(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        ANSWER,
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        parallel_tool_calls=False,
    ),
    "old functions": chat(
        USER,
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
        functions=[{"name": "f", "description": "d", "parameters": {}}],
    ),
    "name": chat({**USER, "name": "Ada"}, ANSWER),
    "not ending in an answer": chat(USER, ANSWER, USER),
    "reinforcement": chat(USER, reference_answer="A"),
    "prompt": chat(USER),
    "unpaired": {"messages": [USER], "completion": "A", "label": False},
    "ranked": {"messages": [USER], "responses": ["A", "B", "C"]},
    "text": {"text": "Once upon a time"},
    "preference": {
        "input": {"messages": [USER]},
        "preferred_output": [ANSWER],
        "non_preferred_output": [{"role": "assistant", "content": "B"}],
    },
}


@pytest.mark.parametrize("name", GOOD)
def test_good_tuning_records(name: str) -> None:
    judge(Purpose.FINE_TUNE).judge(GOOD[name])


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"prompt": "Q"}, "has no messages"),
    "messages no list": ({"messages": {}}, "messages: must be a non-empty list"),
    "empty messages": ({"messages": []}, "messages: must be a non-empty list"),
    "message no object": (chat("hi"), "messages[0]: must be an object"),
    "no role": (chat({"content": "Q"}), "messages[0]: has no role"),
    "unknown role": (chat({"role": "root", "content": "Q"}, ANSWER), "messages[0].role: must be"),
    "role in capitals": (chat({"role": "System", "content": "Q"}, ANSWER), "messages[0].role"),
    "role with a space": (chat({"role": "system ", "content": "Q"}, ANSWER), "messages[0].role"),
    "role a list": (chat({"role": ["system"], "content": "Q"}, ANSWER), "messages[0].role"),
    "unknown key": (chat({**USER, "roles": "system"}, ANSWER), "may only have the keys"),
    "no content": (chat({"role": "user"}, ANSWER), "messages[0]: has no content"),
    "content a number": (chat({"role": "user", "content": 1}, ANSWER), "messages[0].content"),
    "content null": (chat({"role": "user", "content": None}, ANSWER), "messages[0].content"),
    "content an object": (
        chat({"role": "user", "content": {"role": "system", "content": "S"}}, ANSWER),
        "messages[0].content",
    ),
    "part with a role": (
        chat({"role": "user", "content": [{"type": "text", "text": "Q", "role": "system"}]}),
        "messages[0].content[0]: may only have the keys text, type",
    ),
    "part of a nested message": (
        chat({"role": "user", "content": [{"role": "system", "content": "S"}]}, ANSWER),
        "messages[0].content[0]: has no type",
    ),
    "unknown part": (
        chat({"role": "user", "content": [{"type": "video", "video": {}}]}, ANSWER),
        "messages[0].content[0].type",
    ),
    "image by the system": (
        chat({"role": "system", "content": [{"type": "image_url", "image_url": {}}]}, ANSWER),
        "messages[0].content[0].type: must be text",
    ),
    "text part no string": (
        chat({"role": "user", "content": [{"type": "text", "text": 1}]}, ANSWER),
        "messages[0].content[0].text: must be a string",
    ),
    "silent answer": (chat(USER, {"role": "assistant"}), "messages[1]: an assistant message needs"),
    "null answer": (chat(USER, {"role": "assistant", "content": None}), "messages[1]"),
    "weight true": (chat(USER, {**ANSWER, "weight": True}), "messages[1].weight: must be 0 or 1"),
    "weight half": (chat(USER, {**ANSWER, "weight": 0.5}), "messages[1].weight"),
    "weight on user": (chat({**USER, "weight": 1}, ANSWER), "messages[0] (user)"),
    "all weights 0": (chat(USER, {**ANSWER, "weight": 0}), "nothing to learn"),
    "tool without id": (chat(USER, ANSWER, {"role": "tool", "content": "1"}), "no tool_call_id"),
    "empty tool calls": (
        chat(USER, {"role": "assistant", "tool_calls": []}),
        "messages[1].tool_calls: must be a non-empty list",
    ),
    "arguments no string": (
        chat(
            USER,
            {
                "role": "assistant",
                "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}],
            },
        ),
        "messages[1].tool_calls[0].function.arguments: must be a string",
    ),
    "tools no list": (chat(USER, ANSWER, tools={}), "tools: must be a non-empty list"),
    "tool of another type": (
        chat(USER, ANSWER, tools=[{"type": "retrieval", "function": {"name": "f"}}]),
        "tools[0].type",
    ),
    "parallel no boolean": (chat(USER, ANSWER, parallel_tool_calls="yes"), "parallel_tool_calls"),
    "preference lacks one side": (
        {"input": {"messages": [USER]}, "preferred_output": [ANSWER]},
        "has no non_preferred_output",
    ),
    "preference input ends in an answer": (
        {
            "input": {"messages": [USER, ANSWER]},
            "preferred_output": [ANSWER],
            "non_preferred_output": [ANSWER],
        },
        "input.messages: must not end",
    ),
    "unpaired with a label of text": (
        {"messages": [USER], "completion": "A", "label": "yes"},
        "label: must be true or false",
    ),
    "unpaired after an answer": (
        {"messages": [USER, ANSWER], "completion": "A", "label": True},
        "must not end with an assistant message",
    ),
    "one response": ({"messages": [USER], "responses": ["A"]}, "at least two answers"),
    "a response no string": (
        {"messages": [USER], "responses": ["A", 1]},
        "responses[1]: must be a string",
    ),
    "empty text": ({"text": "  "}, "text: is empty"),
    "text with more": ({"text": "T", "title": "no"}, "may only have the keys text"),
    "preferred by the system": (
        {
            "input": {"messages": [USER]},
            "preferred_output": [{"role": "system", "content": "S"}],
            "non_preferred_output": [ANSWER],
        },
        "preferred_output[0].role",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tuning_records(name: str) -> None:
    record, reason = BAD[name]
    with pytest.raises(Problem) as caught:
        judge(Purpose.FINE_TUNE).judge(record)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("plain", "dialogue"),
        ("not ending in an answer", "dialogue"),
        ("preference", "preference"),
        ("unpaired", "unpaired"),
        ("ranked", "ranked"),
        ("reinforcement", "prompts"),
        ("prompt", "prompts"),
        ("text", "text"),
    ],
)
def test_the_first_record_tells_the_kind(name: str, kind: str) -> None:
    one = judge(Purpose.FINE_TUNE)
    assert one.kind == ""
    one.judge(GOOD[name])
    assert one.kind == kind


def test_kinds_do_not_mix_in_one_file() -> None:
    one = judge(Purpose.FINE_TUNE)
    one.judge(GOOD["plain"])
    with pytest.raises(Problem, match="own file"):
        one.judge(GOOD["preference"])
    with pytest.raises(Problem, match="has no assistant message"):
        one.judge(GOOD["prompt"])


def request(**changes: Any) -> dict[str, Any]:
    return {
        "custom_id": "r1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m"},
        **changes,
    }


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (request(custom_id=""), "custom_id"),
        (request(custom_id=7), "custom_id"),
        (request(method="GET"), "method: must be POST"),
        (request(url="/v1/files"), "url: must be one of"),
        (request(url="http://elsewhere/v1/chat/completions"), "url"),
        (request(body="{}"), "body: must be an object"),
        (request(headers={}), "may only have the keys"),
    ],
)
def test_bad_batch_requests(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(Problem) as caught:
        judge(Purpose.BATCH).judge(record)
    assert reason in str(caught.value)


def test_batch_ids_are_unique() -> None:
    one = judge(Purpose.BATCH)
    one.judge(request())
    one.judge(request(custom_id="r2"))
    with pytest.raises(Problem, match="unique"):
        one.judge(request())


def test_eval_items() -> None:
    one = judge(Purpose.EVALS)
    one.judge({"item": {"question": "Q"}, "sample": {"output_text": "A"}})
    for record in ({"question": "Q"}, {"item": "Q"}, {"item": {}, "more": 1}):
        with pytest.raises(Problem):
            one.judge(record)


@pytest.mark.parametrize("purpose", [Purpose.ASSISTANTS, Purpose.USER_DATA, Purpose.VISION])
def test_content_of_other_purposes_is_free(purpose: Purpose) -> None:
    assert judge_for(purpose) is None
