"""A stream's chunk that is like the one before it but for its text, told by its bytes.

All chunks of a stream but the first and the last few differ in one string. Where that string was
valid JSON with a text, another one of plain ASCII in its place is too, and says as much to whoever
counts: only the string is looked at. Knows where the text stands; does not know what a chunk says.
"""

from __future__ import annotations

import re
from typing import Final

# Without escapes, controls and what is not ASCII: what the parser would not have to judge.
_PLAIN: Final = re.compile(rb"[ !#-\[\]-~]+")
# Quotes within a string are escaped: after these bytes a value begins, wherever they stand.
_TEXT: Final = re.compile(rb'"(?:content|text|reasoning|reasoning_content)": ?"([ !#-\[\]-~]+)"')
# Chunks learned in vain, one after the other, until it is given up: with log-probabilities, or a
# count of their own, no two are alike.
_PATIENCE: Final = 8


class Likeness:
    """The last chunk that was worth it."""

    __slots__ = ("_after", "_before", "_vain")

    def __init__(self) -> None:
        self._before = b""
        self._after = b""
        self._vain = 0

    def holds(self, event: bytes) -> bool:
        """Tell whether `event` is the last one to the byte, but for its text."""
        before, after = self._before, self._after
        if (
            not before
            or not event.startswith(before)
            or not event.endswith(after)
            or _PLAIN.fullmatch(event, len(before), len(event) - len(after)) is None
        ):
            return False
        self._vain = 0
        return True

    def learn(self, event: bytes) -> None:
        """Remember `event`, a valid one with a text."""
        if self._vain >= _PATIENCE:
            return
        self._vain += 1
        self._before = b""
        found = _TEXT.search(event)
        if found is not None:
            self._before, self._after = event[: found.start(1)], event[found.end(1) :]
