"""How a score is to be read: the same number means much for one task and little for another.

Every score is shown with its task type: a base under 20 and a tuned model at 98 are no
contradiction where the one is a chat model on a foreign task and the other was tuned on it. Knows
rules of thumb.
"""

from __future__ import annotations

from typing import Final

from argosy.trainer.domain.evaluation.cases import CLOSED, TaskType

BASE: Final = "base"

_OVERLAP: Final = ("bleu_4", "rouge_l")
_USUAL_OF_BASES: Final = 20.0
_HIGH_FOR_OPEN: Final = 50.0


def headline_of(task: TaskType, names: frozenset[str]) -> str:
    """Return the metric that a model is judged by: of those that were taken."""
    wanted = ("accuracy", "judge") if task == CLOSED else ("judge", "rouge_l")
    return next((name for name in wanted if name in names), min(names, default="accuracy"))


def reading(task: TaskType, role: str, name: str, value: float) -> str:
    """Return what a value says; empty if the number speaks for itself."""
    if role == BASE and name in _OVERLAP and value < _USUAL_OF_BASES:
        return "usual: models that were not tuned for a task mostly stay under 20"
    if task == CLOSED and name == "accuracy":
        return "of 100 that can be reached where answers are right or wrong"
    if task != CLOSED and name in _OVERLAP and value >= _HIGH_FOR_OPEN:
        return "high for open tasks, where a good answer has many forms"
    return ""
