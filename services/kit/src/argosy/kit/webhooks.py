"""Calls a user's URL: one signed POST to one pinned address, within a time, no redirect followed.

Signatures are those of Standard Webhooks, which OpenAI's SDK verifies. Knows nothing of what is
told, nor of repeats: whoever calls keeps a row and tries again.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from argosy.kit.webhook_address import Allowed, ForbiddenUrl, Target, check_address, target

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r\n")
_MAX_STATUS_LINE: Final = 1024

# Host and port to addresses; raises OSError.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotDelivered(Exception):
    """The other side did not take it; the message names no secret and no address."""


def secret_of(pepper: bytes, purpose: str) -> str:
    """Return the secret for a purpose, in the form that webhook libraries take: kept nowhere."""
    raw = hmac.digest(pepper, b"webhook secret\0" + purpose.encode(), "sha256")
    return _SECRET_PREFIX + base64.b64encode(raw).decode()


def signed(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove a message: Standard Webhooks, version 1."""
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
    told = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host by the system's resolver; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(info[4][0]) for info in found]


class Caller:
    """Calls URLs. `allowed` is what the operator lets be called beside the public internet."""

    def __init__(self, allowed: Allowed, *, timeout: float, resolver: Resolve = resolve) -> None:
        self._allowed = allowed
        self._timeout = timeout
        self._resolve = resolver
        self._tls = ssl.create_default_context()

    def check(self, url: str) -> None:
        """Raise ForbiddenUrl for a URL that would never be called."""
        target(url, self._allowed)

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> None:
        """Send the body once. Raises ForbiddenUrl, or NotDelivered unless the answer is a 2xx."""
        there = target(url, self._allowed)
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._exchange(there, await self._pin(there), headers, body)
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._timeout:g} seconds") from None
        except ssl.SSLError as error:
            raise NotDelivered(f"TLS failed: {error.reason}") from None
        except OSError as error:
            raise NotDelivered(f"no connection: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise NotDelivered(f"answered with status {status}")

    async def _pin(self, there: Target) -> str:
        """Return the one address to connect to. All of them must be allowed, not only one."""
        addresses = list(dict.fromkeys(await self._resolve(there.host, there.port)))
        if not addresses:
            raise NotDelivered("the name has no address")
        if not self._allowed.names(there.host):
            for address in addresses:
                # A scope (`fe80::1%eth0`) is of addresses that are not public anyway.
                check_address(ipaddress.ip_address(address.partition("%")[0]), self._allowed)
        return addresses[0]

    async def _exchange(
        self, there: Target, address: str, headers: dict[str, str], body: bytes
    ) -> int:
        tls = self._tls if there.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            address,
            there.port,
            ssl=tls,
            server_hostname=there.host if tls else None,
            limit=_MAX_STATUS_LINE,
        )
        try:
            lines = [
                f"POST {there.path} HTTP/1.1",
                f"host: {there.authority}",
                "user-agent: argosy-webhooks",
                "content-type: application/json",
                f"content-length: {len(body)}",
                "connection: close",
                *(f"{name}: {value}" for name, value in headers.items()),
            ]
            writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body)
            await writer.drain()
            # The status says it all; whatever follows is not read.
            try:
                line = await reader.readuntil(b"\r\n")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                raise NotDelivered("the answer is not HTTP") from None
            match = _STATUS.fullmatch(line)
            if match is None:
                raise NotDelivered("the answer is not HTTP")
            return int(match[1])
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


__all__ = ["Allowed", "Caller", "ForbiddenUrl", "NotDelivered", "resolve", "secret_of", "signed"]
