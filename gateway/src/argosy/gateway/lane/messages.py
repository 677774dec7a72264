"""The check of `messages`: roles, and content that a text model can read.

Knows OpenAI's message shapes. Does not know templates: whether the model's own template takes a
role is the engine's to say.
"""

from __future__ import annotations

from typing import Final

from argosy.gateway.errors import echo
from argosy.gateway.lane.checks import wrong_type, wrong_value
from argosy.kit.errors import InvalidRequest

_ROLES: Final = ("developer", "system", "user", "assistant", "tool", "function")
_MOST: Final = 8192
_MEDIA: Final = {
    "image_url": "images",
    "input_image": "images",
    "image_file": "images",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "video",
    "file": "files",
    "input_file": "files",
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
    _check_content(f"{name}.content", message.get("content"), optional=role == "assistant")
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise wrong_type(f"{name}.tool_calls", "an array of objects", calls)


def _check_content(name: str, content: object, *, optional: bool) -> None:
    if isinstance(content, str):
        return
    if content is None:
        # An assistant's turn may hold only tool calls.
        if optional:
            return
        raise InvalidRequest(
            f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    if not isinstance(content, list):
        raise wrong_type(name, "a string or an array of objects", content)
    for index, part in enumerate(content):
        _check_part(f"{name}[{index}]", part)


def _check_part(name: str, part: object) -> None:
    if not isinstance(part, dict):
        raise wrong_type(name, "an object", part)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest(
            f"Missing required parameter: '{name}.type'.",
            param=f"{name}.type",
            code="missing_required_parameter",
        )
    if kind in _MEDIA:
        raise InvalidRequest(
            f"Invalid content: {name} is of type '{kind}', but this model reads only text, not "
            f"{_MEDIA[kind]}. Send parts of type 'text'.",
            param=name,
            code="unsupported_content_type",
        )
    if kind not in {"text", "refusal"}:
        # Whatever else an engine may take (embeddings, file paths) is its private side.
        raise wrong_value(
            f"{name}.type",
            f"'{echo(kind)}' is not supported. Supported values are: 'text', 'refusal'.",
        )
    if not isinstance(part.get(kind), str):
        raise wrong_type(f"{name}.{kind}", "a string", part.get(kind))
