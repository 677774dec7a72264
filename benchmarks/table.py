"""Results and goals as Markdown. Pure: knows how figures are written, not where they come from."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.goals import GOALS, METRICS, Goal, Metric
from benchmarks.results import ARGOSY, NGINX, TARGETS, VLLM_ROUTER, Results
from benchmarks.statistics import ratio

_NOTHING = "–"


def number(value: float | None) -> str:
    """Write a figure with three digits that count."""
    if value is None:
        return _NOTHING
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def render(results: Results) -> str:
    """Return the table of figures and the list of goals."""
    measured = [metric for metric in METRICS if metric.name in results.metrics]
    head = ["", *TARGETS, f"{ARGOSY} / {NGINX}", f"{ARGOSY} / {VLLM_ROUTER}"]
    lines = [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
    lines += [_line(_cells(metric, results)) for metric in measured]
    lines += ["", _line(["goal", "measured", "limit", ""]), _line(["---", "---:", "---:", "---"])]
    lines += [_line(_verdict(goal, results)) for goal in GOALS if goal.metric in results.metrics]
    return "\n".join(lines)


def _cells(metric: Metric, results: Results) -> list[str]:
    values = [results.median(metric.name, target) for target in TARGETS]
    own = results.median(metric.name, ARGOSY)
    ratios = [ratio(own, results.median(metric.name, rival)) for rival in (NGINX, VLLM_ROUTER)]
    words = f"{metric.words}, {metric.unit}" if metric.unit else metric.words
    return [words, *map(number, values), *map(number, ratios)]


def _verdict(goal: Goal, results: Results) -> list[str]:
    metric = next(metric for metric in METRICS if metric.name == goal.metric)
    words = f"{metric.words} / {goal.base}" if goal.base else metric.words
    value = goal.value(results)
    unit = f" {metric.unit}" if metric.unit and not goal.base else ""
    limit = f"{'≥' if goal.at_least else '≤'} {number(goal.limit)}{unit}"
    if value is None:
        verdict = "not measured"
    elif goal.met(value):
        verdict = "met"
    else:
        verdict = f"missed by {abs(value / goal.limit - 1):.0%}"
    return [words, number(value) + (unit if value is not None else ""), limit, verdict]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
