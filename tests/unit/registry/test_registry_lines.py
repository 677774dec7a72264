"""intake.lines: any way of cutting the stream gives the same lines, in bounded memory."""

from __future__ import annotations

import itertools

import pytest
from argosy.registry.intake.lines import LineSplitter
from argosy.registry.intake.problems import Problem
from hypothesis import given
from hypothesis import strategies as st


def split(data: bytes, cuts: list[int], limit: int = 1000) -> list[tuple[int, bytes]]:
    splitter = LineSplitter(limit)
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    found = []
    for begin, end in itertools.pairwise(edges):
        found += [(splitter.number, line) for line in splitter.feed(data[begin:end])]
    return found + [(splitter.number, line) for line in splitter.finish()]


@given(
    st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b and b"\r" not in b)),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.lists(st.integers(0, 300)),
)
def test_lines_do_not_depend_on_the_cuts(
    lines: list[bytes], end: bytes, last_end: bool, cuts: list[int]
) -> None:
    data = end.join(lines) + (end if last_end and lines else b"")
    expected = lines if last_end or not lines or lines[-1] else lines[:-1]
    assert split(data, cuts) == list(enumerate(expected, start=1))


def test_a_long_line_is_refused_before_it_ends_and_nothing_piles_up() -> None:
    splitter = LineSplitter(100)
    list(splitter.feed(b"short\n"))
    list(splitter.feed(b"x" * 60))
    with pytest.raises(Problem, match="longer than the limit of 100 bytes"):
        list(splitter.feed(b"x" * 60))
    assert splitter.number == 2


def test_a_line_of_exactly_the_limit_is_taken() -> None:
    assert split(b"x" * 100 + b"\n", [], limit=100) == [(1, b"x" * 100)]
    with pytest.raises(Problem):
        split(b"x" * 101 + b"\n", [50], limit=100)
