"""How much of a text is the same again: of characters and of words, from 0 to 1.

Both follow the filters of the ROOTS corpus (Laurençon et al. 2022, "The BigScience ROOTS Corpus",
appendix): of characters, the share of the n-grams that the most frequent ones make up, as many as
the square root of how many there are; of words, the share of n-grams that occur more than once.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from argosy.registry.datasets.operators.words import words

CHARACTERS: Final = 10
WORDS: Final = 5


def character_repetition(text: str, size: int = CHARACTERS) -> float:
    """Return the share; 0 for a text that has no two n-grams."""
    counts = Counter(text[start : start + size] for start in range(len(text) - size + 1))
    total = counts.total()
    if total < 2:
        return 0.0
    ordered = sorted(counts.values(), reverse=True)
    # N-grams that occur once repeat nothing, however few there are.
    repeated = sum(count > 1 for count in ordered)
    most = min(math.isqrt(len(ordered)) or 1, repeated)
    return sum(ordered[:most]) / total


def word_repetition(text: str, size: int = WORDS) -> float:
    """Return the share; 0 for a text that has no two n-grams."""
    found = words(text)
    counts = Counter(tuple(found[start : start + size]) for start in range(len(found) - size + 1))
    total = counts.total()
    if total < 2:
        return 0.0
    return sum(count for count in counts.values() if count > 1) / total
