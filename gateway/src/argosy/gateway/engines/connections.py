"""The kept-alive connections to one replica.

Knows how to connect in time and which connection can be used again. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from argosy.gateway.engines.connection import Connection
from argosy.gateway.engines.failures import ConnectFailed

# vLLM's server closes idle connections after 5 s; these are closed before.
_KEEP_SECONDS: Final = 4.0


class Connections:
    """Hands out connections to `host:port`; the newest idle one first."""

    def __init__(
        self, host: str, port: int, *, connect_seconds: float, keep_idle: int = 64
    ) -> None:
        self._host = host
        self._port = port
        self._connect_seconds = connect_seconds
        self._keep_idle = keep_idle
        self._idle: deque[tuple[Connection, float]] = deque()

    def idle(self) -> Connection | None:
        """Take an idle connection, or None if there is none that can be used."""
        oldest_use = asyncio.get_running_loop().time() - _KEEP_SECONDS
        while self._idle:
            connection, since = self._idle.pop()
            if since >= oldest_use and connection.reusable:
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """Open a new connection; raises ConnectFailed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop), self._host, self._port
                )
        except (OSError, TimeoutError) as error:
            raise ConnectFailed(
                f"No connection to {self._host}:{self._port} within {self._connect_seconds:g} s: "
                f"{type(error).__name__}"
            ) from error
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, or close it if it cannot serve one."""
        if not connection.reusable:
            connection.abort()
            return
        self._idle.append((connection, asyncio.get_running_loop().time()))
        if len(self._idle) > self._keep_idle:
            self._idle.popleft()[0].abort()

    def close(self) -> None:
        """Close all idle connections; those in use are their owners'."""
        while self._idle:
            self._idle.pop()[0].abort()
