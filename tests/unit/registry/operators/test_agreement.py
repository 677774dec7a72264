"""D54, D43: agreement between annotators, and what becomes of rankings."""

from __future__ import annotations

import pytest
from argosy.registry.datasets.operators.agreement import (
    interval,
    kendall_tau,
    of_rankings,
    of_ratings,
)
from argosy.registry.datasets.operators.rankings import best_answer, pairs

ASK = [{"role": "user", "content": "Which?"}]


def test_d54_alpha_of_the_worked_example() -> None:
    # Krippendorff (2011), example C: four observers, twelve units, five values, some missing.
    observers = {
        "a": "1 2 3 3 2 1 4 1 2 . . .",
        "b": "1 2 3 3 2 2 4 1 2 5 . 3",
        "c": ". 3 3 3 2 3 4 2 2 5 1 .",
        "d": "1 2 3 3 2 4 4 1 2 5 1 .",
    }
    ratings: dict[str, dict[str, int]] = {}
    for observer, row in observers.items():
        for unit, value in enumerate(row.split()):
            if value != ".":
                ratings.setdefault(str(unit), {})[observer] = int(value)
    found = of_ratings(ratings)
    assert found.overall == pytest.approx(0.743, abs=0.001)
    assert of_ratings(ratings, interval).overall == pytest.approx(0.849, abs=0.001)
    # The last unit has one value: nothing to compare it with.
    assert found.compared == 11
    assert found.low == ("1", "5", "7")


def test_d54_items_that_annotators_rank_otherwise_are_flagged() -> None:
    rankings = {
        "agreed": {"a": "xyz", "b": "xyz", "c": "xyz"},
        "one swap": {"a": "xyz", "b": "yxz"},
        "opposed": {"a": "xyz", "b": "zyx"},
        "alone": {"a": "xyz"},
    }
    found = of_rankings(rankings)
    assert found.items == pytest.approx({"agreed": 1.0, "one swap": 1 / 3, "opposed": -1.0})
    assert found.overall == pytest.approx(1 / 9)
    assert found.low == ("one swap", "opposed")
    assert found.compared == 3


def test_nothing_to_compare_is_no_agreement_and_no_disagreement() -> None:
    assert of_ratings({"1": {"a": "x"}}).overall is None
    assert of_ratings({"1": {"a": "x", "b": "x"}}).overall == 1.0
    assert of_rankings({}).overall is None
    assert kendall_tau("x", "x") == 1.0
    with pytest.raises(ValueError, match="the same things"):
        kendall_tau("xy", "xz")


def test_d43_each_pair_of_a_ranking_yields_a_chosen_and_a_rejected_answer() -> None:
    ranked = {"messages": ASK, "responses": ["best", "good", "bad", "good"]}
    found = [
        (p["preferred_output"][0]["content"], p["non_preferred_output"][0]["content"])
        for p in pairs(ranked)
    ]
    assert found == [
        ("best", "good"),
        ("best", "bad"),
        ("best", "good"),
        ("good", "bad"),
        ("bad", "good"),
    ]
    assert len(list(pairs(ranked, neighbours_only=True))) == 3
    assert next(pairs(ranked))["input"] == {"messages": ASK}
    assert best_answer(ranked) == {
        "messages": [*ASK, {"role": "assistant", "content": "best"}],
    }
