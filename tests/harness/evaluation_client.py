"""A caller of the trainer's evaluations for tests, with ways to wait for their end."""

from __future__ import annotations

import json
from typing import Any, Final

from argosy.api.common.v1.common_pb2 import PageRequest
from argosy.api.trainer.v1 import evaluations_pb2 as pb
from argosy.api.trainer.v1.evaluations_pb2_grpc import EvaluationServiceStub
from argosy.api.trainer.v1.report_pb2 import REPORT_FORMAT_JSON, GetReportRequest
from argosy.api.trainer.v1.report_pb2_grpc import ReportServiceStub
from argosy.kit.rpc import calling

from tests.harness.registry_client import PROJECT
from tests.harness.trainer_client import eventually
from tests.harness.trainer_fleet import Trainer

ENDED: Final = {"succeeded", "failed", "cancelled", "awaiting_scores"}


class Examiner:
    """Calls one trainer as the gateway does."""

    def __init__(self, trainer: Trainer) -> None:
        self._channel = trainer.channel()
        self.stub = EvaluationServiceStub(self._channel)
        self._reports = ReportServiceStub(self._channel)

    async def __aenter__(self) -> Examiner:
        await self._channel.channel_ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def create(
        self, source: str, *, job: str = "", project: str = PROJECT, **wish: Any
    ) -> pb.Evaluation:
        request = pb.CreateEvaluationRequest(
            project_id=project, job_id=job, wish_json=json.dumps({"source": source, **wish})
        )
        with calling("trainer"):
            return (await self.stub.CreateEvaluation(request, timeout=20)).evaluation

    async def get(self, evaluation_id: str, project: str = PROJECT) -> pb.Evaluation:
        request = pb.GetEvaluationRequest(project_id=project, evaluation_id=evaluation_id)
        with calling("trainer"):
            return (await self.stub.GetEvaluation(request, timeout=10)).evaluation

    async def cancel(self, evaluation_id: str) -> pb.Evaluation:
        request = pb.CancelEvaluationRequest(project_id=PROJECT, evaluation_id=evaluation_id)
        with calling("trainer"):
            return (await self.stub.CancelEvaluation(request, timeout=10)).evaluation

    async def delete(self, evaluation_id: str) -> None:
        request = pb.DeleteEvaluationRequest(project_id=PROJECT, evaluation_id=evaluation_id)
        with calling("trainer"):
            await self.stub.DeleteEvaluation(request, timeout=10)

    async def of_job(self, job_id: str) -> list[pb.Evaluation]:
        """Return a job's evaluations, oldest first."""
        page = PageRequest(ascending=True)
        request = pb.ListEvaluationsRequest(project_id=PROJECT, job_id=job_id, page=page)
        with calling("trainer"):
            return list((await self.stub.ListEvaluations(request, timeout=10)).evaluations)

    async def ended(self, evaluation_id: str) -> pb.Evaluation:
        """Return an evaluation once nothing more is asked of models."""
        found = [await self.get(evaluation_id)]

        async def done() -> bool:
            found[0] = await self.get(evaluation_id)
            return found[0].status in ENDED

        await eventually(done, f"the end of {evaluation_id}")
        return found[0]

    async def result(self, evaluation_id: str) -> dict[str, Any]:
        done = await self.ended(evaluation_id)
        assert done.status in ("succeeded", "awaiting_scores"), done.error
        told: dict[str, Any] = json.loads(done.result_json)
        return told

    async def answers(self, evaluation_id: str, **fields: Any) -> list[pb.ScoredAnswer]:
        request = pb.ListAnswersRequest(
            project_id=PROJECT, evaluation_id=evaluation_id, limit=100, **fields
        )
        with calling("trainer"):
            return list((await self.stub.ListAnswers(request, timeout=10)).answers)

    async def score(
        self, evaluation_id: str, model: str, line: int, scores: dict[str, int]
    ) -> pb.Evaluation:
        request = pb.ScoreAnswerRequest(
            project_id=PROJECT, evaluation_id=evaluation_id, model=model, line=line, scores=scores
        )
        with calling("trainer"):
            return (await self.stub.ScoreAnswer(request, timeout=10)).evaluation

    async def drift(self, job_id: str) -> dict[str, Any]:
        request = pb.CheckDriftRequest(project_id=PROJECT, job_id=job_id)
        with calling("trainer"):
            answer = await self.stub.CheckDrift(request, timeout=30)
        told: dict[str, Any] = json.loads(answer.drift_json)
        return told

    async def report(self, job_id: str) -> dict[str, Any]:
        request = GetReportRequest(project_id=PROJECT, job_id=job_id, format=REPORT_FORMAT_JSON)
        with calling("trainer"):
            content = (await self._reports.GetReport(request, timeout=20)).content
        told: dict[str, Any] = json.loads(content)
        return told
