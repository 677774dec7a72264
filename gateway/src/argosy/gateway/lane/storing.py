"""Completions that a request asks to store: taken from what the client gets, as it gets it.

Only where the project allows it; else a request passes here for the price of one comparison. Knows
the request's and the answer's JSON. Does not know where completions are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
from argosy.gateway.access.caller import Caller

# A larger answer is nobody's example.
_MOST_BYTES: Final = 1 << 20
_STORE: Final = b'"store"'
_DATA: Final = b"data: "


class _Asked(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw(b"[]")
    store: bool | None = None
    stream: bool | None = None
    metadata: dict[str, str] | None = None


_asked: Final = msgspec.json.Decoder(_Asked)


class Keeping:
    """One completion on its way to the client."""

    __slots__ = ("_asked", "_taken", "project_id")

    def __init__(self, project_id: str, asked: _Asked) -> None:
        self.project_id = project_id
        self._asked = asked
        self._taken = bytearray()

    def take(self, data: bytes) -> None:
        """Take note of bytes that the client gets."""
        if len(self._taken) <= _MOST_BYTES:
            self._taken += data

    @property
    def messages(self) -> str:
        """What was asked, as JSON."""
        return bytes(self._asked.messages).decode()

    @property
    def metadata(self) -> dict[str, str]:
        """The tags that the request gives it."""
        return self._asked.metadata or {}

    def completion(self) -> dict[str, Any] | None:
        """Return the completion as OpenAI's object; None if it is too large or makes none."""
        if len(self._taken) > _MOST_BYTES:
            return None
        try:
            if self._asked.stream:
                return _joined(bytes(self._taken))
            found: dict[str, Any] = json.loads(self._taken)
        except (ValueError, KeyError, TypeError):
            return None
        return found


Keep = Callable[[Keeping], None]


def begin(caller: Caller, body: bytes) -> Keeping | None:
    """Return what takes the answer to a request that asks to be stored; None for others."""
    if not caller.stores_completions or _STORE not in body:
        return None
    try:
        asked = _asked.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Wrong requests are refused elsewhere, with words.
        return None
    return Keeping(caller.project_id, asked) if asked.store else None


def _joined(events: bytes) -> dict[str, Any] | None:
    """Return the completion that the chunks of a stream make together."""
    whole: dict[str, Any] | None = None
    choices: dict[int, dict[str, Any]] = {}
    for line in events.split(b"\n"):
        if not line.startswith(_DATA) or line.startswith(b"data: [DONE]"):
            continue
        chunk = json.loads(line[len(_DATA) :])
        whole = whole or {k: chunk[k] for k in ("id", "created", "model") if k in chunk}
        if chunk.get("usage"):
            whole["usage"] = chunk["usage"]
        for part in chunk.get("choices") or []:
            choice = choices.setdefault(
                part["index"],
                {
                    "index": part["index"],
                    "message": {"role": "assistant", "content": "", "refusal": None},
                    "finish_reason": None,
                    "logprobs": None,
                },
            )
            choice["message"]["content"] += (part.get("delta") or {}).get("content") or ""
            choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
    if whole is None:
        return None
    listed = [choices[index] for index in sorted(choices)]
    return whole | {"object": "chat.completion", "choices": listed}
