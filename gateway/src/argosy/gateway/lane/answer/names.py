"""The model's name in an answer, where the client called it otherwise than its engine does.

Knows where the name stands in an answer's bytes: inside of a JSON string every quote is escaped, so
that `"model":"…"` with bare quotes is always a member of an object. Changes nothing else.
"""

from __future__ import annotations

import msgspec


class Renamed:
    """Puts `wanted` in the place of the engine's name."""

    def __init__(self, engines: str, wanted: str) -> None:
        old, new = msgspec.json.encode(engines), msgspec.json.encode(wanted)
        self._pairs = tuple((start + old, start + new) for start in (b'"model":', b'"model": '))

    def __call__(self, data: bytes) -> bytes:
        """Return whole JSON values, or whole events, with the client's name."""
        for old, new in self._pairs:
            data = data.replace(old, new)
        return data
