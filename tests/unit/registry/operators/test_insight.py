"""C23, C28: distributions, their bars' filters, and warnings."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.registry.datasets.operators.duplicates import Duplicates, Likeness, Verdict
from argosy.registry.datasets.operators.insight import filters
from argosy.registry.datasets.operators.insight.distributions import Lengths, evenness
from argosy.registry.datasets.operators.insight.report import Insight, Thresholds
from argosy.registry.datasets.operators.insight.traits import Examiner, Traits
from argosy.registry.domain.rules import RuleBroken

from tests.unit.registry.operators.records import Record, talk, text

LONG = (
    "The ferry leaves the harbour at seven in the morning when the fog still hangs over the water "
    "and the lamps along the quay have not yet gone out and most of the people on board sleep"
)


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner()


def insight(
    examiner: Examiner, records: list[tuple[Record, int | None]], **thresholds: float
) -> tuple[dict[str, Any], list[Traits]]:
    run = Insight(examiner, Thresholds.checked(**thresholds))
    traits = [found for _, found in run(records)]
    return run.report(), traits


def corpus() -> list[tuple[Record, int | None]]:
    asked = [f"Is the review number {n} about {LONG.split()[n]} good?" for n in range(10)]
    rated = [(talk(q, "positive" if n % 3 else "negative"), 20 + n) for n, q in enumerate(asked)]
    return [
        *rated,
        (talk("请问这家餐厅的菜好吃吗？服务态度怎么样？", "positive"), 5000),
        (talk(LONG, LONG), 90),
        (talk(LONG, LONG.upper()), 90),
        (talk(LONG, LONG + " soundly"), 92),
        ({"messages": [*talk("a b", "c d")["messages"], *talk("e f", "g\nh")["messages"]]}, 40),
    ]


def test_c23_insight_tells_lengths_turns_languages_duplicates_and_labels(
    examiner: Examiner,
) -> None:
    report, _ = insight(examiner, corpus())
    assert report["records"] == 15
    tokens = report["tokens"]
    assert (tokens["p50"], tokens["p95"], tokens["max"]) == (27, 5000, 5000)
    assert tokens["share_over_4096"] == pytest.approx(1 / 15, abs=1e-4)
    assert [(bar["low"], bar["count"]) for bar in tokens["bars"] if bar["count"]] == [
        (0, 10),
        (32, 1),
        (64, 3),
        (4096, 1),
    ]
    assert [(bar["name"], bar["count"]) for bar in report["turns"]["bars"]] == [(1, 14), (2, 1)]
    languages = {bar["name"]: bar["count"] for bar in report["languages"]}
    assert (languages["en"], languages["zh"]) == (13, 1)
    assert report["duplicates"]["exact"] == pytest.approx(1 / 15, abs=1e-4)
    assert report["duplicates"]["near"] == pytest.approx(1 / 15, abs=1e-4)
    # What has several lines, or many words, is no label.
    assert [(bar["name"], bar["count"]) for bar in report["labels"]] == [
        ("positive", 7),
        ("negative", 4),
    ]
    assert [(bar["name"], bar["count"]) for bar in report["types"]] == [("dialogue", 15)]
    for name in ("character_repetition", "word_repetition", "special_characters", "flagged_words"):
        assert sum(bar["count"] for bar in report[name]["bars"]) == 15
    assert sum(bar["count"] for bar in report["perplexity"]["bars"]) == 15


def test_c23_every_bar_filters_the_records_that_it_counts(examiner: Examiner) -> None:
    report, traits = insight(examiner, corpus())
    bars = [
        *report["tokens"]["bars"],
        *report["turns"]["bars"],
        *report["languages"],
        *report["labels"],
        *report["types"],
        *report["scenes"]["bars"],
        *report["duplicates"]["bars"],
        *report["character_repetition"]["bars"],
        *report["word_repetition"]["bars"],
        *report["special_characters"]["bars"],
        *report["flagged_words"]["bars"],
        *report["perplexity"]["bars"],
    ]
    assert len(bars) > 30
    for bar in bars:
        asked = filters.check(bar["filter"])
        assert sum(filters.passes(asked, found.as_dict()) for found in traits) == bar["count"]


def test_c28_duplicates_over_five_percent_warn_and_the_threshold_can_be_set(
    examiner: Examiner,
) -> None:
    def codes(copies: int, **thresholds: float) -> list[str]:
        records = [text(f"{word} {LONG[n:]}") for n, word in enumerate(LONG.split()[:19])]
        unlike = [text(" ".join(f"{n}w{i}" for i in range(12))) for n in range(81 - copies)]
        rows = [*records, *unlike, *[text(LONG)] * (copies + 1)]
        report, _ = insight(examiner, [(r, None) for r in rows[-61:]], **thresholds)
        return [warning["code"] for warning in report["warnings"]]

    assert "duplicates" not in codes(3)
    assert "duplicates" in codes(4)
    assert "duplicates" not in codes(4, duplicates=0.1)
    with pytest.raises(RuleBroken, match="from 0 to 1"):
        Thresholds.checked(duplicates=5)


def test_c28_scenes_that_most_records_leave_out_warn(examiner: Examiner) -> None:
    def report(*counts: int) -> dict[str, Any]:
        rows = [
            (talk(f"{scene} {n} {LONG[n:]}", scene=f"scene {scene}"), None)
            for scene, count in enumerate(counts)
            for n in range(count)
        ]
        return insight(examiner, rows)[0]

    even, uneven = report(10, 10, 10), report(28, 1, 1)
    assert even["scenes"]["coverage"] == 1.0
    assert uneven["scenes"]["coverage"] < 0.3
    assert "coverage" in [warning["code"] for warning in uneven["warnings"]]
    assert "coverage" not in [warning["code"] for warning in even["warnings"]]


def test_p24_the_metrics_of_a_text_carry_the_names_that_clients_know(examiner: Examiner) -> None:
    metrics = examiner(text("Hello, dear world! " * 3)).entity_metrics()
    assert set(metrics) == {
        "wordNum",
        "repetitiveCharRatio",
        "specialCharRatio",
        "flaggedWordRatio",
        "langProb",
        "perplexity",
    }
    assert metrics["wordNum"] == 9


def test_likeness_is_to_an_earlier_record() -> None:
    seen = Duplicates()
    assert seen.judge(0, text(LONG)) == Verdict(Likeness.UNIQUE)
    assert seen.judge(1, text(f"  {LONG.upper()} ")) == Verdict(Likeness.EXACT)
    assert seen.judge(2, text(LONG + " soundly")) == Verdict(Likeness.NEAR, 0)
    assert seen.judge(3, talk(LONG)) == Verdict(Likeness.NEAR, 0)
    assert seen.judge(4, text("Something else altogether")) == Verdict(Likeness.UNIQUE)


def test_near_duplicates_are_sought_in_bounded_memory() -> None:
    seen = Duplicates(checked=1)
    assert seen.judge(0, text(LONG)) == Verdict(Likeness.UNIQUE)
    assert seen.judge(1, text(LONG + " soundly")) == Verdict(Likeness.UNIQUE)
    assert seen.judge(2, text(LONG)) == Verdict(Likeness.EXACT)
    assert seen.checked == 1


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {"trait": "size", "value": 1},
        {"trait": "language", "min": 1},
        {"trait": "tokens"},
        {"trait": "tokens", "value": 1, "min": 0},
        {"trait": "tokens", "min": "0"},
    ],
)
def test_a_filter_from_outside_is_judged(asked: Any) -> None:
    with pytest.raises(RuleBroken) as broken:
        filters.check(asked)
    assert broken.value.param == "filter"


def test_quantiles_and_evenness() -> None:
    lengths = Lengths()
    for value in range(1, 101):
        lengths.add(value)
    assert [lengths.quantile(share) for share in (0.5, 0.95, 1.0)] == [50, 95, 100]
    assert lengths.share_over(90) == pytest.approx(0.1)
    assert Lengths().quantile(0.5) == 0
    assert evenness({"a": 3, "b": 3}) == pytest.approx(1)
    assert evenness({"a": 3}) == 0
