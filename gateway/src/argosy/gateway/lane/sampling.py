"""Which requests are recorded as traces, and what the others cause: nothing but a line.

Knows `traceparent` as bytes. Does not know spans, which only the requests that are recorded have.
"""

from __future__ import annotations

import random
import re
from typing import Final

_TRACEPARENT: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Sampler:
    """Chooses which requests are recorded, for a path where a span that nobody keeps costs much.

    The rule is the provider's own: as the caller decided, else a share of the new traces.
    """

    def __init__(self, ratio: float | None) -> None:
        """`ratio` is None where spans have nowhere to go: then no request is recorded."""
        self._off = ratio is None
        self._ratio = ratio or 0.0
        self._draw = random.Random().random  # noqa: S311 - picks samples, hides nothing

    def wants(self, parent: bytes) -> bool:
        """Tell whether to record a request that came with the header `traceparent: parent`."""
        if self._off:
            return False
        if parent and _TRACEPARENT.fullmatch(parent):
            return int(parent[-2:], 16) & 1 == 1
        return self._draw() < self._ratio


def passed_on(parent: bytes, fresh: str) -> bytes:
    """Return the `traceparent` for what an unrecorded request causes: not recorded either.

    `fresh` is 32 hexadecimal digits, the trace's id if the caller brought none.
    """
    if parent and _TRACEPARENT.fullmatch(parent):
        return parent
    return f"00-{fresh}-{fresh[:16]}-00".encode()
