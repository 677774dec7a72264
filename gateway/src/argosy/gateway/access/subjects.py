"""A key or a project whose use is limited: what it may use, and what is used over all processes.

Knows the five limits, how a request is counted against each and how it is taken back. Does not know
what is said to a client.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from argosy.api.registry.v1.registry_pb2 import Limits
from argosy.gateway.access import windows
from argosy.gateway.access.cells import Row, under_way

# Money is counted as tokens times the price of a million of them: whole numbers, nothing rounded.
COST_A_MICRO: Final = 1_000_000


class Limit(StrEnum):
    """What may be limited: the names of `registry.v1.Limits`, and a closed list of labels."""

    REQUESTS_PER_MINUTE = "requests_per_minute"
    TOKENS_PER_MINUTE = "tokens_per_minute"
    TOKENS_PER_DAY = "tokens_per_day"
    CONCURRENT_REQUESTS = "concurrent_requests"
    MICROS_PER_DAY = "micros_per_day"


class Subject:
    """The limits of one key or project, or of a project for one model; 0 is no limit.

    `who` says which: "key", "project" or "model".

    `left_requests` and `left_tokens` are what the last `broken` found for this minute.
    """

    __slots__ = (
        "any", "concurrent", "cost", "days", "left_requests", "left_tokens", "requests", "row",
        "tokens", "tokens_day", "who",
    )  # fmt: skip

    def __init__(self, who: str, row: Row, limits: Limits) -> None:
        self.who = who
        self.row = row
        self.requests = limits.requests_per_minute
        self.tokens = limits.tokens_per_minute
        self.tokens_day = limits.tokens_per_day
        self.concurrent = limits.concurrent_requests
        self.cost = limits.micros_per_day * COST_A_MICRO
        self.days = bool(self.tokens_day or self.cost)
        self.any = bool(self.requests or self.tokens or self.concurrent or self.days)
        self.left_requests = self.left_tokens = 0

    def take(self, second: int, day: int, tokens: int, cost: int) -> None:
        """Count a request as if it were allowed; then ask `broken`.

        In this order, two processes can both refuse the last request but never both allow it.
        """
        words, row = self.row.words, self.row.row
        if self.requests:
            windows.add(words, row + windows.REQUESTS, second, 1)
        if self.tokens:
            windows.add(words, row + windows.TOKENS, second, tokens)
        if self.days:
            windows.add_in_day(words, row, day, tokens, cost)
        if self.concurrent:
            words[row + windows.UNDER_WAY] += 1

    def give_back(self, second: int, day: int, tokens: int, cost: int) -> None:
        """Undo a `take` of `second` and `day`, but for the request under way."""
        words, row = self.row.words, self.row.row
        if self.requests:
            windows.take_back(words, row + windows.REQUESTS, second, 1)
        if self.tokens:
            windows.take_back(words, row + windows.TOKENS, second, tokens)
        if self.days:
            windows.add_in_day(words, row, day, -tokens, -cost)

    def leave(self) -> None:
        """The request is no longer under way."""
        at = self.row.row + windows.UNDER_WAY
        if self.concurrent and self.row.words[at] > 0:
            self.row.words[at] -= 1

    def correct_tokens(self, second: int, amount: int, now: int) -> None:
        """Add `amount`, maybe negative, to the tokens that were taken in `second`.

        What was too much is given back where it was taken; what was too little is used `now`.
        """
        words, window = self.row.words, self.row.row + windows.TOKENS
        if amount < 0:
            windows.take_back(words, window, second, -amount)
        else:
            windows.add(words, window, now, amount)

    def correct_day(self, day: int, tokens: int, cost: int, today: int) -> None:
        """Correct what was taken in `day`; only what was too little passes into the next day."""
        if day != today:
            tokens, cost = max(tokens, 0), max(cost, 0)
        windows.add_in_day(self.row.words, self.row.row, today, tokens, cost)

    def broken(self, second: int, day: int) -> Limit | None:
        """Return a limit that is broken now, None if all hold."""
        rows = self.row.rows
        if self.requests:
            left = self.left_requests = self.requests - windows.used(rows, windows.REQUESTS, second)
            if left < 0:
                return Limit.REQUESTS_PER_MINUTE
        if self.tokens:
            left = self.left_tokens = self.tokens - windows.used(rows, windows.TOKENS, second)
            if left < 0:
                return Limit.TOKENS_PER_MINUTE
        if self.concurrent and under_way(self.row) > self.concurrent:
            return Limit.CONCURRENT_REQUESTS
        if self.tokens_day and windows.used_in_day(rows, windows.DAY_TOKENS, day) > self.tokens_day:
            return Limit.TOKENS_PER_DAY
        if self.cost and windows.used_in_day(rows, windows.DAY_COST, day) > self.cost:
            return Limit.MICROS_PER_DAY
        return None

    def figures(self, limit: Limit, second: int, day: int) -> tuple[int, int]:
        """Return how much a limit allows and how much of it is used, in the units of `take`."""
        rows = self.row.rows
        match limit:
            case Limit.REQUESTS_PER_MINUTE:
                return self.requests, windows.used(rows, windows.REQUESTS, second)
            case Limit.TOKENS_PER_MINUTE:
                return self.tokens, windows.used(rows, windows.TOKENS, second)
            case Limit.CONCURRENT_REQUESTS:
                return self.concurrent, under_way(self.row)
            case Limit.TOKENS_PER_DAY:
                return self.tokens_day, windows.used_in_day(rows, windows.DAY_TOKENS, day)
            case Limit.MICROS_PER_DAY:
                return self.cost, windows.used_in_day(rows, windows.DAY_COST, day)

    def seconds_until(self, limit: Limit, second: int, room: int) -> int:
        """Return when no more than `room` of a minute's limit is used, if nobody sends anything."""
        field = windows.REQUESTS if limit is Limit.REQUESTS_PER_MINUTE else windows.TOKENS
        return windows.seconds_until(self.row.rows, field, second, room)
