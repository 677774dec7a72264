"""Cases out of a file of records: all of them, or so many drawn, the same ones for the same seed.

Knows JSONL. Does not know where the file came from.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from argosy.trainer.domain.evaluation.cases import Case, case


def drawn(path: Path, most: int, seed: int) -> list[Case]:
    """Return at most `most` cases in order of their lines; lines that make none are passed over."""
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
    # More than are wanted, since some may make no case.
    chosen = sorted(range(lines), key=_shuffled(lines, seed).__getitem__)
    found: list[Case] = []
    for start in range(0, lines, most):
        wanted = frozenset(chosen[start : start + most])
        found += _cases(path, wanted)
        if len(found) >= most:
            break
    return sorted(found[:most], key=lambda each: each.line)


def _shuffled(count: int, seed: int) -> list[int]:
    places = list(range(count))
    Random(seed).shuffle(places)  # noqa: S311 - to be repeated, no secret
    return places


def _cases(path: Path, wanted: frozenset[int]) -> list[Case]:
    with path.open("rb") as file:
        rows = [(n, line) for n, line in enumerate(file) if n in wanted and line.strip()]
    made = (case(number + 1, json.loads(line)) for number, line in rows)
    return [each for each in made if each is not None]
