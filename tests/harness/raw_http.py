"""HTTP as bytes on a socket, for what no client library would send."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class RawAnswer:
    """One response as it came. Header names are lower case; the last of equal ones is kept."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawConnection:
    """One connection to 127.0.0.1:`port`. Use it as a context."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._timeout = timeout
        self._rest = b""

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes; a peer that has closed already is no error, its answer can still be read."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def until_closed(self) -> bytes:
        """Return all that comes until the peer closes; fail if it does not in time."""
        data, self._rest = self._rest, b""
        give_up = time.monotonic() + self._timeout
        while piece := self._receive(give_up):
            data += piece
        return data

    def answer(self) -> RawAnswer:
        """Read one response with a Content-Length or chunks."""
        give_up = time.monotonic() + self._timeout
        while b"\r\n\r\n" not in self._rest:
            self._more(give_up)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        status, headers = _head(head)
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while (piece := self._chunk(give_up)) is not None:
                body += piece
            return RawAnswer(status, headers, body)
        length = int(headers.get("content-length", "0"))
        while len(self._rest) < length:
            self._more(give_up)
        body, self._rest = self._rest[:length], self._rest[length:]
        return RawAnswer(status, headers, body)

    def _chunk(self, give_up: float) -> bytes | None:
        while b"\r\n" not in self._rest:
            self._more(give_up)
        size_line, _, self._rest = self._rest.partition(b"\r\n")
        size = int(size_line, 16)
        while len(self._rest) < size + 2:
            self._more(give_up)
        piece, self._rest = self._rest[:size], self._rest[size + 2 :]
        return piece if size else None

    def _more(self, give_up: float) -> None:
        piece = self._receive(give_up)
        assert piece, f"the connection ended within an answer: {self._rest[:200]!r}"
        self._rest += piece

    def _receive(self, give_up: float) -> bytes:
        left = give_up - time.monotonic()
        assert left > 0, f"nothing within {self._timeout:g} s; so far {self._rest[:200]!r}"
        self.socket.settimeout(left)
        try:
            return self.socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing within {self._timeout:g} s") from None
        except ConnectionResetError:
            return b""


def answers_of(data: bytes) -> list[RawAnswer]:
    """Split what came on a connection into its responses; all must have a Content-Length."""
    found = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator, f"no response: {head[:200]!r}"
        status, headers = _head(head)
        length = int(headers.get("content-length", "0"))
        found.append(RawAnswer(status, headers, data[:length]))
        data = data[length:]
    return found


def request(
    method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """Return a well-formed request with these headers and its Content-Length."""
    lines = {"host": "gateway", "content-length": str(len(body))} | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def _head(raw: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, value in pairs}
