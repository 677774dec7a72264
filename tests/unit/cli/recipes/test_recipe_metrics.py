"""What answers are worth, on cases small enough to count by hand."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.cli.recipes import metrics
from argosy.cli.recipes.scoring import SCORERS


def test_the_first_whole_object_of_an_answer_counts() -> None:
    assert metrics.json_object('Sure: {"a": 1} and {"b": 2}') == {"a": 1}
    assert metrics.json_object('{broken {"a": {"b": []}}') == {"a": {"b": []}}
    assert metrics.json_object("[1, 2]") is None
    assert metrics.json_object('{"a": ') is None


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"kind": "x", "sure": True, "count": 3}, True),
        ({"kind": "z", "sure": True, "count": 3}, False),
        ({"kind": "x", "sure": 1, "count": 3}, False),
        ({"kind": "x", "sure": True, "count": True}, False),
        ({"kind": "x", "sure": True}, False),
        ({"kind": "x", "sure": True, "count": 3, "more": 1}, False),
        (None, False),
    ],
)
def test_an_object_fits_its_schema_exactly(value: Any, fits: bool) -> None:
    assert metrics.fits(value, {"kind": ["x", "y"], "sure": "boolean", "count": "integer"}) is fits


def test_schema_valid_rate_and_field_f1() -> None:
    answers = ['{"a": 1, "b": ["x", "y"]}', '{"a": "1"}', "no"]
    references = [{"a": 1, "b": ["x", "z"]}, {"a": 1}, {"a": 2}]
    assert metrics.schema_valid_rate(answers, {"a": "integer", "b": "list"}) == pytest.approx(1 / 3)
    # Right: a and x of the first. Extra: y, "1". Missing: z, 1, 2.
    assert metrics.field_f1(answers, references) == pytest.approx(4 / (4 + 2 + 3))
    assert metrics.field_f1([], []) == 1.0


def test_d57_micro_and_macro_f1_of_several_labels() -> None:
    found = [{"a"}, {"a", "b"}, {"c"}]
    wanted = [{"a"}, {"a"}, {"b"}]
    assert metrics.micro_f1(found, wanted) == pytest.approx(4 / (4 + 2 + 1))
    # a: 1.0; b: found once, wanted once, elsewhere: 0.
    assert metrics.macro_f1(found, wanted) == pytest.approx(0.5)
    assert metrics.labels_in("Refund, delivery.\n other", ["refund", "delivery"]) == {
        "refund",
        "delivery",
        "other",
    }


@pytest.mark.parametrize(("words", "within"), [(8, 0), (9, 1), (10, 1), (11, 1), (12, 0)])
def test_d58_within_ten_percent_of_the_length(words: int, within: int) -> None:
    assert metrics.within_length([" ".join("w" * words)], [10]) == within


def test_d59_agreement_with_verdicts_beyond_chance() -> None:
    found = ["right"] * 8 + ["wrong"] * 2
    wanted = ["right"] * 6 + ["wrong"] * 4
    assert metrics.accuracy(found, wanted) == pytest.approx(0.8)
    # By chance 0.8 × 0.6 + 0.2 × 0.4 = 0.56.
    assert metrics.kappa(found, wanted) == pytest.approx((0.8 - 0.56) / 0.44)
    assert metrics.kappa(["a"] * 3, ["a"] * 3) == 1.0


def test_marks_that_are_missing_are_as_far_apart_as_can_be() -> None:
    assert metrics.mean_distance([5.0, None, 9.0], [4, 3, 5], worst=4) == pytest.approx(3.0)


def test_every_scorer_bears_an_answer_that_is_nothing() -> None:
    settings = {
        "schema": {"mark": "integer"},
        "labels": ["a"],
        "field": "mark",
        "lowest": 1,
        "highest": 5,
    }
    references: dict[str, Any] = {"labels": ["a"], "length": 5, "phrases": ["x"]}
    for name, scorer in SCORERS.items():
        scores = scorer([""], [references.get(name, {"mark": 3})], settings)
        assert scores
        assert all(value == 0 or value == 4 for value in scores.values()), (name, scores)
