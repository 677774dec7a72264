"""What a client is told of an engine's refusal: the engine's reason, without its insides.

Knows statuses and how engines word things. Does not know how the refusal came about.
"""

from __future__ import annotations

import re
from typing import Final

from argosy.gateway.engines.dialects.base import engine_message
from argosy.gateway.errors import EngineFailed, EngineRefused
from argosy.kit.errors import ApiError, Unavailable

_LONGEST: Final = 1000
_INSIDES: Final = re.compile(r"Traceback \(most recent call last\).*|File \"[^\n]*", re.DOTALL)
_PATH: Final = re.compile(r"(?<![\w.])/(?:[\w.@+-]+/)+[\w.@+-]*")
# vLLM repeats the name of its own field at the end.
_OWN_FIELD: Final = re.compile(r"\s*\(parameter=[^()]*\)$")
_TOO_LONG: Final = re.compile(r"maximum context length|longer than the maximum model length", re.I)


def clean(message: str) -> str:
    """Return an engine's message without stack traces, file names and excess."""
    cleaned = _OWN_FIELD.sub("", _PATH.sub("…", _INSIDES.sub("", message)).strip())
    return cleaned if len(cleaned) <= _LONGEST else cleaned[:_LONGEST] + "…"


def refusal(status: int, body: bytes) -> ApiError:
    """Return the error for an engine's answer other than 200.

    400 and 422 are the client's to mend. 429 and 503 mean that the engine has enough to do. The
    rest, 401 and 404 too, is between the gateway and its engine and says nothing of the request.
    """
    if status in {400, 413, 422}:
        told = engine_message(body)
        message = clean(told.message) or "The engine refused the request without a reason."
        if _TOO_LONG.search(message):
            # The engine names a field of its own; prompt and answer together are at fault.
            return EngineRefused(message, code="context_length_exceeded")
        return EngineRefused(message, param=told.param)
    if status in {429, 503}:
        return Unavailable(
            "The model's engine is overloaded. Try again in a few seconds.",
            code="engine_overloaded",
        )
    return EngineFailed(
        "The model's engine failed on this request. Try again; if it stays, give the x-request-id "
        "of this answer to the operator."
    )
