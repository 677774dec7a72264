"""What a policy sees and answers. Knows no policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replica at the moment of the decision, for one request.

    `resident` is true if the request needs no adapter or the replica has it. `in_flight` counts
    this gateway's own requests; `running` and `waiting` are what the engine last told.
    """

    url: str
    ready: bool = True
    ejected: bool = False
    resident: bool = True
    in_flight: int = 0
    running: int = 0
    waiting: int = 0


class Filter(Protocol):
    """Says which replicas may serve at all."""

    def keep(self, candidate: Candidate) -> bool: ...


class Scorer(Protocol):
    """Says how good a replica is, from 0 (worst) to 1 (best)."""

    def score(self, candidate: Candidate) -> float: ...


class Picker(Protocol):
    """Chooses by the scores; gets at least one candidate."""

    def pick(self, scored: Sequence[tuple[Candidate, float]]) -> Candidate: ...
