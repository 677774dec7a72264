"""How much was used in the last minute and in this day, over cells of several writers.

A window is a running total and the value it had at the beginning of each of the last 64 seconds, so
that what was used in the last minute is one subtraction a writer, whatever the traffic. The oldest
second is counted whole: no 60 s ever hold more than the limit, and at a steady rate at most 1/60 of
it stays unused.

Knows arithmetic on rows of 64-bit words. A row has one writer; anyone may read it at any time, and
sees each word either before or after a write. Does not know who the rows belong to, nor limits.
"""

from __future__ import annotations

from typing import Final


class Words:
    """A place in memory, of this process alone; the words are 0 in the beginning."""

    __slots__ = ("_own",)

    def __init__(self, count: int) -> None:
        self._own = [0] * count

    def __getitem__(self, at: int) -> int:
        return self._own[at]

    def __setitem__(self, at: int, value: int) -> None:
        self._own[at] = value


class SharedWords(Words):
    """A place in memory that other processes see."""

    __slots__ = ("_shared",)

    def __init__(self, shared: memoryview) -> None:
        super().__init__(0)
        self._shared = shared

    def __getitem__(self, at: int) -> int:
        word: int = self._shared[at]
        return word

    def __setitem__(self, at: int, value: int) -> None:
        self._shared[at] = value

    def release(self) -> None:
        """Let go of the memory."""
        self._shared.release()


# Words, and the index at which a row begins.
Rows = list[tuple[Words, int]]

SECONDS: Final = 60
_RING: Final = 64
_MASK: Final = _RING - 1

# A window: the second of its last write, its total, and the total as each second began.
_LAST: Final = 0
_TOTAL: Final = 1
_BEGUN: Final = 2
_WINDOW_WORDS: Final = _BEGUN + _RING

# A row: two windows, a day with its two totals, the requests under way with whose they are, and of
# the day what was used elsewhere.
REQUESTS: Final = 0
TOKENS: Final = _WINDOW_WORDS
_DAY: Final = 2 * _WINDOW_WORDS
DAY_TOKENS: Final = _DAY + 1
DAY_COST: Final = _DAY + 2
UNDER_WAY: Final = _DAY + 3
OWNER: Final = _DAY + 4
_ELSEWHERE: Final = 4
ROW_WORDS: Final = _DAY + 8

# Far above any sum that means something, far below what a word holds.
_MOST: Final = 1 << 61


def add(words: Words, window: int, second: int, amount: int) -> None:
    """Count `amount` in the window that begins at word `window`, now in `second`."""
    last = words[window]
    at = window + _TOTAL
    if second > last:
        total = words[at]
        for passed in range(max(last + 1, second - _MASK), second + 1):
            words[window + _BEGUN + (passed & _MASK)] = total
        words[window] = second
    words[at] += amount


def take_back(words: Words, window: int, second: int, amount: int) -> None:
    """Undo an `add` of `second`, as if it had been smaller by `amount` from the beginning."""
    last = words[window]
    if last - second >= _RING:
        return  # it is in every value that is kept, so in no difference
    words[window + _TOTAL] -= amount
    for passed in range(second + 1, last + 1):
        words[window + _BEGUN + (passed & _MASK)] -= amount


def used(rows: Rows, field: int, second: int) -> int:
    """Return what all writers counted in `second` and the 60 seconds before it."""
    oldest = second - SECONDS
    total = 0
    for words, row in rows:
        window = row + field
        if words[window] >= oldest:
            total += words[window + _TOTAL] - words[window + _BEGUN + (oldest & _MASK)]
    return total


def seconds_until(rows: Rows, field: int, second: int, room: int) -> int:
    """Return in how many seconds no more than `room` is used if nothing is added: 1 to 61."""
    low, high = 1, SECONDS + 1
    while low < high:
        middle = (low + high) // 2
        if used(rows, field, second + middle) <= room:
            high = middle
        else:
            low = middle + 1
    return low


def add_in_day(words: Words, row: int, day: int, tokens: int, cost: int) -> None:
    """Count in the day's totals; a new day begins at nothing. Amounts may be negative."""
    if words[row + _DAY] != day:
        # Before the day itself, so that nobody reads yesterday's totals as today's.
        words[row + DAY_TOKENS] = 0
        words[row + DAY_COST] = 0
        words[row + DAY_TOKENS + _ELSEWHERE] = 0
        words[row + DAY_COST + _ELSEWHERE] = 0
        words[row + _DAY] = day
    total, total_cost = words[row + DAY_TOKENS] + tokens, words[row + DAY_COST] + cost
    words[row + DAY_TOKENS] = total if total < _MOST else _MOST
    words[row + DAY_COST] = total_cost if total_cost < _MOST else _MOST


def used_in_day(rows: Rows, field: int, day: int) -> int:
    """Return one of the day's totals over all writers, with what was used elsewhere."""
    total = elsewhere = 0
    for words, row in rows:
        if words[row + _DAY] == day:
            total += words[row + field]
            # Each writer knows of the same; who has heard last knows best.
            elsewhere = max(elsewhere, words[row + field + _ELSEWHERE])
    return total + elsewhere


def learn_in_day(words: Words, row: int, rows: Rows, day: int, tokens: int, cost: int) -> None:
    """Learn what was used in the day in all: what `rows` do not hold of it was used elsewhere.

    What they hold, and the total does not yet, makes it less than it is, never more; the next time
    tells it.
    """
    add_in_day(words, row, day, 0, 0)
    for field, told in ((DAY_TOKENS, tokens), (DAY_COST, cost)):
        here = sum(w[r + field] for w, r in rows if w[r + _DAY] == day)
        at = row + field + _ELSEWHERE
        words[at] = max(words[at], min(told - here, _MOST))


def idle(words: Words, row: int, second: int, day: int) -> bool:
    """Tell whether nothing in the row counts any more."""
    return (
        words[row + REQUESTS] < second - SECONDS
        and words[row + TOKENS] < second - SECONDS
        and words[row + _DAY] != day
        and not words[row + UNDER_WAY]
    )
