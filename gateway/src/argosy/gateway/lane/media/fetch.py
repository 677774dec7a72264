"""Brings a file that a client's URL names: one GET to one pinned public address, no redirect.

The client names the URL, the gateway calls it from inside: so it goes to hosts that the operator
listed, and to no address that is not on the public internet unless the operator listed that too.
Knows HTTP, names and addresses. Does not know what the file is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Sequence
from typing import Final

import httptools
from argosy.kit.webhook_address import Allowed, ForbiddenUrl, Target, check_address, target
from argosy.kit.webhooks import Resolve, resolve

ANY_HOST: Final = "*"
_PIECE: Final = 64 * 1024
_LARGEST_HEAD: Final = 32 * 1024


def listed(value: str) -> list[str]:
    """Return the entries of a setting with commas."""
    return [entry.strip() for entry in value.split(",") if entry.strip()]


class NotFetched(Exception):
    """The file did not come; the message names no address."""


class Fetcher:
    """Fetches files. `hosts` are those it goes to, `*` for all on the public internet by https.

    To the listed ones it goes by plain http as well. `networks` are addresses beside the public
    ones that they may have. Raises ValueError for an entry that is none.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        networks: Sequence[str] = (),
        *,
        timeout: float,
        resolver: Resolve = resolve,
    ) -> None:
        named = [host for host in hosts if host != ANY_HOST]
        self._any = ANY_HOST in hosts
        self._hosts = Allowed.of(named)
        self._networks = Allowed.of(networks)
        self._timeout = timeout
        self._resolve = resolver
        self._tls = ssl.create_default_context()

    def check(self, url: str) -> None:
        """Raise ForbiddenUrl for a URL that would never be called."""
        self._target(url)

    async def fetch(self, url: str, most: int) -> tuple[str, bytes]:
        """Return the type and the bytes, at most `most`. Raises ForbiddenUrl or NotFetched."""
        there = self._target(url)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(there, await self._pin(there), most)
        except TimeoutError:
            raise NotFetched(f"it did not come within {self._timeout:g} seconds") from None
        except ssl.SSLError:
            raise NotFetched("TLS failed") from None
        except OSError:
            raise NotFetched("no connection") from None

    def _target(self, url: str) -> Target:
        there = target(url, Allowed(self._hosts.hosts, self._networks.networks))
        if not self._any and not self._hosts.names(there.host):
            raise ForbiddenUrl("names a host that is not on the list of this server.")
        return there

    async def _pin(self, there: Target) -> str:
        """Return the one address to connect to. All of the name's must be allowed, not only one."""
        addresses = list(dict.fromkeys(await self._resolve(there.host, there.port)))
        if not addresses:
            raise NotFetched("the name has no address")
        for address in addresses:
            # A scope (`fe80::1%eth0`) is of addresses that are not public anyway.
            check_address(ipaddress.ip_address(address.partition("%")[0]), self._networks)
        return addresses[0]

    async def _get(self, there: Target, address: str, most: int) -> tuple[str, bytes]:
        tls = self._tls if there.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            address, there.port, ssl=tls, server_hostname=there.host if tls else None
        )
        try:
            writer.write(
                f"GET {there.path} HTTP/1.1\r\nhost: {there.authority}\r\n"
                "user-agent: argosy-media\r\naccept: image/*, audio/*\r\n"
                "accept-encoding: identity\r\nconnection: close\r\n\r\n".encode("ascii")
            )
            await writer.drain()
            return await _Answer(most).read(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


class _Answer:
    """One answer; httptools calls the methods whose names begin with `on_`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._in_body = False
        self._complete = False

    async def read(self, reader: asyncio.StreamReader) -> tuple[str, bytes]:
        """Return type and body. Raises NotFetched."""
        head = 0
        while not self._complete:
            data = await reader.read(_PIECE)
            if not data:
                break
            head += 0 if self._in_body else len(data)
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as error:
                if isinstance(error.__context__, NotFetched):
                    raise error.__context__ from None
                raise NotFetched("the answer is not HTTP") from None
            if not self._in_body and head > _LARGEST_HEAD:
                raise NotFetched("the answer is not HTTP")
        if not self._complete and (not self._in_body or self._is_framed):
            raise NotFetched("the answer broke off")
        content_type = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        return content_type, b"".join(self._pieces)

    @property
    def _is_framed(self) -> bool:
        return bool(self._headers.keys() & {"content-length", "transfer-encoding"})

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            more = ", and redirects are not followed" if 300 <= status < 400 else ""
            raise NotFetched(f"the answer has the status {status}{more}")
        if self._headers.get("content-encoding", "identity").lower() != "identity":
            raise NotFetched("the answer is compressed")
        length = self._headers.get("content-length", "")
        if length.isdigit() and int(length) > self._most:
            raise self._too_large()
        self._in_body = True

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._most:
            raise self._too_large()
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._complete = True

    def _too_large(self) -> NotFetched:
        return NotFetched(f"it is larger than the {max(self._most, 0)} bytes that are left to it")
