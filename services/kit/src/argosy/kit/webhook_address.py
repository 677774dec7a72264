"""Which URLs this platform may call for a user, and which machines: pure judgement, no network.

A user names the URL, the platform calls it from inside: so it must not reach what the user cannot.
One parser, and a strict one: what it does not take is no URL, so nobody reads it in another way.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL_CHARACTERS: Final = 2048

# RFC 3986 without user part and fragment; a host of plain labels or an address in brackets.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<target>[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]*)?"
)
_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
# What some parsers read as an address although it has not its plain form: 0x7f.1, 2130706433, 0177.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
# RFC 6052: an IPv4 address for which a translator stands in.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}


class ForbiddenUrl(ValueError):
    """The URL may not be called; the message says why, and repeats no part of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts, as they are used: nobody parses it a second time."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator allows beside the public internet: own host names and networks.

    To these plain HTTP is allowed too.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = field(default=())

    @classmethod
    def of(cls, entries: Iterable[str]) -> Allowed:
        """Read names, addresses and networks (`10.1.0.0/16`); raises ValueError."""
        hosts, networks = set(), []
        for entry in (each.strip() for each in entries):
            try:
                networks.append(ipaddress.ip_network(entry))
            except ValueError:
                if not entry or not all(_LABEL.fullmatch(part) for part in entry.split(".")):
                    raise ValueError(
                        f"{entry!r} is neither a host name, an address nor a network"
                    ) from None
                hosts.add(entry.lower())
        return cls(frozenset(hosts), tuple(networks))

    def names(self, host: str) -> bool:
        """Tell whether the host is named."""
        return host in self.hosts

    def holds(self, address: Address) -> bool:
        """Tell whether a network holds the address."""
        return any(address in network for network in self.networks)


def target(url: str, allowed: Allowed) -> Target:
    """Return the URL's parts; raises ForbiddenUrl for one that may not be called.

    A name is judged again once it is resolved: see `check_address`.
    """
    match = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARACTERS else None
    if match is None:
        raise ForbiddenUrl(
            "must be a plain https:// URL: no user name, no fragment, no blanks or backslashes, "
            f"at most {MAX_URL_CHARACTERS} characters."
        )
    scheme, host = match["scheme"], match["host"].strip("[]").lower()
    port = int(match["port"] or _PORTS[scheme])
    if not 1 <= port <= 65535:
        raise ForbiddenUrl("names a port that does not exist.")
    known = allowed.names(host)
    address = _literal(host, in_brackets=match["host"].startswith("["))
    if address is not None and not known:
        check_address(address, allowed)
        known = allowed.holds(address)
    if scheme == "http" and not known:
        raise ForbiddenUrl("must begin with https://.")
    path = match["target"] or "/"
    return Target(scheme, host, port, path if path.startswith("/") else "/" + path)


def check_address(address: Address, allowed: Allowed) -> None:
    """Raise ForbiddenUrl unless the address is a public one, or one that the operator allows."""
    if allowed.holds(address):
        return
    for each in (address, *_inside(address)):
        if not each.is_global or each.is_multicast or each.is_reserved or each.is_unspecified:
            raise ForbiddenUrl("names an address that is not on the public internet.")


def _literal(host: str, *, in_brackets: bool) -> Address | None:
    """Return the address that a host is, None for a name; raises ForbiddenUrl for what is neither.

    As WHATWG has it, a host whose last label is a number is an address, and here in one form only.
    """
    if not in_brackets and not _NUMBER.fullmatch(host.rstrip(".").rsplit(".", 1)[-1]):
        labels = host.removesuffix(".").split(".")
        if not all(_LABEL.fullmatch(label) for label in labels):
            raise ForbiddenUrl("names a host that is no host name.")
        return None
    try:
        return ipaddress.IPv6Address(host) if in_brackets else ipaddress.IPv4Address(host)
    except ValueError:
        raise ForbiddenUrl("names a host that is no address in its plain form.") from None


def _inside(address: Address) -> list[Address]:
    """Return the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address] = [a for a in (address.ipv4_mapped, address.sixtofour) if a is not None]
    if address.teredo is not None:
        found += address.teredo
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return found
