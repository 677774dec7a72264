"""TGI's answers of `/generate` and `/generate_stream` in OpenAI's form of a completion.

Knows both forms. TGI's own route names no model: what was asked for is put there. An error event
keeps TGI's words; the lane judges them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

import msgspec
from argosy.gateway.engines.dialects.tgi_events import Lines, event, raw_event, refused
from argosy.gateway.engines.dialects.tgi_text import Stops, openai_finish, without_stop

_STOPPED: Final = "stop_sequence"
_encoder: Final = msgspec.json.Encoder()


class _Details(msgspec.Struct):
    finish_reason: str = ""
    generated_tokens: int = 0
    # Only of streams, and only from 2.1 on.
    input_length: int = 0


class _Answer(msgspec.Struct):
    generated_text: str = ""
    details: _Details | None = None


class _Token(msgspec.Struct):
    text: str = ""
    special: bool = False


class _Event(msgspec.Struct):
    token: _Token | None = None
    generated_text: str | None = None
    details: _Details | None = None
    error: str | None = None


_answer: Final = msgspec.json.Decoder(_Answer)
_answers: Final = msgspec.json.Decoder(list[_Answer])
_event: Final = msgspec.json.Decoder(_Event)


class _Completion:
    """What all parts of one answer have in common."""

    def __init__(self, model: str) -> None:
        self._shared = {
            "id": f"cmpl-{uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }

    def choice(self, text: str, finish: str | None, usage: Any = None) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return self._shared | {"choices": [choice], "usage": usage}

    def usage(self, usage: Any) -> dict[str, Any]:
        return self._shared | {"choices": [], "usage": usage}


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


class WholeTranslator:
    """An answer of `/generate`. What is no such answer is passed on, for the lane to refuse."""

    def __init__(
        self, model: str, headers: Mapping[bytes, bytes], stops: Sequence[str] = ()
    ) -> None:
        self._completion = _Completion(model)
        self._stops = stops
        sent = headers.get(b"x-prompt-tokens", b"")
        self._prompt_tokens = int(sent) if sent.isdigit() else 0
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        self._pieces.append(data)
        return b""

    def end(self) -> bytes:
        body = b"".join(self._pieces)
        try:
            # Behind `/`, older versions answer with a list of one.
            answer = _answers.decode(body)[0] if body[:1] == b"[" else _answer.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
            return b"not a completion: " + body[:100]
        details = answer.details or _Details()
        finish = openai_finish(details.finish_reason)
        usage = _usage(self._prompt_tokens, details.generated_tokens)
        text = answer.generated_text
        if details.finish_reason == _STOPPED:
            text = without_stop(text, self._stops)
        return _encoder.encode(self._completion.choice(text, finish, usage))


class StreamTranslator:
    """The events of `/generate_stream`: a token each, the last one with the details."""

    def __init__(self, model: str, stops: Sequence[str] = ()) -> None:
        self._completion = _Completion(model)
        self._stops = Stops(stops)
        self._lines = Lines()
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._line, self._lines.feed(data)))

    def end(self) -> bytes:
        """Return what a last line without its end holds."""
        return b"".join(map(self._line, self._lines.end()))

    def _line(self, payload: bytes) -> bytes:
        try:
            told = _event.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return raw_event(payload)
        if told.error is not None:
            if not self._begun:
                raise refused(payload)
            return event({"error": {"message": told.error, "type": "server_error"}})
        self._begun = True
        text = told.token.text if told.token and not told.token.special else ""
        text = self._stops.feed(text)
        if told.details is None:
            return event(self._completion.choice(text, None)) if text else b""
        details = told.details
        text += self._stops.end(stopped=details.finish_reason == _STOPPED)
        finish = openai_finish(details.finish_reason)
        usage = _usage(details.input_length, details.generated_tokens)
        return (
            event(self._completion.choice(text, finish))
            + event(self._completion.usage(usage))
            + b"data: [DONE]\n\n"
        )
