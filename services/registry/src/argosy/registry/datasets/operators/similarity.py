"""How alike two texts are: their SimHash, and the ROUGE-L of their words.

SimHash (Charikar 2002; Manku et al. 2007): 64 bits in which texts with many common runs of three
words differ little. ROUGE-L (Lin 2004): the longest common subsequence of words, as an F1 of both
lengths, from 0 to 1.
"""

from __future__ import annotations

import hashlib
import itertools
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from argosy.registry.datasets.operators.words import ngrams, words

BITS: Final = 64
_SHINGLE: Final = 3


def shingles(text: str, size: int = _SHINGLE) -> list[bytes]:
    """Return the runs of `size` words, or the text itself where it has no word."""
    found = ngrams(words(text), size)
    return [" ".join(run).encode() for run in found] or [text.encode("utf-8", "surrogatepass")]


def simhash(text: str) -> int:
    """Return the 64 bits of a text."""
    digests = b"".join(hashlib.blake2b(s, digest_size=8).digest() for s in shingles(text))
    votes = np.unpackbits(np.frombuffer(digests, np.uint8)).reshape(-1, BITS)
    return int.from_bytes(np.packbits(votes.sum(axis=0) * 2 > len(votes)).tobytes(), "big")


class SimHashIndex:
    """The hashes seen so far, found again within `distance` bits.

    Of `distance` + 1 parts of two such hashes one is equal, so only those with an equal part are
    compared.
    """

    def __init__(self, distance: int) -> None:
        self._distance = distance
        edges = [BITS * part // (distance + 1) for part in range(distance + 2)]
        self._parts = [(low, (1 << high - low) - 1) for low, high in itertools.pairwise(edges)]
        self._tables: list[dict[int, array[int]]] = [{} for _ in self._parts]

    def has_near(self, value: int) -> bool:
        """Tell whether a hash within the distance was added."""
        return any(
            (value ^ other).bit_count() <= self._distance
            for table, part in zip(self._tables, self._of(value), strict=True)
            for other in table.get(part, ())
        )

    def add(self, value: int) -> None:
        """Remember a hash."""
        for table, part in zip(self._tables, self._of(value), strict=True):
            table.setdefault(part, array("Q")).append(value)

    def _of(self, value: int) -> Iterator[int]:
        return (value >> low & mask for low, mask in self._parts)


def rouge_l(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence; 1 for two empty ones."""
    if not one or not other:
        return float(len(one) == len(other))
    return 2 * _common(one, other) / (len(one) + len(other))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    Bit-parallel (Hyyrö 2004): one addition of a long integer for each word, not a row of a table.
    """
    places: dict[str, int] = {}
    for index, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << index
    whole = (1 << len(one)) - 1
    row = whole
    for word in other:
        matched = row & places.get(word, 0)
        row = (row + matched | row - matched) & whole
    return (row ^ whole).bit_count()
