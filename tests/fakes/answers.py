"""What vLLM's OpenAI routes answer, made of counted tokens and hashes instead of a model.

A completion's tokens are `t0 t1 t2 …`; a vector depends on its input alone. Knows shapes, not time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

DIMENSIONS: Final = 8


# `#answers:BASE64#` in a prompt: a JSON list of what the choices of an answer in one piece say.
_SCRIPT: Final = re.compile(r"#answers:([A-Za-z0-9+/=]+)#")


def script(*answers: str) -> str:
    """Return words that make the engine answer so, in whatever prompt they stand."""
    return f"#answers:{base64.b64encode(json.dumps(answers).encode()).decode()}#"


def _scripted(request: dict[str, Any]) -> list[str]:
    found = _SCRIPT.search(json.dumps(request.get("messages") or []))
    answers: list[str] = json.loads(base64.b64decode(found[1])) if found else []
    return answers


def _mark(request: dict[str, Any]) -> str:
    """Return what tells answers to different questions apart."""
    asked = request.get("messages") or request.get("prompt")
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]


class Completion:
    """One answer's content, whole or in events. `cached` tokens of the prompt cost nothing."""

    def __init__(
        self, path: str, request: dict[str, Any], model: str, tokens: int, cached: int = 0
    ) -> None:
        self._chat = path.startswith("/v1/chat")
        self.request = request
        self.tokens = tokens
        self.cached = cached
        self.sent = 0
        # Whether a stream says what it used, and whether this answer has said so.
        options = request.get("stream_options") or {}
        self.tells = bool(options.get("include_usage"))
        # Whether each event says what its answer has come to, as vLLM does.
        self.counts = self.tells and bool(options.get("continuous_usage_stats"))
        self._written: dict[int, int] = {}
        self.told = False
        self._choices = range(request.get("n") or 1)
        self._head = {
            "id": f"{'chatcmpl' if self._chat else 'cmpl'}-{_mark(request)}",
            "created": int(time.time()),
            "model": model,
        }
        read, written = prompt_tokens(request), tokens * len(self._choices)
        self._usage = {
            "prompt_tokens": read,
            "total_tokens": read + written,
            "completion_tokens": written,
            "prompt_tokens_details": {"cached_tokens": cached},
        }

    def used(self) -> dict[str, Any]:
        """Return what the engine worked on so far, `told` or not."""
        return {
            "model": self._head["model"],
            "input_tokens": self._usage["prompt_tokens"],
            "cached_input_tokens": self.cached,
            "output_tokens": self.sent * len(self._choices),
            "told": self.told,
        }

    def whole(self, padding: str = "") -> dict[str, Any]:
        """Return the answer in one piece; each token ends with `padding`."""
        text = "".join(f"t{i} {padding}" for i in range(self.tokens))
        choices = []
        scripted = _scripted(self.request)
        for index in self._choices:
            if scripted:
                text = scripted[index % len(scripted)]
            choice: dict[str, Any] = {"index": index, "finish_reason": "length", "logprobs": None}
            if self._chat:
                choice["message"] = {"role": "assistant", "content": text, "refusal": None}
                if self.request.get("logprobs"):
                    listed = [_logprob(f"t{i} ") for i in range(self.tokens)]
                    choice["logprobs"] = {"content": listed, "refusal": None}
            else:
                choice["text"] = text
            choices.append(choice)
        kind = "chat.completion" if self._chat else "text_completion"
        return self._head | {"object": kind, "choices": choices, "usage": self._usage}

    def events(self, padding: str = "") -> Iterator[tuple[str, bool]]:
        """Yield each event's data and whether it holds a token, which ends with `padding`."""
        if self._chat:
            for index in self._choices:
                yield self._chunk(index, "", None, role=True), False
        for i in range(self.tokens):
            finish = "length" if i == self.tokens - 1 else None
            for index in self._choices:
                yield self._chunk(index, f"t{i} {padding}", finish), True
        if self.tells:
            yield self._dump({"choices": [], "usage": self._usage}), False
        yield "[DONE]", False

    def _chunk(self, index: int, text: str, finish: str | None, *, role: bool = False) -> str:
        choice: dict[str, Any] = {"index": index, "logprobs": None, "finish_reason": finish}
        if self._chat:
            choice["delta"] = {"role": "assistant"} if role else {}
            choice["delta"]["content"] = text
        else:
            choice["text"] = text
        if not self.counts:
            return self._dump({"choices": [choice]})
        written = self._written[index] = self._written.get(index, 0) + (not role)
        read = self._usage["prompt_tokens"]
        counted = {"prompt_tokens": read, "total_tokens": read + written}
        return self._dump({"choices": [choice], "usage": counted | {"completion_tokens": written}})

    def _dump(self, rest: dict[str, Any]) -> str:
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return json.dumps(self._head | {"object": kind} | rest, separators=(",", ":"))


class PrefixCache:
    """Which prompts were read before, under which salt: vLLM hashes the salt into each block."""

    def __init__(self) -> None:
        self._seen: set[tuple[str | None, str]] = set()

    def read(self, request: dict[str, Any]) -> int:
        """Return how many of the prompt's tokens are cached; keep the prompt."""
        entry = request.get("cache_salt"), _prompt(request)
        if entry in self._seen:
            return prompt_tokens(request)
        self._seen.add(entry)
        return 0


def prompt_tokens(request: dict[str, Any]) -> int:
    """Return the prompt's length: its words."""
    return len(_prompt(request).split())


def embeddings(request: dict[str, Any], model: str) -> dict[str, Any]:
    """Return unit vectors as `/v1/embeddings` does: floats, or base64 of little-endian floats."""
    given = request["input"]
    inputs = given if isinstance(given, list) and not _is_tokens(given) else [given]
    wide = request.get("dimensions") or DIMENSIONS
    vectors = [_vector(json.dumps(each), wide) for each in inputs]
    shown: list[Any] = list(vectors)
    if request.get("encoding_format") == "base64":
        shown = [base64.b64encode(struct.pack(f"<{wide}f", *v)).decode() for v in vectors]
    read = sum(len(each) if _is_tokens(each) else len(str(each).split()) for each in inputs)
    return {
        "id": "embd-fake",
        "object": "list",
        "created": int(time.time()),
        "model": model,
        "data": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(shown)],
        "usage": {
            "prompt_tokens": read,
            "total_tokens": read,
            "completion_tokens": 0,
            "prompt_tokens_details": None,
        },
    }


def error(code: int, kind: str, message: str, param: str | None = None) -> dict[str, Any]:
    """Return vLLM's error body."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _prompt(request: dict[str, Any]) -> str:
    return json.dumps(request.get("messages") or request.get("prompt") or "")


def _is_tokens(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], int)


def _vector(text: str, wide: int) -> list[float]:
    raw = b"".join(
        hashlib.sha256(f"{i} {text}".encode()).digest() for i in range((wide + 31) // 32)
    )
    values = [byte - 127.5 for byte in raw[:wide]]
    length = sum(v * v for v in values) ** 0.5
    return [v / length for v in values]


def _logprob(token: str) -> dict[str, Any]:
    entry = {"token": token, "logprob": -0.5, "bytes": list(token.encode())}
    return entry | {"top_logprobs": [entry]}
