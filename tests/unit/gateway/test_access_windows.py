"""access.windows: what counts in a minute and a day, against a list of everything that happened."""

from __future__ import annotations

import random

import pytest
from argosy.gateway.access import windows

ROOM = windows.ROW_WORDS


def rows(count: int) -> windows.Rows:
    words = windows.Words(ROOM * count)
    return [(words, ROOM * index) for index in range(count)]


@pytest.mark.parametrize("seed", range(20))
def test_the_window_is_the_last_minute_over_all_writers(seed: int) -> None:
    chance = random.Random(seed)
    everyone = rows(3)
    happened: list[tuple[int, int]] = []
    second = chance.choice([0, 7, 100_000])
    for _ in range(400):
        second += chance.choice([0, 0, 0, 1, 1, 3, 20, 59, 64, 200])
        words, row = chance.choice(everyone)
        if happened and chance.random() < 0.2:
            # Only the writer of an entry corrects it; here that is writer 0, who wrote them all.
            words, row = everyone[0]
            index = chance.randrange(len(happened))
            when, amount = happened[index]
            if when >= 0 and amount > 1:
                windows.take_back(words, row + windows.TOKENS, when, amount - 1)
                happened[index] = (when, 1)
        else:
            words, row = everyone[0]
            amount = chance.randrange(1, 50)
            windows.add(words, row + windows.TOKENS, second, amount)
            happened.append((second, amount))
        expected = sum(amount for when, amount in happened if when >= second - 60)
        assert windows.used(everyone, windows.TOKENS, second) == expected, f"seed {seed}"


def test_writers_add_up_and_fields_are_apart() -> None:
    everyone = rows(3)
    for number, (words, row) in enumerate(everyone):
        windows.add(words, row + windows.REQUESTS, 10 + number, 1)
        windows.add(words, row + windows.TOKENS, 10 + number, 100)
    assert windows.used(everyone, windows.REQUESTS, 70) == 3
    assert windows.used(everyone, windows.TOKENS, 71) == 200
    assert windows.used(everyone, windows.TOKENS, 73) == 0


def test_the_way_out_is_the_first_second_with_room() -> None:
    everyone = rows(2)
    for number, second in enumerate((100, 110, 130)):
        words, row = everyone[number % 2]
        windows.add(words, row + windows.REQUESTS, second, 5)
    for room, expected in ((14, 21), (10, 21), (9, 31), (5, 31), (4, 51), (0, 51), (15, 1)):
        found = windows.seconds_until(everyone, windows.REQUESTS, 140, room)
        assert found == expected
        assert windows.used(everyone, windows.REQUESTS, 140 + found) <= room


def test_a_new_day_begins_at_nothing() -> None:
    everyone = rows(2)
    (words, first), (_, second) = everyone
    windows.add_in_day(words, first, 5, 10, 100)
    windows.add_in_day(words, second, 5, 1, 1)
    windows.add_in_day(words, first, 5, -3, -30)
    assert windows.used_in_day(everyone, windows.DAY_TOKENS, 5) == 8
    assert windows.used_in_day(everyone, windows.DAY_COST, 5) == 71
    assert windows.used_in_day(everyone, windows.DAY_TOKENS, 6) == 0
    windows.add_in_day(words, first, 6, 2, 2)
    assert windows.used_in_day(everyone, windows.DAY_TOKENS, 6) == 2
    assert windows.used_in_day(everyone, windows.DAY_TOKENS, 5) == 1
    windows.add_in_day(words, first, 6, 1 << 62, 1 << 62)
    windows.add_in_day(words, first, 6, 1 << 62, 1 << 62)  # does not overflow the word


def test_idle_is_when_nothing_counts() -> None:
    ((words, row),) = rows(1)
    assert windows.idle(words, row, 1000, 3)
    windows.add(words, row + windows.TOKENS, 1000, 5)
    assert not windows.idle(words, row, 1060, 3)
    assert windows.idle(words, row, 1061, 3)
    windows.add_in_day(words, row, 3, 1, 1)
    assert not windows.idle(words, row, 1061, 3)
    assert windows.idle(words, row, 1061, 4)
    words[row + windows.UNDER_WAY] = 1
    assert not windows.idle(words, row, 1061, 4)
