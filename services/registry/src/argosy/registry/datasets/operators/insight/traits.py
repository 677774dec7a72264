"""What can be said of one record: its numbers and names, by which records are counted and found.

Knows one record. Does not know the others, but for the likeness that it is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from argosy.api import records as kinds
from argosy.registry.datasets.operators.duplicates import Likeness
from argosy.registry.datasets.operators.flagged_words import FlaggedWords
from argosy.registry.datasets.operators.languages import Languages
from argosy.registry.datasets.operators.perplexity import packaged
from argosy.registry.datasets.operators.repetition import character_repetition, word_repetition
from argosy.registry.datasets.operators.special_characters import special_character_ratio
from argosy.registry.datasets.operators.texts import (
    ASSISTANT,
    Record,
    answers,
    asked,
    content_text,
    question,
    texts,
)
from argosy.registry.datasets.operators.words import words

# An answer that is no longer than this and has one line may be a label.
_LABEL: Final = 32
_SCENE: Final = 64
_OPENING: Final = 3

# How other platforms' clients call them (entity text metrics).
ENTITY_NAMES: Final = {
    "words": "wordNum",
    "character_repetition": "repetitiveCharRatio",
    "special_characters": "specialCharRatio",
    "flagged_words": "flaggedWordRatio",
    "language_probability": "langProb",
    "perplexity": "perplexity",
}


@dataclass(frozen=True, slots=True)
class Traits:
    """Of one record. `tokens` is None where no model was named, ratios are from 0 to 1."""

    type: str
    tokens: int | None
    characters: int
    words: int
    turns: int
    language: str
    language_probability: float
    character_repetition: float
    word_repetition: float
    special_characters: float
    flagged_words: float
    perplexity: float
    likeness: str
    label: str
    scene: str

    def as_dict(self) -> dict[str, Any]:
        """Return the traits by name, as filters name them."""
        return asdict(self)

    def entity_metrics(self) -> dict[str, float]:
        """Return the metrics that other platforms list, under their names."""
        return {theirs: getattr(self, ours) for ours, theirs in ENTITY_NAMES.items()}


class Examiner:
    """Examines records; holds the models that takes."""

    def __init__(self, flagged: FlaggedWords | None = None) -> None:
        self._languages = Languages()
        self._flagged = flagged or FlaggedWords()
        self._prose = packaged()

    def __call__(
        self, record: Record, *, tokens: int | None = None, likeness: str = Likeness.UNIQUE
    ) -> Traits:
        """Return the traits of a record."""
        parts = list(texts(record))
        text = "\n".join(parts)
        guess = self._languages.guess(text)
        return Traits(
            type=kind_of(record),
            tokens=tokens,
            characters=sum(map(len, parts)),
            words=len(words(text)),
            turns=turns(record),
            language=guess.language,
            language_probability=round(guess.probability, 4),
            character_repetition=round(character_repetition(text), 4),
            word_repetition=round(word_repetition(text), 4),
            special_characters=round(special_character_ratio(text), 4),
            flagged_words=round(self._flagged.ratio(text), 4),
            perplexity=round(self._prose.perplexity(text), 2),
            likeness=str(likeness),
            label=label_of(record),
            scene=scene_of(record),
        )


def kind_of(record: Mapping[str, Any]) -> str:
    """Return the kind of a record by its form."""
    if "preferred_output" in record:
        return kinds.PREFERENCE
    if "messages" not in record:
        return kinds.TEXT
    if "responses" in record:
        return kinds.RANKED
    if "completion" in record:
        return kinds.UNPAIRED
    answered = any(message.get("role") == ASSISTANT for message in record["messages"][-1:])
    return kinds.DIALOGUE if answered else kinds.PROMPTS


def turns(record: Record) -> int:
    """Return how often the user speaks; of a text 0."""
    return sum(message.get("role") == "user" for message in asked(record))


def label_of(record: Record) -> str:
    """Return the record's label, or its answer where that is as short as a label; else nothing."""
    if (label := record.get("label")) is not None:
        return str(label).lower() if isinstance(label, bool) else str(label)
    found = answers(record)
    if kind_of(record) != kinds.DIALOGUE or not found:
        return ""
    answer = found[0].strip()
    return answer if 0 < len(answer) <= _LABEL and "\n" not in answer else ""


def scene_of(record: Record) -> str:
    """Return which scene a record belongs to.

    Its `scene` where it has one, else the instructions that the model is given, else how the
    question opens.
    """
    if scene := record.get("scene"):
        return str(scene)[:_SCENE]
    for message in asked(record):
        if message.get("role") in {"system", "developer"}:
            return content_text(message)[:_SCENE]
    return " ".join(words(question(record))[:_OPENING])
