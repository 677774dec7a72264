"""What every answer of the ordinary API carries, and what is noted about every request.

Knows headers, one log line, one span and one counter a request. Does not know routes.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from argosy.api import ids
from argosy.gateway.errors import render
from argosy.gateway.lane.asgi import Message, Receive, Scope, Send
from argosy.kit import logs, tracing
from argosy.kit.clock import Clock
from argosy.kit.errors import NotFound
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, Histogram

_log = logging.getLogger(__name__)

# OpenAI's date of the API; clients compare it with what they were written for.
API_VERSION: Final = "2020-10-01"
# Set in the scope once the key is known.
ORGANIZATION: Final = "argosy.organization"

# Every id fits into this; the framework remembers paths, so their size must be bounded.
LONGEST_PATH: Final = 1024

_METHODS: Final = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"})
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)


class Envelope:
    """An ASGI layer around the Litestar application."""

    def __init__(
        self,
        app: Callable[[Any, Any, Any], Awaitable[None]],
        *,
        clock: Clock,
        metrics: CollectorRegistry,
    ) -> None:
        self._app = app
        self._clock = clock
        self._seconds = Histogram(
            "argosy_gateway_http_request_seconds",
            "Time from a request's head to the end of its answer, on all routes but the lane's.",
            ["method", "route", "status"],
            registry=metrics,
            buckets=_BUCKETS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id = ids.new_id(ids.REQUEST, 32)
        begun = self._clock.monotonic()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                elapsed = round((self._clock.monotonic() - begun) * 1000)
                extra = [
                    (b"x-request-id", request_id.encode()),
                    (b"openai-processing-ms", b"%d" % elapsed),
                    (b"openai-version", API_VERSION.encode()),
                ]
                if organization := _text(scope, ORGANIZATION):
                    extra.append((b"openai-organization", organization.encode()))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        token = logs.request_id.set(request_id)
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        try:
            with tracing.span("http", kind=SpanKind.SERVER, parent=parent) as span:
                try:
                    if len(scope["path"]) > LONGEST_PATH:
                        await _refuse_path(scope["method"], send_with_headers)
                    else:
                        await self._app(scope, receive, send_with_headers)
                finally:
                    route = _text(scope, "path_template") or "unknown"
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.response.status_code", status)
                    self._note(scope["method"], route, status, self._clock.monotonic() - begun)
        finally:
            logs.request_id.reset(token)

    def _note(self, method: str, route: str, status: int, seconds: float) -> None:
        known = method if method in _METHODS else "other"
        self._seconds.labels(known, route, str(status)).observe(seconds)
        _log.info(
            "request",
            extra={
                "method": known,
                "route": route,
                "status": status,
                "duration_ms": round(seconds * 1000, 1),
            },
        )


async def _refuse_path(method: str, send: Send) -> None:
    refusal = render(NotFound(f"Invalid URL ({method}): longer than {LONGEST_PATH} characters."))
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": refusal.headers,
        }
    )
    await send({"type": "http.response.body", "body": refusal.body, "more_body": False})


def _text(scope: Scope, name: str) -> str:
    value = scope.get(name)
    return value if isinstance(value, str) else ""
