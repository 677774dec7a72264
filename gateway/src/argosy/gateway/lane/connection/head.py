"""A request's head: what the lane reads of it, and how the same one is known again.

A client sends the same head again and again over a connection, but for the body's length. Such a
request, if a read holds it whole, need not be parsed: the bytes were judged before. Whatever is not
the same to the byte goes to the parser. Does not know connections.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from argosy.gateway.lane.connection.heads import Header
from argosy.gateway.lane.request.completion import Operation

_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)\r\n", re.IGNORECASE)
_MOST_DIGITS: Final = 9


class Head:
    """A head that was parsed. `length` is the body's, if it was told."""

    __slots__ = (
        "authorization", "chunked", "expects_continue", "explain", "headers", "keep_alive",
        "length", "operation", "traceparent",
    )  # fmt: skip

    def __init__(
        self, operation: Operation, headers: Sequence[Header], *, keep_alive: bool, chunked: bool
    ) -> None:
        self.operation = operation
        self.headers = headers
        self.keep_alive = keep_alive
        # The client reads answers in chunks.
        self.chunked = chunked
        self.authorization: list[bytes] = []
        self.traceparent = b""
        self.explain = b""
        self.expects_continue = False
        self.length: int | None = None
        for name, value in headers:
            if name == b"authorization":
                self.authorization.append(value)
            elif name == b"content-length":
                # llhttp has judged it: digits, and one of it.
                self.length = int(value)
            elif name == b"traceparent":
                self.traceparent = value
            elif name == b"expect":
                self.expects_continue = value.lower() == b"100-continue"
            elif name == b"x-argosy-explain":
                self.explain = value


class Memory:
    """A connection's last head, as the bytes around the digits of its body's length.

    It learns a few times only: some clients never send the same head again.
    """

    __slots__ = ("_after", "_before", "_tries", "head")

    def __init__(self) -> None:
        self.head: Head | None = None
        self._before = b""
        self._after = b""
        self._tries = 8

    def body(self, data: bytes, most: int) -> bytes | None:
        """Return the body if `data` is one whole request with this head, of at most `most` bytes.

        None means that the parser must look, whatever the reason.
        """
        before, after = self._before, self._after
        if not before or not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + _MOST_DIGITS + 1)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(after, end):
            return None
        start = end + len(after)
        length = int(digits)
        return data[start:] if length == len(data) - start and length <= most else None

    def learn(self, data: bytes, head: Head) -> None:
        """Remember `head`, which the parser has made of `data`, one whole request, if it is plain.

        One that may be handed over is not: its headers must be those that came.
        """
        if not self._tries:
            return
        self._tries -= 1
        self.head, self._before = None, b""
        plain = head.keep_alive and not head.expects_continue and head.length is not None
        if not plain or head.operation is Operation.EMBEDDING or data.count(b"\r\n\r\n") != 1:
            return
        end = data.find(b"\r\n\r\n") + 4
        found = list(_LENGTH.finditer(data, 0, end))
        if len(found) == 1:
            self.head = head
            self._before, self._after = data[: found[0].start(1)], data[found[0].end(1) : end]
