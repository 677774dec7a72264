"""What evaluations add to a report: points of curves, and how well what was learnt carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from argosy.trainer.domain.asked import Asked
from argosy.trainer.domain.diagnosis.findings import Verdict
from argosy.trainer.domain.evaluation.evaluation import FORGETTING, Evaluation, Wish
from argosy.trainer.domain.evaluation.followups import GENERAL_EVALUATION
from argosy.trainer.domain.job import Job
from argosy.trainer.reports import evaluated

from tests.unit.trainer.test_trainer_scoring import EVALUATION


def measured(source: str, *values: float, headline: str = "accuracy", **fields: Any) -> Evaluation:
    """Return an evaluation of a base, a checkpoint at step 2 and a result at step 4."""
    entries = [
        {
            "model": role,
            "role": role,
            "step": step,
            "metrics": {headline: {"value": value, "most": 100}},
        }
        for (role, step), value in zip(
            (("base", None), ("checkpoint", 2), ("result", 4)), values, strict=True
        )
    ]
    told = {"task_type": "closed", "headline": headline, "models": entries, "comparisons": []}
    return replace(EVALUATION, wish=Wish(source), source=source, result=told, **fields)


def job() -> Job:
    """Return a job of which only is known what a report's findings look at."""
    nothing: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    return Job(**nothing | {"training_file": "file-t", "asked": Asked()})


def compared(source: str, delta: float, **fields: Any) -> Evaluation:
    """Return an evaluation in which base and result differ surely by `delta`."""
    made = measured(source, 50, 50, 50 + delta, **fields)
    apart = {"value": delta, "low": delta - 1, "high": delta + 1}
    apart |= {"outcome": "better" if delta > 0 else "worse"}
    headline = made.result["headline"] if made.result else ""
    versus = {
        "model": "result", "against": "base", "records": 20, "wins": 0, "ties": 0, "losses": 20,
        "lost": [4], "deltas": {headline: apart},
    }  # fmt: skip
    return replace(made, result={**(made.result or {}), "comparisons": [versus]})


def test_findings_are_of_the_newest_evaluation_that_compares_base_and_result() -> None:
    names_only = measured("file-v", 1, 2, 3)
    evaluations = [compared("file-v", 20), compared("file-v", -20), names_only]
    (worse,) = evaluated.findings(job(), evaluations, None)
    assert (worse.verdict, worse.evidence.records) == (Verdict.WORSE, (4,))
    assert "from 50 to 30 on 20 records" in worse.summary


def test_what_was_trained_on_is_no_proof_of_gain() -> None:
    assert evaluated.findings(job(), [compared("file-t", 40)], None) == []


def test_d26_the_forgetting_check_is_a_finding_beside_that_of_the_task() -> None:
    general = compared(GENERAL_EVALUATION, -30, headline="key_recall", purpose=FORGETTING)
    found = evaluated.findings(job(), [general, compared("file-v", 20)], None)
    assert [each.verdict for each in found] == [Verdict.FORGOT, Verdict.IMPROVED]


def test_figures_stand_at_the_steps_of_their_models() -> None:
    found = evaluated.curves(
        [
            measured("file-v", 10, 50, 80),
            measured("file-v", 10, 50, 90),
            measured(GENERAL_EVALUATION, 70, 60, 40, headline="key_recall", purpose=FORGETTING),
        ]
    )
    assert found["evaluation_accuracy"].steps == (0, 2, 4)
    assert found["evaluation_accuracy"].values == (10, 50, 90)
    assert found["general_key_recall"].values == (70, 60, 40)


def test_e07_training_and_held_out_scores_come_from_evaluations() -> None:
    trained, held_out = measured("file-t", 0, 50, 98), measured("file-v", 0, 30, 40)
    assert evaluated.scores("file-t", [trained, held_out]) == (0.98, 0.4)
    assert evaluated.scores("file-t", [trained]) == (None, None)
    other = measured("file-v", 0, 30, 40, headline="rouge_l")
    assert evaluated.scores("file-t", [trained, other]) == (None, None)
    general = measured(GENERAL_EVALUATION, 0, 30, 40)
    assert evaluated.scores("file-t", [trained, general]) == (None, None)
