"""A streamed request that is answered before its end: the answer arrives, whatever the timing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from argosy.api.registry.v1 import registry_pb2 as pb
from argosy.api.registry.v1 import registry_pb2_grpc as pb_grpc
from argosy.kit import errors, rpc, rpc_server
from argosy.kit.health import Health
from argosy.kit.processes import free_port
from argosy.kit.settings import ServiceSettings

TRIES = 150
PIECE = pb.CreateFileRequest(chunk=b"x" * 200_000)


class Registry(pb_grpc.FileServiceServicer):
    """Refuses an upload, or says that it has it already, after the second message."""

    async def CreateFile(self, requests: Any, context: Any) -> pb.CreateFileResponse:
        header = (await anext(requests)).header
        await anext(requests)
        if header.filename == "known":
            return pb.CreateFileResponse(file=pb.File(id="file-1"))
        raise errors.InvalidRequest("line 1: no JSON.", param="file")

    async def GetFile(self, request: Any, context: Any) -> Any: ...
    async def ListFiles(self, request: Any, context: Any) -> Any: ...
    async def DeleteFile(self, request: Any, context: Any) -> Any: ...
    async def ReadFile(self, request: Any, context: Any) -> Any: ...


@pytest.fixture
async def stub() -> AsyncIterator[pb_grpc.FileServiceAsyncStub]:
    settings = ServiceSettings.model_validate(
        {
            "bind": f"127.0.0.1:{free_port()}",
            "health_bind": "127.0.0.1:1",
            "service_token": "t",
        }
    )

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_FileServiceServicer_to_server(Registry(), server)

    async with (
        rpc_server.serving(settings, Health(), register, []),
        rpc.channel(str(settings.bind), settings) as channel,
    ):
        yield pb_grpc.FileServiceStub(channel)


async def _send(stub: pb_grpc.FileServiceAsyncStub, filename: str) -> pb.CreateFileResponse:
    """Send 4 MB as a client does that watches for an early refusal."""
    call = stub.CreateFile(timeout=10)
    refusal = asyncio.create_task(rpc.early_refusal(call))
    try:
        with rpc.calling("registry"):
            await call.write(pb.CreateFileRequest(header=pb.FileHeader(filename=filename)))
            for _ in range(20):
                if refusal.done() and (error := refusal.result()):
                    raise error
                await call.write(PIECE)
            await call.done_writing()
            return await call
    finally:
        call.cancel()
        await asyncio.gather(refusal, return_exceptions=True)


async def test_a_refusal_in_the_middle_always_arrives_as_itself(
    stub: pb_grpc.FileServiceAsyncStub,
) -> None:
    for _ in range(TRIES):
        with pytest.raises(errors.InvalidRequest, match="line 1"):
            await _send(stub, "bad")


async def test_an_early_answer_always_arrives(stub: pb_grpc.FileServiceAsyncStub) -> None:
    for _ in range(TRIES):
        assert (await _send(stub, "known")).file.id == "file-1"
