"""The insight of a version: distributions over its records, and warnings on their quality.

Takes records as they stream, each once, in bounded memory. Warnings never forbid anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from argosy.registry.datasets.operators.duplicates import THRESHOLD, Duplicates, Likeness
from argosy.registry.datasets.operators.insight.distributions import (
    PERPLEXITY_EDGES,
    RATIO_EDGES,
    TOKEN_EDGES,
    Histogram,
    Lengths,
    Names,
    evenness,
)
from argosy.registry.datasets.operators.insight.traits import Examiner, Traits
from argosy.registry.datasets.operators.ranges import number
from argosy.registry.datasets.operators.texts import Record

# What tuning for a 4k model leaves room for.
LONG: Final = 4_096
_RATIOS: Final = ("character_repetition", "word_repetition", "special_characters", "flagged_words")
_NAMED: Final = ("type", "language", "likeness", "label", "scene")
# Labels are labels if there are few of them for the records that have one.
_LABELS_PER_RECORD: Final = 0.2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a warning is given; shares from 0 to 1."""

    duplicates: float = 0.05
    near_duplicate_likeness: float = THRESHOLD
    coverage: float = 0.5

    @classmethod
    def checked(cls, **values: float) -> Thresholds:
        """Return thresholds from 0 to 1; raises RuleBroken."""
        return cls(**{name: number(value, name, 0, 1) for name, value in values.items()})


@dataclass
class Insight:
    """Takes records in; `report` tells what they were."""

    examiner: Examiner
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        self._records = 0
        self._characters = 0
        self._tokens = Lengths()
        self._turns = Lengths()
        self._duplicates = Duplicates(self.thresholds.near_duplicate_likeness)
        self._named = {trait: Names(trait) for trait in _NAMED}
        self._ratios = {trait: Histogram(trait, RATIO_EDGES) for trait in _RATIOS}
        self._perplexity = Histogram("perplexity", PERPLEXITY_EDGES)
        self._lengths = Histogram("tokens", TOKEN_EDGES)

    def __call__(
        self, records: Iterable[tuple[Record, int | None]]
    ) -> Iterator[tuple[Record, Traits]]:
        """Take records with their tokens (None if not counted); yield them with their traits."""
        for record, tokens in records:
            verdict = self._duplicates.judge(self._records, record)
            traits = self.examiner(record, tokens=tokens, likeness=verdict.likeness)
            self._note(traits)
            yield record, traits

    def _note(self, traits: Traits) -> None:
        self._records += 1
        self._characters += traits.characters
        self._turns.add(traits.turns)
        self._perplexity.add(traits.perplexity)
        if traits.tokens is not None:
            self._tokens.add(traits.tokens)
            self._lengths.add(traits.tokens)
        for trait, names in self._named.items():
            if value := getattr(traits, trait):
                names.add(value)
        for trait, histogram in self._ratios.items():
            histogram.add(getattr(traits, trait))

    def report(self) -> dict[str, Any]:
        """Return everything, as JSON would have it."""
        near, exact = (self._share(each) for each in (Likeness.NEAR, Likeness.EXACT))
        coverage = evenness(self._named["scene"].counts)
        return {
            "records": self._records,
            "characters": self._characters,
            "tokens": self._told_tokens(),
            "turns": {
                "p50": self._turns.quantile(0.5),
                "max": max(self._turns.counts, default=0),
                "bars": self._turn_bars(),
            },
            "types": self._named["type"].bars(),
            "languages": self._named["language"].bars(),
            "labels": self._labels(),
            "scenes": {
                "count": len(self._named["scene"].counts),
                "coverage": round(coverage, 4),
                "bars": self._named["scene"].bars(),
            },
            "duplicates": {
                "exact": round(exact, 4),
                "near": round(near, 4),
                "checked": self._duplicates.checked,
                "bars": self._named["likeness"].bars(),
            },
            **{trait: {"bars": self._ratios[trait].bars()} for trait in _RATIOS},
            "perplexity": {"bars": self._perplexity.bars()},
            "warnings": self._warnings(near + exact, coverage),
        }

    def _told_tokens(self) -> dict[str, Any] | None:
        if not self._tokens.counts:
            return None
        return {
            "p50": self._tokens.quantile(0.5),
            "p95": self._tokens.quantile(0.95),
            "max": max(self._tokens.counts),
            "total": self._tokens.total,
            f"share_over_{LONG}": round(self._tokens.share_over(LONG), 4),
            "bars": self._lengths.bars(),
        }

    def _turn_bars(self) -> list[dict[str, Any]]:
        return [
            {"name": turns, "count": count, "filter": {"trait": "turns", "value": turns}}
            for turns, count in sorted(self._turns.counts.items())
        ]

    def _labels(self) -> list[dict[str, Any]]:
        labels = self._named["label"]
        few = len(labels.counts) <= max(2, _LABELS_PER_RECORD * labels.counts.total())
        return labels.bars() if few and not labels.others else []

    def _share(self, likeness: Likeness) -> float:
        # Near ones were looked for among those that were checked.
        of = self._duplicates.checked if likeness is Likeness.NEAR else self._records
        return self._named["likeness"].counts[likeness] / of if of else 0.0

    def _warnings(self, duplicates: float, coverage: float) -> list[dict[str, Any]]:
        found = []
        if duplicates > self.thresholds.duplicates:
            found.append(
                {
                    "code": "duplicates",
                    "message": (
                        f"{duplicates:.1%} of the records repeat an earlier one, exactly or "
                        f"nearly; over {self.thresholds.duplicates:.0%} the model learns them by "
                        "heart. Clean with deduplication_simhash."
                    ),
                    "share": round(duplicates, 4),
                }
            )
        if self._records >= 20 and coverage < self.thresholds.coverage:
            found.append(
                {
                    "code": "coverage",
                    "message": (
                        f"The records cover their scenes unevenly ({coverage:.2f} of 1): most "
                        "belong to a few. Add records of the scenes that are rare."
                    ),
                    "coverage": round(coverage, 4),
                }
            )
        return found
