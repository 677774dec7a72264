"""Builds the data plane: engines, placement, routing, admission and the lane on top of them.

The one part of the wiring that both of the gateway's composition roots share: `app.py` for a fleet,
`standalone/app.py` for the router alone. Does not know where keys, models and pools come from.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, TypeVar

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.admission.permits import Admission, AdmissionLimits
from argosy.gateway.catalog import Catalog
from argosy.gateway.engines.ejection import EjectionPolicy
from argosy.gateway.engines.fleet import Fleet, ProbeTimes
from argosy.gateway.lane.body import ASGIApp
from argosy.gateway.lane.dispatch import Dispatcher, Timeouts
from argosy.gateway.lane.drain import Drain
from argosy.gateway.lane.exchange import LaneLimits, Models, Recorder, Rooms
from argosy.gateway.lane.lane import Lane
from argosy.gateway.lane.metrics import LaneMetrics
from argosy.gateway.placement.adapters import Placement, PlacementLimits
from argosy.gateway.routing.router import default_router
from argosy.gateway.settings import TrafficSettings
from argosy.kit import http
from argosy.kit.lifecycle import Runtime

SettingsT = TypeVar("SettingsT", bound=TrafficSettings)

# Longer than clients keep an idle connection, so that they close it and not we under a request.
_KEEP_ALIVE_SECONDS: Final = 75


@dataclass(frozen=True, slots=True)
class Plane:
    """What carries completions. The probes of `fleet` are under way."""

    fleet: Fleet
    placement: Placement
    dispatcher: Dispatcher


def build_plane(runtime: Runtime[SettingsT], catalog: Catalog) -> Plane:
    """Build everything between a request and its engine; it follows the catalogue's changes."""
    settings, clock, metrics = runtime.settings, runtime.clock, runtime.metrics
    fleet = Fleet(
        clock=clock,
        metrics=metrics,
        times=ProbeTimes(up=settings.probe_seconds),
        ejection=EjectionPolicy(base_seconds=settings.ejection_seconds),
    )
    placement = Placement(
        fleet,
        exists=catalog.has_model,
        metrics=metrics,
        limits=PlacementLimits(
            settings.adapters_per_replica, settings.adapter_load_timeout_seconds
        ),
    )
    runtime.resources.push_async_callback(placement.close)
    catalog.on_pools_changed(lambda: fleet.sync(catalog.pools()))
    catalog.on_model_removed(placement.forget_soon)
    runtime.background(fleet.run(), "engine probes")
    dispatcher = Dispatcher(
        fleet,
        placement,
        default_router(random.Random()),  # noqa: S311 - spreads load, hides nothing
        metrics=metrics,
        timeouts=_timeouts(settings),
    )
    return Plane(fleet, placement, dispatcher)


async def serve_lane(
    runtime: Runtime[SettingsT],
    plane: Plane,
    ordinary: ASGIApp,
    *,
    authenticator: Authenticator,
    models: Models,
    meter: Recorder,
    shared_port: bool = False,
) -> None:
    """Open the public port; `ordinary` gets what is not the lane's. Drains at the stop.

    With `shared_port` other workers serve the same port.
    """
    settings, metrics = runtime.settings, runtime.metrics
    rooms = Rooms(
        authenticator=authenticator,
        models=models,
        admission=Admission(
            metrics=metrics,
            limits=AdmissionLimits(
                settings.pool_concurrency, settings.pool_queue, settings.queue_timeout_seconds
            ),
        ),
        dispatcher=plane.dispatcher,
        meter=meter,
        metrics=LaneMetrics(metrics),
        clock=runtime.clock,
        limits=LaneLimits(settings.max_body_bytes, settings.body_timeout_seconds),
        timeouts=_timeouts(settings),
    )
    drain = Drain()
    runtime.on_stop(lambda: drain.drain(settings.drain_grace_seconds))
    await runtime.enter(
        http.serving(
            Lane(ordinary, rooms, drain),
            settings.bind,
            shared=shared_port,
            http="httptools",
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
    )


def _timeouts(settings: TrafficSettings) -> Timeouts:
    return Timeouts(
        settings.first_byte_timeout_seconds,
        settings.token_timeout_seconds,
        settings.request_timeout_seconds,
    )
