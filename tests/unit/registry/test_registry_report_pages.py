"""How much of a report is read at a time: enough for a page, and little in vain."""

from __future__ import annotations

import pytest
from argosy.registry.usecases.usage_reports import PAGE_RESULTS, to_read


@pytest.mark.parametrize(
    ("done", "found", "groups", "more"),
    [
        (0, 0, 1, PAGE_RESULTS),
        (0, 0, 20, PAGE_RESULTS // 20),
        # More groups than fit on a page, or none at all: one bucket is read all the same.
        (0, 0, 10 * PAGE_RESULTS, 1),
        (0, 0, 0, PAGE_RESULTS),
        # Groups of before that are gone: the rest is read at the pace of what was found.
        (10, 100, 250, 240),
        (10, 0, 250, 40),
        # Three quarters are full enough.
        (10, PAGE_RESULTS * 3 // 4 + 1, 250, 0),
        (10, PAGE_RESULTS + 7, 250, 0),
    ],
)
def test_what_is_read_next_fills_the_page(done: int, found: int, groups: int, more: int) -> None:
    assert to_read(done, found, groups) == more


def test_a_report_of_many_quiet_days_comes_to_an_end() -> None:
    done = reads = 0
    while count := to_read(done, done // 50, 2000):
        done += count
        reads += 1
        if done >= 1440:
            break
    assert done >= 1440
    assert reads < 10
