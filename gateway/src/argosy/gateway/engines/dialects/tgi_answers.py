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

# TGI's reasons; both of the latter are OpenAI's "stop".
_FINISH: Final = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}
_STOPPED: Final = "stop_sequence"
_LARGEST_EVENT: Final = 4 * 1024 * 1024
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


class _Stops:
    """Keeps stop sequences out of a text that comes in pieces: TGI leaves them in, OpenAI not."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what can be shown; what may be the beginning of a stop sequence is held back."""
        text = self._held + text
        keep = 0
        for stop in self._stops:
            for length in range(min(len(stop), len(text)), keep, -1):
                if text.endswith(stop[:length]):
                    keep = length
                    break
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self, *, stopped: bool) -> str:
        """Return what is left; a stop sequence that ended the text is cut off."""
        held, self._held = self._held, ""
        return _without_stop(held, self._stops) if stopped else held


def _without_stop(text: str, stops: Sequence[str]) -> str:
    ends = [len(text) - len(stop) for stop in stops if text.endswith(stop)]
    return text[: min(ends)] if ends else text


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
        finish = _FINISH.get(details.finish_reason, "stop")
        usage = _usage(self._prompt_tokens, details.generated_tokens)
        text = answer.generated_text
        if details.finish_reason == _STOPPED:
            text = _without_stop(text, self._stops)
        return _encoder.encode(self._completion.choice(text, finish, usage))


class StreamTranslator:
    """The events of `/generate_stream`: a token each, the last one with the details."""

    def __init__(self, model: str, stops: Sequence[str] = ()) -> None:
        self._completion = _Completion(model)
        self._stops = _Stops(stops)
        self._carry = b""

    def feed(self, data: bytes) -> bytes:
        *lines, self._carry = (self._carry + data).split(b"\n")
        if len(self._carry) > _LARGEST_EVENT:
            # No line is so long; what stays unread is an event that the lane refuses.
            return self._raw(self._carry[:100])
        return b"".join(self._line(line) for line in lines if line.startswith(b"data:"))

    def end(self) -> bytes:
        """Return what a last line without its end holds."""
        return self.feed(b"\n") if self._carry else b""

    def _line(self, line: bytes) -> bytes:
        payload = line[5:].strip()
        try:
            event = _event.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._raw(payload)
        if event.error is not None:
            return self._data({"error": {"message": event.error, "type": "server_error"}})
        text = event.token.text if event.token and not event.token.special else ""
        text = self._stops.feed(text)
        if event.details is None:
            return self._data(self._completion.choice(text, None)) if text else b""
        details = event.details
        text += self._stops.end(stopped=details.finish_reason == _STOPPED)
        finish = _FINISH.get(details.finish_reason, "stop")
        usage = _usage(details.input_length, details.generated_tokens)
        return (
            self._data(self._completion.choice(text, finish))
            + self._data(self._completion.usage(usage))
            + b"data: [DONE]\n\n"
        )

    def _data(self, value: dict[str, Any]) -> bytes:
        return b"data: " + _encoder.encode(value) + b"\n\n"

    def _raw(self, payload: bytes) -> bytes:
        return b"data: " + payload[:100].replace(b"\n", b" ") + b"\n\n"
