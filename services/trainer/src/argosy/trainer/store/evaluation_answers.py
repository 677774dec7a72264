"""Rows of `evaluation_cases` and `evaluation_answers`. Knows SQL; decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from argosy.trainer.domain.evaluation.cases import Case, case
from argosy.trainer.domain.evaluation.evaluation import Answer
from argosy.trainer.store.evaluation_tables import evaluation_answers, evaluation_cases
from argosy.trainer.store.transactions import Connection
from sqlalchemy.dialects.postgresql import JSONB

# Rows of one statement.
_MANY: Final = 500


async def lay_out(
    connection: Connection, evaluation_id: str, cases: Sequence[Case], models: int
) -> None:
    """Write the cases, and an empty answer of each model for each."""
    records = [
        {"evaluation_id": evaluation_id, "line": each.line, "record": json.dumps(each.item)}
        for each in cases
    ]
    blanks = [
        {"evaluation_id": evaluation_id, "model": model, "line": each.line}
        for model in range(models)
        for each in cases
    ]
    for table, rows in ((evaluation_cases, records), (evaluation_answers, blanks)):
        for start in range(0, len(rows), _MANY):
            await connection.execute(table.insert(), rows[start : start + _MANY])


async def cases_of(connection: Connection, evaluation_id: str) -> dict[int, Case]:
    """Return the cases by line."""
    rows = await connection.execute(
        sa.select(evaluation_cases.c.line, evaluation_cases.c.record)
        .where(evaluation_cases.c.evaluation_id == evaluation_id)
        .order_by(evaluation_cases.c.line)
    )
    made = ((line, case(line, json.loads(record))) for line, record in rows)
    return {line: each for line, each in made if each is not None}


async def answers_of(connection: Connection, evaluation_id: str) -> list[Answer]:
    """Return all answers, asked for or not, by model and line."""
    rows = await connection.execute(
        sa.select(evaluation_answers)
        .where(evaluation_answers.c.evaluation_id == evaluation_id)
        .order_by(evaluation_answers.c.model, evaluation_answers.c.line)
    )
    return [_answer(row) for row in rows.mappings()]


async def page(
    connection: Connection, evaluation_id: str, model: int, *, after: int, limit: int
) -> list[Answer]:
    """Return up to `limit` answers of one model to lines after `after`."""
    rows = await connection.execute(
        sa.select(evaluation_answers)
        .where(
            evaluation_answers.c.evaluation_id == evaluation_id,
            evaluation_answers.c.model == model,
            evaluation_answers.c.line > after,
        )
        .order_by(evaluation_answers.c.line)
        .limit(limit)
    )
    return [_answer(row) for row in rows.mappings()]


async def put(connection: Connection, evaluation_id: str, answers: Sequence[Answer]) -> None:
    """Write answers over their empty rows."""
    for each in answers:
        await connection.execute(
            evaluation_answers.update()
            .where(*_is(evaluation_id, each.model, each.line))
            .values(
                text=each.text,
                error=each.error,
                seconds=each.seconds,
                prompt_tokens=each.prompt_tokens,
                completion_tokens=each.completion_tokens,
                given=dict(each.given),
            )
        )


async def put_manual(
    connection: Connection, evaluation_id: str, model: int, line: int, scores: Mapping[str, int]
) -> bool:
    """Add people's scores to an answer; tell whether there is such an answer."""
    done = await connection.execute(
        evaluation_answers.update()
        .where(*_is(evaluation_id, model, line), evaluation_answers.c.text.is_not(None))
        .values(manual=evaluation_answers.c.manual.concat(sa.literal(dict(scores), JSONB)))
    )
    return bool(done.rowcount)


def _is(evaluation_id: str, model: int, line: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        evaluation_answers.c.evaluation_id == evaluation_id,
        evaluation_answers.c.model == model,
        evaluation_answers.c.line == line,
    )


def _answer(row: Mapping[Any, Any]) -> Answer:
    return Answer(
        model=row["model"],
        line=row["line"],
        text=row["text"],
        error=row["error"],
        seconds=row["seconds"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        given=row["given"],
        manual=row["manual"],
    )
