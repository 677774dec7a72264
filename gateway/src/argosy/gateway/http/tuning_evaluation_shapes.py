"""What evaluations look like in the API, and what a request for one may say."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from argosy.api.trainer.v1 import evaluations_pb2 as pb
from argosy.gateway.http.paging import Json
from argosy.kit.errors import InvalidRequest
from msgspec import Meta, Struct, field

_Name = Annotated[str, Meta(min_length=1, max_length=300)]
_Text = Annotated[str, Meta(max_length=20_000)]
_LONGEST_RANGE: Final = 100


class Judge(Struct, forbid_unknown_fields=True):
    model: _Name
    metric: _Name | None = None
    instructions: _Text = ""
    range: Annotated[list[float], Meta(min_length=2, max_length=2)] | None = None


class Manual(Struct, forbid_unknown_fields=True):
    dimensions: Annotated[list[_Name], Meta(min_length=1, max_length=16)] | None = None
    range: Annotated[list[int], Meta(min_length=2, max_length=2)] | None = None


class Create(Struct, forbid_unknown_fields=True):
    data: _Name
    models: Annotated[list[_Name], Meta(max_length=12)] = field(default_factory=list)
    task_type: Literal["closed", "open"] | None = None
    labels: Annotated[
        dict[_Name, Annotated[list[_Name], Meta(max_length=64)]], Meta(max_length=200)
    ] = field(default_factory=dict)
    grader: dict[str, Any] | None = None
    judge: Judge | None = None
    manual: Manual | None = None
    embedding_model: _Name | None = None
    system: _Text = ""
    max_records: Annotated[int, Meta(ge=1, le=1000)] = 200
    max_completion_tokens: Annotated[int, Meta(ge=1, le=8192)] = 256
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class Score(Struct, forbid_unknown_fields=True):
    model: _Name
    line: Annotated[int, Meta(ge=1, le=2**53)]
    scores: Annotated[dict[_Name, int], Meta(min_length=1, max_length=16)]


def wish_json(asked: Create) -> str:
    """Return what the trainer reads; what was left out is left to it."""
    wish: Json = {
        "source": asked.data,
        "models": asked.models,
        "task_type": asked.task_type or "",
        "labels": asked.labels,
        "grader": asked.grader,
        "embedding_model": asked.embedding_model or "",
        "system": asked.system,
        "max_records": asked.max_records,
        "max_completion_tokens": asked.max_completion_tokens,
        "temperature": asked.temperature,
        "seed": asked.seed,
    }
    if asked.judge is not None:
        wish["judge"] = {
            "model": asked.judge.model,
            "metric": asked.judge.metric,
            "instructions": asked.judge.instructions,
            "span": _span(asked.judge.range, "judge.range"),
        }
    if asked.manual is not None:
        wish["manual"] = {
            "dimensions": asked.manual.dimensions,
            "span": _span(asked.manual.range, "manual.range"),
        }
    return json.dumps(wish, ensure_ascii=False)


def evaluation_json(evaluation: pb.Evaluation) -> Json:
    """Return an evaluation as the API shows it."""
    wish = json.loads(evaluation.wish_json)
    result = json.loads(evaluation.result_json) if evaluation.result_json else {}
    failed = evaluation.HasField("error")
    return {
        "id": evaluation.id,
        "object": "fine_tuning.evaluation",
        "job": evaluation.job_id or None,
        "purpose": evaluation.purpose,
        "created_at": evaluation.created_at.seconds,
        "finished_at": evaluation.finished_at.seconds or None,
        "status": evaluation.status,
        "run_state": evaluation.older_status,
        "data": evaluation.source or evaluation.asked_source,
        "task_type": evaluation.task_type or None,
        "headline": result.get("headline"),
        "models": result.get("models")
        or [
            {"model": each.model, "role": each.role, "step": each.step or None}
            for each in evaluation.models
        ],
        "comparisons": result.get("comparisons", []),
        "answers": {
            "total": evaluation.total,
            "completed": evaluation.answered,
            "failed": evaluation.failed,
        },
        "error": {
            "code": evaluation.error.code,
            "message": evaluation.error.message,
            "param": evaluation.error.param or None,
        }
        if failed
        else None,
        "parameters": {
            name: value
            for name, value in wish.items()
            if name not in ("source", "models") and value not in (None, "", {})
        },
    }


def answer_json(answer: pb.ScoredAnswer) -> Json:
    """Return one answer beside what was asked and what would be right."""
    return {
        "object": "fine_tuning.evaluation.answer",
        "line": answer.line,
        "messages": json.loads(answer.messages_json),
        "reference": answer.reference if answer.HasField("reference") else None,
        "label": answer.label if answer.HasField("label") else None,
        "answer": answer.text if answer.HasField("text") else None,
        "answered_label": answer.said_label if answer.HasField("said_label") else None,
        "scores": dict(answer.scores),
        "manual": dict(answer.manual),
        "seconds": answer.seconds if answer.HasField("seconds") else None,
        "error": answer.error or None,
    }


def _span(given: list[float] | list[int] | None, param: str) -> list[float] | list[int] | None:
    if given is None:
        return None
    if not 0 <= given[0] < given[1] <= _LONGEST_RANGE:
        raise InvalidRequest(
            f"'{param}' is {given}, but must be two rising numbers from 0 to {_LONGEST_RANGE}.",
            param=param,
            code="invalid_value",
        )
    return given
