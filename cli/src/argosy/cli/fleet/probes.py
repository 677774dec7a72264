"""Questions that tell whether a process takes work yet. Each has a short timeout.

A probe returns None for yes, else one sentence that says what is missing. It opens a connection
of its own each time and needs no client library.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

Probe = Callable[[], Awaitable[str | None]]

_TIMEOUT: Final = 2.0
_POSTGRES_PROTOCOL: Final = 3 << 16
NOT_DURABLE: Final = "nats-server runs without `sync_interval: always`; it needs 2.12.3 or newer."


def http(port: int, path: str) -> Probe:
    """Ask for `path` on 127.0.0.1; ready is status 200."""

    async def ask() -> str | None:
        try:
            status, body = await _get(port, path)
        except (OSError, EOFError, TimeoutError, ValueError):
            return "It does not answer yet."
        return None if status == 200 else _missing(body) or f"{path} answers {status}."

    return ask


def nats(port: int) -> Probe:
    """Ask nats-server's monitoring port; ready is healthy and with durable streams."""

    async def ask() -> str | None:
        try:
            status, _ = await _get(port, "/healthz")
            if status != 200:
                return "JetStream is not up yet."
            _, body = await _get(port, "/varz")
            config = json.loads(body)["jetstream"]["config"]
        except (OSError, EOFError, TimeoutError, ValueError, KeyError):
            return "It does not answer yet."
        return None if config.get("sync_always") is True else NOT_DURABLE

    return ask


def postgres(port: int, user: str) -> Probe:
    """Begin a connection; ready is a server that asks for the password instead of refusing.

    Source: PostgreSQL documentation, "Message Formats": StartupMessage, Authentication ('R') and
    ErrorResponse ('E').
    """
    parameters = b"user\0" + user.encode() + b"\0\0"
    startup = struct.pack("!ii", 8 + len(parameters), _POSTGRES_PROTOCOL) + parameters

    async def ask() -> str | None:
        try:
            async with asyncio.timeout(_TIMEOUT), _connected(port) as (reader, writer):
                writer.write(startup)
                kind = await reader.readexactly(1)
        except (OSError, EOFError, TimeoutError):
            return "It does not answer yet."
        return None if kind == b"R" else "The database system is starting up."

    return ask


def _missing(body: bytes) -> str | None:
    """Read what a `/readyz` says is missing."""
    try:
        missing = json.loads(body)["missing"]
        return "; ".join(f"{name}: {reason}" for name, reason in missing.items()) or None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


async def _get(port: int, path: str) -> tuple[int, bytes]:
    async with asyncio.timeout(_TIMEOUT), _connected(port) as (reader, writer):
        head = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
    head_bytes, _, body = answer.partition(b"\r\n\r\n")
    protocol, _, status = head_bytes.partition(b" ")
    if not protocol.startswith(b"HTTP/1."):
        raise ValueError("this is no HTTP")
    return int(status[:3]), body


@contextlib.asynccontextmanager
async def _connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
