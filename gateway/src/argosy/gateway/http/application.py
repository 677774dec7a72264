"""The Litestar application: controllers, what they are given, and error answers put together.

Knows the framework. Does not know which controllers there are: `fleet.py` and `router.py` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from argosy.gateway.access.keys import Authenticator, Caller
from argosy.gateway.http import envelope
from argosy.gateway.http.envelope import Envelope
from argosy.gateway.http.failures import HANDLERS
from argosy.kit.clock import Clock
from litestar import Controller, Litestar, Request
from litestar.di import Provide
from prometheus_client import CollectorRegistry


def build(
    controllers: Sequence[type[Controller]],
    given: Mapping[str, Any],
    authenticator: Authenticator,
    *,
    clock: Clock,
    metrics: CollectorRegistry,
) -> Envelope:
    """Return the ASGI application of the controllers' routes.

    `given` holds what handlers ask for by name, beside `caller`: who sends the request.
    """

    def caller(request: Request[Any, Any, Any]) -> Caller:
        sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
        who = authenticator.identify(sent)
        request.scope[envelope.ORGANIZATION] = who.organization_slug  # type: ignore[typeddict-unknown-key]  # ASGI allows extensions
        return who

    dependencies = {"caller": Provide(caller, sync_to_thread=False)}
    for name, value in given.items():
        dependencies[name] = Provide(_constant(value), sync_to_thread=False)
    app = Litestar(
        route_handlers=list(controllers),
        dependencies=dependencies,
        exception_handlers=HANDLERS,
        logging_config=None,
        openapi_config=None,
        # Bodies are read and bounded by BodyReader and UploadForm, whose errors name the limit.
        request_max_body_size=None,
    )
    return Envelope(app, clock=clock, metrics=metrics)


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value
