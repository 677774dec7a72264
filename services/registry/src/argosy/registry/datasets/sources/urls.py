"""A URL of a host on the operator's list, fetched once: no redirect, one parser, a pinned address.

Whoever names the URL is not trusted: without a list nothing is fetched, and a listed name that
leads to an inner address leads nowhere.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from argosy.kit.errors import InvalidRequest, PermissionDenied, Unavailable
from argosy.kit.webhook_address import Allowed, ForbiddenUrl, Target, check_address, target

_PIECE: Final = 1 << 20
_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 60.0


def checked(url: str, hosts: str) -> Target:
    """Return the URL's parts if its host, or host:port, is on the list.

    Raises PermissionDenied, InvalidRequest.
    """
    listed = [entry.strip().lower() for entry in hosts.split(",") if entry.strip()]
    if not listed:
        raise PermissionDenied(
            "Imports from URLs are off. Upload the file, or ask the operator to set "
            "ARGOSY_IMPORT_URL_HOSTS.",
            param="source.url",
            code="source_not_allowed",
        )
    names = frozenset(entry.partition(":")[0] for entry in listed)
    try:
        # Judged once as if its name were public, so that only plain forms pass.
        there = target(url, Allowed(hosts=names))
    except ForbiddenUrl as error:
        raise InvalidRequest(
            f"source.url {error}", param="source.url", code="forbidden_url"
        ) from None
    if there.host not in listed and f"{there.host}:{there.port}" not in listed:
        raise PermissionDenied(
            f"source.url names a host that is not on the list: {', '.join(listed)}.",
            param="source.url",
            code="source_not_allowed",
        )
    return there


def pieces(there: Target) -> Iterator[bytes]:
    """Yield the answer's bytes; raises InvalidRequest, Unavailable. Blocking."""
    connection = _Pinned(there)
    try:
        connection.request(
            "GET", there.path, headers={"host": there.authority, "accept-encoding": "identity"}
        )
        answer = connection.getresponse()
        if answer.status != 200:
            moved = " Name the place that it leads to." if 300 <= answer.status < 400 else ""
            raise InvalidRequest(
                f"source.url was answered with status {answer.status}.{moved}",
                param="source.url",
                code="source_unavailable",
            )
        while piece := answer.read(_PIECE):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"source.url could not be read ({type(error).__name__}). Try again.",
            code="source_unavailable",
        ) from None
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to the one address that was judged."""

    def __init__(self, there: Target) -> None:
        super().__init__(there.host, there.port, timeout=_READ_SECONDS)
        self._there = there

    def connect(self) -> None:
        sock = socket.create_connection(
            (_pin(self._there), self._there.port), timeout=_CONNECT_SECONDS
        )
        sock.settimeout(_READ_SECONDS)
        if self._there.scheme == "https":
            context = ssl.create_default_context()
            sock = context.wrap_socket(sock, server_hostname=self._there.host)
        self.sock = sock


def _pin(there: Target) -> str:
    """Return the address to connect to.

    A host that is listed as an address is the operator's word; what a name leads to must be public.
    """
    try:
        return str(ipaddress.ip_address(there.host))
    except ValueError:
        pass
    found = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
    addresses = [str(info[4][0]) for info in found]
    for address in addresses:
        try:
            check_address(ipaddress.ip_address(address.partition("%")[0]), Allowed())
        except ForbiddenUrl as error:
            raise InvalidRequest(
                f"source.url {error}", param="source.url", code="forbidden_url"
            ) from None
    return addresses[0]
