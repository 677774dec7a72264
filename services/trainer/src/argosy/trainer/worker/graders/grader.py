"""What a grader is: samples in, grades out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Sample:
    """An answer and the record that it answers."""

    text: str
    item: dict[str, Any]


@dataclass(frozen=True)
class Grade:
    """`error` says why an answer could not be judged; its score is 0 then."""

    score: float
    error: str | None = None


Grades = Sequence[Grade]


class Grader(Protocol):
    def grade(self, samples: Sequence[Sample]) -> Grades:
        """One grade a sample, in order."""
        ...
