"""One request from its head to its record: who, what, now or later, which engine, the answer.

Each step is another room's; this file is their order and what happens when one fails. However a
request ends, its permit is given back, its engine is let go and it is recorded once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from argosy.api import ids
from argosy.api.registry.v1.registry_pb2 import MODEL_KIND_EMBEDDING, Model
from argosy.gateway.access.keys import Authenticator, Caller
from argosy.gateway.admission.permits import Admission
from argosy.gateway.errors import (
    ClientDisconnected,
    Outcome,
    UpstreamTimeout,
    error_body,
    outcome,
    render,
)
from argosy.gateway.lane.body import Receive, Scope, Send, read_body
from argosy.gateway.lane.checks import wrong_value
from argosy.gateway.lane.dispatch import Dispatcher, Timeouts
from argosy.gateway.lane.drain import Active
from argosy.gateway.lane.metrics import LaneMetrics
from argosy.gateway.lane.relay import Delivered, relay_stream, relay_whole
from argosy.gateway.lane.request import CompletionRequest, Operation, parse
from argosy.gateway.metering.usage import Usage
from argosy.kit import logs, tracing
from argosy.kit.clock import Clock
from argosy.kit.errors import ApiError, Internal, InvalidRequest
from opentelemetry.trace import Span, SpanKind

_log = logging.getLogger(__name__)

# A client that does not even take an error is not waited for.
_LAST_WORD_SECONDS: Final = 1.0


def new_request_id() -> str:
    """Return an id for a request; the form of `argosy.api.ids`, made in a microsecond."""
    return ids.REQUEST + secrets.token_hex(16)


class Recorder(Protocol):
    """Where usage is noted."""

    def record(self, usage: Usage) -> None:
        """Take note of a request that has ended, however it ended. Must not wait."""


class Models(Protocol):
    """Where names are looked up."""

    async def find(self, project_id: str, name: str) -> Model:
        """Return the model; raises NotFound, also for another project's."""


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Bytes and seconds of what a client sends."""

    max_body_bytes: int = 4 * 1024 * 1024
    body_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a request passes through, in this order."""

    authenticator: Authenticator
    models: Models
    admission: Admission
    dispatcher: Dispatcher
    meter: Recorder
    metrics: LaneMetrics
    clock: Clock
    limits: LaneLimits
    timeouts: Timeouts


class Exchange:
    """One request of the lane."""

    def __init__(self, rooms: Rooms, operation: Operation, active: Active) -> None:
        self._rooms = rooms
        self._operation = operation
        self._active = active
        self._begun = rooms.clock.monotonic()
        self._request_id = new_request_id()
        self._caller: Caller | None = None
        self._model: Model | None = None
        self._request: CompletionRequest | None = None
        self._delivered = Delivered()

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request. Raises nothing but a cancellation that is not its own."""
        token = logs.request_id.set(self._request_id)
        self._rooms.metrics.in_flight.inc()
        parent = next((v for n, v in scope["headers"] if n == b"traceparent"), b"")
        ended = Outcome.INTERNAL
        try:
            with tracing.span(
                f"POST {scope['path']}", kind=SpanKind.SERVER, parent=parent.decode("latin-1")
            ) as span:
                try:
                    ended = await self._answer(scope["headers"], receive, send)
                finally:
                    self._note(ended, span)
        finally:
            self._rooms.metrics.in_flight.dec()
            logs.request_id.reset(token)

    async def _answer(
        self, headers: Sequence[tuple[bytes, bytes]], receive: Receive, send: Send
    ) -> Outcome:
        try:
            with self._active.interruptible():
                await self._work(headers, receive, send)
        except ApiError as error:
            await self._fail(error, send)
            return outcome(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            _log.error("request failed", exc_info=error)
            await self._fail(Internal("The server had an error. Try again."), send)
            return Outcome.INTERNAL
        return Outcome.OK

    async def _work(
        self, headers: Sequence[tuple[bytes, bytes]], receive: Receive, send: Send
    ) -> None:
        rooms = self._rooms
        self._caller = rooms.authenticator.identify(
            [value for name, value in headers if name == b"authorization"]
        )
        body = await read_body(
            headers,
            receive,
            limit=rooms.limits.max_body_bytes,
            seconds=rooms.limits.body_seconds,
        )
        request = self._request = parse(self._operation, body)
        async with self._watched(receive):
            model = await rooms.models.find(self._caller.project_id, request.model)
            _check_model(model, request)
            self._model = model
            async with rooms.admission.permit(model.pool):
                await self._relay(model, request, send)

    async def _relay(self, model: Model, request: CompletionRequest, send: Send) -> None:
        rooms = self._rooms
        upstream = [
            (b"content-type", b"application/json"),
            (b"x-request-id", self._request_id.encode()),
        ]
        if traceparent := tracing.traceparent():
            upstream.append((b"traceparent", traceparent.encode()))
        answer = await rooms.dispatcher.open(model, request, upstream)
        try:
            if request.stream:
                await relay_stream(
                    answer,
                    send,
                    self._headers(),
                    self._delivered,
                    hide_usage=not request.wants_usage,
                    between_tokens=rooms.timeouts.between_tokens,
                    clock=rooms.clock.monotonic,
                )
            else:
                await relay_whole(answer, send, self._headers(), self._delivered)
        finally:
            answer.close()

    @contextlib.asynccontextmanager
    async def _watched(self, receive: Receive) -> AsyncIterator[None]:
        """Interrupt the block when the client goes away or the whole took too long."""
        timer = asyncio.get_running_loop().call_later(
            self._rooms.timeouts.total, self._active.interrupt, _too_long(self._rooms.timeouts)
        )
        watcher = asyncio.create_task(_await_disconnect(receive, self._active))
        try:
            yield
        finally:
            timer.cancel()
            watcher.cancel()

    def _headers(self) -> list[tuple[bytes, bytes]]:
        elapsed = round((self._rooms.clock.monotonic() - self._begun) * 1000)
        headers = [
            (b"x-request-id", self._request_id.encode()),
            (b"openai-processing-ms", b"%d" % elapsed),
            (b"openai-version", b"2020-10-01"),
        ]
        if self._caller is not None and self._caller.organization_slug:
            headers.append((b"openai-organization", self._caller.organization_slug.encode()))
        return headers

    async def _fail(self, error: ApiError, send: Send) -> None:
        """Tell the client: by a status if nothing was sent yet, else by an event at the end."""
        if isinstance(error, ClientDisconnected):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_SECONDS):
                if self._delivered.started:
                    event = b"data: " + error_body(error) + b"\n\n"
                    await send({"type": "http.response.body", "body": event})
                    return
                status, headers, body = render(error)
                start = [*headers, *self._headers()]
                await send({"type": "http.response.start", "status": status, "headers": start})
                await send({"type": "http.response.body", "body": body})

    def _note(self, ended: Outcome, span: Span) -> None:
        """Record the request: metrics, the ledger, the span and one log line."""
        rooms, model, delivered = self._rooms, self._model, self._delivered
        seconds = rooms.clock.monotonic() - self._begun
        rooms.metrics.ended(self._operation.value, ended, seconds)
        span.set_attribute("argosy.outcome", ended.value)
        fields: dict[str, object] = {
            "operation": self._operation.value,
            "outcome": ended.value,
            "duration_ms": round(seconds * 1000, 1),
        }
        first = 0.0
        if delivered.first_token_at is not None:
            first = delivered.first_token_at - self._begun
            rooms.metrics.first_token(self._operation.value, first)
            fields["first_token_ms"] = round(first * 1000, 1)
        if model is not None and self._caller is not None and self._request is not None:
            usage = self._usage(self._caller, model, self._request, ended, seconds, first)
            rooms.metrics.tokens(
                model.base or model.id, read=usage.input_tokens, written=usage.output_tokens
            )
            span.set_attribute("gen_ai.request.model", model.id)
            fields |= {"model": model.id, "output_tokens": usage.output_tokens}
            rooms.meter.record(usage)
        _log.info("request", extra=fields)

    def _usage(
        self,
        caller: Caller,
        model: Model,
        request: CompletionRequest,
        ended: Outcome,
        seconds: float,
        first: float,
    ) -> Usage:
        """Return what to bill: the engine's count, or what was delivered if it did not tell.

        A request that got nothing costs nothing.
        """
        delivered = self._delivered
        told, chunks = delivered.usage, delivered.chunks
        return Usage(
            project_id=caller.project_id,
            key_id=caller.key_id,
            model=model.id,
            request_id=self._request_id,
            operation=request.operation.value,
            outcome=ended,
            input_tokens=told.prompt_tokens
            if told
            else (request.estimated_input_tokens if chunks else 0),
            output_tokens=told.completion_tokens if told else chunks,
            cached_input_tokens=told.cached_tokens if told else 0,
            estimated=told is None and chunks > 0,
            seconds=seconds,
            first_token_seconds=first,
            traceparent=tracing.traceparent(),
        )


async def _await_disconnect(receive: Receive, active: Active) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    active.interrupt(ClientDisconnected("The client went away."))


def _too_long(timeouts: Timeouts) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"The request took longer than {timeouts.total:g} s, the limit of this server. Ask for "
        "fewer tokens."
    )


def _check_model(model: Model, request: CompletionRequest) -> None:
    """Raise InvalidRequest unless the model can do what is asked."""
    if model.kind == MODEL_KIND_EMBEDDING:
        raise InvalidRequest(
            f"The model {model.id!r} makes embeddings and writes no text. Send the request to "
            "/v1/embeddings, or choose a chat model.",
            param="model",
            code="model_not_supported",
        )
    if not model.servable:
        raise InvalidRequest(
            f"The model {model.id!r} cannot be served here; it can only be tuned. GET /v1/models "
            "tells which are servable.",
            param="model",
            code="model_not_servable",
        )
    if request.max_tokens is not None and 0 < model.context_length < request.max_tokens[1]:
        name, asked = request.max_tokens
        raise wrong_value(
            name,
            f"{asked} is too large. This model's context holds {model.context_length} tokens, "
            "prompt and answer together. Ask for fewer.",
            "integer_above_max_value",
        )
