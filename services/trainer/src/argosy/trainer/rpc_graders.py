"""GraderService: messages in, use cases, messages out. Translates; decides nothing."""

from __future__ import annotations

import json
from typing import Any, Final

import grpc
from argosy.api.trainer.v1 import graders_pb2 as pb
from argosy.api.trainer.v1 import graders_pb2_grpc
from argosy.trainer.usecases.graders import TryGrader, check_grader

SERVICE: Final = "argosy.api.trainer.v1.GraderService"

Context = grpc.aio.ServicerContext[Any, Any]


class GraderService(graders_pb2_grpc.GraderServiceServicer):
    """The servicer. The gateway has read the JSON before."""

    def __init__(self, run: TryGrader) -> None:
        self._run = run

    async def ValidateGrader(  # noqa: N802
        self, request: pb.ValidateGraderRequest, context: Context
    ) -> pb.ValidateGraderResponse:
        check_grader(json.loads(request.grader_json), "grader")
        return pb.ValidateGraderResponse()

    async def RunGrader(  # noqa: N802
        self, request: pb.RunGraderRequest, context: Context
    ) -> pb.RunGraderResponse:
        judged = await self._run(
            request.project_id,
            json.loads(request.grader_json),
            request.model_sample,
            json.loads(request.item_json) if request.item_json else {},
        )
        return pb.RunGraderResponse(
            reward=judged.reward,
            sub_rewards=judged.parts,
            error=judged.error,
            seconds=judged.seconds,
        )
