"""A request to one replica and its answer, with the deadlines of each step.

Knows how to write HTTP, when an old connection may be replaced, and who gives connections back.
Does not know what is asked.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final
from urllib.parse import urlsplit

from argosy.gateway.engines.call import Call
from argosy.gateway.engines.connection import Connection, Sink
from argosy.gateway.engines.connections import Connections
from argosy.gateway.engines.failures import ConnectionLost
from argosy.gateway.steps import in_task

# An engine that closes an idle connection just as it is reused is noticed within a round trip. A
# connection that breaks later breaks under a request that the engine had.
_STALE_SECONDS: Final = 1.0
# Bodies that are read whole: completions without streaming, gauges, error bodies.
_LARGEST_BODY: Final = 64 * 1024 * 1024

_KEPT_HEADS: Final = 64
_PORTS: Final = {"http": 80, "https": 443}


class Reply:
    """An answer under way. Read it to its end or not: `close` does what is right."""

    __slots__ = ("_closed", "_connection", "_connections", "headers", "status")

    def __init__(self, connection: Connection, connections: Connections) -> None:
        self._connection = connection
        self._connections = connections
        self._closed = False
        self.status = connection.status
        self.headers = connection.headers

    async def read(self, deadline: float) -> bytes:
        """Return the next bytes, b"" at the end. `deadline` is the loop's time."""
        return await self._connection.read(deadline)

    def read_all_now(self) -> bytes | None:
        """Return the whole body if it is here; else None, and `read_all` waits for it."""
        return self._connection.whole_now()

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

    async def request(self, call: Call, headers: bytes, deadline: float) -> Reply:
        """Send and wait for the status line and headers of the answer.

        `headers` are whole lines. Raises ConnectFailed before anything was sent, else
        ConnectionLost, EngineTimeout or MalformedAnswer. `deadline` is the loop's time.
        """
        message = self._message(call, headers)
        connection = self._connections.idle()
        used = connection is not None
        if connection is None:
            connection = await in_task(self._connections.connect())
        begun = connection.now()
        while True:
            try:
                connection.send(message)
                await connection.head(deadline)
            except ConnectionLost:
                connection.abort()
                # A fresh connection tells whether the engine itself is gone.
                late = connection.now() - begun > _STALE_SECONDS
                if not used or late or not connection.untouched:
                    raise
            except BaseException:
                # Also on cancellation: an answer that nobody waits for must stop at the engine.
                connection.abort()
                raise
            else:
                return Reply(connection, self._connections)
            used = False
            connection = await in_task(self._connections.connect())

    async def fetch(self, call: Call, seconds: float) -> tuple[int, bytes]:
        """Make a small call and return status and body, all within `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        headers = b"content-type: application/json\r\n" if call.body else b""
        reply = await self.request(call, headers, deadline)
        try:
            return reply.status, await reply.read_all(deadline)
        finally:
            reply.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    def _message(self, call: Call, headers: bytes) -> bytes:
        method, path, body = call.method, call.path, call.body
        start = self._heads.get((method, path)) or self._start(method, path)
        if body or method == "POST":
            return b"%b%bcontent-length: %d\r\n\r\n%b" % (start, headers, len(body), body)
        return b"%b%b\r\n" % (start, headers)

    def _start(self, method: str, path: str) -> bytes:
        """Return the request line and the headers that every request has."""
        start = f"{method} {self._base}{path} HTTP/1.1\r\n{self._head}".encode("ascii")
        if len(self._heads) < _KEPT_HEADS:
            self._heads[method, path] = start
        return start
