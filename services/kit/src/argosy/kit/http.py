"""An HTTP server inside a process that owns its own signals.

Knows uvicorn. Does not know the application.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from argosy.kit.addresses import HostPort


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The lifecycle owns SIGTERM: it drains before it closes, uvicorn would close first.
        yield


@contextlib.asynccontextmanager
async def serving(
    app: Any, address: HostPort, *, shared: bool = False, accepts: int = 1, **options: Any
) -> AsyncIterator[uvicorn.Server]:
    """Serve an ASGI application on `address` for the time of the block.

    `shared` lets several processes serve the same address; the kernel spreads connections over
    them. `accepts` is how many connections one turn of the event loop takes: libuv takes one for
    each handle of the listening socket. `options` go to `uvicorn.Config`. Raises OSError if the
    address is taken.
    """
    config = uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        **options,
    )
    server = _Server(config)
    listener = bound(address, shared=shared)
    listeners = [listener, *(listener.dup() for _ in range(accepts - 1))]
    task = asyncio.create_task(server.serve(sockets=listeners), name=f"http {address}")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.005)
        if task.done():
            await task
        yield server
    finally:
        server.should_exit = True
        await task
        for each in listeners:
            each.close()


def bound(address: HostPort, *, shared: bool = False) -> socket.socket:
    """Return a TCP socket bound to `address`. Raises OSError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except BaseException:
        listener.close()
        raise
    return listener
