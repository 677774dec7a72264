"""The check of `messages`: roles, content that models can read, and who may send which.

Knows OpenAI's message shapes; into images and audio `lane/media/parts.py` looks. A member that is
not listed is refused: an engine may read it, and fetch what it names. Does not know templates:
whether the model's own template takes a role is the engine's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.gateway.errors import echo
from argosy.gateway.lane.media.parts import KINDS, SENDER
from argosy.gateway.lane.request.checks import (
    Check,
    an_object,
    array,
    mapping,
    text,
    wrong_type,
    wrong_value,
)
from argosy.kit.errors import InvalidRequest

_ROLES: Final = ("developer", "system", "user", "assistant", "tool", "function")
_MOST: Final = 8192
# Taken by other APIs, or by engines alone.
_FOREIGN: Final = frozenset({"input_image", "image_file", "video_url", "file", "input_file"})
_LONGEST: Final = 2**31  # a body is bounded as a whole


def _nothing(name: str, value: object) -> None:
    """What an answer may hold and a client sends back: nothing, since answers here are text."""
    if value != []:
        raise InvalidRequest(
            f"Invalid content: '{name}' is no text, and this model reads only text. Leave it out.",
            param=name,
            code="unsupported_content_type",
        )


_ALWAYS: Final = frozenset({"role", "content"})
# Beside role and content; each may also be null.
_MEMBERS: Final[Mapping[str, Check]] = {
    "name": text(512),
    "tool_calls": array(an_object, most=1024),
    "tool_call_id": text(512),
    "function_call": mapping(lambda key: key in {"name", "arguments"}, text(_LONGEST), most=2),
    "refusal": text(_LONGEST),
    "reasoning": text(_LONGEST),
    "reasoning_content": text(_LONGEST),
    "annotations": _nothing,
    "audio": _nothing,
}
_PART_ALWAYS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset({"type", kind}) for kind in ("text", "refusal")
}
_PART_MEMBERS: Final[Mapping[str, Check]] = {
    "prompt_cache_breakpoint": mapping(lambda key: key in {"mode", "ttl"}, text(64), most=2),
}


def check_messages(name: str, value: object) -> None:
    """Raise InvalidRequest unless `value` is a list of messages for a text model."""
    if not isinstance(value, list):
        raise wrong_type(name, "an array of objects", value)
    if not value:
        raise wrong_value(
            name,
            "empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "empty_array",
        )
    if len(value) > _MOST:
        raise wrong_value(
            name,
            f"array too long. Expected an array with maximum length {_MOST}, but got an array with "
            f"length {len(value)} instead.",
            "array_above_max_length",
        )
    for index, message in enumerate(value):
        _check_message(f"{name}[{index}]", message)


def _check_message(name: str, message: object) -> None:
    if not isinstance(message, dict):
        raise wrong_type(name, "an object", message)
    role = message.get("role")
    if role is None:
        raise InvalidRequest(
            f"Missing required parameter: '{name}.role'.",
            param=f"{name}.role",
            code="missing_required_parameter",
        )
    if not isinstance(role, str):
        raise wrong_type(f"{name}.role", "a string", role)
    if role not in _ROLES:
        raise wrong_value(
            f"{name}.role",
            f"'{echo(role)}' is not supported. Supported values are: "
            + ", ".join(f"'{known}'" for known in _ROLES)
            + ".",
        )
    _check_content(f"{name}.content", message.get("content"), role)
    if more := message.keys() - _ALWAYS:
        _check_members(name, message, more, _MEMBERS)


def _check_members(
    name: str, value: dict[str, object], more: set[str], listed: Mapping[str, Check]
) -> None:
    for member in more:
        check = listed.get(member)
        if check is None:
            where = f"{name}.{echo(member[:64])}"
            raise InvalidRequest(
                f"Unrecognized member '{where}'. Leave it out; the API reference lists what a "
                "message may hold.",
                param=where,
                code="unrecognized_request_argument",
            )
        if value[member] is not None:
            check(f"{name}.{member}", value[member])


def _check_content(name: str, content: object, role: str) -> None:
    if isinstance(content, str):
        return
    if content is None:
        # An assistant's turn may hold only tool calls.
        if role == "assistant":
            return
        raise InvalidRequest(
            f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    if not isinstance(content, list):
        raise wrong_type(name, "a string or an array of objects", content)
    for index, part in enumerate(content):
        _check_part(f"{name}[{index}]", part, role)


def _check_part(name: str, part: object, role: str) -> None:
    if not isinstance(part, dict):
        raise wrong_type(name, "an object", part)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest(
            f"Missing required parameter: '{name}.type'.",
            param=f"{name}.type",
            code="missing_required_parameter",
        )
    if kind in KINDS and role == SENDER:
        if more := part.keys() - {"type", kind}:
            _check_members(name, part, more, _PART_MEMBERS)
        return
    if kind in KINDS or kind in _FOREIGN:
        raise InvalidRequest(
            f"Invalid content: {name} is of type '{kind}', which messages of the role '{role}' "
            "cannot hold here. Send parts of type 'text'; images and audio belong into messages "
            "of the role 'user', as 'image_url' and 'input_audio'.",
            param=name,
            code="unsupported_content_type",
        )
    always = _PART_ALWAYS.get(kind)
    if always is None:
        # Whatever else an engine may take (embeddings, file paths) is its private side.
        raise wrong_value(
            f"{name}.type",
            f"'{echo(kind)}' is not supported. Supported values are: 'text', 'refusal', "
            "'image_url', 'input_audio', 'audio_url'.",
        )
    if not isinstance(part.get(kind), str):
        raise wrong_type(f"{name}.{kind}", "a string", part.get(kind))
    if more := part.keys() - always:
        _check_members(name, part, more, _PART_MEMBERS)
