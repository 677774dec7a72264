"""How much of each set is in a mix, and how much of a preset corpus is added to one's own.

The share of a set is its characters times its rate over the sum of that: what the mix table of the
job form shows. A corpus is added by "x%" (of the corpus, 0 to 100) or "1:n" (n records of it to one
of one's own).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from argosy.registry.datasets.operators.splitting import sampling_rate
from argosy.registry.domain.rules import RuleBroken

MOST_LABELS: Final = 5
_MOST_PARTS: Final = 100.0
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)\s*%")
_RATIO: Final = re.compile(r"1\s*[:：]\s*(\d{1,3}(?:\.\d{1,4})?)")


@dataclass(frozen=True, slots=True)
class Part:
    """A set in a mix: what the table's columns show, but for the share."""

    name: str
    characters: int
    records: int
    rate: float = 1.0


def shares(parts: Sequence[Part]) -> list[float]:
    """Return each set's share of the mix in percent, to two decimals; raises RuleBroken."""
    weights = [part.characters * sampling_rate(part.rate) for part in parts]
    whole = sum(weights)
    return [round(100 * weight / whole, 2) if whole else 0.0 for weight in weights]


class Corpus(StrEnum):
    """Kinds of preset corpora; clients of other platforms send 1, 2 and 3."""

    COMMON = "common"
    ASSISTANT = "assistant"
    VERTICAL = "vertical"


_BY_NUMBER: Final = {1: Corpus.COMMON, 2: Corpus.ASSISTANT, 3: Corpus.VERTICAL}


@dataclass(frozen=True, slots=True)
class Addition:
    """What is added of a corpus: `percent` of it, or `parts` records to one of one's own."""

    corpus: Corpus
    percent: float | None = None
    parts: float | None = None
    labels: tuple[str, ...] = ()

    def records(self, own: int, available: int) -> int:
        """Return how many records are added to `own` of one's own, of those available."""
        if self.percent is not None:
            return round(available * self.percent / 100)
        return min(available, round(own * (self.parts or 0.0)))


def addition(corpus: Any, proportion: Any, labels: Sequence[str] = ()) -> Addition:
    """Return what a client asks for; raises RuleBroken, naming the form and the range.

    The common corpus is taken by "x%", the other two by "1:n", the vertical one by up to 5 labels.
    """
    kind = _corpus(corpus)
    if labels and kind is not Corpus.VERTICAL:
        raise RuleBroken("labels choose from the vertical corpus only.", param="labels")
    if len(labels) > MOST_LABELS:
        raise RuleBroken(
            f"labels has {len(labels)} entries; at most {MOST_LABELS} are allowed.", param="labels"
        )
    if kind is Corpus.COMMON:
        return Addition(kind, percent=_number(_PERCENT, proportion, "x%", 0, 100))
    parts = _number(_RATIO, proportion, "1:n", 0, _MOST_PARTS)
    return Addition(kind, parts=parts, labels=tuple(labels))


def _corpus(value: Any) -> Corpus:
    if isinstance(value, int) and not isinstance(value, bool) and value in _BY_NUMBER:
        return _BY_NUMBER[value]
    try:
        return Corpus(value)
    except ValueError:
        raise RuleBroken(
            f"corpus_type must be one of: {', '.join(Corpus)} (or 1, 2, 3).", param="corpus_type"
        ) from None


def _number(form: re.Pattern[str], value: Any, shape: str, low: float, high: float) -> float:
    match = form.fullmatch(value.strip()) if isinstance(value, str) else None
    found = float(match[1]) if match else -1.0
    if not low <= found <= high:
        raise RuleBroken(
            f'proportion must be "{shape}" with a number from {low:g} to {high:g}.',
            param="proportion",
        )
    return found
