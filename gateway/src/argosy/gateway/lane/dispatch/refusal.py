"""What a client is told of an engine's refusal or loss: the reason, without the engine's insides.

Knows statuses, how engines word things, and when it is worth coming back. Does not know how the
refusal came about.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from typing import Final

from argosy.gateway.engines.dialects.base import engine_message
from argosy.gateway.engines.failures import (
    AdapterRefused,
    EngineError,
    EngineTimeout,
    MalformedAnswer,
)
from argosy.gateway.engines.replica import Replica
from argosy.gateway.errors import (
    EngineFailed,
    EngineRefused,
    NoReplica,
    UpstreamDisconnected,
    UpstreamMalformed,
    UpstreamTimeout,
)
from argosy.kit.errors import ApiError, Unavailable

# Seconds: where an engine does not say when it can be asked again, and the most that is believed.
_PAUSE: Final = 2
_LONGEST_PAUSE: Final = 60
_NO_REPLICA: Final = 2
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


def late(seconds: float, *, stream: bool) -> UpstreamTimeout:
    """Return what a client is told whose engine did not begin, or answer in one piece, in time."""
    if stream:
        return UpstreamTimeout(
            f"The model's engine did not begin its answer within {seconds:g} s, the limit of this "
            "server. Try again."
        )
    return UpstreamTimeout(
        f"The model's engine gave no answer within {seconds:g} s, the limit of this server for one "
        "that does not stream. Ask for fewer tokens, or set 'stream'."
    )


def public(error: EngineError) -> ApiError:
    """Return what a client is told of a failure between the gateway and an engine."""
    if isinstance(error, EngineTimeout):
        return UpstreamTimeout(
            "The model's engine sent nothing for too long. Try again, or ask for fewer tokens."
        )
    if isinstance(error, MalformedAnswer):
        return UpstreamMalformed(
            "The model's engine sent an answer that cannot be read. Try again."
        )
    if isinstance(error, AdapterRefused):
        return NoReplica(
            "The model's adapter could not be loaded. Try again in a few seconds.",
            code="adapter_not_loaded",
        )
    return UpstreamDisconnected("The connection to the model's engine was lost. Try again.")


def unservable(
    model_id: str, replicas: Sequence[Replica], now: float, rng: random.Random
) -> NoReplica:
    """Return the error where no replica may be asked; `now` is the replicas' time.

    It tells when the first one may be there again, spread so that not all come back at once.
    """
    if not replicas:
        why = "its pool has no replicas"
    elif any(replica.ready for replica in replicas):
        why = "no engine of its pool that is up has it"
    else:
        why = "all its replicas are down"
    times = [t for r in replicas for t in (r.ejection.until, r.busy_until) if r.ready and t > now]
    seconds = min([_NO_REPLICA, *(t - now for t in times)]) + _NO_REPLICA * rng.random()
    return NoReplica(
        f"No engine can serve the model {model_id!r} right now: {why}. Try again in a few seconds.",
        headers=_again_in(max(1.0, seconds)),
    )


def retry_after(error: ApiError) -> float:
    """Return the seconds that the error asks to wait."""
    told = dict(error.headers).get(b"retry-after", b"")
    return float(told) if told.isdigit() else float(_PAUSE)


def _again_in(seconds: float) -> list[tuple[bytes, bytes]]:
    """Return the headers that ask to wait; the SDKs take the finer one."""
    return [
        (b"retry-after", b"%d" % math.ceil(seconds)),
        (b"retry-after-ms", b"%d" % math.ceil(seconds * 1000)),
    ]


def refusal(status: int, body: bytes, wait: bytes = b"") -> ApiError:
    """Return the error for an engine's answer other than 200; `wait` is its `Retry-After`.

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
            headers=[(b"retry-after", b"%d" % _seconds(wait))],
        )
    return EngineFailed(
        "The model's engine failed on this request. Try again; if it stays, give the x-request-id "
        "of this answer to the operator."
    )


def _seconds(wait: bytes) -> int:
    """Return an engine's `Retry-After`; dates, which no engine sends, are not read."""
    if not wait.isdigit():
        return _PAUSE
    return min(max(int(wait[:9]), _PAUSE), _LONGEST_PAUSE)
