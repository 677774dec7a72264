"""Who judges or teaches: graders, reward models and teachers, by method.

Knows which method needs whom and what a teacher is. What a grader may be stands in `graders`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from argosy.api.records import DISTILLATION, RLHF
from argosy.trainer.domain.asked import IDLE, NOW, Asked
from argosy.trainer.domain.parameters.parameter import BadParameter

MIN_PRIORITY: Final = -100
MAX_PRIORITY: Final = 100
_TEACHER: Final = {"model", "system", "grader", "min_score", "max_answers"}
_LONGEST_SYSTEM: Final = 20_000


def check(method: str, asked: Asked) -> None:
    """Raises `BadParameter` that names the field."""
    _check_judges(method, asked)
    _check_teacher(method, asked.teacher)
    if asked.schedule not in (NOW, IDLE):
        raise BadParameter(
            "argosy.schedule",
            f"'argosy.schedule' must be '{NOW}' or '{IDLE}' (only while serving is quiet).",
        )
    if not MIN_PRIORITY <= asked.priority <= MAX_PRIORITY:
        raise BadParameter(
            "argosy.priority",
            f"'argosy.priority' is {asked.priority}, but must lie between {MIN_PRIORITY} and "
            f"{MAX_PRIORITY}; jobs of a higher one run first.",
        )


def _check_judges(method: str, asked: Asked) -> None:
    judges = [
        name
        for name, given in (
            ("method.reinforcement.grader", asked.grader is not None),
            ("argosy.reward_model", bool(asked.reward_model)),
        )
        if given
    ]
    if method != RLHF:
        if judges:
            raise BadParameter(
                judges[0], f"'{judges[0]}' means nothing for the method '{method}'. Leave it out."
            )
        return
    if not judges:
        raise BadParameter(
            "method.reinforcement.grader",
            "Reinforcement needs someone who judges answers: give "
            "'method.reinforcement.grader' or 'argosy.reward_model'.",
        )


def _check_teacher(method: str, teacher: Mapping[str, Any] | None) -> None:
    field = "argosy.teacher"
    if method != DISTILLATION:
        if teacher is not None:
            raise BadParameter(
                field, f"'{field}' means nothing for the method '{method}'. Leave it out."
            )
        return
    if teacher is None or not isinstance(teacher.get("model"), str) or not teacher["model"]:
        raise BadParameter(
            f"{field}.model",
            f"Distillation needs a teacher: give '{field}.model', the name of a served model.",
        )
    for name in teacher:
        if name not in _TEACHER:
            raise BadParameter(
                f"{field}.{name[:64]}",
                f"Unknown parameter: '{field}.{name[:64]}'. "
                f"A teacher has {', '.join(sorted(_TEACHER))}.",
            )
    system = teacher.get("system")
    if system is not None and (not isinstance(system, str) or len(system) > _LONGEST_SYSTEM):
        raise BadParameter(
            f"{field}.system",
            f"'{field}.system' must be a text of at most {_LONGEST_SYSTEM} characters.",
        )
    if not isinstance(teacher.get("grader", {}), dict):
        raise BadParameter(f"{field}.grader", f"'{field}.grader' must be a grader, an object.")
    score = teacher.get("min_score", 0.0)
    if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1:
        raise BadParameter(f"{field}.min_score", f"'{field}.min_score' must lie between 0 and 1.")
    answers = teacher.get("max_answers", 1)
    if not isinstance(answers, int) or isinstance(answers, bool) or not 1 <= answers <= 8:
        raise BadParameter(
            f"{field}.max_answers", f"'{field}.max_answers' must be an integer from 1 to 8."
        )
