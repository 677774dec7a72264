"""Whether a text is new: below a likeness to every text so far, by ROUGE-L of the words.

The words that two texts have in common bound their ROUGE-L from above, so that only the few with
enough of them are compared in full.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from argosy.registry.datasets.operators.similarity import rouge_l
from argosy.registry.datasets.operators.words import words


class Novelty:
    """The texts so far."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._texts: list[list[str]] = []
        # Of each word, in which texts it is and how often.
        self._places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)

    def add(self, text: str) -> None:
        """Remember a text."""
        found = words(text)
        for word, times in Counter(found).items():
            self._places[word].append((len(self._texts), times))
        self._texts.append(found)

    def is_new(self, text: str) -> bool:
        """Tell whether the text's likeness to each remembered one is below the threshold."""
        found = words(text)
        if not found or (self._texts and self._threshold == 0):
            return False
        common: Counter[int] = Counter()
        for word, times in Counter(found).items():
            for place, theirs in self._places.get(word, ()):
                common[place] += min(times, theirs)
        return not any(
            2 * count >= self._threshold * (len(found) + len(self._texts[place]))
            and rouge_l(found, self._texts[place]) >= self._threshold
            for place, count in common.items()
        )
