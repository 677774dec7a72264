"""TCP addresses as settings write them."""

from __future__ import annotations

from typing import NamedTuple


class HostPort(NamedTuple):
    """A TCP address. Prints as `host:port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(value: object) -> object:
    """Read `host:port`; `:port` means all interfaces. Raises ValueError with what is wrong."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{value!r} is no address; write host:port, for example 127.0.0.1:8000")
    return HostPort(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - documented meaning
