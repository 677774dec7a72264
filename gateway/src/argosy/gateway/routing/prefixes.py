"""Which replicas have read which beginnings of prompts, as far as this gateway sent them.

Knows hashes, not texts: nothing of a prompt is kept. A beginning is the first 256, 512, 1024 …
bytes of the messages, so that a prompt costs few hashes and a conversation that grows is found by
at least half of what it was. The project is part of the hash, as engines keep projects apart in
their caches too. Does not know when an engine drops a block: a wrong memory costs one prefill.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

_FIRST: Final = 256
# A prompt beyond this is routed by its first part; hashing more would cost more than it tells.
_LONGEST: Final = 64 * 1024
# A beginning that many replicas have (a system prompt) decides nothing between them.
_HOLDERS: Final = 8


def beginnings(project_id: str, prompt: bytes) -> list[int]:
    """Return the hashes of the prompt's beginnings, the shortest first; none for a short prompt."""
    found: list[int] = []
    start, end = 0, _FIRST
    before = hash(project_id)
    while end <= len(prompt) and end <= _LONGEST:
        before = hash((before, prompt[start:end]))
        found.append(before)
        start, end = end, end * 2
    return found


class Prefixes:
    """A bounded memory for one pool, the least recently used forgotten first."""

    def __init__(self, most: int = 16_384) -> None:
        self._most = most
        self._holders: OrderedDict[int, tuple[str, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._holders)

    def shares(self, hashes: Sequence[int], length: int) -> dict[str, float]:
        """Return, by the url of each replica that may have a beginning, its share of the prompt.

        `hashes` are the `beginnings` of a prompt of `length` bytes.
        """
        shares: dict[str, float] = {}
        for index in range(len(hashes) - 1, -1, -1):
            for url in self._holders.get(hashes[index], ()):
                if url not in shares:
                    shares[url] = (_FIRST << index) / length
        return shares

    def learn(self, hashes: Sequence[int], url: str) -> None:
        """The replica gets a prompt with these beginnings."""
        holders = self._holders
        for key in hashes:
            before = holders.get(key)
            if before is None:
                holders[key] = (url,)
            else:
                holders.move_to_end(key)
                if before[0] != url:
                    others = tuple(other for other in before if other != url)
                    holders[key] = (url, *others[: _HOLDERS - 1])
        while len(holders) > self._most:
            holders.popitem(last=False)
