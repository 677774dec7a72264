"""A request to one replica and its answer, with the deadlines of each step.

Knows how to write HTTP, when an old connection may be replaced, and who gives connections back.
Does not know what is asked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from argosy.gateway.engines.connection import Connection, Sink
from argosy.gateway.engines.connections import Connections
from argosy.gateway.engines.dialects.base import Call
from argosy.gateway.engines.failures import ConnectionLost

# An engine that closes an idle connection just as it is reused is noticed within a round trip. A
# connection that breaks later breaks under a request that the engine had.
_STALE_SECONDS: Final = 1.0
# Bodies that are read whole: completions without streaming, gauges, error bodies.
_LARGEST_BODY: Final = 64 * 1024 * 1024

_KEPT_HEADS: Final = 64
_PORTS: Final = {"http": 80, "https": 443}

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
        return await self._connection.whole(deadline, _LARGEST_BODY)

    def push(self, sink: Sink, silence: float) -> None:
        """Hand all that follows to `sink` as it arrives; see `Connection.push`."""
        self._connection.push(sink, silence)

    def pause(self) -> None:
        """Read no more for now; the engine is slowed down."""
        self._connection.pause()

    def resume(self) -> None:
        """Read on."""
        self._connection.resume()

    def close(self) -> None:
        """Give the connection back, or close it if the answer was not read to its end."""
        if not self._closed:
            self._closed = True
            self._connections.give_back(self._connection)


class Client:
    """Sends requests to one base URL."""

    def __init__(self, url: str, *, key: str, connect_seconds: float) -> None:
        """Raises ValueError for what is no URL of an engine. https is verified, name and chain."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"{url!r} is no engine's URL; write http://host:port or https://host")
        port = parts.port or _PORTS[parts.scheme]
        self._connections = Connections(
            parts.hostname,
            port,
            connect_seconds=connect_seconds,
            tls=ssl.create_default_context() if parts.scheme == "https" else None,
        )
        self._base = parts.path.rstrip("/")
        head = f"host: {parts.hostname}:{port}\r\naccept: */*\r\n"
        if key:
            head += f"authorization: Bearer {key}\r\n"
        self._head = head
        # The same few calls make up all traffic.
        self._heads: dict[tuple[str, str], bytes] = {}

    async def request(self, call: Call, headers: Sequence[Header], deadline: float) -> Reply:
        """Send and wait for the status line and headers of the answer.

        Raises ConnectFailed before anything was sent, else ConnectionLost, EngineTimeout or
        MalformedAnswer. `deadline` is the loop's time.
        """
        message = self._message(call, headers)
        connection = self._connections.idle()
        if connection is not None:
            begun = connection.now()
            try:
                return await self._exchange(connection, message, deadline)
            except ConnectionLost:
                # A fresh connection tells whether the engine itself is gone.
                if not connection.untouched or connection.now() - begun > _STALE_SECONDS:
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
        method, path, body = call
        lines = [self._heads.get((method, path)) or self._start(method, path)]
        for name, value in headers:
            lines.append(b"%b: %b\r\n" % (name, value))
        if body or method == "POST":
            lines.append(b"content-length: %d\r\n\r\n" % len(body))
            lines.append(body)
        else:
            lines.append(b"\r\n")
        return b"".join(lines)

    def _start(self, method: str, path: str) -> bytes:
        """Return the request line and the headers that every request has."""
        start = f"{method} {self._base}{path} HTTP/1.1\r\n{self._head}".encode("ascii")
        if len(self._heads) < _KEPT_HEADS:
            self._heads[method, path] = start
        return start
