"""Free TCP ports on this machine, and the choice of the gateway's.

Ports come from below the range that the kernel gives to outgoing connections: a process may bind
its port half a minute after it was chosen, and no connection may take it meanwhile.
"""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from argosy.cli.errors import FleetError, UsageError

_LOWEST: Final = 10_240
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_DEFAULT: Final = 32_768
_TRIES: Final = 400


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a server could bind the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def reserve(port: int) -> socket.socket | None:
    """Claim a port among fleets until the returned socket is closed; None if another has.

    A gateway binds its port seconds after it was chosen. The claim is an abstract Unix socket: it
    lives in the same network namespace as the port and goes with its owner, however that ends.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if sys.platform == "linux":
        try:
            claim.bind(f"\0argosy-gateway-{port}")
        except OSError:
            claim.close()
            return None
    return claim


class Ports:
    """Hands out ports that are free and that it has not handed out before."""

    def __init__(self, taken: Iterable[int] = (), rng: random.Random | None = None) -> None:
        self._taken = set(taken)
        self._rng = rng or random.Random()  # noqa: S311 - spreads homes apart, no secret
        self._highest = _first_ephemeral() - 1

    def take(self) -> int:
        """Return a free port. Raises `FleetError` if none is found."""
        for _ in range(_TRIES):
            port = self._rng.randint(_LOWEST, self._highest)
            if port not in self._taken and is_free(port):
                self._taken.add(port)
                return port
        raise FleetError("No free TCP port was found on 127.0.0.1.")

    def gateway(
        self, asked: int | None, host: str, preferred: Iterable[int]
    ) -> tuple[int, socket.socket]:
        """Return `asked`, or the first preferred port that is free, or any free one; reserved.

        Raises `UsageError` if the asked port is taken.
        """
        for port in preferred if asked is None else [asked]:
            if is_free(port, host) and (claim := reserve(port)):
                self._taken.add(port)
                return port, claim
        if asked is not None:
            raise UsageError(f"--port {asked} is taken on {host}; name another one.")
        for _ in range(_TRIES):
            port = self.take()
            if claim := reserve(port):
                return port, claim
        raise FleetError("No free TCP port was found for the gateway.")


def _first_ephemeral() -> int:
    try:
        lowest = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_DEFAULT
    return lowest if lowest > _LOWEST + 2 * _TRIES else 65_536
