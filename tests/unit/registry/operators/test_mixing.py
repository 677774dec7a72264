"""Splits, samples, shares and corpora, held to their bounds."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.registry.datasets.operators.mixing import Addition, Corpus, Part, addition, shares
from argosy.registry.datasets.operators.splitting import (
    drawn,
    sample,
    sampling_rate,
    set_aside,
    split,
    split_ratio,
)
from argosy.registry.domain.rules import RuleBroken


def test_c16_the_shares_of_the_documents_two_rows() -> None:
    # Both rows belong to one mix of 111,850 characters, rates applied; the third is the rest.
    parts = [
        Part("one", 283_873, 500, 0.10),
        Part("two", 36_031, 100, 0.10),
        Part("the rest", 798_596, 2_000, 0.10),
    ]
    assert shares(parts)[:2] == [25.38, 3.22]
    assert sum(shares(parts)) == pytest.approx(100, abs=0.02)


def test_c15_c16_a_rate_moves_the_share_and_nothing_divides_by_nothing() -> None:
    assert shares([Part("a", 100, 1), Part("b", 100, 1, 3.0)]) == [25.0, 75.0]
    assert shares([Part("empty", 0, 0)]) == [0.0]
    assert shares([]) == []
    with pytest.raises(RuleBroken, match=r"sampling_rate is 11; it must be from 0\.01 to 10"):
        shares([Part("a", 100, 1, 11)])


def test_d27_a_rate_of_a_tenth_draws_the_same_fifty_of_five_hundred() -> None:
    records = list(range(500))
    first, again = (list(sample(records, 500, 0.10, seed=7)) for _ in range(2))
    assert len(first) == len(set(first)) == 50
    assert first == again == sorted(first)
    assert first != list(sample(records, 500, 0.10, seed=8))


@pytest.mark.parametrize(("rate", "expected"), [(0.01, 1), (1.0, 10), (2.5, 25), (10.0, 100)])
def test_d27_rates_over_one_draw_again(rate: float, expected: int) -> None:
    times = drawn(10, rate, seed=1)
    assert sum(times.values()) == expected
    assert max(times.values()) - min(times.values()) <= 1
    assert drawn(0, rate, seed=1) == {}


@pytest.mark.parametrize("value", [0.009, 10.1, -1, "1", None, True, float("nan")])
def test_p21_a_sampling_rate_out_of_range_names_the_range(value: Any) -> None:
    with pytest.raises(RuleBroken, match=r"from 0\.01 to 10") as broken:
        sampling_rate(value)
    assert broken.value.param == "sampling_rate"


def test_p21_a_split_is_by_default_a_fifth_and_by_seed_the_same() -> None:
    assert split_ratio() == 20
    aside = [record for record, held in split(range(10), 10, seed=3) if held]
    assert len(aside) == 2
    assert aside == [record for record, held in split(range(10), 10, seed=3) if held]
    assert [len(set_aside(100, ratio, 0)) for ratio in (0, 0.1, 50, 99.9, 100)] == [
        0,
        1,
        50,
        99,
        100,
    ]
    assert set_aside(1, 50, 0) == frozenset()
    for value in (-0.1, 100.1, "20"):
        with pytest.raises(RuleBroken, match="from 0 to 100"):
            split_ratio(value)


@pytest.mark.parametrize(
    ("corpus", "proportion", "labels", "expected"),
    [
        (1, "10%", (), Addition(Corpus.COMMON, percent=10)),
        ("common", "100 %", (), Addition(Corpus.COMMON, percent=100)),
        (2, "1:2", (), Addition(Corpus.ASSISTANT, parts=2)),
        (3, "1：0.5", ("law",), Addition(Corpus.VERTICAL, parts=0.5, labels=("law",))),
    ],
)
def test_p21_corpora_are_taken_by_percent_or_parts(
    corpus: Any, proportion: str, labels: tuple[str, ...], expected: Addition
) -> None:
    assert addition(corpus, proportion, labels) == expected


@pytest.mark.parametrize(
    ("corpus", "proportion", "labels", "message"),
    [
        (4, "10%", (), "corpus_type must be one of"),
        (1, "101%", (), 'proportion must be "x%" with a number from 0 to 100'),
        (1, "1:2", (), 'proportion must be "x%"'),
        (2, "10%", (), 'proportion must be "1:n" with a number from 0 to 100'),
        (2, None, (), 'proportion must be "1:n"'),
        (3, "1:2", tuple("abcdef"), "labels has 6 entries; at most 5"),
        (1, "10%", ("law",), "vertical corpus only"),
    ],
)
def test_p21_a_corpus_out_of_bounds_is_refused(
    corpus: Any, proportion: Any, labels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(RuleBroken, match=message):
        addition(corpus, proportion, labels)


def test_d26_how_many_records_a_corpus_adds() -> None:
    assert addition(1, "10%").records(own=50, available=1_000) == 100
    assert addition(2, "1:3").records(own=50, available=1_000) == 150
    assert addition(2, "1:3").records(own=50, available=100) == 100
