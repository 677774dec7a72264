"""Which lines of which files a run learns from.

Knows files, lines, rates and the seed; it knows nothing of what stands in a line. Lines are
numbered through all sources: those of the second source go on where the first one ended, so one
number names one line.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from argosy.trainer.worker.spec import Source


@dataclass(frozen=True)
class Drawn:
    """Lines are numbered from `first`; `counts[i]` tells how often record i is read."""

    path: Path
    rate: float
    first: int
    records: int
    counts: tuple[int, ...]

    def sampled(self) -> int:
        return sum(self.counts)


def draw(sources: Sequence[Source], seed: int) -> list[Drawn]:
    """The same seed draws the same records, whatever other sources there are beside one."""
    drawn = []
    first = 1
    for source in sources:
        lines, records = _count(source.path)
        rng = random.Random(f"{seed}/{source.path.name}/{records}")  # noqa: S311 - no secret
        drawn.append(Drawn(source.path, source.rate, first, records, _shares(records, source, rng)))
        first += lines
    return drawn


def _shares(records: int, source: Source, rng: random.Random) -> tuple[int, ...]:
    """Each record as often as the rate's whole part, and some of them once more."""
    wanted = round(source.rate * records)
    if records and not wanted:
        wanted = 1
    every, more = divmod(wanted, records) if records else (0, 0)
    lucky = set(rng.sample(range(records), more))
    return tuple(every + (index in lucky) for index in range(records))


def read(drawn: Sequence[Drawn]) -> Iterator[tuple[int, bytes]]:
    """(number, line) of each drawn record, in the files' order. Blank lines are no records."""
    for source in drawn:
        counts = iter(source.counts)
        with source.path.open("rb") as file:
            for number, line in enumerate(file, start=source.first):
                if line.strip():
                    for _ in range(next(counts)):
                        yield number, line


def _count(path: Path) -> tuple[int, int]:
    lines = records = 0
    with path.open("rb") as file:
        for line in file:
            lines += 1
            records += bool(line.strip())
    return lines, records
