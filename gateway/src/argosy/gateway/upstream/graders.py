"""Graders of answers, at the trainer."""

from __future__ import annotations

from typing import Final

import grpc
from argosy.api.trainer.v1 import graders_pb2 as pb
from argosy.api.trainer.v1.graders_pb2_grpc import GraderServiceStub
from argosy.kit.rpc import calling

_SERVICE: Final = "trainer"
_TIMEOUT: Final = 10.0
# A python grader has its own limit, a model that grades may be slow.
_RUN_TIMEOUT: Final = 180.0


class GraderClient:
    """Calls of `GraderService` on behalf of a project."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = GraderServiceStub(channel)

    async def validate(self, project_id: str, grader_json: str) -> None:
        request = pb.ValidateGraderRequest(project_id=project_id, grader_json=grader_json)
        with calling(_SERVICE):
            await self._stub.ValidateGrader(request, timeout=_TIMEOUT)

    async def run(self, request: pb.RunGraderRequest) -> pb.RunGraderResponse:
        with calling(_SERVICE):
            return await self._stub.RunGrader(request, timeout=_RUN_TIMEOUT)
