"""How long the records of a source are to a model. Knows numbers only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows, tokens of all sequences, and how many records have which length, ascending."""

    rows: int
    total: int
    # (tokens, records) pairs.
    lengths: tuple[tuple[int, int], ...]
