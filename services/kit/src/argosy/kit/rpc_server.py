"""gRPC from the server's side: who may call, which trace, and how errors leave.

Also offers the standard health service and reflection. Knows no service.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import grpc
from argosy.kit import errors, logs, tracing
from argosy.kit.health import Health
from argosy.kit.rpc import AUTHORIZATION, ERROR_TRAILER, REQUEST_ID, TRACEPARENT
from argosy.kit.settings import ServiceSettings
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.trace import SpanKind

_log = logging.getLogger(__name__)

_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The callers' keepalive is ours: do not take it for abuse.
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.so_reuseport", 0),
)
_GRACE: Final = 3.0
# How long a client may go on sending after it was answered.
_DRAIN: Final = 10.0
_HEALTH_PERIOD: Final = 1.0
# Probes carry no token; what they learn is one bit.
_OPEN: Final = "/grpc.health.v1.Health/"


@contextlib.asynccontextmanager
async def serving(
    settings: ServiceSettings,
    state: Health,
    register: Callable[[grpc.aio.Server], None],
    names: Sequence[str],
) -> AsyncIterator[grpc.aio.Server]:
    """Serve on `settings.bind` for the time of the block.

    `register` adds the servicers; `names` are their full names, for health and reflection.
    Raises OSError if the address is taken.
    """
    server = grpc.aio.server(
        interceptors=[Guard(settings.service_token.get_secret_value())], options=_OPTIONS
    )
    register(server)
    probe = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(probe, server)
    reflection.enable_server_reflection(
        [*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server
    )
    _bind(server, settings)
    await server.start()
    watching = asyncio.create_task(_mirror(state, probe, ["", *names]), name="grpc health")
    try:
        yield server
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await probe.enter_graceful_shutdown()
        await server.stop(_GRACE)


def _bind(server: grpc.aio.Server, settings: ServiceSettings) -> None:
    address = str(settings.bind)
    if settings.tls_cert_file and settings.tls_key_file and settings.tls_ca_file:
        credentials = grpc.ssl_server_credentials(
            [(settings.tls_key_file.read_bytes(), settings.tls_cert_file.read_bytes())],
            root_certificates=settings.tls_ca_file.read_bytes(),
            require_client_auth=True,
        )
        server.add_secure_port(address, credentials)
    else:
        server.add_insecure_port(address)


async def _mirror(state: Health, probe: Any, names: Sequence[str]) -> None:
    """Keep the gRPC health service saying what `/readyz` says."""
    while True:
        missing = await state.report()
        status = (
            health_pb2.HealthCheckResponse.NOT_SERVING
            if missing
            else health_pb2.HealthCheckResponse.SERVING
        )
        for name in names:
            await probe.set(name, status)
        await asyncio.sleep(_HEALTH_PERIOD)


class Guard(grpc.aio.ServerInterceptor):
    """Checks the caller's token, opens the span, and turns exceptions into statuses."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or method.startswith(_OPEN):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        given = metadata.get(AUTHORIZATION, "")
        allowed = hmac.compare_digest(str(given).encode(), self._expected)
        return _wrap(handler, _Around(method, metadata, allowed))


class _Around:
    """What happens around one call, whatever its shape."""

    def __init__(self, method: str, metadata: dict[str, Any], allowed: bool) -> None:
        self._method = method
        self._metadata = metadata
        self._allowed = allowed

    @contextlib.asynccontextmanager
    async def __call__(self, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        if not self._allowed:
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "This service talks to Argosy's own processes: show ARGOSY_SERVICE_TOKEN.",
            )
        token = logs.request_id.set(str(self._metadata.get(REQUEST_ID, "")))
        try:
            with tracing.span(
                self._method.lstrip("/"),
                kind=SpanKind.SERVER,
                parent=str(self._metadata.get(TRACEPARENT, "")),
            ):
                yield
        except errors.ApiError as error:
            await context.abort(
                grpc.StatusCode[error.grpc_status],
                error.message,
                ((ERROR_TRAILER, errors.to_proto(error).SerializeToString()),),
            )
        except (grpc.aio.AbortError, grpc.aio.BaseError):
            raise
        except Exception:  # noqa: BLE001
            # The edge of the process: the caller learns nothing but that it failed.
            _log.exception("call of %s failed", self._method)
            await context.abort(grpc.StatusCode.INTERNAL, "Internal error.")
        finally:
            logs.request_id.reset(token)


async def _answer_to_stream(inner: Any, request: Any, context: Any) -> Any:
    """Answer a stream of requests without ending the call under its sender.

    A call that ends while its client writes reaches that client as an internal error, its status
    lost (grpc.aio, 5 % of the cases measured). So an answer before the end waits until the client
    has stopped; a refusal goes ahead in the initial metadata, for the client to stop by.
    """
    try:
        answer = await inner(request, context)
    except errors.ApiError as error:
        await context.send_initial_metadata(
            ((ERROR_TRAILER, errors.to_proto(error).SerializeToString()),)
        )
        await _drain(request)
        raise
    await _drain(request)
    return answer


async def _drain(request: Any) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN):
            async for _ in request:
                pass


def _wrap(handler: Any, around: _Around) -> Any:
    codec = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.response_streaming:
        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            async with around(context):
                async for answer in inner(request, context):
                    yield answer

        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        return make(streaming, **codec)
    inner = handler.stream_unary if handler.request_streaming else handler.unary_unary

    async def single(request: Any, context: Any) -> Any:
        async with around(context):
            if not handler.request_streaming:
                return await inner(request, context)
            return await _answer_to_stream(inner, request, context)

    make_single = (
        grpc.stream_unary_rpc_method_handler
        if handler.request_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make_single(single, **codec)
