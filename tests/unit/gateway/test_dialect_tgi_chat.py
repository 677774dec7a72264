"""TGI's chat route behind OpenAI's: where it means something else, and against its stand-in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from argosy.gateway.engines.dialects.tgi_chat import ChatStream, ChatWhole, chat_body
from argosy.kit.errors import InvalidRequest

from tests.harness.lane_plane import BASE, HELLO, FakeEngine, LanePlane

SCRIPT = Path(__file__).resolve().parents[2] / "fakes" / "tgi.py"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
ENDED = "ended its answer without a reason"


def asked(**fields: Any) -> dict[str, Any]:
    """Return TGI's request for a chat with these fields."""
    body = chat_body(json.dumps({"model": "m", "messages": HELLO} | fields).encode())
    request: dict[str, Any] = json.loads(body)
    return request


def test_what_means_something_else_there_is_put_in_its_words() -> None:
    assert asked() == {"model": "tgi", "messages": HELLO}
    assert asked(max_completion_tokens=7)["max_tokens"] == 7
    assert asked(stop="x")["stop"] == ["x"]
    assert asked(stop=["x", "", "y"])["stop"] == ["x", "y"]
    assert asked(seed=-1)["seed"] == 2**64 - 1
    # It wants top_p below 1; and a presence penalty of 0 is a repetition penalty of 2 to it.
    nothing = {"top_p": 1, "presence_penalty": 0, "n": 1, "logit_bias": {}, "top_k": 0}
    assert asked(**nothing) == asked()
    schema = {"type": "object"}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    assert asked(response_format=form)["response_format"] == {"type": "json", "value": schema}
    assert asked(response_format={"type": "text"}) == asked()


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 2}, {"presence_penalty": 0.5}, {"logit_bias": {"1": 1}}, {"top_k": 5},
        {"repetition_penalty": 1.2}, {"min_p": 0.1}, {"response_format": {"type": "json_object"}},
    ],
)  # fmt: skip
def test_what_it_would_not_look_at_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**fields)
    assert caught.value.param in fields
    assert caught.value.code == "unsupported_parameter"


def test_what_is_no_answer_stays_none() -> None:
    for body in (b"<html>", b"{}", b'{"choices":[{}]}'):
        whole = ChatWhole("m", [])
        whole.feed(body)
        with pytest.raises(json.JSONDecodeError):
            json.loads(whole.end())
    assert ChatStream("m", []).feed(b"data:%PDF\n\n") == b"data: %PDF\n\n"


def test_a_call_of_a_tool_in_a_stream_is_a_list() -> None:
    call = {"index": 0, "id": "", "type": "function", "function": {"arguments": "{"}}
    delta = {"role": "assistant", "tool_calls": call}
    choice = {"index": 0, "delta": delta, "finish_reason": "stop"}
    out = ChatStream("m", []).feed(b"data:" + json.dumps({"choices": [choice]}).encode() + b"\n\n")
    (told,) = json.loads(out.removeprefix(b"data: "))["choices"]
    assert (told["delta"]["tool_calls"], told["finish_reason"]) == ([call], "tool_calls")


@pytest.fixture
async def tgi(tmp_path: Path) -> AsyncIterator[tuple[LanePlane, FakeEngine]]:
    engine = FakeEngine(script=SCRIPT)
    await engine.start()
    try:
        async with LanePlane(tmp_path / "spool", [engine.url], engine="tgi").running() as plane:
            yield plane, engine
    finally:
        await engine.stop()


async def test_a_stop_sequence_and_its_reason_are_openais(tgi: Any) -> None:
    plane, _ = tgi
    wanted: dict[str, Any] = {"model": BASE, "messages": HELLO, "max_completion_tokens": 9}
    answer = await plane.sdk().chat.completions.create(**wanted, stop="t2 ")
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("t0 t1 ", "stop")
    stream = await plane.sdk().chat.completions.create(**wanted, stop="t2 ", stream=True)
    chunks = [chunk.choices[0] async for chunk in stream]
    assert "".join(chunk.delta.content or "" for chunk in chunks) == "t0 t1 "
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    even = await plane.sdk().chat.completions.create(model=BASE, messages=HELLO, max_tokens=2)
    assert even.choices[0].finish_reason == "stop"


async def test_use_is_told_in_an_event_of_its_own(tgi: Any) -> None:
    plane, _ = tgi
    stream = await plane.sdk().chat.completions.create(
        model=BASE, messages=HELLO, max_completion_tokens=3, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert [chunk.usage is None for chunk in chunks] == [True] * 3 + [False]
    assert chunks[-1].usage.completion_tokens == 3
    (used,) = await plane.usage(1)
    assert (used.output_tokens, used.estimated) == (3, False)


async def test_the_arguments_of_a_tool_are_text(tgi: Any) -> None:
    plane, _ = tgi
    answer = await plane.sdk().chat.completions.create(model=BASE, messages=HELLO, tools=[TOOL])
    (choice,) = answer.choices
    (call,) = choice.message.tool_calls
    assert json.loads(call.function.arguments) == {"place": "here"}
    assert (call.function.name, choice.finish_reason) == ("look", "tool_calls")


async def test_a_stream_that_leaves_its_error_out_is_no_complete_answer(tgi: Any) -> None:
    plane, engine = tgi
    await engine.fault(error_after_tokens=2)
    wanted: dict[str, Any] = {"model": BASE, "messages": HELLO, "max_tokens": 9, "stream": True}
    stream = await plane.sdk().chat.completions.create(**wanted)
    assert [(await anext(stream)).choices[0].delta.content for _ in range(2)] == ["t0 ", "t1 "]
    with pytest.raises(openai.APIError, match=ENDED):
        await anext(stream)
    await engine.fault(error_after_tokens=0)
    with pytest.raises(openai.InternalServerError, match=ENDED):
        await plane.sdk().chat.completions.create(**wanted)
    await plane.settled()
