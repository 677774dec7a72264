"""gRPC between services: identity, errors, traces and deadlines, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from argosy.api.embedder.v1 import embedder_pb2 as pb
from argosy.api.embedder.v1 import embedder_pb2_grpc as pb_grpc
from argosy.kit import errors, logs, rpc, rpc_server, tracing
from argosy.kit.health import Health
from argosy.kit.processes import free_port
from argosy.kit.settings import HostPort, ServiceSettings
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

NAME = "argosy.api.embedder.v1.EmbeddingService"


class Servicer(pb_grpc.EmbeddingServiceServicer):
    """Does what the model's name says."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:
        self.seen = {"request_id": logs.request_id.get(), "traceparent": tracing.traceparent()}
        if request.model == "missing":
            raise errors.NotFound("No model `x`.", param="model", code="model_not_found")
        if request.model == "bug":
            raise ValueError("canary: internal detail")
        if request.model == "slow":
            await asyncio.sleep(30)
        return pb.EmbedResponse(prompt_tokens=7)


@pytest.fixture
async def settings() -> ServiceSettings:
    address = HostPort("127.0.0.1", free_port())
    return ServiceSettings.model_validate(
        {"bind": address, "health_bind": address, "service_token": "right"}
    )


@pytest.fixture
async def servicer(settings: ServiceSettings) -> AsyncIterator[Servicer]:
    servicer, health = Servicer(), Health()
    health.started()

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_EmbeddingServiceServicer_to_server(servicer, server)

    async with rpc_server.serving(settings, health, register, [NAME]):
        yield servicer


async def _embed(settings: ServiceSettings, model: str, timeout: float | None = 5) -> int:
    async with rpc.channel(str(settings.bind), settings) as channel:
        stub = pb_grpc.EmbeddingServiceStub(channel)
        with rpc.calling("embedder"):
            answer = await stub.Embed(pb.EmbedRequest(model=model), timeout=timeout)
        return answer.prompt_tokens


async def test_an_api_error_comes_back_as_itself(
    settings: ServiceSettings, servicer: Servicer
) -> None:
    assert await _embed(settings, "fine") == 7
    with pytest.raises(errors.NotFound) as caught:
        await _embed(settings, "missing")
    assert (caught.value.message, caught.value.param) == ("No model `x`.", "model")
    assert caught.value.code == "model_not_found"


async def test_a_bug_tells_the_caller_nothing(
    settings: ServiceSettings, servicer: Servicer
) -> None:
    with pytest.raises(errors.Internal) as caught:
        await _embed(settings, "bug")
    assert "canary" not in repr(caught.value.__cause__) + caught.value.message


async def test_a_stranger_is_refused(settings: ServiceSettings, servicer: Servicer) -> None:
    stranger = settings.model_copy(
        update={"service_token": ServiceSettings.model_validate(
            {**settings.model_dump(), "bind": settings.bind, "health_bind": settings.bind,
             "service_token": "wrong"}).service_token}
    )  # fmt: skip
    with pytest.raises(errors.Internal):
        await _embed(stranger, "fine")
    assert servicer.seen == {}


async def test_no_answer_in_time_and_no_server_are_unavailable(
    settings: ServiceSettings, servicer: Servicer
) -> None:
    with pytest.raises(errors.Unavailable, match="Try again"):
        await _embed(settings, "slow", timeout=0.2)
    nobody = settings.model_copy(update={"bind": HostPort("127.0.0.1", free_port())})
    with pytest.raises(errors.Unavailable, match="embedder"):
        await _embed(nobody, "fine")


async def test_request_id_and_trace_arrive(settings: ServiceSettings, servicer: Servicer) -> None:
    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
    token = logs.request_id.set("req_1")
    try:
        with tracing.span("edge") as span:
            await _embed(settings, "fine")
    finally:
        logs.request_id.reset(token)
    assert servicer.seen["request_id"] == "req_1"
    assert f"{span.get_span_context().trace_id:032x}" in servicer.seen["traceparent"]


async def test_health_is_open_and_reflection_is_not(
    settings: ServiceSettings, servicer: Servicer
) -> None:
    async with grpc.aio.insecure_channel(str(settings.bind)) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")

        async def ask(token: str) -> list[str]:
            call = reflection.ServerReflectionInfo(
                iter([request]), timeout=5, metadata=(("authorization", f"Bearer {token}"),)
            )
            return [s.name async for a in call for s in a.list_services_response.service]

        assert NAME in await ask("right")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask("wrong")
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
