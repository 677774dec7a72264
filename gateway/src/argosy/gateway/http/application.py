"""The Litestar application: routes, dependencies and error answers put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from argosy.gateway.access.keys import Authenticator, Caller
from argosy.gateway.http import envelope
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.embeddings import EmbeddingsController
from argosy.gateway.http.envelope import Envelope
from argosy.gateway.http.failures import HANDLERS
from argosy.gateway.http.files import FilesController, UploadLimits
from argosy.gateway.http.fine_tuning import FineTuningController
from argosy.gateway.http.models import ModelsController
from argosy.gateway.http.ports import Models, RecordUsage
from argosy.gateway.upstream.embedding import EmbeddingClient
from argosy.gateway.upstream.files import FilesClient
from argosy.gateway.upstream.models import ModelsClient
from argosy.gateway.upstream.tuning import TuningClient
from argosy.kit.clock import Clock
from litestar import Litestar, Request
from litestar.di import Provide
from prometheus_client import CollectorRegistry


@dataclass(frozen=True, slots=True)
class Resources:
    """What the controllers work with, by the names under which they ask for it."""

    body_reader: BodyReader
    clock: Clock
    embedding: EmbeddingClient
    files: FilesClient
    models: Models
    record_usage: RecordUsage
    registry_models: ModelsClient
    tuning: TuningClient
    upload_limits: UploadLimits


def build(
    resources: Resources, authenticator: Authenticator, metrics: CollectorRegistry
) -> Envelope:
    """Return the ASGI application of every route but the lane's."""

    def caller(request: Request[Any, Any, Any]) -> Caller:
        sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
        who = authenticator.identify(sent)
        request.scope[envelope.ORGANIZATION] = who.organization_slug  # type: ignore[typeddict-unknown-key]  # ASGI allows extensions
        return who

    dependencies = {"caller": Provide(caller, sync_to_thread=False)}
    for name in Resources.__dataclass_fields__:
        dependencies[name] = Provide(_constant(getattr(resources, name)), sync_to_thread=False)
    app = Litestar(
        route_handlers=[
            EmbeddingsController,
            FilesController,
            FineTuningController,
            ModelsController,
        ],
        dependencies=dependencies,
        exception_handlers=HANDLERS,
        logging_config=None,
        openapi_config=None,
        # Bodies are read and bounded by BodyReader and UploadForm, whose errors name the limit.
        request_max_body_size=None,
    )
    return Envelope(app, clock=resources.clock, metrics=metrics)


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value
