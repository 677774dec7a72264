"""The ordinary API of the gateway that only routes: which models there are."""

from __future__ import annotations

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.http.application import build
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.embeddings_refused import NoEmbedderController
from argosy.gateway.http.envelope import Envelope
from argosy.gateway.http.explain import ExplainController, Explainer
from argosy.gateway.http.models import ModelsController
from argosy.gateway.http.ports import Models
from argosy.kit.clock import Clock
from prometheus_client import CollectorRegistry


def router_application(
    models: Models,
    explainer: Explainer,
    body_reader: BodyReader,
    authenticator: Authenticator,
    *,
    clock: Clock,
    metrics: CollectorRegistry,
) -> Envelope:
    """Return the ASGI application of every route but the lane's."""
    return build(
        [ExplainController, ModelsController, NoEmbedderController],
        {"models": models, "explainer": explainer, "body_reader": body_reader},
        authenticator,
        clock=clock,
        metrics=metrics,
    )
