"""Evaluations of tuned models, at the trainer."""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.trainer.v1 import evaluations_pb2 as pb
from argosy.api.trainer.v1.evaluations_pb2_grpc import EvaluationServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "trainer"
_TIMEOUT: Final = 10.0
# A thousand requests are compared with a thousand records.
_DRIFT_TIMEOUT: Final = 60.0


class TuningEvaluationClient:
    """Calls of `EvaluationService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = EvaluationServiceStub(channel)

    async def create(self, request: pb.CreateEvaluationRequest) -> pb.Evaluation:
        with calling(_SERVICE):
            return (await self._stub.CreateEvaluation(request, timeout=_TIMEOUT)).evaluation

    async def get(self, project_id: str, evaluation_id: str) -> pb.Evaluation:
        request = pb.GetEvaluationRequest(project_id=project_id, evaluation_id=evaluation_id)
        with calling(_SERVICE):
            return (await self._stub.GetEvaluation(request, timeout=_TIMEOUT)).evaluation

    async def list(
        self, project_id: str, job_id: str, page: PageRequest
    ) -> pb.ListEvaluationsResponse:
        request = pb.ListEvaluationsRequest(project_id=project_id, job_id=job_id, page=page)
        with calling(_SERVICE):
            return await self._stub.ListEvaluations(request, timeout=_TIMEOUT)

    async def cancel(self, project_id: str, evaluation_id: str) -> pb.Evaluation:
        request = pb.CancelEvaluationRequest(project_id=project_id, evaluation_id=evaluation_id)
        with calling(_SERVICE):
            return (await self._stub.CancelEvaluation(request, timeout=_TIMEOUT)).evaluation

    async def delete(self, project_id: str, evaluation_id: str) -> None:
        request = pb.DeleteEvaluationRequest(project_id=project_id, evaluation_id=evaluation_id)
        with calling(_SERVICE):
            await self._stub.DeleteEvaluation(request, timeout=_TIMEOUT)

    async def answers(self, request: pb.ListAnswersRequest) -> pb.ListAnswersResponse:
        with calling(_SERVICE):
            return await self._stub.ListAnswers(request, timeout=_TIMEOUT)

    async def score(self, request: pb.ScoreAnswerRequest) -> pb.Evaluation:
        with calling(_SERVICE):
            return (await self._stub.ScoreAnswer(request, timeout=_TIMEOUT)).evaluation

    async def drift(self, project_id: str, job_id: str) -> str:
        """Return the JSON text."""
        request = pb.CheckDriftRequest(project_id=project_id, job_id=job_id)
        with calling(_SERVICE):
            return (await self._stub.CheckDrift(request, timeout=_DRIFT_TIMEOUT)).drift_json
