"""The table: what is written of figures, of what is missing, and of goals."""

from __future__ import annotations

import pytest

from benchmarks.goals import GOALS, METRICS, Goal
from benchmarks.results import ARGOSY, DIRECT, NGINX, VLLM_ROUTER, Results
from benchmarks.scenarios import scenarios
from benchmarks.table import number, render


def _row(text: str, words: str) -> list[str]:
    """The last row that begins with `words`: goals come after figures."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {words}")]
    assert lines, text
    return [cell.strip() for cell in lines[-1].strip("|").split("|")]


def _measured() -> Results:
    results = Results()
    for value in (60.0, 66.0, 500.0):
        results.add("request_cpu", ARGOSY, value)
    for value in (30.0, 27.0, 33.0):
        results.add("request_cpu", NGINX, value)
    results.add("request_cpu", DIRECT, None)
    return results


def test_a_row_has_medians_ratios_and_dashes() -> None:
    row = _row(render(_measured()), "CPU a request, 32 connections, µs")
    assert row[1:] == ["–", "30.0", "–", "66.0", "2.20", "–"]


def test_goals_are_met_missed_or_not_measured() -> None:
    text = render(_measured())
    assert _row(text, "CPU a request, 32 connections / nginx")[1:] == ["2.20", "≤ 2.40", "met"]
    assert _row(text, "CPU a request, 32 connections / vllm-router")[1:] == [
        "–", "≤ 0.50", "not measured",
    ]  # fmt: skip


def test_a_missed_goal_says_by_how_much() -> None:
    results = _measured()
    results.add("request_cpu", VLLM_ROUTER, 100.0)
    row = _row(render(results), "CPU a request, 32 connections / vllm-router")
    assert row[1:] == ["0.66", "≤ 0.50", "missed by 32%"]


def test_a_goal_may_be_a_lower_limit() -> None:
    results = Results()
    results.add("goodput", ARGOSY, 0.45)
    row = _row(render(results), "goodput at 10 × load / peak")
    assert row[1:] == ["0.45", "≥ 0.90", "missed by 50%"]
    assert Goal("goodput", 0.9, at_least=True).met(0.9)
    assert not Goal("goodput", 0.9).met(0.91)


def test_a_bare_limit_has_a_unit() -> None:
    results = Results()
    results.add("resident", ARGOSY, 61.5)
    assert _row(render(results), "resident memory of a worker")[1:3] == ["61.5 MB", "≤ 60.0 MB"]


def test_what_was_not_asked_for_has_no_row() -> None:
    text = render(_measured())
    assert "TTFT" not in text
    assert "goodput" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.123, "0.12"),
        (9.876, "9.88"),
        (12.34, "12.3"),
        (4585.2, "4,585"),
        (0, "0.00"),
    ],
)
def test_figures_have_three_digits_that_count(value: float | None, text: str) -> None:
    assert number(value) == text


def test_merging_keeps_the_order_of_rounds() -> None:
    results, more = _measured(), Results()
    more.add("request_cpu", ARGOSY, 70.0)
    more.add("goodput", ARGOSY, 1.0)
    more.fail("a stream was cut")
    results.merge(more)
    assert results.failures == ["a stream was cut"]
    assert list(results.as_json()["request_cpu"][ARGOSY]) == [60.0, 66.0, 500.0, 70.0]
    assert results.median("goodput", ARGOSY) == 1.0


def test_every_goal_and_every_figure_is_a_metric_of_the_table() -> None:
    names = {metric.name for metric in METRICS}
    assert {goal.metric for goal in GOALS} <= names
    assert {name for scenario in scenarios(1) for name in scenario.figures} <= names
