"""What evaluations add to a report: points of curves, and how well what was learnt carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from argosy.trainer.domain.evaluation.evaluation import FORGETTING, Evaluation, Wish
from argosy.trainer.domain.evaluation.followups import GENERAL_EVALUATION
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
