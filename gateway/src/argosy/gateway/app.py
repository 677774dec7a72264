"""The gateway's composition root: the only place that builds adapters and wires the rooms."""

from __future__ import annotations

import random
from typing import Final

from argosy.gateway.access.keys import Authenticator
from argosy.gateway.admission.permits import Admission, AdmissionLimits
from argosy.gateway.catalog import Catalog
from argosy.gateway.engines.ejection import EjectionPolicy
from argosy.gateway.engines.fleet import Fleet, ProbeTimes
from argosy.gateway.http.application import Resources, build
from argosy.gateway.http.body import BodyReader
from argosy.gateway.http.files import UploadLimits
from argosy.gateway.lane.dispatch import Dispatcher, Timeouts
from argosy.gateway.lane.drain import Drain
from argosy.gateway.lane.exchange import LaneLimits, Rooms
from argosy.gateway.lane.lane import Lane
from argosy.gateway.lane.metrics import LaneMetrics
from argosy.gateway.metering.meter import Meter
from argosy.gateway.metering.spool import Spool
from argosy.gateway.placement.adapters import Placement, PlacementLimits
from argosy.gateway.routing.router import default_router
from argosy.gateway.settings import GatewaySettings
from argosy.gateway.upstream.embedding import EmbeddingClient
from argosy.gateway.upstream.files import FilesClient
from argosy.gateway.upstream.model_directory import ModelDirectory
from argosy.gateway.upstream.model_lookup import ModelLookup
from argosy.gateway.upstream.models import ModelsClient
from argosy.gateway.upstream.snapshot import SnapshotWatch
from argosy.gateway.upstream.tuning import TuningClient
from argosy.kit import http, rpc
from argosy.kit.bus import Bus
from argosy.kit.lifecycle import Runtime

# Longer than clients keep an idle connection, so that they close it and not we under a request.
_KEEP_ALIVE_SECONDS: Final = 75
# Usage that the bus does not take within this stays in the spool for the next start.
_FLUSH_SECONDS: Final = 2.0


async def compose(runtime: Runtime[GatewaySettings]) -> None:
    """Build the process: memory and its feed, the engines, then the two ways in."""
    settings, clock, metrics = runtime.settings, runtime.clock, runtime.metrics
    registry = await runtime.enter(rpc.channel(str(settings.registry_url), settings))
    trainer = await runtime.enter(rpc.channel(str(settings.trainer_url), settings))
    embedder = await runtime.enter(rpc.channel(str(settings.embedder_url), settings))

    catalog = Catalog()
    watch = SnapshotWatch(registry, catalog, clock=clock, metrics=metrics)
    pepper = settings.key_pepper.get_secret_value().encode()
    authenticator = Authenticator(catalog, pepper, lambda: not watch.degraded)

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
    registry_models = ModelsClient(registry)
    models = ModelDirectory(
        catalog, ModelLookup(registry_models, catalog.learn, clock), placement.forget
    )

    bus = await runtime.enter(Bus.open(settings))
    spool = runtime.resources.enter_context(
        Spool(settings.spool_dir, max_bytes=settings.spool_max_bytes)
    )
    meter = Meter(spool, bus, clock=clock, metrics=metrics)

    ordinary = build(
        Resources(
            body_reader=BodyReader(
                limit=settings.max_body_bytes, timeout=settings.body_timeout_seconds
            ),
            clock=clock,
            embedding=EmbeddingClient(embedder, timeout=settings.embed_timeout_seconds),
            files=FilesClient(registry),
            models=models,
            record_usage=meter.record,
            registry_models=registry_models,
            tuning=TuningClient(trainer),
            upload_limits=UploadLimits(
                settings.max_upload_bytes, settings.upload_idle_seconds, settings.spool_dir
            ),
        ),
        authenticator,
        metrics,
    )
    timeouts = Timeouts(
        settings.first_byte_timeout_seconds,
        settings.token_timeout_seconds,
        settings.request_timeout_seconds,
    )
    rooms = Rooms(
        authenticator=authenticator,
        models=models,
        admission=Admission(metrics=metrics, limits=_admission_limits(settings)),
        dispatcher=Dispatcher(
            fleet,
            placement,
            default_router(random.Random()),  # noqa: S311 - spreads load, hides nothing
            metrics=metrics,
            timeouts=timeouts,
        ),
        meter=meter,
        metrics=LaneMetrics(metrics),
        clock=clock,
        limits=LaneLimits(settings.max_body_bytes, settings.body_timeout_seconds),
        timeouts=timeouts,
    )
    drain = Drain()

    async def stop() -> None:
        await drain.drain(settings.drain_grace_seconds)
        await meter.flush(_FLUSH_SECONDS)

    runtime.on_stop(stop)
    runtime.health.check("catalogue", watch.ready)
    runtime.background(fleet.run(), "engine probes")
    runtime.background(watch.run(), "catalogue watch")
    runtime.background(meter.run(), "usage drain")
    await runtime.enter(
        http.serving(
            Lane(ordinary, rooms, drain),
            settings.bind,
            http="httptools",
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
    )


def _admission_limits(settings: GatewaySettings) -> AdmissionLimits:
    return AdmissionLimits(
        settings.pool_concurrency, settings.pool_queue, settings.queue_timeout_seconds
    )
