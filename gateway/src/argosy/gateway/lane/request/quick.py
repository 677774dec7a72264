"""The quick way to judge a body: one decoding into what nearly all clients send.

Holds the bounds of `parameters.py` once more, as types, for the plain fields. What it takes, the
table takes, with the same reading (`tests/unit/gateway/test_lane_quick.py` holds them to each
other); what it does not take is judged by the table, in words. Knows no errors.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

_TOKENS: Final = 2**31 - 1

_Tokens = Annotated[int, Meta(ge=1, le=_TOKENS)]
_Count = Annotated[int, Meta(ge=1, le=128)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_Stop = Annotated[str, Meta(max_length=1000)]


class _Options(Struct, forbid_unknown_fields=True):
    include_usage: bool | UnsetType = UNSET


class _Message(Struct, forbid_unknown_fields=True):
    role: Literal["developer", "system", "user", "assistant", "tool", "function"]
    content: str


class Quick(Struct, forbid_unknown_fields=True):
    """What both routes share. A field that is absent, or null, is not in the quick way's reach."""

    model: Annotated[str, Meta(min_length=1, max_length=512)]
    stream: bool = False
    stream_options: _Options | UnsetType = UNSET
    max_tokens: _Tokens | UnsetType = UNSET
    n: _Count | UnsetType = UNSET
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | UnsetType = UNSET
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=16)] | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType = UNSET
    top_p: _Share | UnsetType = UNSET
    top_k: Annotated[int, Meta(ge=-1, le=_TOKENS)] | UnsetType = UNSET
    min_p: _Share | UnsetType = UNSET
    frequency_penalty: _Penalty | UnsetType = UNSET
    presence_penalty: _Penalty | UnsetType = UNSET
    repetition_penalty: Annotated[float, Meta(ge=0.01, le=10)] | UnsetType = UNSET
    min_tokens: Annotated[int, Meta(ge=0, le=_TOKENS)] | UnsetType = UNSET
    ignore_eos: bool | UnsetType = UNSET


class QuickChat(Quick, forbid_unknown_fields=True, kw_only=True):
    """`/v1/chat/completions`."""

    messages: Annotated[list[_Message], Meta(min_length=1, max_length=8192)]
    max_completion_tokens: _Tokens | UnsetType = UNSET


class QuickCompletion(Quick, forbid_unknown_fields=True, kw_only=True):
    """`/v1/completions`."""

    prompt: str


class _Named(Struct):
    model: str


_NAMED: Final = msgspec.json.Decoder(_Named)
_CHAT: Final = msgspec.json.Decoder(QuickChat)
_COMPLETION: Final = msgspec.json.Decoder(QuickCompletion)


def quick_chat(body: bytes) -> QuickChat | None:
    """Return the body of a chat completion, or None if the table must judge it."""
    try:
        found = _CHAT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if found.stream_options is not UNSET and not found.stream else found


def quick_completion(body: bytes) -> QuickCompletion | None:
    """Return the body of a completion, or None if the table must judge it."""
    try:
        found = _COMPLETION.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if found.stream_options is not UNSET and not found.stream else found


def named_model(body: bytes) -> str | None:
    """Return the model that a body names, or None if it cannot be told; judges nothing."""
    try:
        return _NAMED.decode(body).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
