"""What a client may send: the table, the checks' words, and the body that goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from argosy.gateway.lane.request.completion import Operation, parse
from argosy.gateway.lane.request.parameters import CHAT, COMPLETION, Fate
from argosy.kit.errors import InvalidRequest
from openai.types import completion_create_params
from openai.types.chat import completion_create_params as chat_create_params

MESSAGES: Any = [{"role": "user", "content": "hi"}]


def chat(**more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": MESSAGES} | more).encode()


def refused(body: bytes, operation: Operation = Operation.CHAT) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(operation, body)
    return caught.value


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": ""}, "model", "invalid_value"),
        ({"model": 3}, "model", "invalid_type"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "a"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "boss", "content": "a"}]}, "messages[0].role", "invalid_value"),
        (
            {"messages": [{"role": "user"}]},
            "messages[0].content",
            "missing_required_parameter",
        ),
        ({"messages": [*MESSAGES, {"role": "user", "content": 1}]}, "messages[1].content",
         "invalid_type"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"temperature": 2.1}, "temperature", "decimal_above_max_value"),
        ({"temperature": -1}, "temperature", "decimal_below_min_value"),
        ({"top_p": 1.01}, "top_p", "decimal_above_max_value"),
        ({"n": 10**6}, "n", "integer_above_max_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_tokens": 10**12}, "max_tokens", "integer_above_max_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stop": ["x"] * 10_000}, "stop", "array_above_max_length"),
        ({"stop": [1]}, "stop[0]", "invalid_type"),
        ({"logit_bias": {"word": 1}}, "logit_bias", "invalid_value"),
        ({"top_logprobs": 21}, "top_logprobs", "integer_above_max_value"),
        ({"response_format": {"type": "structural_tag"}}, "response_format.type", "invalid_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options",
         "invalid_parameter_combination"),
        ({"stream": True, "stream_options": {"x": True}}, "stream_options", "invalid_value"),
        ({"chat_template_kwargs": {"tokenize": True}}, "chat_template_kwargs", "invalid_value"),
        ({"functions": []}, "functions", "unsupported_parameter"),
        ({"modalities": ["audio"]}, "modalities[0]", "invalid_value"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_its_parameter(more: dict[str, Any], param: str, code: str) -> None:
    error = refused(chat(**more))
    assert (error.param, error.code) == (param, code)
    assert param.split(".")[0].split("[")[0] in error.message or param in error.message


@pytest.mark.parametrize("kind", ["input_image", "image_file", "file", "video_url"])
def test_media_that_no_message_holds_names_the_part(kind: str) -> None:
    content = [{"type": "text", "text": "a"}, {"type": kind, kind: {"url": "data:"}}]
    error = refused(chat(messages=[{"role": "user", "content": content}]))
    assert error.param == "messages[0].content[1]"
    assert "cannot hold" in error.message


@pytest.mark.parametrize("kind", ["image_embeds", "prompt_embeds", "audio_embeds", "image_pil"])
def test_an_engines_private_parts_are_refused(kind: str) -> None:
    error = refused(chat(messages=[{"role": "user", "content": [{"type": kind, kind: "x"}]}]))
    assert error.param == "messages[0].content[0].type"


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("name", ["prompt_embeds", "cache_salt", "no_such_thing", "x" * 500])
def test_what_is_not_in_the_table_is_refused_by_name(operation: Operation, name: str) -> None:
    error = refused(json.dumps({name: None}).encode(), operation)
    assert error.code == "unrecognized_request_argument"
    assert error.param == name[:64]
    assert name[:64] in error.message


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"a"', b"null", b'{"model": NaN}', b"\xff", b'{"a":' * 5000]
)
def test_what_is_no_json_object_is_told_so(body: bytes) -> None:
    assert refused(body).code == "invalid_json"


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_deep_json_is_refused(depth: int) -> None:
    deep = b'{"model":"m","messages":' + b"[" * depth + b"]" * depth + b"}"
    error = refused(deep)
    assert error.code == "invalid_json"
    assert "nested too deeply" in error.message


def test_null_means_absent_and_is_not_sent_on() -> None:
    request = parse(Operation.CHAT, chat(stop=None, temperature=None, audio=None, stream=None))
    assert json.loads(request.body) == {"model": "m", "messages": MESSAGES}
    assert not request.stream


def test_values_go_on_as_the_client_wrote_them() -> None:
    raw = (
        b'{"model":"m","messages":[{"role":"user","content":"\\u00e4"}],'
        b'"temperature":1.0e-1, "user":"u"}'
    )
    assert parse(Operation.CHAT, raw).body == (
        b'{"model":"m","messages":[{"role":"user","content":"\\u00e4"}],"temperature":1.0e-1}'
    )


def test_of_a_field_that_comes_twice_the_one_that_was_checked_goes_on() -> None:
    raw = chat()[:-1] + b',"temperature":99,"temperature":1}'
    assert json.loads(parse(Operation.CHAT, raw).body)["temperature"] == 1
    assert refused(chat()[:-1] + b',"temperature":1,"temperature":99}').param == "temperature"


def test_usage_is_always_asked_for_and_the_clients_wish_remembered() -> None:
    quiet = parse(Operation.CHAT, chat(stream=True))
    asked = parse(Operation.CHAT, chat(stream=True, stream_options={"include_usage": True}))
    declined = parse(Operation.CHAT, chat(stream=True, stream_options={"include_usage": False}))
    for request in (quiet, asked, declined):
        assert json.loads(request.body)["stream_options"] == {"include_usage": True}
    assert [r.wants_usage for r in (quiet, asked, declined)] == [False, True, False]


@pytest.mark.parametrize(
    "prompt", ["a", ["a", "b"], [1, 2, 3], [[1, 2], [3]]], ids=["text", "texts", "ids", "lists"]
)
def test_all_forms_of_a_prompt_pass(prompt: Any) -> None:
    body = json.dumps({"model": "m", "prompt": prompt}).encode()
    assert json.loads(parse(Operation.COMPLETION, body).body)["prompt"] == prompt


@pytest.mark.parametrize("prompt", [[], [1, "a"], [[]], [{}], 5, [-1], {"a": 1}])
def test_other_prompts_do_not(prompt: Any) -> None:
    body = json.dumps({"model": "m", "prompt": prompt}).encode()
    assert str(refused(body, Operation.COMPLETION).param).startswith("prompt")


@pytest.mark.parametrize(
    ("table", "module", "classes"),
    [
        (
            CHAT,
            chat_create_params,
            ["CompletionCreateParamsBase", "CompletionCreateParamsStreaming"],
        ),
        (
            COMPLETION,
            completion_create_params,
            ["CompletionCreateParamsBase", "CompletionCreateParamsStreaming"],
        ),
    ],
)
def test_every_parameter_of_the_sdk_has_a_line(
    table: dict[str, Any], module: Any, classes: list[str]
) -> None:
    known = {name for cls in classes for name in getattr(module, cls).__annotations__}
    assert known <= table.keys()


def test_every_line_says_why() -> None:
    for parameter in [*CHAT.values(), *COMPLETION.values()]:
        assert parameter.why
        assert isinstance(parameter.fate, Fate)
