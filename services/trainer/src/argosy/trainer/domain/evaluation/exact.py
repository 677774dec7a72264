"""Whether an answer is the reference, and how many of its words it has; from 0 to 100.

Both as in Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016):
case, spaces and punctuation do not count; F1 is of precision and recall over words.
"""

from __future__ import annotations

from collections import Counter

from argosy.trainer.domain.evaluation.words import plain, words


def exact_match(said: str, wanted: str) -> float:
    return 100.0 if plain(said) == plain(wanted) else 0.0


def word_f1(said: str, wanted: str) -> float:
    one, other = Counter(words(said)), Counter(words(wanted))
    both = one.total() + other.total()
    return 200 * (one & other).total() / both if both else 100.0
