"""What readers of files yield: a row with its place, or why a place holds none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from argosy.registry.intake.problems import Problem


@dataclass(frozen=True, slots=True)
class Place:
    """A line, counted from 1, of a file in an archive (`member`) or of the file itself."""

    line: int
    member: str = ""

    def __str__(self) -> str:
        return f"{self.member} line {self.line}" if self.member else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Row:
    """A value as a format may have it: parsed JSON, or a table's row as an object."""

    place: Place
    value: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A place that holds no row."""

    place: Place
    why: str


Rows = Iterator[Row | Refused]


class Unreadable(Exception):
    """The rest of the file cannot be read, from a line on."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


def refused(place: Place, problem: Problem) -> Refused:
    """Return the refusal that a judge's problem is."""
    return Refused(place, str(problem))
