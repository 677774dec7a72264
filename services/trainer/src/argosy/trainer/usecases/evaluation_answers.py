"""The answers of an evaluation: shown with their scores, and scored by people.

Knows who may score what and when an evaluation is complete. Does not know SQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from argosy.kit.errors import Conflict, InvalidRequest
from argosy.trainer.domain.evaluation.cases import Case
from argosy.trainer.domain.evaluation.evaluation import Answer, Evaluation, EvaluationState
from argosy.trainer.domain.evaluation.result import verbalizer_of, with_people
from argosy.trainer.domain.evaluation.scoring import score
from argosy.trainer.store import evaluation_answers, evaluations
from argosy.trainer.store.transactions import Transactions
from argosy.trainer.usecases.evaluations import known, locked
from argosy.trainer.usecases.read import MAX_LIMIT, Page, limited


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer beside its case, with all its scores."""

    answer: Answer
    case: Case
    scores: Mapping[str, float]
    said_label: str | None
    wanted_label: str | None


class Answers:
    """The use cases behind `…/answers`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def answers(
        self, project_id: str, evaluation_id: str, model: str, *, after: int, limit: int
    ) -> tuple[list[ShownAnswer], bool]:
        """Return one model's answers and whether there are more; the first model's by default.

        Raises `NotFound`, `InvalidRequest`.
        """
        limit = limited(Page("", limit, ascending=True), default=20, most=MAX_LIMIT)
        async with self._transactions.begin() as connection:
            found = await known(connection, project_id, evaluation_id)
            place = _place(found, model) if model else 0
            answers = await evaluation_answers.page(
                connection, evaluation_id, place, after=after, limit=limit + 1
            )
            cases = await evaluation_answers.cases_of(connection, evaluation_id)
        shown = await asyncio.to_thread(_shown, found, answers[:limit], cases)
        return shown, len(answers) > limit

    async def score(
        self, project_id: str, evaluation_id: str, model: str, line: int, scores: Mapping[str, int]
    ) -> Evaluation:
        """Note what a person thinks of an answer; the last scores end the evaluation.

        Raises `NotFound`, `Conflict`, `InvalidRequest`.
        """
        async with self._transactions.begin() as connection:
            found = await locked(connection, project_id, evaluation_id)
            place = _place(found, model)
            _check_scores(found, scores)
            if not await evaluation_answers.put_manual(
                connection, evaluation_id, place, line, scores
            ):
                raise InvalidRequest(
                    f"'{model}' has no answer to line {line}. List the answers first.",
                    param="line",
                    code="invalid_value",
                )
            answers = await evaluation_answers.answers_of(connection, evaluation_id)
            told = with_people(found.result or {}, found, answers)
            state = EvaluationState.SUCCEEDED if _all_scored(found, answers) else found.state
            await evaluations.update(connection, evaluation_id, result=told, state=state)
            return await known(connection, project_id, evaluation_id)


def _place(evaluation: Evaluation, model: str) -> int:
    names = [each.model for each in evaluation.models]
    if model not in names:
        raise InvalidRequest(
            f"'{model[:200]}' is not in this evaluation. Its models are: {', '.join(names)}.",
            param="model",
            code="invalid_value",
        )
    return names.index(model)


def _check_scores(evaluation: Evaluation, scores: Mapping[str, int]) -> None:
    manual = evaluation.wish.manual
    if manual is None:
        raise InvalidRequest(
            "This evaluation is not scored by people. Create one with 'manual'.",
            param="scores",
            code="invalid_value",
        )
    if evaluation.result is None or evaluation.state not in (
        EvaluationState.AWAITING_SCORES,
        EvaluationState.SUCCEEDED,
    ):
        raise Conflict(
            f"The evaluation is {evaluation.state}: answers can be scored once all are given.",
            code="not_awaiting_scores",
        )
    low, high = manual.span
    for dimension, value in scores.items():
        if dimension not in manual.dimensions:
            raise InvalidRequest(
                f"'{dimension[:100]}' is no dimension of this evaluation. Score "
                f"{', '.join(manual.dimensions)}.",
                param=f"scores.{dimension[:100]}",
                code="invalid_value",
            )
        if not low <= value <= high:
            raise InvalidRequest(
                f"'scores.{dimension}' is {value}, but must lie between {low} and {high}.",
                param=f"scores.{dimension}",
                code="invalid_value",
            )


def _all_scored(evaluation: Evaluation, answers: list[Answer]) -> bool:
    manual = evaluation.wish.manual
    wanted = set(manual.dimensions) if manual else set()
    return all(wanted <= answer.manual.keys() for answer in answers if answer.text is not None)


def _shown(
    evaluation: Evaluation, answers: list[Answer], cases: Mapping[int, Case]
) -> list[ShownAnswer]:
    verbalizer = verbalizer_of(evaluation)
    shown = []
    for answer in answers:
        asked = cases[answer.line]
        if answer.text is None:
            shown.append(ShownAnswer(answer, asked, {}, None, asked.label))
            continue
        scored = score(asked, answer.text, verbalizer, answer.given)
        said, wanted = scored.pair or (None, asked.label)
        shown.append(ShownAnswer(answer, asked, scored.scores, said, wanted))
    return shown
