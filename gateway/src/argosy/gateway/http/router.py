"""The ordinary API of the gateway that only routes: which models there are."""

from __future__ import annotations

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.http.application import build
from argosy.gateway.http.envelope import Envelope
from argosy.gateway.http.models import ModelsController
from argosy.gateway.http.ports import Models
from argosy.kit.clock import Clock
from prometheus_client import CollectorRegistry


def router_application(
    models: Models, authenticator: Authenticator, *, clock: Clock, metrics: CollectorRegistry
) -> Envelope:
    """Return the ASGI application of every route but the lane's."""
    return build(
        [ModelsController], {"models": models}, authenticator, clock=clock, metrics=metrics
    )
