"""Builds the data plane: engines, placement, routing, admission and the lane on top of them.

The one part of the wiring that both of the gateway's composition roots share: `app.py` for a fleet,
`standalone/app.py` for the router alone. Does not know where keys, models and pools come from.
"""

from __future__ import annotations

import gc
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from argosy.gateway import compiled
from argosy.gateway.access.cells import Cells
from argosy.gateway.access.keys import Authenticator
from argosy.gateway.access.limits import Limits
from argosy.gateway.access.local_cells import LocalCells
from argosy.gateway.access.prices import Prices
from argosy.gateway.admission.permits import Admission, AdmissionLimits
from argosy.gateway.catalog import Catalog
from argosy.gateway.engines.ejection import EjectionPolicy
from argosy.gateway.engines.fleet import Fleet, ProbeTimes
from argosy.gateway.lane.asgi import ASGIApp
from argosy.gateway.lane.dispatch.dispatcher import Dispatcher, Timeouts
from argosy.gateway.lane.dispatch.salt import CacheSalts, derived_secret
from argosy.gateway.lane.drain import Drain
from argosy.gateway.lane.lane import Lane
from argosy.gateway.lane.media.door import MediaDoor, MediaLimits
from argosy.gateway.lane.media.fetch import Fetcher, listed
from argosy.gateway.lane.metrics import LaneMetrics
from argosy.gateway.lane.rooms import LaneLimits, Models, Recorder, Rooms
from argosy.gateway.lane.sampling import Sampler
from argosy.gateway.lane.storing import Keep
from argosy.gateway.metering.journal import Journal
from argosy.gateway.placement.adapters import Placement, PlacementLimits
from argosy.gateway.placement.states import ModelStates
from argosy.gateway.placement.upkeep import Upkeep
from argosy.gateway.routing.router import default_router
from argosy.kit import http
from argosy.kit.lifecycle import Runtime

if TYPE_CHECKING:
    from argosy.gateway.settings import TrafficSettings

_log = logging.getLogger(__name__)

SettingsT = TypeVar("SettingsT", bound="TrafficSettings")

# A turn may take milliseconds under load, and a flood begins with hundreds of connections.
_ACCEPTS: Final = 16
# Longer than clients keep an idle connection, so that they close it and not we under a request.
_KEEP_ALIVE_SECONDS: Final = 75


@dataclass(frozen=True, slots=True)
class Plane:
    """What carries completions. The probes of `fleet` are under way."""

    catalog: Catalog
    fleet: Fleet
    placement: Placement
    dispatcher: Dispatcher
    admission: Admission
    rates: Limits
    states: ModelStates


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
            settings.adapters_per_replica,
            settings.adapter_load_timeout_seconds,
            wait_seconds=settings.queue_timeout_seconds,
            batch=settings.replica_batch,
        ),
        clock=runtime.clock,
    )
    runtime.resources.push_async_callback(placement.close)
    catalog.on_pools_changed(lambda: fleet.sync(catalog.pools()))
    catalog.on_model_removed(placement.forget_soon)
    upkeep = Upkeep(placement, clock)
    catalog.on_model_learned(upkeep.learned)
    catalog.on_model_removed(upkeep.removed)
    runtime.background(fleet.run(), "engine probes")
    runtime.background(upkeep.run(), "adapters brought ahead")
    dispatcher = Dispatcher(
        fleet,
        placement,
        default_router(random.Random()),  # noqa: S311 - spreads load, hides nothing
        metrics=metrics,
        timeouts=_timeouts(settings),
    )
    admission = Admission(
        clock=clock,
        metrics=metrics,
        limits=AdmissionLimits(
            settings.pool_concurrency, settings.pool_queue, settings.queue_timeout_seconds
        ),
    )
    catalog.on_pools_changed(lambda: admission.sync(catalog.pools()))
    path = settings.limits_file
    cells = LocalCells(clock) if path is None else Cells(clock, path)
    runtime.resources.callback(cells.close)
    rates = Limits(cells, Prices(catalog), clock=clock, metrics=metrics)
    states = ModelStates(fleet, placement)
    return Plane(catalog, fleet, placement, dispatcher, admission, rates, states)


async def serve_lane(
    runtime: Runtime[SettingsT],
    plane: Plane,
    ordinary: ASGIApp,
    *,
    authenticator: Authenticator,
    models: Models,
    meter: Recorder,
    pepper: bytes,
    shared_port: bool = False,
    keep: Keep | None = None,
    journal: Journal | None = None,
) -> None:
    """Open the public port; `ordinary` gets what is not the lane's. Drains at the stop.

    `pepper` is the secret of keys, from which others can be made. With `shared_port` other workers
    serve the same port. `keep` takes completions that are to be stored, `journal` knows what
    is with engines.
    """
    settings, metrics = runtime.settings, runtime.metrics
    rooms = Rooms(
        authenticator=authenticator,
        models=models,
        rates=plane.rates,
        admission=plane.admission,
        dispatcher=plane.dispatcher,
        meter=meter,
        metrics=LaneMetrics(metrics),
        clock=runtime.clock,
        limits=LaneLimits(settings.max_body_bytes, settings.body_timeout_seconds),
        timeouts=_timeouts(settings),
        # Spans that nobody receives are not made.
        sampler=Sampler(settings.trace_sample_ratio if settings.otlp_endpoint else None),
        salts=CacheSalts(
            settings.cache_salt_secret.get_secret_value().encode() or derived_secret(pepper)
        ),
        access_log=settings.access_log,
        keep=keep,
        media=_media(settings),
        journal=journal,
    )
    drain = Drain()
    lane = Lane(ordinary, rooms, drain)
    _log.info("lane", extra={"compiled": compiled.in_use()})
    runtime.on_stop(lambda: drain.drain(settings.drain_grace_seconds))
    plane.catalog.on_key_removed(drain.revoke)
    # What the start has made stays. A collection that walked it would hold up every stream for some
    # 90 ms; so it looks at what came since.
    gc.collect()
    gc.freeze()
    await runtime.enter(
        http.serving(
            lane,
            settings.bind,
            shared=shared_port,
            accepts=_ACCEPTS,
            http=lane.protocol,
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
    )


def _media(settings: TrafficSettings) -> MediaDoor:
    hosts, networks = listed(settings.media_hosts), listed(settings.media_networks)
    return MediaDoor(
        MediaLimits(settings.max_media, settings.max_media_bytes),
        Fetcher(hosts, networks, timeout=settings.media_timeout_seconds) if hosts else None,
    )


def _timeouts(settings: TrafficSettings) -> Timeouts:
    return Timeouts(
        settings.first_byte_timeout_seconds,
        settings.answer_timeout_seconds,
        settings.token_timeout_seconds,
        settings.request_timeout_seconds,
    )
