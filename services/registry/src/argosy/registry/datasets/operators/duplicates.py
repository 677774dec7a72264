"""Which records say the same as an earlier one: exactly, or nearly by MinHash.

Exact means equal texts in equal roles, apart from case and spaces. Nearly means that the runs of
three words of both overlap by `threshold` (Jaccard), as estimated by 128 permutations (Broder 1997)
and banded so that only likely pairs are compared. Exact ones are found in any number of records, at
60 bytes each; near ones among the first `checked` that are not exact, at 1.5 kB each.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argosy.registry.datasets.operators.ranges import number
from argosy.registry.datasets.operators.similarity import shingles
from argosy.registry.datasets.operators.texts import Record, rewritten, whole_text
from rensa import RMinHash, RMinHashDeduplicator

THRESHOLD: Final = 0.8
CHECKED: Final = 100_000
_PERMUTATIONS: Final = 128
_BANDS: Final = 16
_SEED: Final = 42


class Likeness(StrEnum):
    """How a record stands to those before it."""

    UNIQUE = "unique"
    EXACT = "exact"
    NEAR = "near"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The likeness and, of a near one, the number of the record that it is like."""

    likeness: Likeness
    twin: int | None = None


class Duplicates:
    """The records seen so far."""

    def __init__(self, threshold: float = THRESHOLD, checked: int = CHECKED) -> None:
        self._threshold = number(threshold, "near_duplicate_threshold", 0.1, 1)
        self._room = checked
        self._exact: set[bytes] = set()
        self._near = RMinHashDeduplicator(self._threshold, _PERMUTATIONS, True, _BANDS, _SEED)
        # Records that were compared with all before them.
        self.checked = 0

    def judge(self, index: int, record: Record) -> Verdict:
        """Return how the record stands to those before it, and remember it."""
        digest = content_digest(record)
        if digest in self._exact:
            self.checked += self._near.len() < self._room
            return Verdict(Likeness.EXACT)
        self._exact.add(digest)
        if self._near.len() >= self._room:
            return Verdict(Likeness.UNIQUE)
        self.checked += 1
        sketch = minhash(whole_text(record))
        twins = self._near.get_duplicates(sketch)
        if twins:
            return Verdict(Likeness.NEAR, min(map(int, twins)))
        self._near.add(str(index), sketch)
        return Verdict(Likeness.UNIQUE)


def content_digest(record: Record) -> bytes:
    """Return 16 bytes that are equal for records that say the same."""
    plain = rewritten(record, lambda text: " ".join(text.lower().split()))
    form = json.dumps(plain, sort_keys=True, ensure_ascii=True).encode()
    return hashlib.blake2b(form, digest_size=16).digest()


def minhash(text: str) -> RMinHash:
    """Return the sketch of a text."""
    sketch = RMinHash(_PERMUTATIONS, _SEED)
    sketch.update(shingles(text))
    return sketch
