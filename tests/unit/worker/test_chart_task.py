"""The demonstration's task: balanced, seeded, without leaks, and judged strictly."""

import json

import pytest
from argosy.cli.demo.charts import (
    LANGUAGES,
    MARKS,
    MEASURES,
    MONTHS,
    REGIONS,
    SHOWN_CHART,
    SHOWN_REQUESTS,
    Chart,
    InvalidSpecificationError,
    Verdict,
    judge,
    make_task,
    read_specification,
)

TASK = make_task(seed=1)


def test_nothing_held_out_stands_among_the_training_records() -> None:
    assert (len(TASK.training), len(TASK.held_out)) == (100, 64)
    trained = {request.chart for request in TASK.training}
    assert len(trained) == 100
    assert trained.isdisjoint({request.chart for request in TASK.held_out})
    assert SHOWN_CHART not in trained
    assert TASK.held_out[:2] == SHOWN_REQUESTS
    assert Chart("north-china", "2019-03", "sales", "line") == SHOWN_CHART


def test_both_languages_show_every_value_of_every_slot() -> None:
    for language in LANGUAGES:
        charts = [request.chart for request in TASK.training if request.language == language]
        assert len(charts) == 50
        assert {chart.region for chart in charts} == {term.key for term in REGIONS}
        assert {chart.measure for chart in charts} == {term.key for term in MEASURES}
        assert {chart.mark for chart in charts} == {term.key for term in MARKS}
        assert {chart.month[5:] for chart in charts} == {term.key for term in MONTHS}
        assert sum(request.language == language for request in TASK.held_out) == 32


def test_the_seed_decides_the_task() -> None:
    assert make_task(seed=1) == TASK
    assert make_task(seed=2).training != TASK.training


def test_training_lines_are_chats_that_end_in_a_valid_specification() -> None:
    lines = TASK.training_jsonl().decode().splitlines()
    assert len(lines) == 100
    for line, request in zip(lines, TASK.training, strict=True):
        roles = [message["role"] for message in json.loads(line)["messages"]]
        assert roles == ["system", "user", "assistant"]
        assert read_specification(json.loads(line)["messages"][-1]["content"]) == request.chart


def test_the_prompt_does_not_give_the_format_away() -> None:
    for request in TASK.held_out:
        prompt = json.dumps(request.messages())
        for telling in ("encoding", "field", "mark", "-china", '{\\"'):
            assert telling not in prompt


def test_an_answer_counts_by_its_meaning_not_its_spaces() -> None:
    answer = SHOWN_CHART.answer()
    assert judge(answer, SHOWN_CHART) is Verdict.EXACT
    assert judge(json.dumps(json.loads(answer), indent=2), SHOWN_CHART) is Verdict.EXACT
    other = Chart("east-china", "2019-03", "sales", "line")
    assert judge(answer, other) is Verdict.WRONG_CHART


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Sure! Here is the chart.",
        "[1]",
        "{}",
        SHOWN_CHART.answer() + "}",
        SHOWN_CHART.answer().replace('"line"', '"pie"'),
        SHOWN_CHART.answer().replace("2019-03", "2019-13"),
        SHOWN_CHART.answer().replace("2019-03", "2019/03"),
        SHOWN_CHART.answer().replace("north-china", "atlantis"),
        SHOWN_CHART.answer().replace('"mark"', '"title":"x","mark"'),
    ],
)
def test_what_is_no_valid_specification_is_invalid(answer: str) -> None:
    with pytest.raises(InvalidSpecificationError):
        read_specification(answer)
    assert judge(answer, SHOWN_CHART) is Verdict.INVALID
