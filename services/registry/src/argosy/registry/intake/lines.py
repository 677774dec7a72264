"""Splits a stream of bytes into lines, holding at most one line of bounded size."""

from __future__ import annotations

from collections.abc import Iterator

from argosy.registry.intake.problems import Problem


class LineSplitter:
    """Lines end in LF or CRLF; the last one may end with the stream."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._pending = bytearray()
        self.number = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield each line that `chunk` completes, with `number` set to its number from 1.

        Raises Problem as soon as a line is over the limit, before the rest of it is there.
        """
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            yield self._complete(chunk[start:end])
            start = end + 1
        self._check(len(self._pending) + len(chunk) - start)
        self._pending += chunk[start:]

    def finish(self) -> Iterator[bytes]:
        """Yield what is left after the last line end, if anything is."""
        if self._pending:
            yield self._complete(b"")

    def _complete(self, piece: bytes) -> bytes:
        self._check(len(self._pending) + len(piece))
        self.number += 1
        line = bytes(self._pending) + piece if self._pending else piece
        self._pending.clear()
        return line.removesuffix(b"\r")

    def _check(self, size: int) -> None:
        if size > self._limit:
            self.number += 1
            raise Problem("", f"the line is longer than the limit of {self._limit} bytes")
