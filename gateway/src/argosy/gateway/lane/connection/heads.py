"""The heads of the lane's answers, as bytes. Knows HTTP/1.1 framing; does not know connections."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

API_VERSION = b"2020-10-01"

Header = tuple[bytes, bytes]


class Heads:
    """Status lines with the headers that all answers share, made once for each second's date."""

    def __init__(self) -> None:
        self._shared: Sequence[Header] = ()
        self._by_status: dict[int, bytes] = {}

    def start(self, status: int, shared: Sequence[Header]) -> bytes:
        """Return the beginning of a head. `shared` is uvicorn's list, which it never changes."""
        if shared is not self._shared:
            self._shared = shared
            self._by_status.clear()
        found = self._by_status.get(status)
        if found is None:
            found = self._by_status[status] = b"HTTP/1.1 %d %b\r\n%b" % (
                status,
                HTTPStatus(status).phrase.encode() if status in _KNOWN else b"",
                lines([*shared, (b"openai-version", API_VERSION)]),
            )
        return found


_KNOWN = frozenset(int(status) for status in HTTPStatus)


def lines(headers: Sequence[Header]) -> bytes:
    """Return headers as they are written."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])
