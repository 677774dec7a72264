"""gRPC from the caller's side: identity, deadline, trace, and errors that come back as errors.

Knows transport. Does not know any service. A call is written

    with calling("registry"):
        answer = await stub.GetFile(request, timeout=5)

and raises the same `ApiError` that the other side raised, or `Unavailable` if there was no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc
from argosy.api.common.v1 import common_pb2
from argosy.kit import errors, logs, tracing
from argosy.kit.settings import ServiceSettings
from grpc.aio import ClientCallDetails, Metadata

AUTHORIZATION: Final = "authorization"
REQUEST_ID: Final = "x-request-id"
TRACEPARENT: Final = "traceparent"
ERROR_TRAILER: Final = "argosy-error-bin"

# A deadline for a call whose author forgot one. Streams have none: they end with the caller.
_DEFAULT_TIMEOUT: Final = 10.0

Continuation = Callable[[ClientCallDetails, Any], Any]

# Keepalive finds a half-open connection within 8 s. The ping's own timeout must be set too: it is
# 60 s by default, and keepalive waits for it.
_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
    # The largest answer: 2048 vectors of 512 float32, 4 MiB and a little.
    ("grpc.max_receive_message_length", 8 << 20),
)


def channel(target: str, settings: ServiceSettings) -> grpc.aio.Channel:
    """Return a channel to `host:port` that shows this process's identity on each call.

    Mutual TLS if the settings name certificates, else the shared token over plain TCP. The caller
    closes it.
    """
    token = settings.service_token.get_secret_value()
    interceptors = _interceptors(token)
    if settings.tls_cert_file and settings.tls_key_file and settings.tls_ca_file:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=settings.tls_ca_file.read_bytes(),
            private_key=settings.tls_key_file.read_bytes(),
            certificate_chain=settings.tls_cert_file.read_bytes(),
        )
        return grpc.aio.secure_channel(
            target, credentials, options=_OPTIONS, interceptors=interceptors
        )
    return grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=interceptors)


@contextlib.contextmanager
def calling(service: str) -> Iterator[None]:
    """Turn a failed call in the block into the `ApiError` it stands for."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise translate(service, error) from error


def translate(service: str, error: grpc.aio.AioRpcError) -> errors.ApiError:
    """Return the error that `service` sent, or `Unavailable` if it sent none."""
    for key, value in error.trailing_metadata() or ():
        if key == ERROR_TRAILER and isinstance(value, bytes):
            return errors.from_proto(common_pb2.ApiError.FromString(value))
    if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
        return errors.Unavailable(
            f"The {service} service does not answer right now. Try again in a few seconds.",
            code="service_unavailable",
        )
    return errors.Internal(f"The {service} service failed to answer this request.")


async def early_refusal(call: Any) -> errors.ApiError | None:
    """Wait for the first word of a call that is still sending; return the refusal, if it is one.

    A client that streams a request watches this beside its writes (see `rpc_server`).
    """
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        for key, value in await call.initial_metadata():
            if key == ERROR_TRAILER and isinstance(value, bytes):
                return errors.from_proto(common_pb2.ApiError.FromString(value))
    return None


def _interceptors(token: str) -> list[grpc.aio.ClientInterceptor]:
    def decorated(details: ClientCallDetails, timeout: float | None) -> ClientCallDetails:
        metadata = Metadata(*(details.metadata or ()))
        metadata.add(AUTHORIZATION, f"Bearer {token}")
        if parent := tracing.traceparent():
            metadata.add(TRACEPARENT, parent)
        if request_id := logs.request_id.get():
            metadata.add(REQUEST_ID, request_id)
        return ClientCallDetails(
            method=details.method,
            timeout=details.timeout if details.timeout is not None else timeout,
            metadata=metadata,
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )

    class UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(
            self, continuation: Continuation, client_call_details: ClientCallDetails, request: Any
        ) -> Any:
            return await continuation(decorated(client_call_details, _DEFAULT_TIMEOUT), request)

    class UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
        async def intercept_unary_stream(
            self, continuation: Continuation, client_call_details: ClientCallDetails, request: Any
        ) -> Any:
            return await continuation(decorated(client_call_details, None), request)

    class StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
        async def intercept_stream_unary(
            self,
            continuation: Continuation,
            client_call_details: ClientCallDetails,
            request_iterator: Any,
        ) -> Any:
            return await continuation(decorated(client_call_details, None), request_iterator)

    return [UnaryUnary(), UnaryStream(), StreamUnary()]
