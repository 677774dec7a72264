"""The Litestar application: controllers, what they are given, and error answers put together.

Knows the framework. Does not know which controllers there are: `fleet.py` and `router.py` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.http.envelope import Envelope
from argosy.gateway.http.failures import HANDLERS
from argosy.gateway.http.identity import identities
from argosy.kit.clock import Clock
from litestar import Controller, Litestar
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

    `given` holds what handlers ask for by name, beside who sends the request.
    """

    dependencies = {name: Provide(tell) for name, tell in identities(authenticator).items()}
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
