"""How many wrong keys one address may send.

Knows addresses and counts; keeps a bounded number of addresses, the latest. Does not know keys.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from argosy.kit.errors import RateLimited

_PEERS: Final = 4096
_A_MINUTE: Final = 60
# Who has a whole IPv6 network has 2^64 addresses: they count as one.
_IPV6_PREFIX: Final = 64


class WrongKeys:
    """A token bucket an address: `most` wrong keys at once, refilled over a minute."""

    def __init__(self, monotonic: Callable[[], float], most: int = 60) -> None:
        self._monotonic = monotonic
        self._most = most
        # For each address when its bucket would be full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def sent(self, peer: str) -> None:
        """Note a wrong key from `peer`; raises RateLimited when there were too many."""
        network = _network(peer)
        now = self._monotonic()
        full_at = max(self._full_at.pop(network, now), now)
        one = _A_MINUTE / self._most
        over = full_at + one - now - _A_MINUTE
        if over <= 0:
            full_at += one
        self._full_at[network] = full_at
        if len(self._full_at) > _PEERS:
            self._full_at.popitem(last=False)
        if over > 0:
            raise RateLimited(
                f"Too many incorrect API keys from your address: {self._most} a minute are "
                f"answered. Correct keys are still taken. Try again in {math.ceil(over)} s.",
                code="too_many_wrong_keys",
                headers=((b"retry-after", b"%d" % math.ceil(over)),),
            )


def _network(peer: str) -> str:
    """Return what counts as one address."""
    if ":" not in peer:
        return peer
    try:
        address = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _IPV6_PREFIX), strict=False))
