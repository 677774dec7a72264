"""The lines of TGI's streams, and what it refuses within one.

A stream of TGI's has begun with 200 before it looks at the request: what it would refuse is then
the first event, with the word that stands for the status elsewhere (`InferError` in
`router/src/infer`).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from argosy.gateway.engines.dialects.base import RefusedInStream

_LARGEST_EVENT: Final = 4 * 1024 * 1024
_STATUS: Final = {
    "validation": 422,
    "template_error": 422,
    "missing_template_variable": 422,
    "tool_error": 422,
    "overloaded": 429,
    "generation": 424,
}
_encoder: Final = msgspec.json.Encoder()


class _Refusal(msgspec.Struct):
    error_type: str = ""


class Lines:
    """Cuts bytes into the payloads of `data:` lines; comments keep a stream alive and are left."""

    def __init__(self) -> None:
        self._carry = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads that are complete."""
        *lines, self._carry = (self._carry + data).split(b"\n")
        if len(self._carry) > _LARGEST_EVENT:
            # No line is so long; what stays unread is an event that the lane refuses.
            lines, self._carry = [b"data:" + self._carry[:100]], b""
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

    def end(self) -> list[bytes]:
        """Return what a last line without its end holds."""
        return self.feed(b"\n") if self._carry else []


def event(value: dict[str, Any]) -> bytes:
    """Return an event of the client's stream."""
    return b"data: " + _encoder.encode(value) + b"\n\n"


def raw_event(payload: bytes) -> bytes:
    """Return what is no event of TGI's, for the lane to refuse."""
    return b"data: " + payload[:100].replace(b"\n", b" ") + b"\n\n"


def refused(payload: bytes) -> RefusedInStream:
    """Return the refusal that the first event of a stream is."""
    told = msgspec.json.decode(payload, type=_Refusal)
    return RefusedInStream(_STATUS.get(told.error_type, 500), payload)
