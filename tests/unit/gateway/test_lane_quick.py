"""The quick way and the table: what the quick way takes, the table reads alike."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from argosy.gateway.lane.request.completion import CompletionRequest, Operation, judged, parse
from argosy.gateway.lane.request.quick import quick_chat, quick_completion
from argosy.kit.errors import ApiError
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS = st.one_of(
    st.integers(-3, 200),
    st.floats(-3, 300, allow_nan=False),
    st.sampled_from([0, 1, 2, 2**31 - 1, 2**31, 2**63, -(2**63), 1e400, 0.01, 10, 20]),
)
ODD = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5), st.just([]), st.just({}))
ROLES = ["developer", "system", "user", "assistant", "tool", "function", "boss"]
MESSAGE = st.one_of(
    st.fixed_dictionaries(
        {"role": st.sampled_from(ROLES), "content": st.one_of(st.text(max_size=20), ODD)},
        optional={"name": ODD, "tool_calls": ODD, "x": ODD},
    ),
    ODD,
)
NAMES = [
    "n", "seed", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p",
    "frequency_penalty", "presence_penalty", "repetition_penalty", "min_tokens", "ignore_eos",
    "logprobs", "user", "service_tier", "cache_salt", "store", "functions",
]  # fmt: skip
FIELDS: dict[str, Any] = {name: st.one_of(NUMBERS, ODD) for name in NAMES} | {
    "stop": st.one_of(st.text(max_size=5), st.lists(st.one_of(st.text(max_size=3), ODD)), ODD),
    "stream": st.one_of(st.booleans(), ODD),
    "stream_options": st.one_of(
        st.dictionaries(st.sampled_from(["include_usage", "continuous_usage_stats", "x"]), ODD),
        st.just({"include_usage": True}),
        ODD,
    ),
}
CHATS = st.fixed_dictionaries(
    {
        "model": st.one_of(st.text(max_size=8), ODD),
        "messages": st.one_of(st.lists(MESSAGE, max_size=3), ODD),
    },
    optional=FIELDS,
)
PLAIN = st.fixed_dictionaries(
    {
        "model": st.text(min_size=1, max_size=8),
        "messages": st.lists(
            st.fixed_dictionaries(
                {"role": st.sampled_from(ROLES[:6]), "content": st.text(max_size=9)}
            ),
            min_size=1,
            max_size=3,
        ),
    },
    optional=FIELDS,
)
COMPLETIONS = st.fixed_dictionaries(
    {"model": st.text(max_size=8), "prompt": st.one_of(st.text(max_size=9), ODD)}, optional=FIELDS
)


FIELDS = tuple(inspect.signature(CompletionRequest).parameters)


def _told(way: Any, operation: Operation, body: bytes) -> Any:
    """Return what a way of reading says: every field of the request, or the error."""
    try:
        request = way(operation, body)
    except ApiError as error:
        return type(error), error.message, error.param, error.code
    return {name: getattr(request, name) for name in FIELDS} | {
        "fields": {name: bytes(value) for name, value in request.fields.items()},
        "body": request.body,
    }


def _same(operation: Operation, body: bytes) -> None:
    assert _told(parse, operation, body) == _told(judged, operation, body)


@given(st.one_of(PLAIN, CHATS))
@settings(max_examples=600, deadline=None)
def test_of_a_chat_both_say_the_same(value: Any) -> None:
    _same(Operation.CHAT, json.dumps(value).encode())
    _same(Operation.CHAT, json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(COMPLETIONS)
@settings(max_examples=300, deadline=None)
def test_of_a_completion_both_say_the_same(value: Any) -> None:
    _same(Operation.COMPLETION, json.dumps(value).encode())


@given(PLAIN, st.lists(st.tuples(st.sampled_from([*FIELDS, "model", "mod\\u0065l"]), ODD)))
@settings(max_examples=300, deadline=None)
def test_of_fields_that_come_twice_both_say_the_same(value: Any, again: Any) -> None:
    extra = "".join(f',"{name}":{json.dumps(found)}' for name, found in again)
    _same(Operation.CHAT, (json.dumps(value)[:-1] + extra + "}").encode())


@given(st.binary(max_size=60))
def test_of_any_bytes_both_say_the_same(body: bytes) -> None:
    _same(Operation.CHAT, body)
    _same(Operation.COMPLETION, b'{"model":"m","prompt":"' + body + b'"}')


EDGES: Any = [
    None, True, False, "", "a", "x" * 1000, "x" * 1001, [], {}, ["a"] * 16, ["a"] * 17, [1],
    ["x" * 1001], [None], -(2**63) - 1, -(2**63), -2.01, -2, -1, 0, 0.009, 0.01, 1, 1.0, 1.01, 2,
    2.01, 10, 10.01, 128, 129, 2**31 - 1, 2**31, 2**63 - 1, 2**63,
]  # fmt: skip


@pytest.mark.parametrize("name", [*NAMES, "stop", "stream", "model", "messages", "prompt"])
def test_at_the_edges_both_say_the_same(name: str) -> None:
    for edge in EDGES:
        chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}], name: edge}
        _same(Operation.CHAT, json.dumps(chat).encode())
        _same(Operation.COMPLETION, json.dumps({"model": "m", "prompt": "a", name: edge}).encode())


@pytest.mark.parametrize("stream", [True, False, None])
@pytest.mark.parametrize(
    "options", [{}, {"include_usage": True}, {"include_usage": False}, {"x": True}, None, 3]
)
def test_of_a_stream_both_say_the_same(stream: bool | None, options: Any) -> None:
    for more in ({}, {"stream_options": options}):
        chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        _same(Operation.CHAT, json.dumps(chat | more).encode())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("member", ["role", "content", "name", "tool_calls", "x"])
def test_of_a_message_both_say_the_same(role: str, member: str) -> None:
    for edge in [*EDGES, [{"type": "text", "text": "a"}], [{"type": "image_url"}]]:
        message = {"role": role, "content": "hi", member: edge}
        _same(Operation.CHAT, json.dumps({"model": "m", "messages": [message]}).encode())


def test_what_clients_usually_send_goes_the_quick_way() -> None:
    plain = {
        "model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5,
        "temperature": 0.7, "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert quick_chat(json.dumps(plain).encode()) is not None
    assert quick_completion(b'{"model":"m","prompt":"a","stop":["b"],"n":2}') is not None


@pytest.mark.parametrize("name", ["m", 'ä"quoted"', "x" * 512])
def test_another_model_name_changes_nothing_else(name: str) -> None:
    request = parse(Operation.CHAT, b'{"temperature": 1e0,"model":"a","messages":'
                    b'[{"role":"user","content":"\\u00e4"}]}')  # fmt: skip
    changed = json.loads(request.body_for(name))
    assert changed == json.loads(request.body) | {"model": name}
    assert b'"\\u00e4"' in request.body_for(name)
    assert b"1e0" in request.body_for(name)
