"""What goes back, in OpenAI's shapes: whole answers and the events of a stream."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from argosy.engine.asks import Piece, TokenProbability

Json = dict[str, Any]


@dataclass(slots=True)
class Choice:
    """One answer as it grows."""

    texts: list[str] = field(default_factory=list)
    probabilities: list[TokenProbability] = field(default_factory=list)
    finish: str | None = None
    stop_reason: str | int | None = None

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        self.texts.append(piece.text)
        self.probabilities += piece.probabilities
        self.finish, self.stop_reason = piece.finish, piece.stop_reason


class Form:
    """One answer's frame. `chat` or a plain completion; `told`: with probabilities."""

    def __init__(self, model: str, *, chat: bool, told: bool) -> None:
        self._chat = chat
        self._told = told
        name = "chat.completion" if chat else "text_completion"
        self._whole = name
        self._head: Json = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "object": "chat.completion.chunk" if chat else name,
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, choices: Sequence[Choice], usage: Json) -> Json:
        """Return the answer in one piece."""
        told = []
        for index, choice in enumerate(choices):
            text = "".join(choice.texts)
            said: Json = (
                {"message": {"role": "assistant", "content": text, "refusal": None}}
                if self._chat
                else {"text": text}
            )
            told.append(
                {
                    "index": index,
                    **said,
                    "logprobs": self._logprobs(choice.probabilities),
                    "finish_reason": choice.finish,
                    "stop_reason": choice.stop_reason,
                }
            )
        return {**self._head, "object": self._whole, "choices": told, "usage": usage}

    def first(self, index: int, usage: Json | None) -> Json:
        """Return the event that says who speaks; only chats have one."""
        return self._event(index, {"delta": {"role": "assistant", "content": ""}}, None, usage)

    def piece(self, piece: Piece, usage: Json | None) -> Json:
        """Return the event of one piece."""
        said: Json = {"delta": {"content": piece.text}} if self._chat else {"text": piece.text}
        event = self._event(piece.choice, said, piece.finish, usage)
        event["choices"][0]["logprobs"] = self._logprobs(piece.probabilities)
        if piece.finish is not None:
            event["choices"][0]["stop_reason"] = piece.stop_reason
        return event

    def last(self, usage: Json) -> Json:
        """Return the event that says what was used."""
        return {**self._head, "choices": [], "usage": usage}

    def _event(self, index: int, said: Json, finish: str | None, usage: Json | None) -> Json:
        choice = {"index": index, **said, "logprobs": None, "finish_reason": finish}
        event: Json = {**self._head, "choices": [choice]}
        if usage is not None:
            event["usage"] = usage
        return event

    def _logprobs(self, told: Sequence[TokenProbability]) -> Json | None:
        if not self._told:
            return None
        if self._chat:
            return {"content": [_chat_logprob(one) for one in told], "refusal": None}
        offsets, at = [], 0
        for one in told:
            offsets.append(at)
            at += len(one.token)
        return {
            "tokens": [one.token for one in told],
            "token_logprobs": [one.logprob for one in told],
            "top_logprobs": [dict(one.alternatives) or None for one in told],
            "text_offset": offsets,
        }


def usage(read: int, written: int) -> Json:
    """Return what was used."""
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def _chat_logprob(one: TokenProbability) -> Json:
    return {
        **_token(one.token, one.logprob),
        "top_logprobs": [_token(token, logprob) for token, logprob in one.alternatives],
    }


def _token(token: str, logprob: float) -> Json:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", "replace"))}
