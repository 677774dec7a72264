"""How each recipe's answers are scored: by the name of a scorer in its recipe.toml.

A scorer takes answers, their references and the recipe's evaluation settings and returns numbers by
name. The recipe's `main` names the one that is looked at first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from argosy.cli.recipes import metrics

Scores = dict[str, float]
Settings = Mapping[str, Any]
Scorer = Callable[[Sequence[str], Sequence[Any], Settings], Scores]


def fields(answers: Sequence[str], references: Sequence[Any], settings: Settings) -> Scores:
    """Objects of a schema, and how many of their fields are right."""
    return {
        "schema_valid": metrics.schema_valid_rate(answers, settings["schema"]),
        "field_f1": metrics.field_f1(answers, references),
    }


def labels(answers: Sequence[str], references: Sequence[Any], settings: Settings) -> Scores:
    """Several labels a record."""
    found = [metrics.labels_in(answer, settings["labels"]) for answer in answers]
    wanted = [set(reference) for reference in references]
    return {
        "micro_f1": metrics.micro_f1(found, wanted),
        "macro_f1": metrics.macro_f1(found, wanted),
    }


def length(answers: Sequence[str], references: Sequence[Any], settings: Settings) -> Scores:
    """Answers of a length in words that was asked for."""
    tolerance = float(settings.get("tolerance", 0.1))
    return {"within_length": metrics.within_length(answers, references, tolerance)}


def verdict(answers: Sequence[str], references: Sequence[Any], settings: Settings) -> Scores:
    """Verdicts against those of people: one field of an object, or the whole answer."""
    field = settings["field"]
    found = [str((metrics.json_object(answer) or {}).get(field)) for answer in answers]
    wanted = [str(reference[field]) for reference in references]
    return {
        "agreement": metrics.accuracy(found, wanted),
        "kappa": metrics.kappa(found, wanted),
        **fields(answers, references, settings),
    }


def marks(answers: Sequence[str], references: Sequence[Any], settings: Settings) -> Scores:
    """Marks on a scale: the same, and how far apart."""
    field, low, high = settings["field"], settings["lowest"], settings["highest"]
    found = [_number((metrics.json_object(answer) or {}).get(field)) for answer in answers]
    wanted = [reference[field] for reference in references]
    return {
        "same_mark": metrics.accuracy(found, wanted),
        "mean_distance": metrics.mean_distance(found, wanted, high - low),
        **fields(answers, references, settings),
    }


def phrases(answers: Sequence[str], references: Sequence[Any], settings: Settings) -> Scores:
    """Answers that have what they must have and nothing that they must not have."""
    banned = [phrase.lower() for phrase in settings.get("banned", ())]
    kept = [
        all(phrase.lower() in answer.lower() for phrase in reference)
        and not any(phrase in answer.lower() for phrase in banned)
        for answer, reference in zip(answers, references, strict=True)
    ]
    share = sum(kept) / len(kept) if kept else 0.0
    return {str(settings.get("measure", "in_character")): share}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


SCORERS: Final[Mapping[str, Scorer]] = {
    "fields": fields,
    "labels": labels,
    "length": length,
    "verdict": verdict,
    "marks": marks,
    "phrases": phrases,
}
# Of these less is better.
LESS_IS_BETTER: Final = frozenset({"mean_distance"})
