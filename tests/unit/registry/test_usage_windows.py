"""Buckets of reports: where they begin and end, how pages follow, which sums make them up."""

from __future__ import annotations

from itertools import pairwise

import pytest
from argosy.registry.domain.rules import RuleBroken
from argosy.registry.domain.usage_windows import (
    COST_LIMITS,
    Asked,
    Span,
    Width,
    parts,
    whole_days,
    window,
)
from hypothesis import given
from hypothesis import strategies as st

DAY = 86_400
MINUTES = st.integers(0, 60 * 24 * 40)


@given(MINUTES, MINUTES, st.sampled_from(Width))
def test_parts_cover_the_span_exactly(start: int, minutes: int, widest: Width) -> None:
    span = Span(start * 60, (start + minutes) * 60)
    found = list(parts(span, widest))
    assert sum(part.end - part.start for _, part in found) == span.end - span.start
    edges = [span.start, *(part.end for _, part in found)]
    assert edges[:-1] == [part.start for _, part in found]
    for width, part in found:
        assert part.start % width == part.end % width == 0
        assert part.start < part.end
        assert width <= widest
    # Only the edges are read from finer sums.
    assert len(found) <= 5


@given(
    st.integers(0, 10 * DAY), st.integers(1, 10 * DAY), st.sampled_from(Width), st.integers(1, 31)
)
def test_pages_follow_each_other_to_the_end(
    start: int, long: int, width: Width, limit: int
) -> None:
    asked = Asked(start, start + long, width, limit, "")
    page = window(asked, 0)
    buckets = list(page.buckets)
    for _ in range(40):
        if not page.next_page:
            break
        assert len(page.buckets) == limit
        page = window(Asked(start, start + long, width, limit, page.next_page), 0)
        buckets += page.buckets
    else:
        return
    assert buckets[0].start == start // 60 * 60
    assert buckets[-1].end == -(-(start + long) // 60) * 60
    assert all(before.end == after.start for before, after in pairwise(buckets))
    assert all(bucket.end % width == 0 for bucket in buckets[:-1])


def test_a_report_up_to_now_ends_with_the_bucket_under_way() -> None:
    page = window(Asked(10 * DAY + 5, 0, Width.DAY, 0, ""), 12 * DAY + 7)
    assert page.buckets == [
        Span(10 * DAY, 11 * DAY), Span(11 * DAY, 12 * DAY), Span(12 * DAY, 13 * DAY)
    ]  # fmt: skip
    assert page.next_page == ""


def test_a_later_page_keeps_the_end_of_the_first() -> None:
    first = window(Asked(60, 0, Width.MINUTE, 2, ""), 600)
    later = window(Asked(60, 0, Width.MINUTE, 100, first.next_page), 60_000)
    assert later.span == Span(180, 660)


def test_costs_have_whole_days() -> None:
    page = window(whole_days(Asked(DAY + 5, 2 * DAY + 1, Width.DAY, 0, "")), 0, COST_LIMITS)
    assert page.buckets == [Span(DAY, 2 * DAY), Span(2 * DAY, 3 * DAY)]


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (Asked(-1, 0, Width.DAY, 0, ""), "start_time"),
        (Asked(1 << 60, 0, Width.DAY, 0, ""), "start_time"),
        (Asked(600, 60, Width.DAY, 0, ""), "end_time"),
        (Asked(0, 60, Width.DAY, 32, ""), "limit"),
        (Asked(0, 60, Width.MINUTE, 1441, ""), "limit"),
        (Asked(0, 6000, Width.MINUTE, 1, "page_"), "page"),
        (Asked(0, 6000, Width.MINUTE, 1, "page_3c-3b"), "page"),
        (Asked(0, 6000, Width.MINUTE, 1, "page_0-3c"), "page"),
        (Asked(0, 6000, Width.MINUTE, 1, "3c-78"), "page"),
    ],
)
def test_what_is_wrong_is_named(asked: Asked, param: str) -> None:
    with pytest.raises(RuleBroken) as caught:
        window(asked, 0)
    assert caught.value.param == param
