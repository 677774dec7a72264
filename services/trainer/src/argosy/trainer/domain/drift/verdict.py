"""What recent requests say of a model's training: moved, a new scene, bad answers, or nothing.

Features are compared by their stability index. A request is strange if most of what it speaks of
occurs nowhere in the training data; how many are strange by chance is measured on the training data
itself, one half against the other. Knows requests. Does not know where they are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argosy.trainer.domain.drift import stability
from argosy.trainer.domain.drift.requests import Request

# Fewer requests than these are chance.
FEWEST: Final = 30
MOST: Final = 1000
# Above what is strange by chance.
_NEW_SCENE: Final = 0.2
_BAD_RATE: Final = 0.1
_FEWEST_RATED: Final = 10
_NAMED: Final = 20


class DriftVerdict(StrEnum):
    """Closed, as clients branch on it."""

    STABLE = "stable"
    DRIFTED = "drifted"
    NEW_SCENE = "new_scene"
    BAD_CASES = "bad_cases"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """`requests` are the ids of completions that show it."""

    verdict: DriftVerdict
    summary: str
    advice: str
    numbers: dict[str, float]
    requests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """`findings` begin with what matters most, whose verdict is the whole one. `features` are the
    stability indexes by name."""

    findings: tuple[DriftFinding, ...]
    features: dict[str, float]

    @property
    def verdict(self) -> DriftVerdict:
        return self.findings[0].verdict

    @property
    def retrain(self) -> bool:
        return self.verdict not in (DriftVerdict.STABLE, DriftVerdict.TOO_FEW)


_NUMBERS: Final[dict[str, Callable[[Request], float]]] = {
    "question_length": lambda request: len(request.question),
    "answer_length": lambda request: len(request.answer),
}
_KINDS: Final[dict[str, Callable[[Request], Hashable]]] = {
    "turns": lambda request: min(request.turns, 8),
    "language": lambda request: request.language,
}


def drift(trained: Sequence[Request], recent: Sequence[Request]) -> Drift:
    """Return what the recent requests say; `trained` are those of the training data."""
    if len(recent) < FEWEST or len(trained) < 2:
        few = DriftFinding(
            DriftVerdict.TOO_FEW,
            f"{len(recent)} stored completions are too few to compare; {FEWEST} are needed.",
            "Let the project store completions and send `store: true` with requests.",
            {"requests": float(len(recent)), "records": float(len(trained))},
        )
        return Drift((few,), {})
    features = {
        name: stability.of_numbers([read(r) for r in trained], [read(r) for r in recent])
        for name, read in _NUMBERS.items()
    } | {
        name: stability.of_kinds([read(r) for r in trained], [read(r) for r in recent])
        for name, read in _KINDS.items()
    }
    found = [each for each in (_bad(recent), _scene(trained, recent), _moved(features)) if each]
    if not found:
        found = [
            DriftFinding(
                DriftVerdict.STABLE,
                f"The last {len(recent)} requests are like the training data.",
                "Nothing to do.",
                {"requests": float(len(recent))},
            )
        ]
    return Drift(tuple(found), features)


def _bad(recent: Sequence[Request]) -> DriftFinding | None:
    rated = [request for request in recent if request.rating]
    down = [request.id for request in rated if request.rating == "down"]
    if len(rated) < _FEWEST_RATED or len(down) / len(rated) <= _BAD_RATE:
        return None
    return DriftFinding(
        DriftVerdict.BAD_CASES,
        f"{len(down)} of {len(rated)} rated answers were rated down; {_BAD_RATE:.0%} are borne.",
        "Bring them into a data set, give each a better answer, and train on from this model.",
        {"rate": len(down) / len(rated), "limit": _BAD_RATE, "rated": float(len(rated))},
        tuple(down[:_NAMED]),
    )


def _scene(trained: Sequence[Request], recent: Sequence[Request]) -> DriftFinding | None:
    usual = len(_strange(trained[::2], trained[1::2])) / len(trained[1::2])
    strange = _strange(trained, recent)
    share = len(strange) / len(recent)
    if share - usual <= _NEW_SCENE:
        return None
    return DriftFinding(
        DriftVerdict.NEW_SCENE,
        f"{share:.0%} of the requests speak of what the training data does not know; of the "
        f"training data itself {usual:.0%} would.",
        "A new use has come. Collect its requests, have them answered, and train on from this "
        "model with a part of the old data.",
        {"share": share, "usual": usual, "limit": usual + _NEW_SCENE},
        tuple(request.id for request in strange[:_NAMED]),
    )


def _strange(known: Sequence[Request], asked: Sequence[Request]) -> list[Request]:
    pieces = frozenset().union(*(request.pieces for request in known))
    return [
        request
        for request in asked
        if request.pieces and 2 * len(request.pieces & pieces) < len(request.pieces)
    ]


def _moved(features: dict[str, float]) -> DriftFinding | None:
    moved = {name: index for name, index in features.items() if index >= stability.MOVED}
    if not moved:
        return None
    names = ", ".join(name.replace("_", " ") for name in moved)
    return DriftFinding(
        DriftVerdict.DRIFTED,
        f"Requests have changed against the training data: {names}.",
        "Train on from this model with recent requests and a part of the old data.",
        {**moved, "limit": stability.MOVED},
    )
