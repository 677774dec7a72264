"""`/v1/fine_tuning/evaluations` and `/v1/fine_tuning/jobs/{id}/evaluations`, `…/drift`.

What models answer to records, measured; and whether what is asked has moved away from training.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from argosy.api.trainer.v1 import evaluations_pb2 as pb
from argosy.gateway.access.keys import Caller
from argosy.gateway.http.body import BodyReader, decode
from argosy.gateway.http.paging import Json, Page, page_of, page_request, query_of
from argosy.gateway.http.ports import Given
from argosy.gateway.http.tuning_evaluation_shapes import (
    Create,
    Score,
    answer_json,
    evaluation_json,
    wish_json,
)
from argosy.gateway.http.tuning_headers import checked_job_id, idempotency_key, is_retry
from argosy.gateway.upstream.tuning_evaluations import TuningEvaluationClient
from argosy.kit.errors import InvalidRequest, NotFound
from litestar import Controller, Request, Response, delete, get, post
from litestar.params import FromPath

_MAX_PAGE: Final = 100
_ID: Final = re.compile(r"fteval-[0-9A-Za-z]{1,64}")


async def _create(
    request: Request[Any, Any, Any],
    caller: Caller,
    body_reader: BodyReader,
    evaluations: TuningEvaluationClient,
    job_id: str,
) -> Json:
    body = await body_reader.read(request)
    made = await evaluations.create(
        pb.CreateEvaluationRequest(
            project_id=caller.project_id,
            job_id=job_id,
            wish_json=wish_json(decode(body, Create)),
            idempotency_key=idempotency_key(request),
            fingerprint=hashlib.sha256(f"{caller.key_id}\0{job_id}\0".encode() + body).digest(),
            retry=is_retry(request),
        )
    )
    return evaluation_json(made)


async def _list(
    request: Request[Any, Any, Any],
    caller: Caller,
    evaluations: TuningEvaluationClient,
    job_id: str,
) -> Page:
    query = query_of(request, "after", "limit", "order")
    page = page_request(query, maximum=_MAX_PAGE, ordered=True)
    answer = await evaluations.list(caller.project_id, job_id, page)
    return page_of([evaluation_json(e) for e in answer.evaluations], has_more=answer.has_more)


class JobEvaluationsController(Controller):
    """Those of a job: its base, its result, its checkpoints."""

    path = "/v1/fine_tuning/jobs"

    @post("/{job_id:str}/evaluations", status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        tuning_evaluations: Given[TuningEvaluationClient],
        job_id: FromPath[str],
    ) -> Json:
        job = checked_job_id(job_id)
        return await _create(request, caller, body_reader, tuning_evaluations, job)

    @get("/{job_id:str}/evaluations")
    async def list_evaluations(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning_evaluations: Given[TuningEvaluationClient],
        job_id: FromPath[str],
    ) -> Page:
        return await _list(request, caller, tuning_evaluations, checked_job_id(job_id))

    @get("/{job_id:str}/drift")
    async def drift(
        self,
        caller: Given[Caller],
        tuning_evaluations: Given[TuningEvaluationClient],
        job_id: FromPath[str],
    ) -> Response[bytes]:
        text = await tuning_evaluations.drift(caller.project_id, checked_job_id(job_id))
        return Response(text.encode(), media_type="application/json")


class TuningEvaluationsController(Controller):
    """All of them, those of no job too."""

    path = "/v1/fine_tuning/evaluations"

    @post(status_code=200)
    async def create(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        tuning_evaluations: Given[TuningEvaluationClient],
    ) -> Json:
        return await _create(request, caller, body_reader, tuning_evaluations, "")

    @get()
    async def list_evaluations(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning_evaluations: Given[TuningEvaluationClient],
    ) -> Page:
        return await _list(request, caller, tuning_evaluations, "")

    @get("/{evaluation_id:str}")
    async def retrieve(
        self,
        caller: Given[Caller],
        tuning_evaluations: Given[TuningEvaluationClient],
        evaluation_id: FromPath[str],
    ) -> Json:
        wanted = _checked(evaluation_id)
        return evaluation_json(await tuning_evaluations.get(caller.project_id, wanted))

    @post("/{evaluation_id:str}/cancel", status_code=200)
    async def cancel(
        self,
        caller: Given[Caller],
        tuning_evaluations: Given[TuningEvaluationClient],
        evaluation_id: FromPath[str],
    ) -> Json:
        wanted = _checked(evaluation_id)
        return evaluation_json(await tuning_evaluations.cancel(caller.project_id, wanted))

    @delete("/{evaluation_id:str}", status_code=200)
    async def remove(
        self,
        caller: Given[Caller],
        tuning_evaluations: Given[TuningEvaluationClient],
        evaluation_id: FromPath[str],
    ) -> Json:
        wanted = _checked(evaluation_id)
        await tuning_evaluations.delete(caller.project_id, wanted)
        return {"object": "fine_tuning.evaluation.deleted", "id": wanted, "deleted": True}

    @get("/{evaluation_id:str}/answers")
    async def answers(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        tuning_evaluations: Given[TuningEvaluationClient],
        evaluation_id: FromPath[str],
    ) -> Json:
        """One model's, by line; `after` is the last line of the page before."""
        query = query_of(request, "model", "after", "limit")
        page = page_request(query, maximum=_MAX_PAGE)
        answer = await tuning_evaluations.answers(
            pb.ListAnswersRequest(
                project_id=caller.project_id,
                evaluation_id=_checked(evaluation_id),
                model=query.get("model", ""),
                after_line=_line(page.after),
                limit=page.limit,
            )
        )
        data = [answer_json(each) for each in answer.answers]
        return {"object": "list", "data": data, "has_more": answer.has_more}

    @post("/{evaluation_id:str}/scores", status_code=200)
    async def score(
        self,
        request: Request[Any, Any, Any],
        caller: Given[Caller],
        body_reader: Given[BodyReader],
        tuning_evaluations: Given[TuningEvaluationClient],
        evaluation_id: FromPath[str],
    ) -> Json:
        asked = await body_reader.json(request, Score)
        found = await tuning_evaluations.score(
            pb.ScoreAnswerRequest(
                project_id=caller.project_id,
                evaluation_id=_checked(evaluation_id),
                model=asked.model,
                line=asked.line,
                scores=asked.scores,
            )
        )
        return evaluation_json(found)


def _checked(evaluation_id: str) -> str:
    if _ID.fullmatch(evaluation_id) is None:
        raise NotFound(
            f"There is no evaluation '{evaluation_id[:64]}'. List them with "
            "GET /v1/fine_tuning/evaluations.",
            param="evaluation_id",
            code="evaluation_not_found",
        )
    return evaluation_id


def _line(after: str) -> int:
    if not after:
        return 0
    if not after.isdigit():
        raise InvalidRequest(
            "Invalid value for 'after': send the last line of the page before.",
            param="after",
            code="invalid_value",
        )
    return int(after)
