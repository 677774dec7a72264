"""What answers are worth: pure functions on answers and references, each from 0 to 1.

Knows texts and values. Does not know recipes or models.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

_DECODER: Final = json.JSONDecoder()


def json_object(answer: str) -> dict[str, Any] | None:
    """Return the first JSON object in an answer; None if there is none that is whole."""
    start = answer.find("{")
    while start >= 0:
        try:
            found, _ = _DECODER.raw_decode(answer, start)
        except ValueError:
            start = answer.find("{", start + 1)
            continue
        if isinstance(found, dict):
            return found
        start = answer.find("{", start + 1)
    return None


# A field's type by the name that a recipe writes, or a list of the values that it may have.
Schema = Mapping[str, Any]
_TYPES: Final[Mapping[str, type]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "list": list,
}


def fits(value: Any, schema: Schema) -> bool:
    """Tell whether `value` is an object with exactly the schema's fields, each of its type."""
    if not isinstance(value, dict) or set(value) != set(schema):
        return False
    return all(_fits(value[name], kind) for name, kind in schema.items())


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, list):
        return value in kind
    wanted = _TYPES[kind]
    if isinstance(value, bool) or wanted is bool:
        return isinstance(value, bool) and wanted is bool
    return isinstance(value, (int, float) if wanted is float else wanted)


def schema_valid_rate(answers: Iterable[str], schema: Schema) -> float:
    """Return the share of answers that hold an object of the schema."""
    return _share([fits(json_object(answer), schema) for answer in answers])


def field_f1(answers: Sequence[str], references: Sequence[Mapping[str, Any]]) -> float:
    """Return the micro F1 over fields with their values; each item of a list is one."""
    counts = _Counts()
    for answer, reference in zip(answers, references, strict=True):
        counts.add(_facts(json_object(answer) or {}), _facts(reference))
    return counts.f1()


def _facts(value: Mapping[str, Any]) -> set[tuple[str, str]]:
    found = set()
    for name, content in value.items():
        for each in content if isinstance(content, list) else [content]:
            found.add((str(name), json.dumps(each, sort_keys=True, ensure_ascii=False)))
    return found


class _Counts:
    """True positives, false positives and false negatives."""

    def __init__(self) -> None:
        self.right = self.extra = self.missing = 0

    def add(self, found: set[Any], wanted: set[Any]) -> None:
        self.right += len(found & wanted)
        self.extra += len(found - wanted)
        self.missing += len(wanted - found)

    def f1(self) -> float:
        whole = 2 * self.right + self.extra + self.missing
        return 2 * self.right / whole if whole else 1.0


def micro_f1(found: Sequence[set[str]], wanted: Sequence[set[str]]) -> float:
    """Return the F1 over all labels of all records together."""
    counts = _Counts()
    for one, other in zip(found, wanted, strict=True):
        counts.add(one, other)
    return counts.f1()


def macro_f1(found: Sequence[set[str]], wanted: Sequence[set[str]]) -> float:
    """Return the mean of the labels' F1, so that rare ones weigh as much as frequent ones.

    Over the labels that are wanted somewhere.
    """
    labels = set().union(*wanted) if wanted else set()
    scores = []
    for label in labels:
        counts = _Counts()
        for one, other in zip(found, wanted, strict=True):
            counts.add(one & {label}, other & {label})
        scores.append(counts.f1())
    return sum(scores) / len(scores) if scores else 0.0


def labels_in(answer: str, known: Iterable[str]) -> set[str]:
    """Return the labels that an answer lists, separated by commas; others count as wrong ones."""
    listed = {part.strip().strip(".\"'").lower() for part in answer.replace("\n", ",").split(",")}
    names = {label.lower(): label for label in known}
    return {names.get(each, each) for each in listed if each}


def within_length(answers: Sequence[str], targets: Sequence[int], tolerance: float = 0.1) -> float:
    """Return the share of answers whose number of words is within `tolerance` of the target."""
    return _share(
        [
            abs(len(answer.split()) - target) <= tolerance * target
            for answer, target in zip(answers, targets, strict=True)
        ]
    )


def accuracy(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> float:
    """Return the share that is the same."""
    return _share([one == other for one, other in zip(found, wanted, strict=True)])


def kappa(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> float:
    """Return Cohen's kappa (1960): agreement beyond chance, 1 at most, 0 by chance."""
    total = len(wanted)
    if not total:
        return 0.0
    by_chance = sum(Counter(found)[value] * count for value, count in Counter(wanted).items()) / (
        total * total
    )
    observed = accuracy(found, wanted)
    return 1.0 if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def mean_distance(found: Sequence[float | None], wanted: Sequence[float], worst: float) -> float:
    """Return how far numbers are apart on average; one that is missing is `worst` apart."""
    apart = [
        worst if one is None else min(abs(one - other), worst)
        for one, other in zip(found, wanted, strict=True)
    ]
    return sum(apart) / len(apart) if apart else 0.0


def _share(passed: Sequence[bool]) -> float:
    return sum(passed) / len(passed) if passed else 0.0
