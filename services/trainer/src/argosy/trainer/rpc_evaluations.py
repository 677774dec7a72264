"""EvaluationService: messages in, use cases, messages out. Translates; decides nothing."""

from __future__ import annotations

import json
from typing import Any, Final

import grpc
from argosy.api.common.v1 import common_pb2
from argosy.api.trainer.v1 import evaluations_pb2 as pb
from argosy.api.trainer.v1 import evaluations_pb2_grpc
from argosy.trainer.domain.evaluation.evaluation import Evaluation, Wish
from argosy.trainer.rpc_messages import time_message
from argosy.trainer.usecases.drift import CheckDrift
from argosy.trainer.usecases.evaluation_answers import Answers, ShownAnswer
from argosy.trainer.usecases.evaluations import EvaluationRequest, Evaluations
from argosy.trainer.usecases.read import Page

SERVICE: Final = "argosy.api.trainer.v1.EvaluationService"

Context = grpc.aio.ServicerContext[Any, Any]


class EvaluationServicer(evaluations_pb2_grpc.EvaluationServiceServicer):
    """The servicer. The gateway has read the JSON before."""

    def __init__(self, evaluations: Evaluations, answers: Answers, drift: CheckDrift) -> None:
        self._evaluations = evaluations
        self._answers = answers
        self._drift = drift

    async def CreateEvaluation(  # noqa: N802
        self, request: pb.CreateEvaluationRequest, context: Context
    ) -> pb.CreateEvaluationResponse:
        made = await self._evaluations.create(
            EvaluationRequest(
                project_id=request.project_id,
                job_id=request.job_id,
                wish=Wish.from_json(json.loads(request.wish_json)),
                idempotency_key=request.idempotency_key,
                fingerprint=request.fingerprint,
                retry=request.retry,
            )
        )
        return pb.CreateEvaluationResponse(evaluation=_message(made))

    async def GetEvaluation(  # noqa: N802
        self, request: pb.GetEvaluationRequest, context: Context
    ) -> pb.GetEvaluationResponse:
        found = await self._evaluations.get(request.project_id, request.evaluation_id)
        return pb.GetEvaluationResponse(evaluation=_message(found))

    async def ListEvaluations(  # noqa: N802
        self, request: pb.ListEvaluationsRequest, context: Context
    ) -> pb.ListEvaluationsResponse:
        page = Page(request.page.after, request.page.limit, request.page.ascending)
        found, more = await self._evaluations.list(request.project_id, request.job_id, page)
        return pb.ListEvaluationsResponse(evaluations=map(_message, found), has_more=more)

    async def CancelEvaluation(  # noqa: N802
        self, request: pb.CancelEvaluationRequest, context: Context
    ) -> pb.CancelEvaluationResponse:
        found = await self._evaluations.cancel(request.project_id, request.evaluation_id)
        return pb.CancelEvaluationResponse(evaluation=_message(found))

    async def DeleteEvaluation(  # noqa: N802
        self, request: pb.DeleteEvaluationRequest, context: Context
    ) -> pb.DeleteEvaluationResponse:
        await self._evaluations.delete(request.project_id, request.evaluation_id)
        return pb.DeleteEvaluationResponse()

    async def ListAnswers(  # noqa: N802
        self, request: pb.ListAnswersRequest, context: Context
    ) -> pb.ListAnswersResponse:
        found, more = await self._answers.answers(
            request.project_id,
            request.evaluation_id,
            request.model,
            after=request.after_line,
            limit=request.limit,
        )
        return pb.ListAnswersResponse(answers=map(_answer, found), has_more=more)

    async def ScoreAnswer(  # noqa: N802
        self, request: pb.ScoreAnswerRequest, context: Context
    ) -> pb.ScoreAnswerResponse:
        found = await self._answers.score(
            request.project_id,
            request.evaluation_id,
            request.model,
            request.line,
            dict(request.scores),
        )
        return pb.ScoreAnswerResponse(evaluation=_message(found))

    async def CheckDrift(  # noqa: N802
        self, request: pb.CheckDriftRequest, context: Context
    ) -> pb.CheckDriftResponse:
        found = await self._drift(request.project_id, request.job_id)
        return pb.CheckDriftResponse(drift_json=json.dumps(found, ensure_ascii=False))


def _message(evaluation: Evaluation) -> pb.Evaluation:
    error = evaluation.error
    return pb.Evaluation(
        id=evaluation.id,
        project_id=evaluation.project_id,
        job_id=evaluation.job_id,
        purpose=evaluation.purpose,
        created_at=time_message(evaluation.created_at),
        finished_at=time_message(evaluation.finished_at),
        status=evaluation.state.value,
        older_status=evaluation.older_state,
        asked_source=evaluation.wish.source,
        source=evaluation.source,
        task_type=evaluation.task_type,
        models=[
            pb.EvaluatedModel(model=each.model, role=each.role, step=each.step)
            for each in evaluation.models
        ],
        total=evaluation.total,
        answered=evaluation.answered,
        failed=evaluation.failed,
        result_json="" if evaluation.result is None else _json(evaluation.result),
        error=None
        if error is None
        else common_pb2.ApiError(code=error.code, message=error.message, param=error.param),
        wish_json=_json(evaluation.wish.to_json()),
    )


def _answer(shown: ShownAnswer) -> pb.ScoredAnswer:
    return pb.ScoredAnswer(
        line=shown.answer.line,
        messages_json=_json([dict(message) for message in shown.case.messages]),
        reference=shown.case.reference,
        label=shown.wanted_label,
        text=shown.answer.text,
        error=shown.answer.error,
        seconds=shown.answer.seconds,
        scores=shown.scores,
        said_label=shown.said_label,
        manual=shown.answer.manual,
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
