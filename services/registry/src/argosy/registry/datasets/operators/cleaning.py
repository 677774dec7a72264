"""Runs a pipeline of operators over records and counts what each did.

A record that an operator drops is not shown to those after it. Of each operator a few records are
kept as they were and as they became, for people to see.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from argosy.registry.datasets.operators.policy import Operator
from argosy.registry.datasets.operators.texts import Record

SAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """A record before and after an operator; `after` is None where it was dropped."""

    number: int
    before: Record
    after: Record | None


@dataclass(slots=True)
class Step:
    """What one operator did."""

    name: str
    seen: int = 0
    changed: int = 0
    dropped: int = 0
    samples: list[Sample] = field(default_factory=list)

    @property
    def remaining(self) -> int:
        """Records that went on."""
        return self.seen - self.dropped


@dataclass(slots=True)
class Cleaning:
    """A run over records; `steps` are complete when the records are."""

    operators: Sequence[Operator]
    samples: int = SAMPLES
    steps: list[Step] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = [Step(operator.NAME) for operator in self.operators]

    def __call__(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records that remain, as they have become."""
        for number, record in enumerate(records, start=1):
            if (cleaned := self._clean(number, record)) is not None:
                yield cleaned

    def _clean(self, number: int, record: Record) -> Record | None:
        current = record
        for operator, step in zip(self.operators, self.steps, strict=True):
            step.seen += 1
            after = operator(current)
            if after is not current:
                step.changed += after is not None
                step.dropped += after is None
                if len(step.samples) < self.samples:
                    step.samples.append(Sample(number, current, after))
            if after is None:
                return None
            current = after
        return current
