"""How long the records of a job are, in tokens. Knows counts, not how they were made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lengths:
    """`pairs` are (tokens, records with so many), shortest first."""

    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Lengths:
        return cls(tuple(sorted((tokens, count) for tokens, count in pairs if count > 0)))

    @property
    def records(self) -> int:
        return sum(count for _, count in self.pairs)

    @property
    def tokens(self) -> int:
        return sum(tokens * count for tokens, count in self.pairs)

    @property
    def longest(self) -> int:
        return self.pairs[-1][0] if self.pairs else 0

    def longer_than(self, tokens: int) -> int:
        """Return how many records are longer."""
        return sum(count for length, count in self.pairs if length > tokens)

    def tokens_up_to(self, limit: int) -> int:
        """Return the tokens of the records that are not longer than `limit`."""
        return sum(tokens * count for tokens, count in self.pairs if tokens <= limit)

    def percentile(self, share: float) -> int:
        """Return the length that `share` of the records do not exceed."""
        left = share * self.records
        for tokens, count in self.pairs:
            left -= count
            if left <= 0:
                return tokens
        return self.longest
