"""OpenAI's chat requests as TGI's own chat route takes them, and its answers as OpenAI's.

After the router of TGI 2.4 (`router/src/lib.rs`, `server.rs`): its fields have OpenAI's names and
in part other meanings. `max_completion_tokens` is unknown to it, `n` is not looked at, `stop` is a
list, a `model` other than "tgi" is an adapter's, a presence penalty becomes a repetition penalty
of 2 more. Answers keep the stop sequence and TGI's word for it, the arguments of tools are no text,
use is told with the last token, and an error within a stream is left out: it ends early.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import msgspec
from argosy.gateway.engines.dialects.tgi_events import Lines, event, raw_event, refused
from argosy.gateway.engines.dialects.tgi_generate import refuse_unsupported, stops_of
from argosy.gateway.engines.dialects.tgi_text import Stops, openai_finish, without_stop
from argosy.kit.errors import InvalidRequest

# What changes the answer and is not looked at there, beside what `/generate` has no form for.
_NOTHING: Final[dict[str, object]] = {"top_k": -1, "repetition_penalty": 1}
_ROUTE: Final = "/v1/chat/completions"
_LOST: Final = "The model's engine ended its answer without a reason, as it does when it fails."


def chat_body(body: bytes) -> bytes:
    """Return the engine's request. Raises InvalidRequest for what it cannot do."""
    asked: dict[str, Any] = msgspec.json.decode(body)
    if asked.get("top_k") == 0:
        del asked["top_k"]
    refuse_unsupported(asked, _ROUTE, _NOTHING)
    for name in (*_NOTHING, "n", "logit_bias", "presence_penalty"):
        asked.pop(name, None)
    asked["model"] = "tgi"
    most = asked.pop("max_completion_tokens", None)
    if most is not None:
        asked["max_tokens"] = most
    stops = stops_of(asked.pop("stop", None))
    if stops:
        asked["stop"] = stops
    if asked.get("top_p", 0.5) >= 1:
        # It wants less than 1, which is what leaving it out means.
        del asked["top_p"]
    if asked.get("seed") is not None:
        asked["seed"] %= 2**64
    wanted = asked.pop("response_format", None) or {}
    if (grammar := _grammar(wanted)) is not None:
        asked["response_format"] = grammar
    return msgspec.json.encode(asked)


def _grammar(wanted: dict[str, Any]) -> dict[str, Any] | None:
    kind = wanted.get("type", "text")
    if kind == "text":
        return None
    if kind == "json_schema":
        return {"type": "json", "value": wanted.get("json_schema", {}).get("schema", {})}
    raise InvalidRequest(
        f"This model's engine does not support the response format {kind!r}. Send a schema: "
        "'json_schema'.",
        param="response_format",
        code="unsupported_parameter",
    )


class _Chat:
    """What all parts of one answer have in common."""

    def __init__(self, model: str) -> None:
        self._own = {"id": f"chatcmpl-{uuid4().hex}", "model": model}
        self._created = int(time.time())

    def named(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Put an id, which TGI leaves empty, and the client's name for the model there."""
        return {"object": "chat.completion.chunk", "created": self._created} | answer | self._own


class ChatWhole:
    """An answer in one piece. What is no such answer is passed on, for the lane to refuse."""

    def __init__(self, model: str, stops: Sequence[str]) -> None:
        self._chat = _Chat(model)
        self._stops = stops
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        self._pieces.append(data)
        return b""

    def end(self) -> bytes:
        body = b"".join(self._pieces)
        try:
            answer: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
            for choice in answer["choices"]:
                self._choice(choice)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
            return b"not a chat completion: " + body[:100]
        return msgspec.json.encode(self._chat.named(answer))

    def _choice(self, choice: dict[str, Any]) -> None:
        message, reason = choice["message"], choice.get("finish_reason") or ""
        if reason == "stop_sequence" and isinstance(message.get("content"), str):
            message["content"] = without_stop(message["content"], self._stops)
        calls = message.get("tool_calls") or []
        for call in calls:
            function = call["function"]
            if not isinstance(function.get("arguments"), str):
                function["arguments"] = msgspec.json.encode(function.get("arguments")).decode()
            function.pop("description", None)
        if calls:
            message.setdefault("content", None)
        choice["finish_reason"] = "tool_calls" if calls else openai_finish(reason)


class ChatStream:
    """The events of a stream; the last one with a token ends it, and [DONE] follows."""

    def __init__(self, model: str, stops: Sequence[str]) -> None:
        self._chat = _Chat(model)
        self._stops = Stops(stops)
        self._lines = Lines()
        self._begun = self._finished = self._calls = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._line, self._lines.feed(data)))

    def end(self) -> bytes:
        """Return what a last line without its end holds."""
        return b"".join(map(self._line, self._lines.end()))

    def _line(self, payload: bytes) -> bytes:
        if payload == b"[DONE]":
            return b"data: [DONE]\n\n" if self._finished else event(_error(_LOST))
        try:
            chunk: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return raw_event(payload)
        if "error" in chunk:
            if not self._begun:
                raise refused(payload)
            told = chunk["error"]
            return event(_error(told["message"] if isinstance(told, dict) else str(told)))
        self._begun = True
        return self._chunk(chunk)

    def _chunk(self, chunk: dict[str, Any]) -> bytes:
        usage = chunk.pop("usage", None)
        passed = b""
        choices = chunk.get("choices") or []
        for choice in choices:
            self._choice(choice)
        if choices:
            passed = event(self._chat.named(chunk))
        if usage is not None:
            passed += event(self._chat.named(chunk | {"choices": [], "usage": usage}))
        return passed

    def _choice(self, choice: dict[str, Any]) -> None:
        delta, reason = choice.setdefault("delta", {}), choice.get("finish_reason")
        calls = delta.get("tool_calls")
        if calls is not None:
            self._calls = True
            delta["tool_calls"] = calls if isinstance(calls, list) else [calls]
        text = self._stops.feed(delta.get("content") or "")
        if reason:
            self._finished = True
            text += self._stops.end(stopped=reason == "stop_sequence")
            choice["finish_reason"] = "tool_calls" if self._calls else openai_finish(reason)
        if text or calls is None:
            delta["content"] = text


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "server_error"}}
