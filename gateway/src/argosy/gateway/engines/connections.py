"""The kept-alive connections to one replica.

Knows how to connect in time and which connection can be used again: how long an engine keeps an
idle one shows when it closes it. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Final, cast

from argosy.gateway.engines.connection import Connection
from argosy.gateway.engines.failures import ConnectFailed
from argosy.gateway.familiar import Familiar

# An idle connection is used again within so many seconds, until the engine has closed one sooner.
_KEEP_SECONDS: Final = 60.0
# Then within this share of what the engine gave it: vLLM's server gives 5 s. An engine that goes
# down closes connections of any age, which tells of less than this only by accident.
_KEEP_SHARE: Final = 0.8
_KEEP_LEAST_SECONDS: Final = 4.0
# A timer that comes later than this tells of this process, not of the peer.
_LATE_SECONDS: Final = 0.05
_MOST_TRIES: Final = 3


class Connections:
    """Hands out connections to `host:port`; the newest idle one first."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        connect_seconds: float,
        tls: ssl.SSLContext | None = None,
        keep_idle: int = 1024,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._keep_idle = keep_idle
        self._keep_seconds = _KEEP_SECONDS
        self._idle: deque[tuple[Connection, float]] = deque()
        self._familiar: Familiar[dict[bytes, bytes]] = Familiar()

    def idle(self) -> Connection | None:
        """Take an idle connection, or None if there is none that can be used."""
        while self._idle:
            connection, since = self._idle.pop()
            if connection.lost_at is not None:
                kept = _KEEP_SHARE * (connection.lost_at - since)
                self._keep_seconds = max(min(self._keep_seconds, kept), _KEEP_LEAST_SECONDS)
            elif since >= connection.now() - self._keep_seconds and connection.reusable:
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """Open a new connection; raises ConnectFailed."""
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            due = loop.time() + self._connect_seconds
            tries += 1
            try:
                async with asyncio.timeout_at(due):
                    _, made = await loop.create_connection(
                        lambda: cast("asyncio.Protocol", Connection(loop, self._familiar)),
                        self._host,
                        self._port,
                        ssl=self._tls,
                    )
            except (OSError, TimeoutError) as error:
                late = isinstance(error, TimeoutError) and loop.time() > due + _LATE_SECONDS
                if late and tries < _MOST_TRIES:
                    # Under a flood the connection was there and we did not come to look: an engine
                    # that is blamed for that is out of service when it is needed most.
                    continue
                raise ConnectFailed(
                    f"No connection to {self._host}:{self._port} within "
                    f"{self._connect_seconds:g} s: {type(error).__name__}"
                ) from error
            return cast("Connection", made)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, or close it if it cannot serve one."""
        if not connection.reusable:
            connection.abort()
            return
        now = connection.now()
        self._idle.append((connection, now))
        # The oldest goes when it is too old, too: what a burst has left does not stay for good.
        if len(self._idle) > self._keep_idle or self._idle[0][1] < now - self._keep_seconds:
            self._idle.popleft()[0].abort()

    def close(self) -> None:
        """Close all idle connections; those in use are their owners'."""
        while self._idle:
            self._idle.pop()[0].abort()
