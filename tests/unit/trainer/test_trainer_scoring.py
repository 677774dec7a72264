"""Records as cases, answers as scores, models compared, and what the figures are said to mean."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from argosy.trainer.domain.diagnosis.findings import Severity, Verdict
from argosy.trainer.domain.evaluation.cases import Case, case, task_type
from argosy.trainer.domain.evaluation.catalogue import JUDGE_NAMES, MANUAL_NAMES, METRICS
from argosy.trainer.domain.evaluation.comparison import Comparison, Delta, Outcome, compare
from argosy.trainer.domain.evaluation.evaluation import (
    BASE,
    RESULT,
    Answer,
    EvaluatedModel,
    Evaluation,
    EvaluationState,
    Judge,
    Manual,
    Wish,
)
from argosy.trainer.domain.evaluation.forgetting import HEADLINE, forgetting, gain
from argosy.trainer.domain.evaluation.intervals import draws, interval
from argosy.trainer.domain.evaluation.labels import Verbalizer
from argosy.trainer.domain.evaluation.reading import headline_of, reading
from argosy.trainer.domain.evaluation.result import result
from argosy.trainer.domain.evaluation.scoring import Scored, score
from argosy.trainer.evaluations.drawing import drawn


def told(content: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": content}


def dialogue(question: str, answer: str, line: int = 1, **more: Any) -> Case:
    made = case(line, {"messages": [told(question), told(answer, "assistant")], **more})
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("record", "reference"),
    [
        ({"messages": [told("q"), told("a", "assistant")]}, "a"),
        ({"messages": [told("q"), told([{"type": "text", "text": "a"}], "assistant")]}, "a"),
        ({"input": {"messages": [told("q")]}, "preferred_output": [told("a", "assistant")]}, "a"),
        ({"messages": [told("q")], "responses": ["a", "b"]}, "a"),
        ({"messages": [told("q")], "completion": "a", "label": True}, "a"),
        ({"messages": [told("q")], "reference": "a"}, "a"),
        ({"messages": [told("q")]}, None),
    ],
)
def test_every_kind_of_record_with_a_question_makes_a_case(
    record: dict[str, Any], reference: str | None
) -> None:
    made = case(3, record)
    assert made is not None
    assert (made.line, made.question, made.reference) == (3, "q", reference)


def test_what_was_not_liked_and_what_only_continues_make_none() -> None:
    assert case(1, {"messages": [told("q")], "completion": "a", "label": False}) is None
    assert case(1, {"text": "once"}) is None


def test_cases_are_drawn_by_the_seed_and_keep_their_lines(tmp_path: Any) -> None:
    path = tmp_path / "records.jsonl"
    lines = [json.dumps({"messages": [told(f"q{n}")], "reference": str(n)}) for n in range(50)]
    lines[7] = json.dumps({"text": "makes none"})
    path.write_text("\n\n".join(lines) + "\n")
    ten = drawn(path, 10, seed=3)
    assert len(ten) == 10
    assert [each.line for each in ten] == sorted(each.line for each in ten)
    assert ten == drawn(path, 10, seed=3) != drawn(path, 10, seed=4)
    # Every second line is empty; the record of line n is number (n - 1) / 2.
    assert all(each.reference == str((each.line - 1) // 2) for each in ten)
    assert len(drawn(path, 100, seed=3)) == 49


def test_s05_short_references_are_a_closed_task_long_ones_an_open_one() -> None:
    short = [dialogue("q", "yes"), dialogue("q", "巴黎")]
    long = [dialogue("q", "Once upon a time there was a ship that nobody could sail.")]
    assert task_type(short, labelled=False) == "closed"
    assert task_type(long, labelled=False) == "open"
    assert task_type(long, labelled=True) == "closed"


def test_s05_a_score_is_read_by_its_task_type() -> None:
    assert "under 20" in reading("open", BASE, "rouge_l", 12)
    assert reading("open", RESULT, "rouge_l", 12) == ""
    assert "high for open tasks" in reading("open", RESULT, "bleu_4", 55)
    assert reading("closed", RESULT, "rouge_l", 98.6) == ""
    assert "100" in reading("closed", RESULT, "accuracy", 98.6)
    names = frozenset({"accuracy", "rouge_l", "judge"})
    assert headline_of("closed", names) == "accuracy"
    assert headline_of("open", names) == "judge"
    assert headline_of("open", names - {"judge"}) == "rouge_l"


def test_p25_metrics_states_and_opinions_have_their_older_names() -> None:
    assert {metric.older for metric in METRICS.values()} - {""} == {
        "accuracy", "f1Score", "rouge_1", "rouge_2", "rouge_l", "bleu4", "avgJudgeScore",
    }  # fmt: skip
    assert set(JUDGE_NAMES.values()) | set(MANUAL_NAMES.values()) == {
        "avgJudgeScore", "stdJudgeScore", "medianJudgeScore", "scoreDistribution",
        "manualAvgScore", "goodCaseProportion", "subjectiveImpression", "manualScoreDistribution",
    }  # fmt: skip
    assert (Judge("m").span, Judge("m").metric) == ((0.0, 5.0), "综合得分")
    assert (Manual().span, Manual().dimensions) == ((0, 2), ("满意度",))
    states = {replace(EVALUATION, state=state).older_state for state in EvaluationState}
    states |= {
        replace(EVALUATION, state=EvaluationState.CANCELLED, held=True).older_state,
        replace(EVALUATION, state=EvaluationState.SUCCEEDED, failed=1).older_state,
    }
    assert states == {
        "Pending", "Doing", "DoingWithManualBegin", "Stopping", "Done", "PartlyDone", "Failed",
        "Stopped",
    }  # fmt: skip


def test_words_of_the_question_are_no_knowledge() -> None:
    asked = dialogue("What is the capital of Peru?", "The capital of Peru is Lima.")
    assert score(asked, "Lima", None, {}).scores["key_recall"] == 100
    assert score(asked, "The capital of Peru is the capital.", None, {}).scores["key_recall"] == 0


def test_c08_a_records_own_label_counts_before_the_words_of_its_answer() -> None:
    verbalizer = Verbalizer({"up": ["good"], "down": ["bad"]})
    asked = dialogue("Well?", "So so.", label="down")
    assert score(asked, "Bad.", verbalizer, {}).pair == ("down", "down")
    assert score(asked, "Bad.", verbalizer, {}).scores["accuracy"] == 100
    assert score(asked, "So so.", verbalizer, {}).scores["accuracy"] == 0


EVALUATION = Evaluation(
    id="fteval-1", project_id="p", job_id="", purpose="asked",
    created_at=datetime(2026, 11, 29, tzinfo=UTC), finished_at=None,
    state=EvaluationState.RUNNING, wish=Wish("file-1"),
    models=(EvaluatedModel("b", BASE), EvaluatedModel("ft:b:o::x", RESULT, 9)),
    source="file-1", task_type="closed", total=8, answered=8, failed=0, result=None, error=None,
    attempts=0, epoch=1, held=False,
)  # fmt: skip


def test_f05_models_are_compared_on_the_records_that_both_answered() -> None:
    cases = {line: dialogue("q", "yes", line) for line in range(1, 5)}
    said = {0: ["no", "no", "yes", None], 1: ["yes", "yes", "yes", "yes"]}
    answers = [
        Answer(model, line, text, error="" if text else "gone")
        for model, texts in said.items()
        for line, text in enumerate(texts, 1)
    ]
    told = result(EVALUATION, "closed", cases, answers)
    base, _ = told["models"]
    assert (base["answered"], base["failed"], base["worst"]) == (3, 1, [1, 2])
    assert base["metrics"]["accuracy"]["value"] == pytest.approx(100 / 3)
    (versus,) = told["comparisons"]
    assert (versus["records"], versus["wins"], versus["ties"], versus["losses"]) == (3, 2, 1, 0)
    delta = versus["deltas"]["accuracy"]
    assert delta["value"] == pytest.approx(200 / 3)
    assert versus["deltas"]["edit_distance"]["value"] < 0
    assert told == result(EVALUATION, "closed", cases, answers)
    json.dumps(told, allow_nan=False)


def test_intervals_hold_the_value_and_get_narrower_with_more_records() -> None:
    def mean(rows: Any) -> float:
        return float(sum(rows) / len(rows))

    few, many = [0.0, 100.0] * 10, [0.0, 100.0] * 200
    wide = interval(few, mean, draws(len(few), 1))
    narrow = interval(many, mean, draws(len(many), 1))
    assert wide[0] < narrow[0] < 50 < narrow[1] < wide[1]
    assert wide == interval(few, mean, draws(len(few), 1))


def test_a_smaller_distance_is_better() -> None:
    near = [Scored(line, {"edit_distance": 0.1}) for line in range(20)]
    far = [Scored(line, {"edit_distance": 0.8}) for line in range(20)]
    found = compare(near, far, "edit_distance", 0)
    assert found is not None
    assert found.deltas["edit_distance"].outcome is Outcome.BETTER
    assert (found.wins, found.losses) == (20, 0)
    assert compare(near, [Scored(99, {"edit_distance": 0.1})], "edit_distance", 0) is None


def comparison(delta: float, low: float, high: float, outcome: Outcome) -> Comparison:
    return Comparison({HEADLINE: Delta(delta, (low, high), outcome)}, 40, 1, 20, 19, (3, 9))


def test_d26_general_ability_that_fell_asks_for_more_general_data() -> None:
    fell = comparison(-30, -40, -20, Outcome.WORSE)
    found = forgetting(80, 50, fell, corpus="dset_preset_general", ratio=0.5)
    assert (found.verdict, found.severity) == (Verdict.FORGOT, Severity.WARNING)
    assert found.evidence.records == (3, 9)
    assert found.evidence.numbers["delta_low"] == -40
    assert '"source": "dset_preset_general", "ratio": 1}' in found.advice
    first = forgetting(80, 50, fell, corpus="x", ratio=0)
    assert '"ratio": 0.2}' in first.advice


@pytest.mark.parametrize(
    "kept",
    [
        comparison(-30, -60, 2, Outcome.UNDECIDED),
        comparison(-3, -5, -1, Outcome.WORSE),
        comparison(10, 5, 15, Outcome.BETTER),
    ],
)
def test_d26_what_is_not_sure_or_not_much_is_kept(kept: Comparison) -> None:
    found = forgetting(80, 77, kept, corpus="x", ratio=0)
    assert (found.verdict, found.severity) == (Verdict.KEPT, Severity.GOOD)


def test_f11_worse_than_before_is_a_warning() -> None:
    for outcome, verdict in (
        (Outcome.WORSE, Verdict.WORSE),
        (Outcome.BETTER, Verdict.IMPROVED),
        (Outcome.UNDECIDED, Verdict.NO_GAIN),
    ):
        found = gain(HEADLINE, 50, 40, comparison(-10, -20, -5, outcome))
        assert found.verdict is verdict


def test_a_wish_survives_its_storage() -> None:
    wish = Wish(
        "file-1", ("base",), "open", {"a": ("b",)}, {"type": "multi"}, Judge("m"), Manual(),
    )  # fmt: skip
    assert Wish.from_json(json.loads(json.dumps(wish.to_json()))) == wish
    assert Wish.from_json({"source": "f", "manual": {}, "judge": {"model": "m"}}) == Wish(
        "f", judge=Judge("m"), manual=Manual()
    )
