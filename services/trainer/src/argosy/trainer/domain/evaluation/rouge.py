"""ROUGE-1, ROUGE-2 and ROUGE-L as F1, from 0 to 100: what answer and reference share.

Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004). ROUGE-N counts runs of N
words, ROUGE-L the longest sequence of words that both have in this order; over many records it
is the mean. Words are not stemmed. The sequence is found with the bit vectors of Hyyrö,
"Bit-parallel LCS-length computation revisited" (2004).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def rouge_n(order: int, said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the F1 over runs of `order` words; equal texts that are shorter are alike."""
    one, other = _runs(said, order), _runs(wanted, order)
    if not one and not other:
        return 100.0 if list(said) == list(wanted) else 0.0
    return _f1((one & other).total(), one.total(), other.total())


def rouge_l(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence of words."""
    return _f1(longest_common(said, wanted), len(said), len(wanted))


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    for word in other:
        shared = row & places.get(word, 0)
        row = (row + shared | row - shared) & full
    return len(one) - row.bit_count()


def _f1(matches: int, said: int, wanted: int) -> float:
    return 200 * matches / (said + wanted) if said + wanted else 100.0


def _runs(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[shift:] for shift in range(order)), strict=False))
