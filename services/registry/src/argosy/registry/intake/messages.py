"""Chat messages as OpenAI's fine-tuning format has them: roles, contents, tool calls.

Knows the form of a conversation. Does not know what a model makes of it: whether it can see
images or call tools is the trainer's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from argosy.registry.intake.problems import Problem
from argosy.registry.intake.shapes import (
    at,
    boolean,
    name,
    non_empty_list,
    obj,
    one_of,
    only_keys,
    required,
    text,
)

ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")

_COMMON_KEYS: Final = frozenset({"role", "content", "name"})
_KEYS: Final = {
    "system": _COMMON_KEYS,
    "developer": _COMMON_KEYS,
    "user": _COMMON_KEYS,
    "assistant": _COMMON_KEYS | {"weight", "tool_calls", "function_call", "refusal", "audio"},
    "tool": _COMMON_KEYS | {"tool_call_id"},
    "function": _COMMON_KEYS,
}
_PARTS: Final = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
}
_TEXT_ONLY: Final = ("text",)
_NAME_LIMIT: Final = 64
_ID_LIMIT: Final = 256


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the record formats need to know of a list of messages."""

    answers: int
    learnable: bool
    last_role: str


def judge_messages(value: Any, where: str) -> Conversation:
    """Judge a list of messages; raises Problem with the first thing that is wrong."""
    answers = 0
    learnable = False
    role = ""
    for index, entry in enumerate(non_empty_list(value, where)):
        place = at(where, index)
        message = obj(entry, place)
        role = _judge_message(message, place)
        if role == "assistant":
            answers += 1
            learnable = learnable or message.get("weight", 1) == 1
    return Conversation(answers, learnable, role)


def judge_tools(record: dict[str, Any]) -> None:
    """Judge `tools`, `functions` and `parallel_tool_calls` where a record has them."""
    if "tools" in record:
        for index, entry in enumerate(non_empty_list(record["tools"], "tools")):
            place = at("tools", index)
            tool = obj(entry, place)
            only_keys(tool, {"type", "function"}, place)
            one_of(required(tool, "type", place), ("function",), at(place, "type"))
            _judge_function(required(tool, "function", place), at(place, "function"))
    if "functions" in record:
        for index, entry in enumerate(non_empty_list(record["functions"], "functions")):
            _judge_function(entry, at("functions", index))
    if "parallel_tool_calls" in record:
        boolean(record["parallel_tool_calls"], "parallel_tool_calls")


def _judge_message(message: dict[str, Any], where: str) -> str:
    role = one_of(required(message, "role", where), ROLES, at(where, "role"))
    only_keys(message, _KEYS[role], f"{where} ({role})")
    if message.get("name") is not None:
        name(message["name"], at(where, "name"), limit=_NAME_LIMIT)
    if role == "assistant":
        _judge_assistant(message, where)
    else:
        _judge_content(required(message, "content", where), role, at(where, "content"))
    if role == "tool":
        name(required(message, "tool_call_id", where), at(where, "tool_call_id"), limit=_ID_LIMIT)
    if role == "function":
        required(message, "name", where)
    return role


def _judge_assistant(message: dict[str, Any], where: str) -> None:
    weight = message.get("weight", 1)
    # In Python True == 1; in a training file true is not a weight.
    if isinstance(weight, bool) or weight not in (0, 1):
        raise Problem(at(where, "weight"), "must be 0 or 1")
    says_something = False
    if message.get("content") is not None:
        _judge_content(message["content"], "assistant", at(where, "content"))
        says_something = True
    if message.get("refusal") is not None:
        text(message["refusal"], at(where, "refusal"))
        says_something = True
    if message.get("tool_calls") is not None:
        _judge_tool_calls(message["tool_calls"], at(where, "tool_calls"))
        says_something = True
    if message.get("function_call") is not None:
        place = at(where, "function_call")
        _judge_call(obj(message["function_call"], place), place)
        says_something = True
    if message.get("audio") is not None:
        obj(message["audio"], at(where, "audio"))
        says_something = True
    if not says_something:
        raise Problem(where, "an assistant message needs content or tool_calls")


def _judge_content(value: Any, role: str, where: str) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, list) or not value:
        raise Problem(where, "must be a string or a non-empty list of parts")
    allowed = _PARTS.get(role, _TEXT_ONLY)
    for index, entry in enumerate(value):
        place = at(where, index)
        part = obj(entry, place)
        kind = one_of(required(part, "type", place), allowed, at(place, "type"))
        # Exactly these two: a part with a role of its own is a message in disguise.
        only_keys(part, {"type", kind}, place)
        payload = required(part, kind, place)
        if kind in {"text", "refusal"}:
            text(payload, at(place, kind))
        else:
            obj(payload, at(place, kind))


def _judge_tool_calls(value: Any, where: str) -> None:
    for index, entry in enumerate(non_empty_list(value, where)):
        place = at(where, index)
        call = obj(entry, place)
        only_keys(call, {"id", "type", "function"}, place)
        name(required(call, "id", place), at(place, "id"), limit=_ID_LIMIT)
        one_of(required(call, "type", place), ("function",), at(place, "type"))
        function = obj(required(call, "function", place), at(place, "function"))
        _judge_call(function, at(place, "function"))


def _judge_call(call: dict[str, Any], where: str) -> None:
    only_keys(call, {"name", "arguments"}, where)
    name(required(call, "name", where), at(where, "name"), limit=_NAME_LIMIT)
    text(required(call, "arguments", where), at(where, "arguments"))


def _judge_function(value: Any, where: str) -> None:
    function = obj(value, where)
    only_keys(function, {"name", "description", "parameters", "strict"}, where)
    name(required(function, "name", where), at(where, "name"), limit=_NAME_LIMIT)
    if function.get("description") is not None:
        text(function["description"], at(where, "description"))
    if function.get("parameters") is not None:
        obj(function["parameters"], at(where, "parameters"))
    if function.get("strict") is not None:
        boolean(function["strict"], at(where, "strict"))
