"""The chat route of TGI 2.4, by its router's source: near OpenAI's form, and not the same.

Not looked at: `max_completion_tokens`, `n`, `top_k`. An id is empty, a stop sequence stays in the
text and is TGI's own reason, use is told with the last token, an error within a stream is left out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

_MAX_TOKENS: Final = 100


def unreadable(request: dict[str, Any]) -> str:
    """Return what cannot be read into its own form of a request; "" if nothing."""
    for name in ("stop", "logit_bias"):
        if request.get(name) is not None and not isinstance(request[name], list):
            return f"{name}: invalid type, expected a sequence"
    form = request.get("response_format")
    if form is not None and (form.get("type") not in {"json", "regex"} or "value" not in form):
        return "response_format: unknown variant, expected `json` or `regex`"
    return ""


def parameters(request: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of generation that it makes of the request."""
    found: dict[str, Any] = {"max_new_tokens": request.get("max_tokens", _MAX_TOKENS)}
    found["stop"] = request.get("stop") or []
    if request.get("temperature"):
        found["temperature"] = request["temperature"]
    for name in ("top_p", "seed", "frequency_penalty"):
        if request.get(name) is not None:
            found[name] = request[name]
    if request.get("presence_penalty") is not None:
        found["repetition_penalty"] = request["presence_penalty"] + 2.0
    if request.get("model", "tgi") != "tgi":
        found["adapter_id"] = request["model"]
    return found


class Chat:
    """One answer, whole or in events."""

    def __init__(self, model: str, request: dict[str, Any], tokens: list[str], finish: str) -> None:
        self._head = {
            "id": "", "created": int(time.time()), "model": model,
            "system_fingerprint": "2.4.1-dev0-native",
        }  # fmt: skip
        self._request = request
        self._tokens = tokens
        self._finish = "stop" if finish == "eos_token" else finish
        read = sum(len(str(message["content"]).split()) for message in request["messages"])
        self._usage = {
            "prompt_tokens": read,
            "completion_tokens": len(tokens),
            "total_tokens": read + len(tokens),
        }

    def whole(self) -> dict[str, Any]:
        """Return the answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._tokens)}
        if self._request.get("tools"):
            function = self._request["tools"][0]["function"]
            arguments = {"place": "here"}
            called = {"description": None, "name": function["name"], "arguments": arguments}
            calls = [{"id": "0", "type": "function", "function": called}]
            message = {"role": "assistant", "tool_calls": calls}
        choice = {
            "index": 0, "message": message, "logprobs": None, "finish_reason": self._finish,
        }  # fmt: skip
        kind = {"object": "chat.completion"}
        return kind | self._head | {"choices": [choice], "usage": self._usage}

    def events(self, last: int | None) -> Iterator[str]:
        """Yield each event's data; nothing but the end follows after `last` tokens."""
        tells = (self._request.get("stream_options") or {}).get("include_usage")
        for index, text in enumerate(self._tokens[:last]):
            ends = index == len(self._tokens) - 1
            choice = {
                "index": 0,
                "delta": {"role": "assistant", "content": text},
                "logprobs": None,
                "finish_reason": self._finish if ends else None,
            }
            chunk = {"object": "chat.completion.chunk"} | self._head | {"choices": [choice]}
            yield json.dumps(chunk | {"usage": self._usage if ends and tells else None})
        yield "[DONE]"
