"""Which preset data sets there are, and what is said of them.

A set that is for evaluation has no question of the set that is for training. `corpus` and `label`
are what a mix asks for: the common corpus, or a vertical one by its label.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from argosy.api import records as kinds
from argosy.registry.datasets.presets import general, labour_contracts, role_play, sentiment
from argosy.registry.datasets.presets.making import Record, Rule, draw

TRAINING: Final = "training"
EVALUATION: Final = "evaluation"
_TRAINING_RECORDS: Final = 120
_EVALUATION_RECORDS: Final = 40
_SEED: Final = 1964


@dataclass(frozen=True, slots=True)
class Preset:
    """One set. `key` is what its id ends with."""

    key: str
    title: str
    description: str
    kind: str
    purpose: str
    corpus: str
    label: str
    rule: Rule

    def records(self) -> list[Record]:
        """Return its records, the same ones everywhere."""
        drawn = draw(self.rule, _SEED)
        if self.purpose == EVALUATION:
            return list(itertools.islice(drawn, _EVALUATION_RECORDS))
        # The first ones are the evaluation's.
        return list(
            itertools.islice(drawn, _EVALUATION_RECORDS, _EVALUATION_RECORDS + _TRAINING_RECORDS)
        )

    def lines(self) -> list[str]:
        """Return its records as lines of JSONL, without line ends."""
        return [json.dumps(record, ensure_ascii=False) for record in self.records()]

    def metadata(self) -> dict[str, str]:
        """Return what the set is told apart by."""
        told = {"purpose": self.purpose, "corpus": self.corpus, "label": self.label}
        return {
            **{k: v for k, v in told.items() if v},
            "language": "zh,en",
            "license": "Apache-2.0",
        }


def _both(
    key: str, title: str, chinese: str, description: str, label: str, rule: Rule
) -> Iterator[Preset]:
    """Yield a set to train on and one to evaluate by."""
    corpus = "vertical" if label else "common"
    yield Preset(
        key, f"{title} · {chinese}", description, kinds.DIALOGUE, TRAINING, corpus, label, rule
    )
    yield Preset(
        f"{key}_eval", f"{title}, evaluation · {chinese}评估集", description, kinds.DIALOGUE,
        EVALUATION, corpus, label, rule,
    )  # fmt: skip


PRESETS: Final = (
    *_both(
        "general", "General ability", "通用能力",
        "Sums, capitals, opposites, orders and units. Mix it in so that tuning keeps them.",
        "", general.dialogue,
    ),
    *_both(
        "role_play", "Role play", "角色扮演",
        "Personas with words of their own, who stay in their roles.",
        "entertainment", role_play.dialogue,
    ),
    *_both(
        "sentiment", "Sentiment", "情感分析",
        "Reviews of things: positive, negative or neutral.", "e-commerce", sentiment.dialogue,
    ),
    *_both(
        "labour_contracts", "Labour contracts", "劳动合同",
        "Which mandatory clauses a labour contract lacks.", "law", labour_contracts.dialogue,
    ),
    Preset(
        "role_play_preferences", "Role play, preferences · 角色扮演偏好",
        "An answer in the role preferred to one that falls out of it.",
        kinds.PREFERENCE, TRAINING, "vertical", "entertainment", role_play.preference,
    ),
)  # fmt: skip
