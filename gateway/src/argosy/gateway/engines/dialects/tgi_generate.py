"""OpenAI's completion request as TGI's `/generate` and `/generate_stream` take it.

Knows both forms of a request. What TGI's route has no form for is refused by name, never dropped:
a client must not get another answer than it asked for.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from argosy.kit.errors import InvalidRequest

# OpenAI's, where the client names none; TGI's own is 100.
_MAX_TOKENS: Final = 16
# What changes the answer and has no counterpart, with the value that asks for nothing.
_NOTHING: Final[dict[str, object]] = {
    "n": 1,
    "echo": False,
    "suffix": "",
    "presence_penalty": 0,
    "logit_bias": {},
    "min_p": 0,
    "min_tokens": 0,
    "stop_token_ids": [],
    "ignore_eos": False,
    "include_stop_str_in_output": False,
    "skip_special_tokens": True,
    "bad_words": [],
}
_ROUTE: Final = "/v1/completions"
_REFUSED: Final = ("logprobs", "response_format", "allowed_token_ids")


class _Asked(msgspec.Struct):
    model: str = ""
    stop: str | list[str] | None = None


def generate_body(body: bytes) -> bytes:
    """Return the engine's request. Raises InvalidRequest for what it cannot do."""
    asked: dict[str, Any] = msgspec.json.decode(body)
    refuse_unsupported(asked, _ROUTE, {})
    for name in _REFUSED:
        if name in asked:
            raise _unsupported(name, _ROUTE)
    parameters: dict[str, Any] = {
        "max_new_tokens": asked.get("max_tokens", _MAX_TOKENS),
        "details": True,
        "return_full_text": False,
    }
    _sampling(asked, parameters)
    if stops := stops_of(asked.get("stop")):
        parameters["stop"] = stops
    if (most := asked.get("truncate_prompt_tokens", -1)) > 0:
        parameters["truncate"] = most
    return msgspec.json.encode({"inputs": _prompt(asked["prompt"]), "parameters": parameters})


def model_and_stops(body: bytes) -> tuple[str, list[str]]:
    """Return what was asked for and where its text is to stop."""
    asked = msgspec.json.decode(body, type=_Asked)
    return asked.model, stops_of(asked.stop)


def refuse_unsupported(asked: dict[str, Any], route: str, more: dict[str, object]) -> None:
    """Raise InvalidRequest for a field that would be dropped; `more` are those of the route."""
    for name, nothing in (_NOTHING | more).items():
        if asked.get(name) not in (None, nothing):
            raise _unsupported(name, route)


def stops_of(stop: str | list[str] | None) -> list[str]:
    """Return the sequences that end an answer, as a list."""
    given = [stop] if isinstance(stop, str) else stop or []
    return [one for one in given if one]


def _sampling(asked: dict[str, Any], parameters: dict[str, Any]) -> None:
    temperature = asked.get("temperature", 1.0)
    # TGI wants a temperature above 0; greedy decoding is what is left when nothing is sampled.
    parameters["do_sample"] = temperature > 0
    if temperature > 0:
        parameters["temperature"] = temperature
        if 0 < (top_p := asked.get("top_p", 1.0)) < 1:
            parameters["top_p"] = top_p
        if (top_k := asked.get("top_k", 0)) > 0:
            parameters["top_k"] = top_k
    if (seed := asked.get("seed")) is not None:
        # TGI's seeds are unsigned.
        parameters["seed"] = seed % 2**64
    for name in ("frequency_penalty", "repetition_penalty"):
        if asked.get(name):
            parameters[name] = asked[name]


def _prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    raise InvalidRequest(
        "This model's engine takes one prompt of text a request. Send 'prompt' as one string; for "
        "several prompts send several requests.",
        param="prompt",
        code="unsupported_parameter",
    )


def _unsupported(name: str, route: str) -> InvalidRequest:
    return InvalidRequest(
        f"This model's engine does not support {name!r} on {route}. Leave it out, or ask a model "
        "of another engine.",
        param=name,
        code="unsupported_parameter",
    )
