"""A request to one replica and its answer, with the deadlines of each step.

Knows how to write HTTP, when an old connection may be replaced, and who gives connections back.
Does not know what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from argosy.gateway.engines.connection import Connection
from argosy.gateway.engines.connections import Connections
from argosy.gateway.engines.dialects.base import Call
from argosy.gateway.engines.failures import ConnectionLost, MalformedAnswer

# An engine that closes an idle connection just as it is reused is noticed within a round trip. A
# connection that breaks later breaks under a request that the engine had.
_STALE_SECONDS: Final = 1.0
# Bodies that are read whole: completions without streaming, gauges, error bodies.
_LARGEST_BODY: Final = 64 * 1024 * 1024

Header = tuple[bytes, bytes]


class Reply:
    """An answer under way. Read it to its end or not: `close` does what is right."""

    def __init__(self, connection: Connection, connections: Connections) -> None:
        self._connection = connection
        self._connections = connections
        self._closed = False
        self.status = connection.status
        self.headers = connection.headers

    async def read(self, deadline: float) -> bytes:
        """Return the next bytes, b"" at the end. `deadline` is the loop's time."""
        return await self._connection.read(deadline)

    async def read_all(self, deadline: float) -> bytes:
        """Return the whole body. Raises MalformedAnswer if it is larger than 64 MiB."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self._connection.read(deadline):
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST_BODY:
                raise MalformedAnswer(f"The engine's answer is larger than {_LARGEST_BODY} bytes.")
        return b"".join(pieces)

    def close(self) -> None:
        """Give the connection back, or close it if the answer was not read to its end."""
        if not self._closed:
            self._closed = True
            self._connections.give_back(self._connection)


class Client:
    """Sends requests to one base URL."""

    def __init__(self, url: str, *, key: str, connect_seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is no engine's URL; write http://host:port")
        port = parts.port or 80
        self._connections = Connections(parts.hostname, port, connect_seconds=connect_seconds)
        self._base = parts.path.rstrip("/")
        head = f"host: {parts.hostname}:{port}\r\naccept: */*\r\n"
        if key:
            head += f"authorization: Bearer {key}\r\n"
        self._head = head.encode("ascii")

    async def request(self, call: Call, headers: Sequence[Header], deadline: float) -> Reply:
        """Send and wait for the status line and headers of the answer.

        Raises ConnectFailed before anything was sent, else ConnectionLost, EngineTimeout or
        MalformedAnswer. `deadline` is the loop's time.
        """
        message = self._message(call, headers)
        connection = self._connections.idle()
        if connection is not None:
            now = asyncio.get_running_loop().time
            begun = now()
            try:
                return await self._exchange(connection, message, deadline)
            except ConnectionLost:
                # A fresh connection tells whether the engine itself is gone.
                if not connection.untouched or now() - begun > _STALE_SECONDS:
                    raise
        return await self._exchange(await self._connections.connect(), message, deadline)

    async def fetch(self, call: Call, seconds: float) -> tuple[int, bytes]:
        """Make a small call and return status and body, all within `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        headers = [(b"content-type", b"application/json")] if call.body else []
        reply = await self.request(call, headers, deadline)
        try:
            return reply.status, await reply.read_all(deadline)
        finally:
            reply.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    async def _exchange(self, connection: Connection, message: bytes, deadline: float) -> Reply:
        try:
            connection.send(message)
            await connection.head(deadline)
        except BaseException:
            # Also on cancellation: an answer that nobody waits for must stop at the engine.
            connection.abort()
            raise
        return Reply(connection, self._connections)

    def _message(self, call: Call, headers: Sequence[Header]) -> bytes:
        lines = [
            f"{call.method} {self._base}{call.path} HTTP/1.1\r\n".encode("ascii"),
            self._head,
        ]
        lines += [name + b": " + value + b"\r\n" for name, value in headers]
        if call.body or call.method == "POST":
            lines.append(b"content-length: %d\r\n" % len(call.body))
        lines.append(b"\r\n")
        lines.append(call.body)
        return b"".join(lines)
