"""A head that comes again and again: known by its bytes, so that it need not be parsed again.

A client sends the same head over a connection, and an engine the same with each answer, but for the
length of the body. What is the same to the byte was judged before; whatever is not goes to the
parser. Knows where a head and its `content-length` end; does not know what a head says.
"""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)\r\n", re.IGNORECASE)
# Heads learned in vain, one after the other, until it is given up: some are never sent again.
_PATIENCE: Final = 8


class Familiar(Generic[T]):
    """The last head that was worth it; `meaning` is what it was parsed into, None for no head."""

    __slots__ = ("_after", "_before", "_digits", "_vain", "meaning")

    def __init__(self, like: Familiar[T] | None = None) -> None:
        """With `like`, what that one knows now is known from the start."""
        self.meaning: T | None = None if like is None else like.meaning
        self._before: bytes = b"" if like is None else like._before
        self._after: bytes = b"" if like is None else like._after
        # How many digits the body's length had the last time.
        self._digits = 1
        self._vain = 0

    def body(self, data: bytes, most: int) -> bytes | None:
        """Return the body if `data` is one whole message with this head, of at most `most` bytes.

        None means that the parser must look, whatever the reason.
        """
        before, after = self._before, self._after
        if not before:
            return None
        # One length alone makes a message of this size with this head.
        rest = len(data) - len(before) - len(after)
        length = rest - self._digits
        told = b"%d" % length
        if len(told) != self._digits:
            self._digits = len(told)
            length = rest - self._digits
            told = b"%d" % length
        if (
            len(told) != self._digits
            or length > most
            or not data.startswith(b"%b%b%b" % (before, told, after))
        ):
            return None
        self._vain = 0
        return data[len(data) - length :]

    @property
    def learns(self) -> bool:
        """Whether `learn` is still worth a call."""
        return self._vain < _PATIENCE

    def learn(self, data: bytes, meaning: T) -> None:
        """Remember the head of `data`, one whole message that the parser has read as `meaning`."""
        if self._vain >= _PATIENCE:
            return
        self._vain += 1
        self.forget()
        end = data.find(b"\r\n\r\n") + 4
        found = list(_LENGTH.finditer(data, 0, end))
        if len(found) == 1:
            self.meaning = meaning
            self._before, self._after = data[: found[0].start(1)], data[found[0].end(1) : end]

    def forget(self) -> None:
        """Know no head."""
        self.meaning, self._before = None, b""
