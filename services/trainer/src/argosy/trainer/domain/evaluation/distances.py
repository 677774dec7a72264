"""How far an answer is from its reference, from 0 (the same) to 1.

Edit distance: the fewest characters put in, taken out or replaced (Levenshtein 1966), by the length
of the longer text. Embedding distance: 1 − the cosine of both texts' vectors. The first is found
with the bit vectors of Myers, "A fast bit-vector algorithm for approximate string matching based on
dynamic programming" (1999), in the form of Hyyrö (2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

# What comes after is not compared: the time grows with the square.
LONGEST: Final = 20_000


def edit_distance(said: str, wanted: str) -> float:
    """Return the share of characters that has to be changed."""
    said, wanted = said[:LONGEST], wanted[:LONGEST]
    longer = max(len(said), len(wanted))
    return edits(said, wanted) / longer if longer else 0.0


def edits(one: str, other: str) -> int:
    """Return the fewest single-character changes from one text to the other."""
    if not one:
        return len(other)
    places: dict[str, int] = {}
    for place, sign in enumerate(one):
        places[sign] = places.get(sign, 0) | 1 << place
    full, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    # Where a column of the table rises, and where it falls.
    up, down, distance = full, 0, len(one)
    for sign in other:
        equal = places.get(sign, 0)
        vertical = equal | down
        level = (((equal & up) + up) ^ up) | equal
        rises, falls = down | ~(level | up) & full, up & level
        distance += bool(rises & last) - bool(falls & last)
        rises, falls = rises << 1 | 1, falls << 1
        up = (falls | ~(vertical | rises)) & full
        down = rises & vertical & full
    return distance


def embedding_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return 1 − cosine, between 0 and 1: texts that are opposite are as far as unrelated ones."""
    lengths = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    if not lengths:
        return 1.0
    cosine = sum(x * y for x, y in zip(one, other, strict=True)) / lengths
    return min(1.0, max(0.0, 1.0 - cosine))
