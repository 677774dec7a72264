"""Answers as labels: a verbalizer says which words stand for which label.

Schick and Schütze, "Exploiting Cloze Questions for Few Shot Text Classification" (2021), call the
map from words to labels so. Precision, recall and F1 by label; macro: the mean over the labels that
occur in the references; micro: over all answers together, where one without a label is missing and
not wrong. Knows texts and names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from argosy.trainer.domain.evaluation.words import plain, words


@dataclass(frozen=True, slots=True)
class LabelScore:
    """Of one label, from 0 to 100. `accuracy` is the share of its own records that were told as
    it, which is its recall."""

    label: str
    records: int
    accuracy: float
    precision: float
    f1: float


class Verbalizer:
    """Maps a text to a label by the words that stand for it; the label's own name always does."""

    def __init__(self, table: Mapping[str, Sequence[str]]) -> None:
        self.labels = tuple(table)
        said = {label: (label, *table[label]) for label in table}
        self._exact = {plain(word): label for label in table for word in reversed(said[label])}
        # The longest first, so that "not good" is not taken for "good".
        self._inside = sorted(
            ((_inside(word), label) for label in table for word in said[label] if plain(word)),
            key=lambda each: -len(each[0].pattern),
        )

    def __call__(self, text: str) -> str | None:
        """Return the label of an answer; None if no words of any stand in it.

        Of several, the one that is named first.
        """
        said = plain(text)
        if (whole := self._exact.get(said)) is not None:
            return whole
        first: tuple[int, str | None] = (len(said), None)
        for seen, label in self._inside:
            if (match := seen.search(said)) is not None and match.start() < first[0]:
                first = match.start(), label
        return first[1]


def label_scores(pairs: Sequence[tuple[str | None, str]]) -> list[LabelScore]:
    """Return the scores of each label that was wanted, in order of their names."""
    scores = []
    for label in sorted({wanted for _, wanted in pairs}):
        records = sum(wanted == label for _, wanted in pairs)
        told = sum(said == label for said, _ in pairs)
        right = sum(said == wanted == label for said, wanted in pairs)
        scores.append(
            LabelScore(
                label,
                records,
                accuracy=100 * right / records,
                precision=100 * right / told if told else 0.0,
                f1=200 * right / (records + told),
            )
        )
    return scores


def macro(pairs: Sequence[tuple[str | None, str]], of: str) -> float:
    """Return the mean of `precision`, `accuracy` (recall) or `f1` over the labels."""
    scores = label_scores(pairs)
    return sum(getattr(each, of) for each in scores) / len(scores) if scores else 0.0


def micro_f1(pairs: Sequence[tuple[str | None, str]]) -> float:
    """Return the F1 over all answers; without an unlabelled one it is the accuracy."""
    told = sum(said is not None for said, _ in pairs)
    right = sum(said == wanted for said, wanted in pairs)
    return 200 * right / (told + len(pairs)) if pairs else 0.0


def accuracy(pairs: Sequence[tuple[str | None, str]]) -> float:
    """Return the share that is the same."""
    return 100 * sum(said == wanted for said, wanted in pairs) / len(pairs) if pairs else 0.0


def _inside(word: str) -> re.Pattern[str]:
    spoken = " ".join(words(word))
    return re.compile(rf"(?<!\S){re.escape(spoken)}(?!\S)")
